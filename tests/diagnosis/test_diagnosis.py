"""Evidence, findings and how they are weighed; and that no table, however odd, ends a diagnosis."""

import json
import math
import random

import numpy as np
import pytest
from made_up_runs import CONFIG, write_run

from dlcore.diagnosis import Finding, diagnose
from dlcore.diagnosis.curve_shape import checks_since_best, fall_at_end, smoothed, swing
from dlcore.diagnosis.diagnosis import weigh
from dlcore.diagnosis.rule import Rule, percent, short, times
from dlcore.diagnosis.rules import RULES
from dlcore.diagnosis.run_evidence import Evidence, read_evidence
from dlcore.diagnosis.run_settings import RunSettings
from dlcore.tracking import MetricsCsv
from dlcore.tracking.layer_table import COLUMNS, FILE, LayerTable
from dlcore.tracking.timeline import Timeline


def made_up(name, kind="fault", **settings):
    return Rule(name, lambda run: Finding("seen", "certain", kind), **settings)


def names(findings):
    return [finding.name for finding in findings]


# Weighing


def test_a_cause_explains_what_follows_and_what_follows_from_that(tmp_path):
    rules = (made_up("a", explains=("b",)), made_up("b", explains=("c",)), made_up("c"), made_up("d"))
    faults, consequences, _ = weigh(Evidence(tmp_path), rules)
    assert names(faults) == ["a", "d"]
    assert [(finding.name, cause) for finding, cause in consequences] == [("b", "a"), ("c", "a")]


def test_a_cause_that_another_cause_makes_up_is_not_told_as_its_consequence(tmp_path):
    rules = (made_up("a", explains=("b",)), made_up("b", is_cause=True))
    assert [names(rules) for rules in weigh(Evidence(tmp_path), rules)[::2]] == [["a"], []]
    assert weigh(Evidence(tmp_path), rules)[1] == ()


def test_a_note_explains_nothing_but_may_excuse(tmp_path):
    faults, _, notes = weigh(Evidence(tmp_path), (made_up("a", "note", explains=("b",)), made_up("b")))
    assert (names(faults), names(notes)) == (["b"], ["a"])
    faults, _, notes = weigh(Evidence(tmp_path), (made_up("a", "note", excuses=("b",)), made_up("b")))
    assert (names(faults), names(notes)) == ([], ["a"])


def test_rules_explain_only_rules_that_stand_below_them():
    for place, rule in enumerate(RULES):
        above = {other.name for other in RULES[: place + 1]} - {rule.name}
        known = {other.name for other in RULES}
        assert set(rule.explains) | set(rule.excuses) <= known, rule.name
        assert not set(rule.explains) & above, rule.name


# What a run was set to


def test_settings_are_known_by_flag(tmp_path):
    settings = read_evidence(write_run(tmp_path, train_loss=[1.0, 0.5])).settings
    assert (settings.lr, settings.optimizer, settings.is_adaptive) == (0.03, "Adam", True)
    assert settings.dropouts == {"model.dropout": 0.5}
    assert settings.augmentations == {"data.flip": 0.5}
    assert settings.changed_rate(0.1) == ("--model.optimizer.lr 0.003",)
    assert settings.flag("model.dropout", 0) == ("--model.dropout 0",)
    assert settings.flag("model.absent", 0) == ()
    assert (settings.is_on("early_stopping"), settings.is_on("weight_averaging")) == (False, True)
    assert settings.flag("early_stopping", "on") == ("--early_stopping on",)
    assert RunSettings().changed_rate(0.1) == ()


def test_chance_and_skill_are_of_the_classes(tmp_path):
    run = read_evidence(write_run(tmp_path, train_loss=[2.3, 1.0], train_accuracy=[0.1, 0.55]))
    assert run.chance_accuracy == pytest.approx(0.1)
    assert run.chance_loss == pytest.approx(math.log(10))
    assert run.skill("train") == pytest.approx(0.5)
    assert math.isnan(run.skill("val"))
    assert (run.steps, run.epochs, run.steps_per_epoch) == (20, 2, 10)
    assert not run.poor


# The shape of curves


def test_the_shape_of_curves_in_numbers():
    assert fall_at_end(np.array([5.0, 4.0, 3.0, 2.0])) == pytest.approx(1 / 3)
    assert fall_at_end(np.array([1.0, 2.0, 4.0])) == pytest.approx(-1.5 / (7 / 3))
    assert fall_at_end(np.array([0.1, 0.04])) == pytest.approx(0.6)  # a loss cannot lose more than itself
    assert math.isnan(fall_at_end(np.array([1.0])))
    assert math.isnan(fall_at_end(np.array([1.0, math.nan, 1.0])))
    assert smoothed(np.array([3.0, 0.0, 3.0])).tolist() == [1.5, 2.0, 1.5]
    assert swing(np.ones(20)) == 0
    assert swing(np.array([1.0, 2.0] * 10)) > 0.2
    assert checks_since_best(np.array([3.0, 1.0, 2.0, math.nan])) == 2


def test_numbers_are_written_short():
    assert [percent(share) for share in (0.5, 0.1523, 0.0001, 1)] == ["50%", "15.2%", "0%", "100%"]
    assert [short(n) for n in (0.01214, 3.521e-5, 90.64, 12345, math.nan)] == [
        *("0.0121", "3.52e-05", "90.6", "12,300", "not finite")
    ]
    assert [times(n) for n in (2.5, 22.4, 54075.0, 2e18)] == ["2.5 times", "22 times", "54,075 times", "2.00e+18 times"]


# Odd runs


def test_a_run_of_one_check_is_not_judged(tmp_path):
    diagnosis = diagnose(write_run(tmp_path, train_loss=[1.0], val_loss=[1.0]))
    assert diagnosis.faults == ()
    assert diagnosis.summary == "1 epoch, 10 steps; at the end: loss training 1, validation 1"


def test_a_poor_run_without_a_known_reason_is_not_called_well(tmp_path):
    # Better than chance from the first check on, and still far from good: no rule knows why.
    losses, accuracies = [2.0, 1.99, 1.98], [0.3, 0.31, 0.32]
    diagnosis = diagnose(write_run(tmp_path, train_loss=losses, train_accuracy=accuracies))
    assert diagnosis.lines()[0] == "nothing known is wrong, but the result is poor; 30 steps are too few to judge by"


def test_one_hidden_unit_is_named_also_in_a_run_that_still_falls(tmp_path):
    config = {"model": {"class_path": "dlcore.models.MLP", "init_args": {"hidden_sizes": [1], "num_classes": 10}}}
    curves = {
        "train_loss": [2.12, 1.84, 1.72],
        "train_accuracy": [0.14, 0.23, 0.24],
        "val_accuracy": [0.18, 0.23, 0.25],
    }
    finding = diagnose(write_run(tmp_path, config, **curves)).first
    assert (finding.name, finding.flags) == ("underfitting", ("--model.hidden_sizes [256,128]",))


def test_large_targets_are_named_with_the_unit_that_makes_them_about_1(tmp_path):
    # rmse/√(1 − R²) = 300 is the standard deviation, in a unit of 100 already.
    config = {"data": {"class_path": "dlcore.data.Table", "init_args": {"target_unit": 100.0}}}
    curves = {"train_rmse": [3000.0, 2900.0, 2800.0], "train_r2": [-99.0, -93.0, -87.0], "train_loss": [9e6, 8e6, 7e6]}
    finding = diagnose(write_run(tmp_path, config, **curves)).first
    assert (finding.name, finding.flags) == ("unscaled_target", ("--data.target_unit 10000",))
    assert finding.numbers["std"] == pytest.approx(300)


def test_large_targets_of_a_model_that_can_standardise_them_are_named_with_that_flag(tmp_path):
    curves = {"train_rmse": [3000.0, 2900.0, 2800.0], "train_r2": [-99.0, -93.0, -87.0], "train_loss": [9e6, 8e6, 7e6]}
    model = {"class_path": "dlcore.models.MLP", "init_args": {"target_std": None}}
    data = {"class_path": "dlcore.data.Table", "init_args": {"standardize_target": False, "target_unit": 1.0}}
    finding = diagnose(write_run(tmp_path, {"model": model, "data": data}, **curves)).first
    assert (finding.name, finding.flags) == ("unscaled_target", ("--data.standardize_target true",))
    model["init_args"]["target_std"] = 300.0
    found = diagnose(write_run(tmp_path / "again", {"model": model, "data": data}, **curves)).faults
    assert "unscaled_target" not in [each.name for each in found]


def test_a_rate_that_was_cut_to_nothing_is_not_called_too_low(tmp_path):
    config = CONFIG | {"reduce_lr_on_plateau": {"factor": 0.001}}
    losses = [1.0, 0.8, 0.7, 0.69, 0.68, 0.67]
    folder = write_run(tmp_path, config, lr=[1e-3, 1e-3, 1e-6, 1e-9, 1e-9, 1e-9], train_loss=losses, val_loss=losses)
    Timeline(folder / "events.jsonl").write("learning_rate_cut", "Learning rate cut.", 20, 2.0)
    faults = diagnose(folder).faults
    assert names(faults) == ["rate_cut_to_nothing"]
    assert faults[0].flags == ("--reduce_lr_on_plateau.factor 0.5",)
    annealed = write_run(tmp_path / "b", lr=[1e-3, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7], train_loss=losses, val_loss=losses)
    assert diagnose(annealed).faults == ()


def test_always_naming_the_common_one_of_two_classes_is_no_learning(tmp_path):
    config = {"model": {"class_path": "dlcore.models.MLP", "init_args": {"num_classes": 2}}}
    accuracies, losses = [0.97] * 12, [0.5, 0.2, *[0.14] * 10]  # knowing the classes' shares alone costs 0.135
    curves = {f"{part}_accuracy": accuracies for part in ("train", "val")} | {"train_loss": losses, "val_loss": losses}
    folder = write_run(tmp_path, config, **curves)
    outputs = {"layer": "outputs", "kind": "outputs", "top_share": 1.0, "top_target": 0.97}
    LayerTable(folder / FILE).write([{"step": 10 * step, "epoch": step, **outputs} for step in range(1, 13)])
    assert names(diagnose(folder).faults) == ["no_learning"]


def test_pretrained_networks_may_go_in_short_steps(tmp_path):
    low = {"class_path": "torch.optim.Adam", "init_args": {"lr": 1e-5}}
    curves = {"train_loss": [1.0, 0.8, 0.7, 0.6], "val_loss": [1.0, 0.9, 0.8, 0.7]}
    for weights, expected in ((None, ["learning_rate_too_low"]), ("DEFAULT", [])):
        config = {"model": {"class_path": "dlcore.models.CNN", "init_args": {"weights": weights, "optimizer": low}}}
        assert names(diagnose(write_run(tmp_path / str(weights), config, **curves)).faults) == expected


@pytest.mark.parametrize("seed", range(30))
def test_no_table_however_odd_ends_a_diagnosis(seed, tmp_path):
    draw = random.Random(seed)
    odd = [0.0, 1.0, -1.0, 1e-30, 1e30, math.nan, math.inf, 0.5, 2.3]
    metrics = [
        "train/loss",
        "train/loss_step",
        "val/loss",
        "train/accuracy",
        "val/accuracy",
        "lr",
        "val/r2",
        "train/r2",
    ]
    chosen = draw.sample(metrics, draw.randint(1, len(metrics)))
    write_run(tmp_path, draw.choice([CONFIG, {}, {"model": None}]), **{"train/loss": [0.0]})
    (tmp_path / "metrics.csv").unlink()
    table = MetricsCsv(tmp_path / "metrics.csv")
    for step in range(draw.randint(1, 12)):
        row = {name: draw.choice(odd) for name in chosen if draw.random() < 0.8}
        table.write(row | ({"epoch": step} if draw.random() < 0.8 else {}), step)
    layers = LayerTable(tmp_path / FILE)
    for step in range(draw.randint(0, 4)):
        for layer, kind in (
            ("linear_1", "Linear"),
            ("activation_1", "ReLU"),
            ("inputs", "inputs"),
            ("output", "Linear"),
        ):
            cells = {name: draw.choice(odd) for name in COLUMNS[4:] if draw.random() < 0.7}
            layers.write([{"step": step, "epoch": step, "layer": layer, "kind": kind} | cells])
    try:
        diagnosis = diagnose(tmp_path)
    except Exception as error:
        raise AssertionError((tmp_path / "metrics.csv").read_text()) from error
    assert 1 <= len(diagnosis.lines()) <= 5
    json.dumps(diagnosis.as_json(), allow_nan=False)
