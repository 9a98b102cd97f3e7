"""Check: will the metrics that callbacks monitor be logged? Found by a validation of one batch."""

from __future__ import annotations

from dlcore.callbacks.monitor_callback import MonitorCallback
from dlcore.callbacks.watch_what_is_logged import WatchWhatIsLogged
from dlcore.insight.preflight.case import Case
from dlcore.insight.preflight.report import CheckResult
from dlcore.insight.short_training import validated


def check_monitors(case: Case, result: CheckResult) -> None:
    """Validate a copy of the model, and check each callback's monitored metric."""
    watching = [each for each in case.trainer.callbacks if isinstance(each, MonitorCallback)]  # type: ignore[attr-defined]
    if not watching:
        result.skip("no callback watches a metric")
        return
    if not case.validates:
        result.skip("the run does not validate")
        return
    callbacks = case.trainer.callbacks  # type: ignore[attr-defined]
    finder = next((each for each in callbacks if isinstance(each, WatchWhatIsLogged)), None)
    with validated(case.model, case.datamodule, case.trainer) as (trainer, model):
        found = finder.would_watch(trainer) if finder is not None else {}
        for callback in watching:
            if callback not in found:
                callback.check_logged(trainer, model)
    names = dict.fromkeys(found.get(callback, f"{callback.monitor} ({callback.mode})") for callback in watching)
    result.ok(f"watched: {', '.join(names)}")
