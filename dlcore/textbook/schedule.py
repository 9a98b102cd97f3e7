"""Learning-rate schedules beside each other, each with its formula; and the cuts of a plateau on a given curve.

Shapes: T epochs.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch.optim import lr_scheduler

from dlcore.errors import ArgumentError, UnknownNameError, check_number
from dlcore.nn.call_text import read_call
from dlcore.optim import ExponentialDecayLR, InverseTimeDecayLR, PiecewiseConstantLR
from dlcore.textbook.demonstration import Demonstration, Table
from dlcore.tracking.figures import style

EXAMPLES = (
    "show schedule exponential inverse_time piecewise",
    "show schedule cosine 'StepLR(step_size=10, gamma=0.5)' 'warmup(epochs=5)' --epochs 40",
    "show schedule plateau --losses [1,0.8,0.7,0.7,0.69,0.69,0.5,0.5,0.5]",
)
_MOST = 6


def schedule(
    names: Sequence[str] = ("exponential", "inverse_time", "piecewise", "cosine"),
    lr: float = 0.1,
    epochs: int = 30,
    losses: Sequence[float] | None = None,
    factor: float = 0.5,
    patience: int = 0,
) -> Demonstration:
    """Learning-rate schedules over the epochs, on one chart, each with its formula.

    Args:
        names: exponential, inverse_time, piecewise, cosine, one_cycle, warmup, plateau, or a class of
            torch.optim.lr_scheduler; arguments in brackets: 'exponential(decay_rate=0.2)'. At most 6.
        lr: The initial rate α₀.
        epochs: Length of the run (T), 1 to 10,000.
        losses: For plateau: the validation loss after each epoch; left out, a curve that levels off.
        factor: For plateau: the rate is multiplied by this when the loss has not improved, in (0, 1).
        patience: For plateau: epochs without improvement that are let pass.

    Returns:
        The demonstration; its `values` map each name to the rate of each epoch (T).

    Raises:
        UnknownNameError: There is no such schedule.
        ArgumentError: A number is out of range, or a schedule refuses its arguments.
    """
    check_number("lr", lr, above=0)
    check_number("epochs", epochs, at_least=1, at_most=10_000, whole=True)
    check_number("factor", factor, above=0, below=1)
    check_number("patience", patience, at_least=0, whole=True)
    if not 1 <= len(names) <= _MOST:
        raise ArgumentError("names", f"1 to {_MOST} schedules", len(names))
    if losses is not None and not losses:
        raise ArgumentError("losses", "at least one loss", [])
    curve = _levelling(epochs) if losses is None else [float(value) for value in losses]
    if "plateau" in names and losses is not None:
        epochs = len(curve)
    found: dict[str, tuple[str, list[float]]] = {}
    for name in names:
        if name == "plateau":
            found[name] = (
                f"×{factor:g} after {patience + 1} without a better loss",
                _on_plateau(curve, lr, factor, patience),
            )
        else:
            found[name] = _rates(name, lr, epochs)
    marks = sorted({0, 1, 2, 5, 10, 20, 50, 100, epochs - 1} & set(range(epochs)))
    rows = [(str(mark), *(f"{rates[mark]:.4g}" for _, rates in found.values())) for mark in marks]
    table = Table(("epoch t", *found), rows)
    formulas = Table(("schedule", "formula"), [(name, formula) for name, (formula, _) in found.items()])
    _, on_plateau = found.get("plateau", ("", []))
    cuts = [epoch for epoch, (now, later) in enumerate(pairwise(on_plateau), start=1) if later < now]
    notes = (
        [f"plateau: the rate was cut after epochs {', '.join(map(str, cuts)) or 'none'}."] if "plateau" in found else []
    )
    notes.append(
        "In a recipe: --model.lr_scheduler CLASS; plateau: --reduce_lr_on_plateau.factor 0.5 (see its --help)."
    )
    figure = style.new_figure(10, 4.6 + 2.4 * ("plateau" in found))
    charts = figure.subplots(1 + ("plateau" in found), 1, squeeze=False, sharex=True)[:, 0]
    for color, (name, (formula, rates)) in zip(style.CYCLE, found.items(), strict=False):
        charts[0].step(range(len(rates)), rates, where="post", color=color, linewidth=2, label=f"{name}: {formula}")
    style.style_axes(charts[0], "Learning rate", "epoch t", "rate")
    charts[0].set_ylim(bottom=0)
    charts[0].legend(frameon=False, fontsize=style.TICK_SIZE)
    if "plateau" in found:
        charts[1].plot(range(1, len(curve) + 1), curve, "o-", color=style.VALIDATION, markersize=3)
        for cut in cuts:
            charts[1].axvline(cut, color=style.FAINT, zorder=0)
        style.style_axes(charts[1], "validation loss of plateau; lines: a cut", "epoch t", "loss")
    values: dict[str, object] = {name: rates for name, (_, rates) in found.items()}
    return Demonstration(style.finish(figure), [formulas, table], notes, values)


def _kinds(epochs: int) -> dict[str, tuple[Any, dict[str, Any], str]]:
    """Return the class of each name, its defaults for a run of this length, and its formula."""
    thirds = [max(1, epochs // 3), max(2, 2 * epochs // 3)]
    return {
        "exponential": (ExponentialDecayLR, {"decay_rate": 0.1}, "α₀ e^(−{decay_rate:g} t)"),
        "inverse_time": (InverseTimeDecayLR, {"decay_rate": 0.5}, "α₀ / (1 + {decay_rate:g} t)"),
        "piecewise": (PiecewiseConstantLR, {"boundaries": thirds, "values": None}, "constant between {boundaries}"),
        "cosine": (lr_scheduler.CosineAnnealingLR, {"T_max": epochs}, "α₀ (1 + cos(π t/{T_max})) / 2"),
        "one_cycle": (lr_scheduler.OneCycleLR, {"max_lr": None, "total_steps": epochs}, "up to {max_lr:g}, then down"),
    }


def _rates(name: str, lr: float, epochs: int) -> tuple[str, list[float]]:
    """Return the formula and the rate of each epoch, stepped by the schedule itself."""
    call, kinds = read_call("names", name), _kinds(epochs)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr)
    if call.name == "warmup":
        length = call.values("warmup", {"epochs": 5})["epochs"]
        check_number("names", length, at_least=1, whole=True)
        return f"α₀ (t + 1)/{length}, then α₀", [lr * min(1.0, (t + 1) / length) for t in range(epochs)]
    if call.name in kinds:
        kind, defaults, formula = kinds[call.name]
    else:
        classes = {
            each: found
            for each, found in vars(lr_scheduler).items()
            if inspect.isclass(found)
            and issubclass(found, lr_scheduler.LRScheduler)
            and not each.endswith("LRScheduler")
        }
        if call.name not in classes:
            raise UnknownNameError("schedule", call.name, [*kinds, "warmup", "plateau", *classes])
        kind, defaults, formula = classes[call.name], {}, "torch.optim.lr_scheduler"
    settings = defaults | call.named
    if "max_lr" in settings and settings["max_lr"] is None:
        settings["max_lr"] = lr
    try:
        if "values" in settings and settings["values"] is None:
            settings["values"] = [lr * 0.1**place for place in range(len(settings["boundaries"]) + 1)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns when a schedule is stepped without training
            made = kind(optimizer, *call.positional, **settings)
            rates = []
            for _ in range(epochs):
                rates.append(float(optimizer.param_groups[0]["lr"]))
                optimizer.step()
                made.step()
    except ArgumentError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgumentError("names", f"arguments that {kind.__name__} accepts ({error})", name) from error
    return formula.format(**settings), rates


def _on_plateau(losses: Sequence[float], lr: float, factor: float, patience: int) -> list[float]:
    """Return the rate of each epoch, cut by torch's ReduceLROnPlateau with the chapter's absolute threshold 0.001."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr)
    plateau = lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=factor, patience=patience, threshold=0.001, threshold_mode="abs"
    )
    rates = []
    for value in losses:
        rates.append(float(optimizer.param_groups[0]["lr"]))
        plateau.step(value)
    return rates


def _levelling(epochs: int) -> list[float]:
    """Return losses that fall, level off and waver, as those of a training do."""
    noise = torch.randn(epochs, generator=torch.Generator().manual_seed(0)).tolist()
    return [0.3 + 0.5 * 0.75**epoch + 0.006 * value for epoch, value in enumerate(noise)]
