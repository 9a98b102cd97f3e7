"""Check: the loss before the first step, compared with that of guessing.

Shapes: N targets, K classes, V words.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from dlcore.callbacks.loss_check import LossCheck
from dlcore.diagnosis.rules.mismatched_loss import describe
from dlcore.insight.preflight.case import Case
from dlcore.insight.preflight.report import CheckResult
from dlcore.nn import Binary, LanguageModeling, Multiclass, Regression, Task
from dlcore.translation import _


def attainable_losses(task: Task | None, targets: Tensor) -> tuple[float, float] | None:
    """Return the range in which a network learns: the lowest loss that ignores the inputs, and the lowest of all.

    Args:
        task: The task; None for a module without one.
        targets: Targets of a batch.

    Returns:
        The loss of the best constant answer and that of perfect answers (0, except for smoothed or mixed labels); None
        for a task of the user's own.
    """
    if isinstance(task, Regression):
        numbers = targets.reshape(len(targets), -1).float()
        constants = (numbers.mean(dim=0), numbers.median(dim=0).values)
        return min(task.loss(each.expand_as(numbers), numbers).item() for each in constants), 0.0
    if isinstance(task, LanguageModeling):
        known = targets[targets != task.ignore_index].flatten()
        return _entropy(torch.bincount(known).float()[None] / len(known)).item(), 0.0
    if not isinstance(task, Multiclass | Binary):
        return None
    shares = _shares(targets, task.num_classes)
    smoothing = getattr(task.loss_function, "keywords", {}).get("label_smoothing", 0.0)
    shares = shares * (1 - smoothing) + smoothing / task.num_classes
    weights = torch.ones(len(shares), device=shares.device)
    if task.class_weights is not None:
        weights = task.class_weights.of(targets).float()
    weights = weights / weights.sum()
    return _entropy((weights[:, None] * shares).sum(dim=0)[None]).item(), (weights * _entropy(shares)).sum().item()


def _shares(targets: Tensor, classes: int) -> Tensor:
    """Return the share of each target that belongs to each class (N, K)."""
    if targets.dim() == 2 and targets.shape[1] == classes:
        return targets.float()
    if targets.is_floating_point():  # the probability of class 1
        one = targets.reshape(-1).float()
        return torch.stack([1 - one, one], dim=1)
    return functional.one_hot(targets.reshape(-1).long(), classes).float()


def _entropy(shares: Tensor) -> Tensor:
    """Return the entropy in nats of each row (N, K)."""
    nats: Tensor = torch.special.entr(shares)
    return nats.sum(dim=-1)


_EXCESS, _FAR = 1.5, 5.0  # times the guess: a warning, a failure
_TOLERANCE = 0.2  # in nats: scores of two classes differ by chance
_BELOW = 0.5


def check_first_loss(case: Case, result: CheckResult) -> None:
    """Compute the loss of some training batches with the initial weights."""
    if case.trained:
        result.skip(_("the weights are those of a checkpoint"))
        return
    if _mismatched(case, result):
        return
    guess, words = guessing_loss(case)
    if guess is None and case.knows_task:
        result.skip(_("no known loss of guessing for the task {task}").format(task=type(case.task).__name__))
        return
    model = case.fresh_model()
    if guess is None:
        with torch.no_grad():
            result.numbers["loss"] = loss = case.loss(model, case.batches[0]).item()
        if math.isfinite(loss):
            result.ok(_("{loss:.4g}; the loss of guessing is known only for dlcore's models").format(loss=loss))
        else:
            seen = _("the loss is {loss} before the first step").format(loss=loss)
            result.fail(seen, *_too_large(case), expected=_("a finite loss"))
        return
    with torch.no_grad():
        losses = [(case.loss(model, batch).item(), len(batch[1])) for batch in case.batches]
    loss = sum(value * count for value, count in losses) / sum(count for _, count in losses)
    result.numbers |= {"loss": loss, "guess": guess}
    if not math.isfinite(loss):
        result.fail(_("{loss}, not {guess}").format(loss=loss, guess=words), *_too_large(case))
    elif loss > _EXCESS * guess + (guess if isinstance(case.task, Regression) else _TOLERANCE):
        note = result.fail if loss > _FAR * guess else result.warn
        cause = _("the first outputs are too large")
        if not isinstance(case.task, Regression):
            cause = _("the untrained network is confident in wrong answers")
        seen = _("{loss:.4g}, {times:,.3g} times {guess}: {cause}")
        note(seen.format(loss=loss, times=loss / guess, guess=words, cause=cause), *_too_large(case))
    elif not isinstance(case.task, Regression) and loss < _BELOW * _frequencies(case):
        result.warn(
            _(
                "{loss:.4g}, clearly less than {guess}: an untrained network cannot know so much. Are the weights "
                "trained already, or is the answer among the inputs?"
            ).format(loss=loss, guess=words),
            case.flag("data", "ignore", "'[COLUMN]'", _("leaves out a column that holds the answer")),
        )
    else:
        result.ok(_("{loss:.4g}; compare {guess}").format(loss=loss, guess=words))


def _mismatched(case: Case, result: CheckResult) -> bool:
    """Report a loss that does not fit the network's outputs (`dlcore.callbacks.loss_check`)."""
    batch, model = case.batches[0], case.fresh_model(noise=False)
    check = LossCheck(model)
    loss = case.loss(model, batch).item()
    found = check.compare(batch, loss)
    if not found:
        return False
    result.numbers["loss"] = loss
    text, remedy = describe(found)
    if found["what"] == "softmax_twice":
        result.numbers["least"] = least = math.log1p((found["classes"] - 1) / math.e)
        text = _("{text}: it cannot fall below {least:.3g}").format(text=text, least=least)
    result.fail(text, remedy)
    return True


def guessing_loss(case: Case) -> tuple[float | None, str]:
    """Return the loss of a network that has learned nothing, and a description of it."""
    task = case.task
    if isinstance(task, Multiclass | Binary | LanguageModeling):
        count = task.out_features if isinstance(task, LanguageModeling) else task.num_classes
        said = _("what guessing among {count:,} classes costs (ln {count:,} = {guess:.3g})")
        if isinstance(task, LanguageModeling):
            said = _("what guessing among {count:,} words costs (ln {count:,} = {guess:.3g})")
        guess = math.log(count)
        return guess, said.format(count=count, guess=guess)
    if isinstance(task, Regression):
        targets = torch.cat([batch[1].reshape(len(batch[1]), -1) for batch in case.batches]).float()
        zero = task.loss(torch.zeros_like(targets), targets).item()
        middle = task.loss(targets.mean(dim=0).expand_as(targets), targets).item()
        said = _("what always answering 0 costs ({zero:.4g}; always the mean: {mean:.4g})")
        return max(zero, middle), said.format(zero=zero, mean=middle)
    return None, ""


def _frequencies(case: Case) -> float:
    """Return the loss of answers by class frequency alone: with rare classes it is low even without a leak."""
    text = isinstance(case.task, LanguageModeling)
    targets = torch.cat([batch[1].flatten() if text else batch[1] for batch in case.batches])
    return (attainable_losses(case.task, targets) or (0.0, 0.0))[0]


def _too_large(case: Case) -> list[str]:
    """Return remedies for first outputs that are too large, the likeliest first."""
    initializer = getattr(case.model.hparams, "initializer", "default")
    wide = [case.flag("model", "initializer", "default", _("torch's own initial weights"))] * (initializer != "default")
    unit: list[str] = []
    if isinstance(case.task, Regression):
        spread = torch.cat([batch[1].reshape(-1) for batch in case.batches]).float().std().item()
        if 0 < spread < 1:
            power = 10.0 ** math.floor(math.log10(spread))
            unit = [case.flag("data", "target_unit", f"{power:g}", _("in this unit the targets are about 1"))]
    return [*case.remedies("inputs"), *wide, *unit]
