"""Outputs of classes that have no training sample: labels that are missing, or shifted by one."""

from dlcore.diagnosis.rule import Finding, Rule
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _


def check(run: Evidence) -> Finding | None:
    """Find classes without training samples among the outputs."""
    counts = run.samples.get("classes") or {}
    train, val = (list(counts.get(name, ())) for name in ("train", "val"))
    outputs = max(run.num_classes or 0, len(train))
    train, val = ([*part, *[0] * (outputs - len(part))] for part in (train, val))
    unused = [number for number, count in enumerate(train) if count == 0]
    if not unused or sum(count > 0 for count in train) < 2 or outputs < 3:
        return None
    asked = sum(val[number] for number in unused)
    text = _("no training sample has class {names}, of {outputs} outputs")
    if asked:
        text = _("no training sample has class {names}, of {outputs} outputs, but {asked:,} validation samples do")
    more = ", …" if len(unused) > 5 else ""
    return Finding(
        text.format(names=", ".join(map(str, unused[:5])) + more, outputs=outputs, asked=asked),
        "certain",
        "fault" if asked else "note",
        {"unused": float(len(unused)), "asked": float(asked)},
        advice=_("see whether labels count from 0, and whether each class is among the training samples"),
    )


RULE = Rule(N_("unused class"), check)
