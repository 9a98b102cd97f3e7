"""Which parts of an input raised a network's answer: Grad-CAM, integrated gradients and occlusion, by captum.

Shapes: N samples, C channels, H, W picture, F numbers of a row, K outputs, * a sample's input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dlcore.callbacks.logged_figures import evaluating
from dlcore.errors import ArgumentError, ConfigError, FitError, UnknownNameError
from dlcore.insight.attribution.reading import Reading

METHODS = ("grad_cam", "integrated_gradients", "occlusion")
_STEPS = 32  # of the path from the baseline to the input
_TOGETHER = 64  # inputs of a batch
_WINDOWS = 7  # windows of occlusion side by side; each moves by half of its side


def attribute(
    model: nn.Module,
    inputs: Tensor,
    answers: Tensor | None = None,
    methods: Sequence[str] = ("integrated_gradients",),
    baseline: Tensor | None = None,
    reading: Reading | None = None,
) -> dict[str, Tensor]:
    """Return by how much each part of the inputs raised the answer: ``attribute(model, inputs)``.

    What is explained are the log odds of the answer, log p/(1 - p), or the number that a regression predicts. Positive
    parts speak for the answer, negative ones against it.

    - ``grad_cam`` (pictures, networks with convolutions): the last feature maps, each weighted by the mean gradient of
      the answer, enlarged to the picture's size. Coarse. Reference: Selvaraju et al. (2017), arXiv:1610.02391; here
      with its negative part.
    - ``integrated_gradients``: the gradient along the straight path from the baseline to the input, times their
      difference. The parts sum to the difference of the answers. Reference: Sundararajan, Taly and Yan (2017),
      arXiv:1703.01365.
    - ``occlusion``: by how much the answer falls when a window is replaced by the baseline; the mean over the windows
      that cover a pixel. Of rows, number by number. Reference: Zeiler and Fergus (2014), arXiv:1311.2901.

    Args:
        model: A network that maps inputs to outputs (N, K); it is evaluated in evaluation mode and not changed.
        inputs: Pictures (N, C, H, W) or rows (N, F), as the network gets them.
        answers: Class to explain, or number of a regression's output, of each sample (N,); None: the answer given.
        methods: Names of methods.
        baseline: An input that says nothing (1, *); None: zeros, which after scaling are black or the training mean.
        reading: How the outputs are read; None: by the model's `task`, without one as scores of classes.

    Returns:
        By method, signed: (N, H, W) of pictures, summed over the channels; (N, F) of rows.

    Raises:
        ArgumentError: Grad-CAM of a network without convolutions, or inputs of another shape.
        ConfigError: captum is not installed.
        UnknownNameError: There is no such method.
    """
    attr = _captum()
    for name in methods:
        if name not in METHODS:
            raise UnknownNameError("method", name, METHODS)
    if inputs.dim() not in (2, 4) or not inputs.is_floating_point():
        expected = "pictures (N, C, H, W) or rows (N, F) of floating-point numbers"
        raise ArgumentError("inputs", expected, f"{tuple(inputs.shape)} of {inputs.dtype}")
    found: dict[str, Tensor] = {}
    with evaluating(model), torch.enable_grad():
        if reading is None or answers is None:
            outputs = outputs_of(model, inputs)
            reading = reading or Reading.of(model, outputs)
            answers = reading.answers(outputs) if answers is None else answers
        evidence, base = _evidence(model, reading), torch.zeros_like(inputs[:1]) if baseline is None else baseline
        for name in methods:
            if name == "grad_cam":
                layer = last_feature_maps(model, inputs)
                # The inputs need a gradient where the network's own parameters are frozen.
                parts = attr.LayerGradCam(evidence, layer).attribute(
                    inputs.detach().requires_grad_(), additional_forward_args=answers
                )
                parts = attr.LayerAttribution.interpolate(parts, tuple(inputs.shape[2:]), "bilinear")
            elif name == "occlusion":
                window = [max(2, -(-side // _WINDOWS)) for side in inputs.shape[2:]] or [1]
                window = [min(side, most) for side, most in zip(window, inputs.shape[-len(window) :], strict=True)]
                channels = (inputs.shape[1],) if inputs.dim() == 4 else ()
                with torch.no_grad():
                    parts = attr.Occlusion(evidence).attribute(
                        inputs,
                        (*channels, *window),
                        (*channels, *(max(1, side // 2) for side in window)),
                        base,
                        additional_forward_args=answers,
                        perturbations_per_eval=max(1, _TOGETHER // len(inputs)),
                    )
            else:
                parts = attr.IntegratedGradients(evidence).attribute(
                    inputs,
                    base,
                    additional_forward_args=answers,
                    n_steps=_STEPS,
                    internal_batch_size=max(_TOGETHER, len(inputs)),
                )
            # Occlusion gives each channel what its window gives.
            parts = parts.mean(1) if name == "occlusion" and parts.dim() == 4 else parts
            found[name] = (parts.sum(1) if parts.dim() == 4 else parts).detach().float()
    return found


def outputs_of(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return the outputs of inputs (N, K), in batches, without gradients.

    Raises:
        FitError: The network gives something else.
    """
    with torch.no_grad(), evaluating(model):
        pieces: list[Any] = [model(piece) for piece in inputs.split(_TOGETHER * 4)]
    if not all(isinstance(each, Tensor) and each.dim() == 2 for each in pieces):
        got = tuple(pieces[0].shape) if isinstance(pieces[0], Tensor) else type(pieces[0]).__name__
        raise FitError(
            f"model: expected a forward() that gives scores (N, K), a row a sample, got {got} from "
            f"{type(model).__name__}."
        )
    return torch.cat(pieces).float()


def _evidence(model: nn.Module, reading: Reading) -> Any:
    def evidence(inputs: Tensor, answers: Tensor) -> Tensor:
        return reading.evidence(model(inputs).float(), answers)

    return evidence


def last_feature_maps(model: nn.Module, inputs: Tensor) -> nn.Module:
    """Return the layer that gives the last feature maps: after the last convolution, its norm and its activation.

    Raises:
        ArgumentError: The network has no convolution.
    """
    seen: list[tuple[nn.Module, tuple[int, ...]]] = []

    def note(layer: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.dim() == 4:
            seen.append((layer, tuple(output.shape)))

    handles = [
        layer.register_forward_hook(note) for layer in model.modules() if not any(True for _ in layer.children())
    ]
    try:
        outputs_of(model, inputs[:1])
    finally:
        for handle in handles:
            handle.remove()
    places = [place for place, (layer, _) in enumerate(seen) if isinstance(layer, nn.Conv2d)]
    # Maps of one pixel say nothing of the place.
    places = [place for place in places if seen[place][1][2:] != (1, 1)] or places
    if not places:
        raise ArgumentError(
            "--method", "integrated_gradients or occlusion, for a network without convolutions", "grad_cam",
            "Type: --method integrated_gradients",
        )  # fmt: skip
    layer, shape = seen[places[-1]]
    for following, its_shape in seen[places[-1] :]:
        if its_shape != shape:
            break
        layer = following
    return layer


def _captum() -> Any:
    try:
        import captum.attr
    except ImportError as error:
        raise ConfigError("why: the library captum is not installed. Install it: pip install captum") from error
    return captum.attr
