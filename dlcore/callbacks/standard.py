"""The callbacks of `dlcore fit` that observe and save a run, for your own Trainer."""

from __future__ import annotations

from lightning.pytorch import Callback

from dlcore.callbacks.checkpoint import Checkpoint
from dlcore.callbacks.exact_resume import ExactResume
from dlcore.callbacks.non_finite_loss import NonFiniteLoss
from dlcore.callbacks.notebook_curves import NotebookCurves
from dlcore.callbacks.parameter_distribution import ParameterDistribution
from dlcore.callbacks.progress_display import ProgressDisplay
from dlcore.callbacks.run_events import RunEvents
from dlcore.callbacks.run_summary import RunSummary
from dlcore.callbacks.steps_per_execution import StepsPerExecution
from dlcore.callbacks.watch_what_is_logged import WatchWhatIsLogged
from dlcore.notebook import in_notebook


def standard(monitor: str | None = None, progress_bar: bool = True) -> list[Callback]:
    """Return callbacks that show any LightningModule's training, save its state, and make it faster.

    ``Trainer(callbacks=dlcore.callbacks.standard(), logger=dlcore.tracking.RunLogger(name="mine"))``; afterwards, run
    ``python -m dlcore explain``. Callbacks that change the training (early stopping, …) are not included.

    Args:
        monitor: Metric that decides which state is the best, as the module logs it; None: the validation loss, else
            another validation metric, else a training metric.
        progress_bar: Whether the training shows its progress; False also goes with a progress bar of your own, or with
            ``Trainer(enable_progress_bar=False)``, which Lightning refuses beside any progress bar.

    Returns:
        New callbacks, for one Trainer.

    Raises:
        ArgumentError: Unknown whether a smaller or a larger value of the metric is better.
    """
    checkpoint = Checkpoint() if monitor is None else Checkpoint(monitor=monitor)
    checkpoint.monitor_is_found = monitor is None
    watch: list[Callback] = [WatchWhatIsLogged([checkpoint])] if monitor is None else []
    progress: list[Callback] = [NotebookCurves() if in_notebook() else ProgressDisplay()] if progress_bar else []
    shown = [*progress, RunEvents(), NonFiniteLoss(), ParameterDistribution(), RunSummary()]
    return [*watch, StepsPerExecution(), *shown, ExactResume(), checkpoint]
