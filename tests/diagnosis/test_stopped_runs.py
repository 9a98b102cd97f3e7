"""A run that was stopped because its loss was lost is explained like one that ended."""

import pytest
import torch
from few_clothes import draw_few

from dlcore.data import fashion_mnist
from dlcore.diagnosis import diagnose
from dlcore.errors import NotFiniteError
from dlcore.runs import fit


@pytest.mark.outcome
def test_what_stopped_it_is_found_with_a_smaller_rate_to_try(tmp_path, monkeypatch):
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fashion_mnist, "SYSTEM_FOLDER", tmp_path / "absent")
    monkeypatch.setattr(fashion_mnist.FashionMNIST, "prepare_data", lambda self: None)
    monkeypatch.setattr(fashion_mnist, "draw_clothing", draw_few)
    words = ("-c", "mlp_textbook", "--model.hidden_sizes=[99,99,99,99]", "--data.scale=1", "--model.optimizer.lr=9")
    with pytest.raises(NotFiniteError, match="The loss is"):
        fit(*words, "--trainer.accelerator=cpu", "--progress_display=off", "--trainer.log_every_n_steps=1")
    first = diagnose(tmp_path / "lightning_logs" / "mlp_textbook" / "version_0").first
    assert first.name in ("unscaled_input", "learning_rate_too_high", "not_finite")
    assert first.flags
