"""What ended a run, as a user knows it: errors of data, trainer and machine in a line, signals by their names."""

from __future__ import annotations

import inspect
import signal
import threading
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException
from lightning.pytorch.utilities.model_helpers import is_overridden

from dlcore.config.class_paths import allow_flag
from dlcore.errors import ArgumentError, DlcoreError, FitError, Interrupted, in_a_line
from dlcore.plain_text import shell_word
from dlcore.processes import will_be_restarted
from dlcore.runs.lightning_errors import refused_by_lightning
from dlcore.runs.out_of_memory import no_memory_for_batch
from dlcore.runs.trainer_classes import failed_by
from dlcore.runs.wrong_shape import shapes_do_not_fit


def named_error(error: BaseException, trainer: Trainer, data: Any) -> BaseException:
    """The error as a user knows it; itself where it is that already, or nobody's but its author's.

    Args:
        error: What came out of the trainer.
        trainer: The trainer, as the error left it.
        data: The data module.
    """
    if isinstance(error, ArgumentError) and error.argument in inspect.signature(type(data)).parameters:
        return error.within("data")
    if isinstance(error, ArgumentError) and error.argument.startswith(("lr_scheduler", "optimizer")):
        return error.within("model")
    if isinstance(error, SystemExit) and isinstance(error.__context__, KeyboardInterrupt):
        return _interrupted(error.__context__, trainer)
    if isinstance(error, SIGTERMException):  # Lightning's own, which would exit with 0
        return Interrupted("Interrupted by SIGTERM: nothing was kept, since checkpoints are off.", 143)
    named = no_memory_for_batch(error, trainer) or failed_by(error) or refused_by_lightning(error)
    named = named or _schedule_is_over(error, trainer)
    return named or _no_predict_step(error, trainer) or shapes_do_not_fit(error, trainer) or error


def _schedule_is_over(error: BaseException, trainer: Trainer) -> FitError | None:
    """What is said where a schedule of a fixed length ends before the run, as when that goes on for more epochs."""
    if not isinstance(error, ValueError) or "total steps is" not in str(error):
        return None
    schedules = [each.scheduler for each in trainer.lr_scheduler_configs if hasattr(each.scheduler, "total_steps")]
    if not schedules:
        return None
    steps, name = schedules[0].total_steps, type(schedules[0]).__name__
    return FitError(
        f"trainer.max_epochs: expected no more than the {steps:,} steps of {name}, which a checkpoint keeps, got a run "
        "of more. Train anew for as many epochs (leave --ckpt_path out), or end where it ends: "
        f"--trainer.max_steps {steps}"
    )


def _no_predict_step(error: BaseException, trainer: Trainer) -> FitError | None:
    """What is said where Lightning's own `predict_step` gives a whole batch to a `forward` that cannot take it."""
    model: Any = getattr(trainer, "lightning_module", None)
    if model is None or trainer.state.fn != "predict" or not isinstance(error, Exception):
        return None
    if is_overridden("predict_step", model, LightningModule) or isinstance(error, DlcoreError):
        return None
    name = type(model).__name__
    return FitError(
        f"{name} has no predict_step, and its forward cannot take a whole batch ({in_a_line(error)}). Add one: "
        "def predict_step(self, batch, batch_idx): return self(batch[0])"
    )


def how_to_go_on(trainer: Trainer, config: Any = None) -> str:
    """How a run goes on that lost a process, a sentence; nothing where it has come to no checkpoint.

    Args:
        trainer: The run's trainer.
        config: What the run was made with, for the packages that must be allowed again.
    """
    if will_be_restarted():
        return "torchrun starts all of them again."
    last = getattr(trainer.checkpoint_callback, "last_model_path", "")
    return f"Go on: python -m dlcore fit --ckpt_path {shell_word(last)} {allow_flag(config)}".rstrip() if last else ""


def _interrupted(interrupt: KeyboardInterrupt, trainer: Trainer) -> Interrupted:
    """What is said of Ctrl-C or a signal; Lightning's answer is a silent exit with 1, and a deaf process."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
    number = getattr(interrupt, "number", signal.SIGINT)
    if number == signal.SIGINT:
        return Interrupted("Interrupted at once: nothing was saved by that.", 130)
    kept = "nothing was saved by that" if trainer.checkpoint_callback else "nothing was kept, since checkpoints are off"
    return Interrupted(f"Interrupted by {signal.Signals(number).name}: {kept}.", 128 + number)
