"""What turns a classifier's scores into answers: a temperature, and a threshold between two classes.

Both are chosen on the validation samples by ``test`` (``--calibrate``, ``--threshold``), and kept in the checkpoint
beside the weights. ``predict`` and later tests apply them. A fit that goes on from the checkpoint ignores them, and its
checkpoints have none: its weights are others.
"""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from dlcore.errors import ArgumentError, CheckpointError, DataError
from dlcore.evaluation.curves import calibration
from dlcore.evaluation.decision import CRITERIA, best_threshold, fit_temperature, probabilities_of
from dlcore.nn import Binary, Multiclass
from dlcore.runs.checkpoint_file import AtomicCheckpointIO, read_checkpoint

if TYPE_CHECKING:
    from dlcore.config.request import Request
    from dlcore.runs.command import Command

KEY = "dlcore_decision"  # in a checkpoint
_ON, _OFF = ("on", "true", "yes"), ("off", "false", "no", "null", "none")


@dataclass(frozen=True)
class Decision:
    """How probabilities and answers are made from raw scores.

    Attributes:
        temperature: What the scores are divided by before softmax or sigmoid; 1 changes nothing.
        threshold: Probability of class 1 of two above which it is the answer; None: 0.5.
        chosen_by: What the threshold maximised on the validation samples: f1 or balanced_accuracy; empty: given.
        error_before: Expected calibration error on the validation samples without the temperature; None: unknown.
        error_after: The same with the temperature.
        samples: Validation samples that it was chosen on; 0: none.
    """

    temperature: float = 1.0
    threshold: float | None = None
    chosen_by: str = ""
    error_before: float | None = None
    error_after: float | None = None
    samples: int = 0

    def classes(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the answers (N,) of probabilities (N, K)."""
        if self.threshold is not None and probabilities.shape[1] == 2:
            return (probabilities[:, 1] > self.threshold).astype(np.int64)
        best: np.ndarray = probabilities.argmax(axis=1)
        return best


@dataclass(frozen=True)
class DecisionRequest:
    """What the flags of ``test`` ask for.

    Attributes:
        threshold: f1, balanced_accuracy, off, or a number as text; None: keep what there is.
        calibrate: Whether to fit a temperature (True) or to remove it (False); None: keep what there is.
    """

    threshold: str | None = None
    calibrate: bool | None = None

    @classmethod
    def of(cls, request: Request) -> DecisionRequest:
        """Read the flags ``--threshold`` and ``--calibrate``.

        Raises:
            ArgumentError: A value is none of those that are allowed.
        """
        names = {flag.name for flag in request.flags} if request.command == "test" else set()
        threshold = (request.value("threshold") or CRITERIA[0]).lower() if "threshold" in names else None
        calibrate = (request.value("calibrate") or _ON[0]).lower() if "calibrate" in names else None
        if threshold in _OFF:
            threshold = _OFF[0]
        elif threshold is not None and threshold not in CRITERIA:
            number = math.nan
            with contextlib.suppress(ValueError):
                number = float(threshold)
            if not 0 < number < 1:
                expected = f"{', '.join(CRITERIA)}, off or a probability between 0 and 1"
                raise ArgumentError("--threshold", expected, request.value("threshold"))
        if calibrate not in (None, *_ON, *_OFF):
            raise ArgumentError("--calibrate", "on or off, or no value", request.value("calibrate"))
        return cls(threshold, None if calibrate is None else calibrate in _ON)

    def __bool__(self) -> bool:
        """Return whether anything is asked for."""
        return self.threshold is not None or self.calibrate is not None


def kept_decision(checkpoint: dict[str, Any], path: Path | None, model: Any) -> Decision:
    """Return the decision in a checkpoint, and let the model's `predict` apply its temperature.

    Raises:
        CheckpointError: The entry is not as dlcore writes it.
    """
    kept = checkpoint.get(KEY)
    task = getattr(model, "task", None)
    if kept is None or not isinstance(task, Binary | Multiclass):
        return Decision()
    try:
        decision = Decision(**kept)
        sound = 0 < decision.temperature < math.inf and 0 < (decision.threshold or 0.5) < 1 and decision.samples >= 0
        sound = sound and decision.chosen_by in ("", *CRITERIA)
        errors = (decision.error_before, decision.error_after)
        sound = sound and all(error is None or 0 <= error <= 1 for error in errors)
    except TypeError:  # other names, or texts in the place of numbers
        sound = False
    if not sound:
        raise CheckpointError(
            f"{path}: expected a temperature and a threshold as dlcore writes them, got {kept!r:.200}."
        )
    task.temperature = decision.temperature
    return decision


def decide(command: Command) -> Decision:
    """Choose what the flags ask for on the validation samples, and keep it in the checkpoint.

    Raises:
        ArgumentError: The model is no classifier, or has more than two classes for a threshold.
        DataError: There are no validation samples, or they cannot decide.
        CheckpointError: The checkpoint cannot be written.
    """
    asked, decision = command.asked, command.decision
    if not asked:
        return decision
    _check_model(command.model, asked)
    criterion = asked.threshold if asked.threshold in CRITERIA else ""
    if asked.threshold is None and asked.calibrate is not None:
        criterion = decision.chosen_by  # chosen again, for other probabilities
    if asked.threshold is not None:
        given = None if criterion or asked.threshold == _OFF[0] else float(asked.threshold)
        decision = replace(decision, threshold=given, chosen_by="")
    if asked.calibrate is not None:
        decision = replace(decision, temperature=1.0, error_before=None, error_after=None)
    if asked.calibrate or criterion:
        decision = _fitted(decision, asked.calibrate or False, criterion, *_validation_outputs(command))
    path = command.settings.checkpoint_path
    if path is not None and command.trainer.is_global_zero:
        _keep(decision, path)
    command.model.task.temperature = decision.temperature
    return decision


def _check_model(model: Any, asked: DecisionRequest) -> None:
    task = getattr(model, "task", None)
    name = type(model if task is None else task).__name__
    flag = "--calibrate" if asked.threshold is None else "--threshold"
    if not isinstance(task, Binary | Multiclass):
        raise ArgumentError(flag, "one of dlcore's classifiers", name, "Leave it out.")
    if asked.threshold is not None and task.num_classes != 2:
        raise ArgumentError(flag, "a model of two classes", f"{task.num_classes} classes", "Leave it out.")


def _validation_outputs(command: Command) -> tuple[Tensor, Tensor]:
    command.trainer.validate(
        command.model, datamodule=command.datamodule, ckpt_path=str(command.settings.checkpoint_path),
        weights_only=True, verbose=False,
    )  # fmt: skip
    outputs, targets = command.kept_outputs.outputs, command.kept_outputs.targets
    if outputs is None or targets is None or not len(outputs):
        raise DataError("--threshold and --calibrate need validation samples, and the data have none: leave them out.")
    if not outputs.isfinite().all():
        raise DataError("--threshold and --calibrate: the validation outputs hold NaN or infinity: leave them out.")
    targets = targets.argmax(dim=1) if targets.dim() == 2 and targets.shape[1] > 1 else targets.reshape(-1).round()
    return outputs.reshape(len(outputs), -1), targets.long()


def _fitted(decision: Decision, calibrate: bool, criterion: str, logits: Tensor, targets: Tensor) -> Decision:
    classes = targets.numpy()
    decision = replace(decision, samples=len(classes))
    if calibrate:
        temperature = fit_temperature(logits, targets)
        before, after = (calibration(probabilities_of(logits, each), classes).error for each in (1.0, temperature))
        decision = replace(decision, temperature=temperature, error_before=before, error_after=after)
    if criterion:
        if len(torch.unique(targets)) < 2:
            raise DataError(
                f"--threshold {criterion}: expected both classes among the validation samples, got one. Give a number: "
                "--threshold 0.3"
            )
        scores = probabilities_of(logits, decision.temperature)[:, 1]
        decision = replace(decision, threshold=best_threshold(classes, scores, criterion), chosen_by=criterion)
    return decision


def _keep(decision: Decision, path: Path) -> None:
    """Write the decision into the checkpoint, atomically. Keep the file's time: it tells which run is the newest."""
    checkpoint = {name: value for name, value in read_checkpoint(path).items() if name != KEY}
    if decision != Decision(samples=decision.samples):
        checkpoint[KEY] = asdict(decision)
    times = path.stat()
    try:
        AtomicCheckpointIO().save_checkpoint(checkpoint, path)
    except CheckpointError as error:
        reason = error.__cause__.strerror if isinstance(error.__cause__, OSError) else error
        raise CheckpointError(
            f"{path}: threshold and temperature could not be kept in it: {reason}. It is as it was. Allow writing to "
            "its folder, or leave --threshold and --calibrate out."
        ) from error
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
