"""Cross-validation in a study: which fold tests in which run, intervals, out-of-fold predictions."""

import csv
import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from test_results import write_run

from dlcore.cli.main import main
from dlcore.studies import study_runner
from dlcore.studies.folds import PREDICTIONS, fold_lines, write_out_of_fold
from dlcore.studies.plan import make_plan
from dlcore.studies.results import Results, read_results
from dlcore.studies.study import Study, Variant, run_label
from dlcore.studies.verdict import interval

VARIANTS = tuple(Variant(name, {}, "mlp_table_binary") for name in ("好", "差"))
STUDY = Study("s", "T", VARIANTS, folds=3, test=True)


def test_each_run_has_its_fold_and_repeats_have_other_folds():
    assert STUDY.numbers == (0, 1, 2)
    assert STUDY.run_settings(2) == {"seed_everything": 0, "data.folds": 3, "data.fold": 2}
    repeated = Study("s", "T", VARIANTS, seeds=(0, 7), folds=3)
    assert repeated.numbers == (0, 1, 2, 21, 22, 23)
    assert repeated.run_settings(22) == {
        "seed_everything": 7, "data.folds": 3, "data.fold": 1, "data.split_seed": 7,
    }  # fmt: skip
    assert [run_label(2), run_label(2, 3), run_label(22, 3)] == ["seed 2", "fold 2", "seed 7, fold 1"]


def test_a_plan_has_a_folder_of_its_own(tmp_path):
    jobs = make_plan(STUDY, tmp_path).jobs
    assert [(job.variant, job.label, job.folder.name) for job in jobs[:3]] == [
        ("好", "fold 0", "fold_0"), ("差", "fold 0", "fold_0"), ("好", "fold 1", "fold_1"),
    ]  # fmt: skip
    assert jobs[0].folder.parents[1].name == "study_s_folds"
    assert len({job.digest for job in jobs}) == 3  # the variants have the same settings
    assert [word for word in jobs[2].words if "fold" in word] == ["--data.folds=3", "--data.fold=1"]


def test_the_interval_allows_for_the_overlap_of_folds():
    """t·s·√(1/n + 1/(K − 1)) with t = 4.302653 for two degrees of freedom (Nadeau and Bengio 2003)."""
    numbers = np.array([0.7, 0.8, 0.9])
    low, high, margin = interval(numbers, overlap=1 / 2)
    assert margin == pytest.approx(4.302653 * 0.1 * math.sqrt(1 / 3 + 1 / 2), rel=1e-6)
    assert (low, high) == (pytest.approx(0.8 - margin), pytest.approx(0.8 + margin))
    assert interval(numbers)[2] == pytest.approx(4.302653 * 0.1 / math.sqrt(3), rel=1e-6)


def results_of(folder, metric="test/accuracy"):
    done = {}
    for name, values in (("好", (0.8, 0.81, 0.82)), ("差", (0.6, 0.62, 0.61))):
        for fold, value in enumerate(values):
            place, record = write_run(folder / name / str(fold), variant=name, seed=fold, folds=3, test={metric: value})
            rows = [[3 * number + fold, name, value] for number in (1, 0)]
            with (place / PREDICTIONS).open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([["index", "predicted", "probability"], *rows])
            done[name, fold] = place, record
    return read_results(STUDY, done)


def test_means_and_differences_have_their_intervals(tmp_path):
    good, poor, difference, note = fold_lines(results_of(tmp_path))
    assert good == "好: test/accuracy 81.0%, 95% interval 77.1% to 84.9% over 3 folds"
    assert poor.startswith("差: test/accuracy 61.0%")
    assert difference == "好 − 差: 20.0%, 95% interval 16.1% to 23.9%"
    assert "Nadeau and Bengio 2003" in note


def test_an_interval_of_r2_does_not_exceed_1(tmp_path, monkeypatch):
    monkeypatch.setattr(Results, "score", "r2")
    results = results_of(tmp_path, "test/r2")
    far = ({"test/r2": 0.99 - 0.2 * run.record.seed} for run in results.runs)
    wide = [replace(run, record=replace(run.record, test=test)) for run, test in zip(results.runs, far, strict=True)]
    line = fold_lines(replace(results, runs=tuple(wide)))[0]
    assert re.search(r"95% interval -?[\d.]+ to 1 over 3 folds$", line)


def test_predictions_of_all_folds_are_one_file_and_a_lost_one_leaves_the_others(tmp_path):
    results = results_of(tmp_path)
    files = write_out_of_fold(results, tmp_path)
    assert [path.name for path in files] == ["out_of_fold_好.csv", "out_of_fold_差.csv"]
    rows = list(csv.DictReader(files[0].read_text(encoding="utf-8").splitlines()))
    assert [int(row["index"]) for row in rows] == list(range(6))
    assert [int(row["fold"]) for row in rows] == [0, 1, 2, 0, 1, 2]
    (results.of("好")[1].folder / PREDICTIONS).unlink()
    results.of("好")[1].record.note = "Net has no predict_step"
    with pytest.warns(UserWarning, match="its predictions are not out of fold: Net has no predict_step"):
        write_out_of_fold(results, tmp_path)
    rows = list(csv.DictReader(files[0].read_text(encoding="utf-8").splitlines()))
    assert [int(row["fold"]) for row in rows] == [0, 2, 0, 2]


@pytest.mark.process
def test_a_table_is_tested_row_by_row_by_runs_that_have_not_seen_it(workplace, capsys, monkeypatch):
    monkeypatch.setattr(study_runner.pool, "train_all", lambda do, jobs, *_: ((job, do(job)) for job in jobs))
    monkeypatch.setattr(study_runner, "check_jobs", lambda *_: {})
    (workplace / "病人.csv").write_text(
        "\n".join(["号,热度,人,结果", *(f"{n},{n % 7},p{n // 3},{'病' if n % 7 > 3 else '健'}" for n in range(60))]),
        encoding="utf-8",
    )
    words = ("study", "-c", "mlp_table_binary", "--folds", "3", "--data.path=病人.csv", "--data.ignore=号")
    words += ("--data.group=人", "--trainer.max_epochs=2", "--trainer.accelerator=cpu")
    assert main(list(words)) == 0
    said = capsys.readouterr().out
    assert "mlp_table_binary: test/accuracy " in said
    folder = workplace / "lightning_logs" / "study_mlp_table_binary_folds"
    rows = list(csv.DictReader((folder / "out_of_fold_mlp_table_binary.csv").read_text(encoding="utf-8").splitlines()))
    assert [int(row["index"]) for row in rows] == list(range(60))
    assert [row["target"] for row in rows] == ["病" if n % 7 > 3 else "健" for n in range(60)]
    folds = [row["fold"] for row in rows]
    assert set(folds) == {"0", "1", "2"}
    assert all(len({*folds[n : n + 3]}) == 1 for n in range(0, 60, 3))  # a person's rows stay together
    tests = [run["test"]["test/accuracy"] for run in json.loads((folder / "results.json").read_text())["runs"]]
    right = [
        np.mean([row["predicted"] == row["target"] for row in rows if row["fold"] == str(fold)]) for fold in range(3)
    ]
    assert tests == pytest.approx(right)
    # The same command goes on: nothing is left to do.
    assert main(list(words)) == 0
    assert "all 3 runs are done" in capsys.readouterr().out
