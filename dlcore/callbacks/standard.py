"""All that watches and keeps a run of `dlcore fit`, for a Trainer of your own."""

from __future__ import annotations

from lightning.pytorch import Callback

from dlcore.callbacks.checkpoint import Checkpoint
from dlcore.callbacks.exact_resume import ExactResume
from dlcore.callbacks.non_finite_loss import NonFiniteLoss
from dlcore.callbacks.parameter_distribution import ParameterDistribution
from dlcore.callbacks.progress_display import ProgressDisplay
from dlcore.callbacks.run_events import RunEvents
from dlcore.callbacks.run_summary import RunSummary
from dlcore.callbacks.steps_per_execution import StepsPerExecution
from dlcore.callbacks.watch_what_is_logged import WatchWhatIsLogged


def standard(monitor: str | None = None) -> list[Callback]:
    """Callbacks that show what happens in any LightningModule's training, keep its states, and make it faster.

    ``Trainer(callbacks=dlcore.callbacks.standard(), logger=dlcore.tracking.RunLogger(name="mine"))``; afterwards
    ``python -m dlcore explain`` says how the run did. What trains (early stopping, averaged weights) is not among them.

    Args:
        monitor: The metric by which the best state is kept, as the module logs it; None: the loss of its validation,
            else another metric of it, else one of its training.

    Returns:
        New callbacks, for one Trainer.

    Raises:
        ArgumentError: It is not known whether a smaller or a larger value of the metric is better.
    """
    checkpoint = Checkpoint() if monitor is None else Checkpoint(monitor=monitor)
    checkpoint.monitor_is_found = monitor is None
    watch: list[Callback] = [WatchWhatIsLogged([checkpoint])] if monitor is None else []
    shown: list[Callback] = [ProgressDisplay(), RunEvents(), NonFiniteLoss(), ParameterDistribution(), RunSummary()]
    return [*watch, StepsPerExecution(), *shown, ExactResume(), checkpoint]
