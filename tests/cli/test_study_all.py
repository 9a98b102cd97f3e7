"""``study all``: several studies as one, in forked processes of tiny runs."""

import json
import re
from pathlib import Path

import pytest
from forked_command import command, fork_workers

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
def study(tmp_path):
    """A command in a working folder with these two studies alone; what it printed, and its exit code."""
    work = tmp_path / "work"
    work.mkdir()
    for name, text in (("eins", FIRST), ("zwei", SECOND)):
        (work / f"{name}.yaml").write_text(text, encoding="utf-8")

    def run(*words):
        ended = command(work, "study", *words, before=(only_two,), seconds=120)
        assert "Traceback" not in ended.err, ended
        return ended.out, ended.code

    run.work = work
    return run


def only_two():
    """In the command's process: no other studies are there."""
    paths = {name: Path(f"{name}.yaml").resolve() for name in ("eins", "zwei")}
    study_request.study_names = lambda: list(paths)
    study_request.find_study = lambda name: paths[name] if name in paths else find_study(name)
    fork_workers()


@pytest.mark.process
def test_all_studies_share_a_pool_a_table_and_a_report(study):
    out, code = study("all", "--quick", "--trainer.accelerator", "cpu")
    assert code == 1  # one variant cannot be trained
    assert "All 2 studies (quick): 3 runs to do; 2 at a time." in out
    assert "/3  zwei: broken, seed 0: failed: model.dropout: expected a number" in out
    # A study's verdicts are told when it ends, and all of them at the end.
    assert re.search(r"^eins: 1 confirmed, 1 skipped$", out, re.MULTILINE)
    assert re.search(r"CONFIRMED +快 learns\n +\d\d\.\d%; textbook: 85%", out)
    assert re.search(r"SKIPPED +none learns less\n +left out of a quick study: 'none' is not trained", out)
    assert re.search(r"INCONCLUSIVE +broken is better\n +broken: –; none: \d\d\.\d%", out)
    assert "3 claims: 1 confirmed, 1 inconclusive, 1 skipped" in out
    logs = study.work / "lightning_logs"
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
    out, code = study("all", "--quick", "--trainer.accelerator", "cpu")
    assert code == 1
    assert "1 run to do, 2 done before" in out
    assert (logs / "study_eins_quick" / "快" / "seed_0" / "study_run.json").stat().st_mtime_ns == before
    # A single study, quick, is the same one.
    out, code = study("eins", "--quick", "--trainer.accelerator", "cpu")
    assert code == 0
    assert "Eins <b> (quick): all 1 runs are done" in out
    assert json.loads((logs / "study_eins_quick" / "results.json").read_text())["quick"] is True


@pytest.mark.process
def test_dry_run_lists_the_runs_of_all_and_what_is_not_judged(study):
    out, code = study("all", "--quick", "--dry_run")
    assert code == 1
    out = " ".join(out.split())
    assert "Eins <b> (quick)" in out
    assert "not judged: none learns less ('none' is not trained)" in out
    assert re.search(r"broken seed 0 cannot be trained", out)
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
