"""`StepsPerExecution`: the same training as Lightning's, for modules written in many ways."""

import pytest
import torch
import ways_to_write_a_module as ways
from crossed import crossed
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import (
    EarlyStopping,
    GradientAccumulationScheduler,
    LambdaCallback,
    LearningRateFinder,
    LearningRateMonitor,
    ModelCheckpoint,
    StochasticWeightAveraging,
    WeightAveraging,
)
from side_by_side import assert_same, loader, trained

from dlcore.callbacks import StepsPerExecution
from dlcore.errors import ArgumentError


class Counts(Callback):
    """How many batches came with all hooks."""

    def __init__(self):
        self.batches = 0

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.batches += 1

    def skippable_batches(self, trainer, position):
        return float("inf")


@pytest.mark.filterwarnings("ignore:`training_step` returned `None`")
@pytest.mark.parametrize("kind", ways.FAST + ways.ONE_BY_ONE)
def test_training_is_the_same_to_the_bit(kind):
    assert_same(trained(kind(), fast=False), trained(kind(), fast=True))


@pytest.mark.filterwarnings("ignore:`training_step` returned `None`")
@pytest.mark.parametrize("kind", ways.FAST)
def test_most_steps_are_taken_without_hooks(kind):
    counts = Counts()
    result = trained(kind(), fast=1000, callbacks=[counts], log_every_n_steps=0)  # "auto" goes by the clock too
    assert result["trainer"].fit_loop.epoch_loop.reason == ""
    assert counts.batches == 3 * 2 or kind in (
        ways.Stops,
        ways.StopsAfterAMetric,
    )  # of 22 an epoch the first and the last


def test_the_value_of_a_batch_that_nobody_takes_is_not_computed():
    module, computed = ways.MetricForward(), []
    compute = module.accuracy.compute
    module.accuracy.compute = lambda: [computed.append(1), compute()][1]
    trained(module, fast=1000, log_every_n_steps=0)
    assert len(computed) == 3 * (2 + 1)  # the first and the last batch of an epoch, and the epoch itself


@pytest.mark.parametrize("kind", ways.ONE_BY_ONE)
def test_a_module_that_steps_in_its_own_way_is_told_why(kind):
    result = trained(kind(), fast=True)
    assert kind.__name__ in result["trainer"].fit_loop.epoch_loop.reason


ARGUMENTS = [
    {"accumulate_grad_batches": 3},
    {"accumulate_grad_batches": 4, "log_every_n_steps": 2},
    {"gradient_clip_val": 0.1},
    {"gradient_clip_val": 0.01, "gradient_clip_algorithm": "value"},
    {"precision": "bf16-mixed"},
    {"precision": "64-true"},
    {"val_check_interval": 5},
    {"val_check_interval": 0.25, "check_val_every_n_epoch": 2},
    {"val_check_interval": 9, "check_val_every_n_epoch": None},
    {"max_steps": 37, "max_epochs": -1},
    {"limit_train_batches": 7, "log_every_n_steps": 3},
    {"log_every_n_steps": 1},
    {"log_every_n_steps": 0},
    {"logger": False},
]


@pytest.mark.parametrize(
    ("kind", "arguments"), crossed([ways.LogsEverything, ways.MetricUpdate, ways.StepSchedule], ARGUMENTS), ids=str
)
def test_every_argument_of_the_trainer_means_the_same(kind, arguments):
    if kind is ways.StepSchedule and "gradient_clip_val" in arguments:
        kind = ways.LogsEverything  # the other clips by itself
    assert_same(trained(kind(), fast=False, **arguments), trained(kind(), fast=True, **arguments))


def test_executions_of_a_given_length():
    single = trained(ways.MetricUpdate(), fast=False)
    for steps in (1, 2, 5, 1000):
        assert_same(single, trained(ways.MetricUpdate(), fast=steps))


def test_a_length_below_one_is_refused():
    with pytest.raises(ArgumentError, match="steps"):
        StepsPerExecution(0)


def test_a_callback_with_hooks_for_each_batch_sees_each_batch(caplog):
    seen = []
    callback = LambdaCallback(on_train_batch_end=lambda *_: seen.append(1))
    with caplog.at_level("INFO", logger="lightning.pytorch.utilities.rank_zero"):
        trained(ways.Plain(), fast=True, callbacks=[callback])
    assert len(seen) == 66
    assert caplog.text.count("LambdaCallback has hooks for each batch") == 1


def test_lightnings_own_callbacks_act_where_they_did(tmp_path):
    results = []
    for fast in (False, True):
        folder = tmp_path / str(fast)
        keep = ModelCheckpoint(folder, filename="{step}", every_n_train_steps=6, save_top_k=-1)
        rates = LearningRateMonitor(logging_interval="step")
        callbacks = [keep, rates]
        result = trained(ways.StepSchedule(), fast=fast, callbacks=callbacks, enable_checkpointing=True)
        files = sorted(path.name for path in folder.iterdir())
        weights = torch.load(folder / "step=48.ckpt", weights_only=True)
        results.append({**result, "files": files, "kept": weights["state_dict"], "loops": weights["loops"]})
    assert results[1]["trainer"].fit_loop.epoch_loop.reason == ""
    assert len(results[0]["files"]) == 11
    assert_same(*results)


OF_LIGHTNING = [
    lambda: StochasticWeightAveraging(swa_lrs=0.01, swa_epoch_start=1),
    lambda: GradientAccumulationScheduler({0: 1, 1: 4, 2: 2}),
    lambda: WeightAveraging(),
    lambda: EarlyStopping("val_loss", mode="min", patience=0, min_delta=10.0),
    lambda: LearningRateFinder(num_training_steps=5),
]


@pytest.mark.parametrize("make", OF_LIGHTNING, ids=["swa", "accumulation", "averaging", "stopping", "lr finder"])
def test_callbacks_that_change_the_training_change_it_as_they_do(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Normalised(ways.MetricUpdate):
        def __init__(self):
            super().__init__()
            self.lr = 0.01
            self.network = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 4))

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=self.lr)

    assert_same(*(trained(Normalised(), fast=fast, callbacks=[make()]) for fast in (False, True)))


@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended")
@pytest.mark.filterwarnings("ignore:Checkpoint directory")
def test_training_goes_on_from_the_middle_of_an_epoch(tmp_path):
    def part(fast):
        steps = [StepsPerExecution()] if fast else []
        keep = ModelCheckpoint(tmp_path / str(fast), filename="at", every_n_train_steps=30, save_top_k=1, monitor=None)
        data = (loader(shuffle=False), loader(40, shuffle=False))
        trained(ways.MetricUpdate(), fast, data, [keep], enable_checkpointing=True, max_steps=30, max_epochs=-1)
        module = ways.MetricUpdate()
        trainer = Trainer(accelerator="cpu", max_epochs=3, logger=False, enable_progress_bar=False,
                          enable_model_summary=False, callbacks=[*steps, keep])  # fmt: skip
        trainer.fit(module, *data, ckpt_path=str(tmp_path / str(fast) / "at.ckpt"), weights_only=True)
        return {"weights": list(module.state_dict().values()), "step": trainer.global_step,
                "metrics": {name: value.item() for name, value in trainer.callback_metrics.items()}}  # fmt: skip

    assert_same(part(False), part(True))
