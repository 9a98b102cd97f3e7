"""The curves below a notebook's cell: one output that grows, in a small share of the time, and is never fatal."""

import base64
import io
import sys
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import Callback
from PIL import Image
from plain_module import PlainModule, loaders

from dlcore.callbacks import NotebookCurves, ProgressDisplay, notebook_curves, standard
from dlcore.errors import ArgumentError
from dlcore.tracking import RunLogger
from dlcore.tracking.figures.style import new_figure

QUIET = [
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec"),
    pytest.mark.filterwarnings("ignore:You defined a `validation_step` but have no `val_dataloader`"),
]
pytestmark = QUIET


class Clock:
    """Time that passes only when it is told to."""

    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(notebook_curves, "time", clock)
    return clock


@pytest.fixture
def cell(monkeypatch, request):
    """What a notebook's cell shows: each output with all that it showed in turn."""
    outputs = []

    class Output:
        def __init__(self):
            self.index = None

        def show(self, content):
            if self.index is None:
                self.index = len(outputs)
                outputs.append([])
            outputs[self.index].append(content)

    if request.node.get_closest_marker("figures") is None:
        monkeypatch.setattr(notebook_curves, "learning_curves", lambda *args: new_figure(1, 1))
    monkeypatch.setattr(notebook_curves, "in_notebook", lambda: True)
    monkeypatch.setattr(notebook_curves, "Output", Output)
    return outputs


class Lasts(Callback):
    """Lets each training step last some seconds."""

    def __init__(self, clock, seconds):
        self.clock, self.seconds = clock, seconds

    def on_train_batch_start(self, *args):
        self.clock.now += self.seconds


def fit(make_trainer, *callbacks, values=(0.9, 0.5, 0.7), **settings):
    shown = NotebookCurves()
    settings = {"enable_progress_bar": True, "max_epochs": len(values)} | settings
    trainer = make_trainer(callbacks=[shown, *callbacks], **settings)
    trainer.fit(PlainModule(list(values)), *loaders())
    return shown


def column(shown, name):
    return [value for value in shown._columns().get(name, ()) if value is not None]


@pytest.mark.figures
def test_one_output_grows_and_ends_as_a_picture(make_trainer, cell, clock):
    shown = fit(make_trainer, Lasts(clock, 1.0))
    (output,) = cell
    assert [[*content] for content in output[1:]] == [["image/svg+xml", "text/plain"]] * (len(output) - 2) + [
        ["image/png", "text/plain"]
    ]
    assert len(output) >= 4
    assert output[0] == {"text/plain": "PlainModule: epoch 0 of 3; no metric yet"}
    assert output[-1]["text/plain"] == "PlainModule: epoch 3 of 3"
    picture = Image.open(io.BytesIO(base64.b64decode(output[-1]["image/png"])))
    assert min(picture.size) > 300
    assert column(shown, "val/loss") == pytest.approx([0.9, 0.5, 0.7])
    assert column(shown, "train/loss") == pytest.approx([0.9, 0.5, 0.7])


def test_drawing_takes_a_hundredth_of_the_time_at_most(make_trainer, cell, clock, monkeypatch):
    spent = []

    def slowly(self, trainer, ended=False):
        clock.now += 0.25
        spent.append((clock.now, ended))

    monkeypatch.setattr(NotebookCurves, "_draw", slowly)
    fit(make_trainer, Lasts(clock, 5.0), values=[1.0] * 60)
    whole, during = clock.now, [when for when, ended in spent[1:] if not ended]
    assert len(during) > 2
    assert 0.25 * (len(during) - 1) <= 0.01 * whole
    assert spent[-1][1]


def test_a_run_without_validation_shows_the_training(make_trainer, cell):
    shown = fit(make_trainer, limit_val_batches=0)
    assert column(shown, "train/loss") == pytest.approx([0.9, 0.5, 0.7])
    assert "image/png" in cell[0][-1]


def test_values_of_every_second_epoch_are_not_shown_twice(make_trainer, cell):
    shown = fit(make_trainer, values=[0.9, 0.5, 0.7, 0.4], check_val_every_n_epoch=2)
    assert column(shown, "val/loss") == pytest.approx([0.5, 0.4])


def test_validations_within_an_epoch_have_points_of_their_own(make_trainer, cell):
    shown = fit(make_trainer, val_check_interval=1)
    columns = shown._columns()
    validated = [epoch for epoch, value in zip(columns["epoch"], columns["val/loss"], strict=True) if value is not None]
    assert validated == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]


def test_points_are_bounded_and_the_best_is_kept():
    rows = []
    for step in range(5000):
        notebook_curves._append(rows, {"step": step, "epoch": step / 10, "val/loss": abs(step - 777) + 1.0})
    assert len(rows) <= notebook_curves._MOST_ROWS + 1
    assert min(row["val/loss"] for row in rows) == 1.0
    assert rows[-1]["step"] == 4999


def test_the_monitored_metric_is_the_second_chart(make_trainer, cell):
    shown = NotebookCurves()
    columns = {"step": [1], "val/loss": [0.5], "val/f1": [0.5], "val/accuracy": [0.5]}
    quantities = [
        shown._quantities(SimpleNamespace(checkpoint_callback=SimpleNamespace(monitor=monitor)), columns)
        for monitor in ("val_f1", "val/loss", None)
    ]
    assert quantities == [["loss", "f1"], ["loss", "accuracy"], ["loss", "accuracy"]]


def test_a_module_that_logs_nothing_is_told_how(make_trainer, cell):
    class Silent(PlainModule):
        def training_step(self, batch, batch_idx):
            return self.weight.sum() + 0 * batch[0].sum()

    make_trainer(callbacks=[NotebookCurves()], enable_progress_bar=True).fit(Silent([1.0]), loaders()[0])
    assert "nothing was logged: self.log(" in cell[0][-1]["text/plain"]


def test_what_cannot_be_drawn_does_not_end_the_training(make_trainer, cell, capsys, monkeypatch, clock):
    def fails(*args):
        raise RuntimeError("no ink")

    monkeypatch.setattr(notebook_curves, "live_curves", fails)
    fit(make_trainer, Lasts(clock, 1.0))
    assert capsys.readouterr().out.count("NotebookCurves failed: RuntimeError: no ink") == 1


def test_an_error_ends_with_the_curves_so_far(make_trainer, cell):
    class Fails(Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            if trainer.current_epoch == 2:
                raise KeyError("x")

    with pytest.raises(KeyError):
        fit(make_trainer, Fails())
    assert cell[0][-1]["text/plain"] == "PlainModule: epoch 2 of 3"
    assert "image/png" in cell[0][-1]


def test_a_resumed_run_begins_with_its_earlier_curves(make_trainer, cell, tmp_path):
    def go(epochs, **resumed):
        shown = NotebookCurves()
        logger = RunLogger(tmp_path / "run", "run", **resumed)
        trainer = make_trainer(callbacks=[shown], enable_progress_bar=True, max_epochs=epochs, logger=logger)
        path = tmp_path / "last.ckpt"
        trainer.fit(PlainModule([0.9, 0.5, 0.7]), *loaders(), ckpt_path=path if resumed else None, weights_only=True)
        trainer.save_checkpoint(path)
        return shown

    go(2)
    assert column(go(3, resume_step=4), "val/loss") == pytest.approx([0.9, 0.5, 0.7])


def test_outside_a_notebook_it_says_that_it_shows_nothing(make_trainer, capsys):
    fit(make_trainer, values=[1.0])
    assert capsys.readouterr().out.startswith("NotebookCurves shows nothing: this is no notebook.")


def test_it_can_be_disabled(make_trainer, cell, capsys):
    shown = NotebookCurves()
    shown.disable()
    trainer = make_trainer(callbacks=[shown], enable_progress_bar=True)
    trainer.fit(PlainModule([1.0]), *loaders())
    assert cell == []
    assert capsys.readouterr().out == ""


def test_the_share_is_checked():
    with pytest.raises(ArgumentError, match=r"share: expected .*got 0"):
        NotebookCurves(share=0)


def test_a_notebook_gets_it_with_the_standard_callbacks(monkeypatch):
    assert any(isinstance(each, ProgressDisplay) for each in standard())
    monkeypatch.setattr(sys.modules["dlcore.callbacks.standard"], "in_notebook", lambda: True)
    found = [type(each) for each in standard()]
    assert NotebookCurves in found
    assert ProgressDisplay not in found


def test_weights_do_not_depend_on_it(make_trainer, cell, tiny_data):
    from dlcore.models import MLP

    weights = []
    for callbacks in ([NotebookCurves()], []):
        torch.manual_seed(0)
        model = MLP([8], in_features=4, num_classes=3)
        make_trainer(callbacks=callbacks, enable_progress_bar=bool(callbacks), max_epochs=2).fit(model, tiny_data())
        weights.append(model.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
