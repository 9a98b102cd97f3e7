"""What a model's training and evaluation add up, and what of it is logged, when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from dlcore.nn import Tally

if TYPE_CHECKING:
    from dlcore.models.model import Model


class MetricLog:
    """The tallies of a model, and the way from them to loggers and callbacks.

    Args:
        model: The model, whose trainer has the loggers.

    Attributes:
        evaluation: What the last validation or test added up.
        penalty: The penalty of the last step, where there is one.
        logged_until: Loss sum and weight of the training's tally when ``train/loss_step`` was last logged.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._train: Tally | None = None
        self._closed: dict[str, float] = {}  # the training's metrics, until they are logged
        self.evaluation: Tally | None = None
        self.penalty: Tensor | None = None
        self.logged_until = (0.0, 0.0)

    @property
    def train(self) -> Tally:
        """What was added up since ``train/…`` was last logged."""
        if self._train is None:
            self._train = self._model.task.tally(self._model.device)
        return self._train

    def start_evaluation(self) -> None:
        """Begin to count anew."""
        self.evaluation = self._model.task.tally(self._model.device, evaluation=True)

    def evaluated(self, part: str, thorough: bool = False) -> dict[str, float]:
        """Metrics of the evaluation, named ``part/…``."""
        metrics = {} if self.evaluation is None else self._read(self.evaluation, thorough)
        return {f"{part}/{name}": value for name, value in metrics.items()}

    def close_train(self) -> None:
        """Compute the training's metrics, to be logged with the next epoch, and begin to count anew."""
        tally = self.train
        # What train/loss_step has not told yet is counted before the next tally's beginning.
        self.logged_until = (self.logged_until[0] - tally.loss_sum.item(), self.logged_until[1] - tally.weight())
        metrics = self._read(tally)
        if self.penalty is not None:
            metrics["penalty"] = self.penalty.item()
        self._closed = {f"train/{name}": value for name, value in metrics.items()} if tally.count else {}
        self._train = None

    def log_epoch(self, metrics: dict[str, float]) -> None:
        """Log metrics of an epoch (or of the part since the last validation), with the training's that were closed."""
        metrics, self._closed = {**self._closed, **metrics}, {}
        trainer = self._model.trainer
        fitting = trainer.state.fn == "fit"
        # All processes have the same values already; saying that they are to be averaged keeps Lightning quiet.
        self._model.log_dict(metrics, logger=not fitting, sync_dist=True)
        if fitting:
            # An epoch before the first interval's end has a point of the rate's curve all the same.
            early = trainer.global_step < (trainer.log_every_n_steps or 1)  # type: ignore[attr-defined]
            self._send({**metrics, "lr": self._model.lr} if early else metrics)

    def log_interval(self, lr: float) -> None:
        """Log the mean loss since the last time, the penalty, and the learning rate of the step that was just taken."""
        loss_sum, weight = self.logged_until
        self.logged_until = (self.train.loss_sum.item(), self.train.weight())
        loss = (self.logged_until[0] - loss_sum) / (self.logged_until[1] - weight or 1)
        # Set directly: `self.log` costs a millisecond here and more in each step that follows.
        self._model.trainer.callback_metrics["train/loss_step"] = loss  # type: ignore[assignment]
        penalty = {} if self.penalty is None else {"train/penalty_step": self.penalty.item()}
        self._send({"train/loss_step": loss, **penalty, "lr": lr})

    def _read(self, tally: Tally, thorough: bool = False) -> dict[str, float]:
        """Metrics of a tally over all processes."""
        strategy = self._model.trainer.strategy
        if self._model.trainer.world_size > 1:
            tally.load_sums([strategy.reduce(total, reduce_op="sum") for total in tally.sums()])
        return tally.metrics(thorough)

    def _send(self, metrics: dict[str, float]) -> None:
        metrics = {"epoch": self._model.epochs_done(), **metrics}
        for logger in self._model.trainer.loggers:
            logger.log_metrics(metrics, step=self._model.trainer.global_step)
