"""Run a search in a terminal: a line per trial, then the trials by rank and the command of the best."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from dlcore.cli.study.print_outcome import print_outcome
from dlcore.cli.study.study_request import StudyRequest
from dlcore.cli.terminal import NAME, shell_word
from dlcore.studies.executor import Executor
from dlcore.studies.search import Search, command_of
from dlcore.studies.study import Variant
from dlcore.studies.study_runner import RUNS
from dlcore.tracking.metric_names import is_share


def search_and_show(console: Console, request: StudyRequest, executor: Executor) -> int:
    """Run the remaining trials of a search, and show the results."""
    if request.search is None:
        return 1
    recipe, space, settings, trials = request.search
    search = Search(request.study, recipe, space, settings, trials)
    direction = "highest" if search.greater else "lowest"
    console.print(Text(f"{request.study.title}: {trials} trials for the {direction} {search.metric}."))

    def told(number: int, variant: Variant, value: float | None) -> None:
        best = max if search.greater else min
        known = [each for each in search.values.values() if each is not None]
        so_far = f" (best so far {_value(search.metric, best(known))})" if known else ""
        text = "failed" if value is None else f"{search.metric} {_value(search.metric, value)}"
        console.print(Text(f"{number}/{trials}  {variant.name}: {text}{so_far}"), soft_wrap=True)

    outcome = search.run(RUNS, request.jobs, executor, told)
    print_outcome(console, outcome)
    best = search.best()
    if best is not None:
        words = " ".join(map(shell_word, command_of(best, request.study.seeds[0])))
        console.print()
        console.print(Text.assemble("The best again: ", (f"python -m dlcore {words}", NAME)), soft_wrap=True)
    return 1 if outcome.results.failures else 0


def _value(metric: str, value: float) -> str:
    return f"{value:.1%}" if is_share(metric) else f"{value:.4g}"
