"""Studies that are cut: fewer epochs, one seed, and no claim is bent."""

import pytest

from dlcore.errors import ConfigError, UnknownNameError
from dlcore.studies import find_study, read_study, study_names
from dlcore.studies.outcome import conclude
from dlcore.studies.plan import make_plan
from dlcore.studies.results import read_results
from dlcore.studies.study_run_record import DONE, Record
from dlcore.tracking import MetricsCsv

TEXT = """
title: 学习率
recipe: mlp_table_binary
settings: {trainer.max_epochs: 100}
variants:
  快: {model.optimizer.lr: 0.1}
  慢: {model.optimizer.lr: 0.001, trainer.max_epochs: 300}
  很慢: {model.optimizer.lr: 0.0001}
seeds: 3
quick:
  settings: {trainer.max_epochs: 2}
  variants:
    慢: {trainer.max_epochs: 5}
    很慢: off
claims:
  - {says: a, holds: accuracy("快") > 0.5}
  - {says: b, holds: accuracy("慢") > 0.99, full_only: needs all 300 epochs}
  - {says: c, holds: accuracy("快") > accuracy("很慢")}
"""


def read(tmp_path, text=TEXT, quick=True):
    path = tmp_path / "研究.yaml"
    path.write_text(text, encoding="utf-8")
    return read_study(path, quick)


def test_a_quick_study_has_the_cuts_of_its_file_and_one_seed(tmp_path):
    study = read(tmp_path)
    assert {variant.name: variant.settings["trainer.max_epochs"] for variant in study.variants} == {"快": 2, "慢": 5}
    assert (study.seeds, study.quick, study.heading) == ((0,), True, "学习率 (quick)")
    whole = read(tmp_path, quick=False)
    assert [variant.settings["trainer.max_epochs"] for variant in whole.variants] == [100, 300, 100]
    assert (whole.seeds, whole.quick, whole.heading) == ((0, 1, 2), False, "学习率")


def test_quick_and_whole_runs_never_share_a_folder(tmp_path):
    quick, whole = (make_plan(read(tmp_path, quick=cut), tmp_path) for cut in (True, False))
    assert (quick.root.name, whole.root.name) == ("study_研究_quick", "study_研究")
    assert not {job.folder for job in quick.jobs} & {job.folder for job in whole.jobs}


def test_a_claim_that_needs_what_was_cut_is_not_judged_and_says_why(tmp_path):
    study, done = read(tmp_path), {}
    for variant in study.variants:
        folder = tmp_path / variant.name
        folder.mkdir()
        MetricsCsv(folder / "metrics.csv").write({"epoch": 2, "val/accuracy": 0.9}, 5)
        done[variant.name, 0] = folder, Record(variant.name, 0, "d", DONE)
    outcome = conclude(read_results(study, done), tmp_path)
    assert [verdict.name for _, verdict in outcome.verdicts] == ["CONFIRMED", "SKIPPED", "SKIPPED"]
    reasons = [verdict.why for _, verdict in outcome.verdicts]
    assert reasons[1] == "left out of a quick study: needs all 300 epochs"
    assert reasons[2] == "left out of a quick study: '很慢' is not trained"
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "not judged: left out of a quick study: needs all 300 epochs" in report
    # The whole study judges all of them.
    whole = conclude(read_results(read(tmp_path, quick=False), done), tmp_path)
    assert [verdict.name for _, verdict in whole.verdicts] == ["CONFIRMED", "CONTRADICTED", "INCONCLUSIVE"]


@pytest.mark.parametrize(
    ("before", "after", "error", "message"),
    [
        ("    很慢: off", "    很漫: off", UnknownNameError, "Unknown variant .in .*quick: variants.*'很漫'"),
        ("  settings: {trainer.max_epochs: 2}", "  setings: {}", UnknownNameError, "Did you mean 'settings'"),
        ("  settings: {trainer.max_epochs: 2}", "  settings: 2", ConfigError, "quick: settings: expected settings"),
        ("    慢: {trainer.max_epochs: 5}", "    慢: {recipe: x}", ConfigError, "expected settings, got a recipe"),
        ("    慢: {trainer.max_epochs: 5}", "    慢: off\n    快: off", ConfigError, "at least one that is not off"),
    ],
)
def test_a_mistake_in_the_cuts_shows_with_and_without_quick(tmp_path, before, after, error, message):
    text = TEXT.replace(before, after)
    assert text != TEXT
    for quick in (True, False):
        with pytest.raises(error, match=message):
            read(tmp_path, text, quick)


def test_a_study_without_cuts_cannot_be_quick(tmp_path):
    text = TEXT[: TEXT.index("quick:")] + TEXT[TEXT.index("claims:") :]
    assert read(tmp_path, text, quick=False).name == "研究"
    with pytest.raises(ConfigError, match="expected the cuts of a quick study"):
        read(tmp_path, text)


def epochs(study):
    return sum(int(variant.settings.get("trainer.max_epochs", 5)) for variant in study.variants) * len(study.seeds)


def test_all_studies_of_dlcore_can_be_quick_within_their_budget():
    cut = [read_study(find_study(name), quick=True) for name in study_names()]
    # They may take 20 minutes on two cores; 152 epochs, most of them of the MLP, took 16; those of the lyrics take 4 s.
    assert sum(map(epochs, cut)) < 200
    for study in cut:
        assert epochs(study) < epochs(read_study(find_study(study.name)))
        assert any(not claim.full_only for claim in study.claims), study.name
        for claim in study.claims:
            asked = [each for each in claim.holds.quantities() if each.name == "accuracy_after"]
            known = {variant.name: int(variant.settings.get("trainer.max_epochs", 5)) for variant in study.variants}
            assert all(claim.full_only or each.at <= known[each.variant] for each in asked), claim.says


def test_a_cut_study_says_to_what_it_is_cut(tmp_path):
    assert read(tmp_path, quick=False).cuts == ""
    assert "one seed and fewer epochs. Epochs: 快 2, 慢 5." in read(tmp_path).cuts
    same = TEXT.replace("    慢: {trainer.max_epochs: 5}\n", "").replace(", trainer.max_epochs: 300}", "}")
    assert "Epochs: 2." in read(tmp_path, same).cuts
