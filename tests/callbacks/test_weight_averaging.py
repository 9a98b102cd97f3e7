"""The average of the weights is S₁ = Y₁, Sₜ = βSₜ₋₁ + (1 - β)Yₜ, and is what is evaluated and kept."""

from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import Callback, LightningModule

from dlcore.callbacks import Checkpoint, WeightAveraging
from dlcore.errors import ArgumentError
from dlcore.models import MLP
from dlcore.runs import fit
from dlcore.runs import test as evaluate

PLAIN = ("--parameter_distribution=off", "--progress_display=off", "--early_stopping=off")


class Watch(Callback):
    """Keeps the weights after each step, and those that the validation uses."""

    def __init__(self):
        self.after_steps, self.validated = [], []

    def on_train_batch_end(self, trainer, model, *args):
        self.after_steps.append(weights(model))

    def on_validation_batch_start(self, trainer, model, *args):
        self.validated.append(weights(model))


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def average(values, decay, warm_up=True):
    found, most = values[0], decay
    for number, value in enumerate(values[1:], 1):
        decay = min(most, (1 + number) / (10 + number)) if warm_up else most
        found = {name: decay * found[name] + (1 - decay) * value[name] for name in found}
    return found


def assert_equal(one, other):
    for name in one:
        torch.testing.assert_close(one[name], other[name], msg=name)


@pytest.fixture
def watched(tiny_data, make_trainer, tmp_path):
    def run(averaging, epochs=1):
        torch.manual_seed(0)
        watch = Watch()
        model = MLP([8], in_features=4, num_classes=3)
        keeper = Checkpoint(dirpath=str(tmp_path / "kept"))
        trainer = make_trainer(max_epochs=epochs, callbacks=[watch, averaging, keeper], enable_checkpointing=True)
        trainer.fit(model, datamodule=tiny_data())
        return watch, model, torch.load(tmp_path / "kept" / "last.ckpt", weights_only=True)

    return run


def test_average_is_evaluated_kept_and_left_in_the_model(watched):
    watch, model, kept = watched(WeightAveraging(decay=0.9, warm_up=False))
    assert len(watch.after_steps) == 7
    expected = average(watch.after_steps, 0.9, warm_up=False)
    assert_equal(watch.validated[-1], expected)
    assert_equal(kept["state_dict"], expected)
    assert_equal(weights(model), expected)
    assert_equal(kept["current_model_state"], watch.after_steps[-1])


def test_the_average_goes_where_the_weights_go_after_it_was_made(tiny_data, make_trainer):
    """As on a GPU, to which weights are moved after `setup`; torch's meta device stands for it."""
    averaging, model = WeightAveraging(decay=0.9), MLP([8], in_features=4, num_classes=3, batch_norm=True)
    trainer = make_trainer()
    averaging.setup(trainer, model, "fit")
    averaging.on_train_start(trainer, model.to("meta"))
    kept = averaging._average_model.module
    assert {value.device.type for value in (*kept.parameters(), *kept.buffers())} == {"meta"}


def test_training_itself_goes_on_with_the_weights(watched):
    with_average = watched(WeightAveraging(decay=0.9), epochs=2)[0].after_steps
    without = watched(Callback(), epochs=2)[0].after_steps
    for one, other in zip(with_average, without, strict=True):
        assert_equal(one, other)


def test_average_may_be_updated_now_and_then(watched):
    watch, _, kept = watched(WeightAveraging(decay=0.5, every_n_steps=3, warm_up=False))
    assert_equal(kept["state_dict"], average(watch.after_steps[::3], 0.5, warm_up=False))


def test_warmed_up_it_looks_back_over_few_updates_at_first(watched):
    watch, _, kept = watched(WeightAveraging(decay=0.3))
    expected = average(watch.after_steps, 0.3)  # 2/11, 3/12, 4/13, then 0.3
    assert_equal(kept["state_dict"], expected)
    watch, _, kept = watched(WeightAveraging(decay=0.9))
    assert_equal(kept["state_dict"], average(watch.after_steps, 0.9))
    with pytest.raises(AssertionError):
        assert_equal(kept["state_dict"], average(watch.after_steps, 0.9, warm_up=False))
    watch, _, kept = watched(WeightAveraging(decay=0.9, every_n_steps=3))
    assert_equal(kept["state_dict"], average(watch.after_steps[::3], 0.9))


@pytest.mark.parametrize("updates", [1, 2, 8, 32, 128, 1000, 10_000])
def test_the_average_of_a_run_of_any_length_lies_near_its_end(updates):
    """The weights' places are their numbers: the average lags by what it looks back, a ninth of the run at most."""
    averaging, model, trainer = WeightAveraging(decay=0.998), LightningModule(), SimpleNamespace(global_step=0)
    model.place = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
    averaging.setup(trainer, model, "fit")
    averaging.on_train_start(trainer, model)
    for trainer.global_step in range(1, updates + 1):
        model.place.data.fill_(trainer.global_step)
        averaging.on_train_batch_end(trainer)
    lag = updates - averaging._average_model.module.place.item()
    assert 0 <= lag <= min(updates / 9 + 1, 500)


def test_without_memory_it_is_the_weights_themselves(watched):
    watch, _, kept = watched(WeightAveraging(decay=0.0))
    assert_equal(kept["state_dict"], watch.after_steps[-1])


def test_resume_goes_on_with_weights_and_average(workplace, small):
    words = (*small, *PLAIN, "--weight_averaging.decay=0.9")
    whole = fit(*words, "--trainer.max_epochs=2")
    part = fit(*words, "--trainer.max_epochs=1")
    resumed = fit("--ckpt_path=last", "--trainer.max_epochs=2")
    assert resumed.folder == part.folder
    assert_equal(weights(resumed.model), weights(whole.model))
    last = [torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True) for run in (whole, resumed)]
    assert_equal(last[0]["current_model_state"], last[1]["current_model_state"])


def test_switched_off_the_training_goes_on_with_the_weights(workplace, small):
    words = (*small, *PLAIN)
    whole = fit(*words, "--trainer.max_epochs=2", "--weight_averaging=off")
    fit(*words, "--weight_averaging.decay=0.9", "--trainer.max_epochs=1")
    resumed = fit("--ckpt_path=last", "--trainer.max_epochs=2", "--weight_averaging=off")
    assert_equal(weights(resumed.model), weights(whole.model))
    assert "weight_averaging: off (flag) instead of on (checkpoint)" in resumed.changes


@pytest.mark.filterwarnings("ignore:.*checkpoint was not created with WeightAveraging.*")
def test_switched_on_the_average_begins_where_the_run_goes_on(workplace, small):
    fit(*small, *PLAIN, "--trainer.max_epochs=1", "--weight_averaging=off")
    run = fit("--ckpt_path=last", "--trainer.max_epochs=2", "--weight_averaging.decay=0.9")
    assert "current_model_state" in torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True)


def test_an_evaluation_uses_the_average(workplace, small):
    run = fit(*small, *PLAIN, "--weight_averaging.decay=0.9", "--trainer.max_epochs=1")
    kept = torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert_equal(weights(evaluate("--ckpt_path=last", "--trainer.limit_test_batches=1").model), kept)


@pytest.mark.parametrize(("argument", "value"), [("decay", 1.0), ("decay", -0.1), ("every_n_steps", 0)])
def test_refuses_what_is_no_average(argument, value):
    with pytest.raises(ArgumentError, match=argument):
        WeightAveraging(**{argument: value})
