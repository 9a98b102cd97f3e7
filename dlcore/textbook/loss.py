"""Losses as curves over the error or the score, each with its gradient, and on numbers of one's own.

Shapes: N samples, K classes, P points of a curve.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from dlcore.errors import ArgumentError, UnknownNameError
from dlcore.nn.losses import TASKS_OF_LOSSES, make_loss
from dlcore.textbook.demonstration import Demonstration, Table
from dlcore.tracking.figures import style

EXAMPLES = (
    "show loss",
    "show loss mse mae 'huber(delta=0.5)'",
    "show loss smooth_l1 --predictions [0.2,0.6] --targets [0,1]",
    "show loss cross_entropy --scores [[2,1,0.1]] --classes [0]",
)
# The chapter's examples: predictions or scores, and targets.
_KNOWN = (
    ("cross_entropy", [[0.05, 0.9, 0.05], [0.05, 0.05, 0.9]], [1, 2]),
    ("binary_cross_entropy", [0.4, 0.6], [0.0, 1.0]),
    ("mae", [1.0, 1.0], [0.0, 0.0]),
    ("mse", [1.0, 1.0], [0.0, 0.0]),
    ("smooth_l1", [0.2, 0.6], [0.0, 1.0]),
)


def loss(
    names: Sequence[str] = ("mae", "mse", "smooth_l1", "huber(delta=2)", "cross_entropy", "binary_cross_entropy"),
    predictions: Sequence[float] | None = None,
    targets: Sequence[float] | None = None,
    scores: Sequence[Sequence[float]] | None = None,
    classes: Sequence[int] | None = None,
) -> Demonstration:
    """Loss functions as curves, each with its gradient by autograd, and their values on given numbers.

    Losses of regression are drawn over the error (prediction minus target), those of classification over the score of
    the right class. Without numbers of your own, the chapter's examples are computed.

    Args:
        names: Losses, as for `--model.loss`: mae (l1), mse, smooth_l1, huber, cross_entropy, binary_cross_entropy;
            arguments in brackets: 'huber(delta=0.5)'.
        predictions: Predicted numbers, or probabilities for binary_cross_entropy (N).
        targets: The wanted numbers, or 0 and 1 (N).
        scores: Raw scores for cross_entropy, a row a sample (N, K).
        classes: The right class of each row, from 0 (N).

    Returns:
        The demonstration; its `values` have the value of each loss on the numbers, by name.

    Raises:
        UnknownNameError: Unknown loss.
        ArgumentError: The numbers do not match.
    """
    made = {name: _made(name) for name in names}
    if not made:
        raise ArgumentError("names", "at least one loss", [])
    if (predictions is None) != (targets is None):
        raise ArgumentError(
            "predictions" if predictions is None else "targets", "numbers, together with the other", None
        )
    if (scores is None) != (classes is None):
        raise ArgumentError("scores" if scores is None else "classes", "values, together with the other", None)
    rows, values = [], {}
    if predictions is None and scores is None:
        examples = [each for each in _KNOWN if any(_base(name) == each[0] for name in made)]
        given: list[tuple[str, Any, Any]] = [
            (name, numbers, wanted) for base, numbers, wanted in examples for name in made if _base(name) == base
        ]
    else:
        given = []
        for name, (task, _) in made.items():
            if task == "multiclass" and scores is not None:
                given.append((name, scores, classes))
            elif task != "multiclass" and predictions is not None:
                given.append((name, predictions, targets))
    tasks = {task for task, _ in made.values()}
    if predictions is not None and tasks == {"multiclass"}:
        raise ArgumentError("predictions", "--scores and --classes for cross_entropy", list(predictions))
    if scores is not None and "multiclass" not in tasks:
        raise ArgumentError("scores", f"--predictions and --targets for {', '.join(made)}", list(scores))
    for name, numbers, wanted in given:
        values[name] = _value(*made[name], name, numbers, wanted)
        rows.append((name, _short(numbers), _short(wanted), f"{values[name]:.6g}"))
    tables = [Table(("loss", "predictions or scores", "targets", "value"), rows)] if rows else []
    notes = ["Squares weigh large errors more; smooth L1 and Huber are squares near 0 and lines beyond."] * (
        "regression" in tasks
    )
    if tasks - {"regression"}:
        notes.append("Softmax is part of cross_entropy, sigmoid of binary_cross_entropy: models give raw scores.")
    if {"multiclass", "binary"} <= tasks:
        notes.append("With two classes both are the same curve.")
    return Demonstration(_figure(made), tables, notes, dict(values))


def _base(name: str) -> str:
    """Return a loss's name without its arguments, as in the chapter's examples."""
    return {"l1": "mae", "bce": "binary_cross_entropy"}.get(base := name.partition("(")[0].strip(), base)


def _made(name: str) -> tuple[str, Callable[..., Tensor]]:
    """Return the loss's task and function.

    Raises:
        UnknownNameError: Unknown loss.
    """
    base = name.partition("(")[0].strip()
    if base not in TASKS_OF_LOSSES:
        raise UnknownNameError("loss", base, TASKS_OF_LOSSES)
    return TASKS_OF_LOSSES[base], make_loss(TASKS_OF_LOSSES[base], name)


def _value(task: str, function: Callable[..., Tensor], name: str, numbers: Any, wanted: Any) -> float:
    """Return the loss of the numbers, as a float32 computation like a training's."""
    if len(numbers) != len(wanted) or not len(numbers):
        argument = "classes" if task == "multiclass" else "targets"
        raise ArgumentError(argument, f"{len(numbers)} values, one for each prediction", wanted)
    try:
        inputs = torch.tensor(numbers, dtype=torch.float32)
    except ValueError as error:
        raise ArgumentError("scores", "rows of equal length", numbers) from error
    if task == "multiclass":
        if not all(0 <= each < inputs.shape[1] for each in wanted):
            raise ArgumentError("classes", f"numbers from 0 to {inputs.shape[1] - 1}", wanted)
        return function(inputs, torch.tensor(wanted)).item()
    if task == "binary":
        if bool(((inputs < 0) | (inputs > 1)).any()) or not {*wanted} <= {0, 1}:
            raise ArgumentError("predictions", f"probabilities in [0, 1] for {name}, with targets 0 or 1", numbers)
        inputs = torch.logit(inputs)
    return function(inputs, torch.tensor(wanted, dtype=torch.float32)).item()


def _short(values: Sequence[Any]) -> str:
    return str(values).replace(" ", "")


def _figure(made: dict[str, tuple[str, Callable[..., Tensor]]]) -> Any:
    """Draw the losses of regression in one row, those of classification in another; gradients at the right."""
    groups = [
        ("error: prediction − target", {name: f for name, (task, f) in made.items() if task == "regression"}),
        (
            "score of the right class, the other's is 0",
            {name: f for name, (task, f) in made.items() if task != "regression"},
        ),
    ]
    groups = [group for group in groups if group[1]]
    figure = style.new_figure(10, 3.6 * len(groups) + 0.2)
    for (left, right), (label, functions) in zip(figure.subplots(len(groups), 2, squeeze=False), groups, strict=True):
        # Curves that lie on each other stay visible: each later one is thinner.
        widths = torch.linspace(3.4, 1.6, len(functions)).tolist()
        for color, width, (name, function) in zip(style.CYCLE * 4, widths, functions.items(), strict=False):
            x, y, slope = _curve(made[name][0], function)
            left.plot(x, y, color=color, linewidth=width, label=name)
            right.plot(x, slope, color=color, linewidth=width)
        style.style_axes(left, "loss", label)
        style.style_axes(right, "gradient", label)
        left.legend(frameon=False, fontsize=style.TICK_SIZE)
    return style.finish(figure)


def _curve(task: str, function: Callable[..., Tensor]) -> tuple[Any, Any, Any]:
    """Return the points (P,) of a loss over its error or score: inputs, values, gradients."""
    x = torch.linspace(-3, 3, 601, dtype=torch.float64) * (1 if task == "regression" else 2)
    x.requires_grad_()
    if task == "multiclass":
        pairs = torch.stack([x, torch.zeros_like(x)], dim=1)
        y = torch.stack([function(pair[None], torch.tensor([0])) for pair in pairs])
    else:
        wanted = torch.zeros(1, dtype=torch.float64) if task == "regression" else torch.ones(1, dtype=torch.float64)
        y = torch.stack([function(each[None], wanted) for each in x])
    (slope,) = torch.autograd.grad(y.sum(), x)
    return x.detach().numpy(), y.detach().numpy(), slope.numpy()
