"""No rule fails on a record that lacks something, and one that does takes no other with it."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dlcore.diagnosis import diagnose, diagnosis
from dlcore.diagnosis.healthy_run import reasons, summary
from dlcore.diagnosis.layer_looks import LayerLooks
from dlcore.diagnosis.rules import RULES
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.diagnosis.run_settings import RunSettings
from dlcore.tracking import MetricsCsv
from dlcore.tracking.curves import LoggedCurve
from dlcore.tracking.layer_table import COLUMNS, FILE, LayerTable

PARTS = ("train", "val")
CHECKS = 12

# A classifier of three classes that learns nothing, one that is faultless, and a regression: each rule's own ways in.
STUCK = {"loss": [5.0, 1.1] * (CHECKS // 2), "accuracy": [0.33] * CHECKS}
FAULTLESS = {"loss": list(np.geomspace(1, 1e-3, CHECKS)), "accuracy": [1.0] * CHECKS}
REGRESSION = {"loss": [9e6] * CHECKS, "rmse": [3e3] * CHECKS, "r2": [-99.0] * CHECKS}
KINDS = {"stuck": STUCK, "faultless": FAULTLESS, "regression": REGRESSION}

SETTINGS = {
    "model": "MLP",
    "model.num_classes": 3,
    "model.hidden_sizes": [2],
    "model.dropout": 0.5,
    "model.class_weights": [1.0, 1.0, 100.0],
    "model.optimizer": "SGD",
    "model.optimizer.lr": 10.0,
    "model.optimizer.weight_decay": 1.0,
    "data": "Table",
    "data.batch_size": 1024,
    "data.target_unit": 1,
    "trainer.gradient_clip_val": 1e-6,
    "reduce_lr_on_plateau.factor": 0.01,
    "weight_averaging.decay": 0.999,
}
EVENTS = ({"kind": "busy_machine", "waited": 0.5, "threads": 2}, {"kind": "learning_rate_cut", "step": 20})
LAYERS = (("inputs", "inputs"), ("linear_1", "Linear"), ("activation_1", "ReLU"), ("output", "Linear"))


def curve(values):
    places = np.arange(1, len(values) + 1)
    return LoggedCurve(10.0 * places, 1.0 * places, np.array(values, dtype=float))


def looks(number=CHECKS, value=1.0, top_target=0.4):
    rows = [
        dict.fromkeys(COLUMNS, value) | {"step": 10 * look, "epoch": look, "layer": layer, "kind": kind}
        for look in range(number)
        for layer, kind in (*LAYERS, ("outputs", "outputs"))
    ]
    rows = [row | {"top_share": 1.0, "top_target": top_target} for row in rows]
    return LayerLooks({name: [row[name] for row in rows] for name in COLUMNS})


def record(kind="stuck"):
    """What a run of the kind leaves."""
    curves = {f"{part}/{name}": curve(values) for part in PARTS for name, values in KINDS[kind].items()}
    curves |= {"lr": curve([10.0] * 2 + [1e-6] * (CHECKS - 2)), "train/loss_step": curve([5.0] * CHECKS)}
    return Evidence(Path("run"), RunSettings(SETTINGS), curves, looks(), EVENTS)


def each_curve(run, change):
    curves = {name: curve(change(each.values)) for name, each in run.curves.items()}
    return replace(run, curves=curves)


DEGENERATE = {
    "whole": lambda run: run,
    "no validation": lambda run: replace(
        run, curves={name: each for name, each in run.curves.items() if not name.startswith("val/")}
    ),
    "validation only": lambda run: replace(
        run, curves={name: each for name, each in run.curves.items() if name.startswith("val/")}
    ),
    "one class in each look": lambda run: replace(run, layers=looks(top_target=1.0)),
    "one class in all": lambda run: replace(
        run, settings=RunSettings(SETTINGS | {"model.num_classes": 1}), layers=looks(top_target=1.0)
    ),
    "classes not known": lambda run: replace(run, settings=RunSettings(), layers=looks(top_target=1.0)),
    "one check": lambda run: each_curve(run, lambda values: values[:1]),
    "one step": lambda run: replace(
        run,
        curves={name: LoggedCurve(np.ones(1), np.ones(1), each.values[:1]) for name, each in run.curves.items()},
        layers=looks(1),
    ),
    "no step": lambda run: replace(
        run,
        curves={name: LoggedCurve(np.zeros(1), np.zeros(1), each.values[:1]) for name, each in run.curves.items()},
    ),
    "no point": lambda run: each_curve(run, lambda values: values[:0]),
    "no curve": lambda run: replace(run, curves={}),
    "NaN": lambda run: each_curve(run, lambda values: values * math.nan),
    "NaN at the end": lambda run: each_curve(run, lambda values: np.r_[values[:-1], math.nan]),
    "infinite": lambda run: each_curve(run, lambda values: values + math.inf),
    "constant": lambda run: each_curve(run, lambda values: 0 * values + 0.5),
    "zero": lambda run: each_curve(run, lambda values: 0 * values),
    "epochs not known": lambda run: replace(
        run,
        curves={
            name: LoggedCurve(each.steps, each.epochs * math.nan, each.values) for name, each in run.curves.items()
        },
    ),
    "no layers": lambda run: replace(run, layers=LayerLooks()),
    "layers not known": lambda run: replace(run, layers=looks(value=math.nan, top_target=math.nan)),
    "layers of zero": lambda run: replace(run, layers=looks(value=0.0, top_target=0.0)),
    "one sample": lambda run: replace(
        each_curve(run, lambda values: np.round(values[:1])),
        settings=RunSettings(SETTINGS | {"data.batch_size": 1}),
        layers=looks(1, value=0.0, top_target=1.0),
    ),
    "no config": lambda run: replace(run, settings=RunSettings()),
    "no events": lambda run: replace(run, events=()),
}


@pytest.mark.parametrize("degenerate", DEGENERATE)
def test_no_rule_fails(degenerate):
    for kind in KINDS:
        run = DEGENERATE[degenerate](record(kind))
        for rule in RULES:
            with np.errstate(all="ignore"):  # as `diagnose` does
                finding = rule.find(run)
            assert finding is None or finding.name == rule.name, kind
            assert finding is None or "nan" not in " ".join(finding.lines()).split(), (rule.name, kind)


@pytest.mark.parametrize("degenerate", DEGENERATE)
def test_what_is_said_of_a_run_does_not_fail_either(degenerate):
    for kind in KINDS:
        with np.errstate(all="ignore"):
            run = DEGENERATE[degenerate](record(kind))
            assert summary(run)
            reasons(run)


# What chance is where looks see one class only


@pytest.mark.parametrize(
    ("classes", "shares", "chance"),
    [
        (3, [1.0, 1.0], 1 / 3),  # sorted by class: a look tells nothing of how common a class is
        (3, [1.0, 0.6, 0.5], 0.5),
        (2, [1.0, 0.97], 0.97),
        (None, [1.0, 1.0], math.nan),
    ],
)
def test_a_look_at_one_class_tells_nothing_of_chance(classes, shares, chance):
    outputs = {"layer": ["outputs"] * len(shares), "kind": ["outputs"] * len(shares), "step": range(len(shares))}
    curves = {"train/accuracy": curve([1.0]), "val/accuracy": curve([1.0])}
    settings = RunSettings({"model.num_classes": classes})
    run = Evidence(Path("run"), settings, curves, LayerLooks(outputs | {"top_target": shares}))
    assert run.chance_accuracy == pytest.approx(chance, nan_ok=True)
    assert run.skill("val") == pytest.approx(math.nan if classes is None else 1.0, nan_ok=True)
    assert run.prior_loss > 0 or classes is None


def kept(folder, accuracy, top_target=1.0):
    """A run's folder, each of whose looks saw one class only."""
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text("model: {class_path: dlcore.models.MLP, init_args: {num_classes: 3}}\n")
    table = MetricsCsv(folder / "metrics.csv")
    outputs = {"layer": "outputs", "kind": "outputs", "top_share": 1.0, "top_target": top_target}
    for epoch in range(1, 6):
        row = {"train/loss": 0.1, "train/accuracy": 1.0, "val/loss": 3.0, "val/accuracy": accuracy}
        table.write({"epoch": epoch, **row}, 50 * epoch)
        LayerTable(folder / FILE, last_step=50 * (epoch - 1)).write([{"step": 50 * epoch, "epoch": epoch, **outputs}])
    return folder


def test_samples_sorted_by_class_are_named(tmp_path):
    fault = diagnose(kept(tmp_path / "bad", 0.34)).first
    assert (fault.name, fault.kind) == ("single_class", "fault")
    assert "shuffle" in fault.advice
    well = diagnose(kept(tmp_path / "well", 0.99))
    assert (well.faults, [note.name for note in well.notes]) == ((), ["single_class"])
    assert [note.name for note in diagnose(kept(tmp_path / "shuffled", 0.99, 0.4)).notes] == []


# A rule that fails


def fails(run):
    raise ZeroDivisionError("float division by zero")


def test_a_rule_that_fails_is_named_and_the_others_are_told(tmp_path, monkeypatch, capsys):
    broken = [replace(rule, check=fails) if rule.name == "no_learning" else rule for rule in RULES]
    monkeypatch.setattr(diagnosis, "RULES", broken)
    found = diagnose(kept(tmp_path, 0.34))
    assert found.first.name == "single_class"
    line = "the rule no_learning failed: ZeroDivisionError: float division by zero (DLCORE_DEBUG=1 shows where)"
    assert found.lines()[-1] == line
    assert line in " ".join(found.missing)
    assert found.as_json()["missing"][-1] == line
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("DLCORE_DEBUG", "1")
    diagnose(tmp_path)
    assert "Traceback" in capsys.readouterr().err


def test_what_speaks_for_a_run_may_fail_too(tmp_path, monkeypatch):
    for name in ("summary", "reasons"):
        monkeypatch.setattr(diagnosis, name, fails)
    found = diagnose(kept(tmp_path, 0.99, 0.4))
    assert [line.partition(" failed: ")[0] for line in found.lines()[-2:]] == ["the summary", "the reasons"]
