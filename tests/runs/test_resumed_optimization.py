"""Explicit settings of optimiser and schedule beat those that a checkpoint brings back."""

import csv
import math

import pytest

from dlcore.errors import ArgumentError
from dlcore.runs import fit

PLAIN = ("--reduce_lr_on_plateau=off", "--parameter_distribution=off", "--progress_display=off")


def rates(run):
    """The learning rate of the last step of each epoch."""
    rows = csv.DictReader((run.folder / "metrics.csv").read_text().splitlines())
    found = {float(row["epoch"]): float(row["lr"]) for row in rows if row["lr"]}
    return [found[epoch] for epoch in sorted(found) if epoch == int(epoch)]


def begin(small, *words):
    return fit(*small, *PLAIN, "--trainer.max_epochs=1", *words)


def go_on(*words):
    return fit("--ckpt_path=last", "--trainer.max_epochs=2", *words)


def test_another_rate_counts_from_the_first_resumed_step(workplace, small):
    begin(small)
    run = go_on("--model.optimizer.lr=0.0005")
    assert rates(run) == [0.001, 0.0005]
    assert run.model.optimizers().state  # Adam's averages were kept


def test_what_is_not_chosen_comes_from_the_checkpoint(workplace, small):
    begin(small, "--model.optimizer.lr=0.004", "--model.optimizer.weight_decay=0.1")
    run = go_on("--model.optimizer.betas=[0.8,0.9]")
    group = run.model.optimizers().param_groups[0]
    assert (group["lr"], group["weight_decay"], tuple(group["betas"])) == (0.004, 0.1, (0.8, 0.9))


def test_a_rate_that_a_schedule_has_annealed_is_scaled(workplace, small):
    begin(small, "--model.lr_scheduler=StepLR", "--model.lr_scheduler.step_size=1", "--model.lr_scheduler.gamma=0.5")
    assert rates(go_on("--model.optimizer.lr=0.01")) == pytest.approx([0.001, 0.005])


def test_another_optimizer_begins_afresh_with_its_own_settings(workplace, small):
    begin(small)
    run = go_on("--model.optimizer=SGD", "--model.optimizer.lr=0.02")
    assert type(run.model.optimizers().optimizer).__name__ == "SGD"
    assert rates(run) == [0.001, 0.02]
    assert "model.optimizer: SGD (flag) instead of Adam (checkpoint)" in run.changes


def test_another_schedule_begins_afresh(workplace, small):
    begin(small, "--model.lr_scheduler=StepLR", "--model.lr_scheduler.step_size=1", "--model.lr_scheduler.gamma=0.5")
    run = go_on("--model.lr_scheduler=ExponentialLR", "--model.lr_scheduler.gamma=0.9", "--trainer.max_epochs=3")
    assert rates(run) == pytest.approx([0.001, 0.0005, 0.00045])


def test_a_setting_of_the_schedule_counts(workplace, small):
    begin(small, "--model.lr_scheduler=StepLR", "--model.lr_scheduler.step_size=1", "--model.lr_scheduler.gamma=0.5")
    run = go_on("--model.lr_scheduler.gamma=0.1", "--trainer.max_epochs=3")
    assert rates(run) == pytest.approx([0.001, 0.0001, 0.00001])


def test_a_schedule_can_be_switched_off_and_on(workplace, small):
    begin(small, "--model.lr_scheduler=StepLR", "--model.lr_scheduler.step_size=1", "--model.lr_scheduler.gamma=0.5")
    assert rates(go_on("--model.lr_scheduler=null")) == pytest.approx([0.001, 0.0005])
    run = go_on("--model.lr_scheduler=ExponentialLR", "--model.lr_scheduler.gamma=0.5", "--trainer.max_epochs=4")
    assert rates(run) == pytest.approx([0.001, 0.0005, 0.0005, 0.00025])


def test_a_longer_annealing_goes_on_as_if_it_had_been_so_long_from_the_beginning(workplace, small):
    cosine = ("--model.lr_scheduler=CosineAnnealingLR", "--model.lr_scheduler.T_max=2")
    fit(*small, *PLAIN, "--trainer.max_epochs=2", *cosine)
    run = go_on("--trainer.max_epochs=4", "--model.lr_scheduler.T_max=4")
    longer = [0.001 * (1 + math.cos(math.pi * epoch / 4)) / 2 for epoch in range(4)]
    assert rates(run) == pytest.approx([0.001, 0.0005, *longer[2:]])


def test_a_schedule_whose_rates_are_its_own_keeps_them_under_another_optimizer(workplace, small):
    pieces = ("--model.lr_scheduler=PiecewiseConstantLR", "--model.lr_scheduler.boundaries=[1]")
    begin(small, *pieces, "--model.lr_scheduler.values=[0.1,0.01]")
    assert rates(go_on("--model.optimizer=SGD", "--model.optimizer.lr=0.5")) == pytest.approx([0.1, 0.01])


def test_settings_that_torch_keeps_in_another_form(workplace, small):
    steps = ("--model.lr_scheduler=MultiStepLR", "--model.lr_scheduler.milestones=[1]")
    begin(small, *steps, "--model.lr_scheduler.gamma=0.1")
    run = go_on("--trainer.max_epochs=3", "--model.lr_scheduler.milestones=[2]")
    assert rates(run) == pytest.approx([0.001, 0.001, 0.0001])


@pytest.mark.parametrize("name", ["last_epoch=3", "interval=step"])
def test_a_setting_that_cannot_be_changed_on_the_way_is_refused(name, workplace, small):
    begin(small, "--model.lr_scheduler=InverseTimeDecayLR", "--model.lr_scheduler.decay_rate=1")
    with pytest.raises(ArgumentError, match=r"model\.lr_scheduler"):
        go_on(f"--model.lr_scheduler.{name}")


def test_one_cycle_over_the_whole_run_is_as_long_as_the_run_is_now(workplace, small):
    cycle = ("--model.lr_scheduler=OneCycleLR", "--model.lr_scheduler.max_lr=0.01")
    begin(small, *cycle)
    run = go_on("--trainer.max_epochs=3")
    assert run.trainer.global_step == 12
    assert run.trainer.lr_scheduler_configs[0].scheduler.total_steps == 12
