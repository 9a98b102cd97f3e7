"""A classifier's mistakes: the confusion matrix of each validation, and the worst-predicted pictures or texts.

Shapes: N batch, K classes, T tokens, W worst samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast, final

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torch.nn import functional
from torch.utils.hooks import RemovableHandle

from dlcore.callbacks.logged_figures import (
    black_and_white,
    class_names,
    class_numbers,
    facts_of,
    log_figure,
    name_of,
    run_loggers,
    say_without_run_logger,
    shown,
)
from dlcore.callbacks.metric_callback import MetricCallback
from dlcore.errors import ArgumentError, check_number
from dlcore.lightning_compat import data_module_of
from dlcore.processes import of_all_processes
from dlcore.text import END
from dlcore.tracking import confusion_matrix
from dlcore.tracking.figures.picture_grids import worst_predictions
from dlcore.tracking.run_page import table

_LONGEST = 300  # characters of a text


@final
class Mistakes(MetricCallback):
    """Shows a classifier's mistakes: the confusion matrix of each validation, and the worst-predicted samples.

    The worst samples are those whose true class has the lowest predicted probability. Only the samples to show are
    kept, batch by batch, on the device. Figures are drawn in the background for TensorBoard; those of the last
    validation are val_confusion.png and val_worst.png in the run's folder. Texts (data with a `text_of`) are a table
    in TensorBoard. For data that are neither pictures nor texts, only the matrix is shown.

    Args:
        worst: How many pictures or texts, 0 to 128; 0 shows the matrix only.
        every_n_epochs: Epochs from one figure to the next, at least 1; an epoch with several validations shows each.

    Raises:
        ArgumentError: A value is out of range, or the model is no classifier.
    """

    def __init__(self, worst: int = 24, every_n_epochs: int = 1) -> None:
        check_number("worst", worst, at_least=0, at_most=128, whole=True)
        check_number("every_n_epochs", every_n_epochs, at_least=1, whole=True)
        self.worst, self.every_n_epochs = worst, every_n_epochs
        self._shape: tuple[int, ...] | None = None
        self._text_of: Callable[[Tensor], str] | None = None
        self._width = 0  # tokens of the longest text
        self._hook: RemovableHandle | None = None
        self._outputs: Tensor | None = None
        self._kept: WorstSamples | None = None
        self._looked = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that the model is a classifier."""
        super().on_train_start(trainer, pl_module)
        say_without_run_logger(trainer, self)
        if not hasattr(getattr(pl_module, "task", None), "num_classes"):
            name = type(getattr(pl_module, "task", pl_module)).__name__.lower()
            raise ArgumentError("mistakes", "a model that learns classes", name, "Switch it off: --mistakes off")
        self._shape = facts_of(trainer).get("image_shape")
        data: Any = data_module_of(trainer)
        self._text_of = getattr(data, "text_of", None)
        if self._text_of is not None:
            self._width = data.parts["val"].inputs.shape[1]

    # During a validation

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start to collect samples every `every_n_epochs`."""
        turn = (trainer.current_epoch + 1) % self.every_n_epochs == 0
        self._looked = turn and trainer.state.fn == "fit" and not trainer.sanity_checking
        if self._looked and self.worst and (self._shape is not None or self._text_of is not None):
            self._kept = WorstSamples(self.worst)
            # Get the network's outputs by a hook: `validation_step` does not return them, and recomputing is slow.
            self._hook = pl_module.register_forward_hook(self._take)

    def _take(self, module: Any, inputs: Any, outputs: Any) -> None:
        # A strategy's wrapper also runs the whole validation step through forward: it returns None or a loss.
        if isinstance(outputs, Tensor) and outputs.dim():
            self._outputs = outputs.detach()

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Merge the batch into the worst samples so far."""
        if self._kept is None:
            return
        answers, self._outputs = self._outputs, None
        inputs, targets = batch
        if self._text_of is not None:  # each batch is as wide as its longest text
            inputs = functional.pad(inputs, (0, self._width - inputs.shape[1]), value=END)
        self._kept.add(inputs, targets, answers if len(targets) else None)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove the hook."""
        self._let_go()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Remove the hook from the model."""
        super().on_exception(trainer, pl_module, exception)
        self._let_go()

    def _let_go(self) -> None:
        if self._hook is not None:
            self._hook.remove()
        self._hook = self._outputs = None

    # After a validation

    def on_metrics(self, trainer: Trainer, model: LightningModule) -> None:
        """Show the collected samples and the matrix; do nothing in an epoch without validation."""
        kept, self._kept = self._kept, None
        if not self._looked:
            return
        self._looked = False
        if kept is not None and trainer.world_size > 1:
            kept.gather(trainer)
        if not trainer.is_global_zero:
            return
        epoch = trainer.current_epoch + 1
        counts = cast(Tensor, model.confusion_matrix).cpu().numpy()
        names = [name_of(class_names(trainer), number) for number in range(len(counts))]
        drawn = kept.read() if kept is not None else None
        draw = partial(confusion_matrix, counts, names, f"Validation at epoch {epoch}")
        log_figure(trainer, "mistakes/confusion", draw, "val_confusion.png")
        if drawn is not None and self._text_of is not None:
            rows, *others = drawn
            texts = [self._text_of(row) for row in rows]
            for logger in run_loggers(trainer):
                logger.log_text("mistakes/worst", _as_table(texts, names, *others), trainer.global_step)
        if drawn is not None and self._shape is not None:
            pictures, true, preds, true_shares, shares = drawn
            draw = partial(
                worst_predictions,
                shown(trainer, pictures.reshape(-1, *self._shape)).numpy(),
                [name_of(names, number) for number in true.tolist()],
                [name_of(names, number) for number in preds.tolist()],
                true_shares.tolist(),
                shares.tolist(),
                f"The worst {len(true)} of {counts.sum():,} predictions, epoch {epoch}",
                black_and_white(trainer),
            )
            log_figure(trainer, "mistakes/worst", draw, "val_worst.png")


def _as_table(
    texts: Sequence[str], names: list[str], true: Tensor, preds: Tensor, true_shares: Tensor, shares: Tensor
) -> str:
    """Return a table in Markdown: text, class and prediction with their probabilities."""
    rows = []
    values = (values.tolist() for values in (true, preds, true_shares, shares))
    for text, label, pred, true_share, share in zip(texts, *values, strict=True):
        shown = f"{text[:_LONGEST]}…" if len(text) > _LONGEST else text
        rows.append([shown, f"{name_of(names, label)} {true_share:.1%}", f"{name_of(names, pred)} {share:.1%}"])
    return "\n".join(table(["text", "class", "predicted"], rows))


class WorstSamples:
    """Samples of an evaluation with the lowest probability of the true class."""

    def __init__(self, count: int) -> None:
        self.count = count
        # Loss, true class, predicted class, probability of each, picture; a loss of -infinity marks an empty entry.
        self._kept: list[Tensor] | None = None

    @torch.no_grad()
    def add(self, inputs: Tensor, targets: Tensor, outputs: Tensor | None) -> None:
        """Merge a batch, without synchronising with the device.

        Args:
            inputs: Pictures (N, …).
            targets: Class indices (N,), or probabilities (N, K).
            outputs: Logits (N, K), or (N, 1) for two classes; None for a batch without samples.
        """
        if self._kept is None:
            empty = inputs.new_full((self.count,), -torch.inf, dtype=torch.float32)
            none = torch.zeros_like(empty, dtype=torch.long)
            pictures = inputs.new_zeros(self.count, *inputs.shape[1:])
            self._kept = [empty, none, none, torch.zeros_like(empty), torch.zeros_like(empty), pictures]
        if outputs is None or not len(targets):
            return
        scores = outputs.float().reshape(len(targets), -1)
        if scores.shape[1] == 1:
            log_shares = torch.cat([functional.logsigmoid(-scores), functional.logsigmoid(scores)], dim=1)
        else:
            log_shares = scores.log_softmax(1)
        true = class_numbers(targets)
        # NaN counts as the worst: a probability of 0.
        losses = -log_shares.gather(1, true.unsqueeze(1)).squeeze(1)
        losses = losses.nan_to_num(nan=torch.inf, posinf=torch.inf)
        losses, places = losses.topk(min(self.count, len(losses)))  # before copying pictures
        log_shares, true = log_shares[places], true[places]
        best, preds = log_shares.max(1)
        true_shares = log_shares.gather(1, true.unsqueeze(1)).squeeze(1).exp()
        self._merge([losses, true, preds, true_shares, best.exp(), inputs[places]])

    def _merge(self, others: list[Tensor]) -> None:
        together = [torch.cat([old, new]) for old, new in zip(self._kept or [], others, strict=True)]
        places = together[0].topk(self.count).indices
        self._kept = [values[places] for values in together]

    def gather(self, trainer: Trainer) -> None:
        """Merge the samples of all processes; all processes must call this."""
        if self._kept is not None:  # all processes have the same number of batches, so this is equal on all
            # Order by rank, so that ties give the same samples on all processes.
            everywhere = [torch.cat(of_all_processes(trainer, values, values.device)) for values in self._kept]
            places = everywhere[0].topk(self.count).indices
            self._kept = [values[places] for values in everywhere]

    def read(self) -> tuple[Tensor, ...] | None:
        """Return pictures (W, …), true and predicted classes (W,), and the probability of each (W,), worst first."""
        if self._kept is None:
            return None
        losses, *rest, pictures = (values.cpu() for values in self._kept)
        present = losses > -torch.inf
        return (pictures[present], *(values[present] for values in rest)) if present.any() else None
