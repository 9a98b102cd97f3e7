import math

import pytest

from dlcore.errors import DataError
from dlcore.studies.claim import read_claim
from dlcore.studies.results import Results, claimed, read_curves, read_results
from dlcore.studies.study import Claim, Study, Variant
from dlcore.studies.study_run_record import DONE, Record, read_record
from dlcore.studies.tables import table
from dlcore.tracking import MetricsCsv

RECORD = Record("a", 0, "d", DONE, parameters=10, train_samples=100, epochs=2, seconds=8.0, times=[[5, 2.0], [10, 8.0]])


def write_run(folder, accuracies=(0.5, 0.8), **more):
    folder.mkdir(parents=True)
    writer = MetricsCsv(folder / "metrics.csv")
    for epoch, accuracy in enumerate(accuracies, start=1):
        row = {
            "train/accuracy": accuracy + 0.1,
            "train/loss": 1 / epoch,
            "val/accuracy": accuracy,
            "val/loss": 2 / epoch,
        }
        writer.write({"epoch": epoch, "lr": 0.1 / epoch, **row}, 5 * epoch)
    record = Record(**{**vars(RECORD), **more})
    record.write(folder)
    return folder, record


def results(tmp_path, **runs):
    """Results of variants: a list of last accuracies each, one a seed."""
    done = {
        (name, seed): write_run(tmp_path / name / str(seed), (0.5, last), variant=name, seed=seed)
        for name, lasts in runs.items()
        for seed, last in enumerate(lasts)
    }
    claims = (Claim("narrow", read_claim('weight_reach("a") < 1')),)
    variants = tuple(Variant(name, {}, "mlp_textbook") for name in runs)
    return read_results(Study("s", "T", variants, seeds=(0, 1, 2), claims=claims), done)


def test_curves_have_epochs_samples_and_seconds(tmp_path):
    folder, record = write_run(tmp_path / "a")
    curve = read_curves(folder, record)["val/accuracy"]
    assert curve.x("epoch").tolist() == [1.0, 2.0]
    assert curve.x("samples").tolist() == [100.0, 200.0]
    assert curve.x("seconds").tolist() == [2.0, 8.0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('accuracy("a")', 0.8),
        ('best_accuracy("a")', 0.8),
        ('train_accuracy("a")', 0.9),
        ('gap("a")', 0.1),
        ('loss("a")', 1.0),
        ('loss_gap("a")', 0.5),
        ('accuracy_after("a", 1)', 0.5),
        ('epochs_to("a", 80%)', 2.0),
        ('epochs_to("a", 0.99)', math.inf),
        ('lr_cuts("a")', 1.0),
        ('parameters("a")', 10.0),
        ('highest("val/accuracy", "a")', 0.8),
        ('lowest("train/loss", "a")', 0.5),
        ('test_accuracy("a")', None),
        ('accuracy_after("a", 7)', None),
        ('last("val/rmse", "a")', None),
    ],
)
def test_each_quantity_of_a_claim_is_what_it_says(tmp_path, text, value):
    folder, record = write_run(tmp_path / "a")
    run = read_results(Study("s", "T", (Variant("a", {}, "r"),)), {("a", 0): (folder, record)}).runs[0]
    quantity = next(read_claim(f"{text} < 1").quantities())
    assert claimed(run, quantity) == (None if value is None else pytest.approx(value))


def test_the_table_has_mean_and_standard_deviation_over_the_seeds(tmp_path):
    found = results(tmp_path, a=[0.7, 0.8, 0.9], b=[0.6])
    heads, rows = table(found)
    cells = [dict(zip(heads, row, strict=True)) for row in rows]
    assert cells[0]["last val accuracy"] == "80.0% ± 10.0%"
    assert cells[1]["last val accuracy"] == "60.0%"
    assert (cells[0]["parameters"], cells[0]["gap"], cells[0]["seeds"]) == ("10", "10.0% ± 0.0%", "3")
    assert cells[0]["95% of weights within ±"] == "–"


def test_runs_that_have_not_ended_well_do_not_count(tmp_path):
    folder, record = write_run(tmp_path / "a", status="failed")
    assert read_results(Study("s", "T", (Variant("a", {}, "r"),)), {("a", 0): (folder, record)}).runs == ()


@pytest.mark.parametrize("content", ['{"variant": "a", "se', "[]", '{"variant": "a", "renamed_later": 0}'])
@pytest.mark.fault(
    "The record of a study's run is cut short",
    "“…/study_run.json: expected the record of a run of a study …”",
)
def test_a_record_is_read_as_written_and_one_that_cannot_be_read_is_not_taken_for_none(tmp_path, content):
    folder, record = write_run(tmp_path / "明月")
    assert read_record(folder) == record
    assert read_record(tmp_path) is None
    (folder / "study_run.json").write_text(content)
    with pytest.raises(DataError, match=r"study_run\.json: expected the record of a run"):
        read_record(folder)


def test_a_run_without_logged_values_can_tell_nothing(tmp_path):
    folder, record = write_run(tmp_path / "a")
    (folder / "metrics.csv").unlink()
    run = read_results(Study("s", "T", (Variant("a", {}, "r"),)), {("a", 0): (folder, record)}).runs[0]
    assert claimed(run, next(read_claim('lr_cuts("a") < 1').quantities())) is None


def test_the_table_shows_r2_as_a_number_and_no_percentage(tmp_path):
    folder, record = write_run(tmp_path / "a")
    (folder / "metrics.csv").unlink()
    MetricsCsv(folder / "metrics.csv").write({"epoch": 1, "val/r2": 0.5}, 5)
    found = read_results(Study("s", "T", (Variant("a", {}, "r"),)), {("a", 0): (folder, record)})
    heads, rows = table(found)
    assert dict(zip(heads, rows[0], strict=True))["last val r2"] == "0.5"


def test_a_number_that_was_never_logged_leaves_no_score():
    assert Results(Study("s", "T", ()), ()).score == "loss"
