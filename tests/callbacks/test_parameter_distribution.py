from pathlib import Path
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dlcore.callbacks import Checkpoint, ParameterDistribution, parameter_distribution
from dlcore.errors import ArgumentError
from dlcore.models import MLP
from dlcore.tracking.histogram import read_distributions
from dlcore.tracking.layer_table import read_layers
from dlcore.tracking.run_logger import RunLogger

WEIGHTS = ["weights/00_linear_1", "weights/01_linear_2", "weights/02_output"]
BIASES = ["biases/00_linear_1", "biases/01_linear_2", "biases/02_output"]
GRADIENTS = [f"gradients/{tag.split('/')[1]}_{tag.split('/')[0]}" for tag in WEIGHTS + BIASES]
UPDATES = [f"updates/{tag.split('/')[1]}_weights" for tag in WEIGHTS]
ACTIVATIONS = ["activations/00_activation_1", "activations/01_activation_2"]


def make_model(**settings):
    torch.manual_seed(1)
    settings = {"in_features": 4, "num_classes": 3, "optimizer": lambda p: torch.optim.SGD(p, lr=0.1), **settings}
    return MLP([8, 6], **settings)


@pytest.fixture
def fit(tiny_data, make_trainer, tmp_path):
    """Train in the run's folder `tmp_path`; give what TensorBoard would read, and the table of layers."""

    def fit(epochs=2, model=None, ckpt_path=None, data=None, folder="run", trainer_settings=None, **settings):
        callback = ParameterDistribution(**settings)
        step = ckpt_path and torch.load(ckpt_path, weights_only=True)["global_step"]
        logger = RunLogger(tmp_path / folder, "recipe", resume_step=step)
        trainer = make_trainer(
            max_epochs=epochs, logger=logger, enable_checkpointing=True, callbacks=[callback, Checkpoint()],
            **(trainer_settings or {}),
        )  # fmt: skip
        trainer.fit(model or make_model(), data or tiny_data(), ckpt_path=ckpt_path, weights_only=True)
        events = EventAccumulator(str(tmp_path / folder), size_guidance={"histograms": 0}).Reload()
        return events, read_layers(tmp_path / folder)

    return fit


def steps(events, tag):
    return [event.step for event in events.Histograms(tag)]


def of(table, layer, column, *, first=False):
    """A layer's values of one column, without those of the look before the first step."""
    rows = zip(table["layer"], table["step"], table[column], strict=True)
    return [value for name, step, value in rows if name == layer and (first or step > 0)]


def test_every_layer_has_its_histograms(fit, tmp_path):
    events, _ = fit(epochs=3)
    assert sorted(events.Tags()["histograms"]) == sorted(WEIGHTS + BIASES + GRADIENTS + UPDATES + ACTIVATIONS)
    for tag in WEIGHTS + BIASES:
        assert steps(events, tag) == [0, 7, 14, 21]
    for tag in GRADIENTS + UPDATES + ACTIVATIONS:
        assert steps(events, tag) == [7, 14, 21]  # there are none before the first step
    checkpoint = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    weight = checkpoint["state_dict"]["network.linear_1.weight"]
    histogram = events.Histograms("weights/00_linear_1")[-1].histogram_value
    assert histogram.num == weight.numel()
    assert histogram.sum == pytest.approx(weight.sum().item(), abs=1e-5)
    assert (histogram.min, histogram.max) == pytest.approx((weight.min().item(), weight.max().item()))


def test_a_look_is_at_the_last_step_of_an_epoch(fit):
    """Gradients before clipping, the step's own update, and the two batches that led to it."""
    model, norms, ratios, hidden = make_model(), [], [], []
    model.gradient_clip_val = 1e-3
    clip = model.on_before_optimizer_step

    def note(optimizer):
        norms.append(model.network.output.weight.grad.norm().item())
        clip(optimizer)
        ratios.append(0.1 * model.network.output.weight.grad.norm().item() / model.network.output.weight.norm().item())

    model.on_before_optimizer_step = note
    model.network.activation_1.register_forward_hook(
        lambda module, _, output: hidden.append(output.detach()) if module.training else None
    )
    _, table = fit(epochs=2, model=model)
    assert len(norms) == 14
    means = [torch.cat(hidden[end - 2 : end]).mean().item() for end in (7, 14)]
    assert of(table, "output", "gradient_norm") == pytest.approx([norms[6], norms[13]], rel=1e-4)
    assert of(table, "output", "update_ratio") == pytest.approx([ratios[6], ratios[13]], rel=1e-2)
    assert of(table, "activation_1", "mean") == pytest.approx(means, rel=1e-4)
    assert of(table, "activation_1", "step") == [7, 14]


def test_the_table_says_what_there_is_to_say(fit):
    _, table = fit(epochs=1)
    assert [layer for layer, step in zip(table["layer"], table["step"], strict=True) if step == 0] == [
        "linear_1", "linear_2", "output",
    ]  # fmt: skip
    after = [layer for layer, step in zip(table["layer"], table["step"], strict=True) if step == 7]
    hidden = ["activation_1", "activation_2"]
    assert after == ["linear_1", "linear_2", "output", "inputs", *hidden, "outputs", "validation inputs"]
    assert of(table, "activation_1", "kind") == ["ReLU"]
    assert of(table, "linear_1", "epoch") == [1]
    assert 0 < of(table, "outputs", "top_share")[0] <= 1
    assert 0 < of(table, "outputs", "top_target")[0] <= 1
    assert sum(table["not_finite"]) == 0


def test_what_is_not_wanted_is_left_out(fit):
    events, table = fit(gradients=False, updates=False, activations="none")
    assert sorted(events.Tags()["histograms"]) == sorted(WEIGHTS + BIASES)
    assert not np.isfinite([*table["gradient_norm"], *table["update_ratio"]]).any()
    assert "activation_1" not in table["layer"]


@pytest.mark.parametrize(("every", "expected"), [(1, [0, 7, 14, 21, 28, 35]), (2, [0, 14, 28, 35]), (9, [0, 35])])
def test_looks_at_every_so_many_th_epoch_and_at_the_last(every, expected, fit):
    events, table = fit(epochs=5, every_n_epochs=every)
    assert steps(events, "weights/02_output") == of(table, "output", "step", first=True) == expected


def test_looks_at_every_so_many_th_step_too(fit):
    events, table = fit(epochs=2, every_n_steps=3)
    assert steps(events, "gradients/02_output_weights") == [3, 6, 7, 9, 12, 14]
    assert of(table, "activation_2", "step") == [3, 6, 7, 9, 12, 14]


def test_steps_of_accumulated_gradients_are_counted(fit):
    _, table = fit(epochs=2, every_n_steps=3, trainer_settings={"accumulate_grad_batches": 2})  # of 4 steps
    assert of(table, "output", "step") == [3, 4, 6, 8]
    assert np.isfinite(of(table, "output", "update_ratio")).all()
    assert np.isfinite(of(table, "activation_1", "mean")).all()


def test_a_run_that_ends_within_an_epoch_is_looked_at_there(fit):
    _, table = fit(trainer_settings={"max_steps": 9})
    assert of(table, "output", "step") == [7, 9]
    assert np.isfinite(of(table, "output", "gradient_norm")).all()


def test_a_run_that_is_stopped_within_an_epoch_has_its_last_weights_looked_at(fit):
    model = make_model()
    start = model.training_step

    def stop_at_nine(batch, batch_idx):
        model.trainer.should_stop = model.trainer.global_step == 8  # after the ninth
        return start(batch, batch_idx)

    model.training_step = stop_at_nine
    _, table = fit(model=model, trainer_settings={"val_check_interval": 0.25})
    assert of(table, "output", "step")[-1] == 9


def test_activations_are_those_of_training_and_not_of_a_validation_in_between(fit, tiny_data):
    data = tiny_data(size=400)
    _, table = fit(epochs=1, data=data, trainer_settings={"val_check_interval": 24})
    _, plain = fit(epochs=1, data=data, folder="plain")
    assert of(table, "inputs", "mean") == of(plain, "inputs", "mean")


def test_looking_changes_nothing_of_the_training(fit, tmp_path):
    for folder, settings in (("looked", {"every_n_steps": 1}), ("not", {"every_n_epochs": 99, "activations": "none"})):
        fit(folder=folder, model=make_model(dropout=0.5, batch_norm=True), **settings)
    one, other = (
        torch.load(tmp_path / folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for folder in ("looked", "not")
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.figures
def test_figures_are_drawn_at_the_end(fit, tmp_path):
    events, _ = fit()
    assert sorted(events.Tags()["images"]) == ["distributions", "layers"]
    for name in ("layers.png", "distributions.png"):
        picture = matplotlib.image.imread(tmp_path / "run" / name)
        assert picture.shape[0] > 200
        assert picture.std() > 0.05
    first, last = read_distributions(tmp_path / "run")
    assert (first.step, last.step) == (0, 14)
    assert list(last.histograms) == [tag for pair in zip(WEIGHTS, BIASES, strict=True) for tag in pair]


def test_the_overview_is_drawn_while_the_training_goes_on_too(fit, monkeypatch):
    monkeypatch.setattr(parameter_distribution, "_FIRST_FIGURE", 0.0)
    events, _ = fit()
    steps = [event.step for event in events.Images("layers")]
    assert (steps[0], steps[-1]) == (0, 14)  # between them as often as the machine's speed allows


def test_figures_are_drawn_of_a_run_that_fails_too(fit, tmp_path):
    model = make_model()

    def fail(*_):
        if model.trainer.global_step == 10:
            raise RuntimeError("on purpose")

    model.on_train_batch_end = fail
    with pytest.raises(RuntimeError, match="on purpose"):
        fit(model=model)
    assert (tmp_path / "run" / "layers.png").exists()
    assert (tmp_path / "run" / "distributions.png").exists()


def test_looks_survive_a_resume(fit, tmp_path):
    fit(epochs=2)
    events, resumed = fit(epochs=4, ckpt_path=tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert steps(events, "weights/02_output") == [0, 7, 14, 21, 28]
    assert steps(events, "gradients/02_output_weights") == [7, 14, 21, 28]
    _, whole = fit(epochs=4, folder="whole")
    assert {name: list(map(str, column)) for name, column in resumed.items()} == {
        name: list(map(str, column)) for name, column in whole.items()
    }
    assert read_distributions(tmp_path / "run") == read_distributions(tmp_path / "whole")


def test_a_run_that_is_resumed_at_its_end_draws_its_figures_again(fit, tmp_path):
    fit(epochs=2)
    (tmp_path / "run" / "layers.png").unlink()
    _, table = fit(epochs=2, ckpt_path=tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert (tmp_path / "run" / "layers.png").exists()
    assert of(table, "output", "step") == [7, 14]


@pytest.mark.figures
def test_weights_that_are_not_finite_are_shown_as_such(fit, tmp_path, tiny_data):
    events, table = fit(data=tiny_data(inputs_are_nan=True))
    assert [event.value for event in events.Scalars("weights/00_linear_1/nan")] == [32, 32]
    assert [event.value for event in events.Scalars("gradients/00_linear_1_weights/nan")] == [32, 32]
    assert of(table, "linear_1", "not_finite") == [64, 64]
    picture = matplotlib.image.imread(tmp_path / "run" / "layers.png")
    assert np.isfinite(picture).all()


@pytest.mark.figures
def test_a_network_whose_weights_are_frozen_has_histograms_of_what_is_trained(fit, tmp_path):
    model = make_model()
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.endswith("bias")
    events, _ = fit(model=model, activations="none")
    assert set(events.Tags()["histograms"]) == {*BIASES, *GRADIENTS[3:]}
    assert not (tmp_path / "run" / "layers.png").exists()


def test_only_the_first_process_looks(tmp_path):
    callback, model = ParameterDistribution(), make_model()
    logger = RunLogger(tmp_path / "run", "recipe")
    other = SimpleNamespace(is_global_zero=False, global_step=0, loggers=[logger])
    callback.on_train_start(other, model)
    callback.on_train_batch_start(other, model, None, 0)
    callback.on_train_batch_end(other, model, None, None, 0)
    callback.on_train_end(other, model)
    assert not (tmp_path / "run").exists()


def test_other_loggers_get_nothing(tiny_data, make_trainer, memory_logger, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_trainer(callbacks=[ParameterDistribution()], logger=memory_logger).fit(make_model(), tiny_data())
    assert not any("weights" in name for _, row in memory_logger.rows for name in row)
    assert list(Path(tmp_path).iterdir()) == []


def test_the_last_look_of_a_run_sees_as_many_batches_as_any_other(fit, tiny_data):
    last = {}
    for every in (1, 10):
        _, table = fit(data=tiny_data(batch_size=1), folder=f"every {every}", every_n_epochs=every)
        last[every] = [of(table, layer, column)[-1] for layer, column in (("outputs", "top_target"), ("inputs", "std"))]
    assert last[10] == last[1]


@pytest.mark.parametrize("name", ["every_n_epochs", "every_n_steps"])
@pytest.mark.parametrize("value", [0, -1])
def test_an_impossible_argument_is_named(name, value):
    with pytest.raises(ArgumentError, match=rf"^{name}: expected a whole number at least 1, got "):
        ParameterDistribution(**{name: value})


def test_a_pattern_that_fits_no_layer_is_an_error_that_names_the_layers(fit):
    with pytest.raises(ArgumentError, match=r"activations: expected .* got 'conv\*'. Its layers: .*linear_1"):
        fit(activations="conv*")
