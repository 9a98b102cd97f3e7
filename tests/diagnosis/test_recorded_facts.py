"""Rules that read recorded facts: of the samples, of the module and of its schedule."""

import json

import pytest
from made_up_runs import with_optimizer, write_run

from dlcore.diagnosis import diagnose
from dlcore.diagnosis.layer_looks import INPUTS, OUTPUTS, VAL_INPUTS
from dlcore.tracking.layer_table import FILE, LayerTable
from dlcore.tracking.run_file import SAMPLES
from dlcore.tracking.timeline import Timeline

WELL = {"train_accuracy": [0.6, 0.8, 0.85, 0.86], "val_accuracy": [0.6, 0.8, 0.84, 0.85]}
WELL |= {"train_loss": [1.0, 0.6, 0.5, 0.45], "val_loss": [1.0, 0.6, 0.5, 0.46]}
BADLY = WELL | {"train_accuracy": [0.1, 0.12, 0.14, 0.2], "val_accuracy": [0.1, 0.12, 0.14, 0.2]}
TEN = [100] * 10
SCHEDULE = {"name": "CosineAnnealingLR", "steps": 1000, "epochs": 10}


@pytest.fixture
def names(tmp_path):
    """Give the names of the faults and of the notes of a run with these facts."""

    def names(curves, samples=None, module=None, events=(), config=None):
        folder = write_run(tmp_path, config or with_optimizer("SGD"), **curves)
        (folder / SAMPLES).write_text(json.dumps(samples or {}))
        timeline = Timeline(folder / "events.jsonl")
        timeline.write("started", "Started.", 0, 0.0, module=module or {})
        for kind, numbers in events:
            timeline.write(kind, "Told.", 10, 1.0, **numbers)
        found = diagnose(folder)
        notes = [each.name for each in found.notes if each.name != "stopped_too_early"]  # the curves are short
        return [each.name for each in found.faults], notes

    return names


@pytest.mark.parametrize(
    ("curves", "samples", "faults", "notes"),
    [
        # Class 0 is 97% of the training and a tenth of the validation.
        (WELL, {"classes": {"train": [970, *[3] * 9], "val": TEN}}, ["other_class_shares"], []),
        (WELL, {"classes": {"train": TEN, "val": [90, 110, *TEN[2:]]}}, [], []),
        (WELL, {"classes": {"train": TEN, "val": [9, 1, 0, 0, 0, 0, 0, 0, 0, 0]}}, [], []),  # few: by chance
        # Labels that count from 1, and validation of a class that nobody learned.
        (WELL, {"classes": {"train": [0, *TEN[1:]], "val": [0, *TEN[1:]]}}, [], ["unused_class"]),
        (WELL, {"classes": {"train": [0, *TEN[1:]], "val": TEN}}, ["unused_class"], []),
        (WELL, {"distinct": 500, "hashed": 10_000}, [], ["repeated_samples"]),
        (BADLY, {"distinct": 500, "hashed": 10_000}, ["repeated_samples"], []),
        (WELL, {"distinct": 9_000, "hashed": 10_000, "copied": 0.01}, [], []),
        (WELL, {"copied": 0.3}, ["copied_validation"], []),
    ],
)
def test_facts_of_the_samples(curves, samples, faults, notes, names):
    assert names(curves, samples) == (faults, notes)


def test_targets_of_which_one_is_far_larger(names):
    curves = {"train_loss": [3.0, 2.0, 1.9, 1.9], "val_loss": [3.0, 2.0, 1.9, 1.9], "val_r2": [0.1, 0.5, 0.6, 0.6]}
    config = {"trainer": {"max_epochs": 4}}
    assert names(curves, {"target_spreads": [0.01, 5.0]}, config=config)[0] == ["unequal_targets"]
    assert names(curves, {"target_spreads": [0.5, 5.0]}, config=config)[0] == []


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({"interval": "epoch", "length": 1000}, True),  # stepped ten times of a thousand
        ({"interval": "step", "length": 10}, True),  # a hundred half waves
        ({"interval": "epoch", "length": 10}, False),
        ({"interval": "step", "length": 1000}, False),
        ({"interval": "epoch", "length": 50}, False),  # the run is cut short on purpose
        ({"interval": "step", "length": 100}, False),  # swings on purpose
    ],
)
def test_a_schedule_that_counts_in_another_unit_than_it_is_stepped(facts, found, names):
    assert names(WELL, module={"schedule": SCHEDULE | facts})[0] == ["schedule_out_of_step"] * found


def test_momentum_near_one(names):
    assert names(BADLY, module={"momentum": 0.999})[0] == ["strong_momentum"]
    assert names(WELL, module={"momentum": 0.999}) == ([], ["strong_momentum"])  # 40 steps in all
    assert names(BADLY, module={"momentum": 0.9})[0] == []


def test_a_loss_that_does_not_fit_the_outputs(names, tmp_path):
    events = [("mismatched_loss", {"what": "shapes", "loss": "mse_loss", "outputs": [64, 1], "targets": [64]})]
    assert names(BADLY, events=events)[0] == ["mismatched_loss"]
    finding = diagnose(tmp_path).first
    assert "outputs (64, 1) and targets (64,) differ in shape, so mse_loss compares each" in finding.text
    assert finding.remedy == "give both one shape: outputs.squeeze(1)"
    # A kind that a later version knows, and one that has a rule of its own.
    for what in ("of_tomorrow", "softmax_twice"):
        assert "mismatched_loss" not in names(WELL, events=[("mismatched_loss", {"what": what, "loss": "x"})])[0]


@pytest.mark.parametrize(
    ("momentum", "curves", "found"),
    [
        (1e-6, WELL | {"val_accuracy": [0.5, 0.6, 0.6, 0.6]}, True),  # of 40 steps: 99.996% are left
        (1e-6, WELL, False),  # no harm
        (0.1, WELL | {"val_accuracy": [0.5, 0.6, 0.6, 0.6]}, False),  # 1.5% are left
        (0.0, WELL | {"val_loss": [1.0, 0.9, 0.9, 0.9]}, True),
    ],
)
def test_running_statistics_that_hold_still(momentum, curves, found, names):
    assert names(curves, module={"norm_momentum": momentum})[0][:1] == ["stale_norm_statistics"] * found


def test_a_narrow_layer_of_somebody_elses_module_is_named(names, tmp_path):
    config = {"trainer": {"max_epochs": 4}}
    curves = BADLY | {"train_loss": [2.2, 2.1, 2.0, 1.9], "val_loss": [2.2, 2.1, 2.0, 1.9]}
    facts = {"num_classes": 10, "narrow": {"name": "net.2", "units": 1}}
    curves |= {"train_accuracy": [0.2, 0.22, 0.24, 0.26], "val_accuracy": [0.2, 0.22, 0.24, 0.26]}
    assert names(curves, module=facts, config=config)[0] == ["underfitting"]
    assert "narrowest layer: net.2 (units: 1, classes: 10)" in diagnose(tmp_path).first.text
    assert names(curves, module={"num_classes": 10}, config=config)[0] == []


def test_training_with_harder_inputs_is_no_label_noise(names, tmp_path):
    curves = WELL | {"train_accuracy": [0.3, 0.4, 0.41, 0.41], "val_accuracy": [0.5, 0.6, 0.62, 0.62]}
    assert names(curves)[0] == ["label_noise"]
    table = LayerTable(tmp_path / FILE)
    table.write([{"layer": INPUTS, "kind": INPUTS, "mean": 0.3, "std": 3.0, "step": 10, "epoch": 1}])
    table.write([{"layer": VAL_INPUTS, "kind": VAL_INPUTS, "mean": 0.3, "std": 0.35, "step": 10, "epoch": 1}])
    assert names(curves)[0][0] == "validation_unlike_training"


def test_a_rate_that_fell_before_it_was_first_logged(names):
    curves = WELL | {"lr": [4e-7, 1e-13, 1e-20, 1e-30]}
    assert names(curves, module={"lr": 0.1, "optimizer": "SGD"})[0] == ["rate_cut_to_nothing"]


def test_labels_that_belong_to_nothing_do_not_make_a_usual_rate_too_low(names, tmp_path):
    curves = {"train_accuracy": [0.1] * 4, "val_accuracy": [0.1] * 4}
    curves |= {"train_loss": [2.306, 2.304, 2.303, 2.3028], "val_loss": [2.305] * 4}
    row = {"layer": "linear_1", "kind": "Linear"}
    table = LayerTable(tmp_path / FILE)
    table.write([{**row, "step": 10 * step, "epoch": step, "update_ratio": 2.5e-3} for step in range(1, 5)])
    assert "learning_rate_too_low" not in names(curves)[0]


def test_dropout_that_drops_in_validation(names):
    events = [("training_mode", {"layers": ["network.dropout_1"], "count": 1})]
    assert names(WELL, events=events)[0] == ["validation_in_training_mode"]


@pytest.mark.parametrize(
    ("skipped", "curves", "faults", "notes"),
    [
        (30, WELL, ["skipped_steps"], []),
        (6, WELL, [], ["skipped_steps"]),  # of 40
        (6, BADLY, ["skipped_steps"], []),
    ],
)
def test_steps_that_the_gradient_scaler_skips(skipped, curves, faults, notes, names, tmp_path):
    event = ("skipped_steps", {"skipped": 2 * skipped, "steps": 80, "scale": 2.0**-10})
    config = with_optimizer("SGD")
    config["trainer"]["precision"] = "16-mixed"
    assert names(curves, events=[event], config=config) == (faults, notes)
    found = diagnose(tmp_path)
    (told,) = (each for each in (*found.faults, *found.notes) if each.name == "skipped_steps")
    assert told.flags == ("--trainer.precision bf16-mixed",)


def test_steps_that_the_scaler_skipped_until_its_scale_fitted(names, tmp_path):
    assert "skipped_steps" in names(WELL, events=[("skipped_steps", {"skipped": 12, "steps": 40, "scale": 16.0})])[0]
    Timeline(tmp_path / "events.jsonl").write("finished", "Finished.", 4000, 100.0)
    found = diagnose(tmp_path)
    assert "skipped_steps" not in [each.name for each in (*found.faults, *found.notes)]


def test_processes_whose_data_differ(names, tmp_path):
    inputs = {"process": 1, "mean": 73.0, "std": 90.0, "others_mean": 0.286, "others_std": 0.353}
    classes = {"process": 1, "class": 3, "share": 0.5, "others_share": 0.0}
    assert names(WELL, events=[("process_data", {"same": [0, 1]})]) == (["processes_share_samples"], [])
    for numbers in ({"inputs": inputs}, {"classes": classes}, {"inputs": inputs, "classes": classes}):
        assert names(WELL, events=[("process_data", numbers)]) == (["process_unlike_others"], [])
    text = diagnose(tmp_path).first.text
    assert "of process 1 have mean 73 and standard deviation 90, those of the others 0.286 and 0.353" in text
    assert "50% of the samples of process 1 are of class 3, of those of the others 0%" in text


def test_pictures_all_alike(tmp_path):
    folder = write_run(tmp_path, with_optimizer("SGD"), **BADLY)
    row = {"layer": INPUTS, "kind": INPUTS, "mean": 0.3, "std": 0.3}
    table = LayerTable(folder / FILE)
    table.write([{**row, "step": 10 * step, "epoch": step, "dead": 1.0} for step in range(1, 5)])
    assert diagnose(folder).first.name == "constant_input"
    # Borders of pictures are often constant.
    table.write([{**row, "step": 50, "epoch": 5, "dead": 0.6}])
    assert "constant_input" not in [each.name for each in diagnose(folder).faults]


def test_a_network_that_ignores_its_input_is_named_by_its_losses_alone(tmp_path):
    folder = write_run(
        tmp_path, {"trainer": {"max_epochs": 4}}, valid_loss=[2.3026] * 4, train_loss=[20.0, 2.3026, 2.3026, 2.3026]
    )
    row = {"layer": OUTPUTS, "kind": OUTPUTS, "mean": 0.0, "std": 0.0}
    LayerTable(folder / FILE).write([{**row, "step": 10 * step, "epoch": step, "dead": 1.0} for step in range(1, 5)])
    assert [each.name for each in diagnose(folder).faults] == ["constant_output"]


def test_a_result_below_a_linear_model_is_not_called_well(names, tmp_path):
    samples = {"classes": {"train": TEN, "val": TEN}, "linear": 0.95}
    assert names(WELL, samples) == ([], [])
    found = diagnose(tmp_path)
    said = "nothing known is wrong, but the best validation accuracy, 85%, is below 95%, that of a linear model"
    assert found.verdict == f"{said} on the same samples; 40 steps are too few to judge by"
    names(WELL, samples | {"linear": 0.8})
    assert diagnose(tmp_path).verdict == "nothing wrong was found"


def test_a_damaged_file_of_facts_is_named(tmp_path):
    folder = write_run(tmp_path, with_optimizer("SGD"), **WELL)
    for content in ("{", "[1]"):
        (folder / SAMPLES).write_text(content)
        said = "samples.json cannot be read: what it says of the samples was not checked."
        assert said in diagnose(folder).missing
    (folder / SAMPLES).write_text('{"classes": 3, "distinct": "x", "linear": "y"}')
    assert any("other_class_shares" in line for line in diagnose(folder).failed)


@pytest.mark.parametrize(
    ("norms", "lr", "first"),
    [
        ([10.0, 12.0], 0.001, "no_learning"),  # the weights moved, and the units died, since labels tell them nothing
        ([10.0, 10.0], 0.001, "dead_units"),  # dead from the start: no gradient reaches the weights
        ([10.0, 12.0], 1.0, "learning_rate_too_high"),
    ],
)
def test_units_that_die_since_nothing_can_be_learned_are_no_cause(norms, lr, first, tmp_path):
    optimizer = {"class_path": "torch.optim.Adam", "init_args": {"lr": lr}}
    losses, accuracies = [2.304, *[2.303] * 11], [0.1] * 12
    curves = {
        f"{part}_{name}": values
        for part in ("train", "val")
        for name, values in (("loss", losses), ("accuracy", accuracies))
    }
    folder = write_run(tmp_path, with_optimizer("Adam", optimizer=optimizer), **curves)
    table = LayerTable(folder / FILE)
    for step, norm in zip((10, 120), norms, strict=True):
        weights = {"layer": "linear_1", "kind": "Linear", "weight_norm": norm, "update_ratio": 2e-3}
        table.write([{**weights, "step": step, "epoch": 1}])
        table.write([{"layer": "activation_1", "kind": "ReLU", "dead": 0.95, "step": step, "epoch": 1}])
    assert diagnose(folder).first.name == first
