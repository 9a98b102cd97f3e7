"""Parameters that are frozen, that no optimiser holds, or that never moved."""

from typing import Any

from dlcore.diagnosis.rule import Finding, Rule
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_LOOKS = 2  # records with an update
_MOVES = 1e-5  # relative change of the other weights in a step


def check(run: Evidence) -> Finding | None:
    """Name them. Frozen ones are a note: they may be meant, as in fine-tuning."""
    facts = run.module
    if left_out := facts.get("left_out"):
        text = _("no optimiser holds {names}: they keep their initial values").format(names=_named(left_out))
        advice = _("give the optimiser all parameters: optimizer(self.parameters())")
        return Finding(text, "certain", numbers={"parameters": float(left_out["values"])}, advice=advice)
    if frozen := facts.get("frozen"):
        text = _("{names} are frozen (requires_grad is false): right for fine-tuning, else they should learn")
        numbers = {"parameters": float(frozen["values"])}
        return Finding(text.format(names=_named(frozen)), "certain", "note", numbers)
    ratios = {name: run.layers.over_time(name, "update_ratio")[1] for name in run.layers.layers_with("update_ratio")}
    still = [name for name, values in ratios.items() if len(values) >= _LOOKS and (values == 0).all()]
    # Steps so small that they are lost in rounding are another fault.
    if not still or not run.fastest_update > _MOVES:
        return None
    return Finding(
        _("the weights of {names} never moved: no gradient reaches them, or their learning rate is 0").format(
            names=", ".join(still[:3]) + ("" if len(still) < 4 else ", …")
        ),
        "likely",
        layer=still[0],
        advice=_("use them in forward, without detach() or no_grad() on the way, and look at the groups' rates"),
    )


def _named(found: dict[str, Any]) -> str:
    more = found["count"] - len(found["names"])
    names = ", ".join(found["names"]) + (_(" and {n} more").format(n=more) if more else "")
    return _("{names} ({values:,} numbers)").format(names=names, values=found["values"])


RULE = Rule(N_("frozen parameters"), check)
