from pathlib import Path
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dlcore.callbacks import Checkpoint, ParameterDistribution
from dlcore.errors import ArgumentError
from dlcore.models import MLP
from dlcore.tracking.run_logger import RunLogger

WEIGHTS = ["weights/00_linear_1", "weights/02_linear_2", "weights/04_output"]
BIASES = ["biases/01_linear_1", "biases/03_linear_2", "biases/05_output"]
GRADIENTS = [f"gradients/{tag.split('/')[1]}_{tag.split('/')[0]}" for tag in WEIGHTS + BIASES]


def make_model(**settings):
    torch.manual_seed(1)
    settings = {"in_features": 4, "num_classes": 3, "optimizer": lambda p: torch.optim.SGD(p, lr=0.1), **settings}
    return MLP([8, 6], **settings)


@pytest.fixture
def fit(tiny_data, make_trainer, tmp_path):
    """Train in the run's folder `tmp_path`; give what TensorBoard would read, and the callback."""

    def fit(epochs=2, model=None, ckpt_path=None, data=None, folder="run", trainer_settings=None, **settings):
        callback = ParameterDistribution(**settings)
        step = ckpt_path and torch.load(ckpt_path, weights_only=True)["global_step"]
        logger = RunLogger(tmp_path / folder, "recipe", 0, resume_step=step)
        trainer = make_trainer(
            max_epochs=epochs, logger=logger, enable_checkpointing=True, callbacks=[callback, Checkpoint()],
            **(trainer_settings or {}),
        )  # fmt: skip
        trainer.fit(model or make_model(), data or tiny_data(), ckpt_path=ckpt_path, weights_only=True)
        return EventAccumulator(str(tmp_path / folder), size_guidance={"histograms": 0}).Reload(), callback

    return fit


def steps(events, tag):
    return [event.step for event in events.Histograms(tag)]


def test_every_parameter_and_gradient_has_a_histogram(fit, tmp_path):
    events, _ = fit(epochs=3)
    assert sorted(events.Tags()["histograms"]) == sorted(WEIGHTS + BIASES + GRADIENTS)
    for tag in WEIGHTS + BIASES:
        assert steps(events, tag) == [0, 7, 14, 21]
    for tag in GRADIENTS:
        assert steps(events, tag) == [7, 14, 21]  # there are none before the first step
    checkpoint = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    weight = checkpoint["state_dict"]["network.linear_1.weight"]
    histogram = events.Histograms("weights/00_linear_1")[-1].histogram_value
    assert histogram.num == weight.numel()
    assert histogram.sum == pytest.approx(weight.sum().item(), abs=1e-5)
    assert (histogram.min, histogram.max) == pytest.approx((weight.min().item(), weight.max().item()))


def test_gradients_are_those_of_the_last_step(fit):
    model, seen = make_model(), []
    model.on_before_optimizer_step = lambda optimizer: seen.append(model.network.output.weight.grad.norm().item())
    _, callback = fit(epochs=2, model=model)
    norms = [look[2].item() for look in callback.state_dict()["norms"]]
    assert norms[1:] == pytest.approx([seen[6], seen[13]])


def test_gradients_can_be_left_out(fit, tmp_path):
    events, _ = fit(gradients=False)
    assert sorted(events.Tags()["histograms"]) == sorted(WEIGHTS + BIASES)
    assert (tmp_path / "run" / "weights.png").exists()
    assert not (tmp_path / "run" / "gradients.png").exists()


@pytest.mark.parametrize(("every", "expected"), [(1, [0, 7, 14, 21, 28, 35]), (2, [0, 14, 28]), (9, [0])])
def test_looks_at_every_so_many_th_epoch(every, expected, fit):
    events, callback = fit(epochs=5, every_n_epochs=every)
    assert steps(events, "weights/04_output") == callback.state_dict()["steps"] == expected


def test_an_epoch_without_validation_is_looked_at_too(fit):
    events, _ = fit(epochs=2, trainer_settings={"check_val_every_n_epoch": 2})
    assert steps(events, "weights/04_output") == [0, 7, 14]


def test_pictures_are_drawn_at_the_end(fit, tmp_path):
    events, _ = fit()
    assert sorted(events.Tags()["images"]) == ["layer_by_step/gradients", "layer_by_step/weights"]
    for name in ("weights.png", "gradients.png"):
        picture = matplotlib.image.imread(tmp_path / "run" / name)
        assert picture.shape[0] > 200
        assert picture.std() > 0.05


def test_the_picture_has_a_row_a_layer_and_a_column_a_look(fit):
    _, callback = fit(epochs=2)
    state = callback.state_dict()
    axes = callback.draw("weights").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["linear_1", "linear_2", "output"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "7", "14"]
    axes = callback.draw("gradients").axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["7", "14"]
    initial = [parameter.std(correction=0) for name, parameter in make_model().named_parameters() if "weight" in name]
    assert torch.allclose(state["spreads"][0], torch.stack(initial))


def test_looks_survive_a_resume(fit, tmp_path):
    fit(epochs=2)
    events, resumed = fit(epochs=4, ckpt_path=tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert steps(events, "weights/04_output") == [0, 7, 14, 21, 28]
    assert steps(events, "gradients/04_output_weights") == [7, 14, 21, 28]
    _, whole = fit(epochs=4, folder="whole")
    assert resumed.state_dict()["steps"] == whole.state_dict()["steps"] == [0, 7, 14, 21, 28]
    for name in ("spreads", "norms"):
        for one, other in zip(resumed.state_dict()[name], whole.state_dict()[name], strict=True):
            assert torch.equal(one.nan_to_num(), other.nan_to_num())


def test_a_run_that_is_resumed_at_its_end_draws_its_pictures_again(fit, tmp_path):
    fit(epochs=2)
    (tmp_path / "run" / "weights.png").unlink()
    fit(epochs=2, ckpt_path=tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert (tmp_path / "run" / "weights.png").exists()


def test_weights_that_are_not_finite_are_shown_as_such(fit, tmp_path, tiny_data):
    events, _ = fit(data=tiny_data(inputs_are_nan=True))
    assert [event.value for event in events.Scalars("weights/00_linear_1/nan")] == [32, 32]
    assert [event.value for event in events.Scalars("gradients/00_linear_1_weights/nan")] == [32, 32]
    picture = matplotlib.image.imread(tmp_path / "run" / "weights.png")
    assert np.isfinite(picture).all()


def test_a_network_whose_weights_are_frozen_has_no_overview(fit, tmp_path):
    model = make_model()
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.endswith("bias")
    events, _ = fit(model=model)
    assert set(events.Tags()["histograms"]) == {tag.replace(tag[7:9], f"{i:02d}") for i, tag in enumerate(BIASES)} | {
        f"gradients/{i:02d}_{tag[10:]}_biases" for i, tag in enumerate(BIASES)
    }
    assert not (tmp_path / "run" / "weights.png").exists()


def test_only_the_first_process_looks():
    callback, model = ParameterDistribution(), make_model()
    other = SimpleNamespace(is_global_zero=False, current_epoch=0, fit_loop=SimpleNamespace(
        epoch_loop=SimpleNamespace(total_batch_idx=-1)
    ))  # fmt: skip
    callback.on_train_start(other, model)
    callback.on_metrics(other, model)
    callback.on_train_end(other, model)
    assert callback.state_dict() == {"steps": [], "spreads": [], "norms": []}


def test_other_loggers_get_nothing(tiny_data, make_trainer, memory_logger, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_trainer(callbacks=[ParameterDistribution()], logger=memory_logger).fit(make_model(), tiny_data())
    assert not any("weights" in name for _, row in memory_logger.rows for name in row)
    assert list(Path(tmp_path).iterdir()) == []


@pytest.mark.parametrize("value", [0, -1])
def test_an_impossible_argument_is_named(value):
    with pytest.raises(ArgumentError, match=r"^every_n_epochs: expected a whole number at least 1, got "):
        ParameterDistribution(every_n_epochs=value)
