"""Gradients clipped to a tiny share of their norm, so that the steps are small at any learning rate."""

from dlcore.diagnosis.rule import NO_PROGRESS, Finding, Rule, short, times
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_TIGHT = 100.0  # norm of one layer's gradient / bound
_SLOW = 3e-4  # relative change of the weights in a step


def check(run: Evidence) -> Finding | None:
    """Find small steps with gradients far above the clipping bound."""
    bound = run.settings.number("trainer.gradient_clip_val")
    by_value = run.settings.text("trainer.gradient_clip_algorithm") == "value"
    # Adaptive optimisers compensate for it; and clipping by value does not bound the norm.
    if not bound > 0 or by_value or run.settings.is_adaptive or not run.fastest_update < _SLOW:
        return None
    norms = {name: run.layers.median(name, "gradient_norm") for name in run.layers.layers_with("gradient_norm")}
    layer, norm = run.layers.greatest(norms)
    if not norm > _TIGHT * bound:
        return None
    return Finding(
        _(
            "gradients are clipped to a norm of {bound}, and that of {layer} alone is {norm}, {times} as much: no "
            "layer's weights change by more than {ratio} of their size in a step (1e-3 is usual)"
        ).format(
            bound=short(bound),
            layer=layer,
            norm=short(norm),
            times=times(norm / bound),
            ratio=short(run.fastest_update),
        ),
        "certain" if run.poor else "likely",
        numbers={"bound": bound, "gradient_norm": norm, "update_ratio": run.fastest_update},
        layer=layer,
        flags=run.settings.flag("trainer.gradient_clip_val", 1.0),
        advice=_("clip at about the usual norm of the gradients, or not at all"),
    )


RULE = Rule(
    N_("tight clipping"),
    check,
    ("vanishing_gradients", "learning_rate_too_low", "large_batch", *NO_PROGRESS),
    is_cause=True,
)
