"""Search over settings, guided by earlier results: Optuna's tree of Parzen estimators (TPE).

Trials run in rounds, as many as are trained in parallel. A round's proposals depend only on the earlier results, so a
search gives the same trials each time, and an interrupted one continues as if it had not been interrupted. The state is
in ``optuna.journal`` in the study's folder.

Reference: Bergstra et al. (2011), "Algorithms for Hyper-Parameter Optimization", NeurIPS 24.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dlcore.config.merge import flatten, stacked_recipes
from dlcore.studies import pool
from dlcore.studies.executor import Executor, import_library
from dlcore.studies.outcome import Outcome
from dlcore.studies.results import Results
from dlcore.studies.study import Study, Variant, flag_text
from dlcore.studies.study_runner import RUNS, locked, run_study
from dlcore.studies.vary import Range, Space, named_variant, parsed
from dlcore.tracking.metric_names import checked_mode, unknown_mode

JOURNAL = "optuna.journal"
# Called with the number of finished trials, the variant and its value; None: it failed.
Told = Callable[[int, Variant, float | None], None]


class Search:
    """A search."""

    def __init__(self, study: Study, recipe: str, space: Space, settings: Mapping[str, Any], trials: int) -> None:
        self.study, self.recipe, self.space, self.settings, self.trials = study, recipe, space, settings, trials
        self.metric, self.greater = _monitored(recipe, settings)
        self.variants: dict[int, Variant] = {}
        self.values: dict[int, float | None] = {}

    def run(
        self, runs: Path = RUNS, at_once: int | None = None, executor: Executor | None = None, told: Told | None = None
    ) -> Outcome:
        """Run the remaining trials.

        Args:
            runs: Folder of all runs.
            at_once: Parallel trials; None: as many as the executor has room for.
            executor: Processes of the runs; None: processes on this machine.
            told: Called with each finished trial.

        Returns:
            The outcome; variants from the best to the worst.

        Raises:
            DlcoreError: Optuna is not installed, or no trial can be trained.
        """
        optuna = import_library("optuna", "optuna")
        executor = executor or pool
        folder = runs / self.study.folder
        with locked(folder):
            search = self._open(optuna, folder)
        total = self.trials * len(self.study.seeds)
        together, _ = executor.share_out(total, at_once)
        outcome = None
        while left := self._next(optuna, search, max(1, together // len(self.study.seeds))):
            outcome = run_study(self._study(), runs, at_once, executor=executor, total=total)
            for trial in left:
                value = self._value(outcome.results, self.variants[trial.number])
                self.values[trial.number] = value
                state = optuna.trial.TrialState.FAIL if value is None else None
                search.tell(trial.number, value, state=state)
                if told is not None:
                    told(len(self.values), self.variants[trial.number], value)
        # Once more, in the order of rank; no run is left to train.
        return run_study(self._study(ranked=True), runs, at_once, executor=executor, total=total)

    def best(self) -> Variant | None:
        """Return the best variant so far."""
        there = any(value is not None for value in self.values.values())
        return self._study(ranked=True).variants[0] if there else None

    def _open(self, optuna: Any, folder: Path) -> Any:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        path = str(folder / JOURNAL)
        backend = optuna.storages.journal.JournalFileBackend(
            path, lock_obj=optuna.storages.journal.JournalFileOpenLock(path)
        )
        search = optuna.create_study(
            storage=optuna.storages.JournalStorage(backend), study_name=self._digest(), load_if_exists=True,
            direction="maximize" if self.greater else "minimize",
        )  # fmt: skip
        for trial in search.trials:
            self.variants[trial.number] = self._variant(trial.params)
            if trial.state.is_finished():
                self.values[trial.number] = trial.value
        return search

    def _next(self, optuna: Any, search: Any, number: int) -> list[Any]:
        """Return unfinished trials, or else new ones."""
        begun = [trial for trial in search.trials if not trial.state.is_finished()]
        if begun:
            return begun
        known = len(search.trials)
        search.sampler = optuna.samplers.TPESampler(seed=known, constant_liar=True)
        trials = []
        for _ in range(min(number, self.trials - known)):
            trial = search.ask()
            self.variants[trial.number] = self._variant(self._suggest(trial))
            trials.append(trial)
        return trials

    def _suggest(self, trial: Any) -> dict[str, Any]:
        found = {}
        for name, values in self.space:
            if not isinstance(values, Range):
                found[name] = trial.suggest_categorical(name, list(values))
            elif values.whole:
                found[name] = trial.suggest_int(name, int(values.low), int(values.high), log=values.log)
            else:
                found[name] = trial.suggest_float(name, values.low, values.high, log=values.log)
        return found

    def _variant(self, params: Mapping[str, Any]) -> Variant:
        texts = {
            name: values.text(params[name]) if isinstance(values, Range) else params[name]
            for name, values in self.space
            if name in params
        }
        variant = named_variant(self.recipe, texts)
        return replace(variant, settings={**variant.settings, **self.settings})

    def _study(self, ranked: bool = False) -> Study:
        """Return the study with all trials so far; those with the same settings are merged."""
        order = sorted(self.variants)
        if ranked:
            worst = -math.inf if self.greater else math.inf
            numbers = {number: worst if (value := self.values.get(number)) is None else value for number in order}
            order.sort(key=lambda number: -numbers[number] if self.greater else numbers[number])
        variants = {self.variants[number].name: self.variants[number] for number in order}
        return replace(self.study, variants=tuple(variants.values()))

    def _value(self, results: Results, variant: Variant) -> float | None:
        """Return the mean over seeds of a variant's best monitored value; None if a run failed."""
        values = [run.best(self.metric, self.greater) for run in results.of(variant.name)]
        numbers = [value for value in values if value is not None and math.isfinite(value)]
        return sum(numbers) / len(numbers) if len(numbers) == len(self.study.seeds) else None

    def _digest(self) -> str:
        """Return a hash of the search: other settings or ranges are another search."""
        space = [[name, repr(values) if isinstance(values, Range) else list(values)] for name, values in self.space]
        recipe = {key: value for key, value in stacked_recipes([self.recipe]).items() if key != "progress_display"}
        content = [recipe, space, parsed(self.settings), self.study.seeds, self.metric, self.greater]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:12]


def command_of(variant: Variant, seed: int) -> list[str]:
    """Return the words after ``python -m dlcore`` that train a variant again."""
    return ["fit", *variant.words({"seed_everything": seed})]


def _monitored(recipe: str, settings: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the metric by which a recipe keeps its best checkpoint, and whether greater is better."""
    known = dict(flatten(stacked_recipes([recipe]))) | dict(settings)
    metric = flag_text(known.get("checkpoint.monitor") or "val/loss")
    mode = checked_mode(metric, flag_text(known.get("checkpoint.mode") or "auto"), "checkpoint")
    if mode == "auto":
        raise unknown_mode(metric, "checkpoint")
    return metric, mode == "max"
