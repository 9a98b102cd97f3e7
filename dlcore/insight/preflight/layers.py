"""Check: one forward and backward pass through the initial network. Does the signal reach every layer?

Shapes: N samples, U units of a layer.
"""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from dlcore.insight.preflight.case import Case
from dlcore.insight.preflight.report import CheckResult, listed
from dlcore.nn import CONVOLUTIONS
from dlcore.nn import saturated as saturated_values

_SAMPLES = 512
_VANISHING, _EXPLODING = 1e-3, 1e3  # gradient of the first weights, relative to the last ones
_LOST = 1e-6
_USUAL = "about 0.01 to 10"
_MANY, _ALL = 0.5, 0.99


def check_layers(case: Case, result: CheckResult) -> None:
    """Pass a batch forward and backward through a copy of the network, in training mode."""
    model = case.fresh_model(noise=False)
    outputs = _watch(model)
    loss = case.loss(model, case.plain_batch(_SAMPLES))
    loss.backward()
    _look_at_parameters(case, model, result)
    _look_at_gradients(case, model, result)
    _look_at_activations(case, outputs, result)
    if not result.findings:
        ratio = result.numbers.get("gradient_ratio")
        dead, saturated = result.numbers.get("dead"), result.numbers.get("saturated")
        parts = [f"gradient of the first weights {ratio:.2g} times that of the last"] if ratio is not None else []
        parts += [f"at most {dead:.0%} of a layer's units dead"] if dead else []
        parts += [f"at most {saturated:.0%} of its values saturated"] if saturated else []
        frozen = int(result.numbers["frozen"])
        parts += [f"{frozen:,} frozen parameters"] if frozen else []
        result.ok("; ".join(parts) or "the gradient reaches every parameter")


def _look_at_parameters(case: Case, model: LightningModule, result: CheckResult) -> None:
    """Report parameters that cannot learn, and units that stay identical."""
    parameters = dict(model.named_parameters())
    result.numbers["frozen"] = sum(p.numel() for p in parameters.values() if not p.requires_grad)
    unused = [name for name, p in parameters.items() if p.requires_grad and p.grad is None]
    if unused:
        result.warn(
            f"{_listed(unused)} never get a gradient: the network does not use them",
            "take them out of the model, or use them in forward (over several processes training would stop)",
        )
    if not any(p.requires_grad for p in parameters.values()):
        result.fail("all parameters are frozen: nothing can be learned")
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear | CONVOLUTIONS)]
    names = {id(layer): name for name, layer in model.named_modules()}
    alike = [names[id(layer)] for layer in layers[:-1] if _alike(layer.weight)]
    if alike and not case.trained:
        result.fail(
            f"all units of {_listed(alike)} have the same weights: they get the same gradient and stay alike, so that "
            "the layer does no more than one unit would",
            case.flag("model", "initializer", "default", "torch's own initial weights, drawn by chance"),
        )


def _look_at_gradients(case: Case, model: LightningModule, result: CheckResult) -> None:
    """Compare the gradients of the first and the last weights."""
    gradients = {name: p.grad for name, p in model.named_parameters() if p.dim() > 1 and p.grad is not None}
    norms = {name: gradient.norm().item() for name, gradient in gradients.items()}
    broken = [name for name, gradient in gradients.items() if not torch.isfinite(gradient).all()]
    if broken:
        result.fail(f"the gradient is NaN or infinite in {_listed(broken)}", *_calmer(case))
        return
    none = [name for name, norm in norms.items() if norm == 0]
    if none and any(result.findings):
        return  # identical units: already reported
    if none:
        result.fail(f"the gradient is exactly 0 in {_listed(none)}: these layers cannot learn", *_passing(case, model))
        return
    if len(norms) < 2:
        return
    first, last = next(iter(norms)), list(norms)[-1]
    ratio = norms[first] / norms[last]
    result.numbers |= {"gradient_ratio": ratio, "first_gradient": norms[first], "last_gradient": norms[last]}
    seen = f"the gradient of {_short(first)} is {ratio:.1e} times that of {_short(last)}"
    if ratio < _VANISHING:
        note = result.fail if ratio < _LOST else result.warn
        note(f"vanishing: {seen}: the first layers will hardly learn", *_passing(case, model), expected=_USUAL)
    elif ratio > _EXPLODING:
        result.fail(f"exploding: {seen}", *_calmer(case), expected=_USUAL)


def _look_at_activations(case: Case, outputs: dict[str, tuple[nn.Module, Tensor]], result: CheckResult) -> None:
    """Report dead units and saturated values."""
    dead = {name: _dead(values) for name, (_, values) in outputs.items() if len(values) > 1}
    saturated = {
        name: hits.float().mean().item()
        for name, (layer, values) in outputs.items()
        if (hits := saturated_values(layer, values)) is not None
    }
    if dead:
        result.numbers["dead"] = max(dead.values())
    if saturated:
        result.numbers["saturated"] = max(saturated.values())
    if not all(torch.isfinite(values).all() for _, values in outputs.values()):
        result.fail("some activations are NaN or infinite", *_calmer(case))
        return
    if any(finding.seen.startswith("all units") for finding in result.findings):
        return
    asleep = [name for name, share in dead.items() if share > _MANY]
    if asleep:
        note = result.fail if max(dead.values()) > _ALL else result.warn
        note(
            f"{max(dead.values()):.0%} of the units of {_listed(asleep)} answer all samples alike (dead)",
            *case.remedies("inputs"),
            case.flag("model", "activation", "'leaky_relu(negative_slope=0.1)'", "lets a gradient through below 0"),
            case.flag("model", "initializer", "he_normal", "made for ReLU"),
        )
    full = [name for name, share in saturated.items() if share > _MANY]
    if full:
        result.warn(
            f"{max(saturated.values()):.0%} of the values of {_listed(full)} are saturated: there is hardly a slope",
            *_calmer(case),
        )


def _watch(model: LightningModule) -> dict[str, tuple[nn.Module, Tensor]]:
    """Record the outputs of each activation and recurrent layer in the returned dictionary, samples first."""
    found: dict[str, tuple[nn.Module, Tensor]] = {}

    def noting(name: str) -> Any:
        def hook(layer: nn.Module, args: Any, output: Any) -> None:
            found[name] = (layer, (output[0] if isinstance(output, tuple) else output).detach().float())

        return hook

    for name, layer in model.named_modules():
        if type(layer).__module__ == nn.ReLU.__module__ or isinstance(layer, nn.RNN):
            layer.register_forward_hook(noting(name))
    return found


def _dead(values: Tensor) -> float:
    """Return the share of units (features or channels) whose output is the same for all samples and positions."""
    if values.dim() == 2:
        spread = values.amax(dim=0) - values.amin(dim=0)
    else:  # (N, U, H, W), or (N, T, U) of a recurrent layer
        units = 1 if values.dim() >= 4 else values.dim() - 1
        flat = values.movedim(units, 0).flatten(1)
        spread = flat.amax(dim=1) - flat.amin(dim=1)
    return (spread == 0).float().mean().item()


def _alike(weight: Tensor) -> bool:
    return weight.shape[0] > 1 and bool((weight == weight[:1]).all())


def _calmer(case: Case) -> list[str]:
    """Return flags that make a signal smaller."""
    usual = case.flag("model", "initializer", "default", "torch's own initial weights")
    chosen = getattr(case.model.hparams, "initializer", "default") != "default"
    return [*case.remedies("inputs"), usual if chosen else ""]


def _passing(case: Case, model: LightningModule) -> list[str]:
    """Return flags that help a gradient pass through many layers."""
    steep = any(isinstance(layer, nn.Sigmoid | nn.Tanh) for layer in model.modules())
    relu = case.flag("model", "activation", "ReLU", "its slope is 1, a sigmoid's at most 1/4") if steep else ""
    norm = "" if case.normalizes else case.flag("model", "batch_norm", "true", "brings each layer's sums back to 1")
    name = "xavier_normal" if steep else "he_normal"
    return [*case.remedies("inputs"), relu, norm, case.flag("model", "initializer", name, "keeps the signal's size")]


def _short(name: str) -> str:
    return name.removeprefix("network.").removesuffix(".weight")


def _listed(names: list[str]) -> str:
    return listed([_short(name) for name in names], most=3)
