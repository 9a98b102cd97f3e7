"""Error translation: turn the exception that ended a run into a one-line error in the user's terms."""

from __future__ import annotations

import inspect
import re
import signal
import threading
from collections.abc import Iterable
from traceback import walk_tb
from types import FrameType
from typing import Any

from jsonargparse import Namespace
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities.exceptions import SIGTERMException
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Tensor, nn

from dlcore.config.allow_list import allow_flag
from dlcore.config.short_names import TRAINER_CLASSES
from dlcore.errors import ArgumentError, DlcoreError, FitError, Interrupted, in_a_line
from dlcore.plain_text import shell_word
from dlcore.processes import will_be_restarted
from dlcore.runs.batch_size import no_memory_for_batch

# Lightning's exception for settings that do not fit together, and those that its own arithmetic raises.
_REFUSALS = (MisconfigurationException, ValueError, TypeError, ZeroDivisionError)
_SELF_EXPLAINING = (ValueError, TypeError, RuntimeError, OSError, AttributeError, MisconfigurationException)
_SHAPES = re.compile(r"shape|size|dimension|channels|must match|expected .* input", re.IGNORECASE)


def named_error(error: BaseException, trainer: Trainer, data: Any) -> BaseException:
    """Translate an exception into the user's terms; return it unchanged if it is clear already or unknown."""
    if isinstance(error, ArgumentError) and error.argument in inspect.signature(type(data)).parameters:
        return error.within("data")
    if isinstance(error, ArgumentError) and error.argument.startswith(("lr_scheduler", "optimizer")):
        return error.within("model")
    if isinstance(error, SystemExit) and isinstance(error.__context__, KeyboardInterrupt):
        return _interrupted(error.__context__, trainer)
    if isinstance(error, SIGTERMException):  # Lightning's own, which would exit with 0
        return Interrupted("Interrupted by SIGTERM: nothing was kept, since checkpoints are off.", 143)
    named = no_memory_for_batch(error, trainer) or _failed_by(error) or _refused_by_lightning(error)
    named = named or _schedule_is_over(error, trainer)
    return named or _no_predict_step(error, trainer) or _shapes_do_not_fit(error, trainer) or error


def _schedule_is_over(error: BaseException, trainer: Trainer) -> FitError | None:
    """Return the error for a schedule of fixed length that ends before the run, as after a resume with more epochs."""
    if not isinstance(error, ValueError) or "total steps is" not in str(error):
        return None
    schedules = [each.scheduler for each in trainer.lr_scheduler_configs if hasattr(each.scheduler, "total_steps")]
    if not schedules:
        return None
    steps, name = schedules[0].total_steps, type(schedules[0]).__name__
    return FitError(
        f"trainer.max_epochs: expected no more than the {steps:,} steps of {name}, which a checkpoint keeps, got a run "
        "of more. Start a new run with that many epochs (leave --ckpt_path out), or stop where it stops: "
        f"--trainer.max_steps {steps}"
    )


def _no_predict_step(error: BaseException, trainer: Trainer) -> FitError | None:
    """Return the error for Lightning's own `predict_step`, which passes a whole batch to `forward`, if that fails."""
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
    """Return a sentence on how to resume a run that lost a process; empty if it has no checkpoint."""
    if will_be_restarted():
        return "torchrun starts all of them again."
    last = getattr(trainer.checkpoint_callback, "last_model_path", "")
    return f"Go on: python -m dlcore fit --ckpt_path {shell_word(last)} {allow_flag(config)}".rstrip() if last else ""


def _interrupted(interrupt: KeyboardInterrupt, trainer: Trainer) -> Interrupted:
    """Return the error for Ctrl-C or a signal; Lightning exits silently with 1 and leaves SIGINT ignored."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
    number = getattr(interrupt, "number", signal.SIGINT)
    if number == signal.SIGINT:
        return Interrupted("Interrupted at once: nothing was saved by that.", 130)
    kept = "nothing was saved by that" if trainer.checkpoint_callback else "nothing was kept, since checkpoints are off"
    return Interrupted(f"Interrupted by {signal.Signals(number).name}: {kept}.", 128 + number)


def cannot_be_made(error: BaseException, trainer: Namespace) -> FitError | None:
    """Return the error of a class of the trainer that could not be created, in one line; None for another error."""
    name = ""
    while error.__cause__ is not None:
        problem = re.match(r"Problem with given class_path '([\w.]+)'", str(error))
        name = problem[1].rpartition(".")[2] if problem else name
        error = error.__cause__
    if not name:
        owners = [type(frame.f_locals.get("self")) for frame, _ in walk_tb(error.__traceback__)]
        name = next((owner.__name__ for owner in owners if issubclass(owner, (Callback, Logger))), "")
    if not name:
        return None
    key = next((key for key, value in vars(trainer).items() if f".{name}'" in str(value)), "")
    return FitError(f"trainer{'.' * bool(key)}{key}: {_said(name, error)}")


def _failed_by(error: BaseException) -> FitError | None:
    """Return the error of one of Lightning's callbacks or loggers, in one line; None for an error of other code."""
    if not isinstance(error, Exception):
        return None
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    for frame in reversed(frames):
        owner = frame.f_locals.get("self")
        if _is_of(frame, ("lightning.pytorch.callbacks", "lightning.pytorch.loggers")):
            for key, (base, _) in TRAINER_CLASSES.items():
                if isinstance(owner, base):
                    return FitError(f"trainer.{key}: {_said(type(owner).__name__, error)}")
        elif _is_of(frame, ("lightning", "dlcore", "__main__")) or isinstance(owner, Callback):
            return None
    return None


def _is_of(frame: FrameType, packages: Iterable[str]) -> bool:
    name = frame.f_globals.get("__name__", "")
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _said(name: str, error: BaseException) -> str:
    said = " ".join(str(error).split())
    if isinstance(error, ImportError):
        package, command = re.search(r"Requirement '([^']+)'", said), re.search(r"`(pip install [^`]+)`", said)
        needed = f"the package {package[1]}, which is not installed" if package else f"what is not installed ({said})"
        return f"{name} needs {needed}.{f' Install it: {command[1]}' if command else ''}"
    kind = "" if isinstance(error, _SELF_EXPLAINING) else type(error).__name__
    return f"{name}: {kind}{': ' * bool(kind)}{said}"


def _refused_by_lightning(error: BaseException) -> FitError | None:
    """Return the error in one line if Lightning's own code raised it; None for one of a model, data or torch."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    if not isinstance(error, _REFUSALS) or not frames or not _is_of(frames[-1], ("lightning",)):
        return None
    said = " ".join(str(error).split())
    if isinstance(error, ZeroDivisionError):
        said = f"a number of batches or steps is 0 ({said})"
    return FitError(f"trainer: {said}")


def _shapes_do_not_fit(error: BaseException, trainer: Trainer) -> FitError | None:
    """Return the error in one line if a layer or loss of torch.nn rejects a tensor's shape; None for any other."""
    if not isinstance(error, RuntimeError | ValueError | IndexError) or not _SHAPES.search(str(error)):
        return None
    said = " ".join(str(error).split())
    for frame, _ in reversed(list(walk_tb(error.__traceback__))):
        if not _is_of(frame, ("torch.nn",)):
            continue
        tensors = {name: value for name, value in frame.f_locals.items() if isinstance(value, Tensor)}
        layer: Any = frame.f_locals.get("self")
        module = getattr(trainer, "lightning_module", None)
        if isinstance(layer, nn.Module) and "input" in tensors:
            names = {id(each): name for name, each in module.named_modules()} if module is not None else {}
            where = f"{type(module).__name__}.{names.get(id(layer), type(layer).__name__)}"
            got = _shape(tensors["input"])
            return FitError(
                f"{where}: expected a tensor that fits {type(layer).__name__}({layer.extra_repr()}), got one of shape "
                f"{got} ({said}). Set the model's sizes to those of the data, or let the data module offer them as "
                "in_features or image_shape. DLCORE_DEBUG=1 shows where."
            )
        if {"input", "target"} <= tensors.keys():
            return FitError(
                f"{type(module).__name__}: the loss does not fit outputs of shape {_shape(tensors['input'])} and "
                f"targets of shape {_shape(tensors['target'])} ({said}). DLCORE_DEBUG=1 shows where."
            )
    return None


def _shape(tensor: Tensor) -> str:
    return " × ".join(map(str, tensor.shape)) or "one number"
