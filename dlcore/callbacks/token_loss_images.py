"""The loss of each token of a held-out passage."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, final

import torch
from lightning.pytorch import LightningModule, Trainer
from torch.nn import functional

from dlcore.callbacks.logged_figures import evaluating, log_figure, say_without_run_logger, tokenizer_of
from dlcore.callbacks.metric_callback import MetricCallback
from dlcore.errors import ArgumentError, check_number
from dlcore.lightning_compat import data_module_of
from dlcore.text import END
from dlcore.text.tokenizer import read_prompt
from dlcore.tracking.figures.token_loss import token_loss


@final
class TokenLoss(MetricCallback):
    """Shows a held-out passage at each validation, each token coloured by its loss: which tokens are hard to predict.

    White is a loss of 0, the darkest colour is ln V nats, the loss of guessing among all V words. The passage is a
    figure, since TensorBoard's texts have no colours; the last one is token_loss.png in the run's folder.

    Args:
        passage: A text of your own; left out, a document of the validation.
        document: Which document of the validation, from 0.
        num_tokens: Tokens that are shown, 1 to 1,000; fewer where the passage has fewer.
        every_n_epochs: Epochs from one figure to the next, at least 1; an epoch with several validations shows each.

    Raises:
        ArgumentError: A value is out of range, or the run is not about text.
    """

    def __init__(self, passage: str = "", document: int = 0, num_tokens: int = 200, every_n_epochs: int = 1) -> None:
        check_number("document", document, at_least=0, whole=True)
        check_number("num_tokens", num_tokens, at_least=1, at_most=1000, whole=True)
        check_number("every_n_epochs", every_n_epochs, at_least=1, whole=True)
        self.passage, self.document, self.num_tokens = passage, document, num_tokens
        self.every_n_epochs = every_n_epochs
        self._ids: list[int] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find the passage."""
        super().on_train_start(trainer, pl_module)
        say_without_run_logger(trainer, self)
        tokenizer = tokenizer_of(trainer, pl_module, "token_loss")
        if self.passage:
            ids = list(read_prompt(self.passage, tokenizer).ids)
        else:
            part: Any = data_module_of(trainer).parts["val"]
            if self.document >= part.documents:
                last = f"at most {part.documents - 1:,}, the last one's number"
                raise ArgumentError("token_loss.document", last, self.document)
            ids = [END, *part.document(self.document).tolist(), END]
        self._ids = ids[: self.num_tokens + 1]

    @torch.no_grad()
    def on_metrics(self, trainer: Trainer, model: LightningModule) -> None:
        """Compute and draw the losses every `every_n_epochs`."""
        if (trainer.current_epoch + 1) % self.every_n_epochs or len(self._ids) < 2:
            return
        # Compute on all processes: with sharded parameters, a single process would deadlock.
        tokens = torch.tensor(self._ids, device=model.device)
        compute: Any = model.scores
        with evaluating(model), trainer.precision_plugin.forward_context():
            scores, _ = compute(tokens[:-1].unsqueeze(0))
        losses = functional.cross_entropy(scores[0].float(), tokens[1:], reduction="none").tolist()
        if not trainer.is_global_zero:
            return
        vocabulary = tokenizer_of(trainer, model, "token_loss").vocabulary
        words = [vocabulary.text([number]) for number in self._ids[1:]]
        mean = sum(losses) / len(losses)
        title = f"Loss of each token, epoch {trainer.current_epoch + 1}: mean {mean:.2f} nats"
        draw = partial(token_loss, words, losses, math.log(len(vocabulary)), title)
        log_figure(trainer, "token_loss/passage", draw, "token_loss.png")
