"""The recurrent text model (chapter "text"): it reads text token by token, and predicts the next token."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchmetrics import MetricCollection

from dlcore.errors import ArgumentError, check_number
from dlcore.models.model import Model
from dlcore.nn import AdaptiveSoftmax, LanguageModeling, LockedDropout, Recurrent, RecurrentState, drop_words
from dlcore.nn.chunked_cross_entropy import chunk_rows
from dlcore.optim.factories import LRSchedulerCallable, OptimizerCallable
from dlcore.text import NO_TARGET, UNKNOWN, TextBatch
from dlcore.torch_compat import is_watched


class TextRNN(Model):
    """A recurrent language model: embedding, recurrent layers, and a score for each word that may come next.

    Training is truncated back-propagation through time: a batch is a piece of several streams of text, gradients stay
    within the piece, and the state is carried to the next piece. It logs loss (nats per token), perplexity, bits per
    character and the share of unknown words; in an evaluation also accuracy.

    Args:
        cell: Recurrent layer: rnn (h_t = tanh(W x_t + b + W' h_{t-1} + b')), gru or lstm.
        embedding_dim: Size of a word's embedding (E).
        hidden_size: Size of each recurrent layer's state (D).
        num_layers: Number of stacked recurrent layers.
        tie_weights: Share one matrix (V, E) between embedding and output; if E and D differ, a linear layer precedes
            the output.
        embedding_dropout: Probability in [0, 1) with which a number of the embedding is dropped while training. All
            dropout is locked: in a batch, the same numbers at all steps of a stream.
        dropout: Probability in [0, 1) with which a number between two recurrent layers is dropped while training; 0
            with one layer.
        output_dropout: Probability in [0, 1) with which a number before the output is dropped while training.
        word_dropout: Probability in [0, 1) with which a word of the vocabulary is dropped from a whole training batch.
        weight_drop: Probability in [0, 1) with which a hidden-to-hidden weight is dropped in a training batch.
        carry_state: Keep the state from one batch to the next while the text continues; false: each starts at zero.
        adaptive_cutoffs: Word numbers, ascending, at which the clusters of an adaptive softmax begin (Grave et al.
            2017, arXiv:1609.04309). It is a faster approximation of the full softmax: words are numbered by frequency,
            and rare ones are scored by cluster, from fewer features; for 50,000 words try [2000, 10000]. It needs
            tie_weights false. None: the full softmax.
        vocab_size: Number of words (V); left out, taken from the data.
        optimizer: Optimiser of torch.optim, by name, with its arguments: --model.optimizer AdamW
            --model.optimizer.lr 0.003 (clip the gradients, too: --trainer.gradient_clip_val 1).
        lr_scheduler: Schedule of torch.optim.lr_scheduler or dlcore.optim (PiecewiseConstantLR, ExponentialDecayLR,
            InverseTimeDecayLR), by name, with its arguments: --model.lr_scheduler OneCycleLR
            --model.lr_scheduler.max_lr 0.003; it counts epochs (OneCycleLR and CyclicLR: steps; dlcore's: epochs or
            steps, by their interval).
        warmup_steps: Optimiser steps in which the learning rate grows from near 0 to its full value; 0: none.

    Shape:
        - Input: tokens (B, T), int64.
        - Output: raw scores (B, T, vocab_size).

    Raises:
        ArgumentError: A value is out of range, or the size of the vocabulary, which the data would set, is missing.
        UnknownNameError: Unknown cell.
    """

    task: LanguageModeling

    def __init__(
        self,
        cell: Literal["rnn", "gru", "lstm"] = "lstm",
        embedding_dim: int = 256,
        hidden_size: int = 512,
        num_layers: int = 1,
        tie_weights: bool = True,
        embedding_dropout: float = 0.0,
        dropout: float = 0.0,
        output_dropout: float = 0.0,
        word_dropout: float = 0.0,
        weight_drop: float = 0.0,
        carry_state: bool = True,
        adaptive_cutoffs: list[int] | None = None,
        vocab_size: int | None = None,
        optimizer: OptimizerCallable = torch.optim.Adam,
        lr_scheduler: LRSchedulerCallable | None = None,
        warmup_steps: int = 0,
    ) -> None:
        given: dict[str, Any] = dict(locals())
        for name in ("embedding_dim", "hidden_size", "num_layers"):
            check_number(name, given[name], at_least=1, whole=True)
        for name in ("embedding_dropout", "dropout", "output_dropout", "word_dropout", "weight_drop"):
            check_number(name, given[name], at_least=0, below=1)
        if dropout and num_layers == 1:
            remedy = "Set it to 0, take more layers, or use output_dropout."
            raise ArgumentError("dropout", "0 with one recurrent layer, which has none after it", dropout, remedy)
        if vocab_size is None:
            remedy = "Pass it, or train with dlcore.runs.fit on data of text, which know it."
            raise ArgumentError("vocab_size", "the number of words", None, remedy)
        if adaptive_cutoffs is not None and tie_weights:
            expected = "false with adaptive_cutoffs, whose rare words have fewer features than an embedding"
            raise ArgumentError("tie_weights", expected, tie_weights, "Set it to false, or leave adaptive_cutoffs out.")
        super().__init__(LanguageModeling(vocab_size, UNKNOWN, NO_TARGET), optimizer, lr_scheduler, warmup_steps)
        # Do not save callables: a checkpoint holds plain values only. `dlcore.runs` saves them as text.
        self.save_hyperparameters(ignore=["optimizer", "lr_scheduler"], logger=False)
        self.word_dropout, self.carry_state = word_dropout, carry_state
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.embedding_dropout = LockedDropout(embedding_dropout)
        self.recurrent = Recurrent(cell, embedding_dim, hidden_size, num_layers, dropout, weight_drop)
        projected = tie_weights and embedding_dim != hidden_size
        self.projection = nn.Linear(hidden_size, embedding_dim) if projected else nn.Identity()
        self.output_dropout = LockedDropout(output_dropout)
        self.output: nn.Linear | AdaptiveSoftmax
        if adaptive_cutoffs is None:
            self.output = nn.Linear(embedding_dim if tie_weights else hidden_size, vocab_size)
            nn.init.zeros_(self.output.bias)
        else:
            self.output = AdaptiveSoftmax(hidden_size, vocab_size, adaptive_cutoffs)
        # With tied weights, torch's normal(0, 1) for embeddings would give scores of magnitude 10 and more.
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        if tie_weights:
            self.output.weight = self.embedding.weight
        self.carried: tuple[Tensor, ...] = ()  # the state after the last training batch
        self._start: RecurrentState | None = None  # the state before the current training batch
        self._eval_state: RecurrentState | None = None  # the state after the last batch of an evaluation

    # The network

    @property
    def embeddings(self) -> Tensor:
        """Embeddings of the words (V, E)."""
        return self.embedding.weight

    def features(self, tokens: Tensor, state: RecurrentState | None = None) -> tuple[Tensor, RecurrentState]:
        """Return the input of the output layer (B, T, F), and the state after the last token.

        Args:
            tokens: Token ids (B, T), int64.
            state: The state before the first token, as returned by `scores`; None: the initial state.
        """
        embedded = self.embedding(tokens)
        if self.training and self.word_dropout:
            embedded = drop_words(embedded, tokens, self.embedding.num_embeddings, self.word_dropout)
        outputs, state = self.recurrent(self.embedding_dropout(embedded), state)
        return self.output_dropout(self.projection(outputs)), state

    def scores(self, tokens: Tensor, state: RecurrentState | None = None) -> tuple[Tensor, RecurrentState]:
        """Return raw scores (B, T, V) for the token after each token, and the state after the last token.

        Args:
            tokens: Token ids (B, T), int64.
            state: The state before the first token: tensors (num_layers, B, D), two for an LSTM, else one. None: the
                initial state.
        """
        features, state = self.features(tokens, state)
        return self.output(features), state

    def forward(self, inputs: Tensor) -> Tensor:
        """Return raw scores (B, T, V) of tokens (B, T), from the initial state."""
        return self.scores(inputs)[0]

    # Training and evaluation

    def loss(self, batch: TextBatch, metrics: MetricCollection | None = None) -> Tensor:
        """Return the loss of a batch. Keep the state after it, separately for training and evaluation."""
        if self.training:
            if metrics is not None:  # else the batch is computed again: start from the same state
                self._start = self.carried if self.carry_state and batch.continues and self.carried else None
            features, state = self.features(batch.inputs, self._start)
            self.carried = tuple(part.detach() for part in state)
        else:
            features = self._evaluate(batch)
        rows = self._rows_of_a_chunk(batch.targets)
        if rows:
            count = metrics is not None and not self.training
            loss, scores = self.task.loss_of_features(features, self.output, batch.targets, rows, count)
        else:
            scores = self.output(features)
            loss = self.task.loss(scores, batch.targets)
        if metrics is not None:
            metrics.update(**self.task.metric_inputs(loss, scores, batch.targets), characters=batch.characters)
        return loss

    def _rows_of_a_chunk(self, targets: Tensor) -> int:
        """Return the number of positions per chunk of scores; 0 to compute all scores at once."""
        if is_watched(self.output):  # a hook needs all scores
            return 0
        places = targets.numel()
        rows = chunk_rows(places, self.output.out_features, targets.device)
        # An adaptive softmax always skips scores.
        return rows or (places if isinstance(self.output, AdaptiveSoftmax) else 0)

    def predict_step(self, batch: TextBatch, batch_idx: int) -> Tensor:
        """Return (3, B, T): the targets, their losses in nats, and the number of characters of each."""
        scores = self.output(self._evaluate(batch))
        # Always float32: bfloat16 would round token ids.
        nats = cross_entropy(scores.mT.float(), batch.targets, ignore_index=NO_TARGET, reduction="none")
        return torch.stack([batch.targets.to(nats.dtype), nats, batch.characters.to(nats.dtype)])

    def _evaluate(self, batch: TextBatch) -> Tensor:
        """Return features (B, T, F) of an evaluation batch, starting from the state after the previous one."""
        start = self._eval_state if self.carry_state and batch.continues else None
        features, self._eval_state = self.features(batch.inputs, start)
        return features
