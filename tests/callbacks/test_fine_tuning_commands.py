"""The section fine_tuning of a fit: resumed bit for bit, also where the schedule is made anew; errors; `check`."""

import pytest
import torch

from dlcore.errors import ArgumentError
from dlcore.insight import check_recipe
from dlcore.runs import fit

NETWORK = (
    *("--model=CNN", "--model.architecture=small_resnet(blocks=1, width=4)", "--data=FashionMNIST"),
    *("--data.offline_sample=true", "--reduce_lr_on_plateau=off", "--progress_display=off", "--run_summary=off"),
    "--parameter_distribution=off",
)
CYCLE = tuple(f"--model.lr_scheduler{each}" for each in ("=OneCycleLR", ".max_lr=0.01", ".total_steps=12"))
TUNING = ("--fine_tuning.freeze_epochs=1", "--fine_tuning.layer_decay=0.5", "--trainer.max_epochs=3")


def weights(run):
    return torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


@pytest.fixture
def words(workplace, small):
    return [*small, *NETWORK, *CYCLE, *TUNING]


def test_resumed_before_at_and_after_the_unfreezing_a_fit_ends_the_same(words):
    whole = fit(*words)
    for steps in (2, 4, 6):  # of 4 an epoch
        begun = fit(*words, f"--trainer.max_steps={steps}")
        resumed = fit(f"--ckpt_path={begun.folder}", "--trainer.max_steps=-1")
        assert resumed.trainer.global_step == whole.trainer.global_step == 12
        rates = [[group["lr"] for group in run.trainer.optimizers[0].param_groups] for run in (whole, resumed)]
        assert len(rates[0]) == 5
        assert rates[0] == rates[1]
        for name, value in weights(whole).items():
            assert torch.equal(value, weights(resumed)[name]), (steps, name)


def test_a_changed_rate_keeps_the_factors(workplace, small):
    begun = fit(*small, *NETWORK, "--trainer.max_epochs=1", "--fine_tuning.lr_factor=0.1")
    resumed = fit(f"--ckpt_path={begun.folder}", "--trainer.max_epochs=2", "--model.optimizer.lr=0.02")
    assert [group["lr"] for group in resumed.trainer.optimizers[0].param_groups] == pytest.approx([0.02, 0.002])


def test_it_cannot_be_switched_off_or_on_during_a_run(workplace, small):
    begun = fit(*small, *NETWORK, "--trainer.max_epochs=1", "--fine_tuning=on")
    with pytest.raises(ArgumentError, match="fine_tuning: expected on, as when the run began"):
        fit(f"--ckpt_path={begun.folder}", "--trainer.max_epochs=2", "--fine_tuning=off")
    begun = fit(*small, *NETWORK, "--trainer.max_epochs=1")
    with pytest.raises(ArgumentError, match="fine_tuning: expected off, as when the run began"):
        fit(f"--ckpt_path={begun.folder}", "--trainer.max_epochs=2", "--fine_tuning=on")


def test_check_counts_what_learns_at_first_and_warns_of_what_is_in_vain(workplace, small, one_thread):
    report = check_recipe(*small, *NETWORK, "--fine_tuning.freeze_epochs=2", "--trainer.max_epochs=2")
    found = report["freezing"]
    assert found.numbers["at_first"] == 16 * 10 + 10
    assert found.numbers["free"] == 3
    assert [finding.verdict.word for finding in found.findings] == ["warning", "warning"]
    assert "drawn by chance" in found.findings[0].seen
    assert "before all layers learn (epoch 3)" in found.findings[1].seen
