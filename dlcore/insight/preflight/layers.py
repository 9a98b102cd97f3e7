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
from dlcore.translation import N_, _

_SAMPLES = 512
_VANISHING, _EXPLODING = 1e-3, 1e3  # gradient of the first weights, relative to the last ones
_LOST = 1e-6
_USUAL = N_("about 0.01 to 10")
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
    _look_for_activations(case, model, result)
    if not result.findings:
        ratio = result.numbers.get("gradient_ratio")
        dead, saturated = result.numbers.get("dead"), result.numbers.get("saturated")
        frozen = int(result.numbers["frozen"])
        parts = []
        if ratio is not None:
            parts.append(_("gradient of the first weights {ratio:.2g} times that of the last").format(ratio=ratio))
        parts += [_("at most {share:.0%} of a layer's units dead").format(share=dead)] if dead else []
        parts += [_("at most {share:.0%} of its values saturated").format(share=saturated)] if saturated else []
        parts += [_("{n:,} frozen parameters").format(n=frozen)] if frozen else []
        result.ok(_("; ").join(parts) or _("the gradient reaches every parameter"))


def _look_at_parameters(case: Case, model: LightningModule, result: CheckResult) -> None:
    """Report parameters that cannot learn, and units that stay identical."""
    parameters = dict(model.named_parameters())
    result.numbers["frozen"] = sum(p.numel() for p in parameters.values() if not p.requires_grad)
    unused = [name for name, p in parameters.items() if p.requires_grad and p.grad is None]
    if unused:
        result.warn(
            _("{names} never get a gradient: the network does not use them").format(names=_listed(unused)),
            _("take them out of the model, or use them in forward (over several processes training would stop)"),
        )
    if not any(p.requires_grad for p in parameters.values()):
        result.fail(_("all parameters are frozen: nothing can be learned"))
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear | CONVOLUTIONS)]
    names = {id(layer): name for name, layer in model.named_modules()}
    alike = [names[id(layer)] for layer in layers[:-1] if _alike(layer.weight)]
    if alike and not case.trained:
        result.numbers["alike"] = len(alike)
        seen = _(
            "all units of {names} have the same weights: they get the same gradient and stay alike, so that the layer "
            "does no more than one unit would"
        )
        remedy = case.flag("model", "initializer", "default", _("torch's own initial weights, drawn by chance"))
        result.fail(seen.format(names=_listed(alike)), remedy)


def _look_at_gradients(case: Case, model: LightningModule, result: CheckResult) -> None:
    """Compare the gradients of the first and the last weights."""
    gradients = {name: p.grad for name, p in model.named_parameters() if p.dim() > 1 and p.grad is not None}
    norms = {name: gradient.norm().item() for name, gradient in gradients.items()}
    broken = [name for name, gradient in gradients.items() if not torch.isfinite(gradient).all()]
    if broken:
        result.fail(_("the gradient is NaN or infinite in {names}").format(names=_listed(broken)), *_calmer(case))
        return
    none = [name for name, norm in norms.items() if norm == 0]
    if none and any(result.findings):
        return  # identical units: already reported
    if none:
        seen = _("the gradient is exactly 0 in {names}: these layers cannot learn").format(names=_listed(none))
        result.fail(seen, *_passing(case, model))
        return
    if len(norms) < 2:
        return
    first, last = next(iter(norms)), list(norms)[-1]
    ratio = norms[first] / norms[last]
    result.numbers |= {"gradient_ratio": ratio, "first_gradient": norms[first], "last_gradient": norms[last]}
    between = {"first": _short(first), "ratio": ratio, "last": _short(last)}
    if ratio < _VANISHING:
        note = result.fail if ratio < _LOST else result.warn
        seen = _(
            "vanishing: the gradient of {first} is {ratio:.1e} times that of {last}: the first layers will hardly learn"
        )
        note(seen.format(**between), *_passing(case, model), expected=_(_USUAL))
    elif ratio > _EXPLODING:
        seen = _("exploding: the gradient of {first} is {ratio:.1e} times that of {last}")
        result.fail(seen.format(**between), *_calmer(case), expected=_(_USUAL))


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
        result.fail(_("some activations are NaN or infinite"), *_calmer(case))
        return
    if "alike" in result.numbers:
        return
    asleep = [name for name, share in dead.items() if share > _MANY]
    if asleep:
        note = result.fail if max(dead.values()) > _ALL else result.warn
        note(
            _("{share:.0%} of the units of {names} answer all samples alike (dead)").format(
                share=max(dead.values()), names=_listed(asleep)
            ),
            *case.remedies("inputs"),
            case.flag("model", "activation", "'leaky_relu(negative_slope=0.1)'", _("lets a gradient through below 0")),
            case.flag("model", "initializer", "he_normal", _("made for ReLU")),
        )
    full = [name for name, share in saturated.items() if share > _MANY]
    if full:
        seen = _("{share:.0%} of the values of {names} are saturated: there is hardly a slope")
        result.warn(seen.format(share=max(saturated.values()), names=_listed(full)), *_calmer(case))


def _look_for_activations(case: Case, model: LightningModule, result: CheckResult) -> None:
    """Report layers that together are one linear layer: a line between two inputs stays a line."""
    count = sum(isinstance(layer, nn.Linear | CONVOLUTIONS) for layer in model.modules())
    batch = case.plain_batch(_SAMPLES)
    if count < 2 or not isinstance(batch, list | tuple) or not isinstance(batch[0], Tensor) or len(batch[0]) < 4:
        return
    one, other = batch[0][0::2], batch[0][1::2]
    one = one[: len(other)]
    ends, middle = (case.scores(model, each) for each in (torch.cat([one, other]), (one + other) / 2))
    if ends is None or middle is None or not torch.isfinite(ends).all():
        return
    straight = (ends[: len(one)] + ends[len(one) :]) / 2
    if ends.std() > 0 and (middle - straight).abs().max() <= 1e-4 * ends.std():
        result.warn(
            _(
                "no activation lies between the {n} layers with weights: together they do no more than one linear layer"
            ).format(n=count),
            case.flag("model", "activation", "ReLU", _("between the layers")),
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
    usual = case.flag("model", "initializer", "default", _("torch's own initial weights"))
    chosen = getattr(case.model.hparams, "initializer", "default") != "default"
    return [*case.remedies("inputs"), usual if chosen else ""]


def _passing(case: Case, model: LightningModule) -> list[str]:
    """Return flags that help a gradient pass through many layers."""
    steep = any(isinstance(layer, nn.Sigmoid | nn.Tanh) for layer in model.modules())
    relu = case.flag("model", "activation", "ReLU", _("its slope is 1, a sigmoid's at most 1/4")) if steep else ""
    norm = "" if case.normalizes else case.flag("model", "batch_norm", "true", _("brings each layer's sums back to 1"))
    name = "xavier_normal" if steep else "he_normal"
    initial = case.flag("model", "initializer", name, _("keeps the signal's size"))
    return [*case.remedies("inputs"), relu, norm, initial]


def _short(name: str) -> str:
    return name.removeprefix("network.").removesuffix(".weight")


def _listed(names: list[str]) -> str:
    return listed([_short(name) for name in names], most=3)
