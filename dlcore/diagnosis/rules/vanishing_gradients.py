"""Gradients that shrink from layer to layer in the backward pass, so that the first layers hardly learn."""

from dlcore.diagnosis.layer_looks import LayerLooks
from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, short, times
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_SHRINKS = 1e-3  # gradient / weights of the first layer, relative to the last layer's
_DEAD = 0.9  # share of a layer's units
_LAYERS = 3  # with fewer, gradients cannot shrink much


def check(run: Evidence) -> Finding | None:
    """Compare the gradients of the first and the last layer, if the training result is poor."""
    if not run.poor:
        return None
    # No gradient passes a layer of dead units: then these are the cause.
    if any(share >= _DEAD for share in run.layers.shares("dead").values()):
        return None
    sizes = _relative_gradients(run.layers)
    if len(sizes) < _LAYERS:
        return None
    first, last = next(iter(sizes)), list(sizes)[-1]
    if not 0 <= sizes[first] < _SHRINKS * sizes[last]:
        return None
    squashing = run.settings.activation in ("sigmoid", "tanh", "logsigmoid", "softsign", "hardtanh", "hardsigmoid")
    gradient, at_end = (run.layers.median(name, "gradient_norm") for name in (first, last))
    where = _("on its way back the gradient shrinks")
    if squashing:
        where = _("on its way back through {activation} the gradient shrinks")
    sizes_said = _("in {first} it is {gradient}, 0, compared with {at_end} in {last}")
    if gradient > 0:
        sizes_said = _("in {first} it is {gradient}, {times} smaller than {at_end} in {last}")
    relu = (*run.settings.flag("model.activation", "ReLU"), *run.settings.flag("model.initializer", "kaiming_normal"))
    normed = run.settings.batch_norm
    return Finding(
        _("{where}: {sizes}").format(
            where=where.format(activation=run.settings.text("model.activation")),
            sizes=sizes_said.format(
                first=first,
                gradient=short(gradient),
                times=times(at_end / gradient) if gradient > 0 else "",
                at_end=short(at_end),
                last=last,
            ),
        ),
        "certain" if squashing and run.learned_nothing else "likely",
        numbers={"first_gradient_norm": gradient, "last_gradient_norm": at_end},
        layer=first,
        step=int(run.layers.over_time(first, "gradient_norm")[0][0]),
        flags=(relu if squashing else ())
        or run.settings.flag(*(("model.initializer", "kaiming_normal") if normed else ("model.batch_norm", "true"))),
        advice=_("use ReLU and its initial weights (kaiming_normal), batch normalisation, or fewer layers"),
    )


def _relative_gradients(layers: LayerLooks) -> dict[str, float]:
    """Return the ratio of each layer's gradient norm to its weight norm (medians), from input to output."""
    sizes = {}
    for name in layers.layers_with("gradient_norm"):
        weights = layers.median(name, "weight_norm")
        gradient = layers.median(name, "gradient_norm")
        if weights > 0 and gradient >= 0:
            sizes[name] = gradient / weights
    return sizes


RULE = Rule(N_("vanishing gradients"), check, (*NO_PROGRESS, "dead_units", "learning_rate_too_low"))
