"""Validation that came to little is never "nothing wrong", and an average that trails is named as its reason."""

import pytest
import yaml

from dlcore.diagnosis import diagnose
from dlcore.tracking import MetricsCsv

STEPS = 8  # an epoch
TRAIN = {"train/loss": [0.8, 0.4, 0.1, 0.04], "train/accuracy": [0.6, 0.8, 0.98, 1.0]}
AT_CHANCE = {"val/loss": [1.1, 1.1, 1.1, 1.1], "val/accuracy": [0.33, 0.33, 0.33, 0.33]}
HALF = {"val/loss": [1.0, 0.9, 0.85, 0.8], "val/accuracy": [0.4, 0.5, 0.52, 0.53]}
CLOSE = {"val/loss": [0.9, 0.5, 0.2, 0.06], "val/accuracy": [0.5, 0.8, 0.95, 0.98]}


@pytest.fixture
def run(tmp_path):
    """Write a run of four epochs and three classes."""

    def write(curves, averaging=None, steps=STEPS, of="ImageFolder", **data):
        config = {
            "data": {"class_path": f"dlcore.data.{of}", "init_args": data},
            "model": {"class_path": "dlcore.models.CNN", "init_args": {"num_classes": 3}},
            "weight_averaging": averaging,
        }
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
        table = MetricsCsv(tmp_path / "metrics.csv")
        for number in range(4):
            row = {name: values[number] for name, values in curves.items()}
            table.write({"epoch": number + 1, **row}, steps * (number + 1))
        return diagnose(tmp_path)

    return write


def average(decay=0.998, every_n_steps=1, warm_up=False):
    return {"decay": decay, "every_n_steps": every_n_steps, "warm_up": warm_up}


@pytest.mark.parametrize("val", [AT_CHANCE, HALF])
def test_an_average_that_has_hardly_left_the_start_is_a_fault(val, run):
    found = run(TRAIN | val, average())
    assert [fault.name for fault in found.faults] == ["average_trails"]
    assert "93.8% of it are still the weights of the start" in found.first.text  # 0.998³²
    assert found.first.flags == ("--weight_averaging.warm_up true",)


def test_an_average_that_trails_a_little_is_a_note(run):
    found = run(TRAIN | CLOSE, average(0.95))
    assert found.faults == ()
    assert "average_trails" in [note.name for note in found.notes]


@pytest.mark.parametrize(
    ("averaging", "steps", "trails"),
    [
        (average(warm_up=True), STEPS, False),
        (average(0.5), STEPS, False),  # 0.5³² is nothing
        (average(), 700, False),  # 0.998²⁸⁰⁰ is 0.4%
        (average(0.5, every_n_steps=8), STEPS, True),  # four updates: 6%
        (average(0.9, every_n_steps=8), 700, False),
        (None, STEPS, False),
    ],
)
def test_it_goes_by_the_share_of_the_first_weights(averaging, steps, trails, run):
    found = run(TRAIN | AT_CHANCE, averaging, steps)
    assert (found.first is not None and found.first.name == "average_trails") is trails


@pytest.mark.parametrize("steps", [2, STEPS, 700])
def test_validation_at_chance_beside_training_at_100_percent_is_no_learning(steps, run):
    found = run(TRAIN | AT_CHANCE, steps=steps)
    assert found.first.name == "no_learning"
    assert "what it memorises does not generalise" in found.first.text


def test_validation_far_below_training_is_never_nothing_wrong(run):
    found = run(TRAIN | HALF)
    assert found.first is None
    poor = "validation is poor (accuracy 53%, training 100%); 32 steps are too few to judge by"
    assert found.lines()[0] == f"nothing known is wrong, but {poor}"


def test_validation_near_training_is_nothing_wrong(run):
    assert run(TRAIN | CLOSE).lines()[0].startswith("nothing wrong was found: validation improved until epoch 4 of 4")


def test_a_training_accuracy_of_0_is_none_and_no_label_noise(run):
    found = run({**TRAIN, "train/accuracy": [0.0] * 4} | CLOSE)  # one metric object of the user's for both: reset
    assert "label_noise" not in [fault.name for fault in (*found.faults, *found.notes)]
    wrong = run({**TRAIN, "train/accuracy": [0.3] * 4} | CLOSE)
    assert "label_noise" in [fault.name for fault in (*wrong.faults, *wrong.notes)]


@pytest.mark.parametrize(("r2", "poor"), [([-1.0, -0.5, 0.0, -0.1], True), ([0.1, 0.3, 0.4, 0.45], False)])
def test_a_regression_goes_by_r2(r2, poor, run):
    train = {"train/loss": [1.0, 0.8, 0.6, 0.5], "train/r2": [0.0, 0.3, 0.5, 0.6]}
    line = run(train | {"val/loss": [1.0, 0.9, 0.8, 0.7], "val/r2": r2}).lines()[0]
    assert line.startswith(
        "nothing known is wrong, but validation is poor (R² -0.1, training 0.6)" if poor else "nothing wrong"
    )


@pytest.mark.parametrize(("steps", "size", "few"), [(2, 32, True), (4, 32, True), (5, 32, False), (150, 1, False)])
def test_few_samples_are_told_beside_whatever_they_gave(steps, size, few, run):
    found = run(TRAIN | CLOSE, steps=steps, batch_size=size, flip=0.0)  # fewer than 50 a class
    assert found.faults == ()
    texts = [note.text for note in found.notes if note.name == "few_samples"]
    assert len(texts) == few
    assert not few or f"at most {steps * size} samples of 3 classes" in texts[0]


def test_few_rows_of_a_table_are_told_of_folds(run):
    (note,) = (
        each for each in run(TRAIN | CLOSE, steps=2, of="Table", batch_size=32).notes if each.name == "few_samples"
    )
    assert note.advice.endswith("study --folds 5")


OVERFITS = {"train/loss": [0.8, 0.4, 0.1, 0.04], "val/loss": [0.8, 0.7, 0.9, 1.3]}


def test_a_run_that_overfits_few_samples_is_sent_to_the_recipe_for_them(run):
    assert run(OVERFITS, steps=18, batch_size=32).first.flags == ("-c cnn_few_images",)
    assert "-c cnn_few_images" not in run(OVERFITS, steps=20, batch_size=32).first.flags  # 640 samples


def test_the_recipe_for_few_samples_is_not_sent_to_itself(run, tmp_path):
    run(OVERFITS, steps=18, batch_size=32)
    own = tmp_path / "cnn_few_images" / "version_0"
    own.mkdir(parents=True)
    for name in ("config.yaml", "metrics.csv"):
        (tmp_path / name).rename(own / name)
    assert "-c cnn_few_images" not in diagnose(own).first.flags
