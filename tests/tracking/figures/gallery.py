"""Each figure of the house once, with its usual content and with any names.

`FIGURES` has a function for each: names (`Names`) → figure.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from dlcore.evaluation.curves import calibration, class_curves, class_scores
from dlcore.insight.activation_curves import activation_curve
from dlcore.insight.picture_features import picture_features
from dlcore.text.copied_text import TextStatistics
from dlcore.text.memory import MemoryReport
from dlcore.text.token_losses import Bin
from dlcore.tracking import count_histogram, figures
from dlcore.tracking.figures.column_sheet import ColumnValues
from dlcore.tracking.figures.convolutions import LayerMaps
from dlcore.tracking.figures.overlaid_curves import hidden_spread
from dlcore.tracking.figures.parameter_histograms import Column, variant_histograms
from dlcore.tracking.histogram import Distributions
from dlcore.tracking.layer_table import COLUMNS

USUAL = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
# Chinese, and signs that matplotlib reads as mathematics, as escapes, or as "not in the legend".
AWKWARD = ("$\\alpha", "a$b$短袖", "裤子 ($)", "_大衣_", "x^2", "a_{b}", "\\frac{1}{2}", "a\\$b", "$x_1$", "100% $")


class Names:
    """Ten names of one kind, for whatever has names."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.all = names

    def __call__(self, place: int) -> str:
        return self.all[place % len(self.all)]


def _pictures(count: int, channels: int = 1) -> torch.Tensor:
    return torch.rand(count, channels, 28, 28, generator=torch.Generator().manual_seed(count))


def _look(step: int, width: float, tags: tuple[str, ...]) -> Distributions:
    values = torch.linspace(-1, 1, 2001) ** 3 * width
    return Distributions(step, {tag: count_histogram(values).read() for tag in tags})


def _groups(names: Names) -> tuple[str, ...]:
    return tuple(f"{kind}/0{layer}_{names(layer)}" for layer in range(2) for kind in ("weights", "biases"))


def _confusion_matrix(names: Names) -> object:
    counts = np.diag(np.arange(900, 1000, 10)) + np.arange(100).reshape(10, 10) % 7
    return figures.confusion_matrix(counts, names.all, f"val, {names(1)}")


def _learning_curves(names: Names) -> object:
    epochs = np.arange(1.0, 21.0)
    columns = {
        "step": (epochs * 100).tolist(),
        "epoch": epochs.tolist(),
        "train/loss": (1 / epochs).tolist(),
        "val/loss": (1 / epochs + 0.1).tolist(),
        "train/accuracy": (1 - 0.5 / epochs).tolist(),
        "val/accuracy": (0.9 - 0.4 / epochs).tolist(),
        f"val/{names(0)}": (1 / epochs).tolist(),
        "lr": (0.5 * 0.1 ** (epochs // 8)).tolist(),
    }
    events = [
        {"kind": "learning_rate_cut", "step": 800, "epoch": 8.0, "text": "t", "before": 0.5, "after": 0.05},
        {"kind": "not_finite", "step": 1000, "epoch": 10.0, "text": "t", "metric": f"val/{names(0)}"},
        {"kind": "resumed", "step": 1200, "epoch": 12.0, "text": "t"},
        {"kind": "stopped_early", "step": 2000, "epoch": 20.0, "text": "t"},
    ]
    quantities = ("loss", "accuracy", names(0))
    return figures.learning_curves(columns, f"{names(2)}, version_3", quantities, events)


def _overlaid_curves(names: Names) -> object:
    x = np.arange(1.0, 11.0)
    families = [
        figures.Family(
            names(place),
            {
                f"{kind}/{quantity}": [(x, 0.1 * place + 0.3 / x + 0.01 * seed) for seed in range(2)]
                for kind in ("train", "val")
                for quantity in ("loss", "accuracy")
            },
        )
        for place in range(5)
    ]
    note = f"mean of 2 seeds, band from the lowest to the highest; {names(1)}"
    return figures.overlaid_curves(families, ("loss", "accuracy"), title=f"Rates of {names(0)}", note=note)


def _layer_overview(names: Names) -> object:
    layers, steps = [names(place) for place in range(4)], [0, 100, 200, 300]
    rows = [(step, layer) for step in steps for layer in layers]
    numbers = np.geomspace(1e-4, 1.0, len(rows))
    columns: dict[str, list] = {name: numbers.tolist() for name in COLUMNS}
    columns |= {"step": [step for step, _ in rows], "layer": [layer for _, layer in rows]}
    columns |= {"kind": ["ReLU"] * len(rows), "not_finite": [0.0] * len(rows)}
    columns["gradient_norm"][5:8] = [0.0, np.inf, 1e-9]
    return figures.layer_overview(columns, f"{names(3)}, version_0")


def _parameter_histograms(names: Names) -> object:
    tags = _groups(names)
    return figures.parameter_histograms(_look(0, 0.1, tags), _look(500, 1.0, tags), f"{names(2)}, version_0")


def _variant_histograms(names: Names) -> object:
    tags = _groups(names)
    columns = [Column(names(place), _look(0, 0.1, tags), _look(500, 0.5 + place, tags)) for place in range(3)]
    return variant_histograms(columns, f"Widths of {names(0)}", "seed 0 of 3")


def _hidden_spread(names: Names) -> object:
    x = np.arange(0.0, 6.0)
    runs = [(names(place), {names(6): (x, 0.1**place * (x + 1)), "hidden": (x, x + 1)}) for place in range(4)]
    return hidden_spread(runs, f"Spread of {names(0)}", "seed 0 of 3")


def _column_sheet(names: Names) -> object:
    generator = np.random.default_rng(0)
    columns = [ColumnValues(names(place), generator.normal(size=200)) for place in range(6)]
    columns.append(ColumnValues(names(7), generator.integers(0, 4, 200).astype(float), names.all[:4]))
    groups = [f"{names(8)} = {names(place)}" for place in range(2)] + [names(3)]
    return figures.column_sheet(columns, generator.integers(0, 3, 200), groups, f"{names(2)}.csv: 200 rows")


def _attribution_maps(names: Names) -> object:
    rows = [
        figures.MapRow(
            _pictures(2)[place].numpy(),
            [_pictures(3)[number, 0].numpy() - 0.5 for number in range(3)],
            [
                f"target: {names(place)}\nanswer: {names(4)} 98.0%",
                *([f"{names(place + 1)}: 12.0%\nat random: 97.0%"] * 3),
            ],
            [False, True, False],
        )
        for place in range(2)
    ]
    return figures.attribution_maps(
        rows, ["picture", "Grad-CAM", names(2), "occlusion"], f"Why “{names(0)}”?", names(3)
    )


def _attribution_bars(names: Names) -> object:
    values = np.linspace(1, -0.5, len(names.all)).tolist()
    charts = [
        figures.Bars(names(1), "nats", values, [0.1] * len(values), signed=False),
        figures.Bars("Gradients", f"of {names(2)}", values, ranked=False),
    ]
    return figures.attribution_bars(names.all, charts, f"What decides {names(0)}?", "Lines: standard deviation.")


def _classifier_curves(names: Names) -> object:
    random = np.random.default_rng(0)
    count = len(names.all)
    targets = random.integers(count, size=400)
    shares = random.dirichlet(np.ones(count), 400)
    shares[np.arange(400), targets] += random.random(400)
    shares /= shares.sum(1, keepdims=True)
    curves = [class_curves(targets == place, shares[:, place]) for place in range(count)]
    scores, found = class_scores(targets, shares.argmax(1), count), calibration(shares, targets)
    return figures.classifier_curves(names.all, curves, scores, found, found, f"Test of {names(0)}")


def _regression_errors(names: Names) -> object:
    random = np.random.default_rng(0)
    targets = random.normal(size=(60, 1))
    return figures.regression_errors(targets + 0.2, targets, [names(0)], f"Test of {names(1)}")


def _text_bins(names: Names) -> object:
    bins = [(f"{1 << place}", 6.0 + place / 10, 100 * place) for place in range(1, 7)]
    return figures.text_bins(bins, bins, 6.3, f"Test of {names(0)}")


def _worst_predictions(names: Names) -> object:
    true, taken = [names(place) for place in range(16)], [names(place + place % 3) for place in range(16)]
    return figures.worst_predictions(_pictures(16), true, taken, [0.01] * 16, [0.98] * 16, f"Worst of {names(0)}")


def _feature_maps(names: Names) -> object:
    layers = [
        LayerMaps(names(place), torch.rand(maps, side, side).numpy(), 2 * maps)
        for place, (maps, side) in enumerate(((16, 28), (8, 14)))
    ]
    caption = f"{names(1)}\npredicted: {names(2)}, 98.0%"
    return figures.feature_maps(_pictures(1)[0], caption, layers, f"What the layers make of {names(1)}")


def _hand_made_features(names: Names) -> object:
    picture = (_pictures(1, 3)[0] * 255).to(torch.uint8)
    return figures.hand_made_features(picture_features(picture), f"train 7: {names(0)}")


def _image_grid(names: Names) -> object:
    rows = [_pictures(6) for _ in names.all]
    headings = ["as stored", *(f"epoch {epoch}" for epoch in range(1, 6))]
    return figures.image_grid(rows, names.all, f"Samples of {names(2)}", headings)


def _token_loss(names: Names) -> object:
    tokens = [sign for name in names.all for sign in (name, "，")]
    return figures.token_loss(tokens, np.linspace(0, 9, len(tokens)).tolist(), 8.0, f"Passage of {names(2)}")


def _text_memory(names: Names) -> object:
    bins = [Bin(2**power, 2 ** (power + 1) - 1, 6 - power / 4, 10**power % 97 + 1) for power in range(9)]
    samples = TextStatistics(512, f"\n{names(1)}，", (0.56, 0.95, 1.0))
    held_out = TextStatistics(512, f"{names(2) * 5}", (0.45, 0.92, 0.98))
    norms = np.geomspace(3, 1e-9, 65).tolist()
    report = MemoryReport(norms, 4.4, bins, bins[:4], samples, held_out)
    return figures.text_memory(report, f"Memory of {names(0)}", 35)


def _schedule_curve(names: Names) -> object:
    notes = [f"ReduceLROnPlateau cuts when val/{names(0)} does not get better, which no preview can know. " * 2]
    return figures.schedule_curve(np.linspace(0.1, 0.001, 500), 50, f"{names(0)} over 10 epochs", notes)


def _lr_range(names: Names) -> object:
    rates = np.geomspace(1e-6, 1, 100)
    losses = 2 - np.tanh(np.linspace(-3, 3, 100)) + np.linspace(0, 1, 100) ** 20
    return figures.lr_range(rates, losses, losses, 90, 50, f"{names(0)}: MLP", diverged=True)


def _activation_rows(names: Names) -> object:
    shown = ("relu", "selu", "celu", "leaky_relu(negative_slope=0.2)", "softmax")
    return figures.activation_rows([activation_curve(name) for name in shown])


def _activation_sheet(names: Names) -> object:
    shown = ("relu", "selu", "gelu", "tanh", "softplus", "hardshrink", "softmax")
    return figures.activation_sheet([activation_curve(name) for name in shown], f"All of {names(0)}")


def _activation_overlay(names: Names) -> object:
    curves = [activation_curve(name) for name in ("relu", "selu", "gelu", "tanh", "leaky_relu")]
    return figures.activation_overlay([replace(curves[0], name=names(0)), *curves[1:]])


def _pixel_values(names: Names) -> object:
    picture = (_pictures(1)[0] * 255).to(torch.uint8)
    return figures.pixel_values(picture[0, :12, :12], picture, f"train 7: {names(0)}", f"{names(1)}\n28 × 28")


def _kernels(names: Names) -> object:
    weights = torch.linspace(-1, 1, 8 * 9).view(8, 1, 3, 3)
    return figures.kernels(weights, f"{names(0)}, step 300", 16)


FIGURES: dict[str, Callable[[Names], object]] = {
    "activation_overlay": _activation_overlay,
    "activation_rows": _activation_rows,
    "activation_sheet": _activation_sheet,
    "attribution_bars": _attribution_bars,
    "attribution_maps": _attribution_maps,
    "classifier_curves": _classifier_curves,
    "column_sheet": _column_sheet,
    "confusion_matrix": _confusion_matrix,
    "feature_maps": _feature_maps,
    "hand_made_features": _hand_made_features,
    "hidden_spread": _hidden_spread,
    "image_grid": _image_grid,
    "kernels": _kernels,
    "layer_overview": _layer_overview,
    "learning_curves": _learning_curves,
    "lr_range": _lr_range,
    "overlaid_curves": _overlaid_curves,
    "parameter_histograms": _parameter_histograms,
    "pixel_values": _pixel_values,
    "regression_errors": _regression_errors,
    "schedule_curve": _schedule_curve,
    "text_bins": _text_bins,
    "text_memory": _text_memory,
    "token_loss": _token_loss,
    "variant_histograms": _variant_histograms,
    "worst_predictions": _worst_predictions,
}
