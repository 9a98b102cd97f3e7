"""``study all``: several studies as one, in real processes of tiny runs."""

import json
import re

import pytest

from dlcore.cli.main import main
from dlcore.cli.study import study_request
from dlcore.studies import find_study

FIRST = """# Erste.
title: Eins <b>
recipe: mlp_table_binary
settings: {trainer.max_epochs: 3, parameter_distribution: off, early_stopping: off}
variants:
  快: {model.optimizer.lr: 0.1}
  none: {model.optimizer.lr: 0.00001}
seeds: 2
quick: {settings: {trainer.max_epochs: 1}, variants: {none: off}}
claims:
  - {says: 快 learns, holds: accuracy("快") > 0.6, textbook: 85%}
  - {says: none learns less, holds: accuracy("none") < accuracy("快")}
"""
SECOND = """# Zweite.
title: Zwei
recipe: mlp_table_binary
settings: {trainer.max_epochs: 1, parameter_distribution: off, early_stopping: off}
variants:
  none: {}
  broken: {model.dropout: 7}
quick: {}
claims:
  - {says: broken is better, holds: accuracy("broken") > accuracy("none")}
"""


@pytest.fixture
def _two_studies(workplace, monkeypatch):
    paths = {name: workplace / f"{name}.yaml" for name in ("eins", "zwei")}
    for path, text in zip(paths.values(), (FIRST, SECOND), strict=True):
        path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(study_request, "study_names", lambda: list(paths))
    monkeypatch.setattr(study_request, "find_study", lambda name: paths[name] if name in paths else find_study(name))
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.usefixtures("_two_studies")
def test_all_studies_share_a_pool_a_table_and_a_report(workplace, capsys):
    assert main(["study", "all", "--quick", "--trainer.accelerator", "cpu"]) == 1  # one variant cannot be trained
    out = capsys.readouterr().out
    assert "All 2 studies (quick): 3 runs to do; 2 at a time." in out
    assert "/3  zwei: broken, seed 0: failed: model.dropout: expected a number" in out
    # A study's verdicts are told when it ends, and all of them at the end.
    assert re.search(r"^eins: 1 confirmed, 1 skipped$", out, re.MULTILINE)
    assert re.search(r"CONFIRMED +快 learns\n +\d\d\.\d%; textbook: 85%", out)
    assert re.search(r"SKIPPED +none learns less\n +left out of a quick study: 'none' is not trained", out)
    assert re.search(r"INCONCLUSIVE +broken is better\n +broken: –; none: \d\d\.\d%", out)
    assert "3 claims: 1 confirmed, 1 inconclusive, 1 skipped" in out
    logs = workplace / "lightning_logs"
    assert sorted(path.name for path in logs.iterdir()) == [
        "studies_quick.html",
        "study_eins_quick",
        "study_zwei_quick",
    ]
    text = (logs / "studies_quick.html").read_text(encoding="utf-8")
    assert re.findall(r"""(?:src|href)\s*=\s*["'](?!data:|#)""", text) == []
    assert not re.search(r"https?://|@import|url\(", text)
    assert text.count("data:image/png;base64,") == 2
    for shown in ('<a href="#study_eins_quick">eins</a>', 'id="study_eins_quick">Eins &lt;b&gt; (quick)', "85%"):
        assert shown in text
    assert (logs / "study_eins_quick" / "report.html").is_file()
    # Nothing is repeated but what failed.
    before = (logs / "study_eins_quick" / "快" / "seed_0" / "study_run.json").stat().st_mtime_ns
    assert main(["study", "all", "--quick", "--trainer.accelerator", "cpu"]) == 1
    assert "1 run to do, 2 done before" in capsys.readouterr().out
    assert (logs / "study_eins_quick" / "快" / "seed_0" / "study_run.json").stat().st_mtime_ns == before
    # A single study, quick, is the same one.
    assert main(["study", "eins", "--quick", "--trainer.accelerator", "cpu"]) == 0
    assert "Eins <b> (quick): all 1 runs are done" in capsys.readouterr().out
    assert json.loads((logs / "study_eins_quick" / "results.json").read_text())["quick"] is True


@pytest.mark.usefixtures("_two_studies")
def test_dry_run_lists_the_runs_of_all_and_what_is_not_judged(capsys):
    assert main(["study", "all", "--quick", "--dry_run"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "Eins <b> (quick)" in out
    assert "not judged: none learns less ('none' is not trained)" in out
    assert re.search(r"broken 0 cannot be trained", out)
    assert "3 runs to do" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["all", "--vary", "model.dropout=0,1"], "study all: its variants are those of its file"),
        (["all", "-c", "mlp_textbook"], "study all: its variants are those of its file"),
        (["--quick", "--vary", "model.dropout=0,1"], "--quick: the cuts are those of a study's file"),
        (["copy", "scaling", "all.yaml"], "a study of that name comes with dlcore"),
    ],
)
def test_what_cannot_be_is_said(error, words, message):
    assert message in error("study", *words)
