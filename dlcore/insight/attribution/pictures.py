"""Why a model answered so to a picture: maps over it, each with its checks.

Shapes: C channels, H, W picture, M deletions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

import torch
from torch import Tensor, nn

from dlcore.data.images.circles import SIDE, circle_ring
from dlcore.errors import FitError
from dlcore.insight.attribution.checks import NETWORKS, MapCheck, check_map, randomized
from dlcore.insight.attribution.methods import METHODS, attribute, outputs_of
from dlcore.insight.attribution.trained import Sample, Trained
from dlcore.progress_bar import progress_bar
from dlcore.text.network import check_finite

_CIRCLE = re.compile(r"(?:(train|val|test)/)?circle/(\d{5})\.png")


@dataclass(frozen=True)
class PictureReason:
    """Why a model answered so.

    Attributes:
        sample: The picture.
        answer: The class that the model answers; of a regression the number.
        strength: The class's probability; of a regression the number again.
        picture: The picture as it is shown (C, H, W).
        limits: Values of black and white in it; None: its least and greatest.
        maps: Map of each method (H, W): positive where it speaks for the answer.
        checks: The checks of each map.
        on_circle: Of a built-in picture with a circle: the share of each map's positive part that lies within 3 pixels
            of the circle's line, and those pixels' share of the picture.
    """

    sample: Sample
    answer: float
    strength: float
    picture: Tensor
    limits: tuple[float | None, float | None]
    maps: dict[str, Tensor]
    checks: dict[str, MapCheck]
    on_circle: dict[str, tuple[float, float]] = field(default_factory=dict)


def methods_for(model: nn.Module) -> tuple[str, ...]:
    """Return the methods that fit a model of pictures: Grad-CAM only if it has convolutions."""
    has_convolutions = any(isinstance(layer, nn.Conv2d) for layer in model.modules())
    return METHODS if has_convolutions else METHODS[1:]


def explain_picture(
    trained: Trained,
    sample: Sample,
    methods: Sequence[str] | None = None,
    checked: bool = True,
    answer: int | None = None,
) -> PictureReason:
    """Explain the answer to a picture.

    The baseline of integrated gradients, and what deleted pixels become, is zero after scaling: black, or the mean
    colour of the training pictures where the data are normalised by it.

    Args:
        trained: The model.
        sample: The picture.
        methods: Methods of `attribute`; None: all that fit the model.
        checked: Whether the maps are checked.
        answer: The class to explain; None: the one that the model answers.

    Raises:
        ArgumentError: A method does not fit the model.
        FitError: The input is no picture.
    """
    inputs, reading = sample.inputs, trained.reading
    if inputs.dim() != 4:
        raise FitError(f"data: expected pictures (1, C, H, W), got {tuple(inputs.shape)} from {trained.data}.")
    methods = methods_for(trained.model) if methods is None else methods
    outputs = outputs_of(trained.model, inputs)
    check_finite(outputs)
    answers = reading.answers(outputs) if answer is None else torch.tensor([answer], device=outputs.device)
    checks: dict[str, MapCheck] = {}
    others = [randomized(trained.model, seed) for seed in range(NETWORKS)] if checked else []
    # Of a large network on a CPU this takes a minute.
    with progress_bar("computing maps", len(methods) * (1 + len(others) + checked)) as done:

        def maps_of(network: nn.Module) -> dict[str, Tensor]:
            found = {}
            for name in methods:
                found[name] = attribute(network, inputs, answers, [name], reading=reading)[name][0]
                done(1)
            return found

        maps = maps_of(trained.model)
        whole = reading.strength(outputs, answers)
        is_number = reading.task == "regression"

        def delete(masks: Tensor) -> Tensor:
            changed = inputs.masked_fill(masks[:, None].to(inputs.device), 0.0)
            after = reading.strength(outputs_of(trained.model, changed), answers.expand(len(masks)))
            return -(after - whole).abs() if is_number else after

        if checked:
            empty = reading.strength(outputs_of(trained.model, torch.zeros_like(inputs)), answers)
            random_maps = [maps_of(other) for other in others]
            change = float((whole - empty).abs()) if is_number else None
            for name, each in maps.items():
                checks[name] = check_map(each, delete, [found[name] for found in random_maps], change)
                done(1)
    shown, limits = as_shown(trained, inputs)
    share = reading.strength(outputs, answers)[0].item()
    maps = {name: each.cpu() for name, each in maps.items()}
    on_circle = {}
    if (ring := _ring(trained, sample)) is not None:
        on_circle = {name: (mass_within(each, ring), float(ring.float().mean())) for name, each in maps.items()}
    said = outputs[0, 0].item() if reading.task == "regression" else answers[0].item()
    return PictureReason(sample, said, share, shown[0], limits, maps, checks, on_circle)


def as_shown(trained: Trained, inputs: Tensor) -> tuple[Tensor, tuple[float | None, float | None]]:
    """Return pictures without their normalisation (N, C, H, W), and the values of black and white."""
    pictures = inputs.detach().float().cpu()
    normalization = trained.facts.get("normalization")
    if not normalization:
        return pictures, (None, None)
    mean, std = (torch.tensor(normalization[name]).view(-1, 1, 1) for name in ("mean", "std"))
    return pictures * std + mean, (0.0, 1.0)


def mass_within(importance: Tensor, region: Tensor) -> float:
    """Return the share of a map's positive part (H, W) that lies in a region (H, W); NaN if there is none."""
    positive = importance.clamp_min(0).double()
    return float(positive[region].sum() / positive.sum()) if positive.sum() > 0 else float("nan")


def _ring(trained: Trained, sample: Sample) -> Tensor | None:
    """Return where the circle lies in one of dlcore's own pictures (H, W); None of others, or without a circle."""
    own = getattr(trained.data, "builtin", None) == "circles" and getattr(trained.data, "root", None) is None
    found = _CIRCLE.fullmatch(PurePath(sample.name).as_posix()) if own and sample.index >= 0 else None
    if found is None or sample.inputs.shape[2:] != (SIDE, SIDE):
        return None
    return torch.from_numpy(circle_ring(found[1] or "test", int(found[2])))
