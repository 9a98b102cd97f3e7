"""Processes that train on the same samples: they do the same work, and the run learns from a part of the data."""

from dlcore.diagnosis.rule import Finding, Rule
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _


def check(run: Evidence) -> Finding | None:
    """Report the event that `RunEvents` records."""
    same = (run.event("process_data") or {}).get("same")
    if not same:
        return None
    text = _("processes {names} have the same first batch: they train on the same samples, in the same order")
    return Finding(
        text.format(names=_(", ").join(map(str, same))),
        "certain",
        numbers={"processes": float(len(same))},
        advice=_(
            "give each process its own part: Trainer(use_distributed_sampler=True), or a DistributedSampler; an "
            "IterableDataset must read the part of its rank"
        ),
    )


RULE = Rule(N_("processes share samples"), check, ("repeated_samples",), is_cause=True)
