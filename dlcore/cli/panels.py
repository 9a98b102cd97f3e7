"""Panels at the start and at the end of a command: facts, results, next commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.model_helpers import is_overridden
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

import dlcore.models
from dlcore.callbacks import Checkpoint, EarlyStopping
from dlcore.callbacks.data_facts import data_words, device_words
from dlcore.callbacks.run_summary import PAGE
from dlcore.cli.terminal import PlainConsole, shell_word, short_path, tensorboard_command
from dlcore.cli.test_rows import print_class_scores, report_rows
from dlcore.config.allow_list import allow_flag
from dlcore.data import LabelledText
from dlcore.diagnosis import Diagnosis, diagnose
from dlcore.errors import DlcoreError, RunFileError, never_fatal
from dlcore.insight.linear_plane import planes
from dlcore.insight.text_baseline import text_baseline
from dlcore.lightning_compat import data_module_of
from dlcore.plain_text import printable
from dlcore.runs import Command
from dlcore.runs.evaluation_files import write_test_report
from dlcore.runs.evaluation_report import evaluation_report, plain_report
from dlcore.runs.folder import run_of_checkpoint
from dlcore.runs.predictions import few_answers, write_predictions
from dlcore.runs.report_page import in_words
from dlcore.runs.table_baselines import table_baselines
from dlcore.runs.trainer_setup import folder_of
from dlcore.tracking.trackers.tracker_logger import TrackerLogger
from dlcore.translation import _, ngettext


class StartPanel(Callback):
    """Prints before the first step what is trained, on which data and device, and the run's folder."""

    def __init__(self) -> None:
        self.folder: Path | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the panel."""
        if trainer.is_global_zero:
            self.folder = folder_of(trainer)
            console = PlainConsole()
            _print_rows(console, "dlcore fit", _facts(trainer, pl_module, self.folder))
            warn_of_sample(console, data_module_of(trainer))


_FEW = 5  # predictions that are shown


def print_end(command: Command, seconds: float) -> None:
    """Print the panel at the end of a command."""
    console = PlainConsole()
    {"fit": _end_of_fit, "validate": _end_of_evaluation, "test": _end_of_evaluation, "predict": _end_of_prediction}[
        command.request.command
    ](console, command, seconds)


def _end_of_fit(console: Console, command: Command, seconds: float) -> None:
    """Print the panel after a fit. The training is done: an error while showing a row must not make it fail."""
    failed: list[str] = []
    diagnosis: Diagnosis | None = None
    with never_fatal("the diagnosis", failed.append):
        diagnosis = _diagnosis(command)
    learned: dict[str, str] = {}
    with never_fatal("the plane of a linear regression", failed.append):
        learned = planes(command.model, command.datamodule)
    rows: dict[str, Callable[[], str]] = {
        _("best"): lambda: _best(command.trainer.checkpoint_callback),
        _("trained"): lambda: _trained(command, seconds),
        _("stopped"): lambda: _stopped(command.trainer),
        **{name: partial(printable, line) for name, line in learned.items()},
        _("findings"): lambda: "\n".join(diagnosis.lines()) if diagnosis else "",
        _("kept in"): lambda: short_path(command.folder) if command.folder else "",
        _("summary"): lambda: (
            short_path(command.folder / PAGE) if command.folder and (command.folder / PAGE).is_file() else ""
        ),
        _("tracker"): lambda: _tracker(command.trainer),
        _("next"): lambda: "\n".join(_next(command, diagnosis)),
        _("not shown"): lambda: "\n".join(failed),
    }
    shown: dict[str, str] = {}
    for name, text in rows.items():
        with never_fatal(f"the row {name!r}", failed.append):
            shown |= {name: line} if (line := text()) else {}
    _print_rows(console, _("done"), shown)
    warn_of_sample(console, command.datamodule)


def _best(checkpoint: Any) -> str:
    if not isinstance(checkpoint, Checkpoint) or checkpoint.best is None:
        return ""
    said = _("{metric} {value:.4f} at epoch {epoch}")
    return said.format(metric=checkpoint.monitor, value=checkpoint.best, epoch=checkpoint.best_epoch)


def _trained(command: Command, seconds: float) -> str:
    trainer = command.trainer
    if trainer.global_step == command.settings.checkpoint.get("global_step"):
        return _("nothing: the run had come to its end (train longer: --trainer.max_epochs)")
    return ngettext(
        "{n} epoch, {steps:,} steps in all; {duration} with start and end",
        "{n} epochs, {steps:,} steps in all; {duration} with start and end",
        trainer.current_epoch,
    ).format(n=trainer.current_epoch, steps=trainer.global_step, duration=_duration(seconds))


def _stopped(trainer: Any) -> str:
    stops = [callback.reason for callback in trainer.callbacks if isinstance(callback, EarlyStopping)]
    head = _("Stopped early: {why}").format(why="")
    return next((reason.removeprefix(head) for reason in reversed(stops) if reason), "")


def _tracker(trainer: Trainer) -> str:
    trackers = [logger for logger in trainer.loggers if isinstance(logger, TrackerLogger)]
    return "\n".join(f"{logger.kind}: {address}" for logger in trackers if (address := logger.address()))


def _diagnosis(command: Command) -> Diagnosis | None:
    """Return the diagnosis of the run; None if there are no files for it."""
    if command.folder is None or not (command.folder / "metrics.csv").is_file():  # nothing was logged
        return None
    try:
        return diagnose(command.folder)
    except DlcoreError:  # its files were removed, or changed by hand
        return None


def _end_of_evaluation(console: Console, command: Command, seconds: float) -> None:
    failed: list[str] = []
    report = plain_report(command)
    if command.request.command == "test":
        with never_fatal("the report", failed.append):
            report = evaluation_report(command)
    rows = {_("checkpoint"): short_path(command.settings.checkpoint_path)}
    rows |= {name: in_words(estimate) for name, estimate in report.metrics.items()}
    if (count := getattr(command.model, "evaluated", None)) is not None:
        rows[_(command.model.task.unit)] = f"{count:,}"
    if command.request.command == "test":
        with never_fatal("the baselines", failed.append):
            report = replace(report, baselines=table_baselines(command, report.samples))
        rows |= _baseline(command) | report_rows(report)
        try:
            files = write_test_report(command, report, failed.append)
            rows |= {_("kept in"): "\n".join(short_path(path) for path in files)}
        except RunFileError as error:  # read-only run folder: the measurements are shown above
            rows[_("not kept")] = str(error)
    rows |= {_("not shown"): "\n".join(failed)} if failed else {}
    _print_rows(console, command.request.command, rows)
    print_class_scores(console, report)
    warn_of_sample(console, command.datamodule)


def _baseline(command: Command) -> dict[str, str]:
    """Return what a model without word order reaches on the same texts; empty for other data."""
    data = command.datamodule
    if not isinstance(data, LabelledText) or command.model.evaluated != len(data.parts["test"]):
        return {}
    share = None
    with never_fatal("TF-IDF and logistic regression", print):
        share = text_baseline(data, "test")
    return {} if share is None else {_("beside it"): _("TF-IDF and logistic regression: {n:.1%}").format(n=share)}


def _end_of_prediction(console: Console, command: Command, seconds: float) -> None:
    path, count = write_predictions(command)
    what = _("{path} ({n:,} batches as predict_step gave them: no table can be made of them)")
    if path.suffix != ".pt":
        what = ngettext("{path} ({n:,} answer)", "{path} ({n:,} answers)", count)
    rows = {
        _("checkpoint"): short_path(command.settings.checkpoint_path),
        **({} if count > _FEW else few_answers(path)),
        _("kept in"): what.format(path=short_path(path), n=count),
    }
    run = run_of_checkpoint(command.settings.checkpoint_path)
    if run is not None and path.resolve().parent != run:
        rows[_("not kept in")] = _("{path}: its folder may only be read").format(path=short_path(run))
    _print_rows(console, "predict", rows)
    warn_of_sample(console, command.datamodule)


def warn_of_sample(console: Console, datamodule: Any) -> None:
    """Print a box if the data are not those of the recipe."""
    if getattr(datamodule, "is_sample", False):
        text = _(
            "{name} could not be found or downloaded ({why}): this is a built-in sample, {source}. Its results mean "
            "nothing for the real data. The real data: apt-get install dataset-fashion-mnist (Debian and Ubuntu), or "
            "--data.root FOLDER, or a network."
        ).format(name=type(datamodule).__name__, why=_(datamodule.why_sample), source=_(datamodule.source))
        console.print(Panel(text, title=_("built-in sample"), border_style="yellow"))


def last_checkpoint(folder: Path) -> Path:
    """Return the path of a run's last checkpoint, which may not exist yet."""
    return folder / "checkpoints" / "last.ckpt"


def go_on(folder: Path) -> str:
    """Return the command that continues an interrupted run."""
    path = shell_word(short_path(last_checkpoint(folder)))
    return f"Go on: python -m dlcore fit --ckpt_path {path} {allow_flag(folder)}".rstrip()


def _next(command: Command, diagnosis: Diagnosis | None) -> list[str]:
    """Return the next commands: the full diagnosis if there is a fault, then uses of the checkpoint."""
    if command.folder is None:
        return []
    faults = diagnosis is not None and diagnosis.faults
    lines = [f"python -m dlcore explain {shell_word(short_path(command.folder))}"] if faults else []
    keeper: Any = command.trainer.checkpoint_callback
    if found := getattr(keeper, "best_model_path", "") or getattr(keeper, "last_model_path", ""):
        lines += _uses(command, Path(found))
    return [*lines, tensorboard_command(short_path(command.folder.parent.parent))]


def _uses(command: Command, checkpoint: Path) -> list[str]:
    words = f"--ckpt_path {shell_word(short_path(checkpoint))}"
    with_own = f"{words} {allow_flag(command.config_dump)}".rstrip()
    model, data = command.model, command.datamodule
    lines = []
    if is_overridden("test_step", model) and is_overridden("test_dataloader", data):
        lines.append(f"python -m dlcore test {with_own}")
    if hasattr(model, "scores") and getattr(dlcore.models, type(model).__name__, None) is type(model):
        lines.append(f"python -m dlcore generate {words}")  # dlcore's own: it needs neither data nor --allow
    elif is_overridden("predict_step", model) and is_overridden("predict_dataloader", data):
        lines.append(f"python -m dlcore predict {with_own}")
        if type(model) is dlcore.models.TextClassifier:
            lines.append(f"python -m dlcore predict {words} --text " + shell_word(_("a text of your own")))
    return lines


def _facts(trainer: Trainer, model: LightningModule, folder: Path | None) -> dict[str, str]:
    data: Any = data_module_of(trainer)
    numbers = sum(parameter.numel() for parameter in model.parameters())
    said = _("{model}, {parameters:,} parameters")
    rows = {_("model"): said.format(model=type(model).__name__, parameters=numbers)}
    said, source = _("{data} from {source}"), getattr(data, "source", "")
    if getattr(data, "is_sample", False):  # then the data are not those that the class is named after
        rows[_("data")] = _("{title}: {text}").format(title=data_words(trainer, named=False), text=_(source))
    else:
        rows[_("data")] = said.format(data=data_words(trainer), source=source) if source else data_words(trainer)
    rows[_("device")] = device_words(trainer)
    if folder is not None:
        rows[_("run")] = short_path(folder)
    if trainer.global_step:
        said = _("from step {step:,}, epoch {epoch}")
        rows[_("goes on")] = said.format(step=trainer.global_step, epoch=trainer.current_epoch + 1)
    return rows


def print_changes(command: Command) -> None:
    """Print which settings of a checkpoint were overridden by a recipe or flags."""
    if command.trainer.is_global_zero:
        for line in command.changes:
            print(printable(line))


def _print_rows(console: Console, title: str, rows: dict[str, str]) -> None:
    """Print a headed block of rows. Lines are not cut, so that a user can copy them whole."""
    console.print(Rule(title, align="left", style="cyan"))
    width = max(cell_len(name) for name in rows)
    for name, value in rows.items():
        for number, line in enumerate(value.splitlines()):
            label = Text(set_cell_size(name if number == 0 else "", width + 2), style="dim")
            console.print(label.append(line, style="not dim"), soft_wrap=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if minutes:
        return _("{minutes} min {seconds} s").format(minutes=minutes, seconds=rest)
    return _("{seconds:.1f} s").format(seconds=seconds)
