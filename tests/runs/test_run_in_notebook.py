"""What a notebook shows: of a command, of an error, of a figure; and how an interrupted fit goes on."""

import base64
import os
import re
import signal

import pytest
from lightning.pytorch import Callback

from dlcore.callbacks import NotebookCurves, ProgressDisplay
from dlcore.cli.main import main
from dlcore.cli.show import picture
from dlcore.errors import ArgumentError, Interrupted
from dlcore.runs import command, fit
from dlcore.runs.run_display import shown_run
from dlcore.tracking.figures.style import new_figure

TABLE = ("-c", "mlp_table_binary", "--trainer.accelerator=cpu", "--trainer.max_epochs=2", "--early_stopping=off")
PNG = b"\x89PNG\r\n\x1a\n"


def progress(run):
    return [type(each) for each in run.trainer.callbacks if isinstance(each, (NotebookCurves, ProgressDisplay))]


def test_a_run_shows_its_summary_with_all_its_figures(workplace):
    run = fit(*TABLE)
    shown = run._repr_markdown_()
    assert shown.startswith("# mlp_table_binary, version_0\n")
    assert "**Finished after 2 epochs" in shown
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", shown)
    assert len(pictures) == len(list(run.folder.glob("*.png"))) >= 2
    assert all(each.startswith("data:image/png;base64,") for each in pictures)
    assert all(base64.b64decode(each.partition(",")[2]).startswith(PNG) for each in pictures)


def test_without_a_folder_the_metrics_are_shown():
    shown = shown_run("fit", {"val/loss": 0.25, "val_a|b": 2.0}, None)
    assert "| val/loss | 0.25 |" in shown
    assert r"| val_a\|b | 2 |" in shown
    assert shown_run("predict", {}, None) == "**predict**\n"


def test_a_picture_that_is_gone_keeps_its_name(tmp_path):
    (tmp_path / "summary.md").write_text("# 明月\n\n![Curves](curves.png)\n", encoding="utf-8")
    assert shown_run("fit", {}, tmp_path) == "# 明月\n\n![Curves](curves.png)\n"


def test_curves_take_the_place_of_the_table_in_a_notebook(workplace, monkeypatch):
    assert progress(fit(*TABLE, "--trainer.fast_dev_run=true")) == [ProgressDisplay]
    monkeypatch.setattr(command, "in_notebook", lambda: True)
    assert progress(fit(*TABLE, "--trainer.fast_dev_run=true")) == [NotebookCurves]
    assert progress(fit(*TABLE, "--trainer.fast_dev_run=true", "--progress_display=off")) == []


class InterruptsAt(Callback):
    """Sends SIGINT, as Ctrl-C and a notebook's stop button do, when this step is done."""

    def __init__(self, step):
        self.step = step

    def on_train_batch_start(self, trainer, *args):
        if trainer.global_step == self.step - 1:
            os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupted_fit_says_what_to_type_in_python(workplace):
    with pytest.raises(Interrupted, match=r"SIGINT at step 3") as caught:
        fit(*TABLE, callbacks=[InterruptsAt(3)])
    words = re.search(r"Go on: (fit\(.*\))$", str(caught.value))[1]
    assert caught.value._render_traceback_() == [f"Interrupted: {caught.value}"]
    resumed = eval(words, {"fit": fit})
    whole = fit(*TABLE)
    assert resumed.folder != whole.folder
    assert resumed.metrics == whole.metrics


def test_an_error_is_one_line_in_a_notebook(monkeypatch):
    error = ArgumentError("model.dropout", "a probability in [0, 1)", 2)
    assert error._render_traceback_() == ["ArgumentError: model.dropout: expected a probability in [0, 1), got 2."]
    monkeypatch.setenv("DLCORE_DEBUG", "1")
    with pytest.raises(ArgumentError) as caught:
        raise error
    lines = caught.value._render_traceback_()
    assert lines[0].startswith("Traceback")
    assert any("test_an_error_is_one_line" in line for line in lines)


def test_a_figure_shows_itself():
    assert new_figure(1, 1)._repr_png_().startswith(PNG)


def test_show_shows_its_picture_below_the_cell(tmp_path, monkeypatch, capsys):
    shown = []
    monkeypatch.chdir(tmp_path)
    assert main(["show", "activation", "relu"]) == 0
    monkeypatch.setattr(picture, "in_notebook", lambda: True)
    monkeypatch.setattr(picture.Output, "show", lambda self, content: shown.append(content))
    assert main(["show", "activation", "relu"]) == 0
    ((content),) = shown
    assert base64.b64decode(content["image/png"]) == (tmp_path / "show" / "activation_relu.png").read_bytes()
    assert capsys.readouterr().out.count("picture: show/activation_relu.png") == 2
