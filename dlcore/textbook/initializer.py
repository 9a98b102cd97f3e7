"""Initial weights: the drawn histogram beside the formula, and values and gradients through many layers.

Shapes: N samples, D units of a layer, L layers.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from dlcore.errors import ArgumentError, check_number
from dlcore.nn.activations import make_activation
from dlcore.nn.initializers import initialize
from dlcore.textbook.demonstration import Demonstration, Table
from dlcore.tracking.figures import style

EXAMPLES = (
    "show initializer",
    "show initializer 'normal(std=0.01)' xavier_normal kaiming_normal --activation tanh",
    "show initializer zeros constant default --layers 5 --fan_in 784",
)
_MOST = 8


def initializer(
    names: Sequence[str] = (
        "zeros",
        "normal",
        "xavier_normal",
        "xavier_uniform",
        "kaiming_normal",
        "kaiming_uniform",
        "default",
    ),
    fan_in: int = 512,
    fan_out: int = 256,
    layers: int = 10,
    activation: str = "ReLU",
    seed: int = 0,
) -> Demonstration:
    """Initial weights: each formula beside the histogram of drawn weights, and what becomes of signal and gradient.

    On the right, 256 random samples go through as many layers of 256 units, and a random gradient comes back: with a
    good start both keep their size; with a bad one they vanish or explode.

    Args:
        names: Initialisers, as for `--model.initializer`, at most 8; arguments in brackets: 'normal(std=0.1)'.
        fan_in: Inputs of the layer whose weights the histogram shows.
        fan_out: Its units.
        layers: Layers that the samples go through (L), 2 to 100.
        activation: Activation between the layers.
        seed: Seed of weights and samples.

    Returns:
        The demonstration; its `values` map each name to ``std`` (drawn), ``expected_std`` (None if the formula gives
        none), ``activations`` and ``gradients``: standard deviation after each layer.

    Raises:
        UnknownNameError: Unknown initialiser or activation.
        ArgumentError: A number is out of range, or there are too many names.
    """
    if not 1 <= len(names) <= _MOST:
        raise ArgumentError("names", f"1 to {_MOST} initialisers", len(names))
    for name, value in (("fan_in", fan_in), ("fan_out", fan_out)):
        check_number(name, value, at_least=1, at_most=10_000, whole=True)
    check_number("layers", layers, at_least=2, at_most=100, whole=True)
    found: dict[str, dict[str, Any]] = {}
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # equal units are told in the notes
        for name in names:
            torch.manual_seed(seed)
            layer = nn.Linear(fan_in, fan_out)
            initialize(layer, name)
            weights = layer.weight.detach()
            formula, expected, density = _formula(name, fan_in, fan_out)
            signal, gradient = _through_layers(name, layers, activation)
            found[name] = {
                "formula": formula,
                "std": weights.double().std(correction=0).item(),
                "expected_std": expected,
                "density": density,
                "weights": weights.flatten().numpy(),
                "activations": signal,
                "gradients": gradient,
            }
    rows = [
        (
            name,
            each["formula"],
            "" if each["expected_std"] is None else f"{each['expected_std']:.4g}",
            f"{each['std']:.4g}",
            f"{each['activations'][-1]:.2g}",
            f"{each['gradients'][0]:.2g}",
        )
        for name, each in found.items()
    ]
    header = (
        "initializer",
        "formula",
        "std by it",
        "std drawn",
        f"output std, layer {layers}",
        "gradient std, layer 1",
    )
    equal = [name for name, each in found.items() if each["std"] == 0]
    notes = (
        [f"With {' and '.join(equal)} all units of a layer are equal, get equal gradients and stay equal."]
        if equal
        else []
    )
    notes.append(f"Activation: {activation}. Good is a curve that stays level: neither vanishes nor explodes.")
    table = Table(header, rows, f"fan_in {fan_in:,}, fan_out {fan_out:,}")
    return Demonstration(_figure(found, fan_in, fan_out), [table], notes, dict(found))


def _through_layers(name: str, layers: int, activation: str) -> tuple[list[float], list[float]]:
    """Return the standard deviation of outputs and of gradients at each of L layers."""
    size, samples = 256, 256
    network = nn.Sequential(*(nn.Sequential(nn.Linear(size, size), make_activation(activation)) for _ in range(layers)))
    initialize(network, name)
    outputs, values = [], torch.randn(samples, size)
    for block in network:
        values = block(values)
        values.retain_grad()
        outputs.append(values)
    values.backward(torch.randn(samples, size))
    gradients = [each.grad.std().item() if each.grad is not None else math.nan for each in outputs]
    return [each.std().item() for each in outputs], gradients


def _formula(name: str, fan_in: int, fan_out: int) -> tuple[str, float | None, Any]:
    """Return an initialiser's formula, the standard deviation by it, and its distribution (scipy's).

    References: as in `dlcore.nn.initializers`.
    """
    from scipy import stats

    from dlcore.nn.initializers import initializer_values

    base, values = initializer_values(name)
    fans = fan_in + fan_out
    if base == "default":  # torch: kaiming_uniform with a = √5
        limit = 1 / math.sqrt(fan_in)
        return "limit 1/√fan_in", limit / math.sqrt(3), stats.uniform(-limit, 2 * limit)
    if base in ("zeros", "ones", "constant"):
        return f"{values.get('value', float(base == 'ones')):g}", 0.0, None
    if base == "normal":
        return f"std {values['std']:g}", values["std"], stats.norm(values["mean"], values["std"])
    if base == "uniform":
        width = values["b"] - values["a"]
        return f"{values['a']:g} to {values['b']:g}", width / math.sqrt(12), stats.uniform(values["a"], width)
    if base == "trunc_normal":
        mean, std = values["mean"], values["std"]
        spread = stats.truncnorm((values["a"] - mean) / std, (values["b"] - mean) / std, mean, std)
        return f"std {std:g}, cut at {values['a']:g} and {values['b']:g}", float(spread.std()), spread
    if base.startswith("xavier"):
        std, text = values["gain"] * math.sqrt(2 / fans), "/(fan_in+fan_out))"
        factor = "" if values["gain"] == 1 else f"{values['gain']:g}·"
    elif base.startswith("kaiming"):
        fan = fan_in if values["mode"] == "fan_in" else fan_out
        gain = nn.init.calculate_gain(values["nonlinearity"], values["a"])
        std, text, factor = (
            gain / math.sqrt(fan),
            f"/{values['mode']})",
            "" if gain == math.sqrt(2) else f"{gain / math.sqrt(2):.3g}·",
        )
    else:
        return "orthogonal rows or columns", values.get("gain", 1.0) / math.sqrt(max(fan_in, fan_out)), None
    if base.endswith("uniform"):
        limit = math.sqrt(3) * std
        return f"limit {factor}√(6{text}", std, stats.uniform(-limit, 2 * limit)
    return f"std {factor}√(2{text}", std, stats.norm(0, std)


def _figure(found: dict[str, dict[str, Any]], fan_in: int, fan_out: int) -> Any:
    figure = style.new_figure(12, 1.75 * len(found) + 0.9)
    grid = figure.add_gridspec(len(found), 2, width_ratios=[1, 1.25])
    right: Any = grid[:, 1].subgridspec(2, 1).subplots()
    for row, (name, each) in enumerate(found.items()):
        axes = figure.add_subplot(grid[row, 0])
        color = style.CYCLE[row % len(style.CYCLE)]
        line = "-" if row < len(style.CYCLE) else "--"
        if each["std"] == 0:
            axes.axvline(each["weights"][0], color=color, linewidth=3)
            axes.set_yticks([])
        else:
            axes.hist(each["weights"], bins=80, density=True, color=color, alpha=0.45)
            if each["density"] is not None:
                low, high = axes.get_xlim()
                x = np.linspace(low, high, 400)
                axes.plot(x, each["density"].pdf(x), color=style.INK, linewidth=1.2)
        style.style_axes(axes, f"{name}: {each['formula']}")
        for one, key in zip(right, ("activations", "gradients"), strict=True):
            steps = range(1, len(each[key]) + 1)
            values = [value if value > 0 else math.nan for value in each[key]]
            one.plot(steps, values, line, color=color, marker="o", markersize=3, linewidth=1.8, label=name)
    style.style_axes(right[0], "outputs after each layer", "layer", "standard deviation")
    style.style_axes(right[1], "gradients, which come back from the right", "layer", "standard deviation")
    for one in right:
        one.set_yscale("log")
    right[0].legend(frameon=False, fontsize=8, ncols=2)
    style.head(figure, f"Initial weights of a layer with {fan_in:,} inputs and {fan_out:,} units; black: the formula")
    return style.finish(figure)
