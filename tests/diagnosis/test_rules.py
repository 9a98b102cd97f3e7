"""Each rule on a real short run that has what it looks for, and on one that has not."""

import pytest

from dlcore.diagnosis import diagnose
from dlcore.diagnosis.evidence import read_evidence
from dlcore.diagnosis.rules import RULES

POINTS = "--data=made_up_data.Points"
ADAM = "--model.optimizer=Adam"
DROPPED = (
    POINTS,
    "--data.size=2000",
    "--model.dropout=0.5",
    ADAM,
    "--trainer.max_epochs=4",
    "--model.optimizer.lr=0.001",
)
HEALTHY = (POINTS, ADAM, "--model.optimizer.lr=0.001", "--trainer.max_epochs=8")
CONVERGED = (
    *(POINTS, "--data.noise=0.1", "--model.hidden_sizes=[]", "--model.optimizer.lr=0.3"),
    "--trainer.max_epochs=30",
)
OVERSHOT = (
    *(POINTS, "--data.size=2000", "--data.noise=0.3", "--model.hidden_sizes=[]", "--model.optimizer.lr=1"),
    *("--model.optimizer.momentum=0.9", "--trainer.max_epochs=20"),
)
ADAM_USUAL = (ADAM, "--model.optimizer.lr=0.001")
TOO_FAST = (ADAM, "--model.optimizer.lr=0.1")
# The first finding of these runs: what was done to them.
FAULTS = {
    "unscaled_input": ("--data.scale=1",),
    "tiny_input": ("--data.scale=2550000",),
    "constant_initialization": ("--model.initializer=zeros",),
    "wide_initialization": ("--model.activation=Tanh", "--model.initializer=normal(std=1)"),
    "uneven_class_weights": (*ADAM_USUAL, "--model.class_weights=[1000,1,1,1,1,1,1,1,1,1]", "--trainer.max_epochs=2"),
    "strong_penalty": (*ADAM_USUAL, "--model.optimizer.weight_decay=1", "--trainer.max_epochs=30"),
    "tight_clipping": ("--trainer.gradient_clip_val=1e-6",),
    "learning_rate_too_high": TOO_FAST,
    "learning_rate_too_low": (ADAM, "--model.optimizer.lr=1e-6"),
    "large_batch": (ADAM, "--model.optimizer.lr=0.01", "--data.batch_size=500"),
    "vanishing_gradients": ("--model.activation=Sigmoid", "--model.hidden_sizes=[50,50,50,50,50,50]"),
    "inputs_not_finite": (POINTS, "--data.nan=true"),
    "exploding_gradients": (
        *(POINTS, "--model.hidden_sizes=[32,32,32,32,32,32,32,32]", "--model.initializer=normal(std=0.6)"),
        *("--parameter_distribution.every_n_steps=1", "--trainer.max_epochs=1"),
    ),
    "overfitting": (
        *(POINTS, "--data.size=150", "--data.noise=0.2", ADAM, "--model.optimizer.lr=0.003"),
        "--trainer.max_epochs=20",
    ),
    "no_learning": (POINTS, "--data.noise=1", ADAM, "--model.optimizer.lr=0.003", "--trainer.max_epochs=20"),
    "underfitting": (
        *(POINTS, "--model.hidden_sizes=[1]", "--model.activation=Tanh", ADAM, "--model.optimizer.lr=0.02"),
        "--trainer.max_epochs=20",
    ),
}
# What follows from a fault of these runs; alone it would be found as well.
CONSEQUENCES = {
    "dead_units": TOO_FAST,
    "class_collapse": ("--data.scale=2550000",),
    "saturated_units": ("--model.activation=Tanh", "--model.initializer=normal(std=1)"),
    "not_finite": (POINTS, "--data.nan=true"),
    "worsening": OVERSHOT,
}
NOTES = {
    "plateau": CONVERGED,
    "unsteady": OVERSHOT,
    "stopped_too_early": HEALTHY,
    "validation_not_comparable": DROPPED,
}


def rule(name):
    return next(each for each in RULES if each.name == name)


def test_every_rule_has_a_run():
    # Of curves that are made up: in test_diagnosis.py, test_poor_validation.py and test_degenerate_records.py; and in
    # test_run_events.py, since a machine is not made busy.
    elsewhere = {
        "unscaled_target",
        "rate_cut_to_nothing",
        "average_trails",
        "single_class",
        "few_samples",
        "busy_machine",
    }
    assert {each.name for each in RULES} == {*FAULTS, *CONSEQUENCES, *NOTES} | elsewhere


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_the_first_finding_of_a_run_that_has_it(name, trained):
    first = diagnose(trained(*FAULTS[name])).first
    assert first is not None
    assert first.name == name


@pytest.mark.parametrize("name", [*CONSEQUENCES, *NOTES])
def test_a_consequence_and_a_note_are_found_in_a_run_that_has_them(name, trained):
    finding = rule(name).look(read_evidence(trained(*(CONSEQUENCES | NOTES)[name])))
    assert finding is not None
    assert finding.name == name
    assert finding.kind == ("note" if name in NOTES else "fault")


@pytest.mark.parametrize("name", CONSEQUENCES)
def test_a_consequence_is_told_as_such(name, trained):
    diagnosis = diagnose(trained(*CONSEQUENCES[name]))
    assert name not in [fault.name for fault in diagnosis.faults]
    assert name in [finding.name for finding, _ in diagnosis.consequences]
    assert {cause for _, cause in diagnosis.consequences} == {fault.name for fault in diagnosis.faults}


@pytest.mark.parametrize("name", [each.name for each in RULES])
def test_every_rule_is_silent_on_a_run_that_has_nothing_of_it(name, trained):
    for flags in (HEALTHY, CONVERGED):
        if NOTES.get(name) != flags:
            assert rule(name).look(read_evidence(trained(*flags))) is None


@pytest.mark.parametrize("flags", [HEALTHY, CONVERGED, DROPPED])
def test_a_healthy_run_has_no_fault_and_says_why(flags, trained):
    diagnosis = diagnose(trained(*flags))
    assert diagnosis.faults == ()
    assert diagnosis.lines()[0].startswith("nothing wrong was found: validation improved until epoch ")
    assert len(diagnosis.lines()) <= 5


@pytest.mark.parametrize("name", ["unscaled_input", "learning_rate_too_high", "large_batch", "overfitting"])
def test_curves_alone_are_enough_for_some(name, trained, tmp_path):
    folder = trained(*FAULTS[name])
    for file in ("config.yaml", "metrics.csv"):
        (tmp_path / file).write_bytes((folder / file).read_bytes())
    diagnosis = diagnose(tmp_path)
    assert diagnosis.first is not None
    assert diagnosis.first.name == name
    assert any("layers.csv" in sentence for sentence in diagnosis.missing)


def test_a_remedy_is_a_flag_of_this_runs_classes(trained):
    assert diagnose(trained(*FAULTS["unscaled_input"])).first.flags == ("--data.scale 255",)
    assert diagnose(trained(*FAULTS["learning_rate_too_high"])).first.flags == ("--model.optimizer.lr 0.001",)
    assert diagnose(trained(*FAULTS["constant_initialization"])).first.flags == ("--model.initializer default",)
    # Points has neither a scale nor a way to fill gaps in.
    assert diagnose(trained(*FAULTS["inputs_not_finite"])).first.flags == ()


def test_a_run_that_has_hardly_begun_is_not_called_a_collapse(trained):
    # Five updates: most samples still get one answer, and a smaller rate would be the worst that one could do.
    diagnosis = diagnose(trained("--data.batch_size=1000", "--trainer.max_epochs=5"))
    assert diagnosis.first.name == "large_batch"
    assert "class_collapse" not in [finding.name for finding, _ in diagnosis.consequences]


def test_a_low_rate_is_never_answered_by_a_lower_one(trained):
    # The loss creeps, although the output's weights take usual steps.
    finding = diagnose(trained("--model.optimizer.lr=0.0005", "--trainer.max_epochs=4")).first
    assert finding.name == "learning_rate_too_low"
    assert float(finding.flags[0].rpartition(" ")[2]) > 0.0005


def test_a_warm_up_longer_than_the_run_is_named_and_not_the_rate(trained):
    finding = diagnose(trained("--model.warmup_steps=100000", "--trainer.max_epochs=3")).first
    assert finding.name == "learning_rate_too_low"
    assert "within its warm-up of 100,000 steps" in finding.text
    assert finding.flags[0].startswith("--model.warmup_steps ")


def test_a_cosine_is_stretched_with_the_run(trained):
    cosine = ("--model.lr_scheduler=CosineAnnealingLR", "--model.lr_scheduler.T_max=8")
    finding = rule("stopped_too_early").look(read_evidence(trained(*HEALTHY, *cosine)))
    assert finding.flags == ("--trainer.max_epochs 16", "--model.lr_scheduler.T_max 16")
