"""Check: does the weight average, which validation uses, still contain the initial weights at the end of the run?"""

from __future__ import annotations

import math

from dlcore.callbacks import WeightAveraging
from dlcore.insight.preflight.case import Case
from dlcore.insight.preflight.report import CheckResult
from dlcore.insight.schedule_preview import SchedulePreview

_LITTLE, _MUCH = 0.007, 0.1  # of the average


def check_averaging(case: Case, result: CheckResult) -> None:
    """Compute the share of the initial weights in the average at the end of the run."""
    callbacks = case.trainer.callbacks  # type: ignore[attr-defined]
    averaging = next((callback for callback in callbacks if isinstance(callback, WeightAveraging)), None)
    if averaging is None or not isinstance(case.schedule, SchedulePreview):
        result.skip("no average of the weights" if averaging is None else "the length of the run is not known")
        return
    steps = len(case.schedule.rates)
    updates = math.ceil(steps / averaging.every_n_steps)
    share = averaging.share_of_first(updates)
    result.numbers |= {"share": share}
    seen = f"after {steps:,} steps {share:.1%} of the average of the weights are still the weights of the start"
    if share < _LITTLE or case.trained:
        result.ok(seen)
        return
    say = result.fail if share > _MUCH else result.warn
    say(
        f"{seen}: validation and checkpoints use it",
        "" if averaging.warm_up else "--weight_averaging.warm_up true: it looks back over few steps at first",
        "--weight_averaging off: validate the weights themselves",
        expected=f"below {_LITTLE:.1%}",
    )
