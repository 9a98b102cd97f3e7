"""Summary of a run: its curves as a picture, and a page to share."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, final

import lightning
import torch
from lightning.pytorch import LightningModule, Trainer

import dlcore
from dlcore.callbacks.data_facts import data_words, device_words
from dlcore.callbacks.logged_figures import run_loggers, say_without_run_logger
from dlcore.callbacks.metric_callback import MetricCallback
from dlcore.config import strict_yaml
from dlcore.config.merge import flatten
from dlcore.diagnosis import diagnose
from dlcore.errors import ArgumentError, DataError, DlcoreError, check_number, never_fatal
from dlcore.lightning_compat import data_module_of
from dlcore.tracking import learning_curves, read_metrics
from dlcore.tracking.background import Refresh
from dlcore.tracking.figures.learning_curves import Columns
from dlcore.tracking.figures.style import replace_png, to_png
from dlcore.tracking.metric_pairs import read_as_pairs
from dlcore.tracking.run_file import replace_file, run_title
from dlcore.tracking.run_logger import RunLogger
from dlcore.tracking.run_page import RunFacts, run_page
from dlcore.tracking.timeline import read_events
from dlcore.translation import N_, _

CURVES, PAGE = "curves.png", "summary.md"
# Seconds for the first picture, with the import of matplotlib.
_FIRST_PICTURE = 1.0
# Settings on the page, each with its label.
_SETTINGS = {
    "model.optimizer": "",
    "model.optimizer.lr": "lr ",
    "model.lr_scheduler": "",
    "data.batch_size": N_("batch size "),
    "trainer.precision": N_("precision "),
    "seed_everything": N_("seed "),
}


@final
class RunSummary(MetricCallback):
    """Draws the curves of a run with its events, and writes a page about it: curves.png and summary.md in its folder.

    It needs a `dlcore.tracking.RunLogger` among the trainer's loggers; without one it prints a message.

    Both are written when the training ends, also by an error or by Ctrl-C; the curves also during the training, in a
    small share of its time. Everything is drawn and written in the background, so training does not wait.

    Args:
        refresh_share: Share of the training's time for redrawing the curves, in [0, 1]; 0: only at the end.

    Raises:
        ArgumentError: The share is out of range.
    """

    def __init__(self, refresh_share: float = 0.01) -> None:
        check_number("refresh_share", refresh_share, at_least=0, at_most=1)
        self.refresh_share = refresh_share
        self._refresh: Refresh | None = None
        self._trains = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start to measure the time for redrawing."""
        super().on_train_start(trainer, pl_module)
        say_without_run_logger(trainer, self)
        self._trains = True
        self._refresh = Refresh(self.refresh_share, _FIRST_PICTURE) if self.refresh_share else None

    def on_metrics(self, trainer: Trainer, model: LightningModule) -> None:
        """Redraw the curves if due."""
        loggers = run_loggers(trainer)
        if loggers and trainer.is_global_zero and self._refresh is not None and self._refresh.due():
            loggers[0].background.submit(self._redraw, Path(loggers[0].log_dir), self._refresh)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the curves and write the page."""
        self._finish(trainer, pl_module)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Draw and write the results so far. The loggers wait for that before the process exits."""
        super().on_exception(trainer, pl_module, exception)
        self._finish(trainer, pl_module)

    def _finish(self, trainer: Trainer, model: LightningModule) -> None:
        trains, self._trains = self._trains, False
        if trains and trainer.is_global_zero:
            for logger in run_loggers(trainer):
                folder, failed = Path(logger.log_dir), list[str]()
                facts = RunFacts(run_title(folder), {})
                with never_fatal("the list of what was trained", failed.append):
                    facts = _facts(trainer, model, folder)
                logger.background.submit(self._write, logger, facts, trainer.global_step, failed)

    # In the background

    def _redraw(self, folder: Path, refresh: Refresh) -> None:
        began = time.monotonic()
        try:
            content, _, _ = to_png(_draw(read_as_pairs(read_metrics(folder)), folder))
            replace_png(content, folder / CURVES)
        except (ArgumentError, DataError):
            pass  # nothing logged yet, or the table is just being written: try again next time
        finally:
            refresh.took(time.monotonic() - began)

    def _write(self, logger: RunLogger, facts: RunFacts, step: int, failed: list[str]) -> None:
        """Write the page. List parts that fail on it, and report them at the end of the run."""
        folder = Path(logger.log_dir)
        columns: Columns = {"step": []}
        events: list[dict[str, Any]] = []
        findings: list[str] = []
        with never_fatal("reading metrics.csv", failed.append):
            columns = read_as_pairs(read_metrics(folder)) if (folder / "metrics.csv").is_file() else columns
        with never_fatal("reading events.jsonl", failed.append):
            events = read_events(folder)
        with never_fatal("the diagnosis", failed.append):
            findings = _findings(folder)
        with never_fatal("the picture of the curves", failed.append), suppress(ArgumentError):  # nothing was logged
            figure = _draw(columns, folder)
            logger.log_figure("curves", lambda: figure, step, folder / CURVES)
        picture = CURVES if (folder / CURVES).is_file() else ""
        text = run_page(facts, columns, events, [*findings, *failed], picture)
        replace_file(folder / PAGE, text.encode())
        for line in failed:
            logger.background.report(line)


def _draw(columns: Columns, folder: Path) -> Any:
    return learning_curves(columns, run_title(folder), events=read_events(folder))


def _findings(folder: Path) -> list[str]:
    if not (folder / "metrics.csv").is_file():  # the run ended before anything was logged
        return []
    try:
        return [_("; ").join(block) for block in diagnose(folder).blocks()]
    except DlcoreError:  # its files were deleted or edited
        return []


def _facts(trainer: Trainer, model: LightningModule, folder: Path) -> RunFacts:
    data: Any = data_module_of(trainer)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    said = _("{model}, {parameters:,} parameters")
    if trained < parameters:
        said = _("{model}, {parameters:,} parameters, {frozen:,} of them frozen")
    model_words = said.format(model=type(model).__name__, parameters=parameters, frozen=parameters - trained)
    words = data_words(trainer, getattr(getattr(model, "task", None), "unit", ""))
    if source := getattr(data, "source", ""):
        source = _(source) if getattr(data, "is_sample", False) else source  # else it may be a path
        words = _("{data}, from {source}").format(data=words, source=source)
    rows = {
        _("Model"): model_words,
        _("Data"): words,
        _("Settings"): _settings(folder),
        _("Device"): device_words(trainer),
        _("Made with"): f"dlcore {dlcore.__version__}, lightning {lightning.__version__}, torch {torch.__version__}",
    }
    sample = _("These are results on a built-in sample: they mean nothing for the real data.")
    return RunFacts(run_title(folder), rows, sample if getattr(data, "is_sample", False) else "")


def _settings(folder: Path) -> str:
    """Describe the most important settings; ``config.yaml`` has all."""
    try:
        text = (folder / "config.yaml").read_text(encoding="utf-8")
        config: Mapping[str, Any] = dict(flatten(strict_yaml.load(text, "config.yaml")))
    except (OSError, DlcoreError):  # a run from a user's own program has no config
        return ""
    chosen = [(word, config[name]) for name, word in _SETTINGS.items() if config.get(name) is not None]
    return _(", ").join(_(word) + (f"{value:g}" if isinstance(value, float) else f"{value}") for word, value in chosen)
