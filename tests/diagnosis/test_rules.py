"""Each rule on a run that has what it looks for, and on one that has not.

A run is trained where its outcome has a wide margin, over seeds and processors; what hangs on how a chaotic training
rounds, as the swings of a rate that is too high do, is a record written by hand (made_up_runs.py).
"""

import pytest
from made_up_runs import FALLING, FLAT, OVERSHOT, SETTLED, STEADY, with_optimizer, write_run

from dlcore.diagnosis import diagnose
from dlcore.diagnosis.rules import RULES
from dlcore.diagnosis.run_evidence import read_evidence
from dlcore.tracking.layer_table import FILE, LayerTable
from dlcore.tracking.timeline import Timeline

pytestmark = pytest.mark.outcome
POINTS = "--data=made_up_data.Points"
ADAM = "--model.optimizer=Adam"
DROPPED = (POINTS, "--data.size=2000", "--model.dropout=0.7", ADAM, "--model.optimizer.lr=0.001")
DROPPED += ("--trainer.max_epochs=4",)
HEALTHY = (POINTS, "--data.size=2000", ADAM, "--model.optimizer.lr=0.001", "--trainer.max_epochs=4")
CONVERGED = (
    *(POINTS, "--data.noise=0.1", "--model.hidden_sizes=[]", "--model.optimizer.lr=0.3"),
    "--trainer.max_epochs=30",
)
ADAM_USUAL = (ADAM, "--model.optimizer.lr=0.001")
TOO_FAST = (ADAM, "--model.optimizer.lr=0.1")
# The first finding of these runs: what was done to them.
FAULTS = {
    "unscaled_input": ("--data.scale=1",),
    "tiny_input": ("--data.scale=2550000",),
    "constant_initialization": ("--model.initializer=zeros",),
    "wide_initialization": ("--model.activation=Tanh", "--model.initializer=normal(std=5)"),
    "uneven_class_weights": (*ADAM_USUAL, "--model.class_weights=[1000,1,1,1,1,1,1,1,1,1]", "--trainer.max_epochs=2"),
    "strong_penalty": (*ADAM_USUAL, "--model.optimizer.weight_decay=1", "--trainer.max_epochs=30"),
    "endless_warmup": (ADAM, "--model.warmup_steps=10000"),
    "softmax_twice": ("--model=made_up_data.Softmaxed", *ADAM_USUAL),
    "no_activation": ("--model.activation=Identity", "--model.hidden_sizes=[32,32]", *ADAM_USUAL),
    "frozen_parameters": ("--model=made_up_data.LeftOut",),
    "strong_decay": ("--model.optimizer=AdamW", "--model.optimizer.lr=0.001", "--model.optimizer.weight_decay=50"),
    "strong_dropout": ("--model.dropout=0.97", *ADAM_USUAL),
    "tiny_norm_batch": ("--model.batch_norm=true", "--data.batch_size=2", *ADAM_USUAL, "--trainer.max_epochs=2"),
    "validation_unlike_training": (POINTS, "--data.size=2000", "--data.shift=2", *ADAM_USUAL),
    "label_noise": (POINTS, "--data.size=2000", "--data.wrong=0.6", *ADAM_USUAL, "--trainer.max_epochs=5"),
    "tight_clipping": ("--trainer.gradient_clip_val=1e-6",),
    "learning_rate_too_high": TOO_FAST,
    "learning_rate_too_low": (ADAM, "--model.optimizer.lr=1e-6"),
    "large_batch": (ADAM, "--model.optimizer.lr=0.003", "--data.batch_size=500"),
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
        "--trainer.max_epochs=40",
    ),
}
# What follows from a fault of these runs; alone it would be found as well.
CONSEQUENCES = {
    "dead_units": TOO_FAST,
    "class_collapse": ("--data.scale=2550000",),
    "saturated_units": ("--model.activation=Tanh", "--model.initializer=normal(std=5)"),
    "not_finite": (POINTS, "--data.nan=true"),
}
NOTES = {
    "validation_not_comparable": DROPPED,
}
# Records: one that the rule finds something in, and one that it is silent on.
RECORDS = {
    "worsening": (OVERSHOT, STEADY),
    "unsteady": (OVERSHOT, STEADY),
    "plateau": (FLAT, FALLING),
    "stopped_too_early": (FALLING, SETTLED),
}


def rule(name):
    return next(each for each in RULES if each.name == name)


def test_every_rule_has_a_run():
    # Of curves that are made up: in test_diagnosis.py, test_poor_validation.py, test_degenerate_records.py,
    # test_text_runs.py, test_recorded_facts.py, test_shared_metric.py and test_cell_state.py; and in
    # test_run_events.py, since a machine is not made busy.
    elsewhere = {"unscaled_target", "rate_cut_to_nothing", "average_trails", "single_class", "few_samples"}
    elsewhere |= {"text_not_learned", "copied_text", "busy_machine"}
    elsewhere |= {"vanishing_gradients_through_time", "exploding_gradients_through_time"}
    elsewhere |= {"constant_output", "constant_input", "unequal_targets", "schedule_out_of_step", "strong_momentum"}
    elsewhere |= {"other_class_shares", "unused_class", "copied_validation", "repeated_samples"}
    elsewhere |= {"validation_in_training_mode", "shared_metric", "skipped_steps", "exploding_cell_state"}
    elsewhere |= {"mismatched_loss", "stale_norm_statistics"}
    elsewhere |= {"process_unlike_others", "processes_share_samples"}
    assert {each.name for each in RULES} == {*FAULTS, *CONSEQUENCES, *NOTES, *RECORDS} | elsewhere


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_the_first_finding_of_a_run_that_has_it(name, trained):
    first = diagnose(trained(*FAULTS[name])).first
    assert first is not None
    assert first.name == name


@pytest.mark.parametrize("name", [*CONSEQUENCES, *NOTES])
def test_a_consequence_and_a_note_are_found_in_a_run_that_has_them(name, trained):
    finding = rule(name).find(read_evidence(trained(*(CONSEQUENCES | NOTES)[name])))
    assert finding is not None
    assert finding.name == name
    assert finding.kind == ("note" if name in NOTES else "fault")


@pytest.mark.parametrize("name", RECORDS)
def test_the_shape_of_a_curve_is_found_in_a_record_that_has_it_only(name, tmp_path):
    found, silent = (write_run(tmp_path / str(number), **record) for number, record in enumerate(RECORDS[name]))
    finding = rule(name).find(read_evidence(found))
    assert finding is not None
    assert (finding.name, finding.kind) == (name, "fault" if name == "worsening" else "note")
    assert rule(name).find(read_evidence(silent)) is None


def test_a_rate_that_was_cut_between_two_records_is_not_called_constant(tmp_path):
    folder = write_run(tmp_path, **FLAT)
    Timeline(folder / "events.jsonl").write("learning_rate_cut", "Learning rate cut.", 20, 2.0)
    assert rule("plateau").find(read_evidence(folder)) is None


def test_what_a_rate_that_is_too_high_does_to_the_curves_follows_from_it(tmp_path):
    diagnosis = diagnose(write_run(tmp_path, **OVERSHOT))
    assert [fault.name for fault in diagnosis.faults] == ["learning_rate_too_high"]
    assert ("worsening", "learning_rate_too_high") in [(each.name, cause) for each, cause in diagnosis.consequences]
    assert diagnosis.notes == ()


def test_a_rate_at_which_nothing_moves_is_too_low_though_the_loss_wavers(tmp_path):
    config = with_optimizer("SGD", optimizer={"class_path": "torch.optim.SGD", "init_args": {"lr": 1e-5}})
    curves = {"train_loss": [2.4388, 2.4330, 2.4448], "train_accuracy": [0.09, 0.09, 0.08]}
    folder = write_run(tmp_path, config, **curves, val_loss=[2.3756, 2.3866, 2.3801], val_accuracy=[0.06] * 3)
    layer = {"layer": "linear_1", "kind": "Linear", "update_ratio": 9e-6}
    LayerTable(folder / FILE).write([{**layer, "step": 60 * step, "epoch": step} for step in range(1, 4)])
    assert [fault.name for fault in diagnose(folder).faults] == ["learning_rate_too_low"]
    assert diagnose(folder).first.flags == ("--model.optimizer.lr 0.01",)  # the usual one, a thousand times as high


def test_units_that_died_of_a_jump_of_the_loss_follow_from_the_rate_even_where_the_rest_learned(tmp_path):
    curves = {"train_loss": [2.0, 0.9, 0.8, 0.8], "train_accuracy": [0.5, 0.7, 0.7, 0.7]}
    folder = write_run(tmp_path, with_optimizer("SGD"), train_loss_step=[2.3, 23.0, 1.0, 0.8], **curves)
    unit = {"layer": "activation_1", "kind": "ReLU"}
    LayerTable(folder / FILE).write([{**unit, "step": 10 * step, "epoch": step, "dead": 0.99} for step in range(1, 5)])
    diagnosis = diagnose(folder)
    assert [fault.name for fault in diagnosis.faults] == ["learning_rate_too_high"]
    assert [(each.name, cause) for each, cause in diagnosis.consequences] == [("dead_units", "learning_rate_too_high")]


def test_accuracies_far_apart_are_overfitting_though_validation_does_not_rise(tmp_path):
    config = {"data": {"class_path": "dlcore.data.FashionMNIST"}, **with_optimizer("SGD", dropout=0.0)}
    curves = {
        "train_loss": [2.0, 1.0, 0.5, 0.4],
        "val_loss": [2.0, 1.0, 0.9, 0.9],
        "val_accuracy": [0.2, 0.7, 0.7, 0.7],
    }
    apart = write_run(tmp_path / "apart", config, **curves, train_accuracy=[0.2, 0.8, 1.0, 1.0])
    near = write_run(tmp_path / "near", config, **curves, train_accuracy=[0.2, 0.8, 0.85, 0.85])
    assert [fault.name for fault in diagnose(apart).faults] == ["overfitting"]
    assert "accuracy is 100% in training and 70% in validation" in diagnose(apart).faults[0].text
    assert diagnose(near).faults == ()


@pytest.mark.parametrize(
    ("lr", "decay", "names"),
    [
        (1.0, 0.01, ["learning_rate_too_high"]),  # the rate alone makes rate times decay large
        (0.001, 50.0, ["strong_decay"]),
    ],
)
def test_decay_is_strong_only_if_the_rate_is_usual(tmp_path, lr, decay, names):
    arguments = {"class_path": "torch.optim.AdamW", "init_args": {"lr": lr, "weight_decay": decay}}
    peak = [2.3, 23.0] if lr == 1 else [2.3, 2.3]
    curves = {"train_loss_step": peak, "train_loss": [2.3] * 4, "train_accuracy": [0.1] * 4}
    folder = write_run(tmp_path, with_optimizer("AdamW", optimizer=arguments), **curves)
    Timeline(folder / "events.jsonl").write("started", "Started.", 0, 0.0, module={"decay": lr * decay})
    assert [fault.name for fault in diagnose(folder).faults] == names


@pytest.mark.parametrize(
    ("optimizer", "lr", "found"),
    [("Adam", 1e-7, False), ("Adam", 10.0, False), ("Adam", 0.001, True), ("SGD", 0.01, True)],
)
def test_the_size_of_targets_is_not_the_cause_where_the_rate_is_wrong_for_any_targets(tmp_path, optimizer, lr, found):
    arguments = {"class_path": f"torch.optim.{optimizer}", "init_args": {"lr": lr}}
    config = with_optimizer(optimizer, optimizer=arguments, num_classes=None)
    folder = write_run(
        tmp_path, config, train_loss=[29000.0, 28000.0], train_rmse=[172.0, 170.0], train_r2=[-4.0, -3.9]
    )
    assert (rule("unscaled_target").find(read_evidence(folder)) is not None) == found


def test_an_adaptive_rate_far_above_usual_ones_is_too_high_for_any_loss(tmp_path):
    arguments = {"class_path": "torch.optim.Adam", "init_args": {"lr": 10.0}}
    config = with_optimizer("Adam", optimizer=arguments, num_classes=None)
    curves = {
        "train_loss": [4.5e7, 4700.0, 4600.0],
        "train_rmse": [6700.0, 68.6, 67.8],
        "train_r2": [-7000.0, 0.2, 0.2],
    }
    assert [fault.name for fault in diagnose(write_run(tmp_path, config, **curves)).faults] == [
        "learning_rate_too_high"
    ]


def test_dropout_is_the_cause_where_targets_are_large_too(tmp_path):
    config = with_optimizer(
        "Adam", optimizer={"class_path": "torch.optim.Adam", "init_args": {"lr": 0.01}}, dropout=0.98
    )
    folder = write_run(
        tmp_path, config, train_loss=[29000.0, 28000.0], train_rmse=[172.0, 170.0], train_r2=[-4.0, -3.9]
    )
    assert [fault.name for fault in diagnose(folder).faults] == ["strong_dropout"]


@pytest.mark.parametrize("name", CONSEQUENCES)
def test_a_consequence_is_told_as_such(name, trained):
    diagnosis = diagnose(trained(*CONSEQUENCES[name]))
    assert name not in [fault.name for fault in diagnosis.faults]
    assert name in [finding.name for finding, _ in diagnosis.consequences]
    assert {cause for _, cause in diagnosis.consequences} == {fault.name for fault in diagnosis.faults}


@pytest.mark.parametrize("name", sorted({each.name for each in RULES} - {"plateau", "stopped_too_early"}))
def test_every_rule_is_silent_on_a_run_that_has_nothing_of_it(name, trained):
    # When validation was best is luck: the two that ask for it have records.
    for flags in (HEALTHY, CONVERGED):
        assert rule(name).find(read_evidence(trained(*flags))) is None


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


def test_a_cosine_is_stretched_with_the_run(tmp_path):
    cosine = {"class_path": "torch.optim.lr_scheduler.CosineAnnealingLR", "init_args": {"T_max": 4}}
    record = FALLING | {"config": with_optimizer("SGD", lr_scheduler=cosine)}
    finding = rule("stopped_too_early").find(read_evidence(write_run(tmp_path, **record)))
    assert finding.flags == ("--trainer.max_epochs 8", "--model.lr_scheduler.T_max 8")
