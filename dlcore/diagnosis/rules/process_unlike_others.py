"""A process whose training samples are unlike those of the other processes: other inputs, or other classes."""

from dlcore.diagnosis.rule import Finding, Rule, percent, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _


def check(run: Evidence) -> Finding | None:
    """Report the event that `RunEvents` records."""
    event = run.event("process_data") or {}
    inputs, classes = event.get("inputs"), event.get("classes")
    if not inputs and not classes:
        return None
    said = []
    if inputs:
        text = _(
            "inputs of process {process} have mean {mean} and standard deviation {std}, those of the others {others}"
        )
        others = _("{mean} and {std}").format(mean=short(inputs["others_mean"]), std=short(inputs["others_std"]))
        mean, std = short(inputs["mean"]), short(inputs["std"])
        said.append(text.format(process=inputs["process"], mean=mean, std=std, others=others))
    if classes:
        text = _("{share} of the samples of process {process} are of class {number}, of those of the others {others}")
        own, others = percent(classes["share"]), percent(classes["others_share"])
        said.append(text.format(share=own, process=classes["process"], number=classes["class"], others=others))
    return Finding(
        _("; ").join(said),
        "likely",
        numbers={name: float(value) for name, value in (inputs or classes or {}).items()},
        advice=_(
            "let all processes read the same files, prepare them alike, and take a random part of all samples each"
        ),
    )


RULE = Rule(N_("process unlike others"), check, ("unsteady",))
