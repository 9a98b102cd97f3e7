"""What is shown at the end of a fit may fail: a line says what, the rest is there, and the exit code is 0."""

import warnings

import pytest

from dlcore.callbacks import run_summary
from dlcore.cli import panels
from dlcore.cli.main import main


def fails(*args, **kwargs):
    raise ZeroDivisionError("float division by zero")


@pytest.fixture
def fit(workplace, small, capsys, one_thread):
    """Fit the smallest recipe; give what it printed, what it warned of, its page and its exit code."""

    def run():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            code = main(["fit", "-c", "mlp_textbook", "--trainer.max_epochs=1", "--progress_display=off", *small])
        page = (workplace / "lightning_logs/mlp_textbook/version_0/summary.md").read_text()
        captured = capsys.readouterr()
        return captured, " ".join(str(each.message) for each in caught), page, code

    return run


SAID = "failed: ZeroDivisionError: float division by zero (DLCORE_DEBUG=1 shows where)"


@pytest.mark.fault(
    "The diagnosis, or another row of the panel at the end, fails", "“the diagnosis failed: …”; exit code 0"
)
def test_what_fails_of_the_panel_is_named(fit, monkeypatch):
    monkeypatch.setattr(panels, "diagnose", fails)
    monkeypatch.setattr(panels, "_best", fails)
    captured, _, _, code = fit()
    assert code == 0
    lines = captured.out[captured.out.index("done ") :].splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["trained", "kept", "summary", "next"]
    first = lines.index(f"not shown  the diagnosis {SAID}")
    assert lines[first + 1] == f"           the row 'best' {SAID}"
    assert captured.err == ""


@pytest.mark.parametrize(
    ("module", "name", "what"),
    [
        (run_summary, "diagnose", "the diagnosis"),
        (run_summary, "_facts", "the list of what was trained"),
        (run_summary, "learning_curves", "the picture of the curves"),
        (run_summary, "read_events", "reading events.jsonl"),
        (run_summary, "read_metrics", "reading metrics.csv"),
    ],
)
@pytest.mark.fault(
    "A part of summary.md cannot be made", "a warning at the end names it; the page has all else; exit code 0"
)
def test_what_fails_of_the_page_is_named_in_it(module, name, what, fit, monkeypatch):
    monkeypatch.setattr(module, name, fails)
    captured, warned, page, code = fit()
    assert code == 0
    assert f"{what} {SAID}" in warned
    assert f"{what} {SAID}".replace("_", r"\_") in page or f"{what} {SAID}" in page
    assert page.startswith("# mlp_textbook, version_0")
    assert "## Findings" in page
    assert "done " in captured.out


def test_the_traceback_is_there_for_who_asks(fit, monkeypatch):
    monkeypatch.setattr(panels, "diagnose", fails)
    monkeypatch.setenv("DLCORE_DEBUG", "1")
    captured, _, _, code = fit()
    assert code == 0
    assert "Traceback (most recent call last)" in captured.err
    assert captured.err.rstrip().endswith("ZeroDivisionError: float division by zero")
