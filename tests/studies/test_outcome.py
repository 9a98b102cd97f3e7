import os

import pytest
import torch

from dlcore.errors import FitError
from dlcore.studies import study_runner
from dlcore.studies.outcome import conclude
from dlcore.studies.plan import make_plan
from dlcore.studies.results import read_results
from dlcore.studies.study import Study, Variant
from dlcore.studies.study_run_record import DONE, Record
from dlcore.studies.study_runner import check_jobs
from dlcore.studies.worker import inspect
from dlcore.tracking import MetricsCsv, count_histogram
from dlcore.tracking.histogram import KeptHistograms
from dlcore.tracking.layer_table import LayerTable


def test_a_study_whose_runs_logged_nothing_to_draw_has_its_report_and_says_so(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    MetricsCsv(folder / "metrics.csv").write({"epoch": 1, "val/perplexity_step": 3.0}, 5)
    (tmp_path / "curves.png").write_bytes(b"of an older run")
    study = Study("s", "T", (Variant("a", {}, "r"),), plot=("f1",))
    record = Record("a", 0, "d", DONE)
    results = read_results(study, {("a", 0): (folder, record)})
    object.__setattr__(results.runs[0], "curves", {})
    found = conclude(results, tmp_path)
    assert not (tmp_path / "curves.png").exists()
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "data:image" not in text
    assert "No curves are drawn" in text
    assert "f1" in found.pictures[0].text


def die(job):
    os._exit(9)


@pytest.mark.process
def test_a_process_that_dies_while_settings_are_checked_is_an_error_in_words(tmp_path, monkeypatch):
    jobs = make_plan(Study("s", "T", (Variant("a", {}, "mlp_textbook"),)), tmp_path).jobs
    monkeypatch.setattr(study_runner, "inspect", die)
    with pytest.raises(FitError, match=r"died while the settings .* --jobs"):
        check_jobs(jobs, 1, 1)


def test_a_run_on_several_devices_is_refused(tmp_path):
    settings = {"trainer.devices": 2, "trainer.accelerator": "cpu"}
    jobs = make_plan(Study("s", "T", (Variant("a", settings, "mlp_table_binary"),)), tmp_path).jobs
    assert "expected one device a run" in inspect(jobs[0])["error"]
    assert "python -m dlcore fit" in inspect(jobs[0])["error"]


def test_distributions_of_variants_are_drawn_side_by_side_from_what_their_runs_kept(tmp_path):
    done, variants = {}, []
    for name, width in (("窄", 0.1), ("wide", 3.0), ("without", None)):
        folder = tmp_path / name
        folder.mkdir()
        MetricsCsv(folder / "metrics.csv").write({"epoch": 1, "val/accuracy": 0.5}, 5)
        if width is not None:
            counted = {"weights/00_linear_1": count_histogram(torch.randn(500) * width)}
            for step in (0, 5):
                KeptHistograms(folder).keep(counted, step)
            rows = [{"step": 5, "epoch": 1, "layer": "activation_1", "kind": "ReLU", "std": width}]
            LayerTable(folder / "layers.csv").write(rows)
        done[name, 0] = folder, Record(name, 0, "d", DONE)
        variants.append(Variant(name, {}, "r"))
    study = Study("s", "T", tuple(variants), plot=("accuracy", "distributions", "activations"))
    found = conclude(read_results(study, done), tmp_path)
    assert [picture.path.name for picture in found.pictures] == ["curves.png", "distributions.png", "activations.png"]
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.count("data:image/png;base64,") == 3
    for folder, _ in done.values():
        (folder / "distributions.json").unlink(missing_ok=True)
        (folder / "layers.csv").unlink(missing_ok=True)
    found = conclude(read_results(study, done), tmp_path)
    assert "no run has kept histograms" in found.pictures[1].text
    assert "No hidden values are drawn" in found.pictures[2].text
    assert not (tmp_path / "distributions.png").exists()
