"""Searches over settings with Optuna."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from dlcore.errors import ArgumentError
from dlcore.studies import study_runner
from dlcore.studies.plan import Plan
from dlcore.studies.search import JOURNAL, Search
from dlcore.studies.study import Study
from dlcore.studies.vary import read_space, read_vary

pytest.importorskip("optuna", reason="optuna is not installed: pip install 'dlcore[optuna]'")
pytestmark = pytest.mark.filterwarnings("ignore")  # of the library
SETTINGS = {
    "trainer.max_epochs": "1", "trainer.accelerator": "cpu", "early_stopping": "off", "parameter_distribution": "off",
}  # fmt: skip


def make(trials, recipe="mlp_table_binary", **settings):
    texts = ("model.optimizer.lr=1e-5..1e-1", "model.hidden_sizes=[8],[16,8]")
    space = read_space([read_vary(text) for text in texts])
    return Search(Study("s", "T", ()), recipe, space, SETTINGS | settings, trials)


def names(search):
    return [search.variants[number].name for number in sorted(search.variants)]


class Here:
    """Runs one after the other in this process."""

    def share_out(self, jobs, wanted):
        return wanted, 1

    def run_jobs(self, work, jobs, at_once, threads):
        return map(work, jobs)


@pytest.mark.process
def test_a_search_goes_on_where_it_stopped_as_if_it_had_not(workplace):
    whole = make(4)
    outcome = whole.run(workplace / "whole", 2, executor=Here())
    # Ranked by the metric that the recipe keeps its best checkpoint by.
    values = [
        run.best(whole.metric, whole.greater)
        for each in outcome.results.study.variants
        for run in outcome.results.of(each.name)
    ]
    assert values == sorted(values, reverse=whole.greater)
    assert whole.best() == outcome.results.study.variants[0]

    parted = workplace / "parted"
    make(2).run(parted, 2, executor=Here())
    # It is interrupted while a round is trained: its trials are begun again, not others.
    stopped = make(4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study_runner, "train", interrupt)
        with pytest.raises(KeyboardInterrupt):
            stopped.run(parted, 2, executor=Here())
    again, told = make(4), []
    again.run(parted, 2, told=lambda number, variant, value: told.append(number), executor=Here())
    assert told == [3, 4]
    assert names(again) == names(whole)
    assert again.values == whole.values
    assert (parted / "study_s" / JOURNAL).is_file()
    # Other settings are another search in the same folder.
    other = make(1, **{"model.dropout": "0.2"})
    other.run(parted, 2, executor=Here())
    assert len(other.values) == 1


def interrupt(*args, **settings):
    raise KeyboardInterrupt


@pytest.mark.process
def test_a_trial_that_fails_is_ranked_last_and_does_not_stop_the_others(workplace):
    space = read_space([read_vary("model.dropout=0.1,7")])
    search = Search(Study("s", "T", ()), "mlp_table_binary", space, SETTINGS, 4)
    outcome = search.run(workplace, 2, executor=Here())
    assert {variant.name for variant in outcome.results.study.variants} <= {"dropout 0.1", "dropout 7"}
    assert search.best().name == "dropout 0.1"
    assert all(
        (value is None) == (search.variants[place].name == "dropout 7") for place, value in search.values.items()
    )


@pytest.mark.parametrize(
    ("done", "left", "total", "expected"),
    [(0, 4, 0, 4), (3, 1, 0, 4), (4, 0, 0, 4), (0, 1, 4, 4), (2, 1, 4, 4)],
)
def test_threads_are_shared_out_by_all_runs_and_not_by_those_that_are_left(done, left, total, expected):
    """A study that goes on has as many threads a run as before: its sums are rounded in the same way."""
    plan = Plan(Study("s", "T", ()), Path(), dict.fromkeys(range(done)), [None] * left)
    executor = SimpleNamespace(share_out=lambda jobs, wanted: (jobs, wanted))
    assert study_runner.share_out([plan], executor, None, total) == (expected, None)


@pytest.mark.parametrize(
    ("recipe", "settings", "expected"),
    [
        ("mlp_textbook", {}, ("val/accuracy", True)),
        ("mlp_textbook", {"checkpoint.monitor": "val/loss"}, ("val/loss", False)),
        ("mlp_textbook", {"checkpoint.monitor": "val/loss", "checkpoint.mode": "min"}, ("val/loss", False)),
        ("mlp_table_binary", {"checkpoint.monitor": "val/auroc"}, ("val/auroc", True)),
        ("mlp_textbook", {"checkpoint.monitor": "val/odd", "checkpoint.mode": "max"}, ("val/odd", True)),
    ],
)
def test_the_objective_is_the_metric_that_the_recipe_monitors(recipe, settings, expected):
    search = make(1, recipe, **settings)
    assert (search.metric, search.greater) == expected


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"checkpoint.monitor": "val/odd"},
            "expected min or max, since the name val/odd does not show",
        ),
        ({"checkpoint.mode": "min"}, "checkpoint.mode: expected auto or max, since more of val/accuracy is better"),
    ],
)
def test_a_search_refuses_a_metric_that_it_cannot_rank_by(settings, said):
    with pytest.raises(ArgumentError, match=said):
        make(1, "mlp_textbook", **settings)
