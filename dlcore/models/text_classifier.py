"""Text classification: embedding, encoder, pooling over time, and a linear layer for the classes."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from dlcore.errors import ArgumentError, check_number
from dlcore.models.model import Model
from dlcore.nn import LockedDropout, make_task
from dlcore.nn.text_encoders import ConvolutionEncoder, RecurrentEncoder, pool, within
from dlcore.optim.factories import LRSchedulerCallable, OptimizerCallable
from dlcore.text import END, UNKNOWN

_OF_RECURRENT = {"num_layers": 1, "bidirectional": False}  # what a cnn does not have


class TextClassifier(Model):
    """A text classifier, known as TextRNN or TextCNN: embedding, encoder, pooling over time, linear layer, softmax.

    Rows are padded at their end with the end-of-document token; padding never changes a text's scores. It logs loss
    and accuracy, in an evaluation also the mean of the classes' F1 scores.

    Args:
        encoder: What reads the words: rnn, gru, lstm, or cnn (convolutions of several kernel sizes, Kim 2014).
        embedding_dim: Size of a word's embedding (E).
        hidden_size: Size of the state of each recurrent layer and direction; of cnn the channels of each kernel size.
        num_layers: Number of stacked recurrent layers; 1 with cnn.
        bidirectional: Whether recurrent layers read the text in both directions; false with cnn.
        kernel_sizes: Of cnn: how many neighbouring words each kind of kernel sees; left out, [3, 4, 5].
        pooling: How the features of all words become those of the text: max, mean, or last, the state after the last
            word (backwards: after the first); last needs recurrent layers.
        word_dropout: Probability in [0, 1) with which a word is replaced by the unknown word while training, so that
            the network does not rely on single words and learns what an unknown one means.
        embedding_dropout: Probability in [0, 1) with which a number of the embedding is dropped while training: in a
            text, the same numbers of all words.
        layer_dropout: Probability in [0, 1) with which a number between two recurrent layers is dropped while training;
            0 with one layer.
        dropout: Probability in [0, 1) with which a feature of the text is dropped before the linear layer while
            training.
        loss: cross_entropy, with label smoothing in brackets: 'cross_entropy(label_smoothing=0.1)'.
        class_weights: Weight of each class in the loss, above 0, one number per class; null: all 1.
        vocab_size: Number of words (V); left out, taken from the data.
        num_classes: Number of classes (K); left out, taken from the data.
        optimizer: Optimiser of torch.optim, by name, with its arguments: --model.optimizer AdamW
            --model.optimizer.lr 0.002.
        lr_scheduler: Schedule of torch.optim.lr_scheduler or dlcore.optim (PiecewiseConstantLR, ExponentialDecayLR,
            InverseTimeDecayLR), by name, with its arguments: --model.lr_scheduler CosineAnnealingLR
            --model.lr_scheduler.T_max 10; it counts epochs (OneCycleLR and CyclicLR: steps; dlcore's: epochs or steps,
            by their interval).
        warmup_steps: Optimiser steps in which the learning rate grows from near 0 to its full value; 0: none.

    Shape:
        - Input: tokens (N, T), int64; a text ends at its first end-of-document token (1) or at the end of its row.
        - Output: raw scores (N, num_classes).

    Raises:
        ArgumentError: A value is out of range or has no effect with the encoder, or one that the data would set is
            missing.
        UnknownNameError: Unknown loss.
    """

    def __init__(
        self,
        encoder: Literal["rnn", "gru", "lstm", "cnn"] = "lstm",
        embedding_dim: int = 128,
        hidden_size: int = 128,
        num_layers: int = 1,
        bidirectional: bool = False,
        kernel_sizes: list[int] | None = None,
        pooling: Literal["max", "mean", "last"] = "max",
        word_dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        layer_dropout: float = 0.0,
        dropout: float = 0.0,
        loss: str | None = None,
        class_weights: list[float] | None = None,
        vocab_size: int | None = None,
        num_classes: int | None = None,
        optimizer: OptimizerCallable = torch.optim.Adam,
        lr_scheduler: LRSchedulerCallable | None = None,
        warmup_steps: int = 0,
    ) -> None:
        given: dict[str, Any] = dict(locals())
        for name in ("embedding_dim", "hidden_size", "num_layers"):
            check_number(name, given[name], at_least=1, whole=True)
        for name in ("word_dropout", "embedding_dropout", "layer_dropout", "dropout"):
            check_number(name, given[name], at_least=0, below=1)
        for argument, allowed in (("encoder", ("rnn", "gru", "lstm", "cnn")), ("pooling", ("max", "mean", "last"))):
            if given[argument] not in allowed:  # jsonargparse checks the command line only
                raise ArgumentError(argument, " or ".join(allowed), given[argument])
        _check_encoder(given)
        if vocab_size is None:
            remedy = "Pass it, or train with dlcore.runs.fit on data of texts, which know it."
            raise ArgumentError("vocab_size", "the number of words", None, remedy)
        check_number("vocab_size", vocab_size, at_least=2, whole=True)
        super().__init__(
            make_task("multiclass", num_classes, loss, class_weights), optimizer, lr_scheduler, warmup_steps
        )
        self.val_metrics = self.task.metrics("val/", evaluation=True, thorough=True)  # with F1
        # Do not save callables: a checkpoint holds plain values only. `dlcore.runs` saves them as text.
        self.save_hyperparameters(ignore=["optimizer", "lr_scheduler"], logger=False)
        self.word_dropout, self.pooling = word_dropout, pooling
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        nn.init.normal_(self.embedding.weight, std=0.1)  # a rare word, hardly trained, must not add much noise
        self.embedding_dropout = LockedDropout(embedding_dropout)
        self.encoder: RecurrentEncoder | ConvolutionEncoder
        if encoder == "cnn":
            self.encoder = ConvolutionEncoder(embedding_dim, hidden_size, kernel_sizes or (3, 4, 5))
        else:
            self.encoder = RecurrentEncoder(
                encoder, embedding_dim, hidden_size, num_layers, bidirectional, layer_dropout
            )
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(self.encoder.out_features, self.task.out_features)

    @property
    def embeddings(self) -> Tensor:
        """Embeddings of the words (V, E)."""
        return self.embedding.weight

    def forward(self, inputs: Tensor) -> Tensor:
        """Return raw scores (N, K) of tokens (N, T)."""
        # An empty text counts as one token, so that it has a mean and a maximum.
        lengths = ((inputs == END).cumsum(dim=1) == 0).sum(dim=1).clamp_min(1)
        if self.training and self.word_dropout:
            dropped = torch.rand(inputs.shape, device=inputs.device) < self.word_dropout
            inputs = torch.where(dropped & within(lengths, inputs.shape[1]), UNKNOWN, inputs)
        states = self.encoder(self.embedding_dropout(self.embedding(inputs)), lengths)
        if isinstance(self.encoder, RecurrentEncoder) and self.pooling == "last":
            features = self.encoder.last(states, lengths)
        else:
            features = pool(states, lengths, "mean" if self.pooling == "mean" else "max")
        scores: Tensor = self.output(self.dropout(features))
        return scores


def _check_encoder(given: dict[str, Any]) -> None:
    """Refuse what has no effect with the encoder."""
    encoder, sizes = given["encoder"], given["kernel_sizes"]
    if encoder != "cnn":
        if sizes is not None:
            remedy = "Leave it out (--model.kernel_sizes null), or set --model.encoder cnn."
            raise ArgumentError("kernel_sizes", f"nothing with encoder {encoder}", sizes, remedy)
        if given["layer_dropout"] and given["num_layers"] == 1:
            remedy = "Set it to 0, take more layers, or use dropout."
            expected = "0 with one recurrent layer, which has none after it"
            raise ArgumentError("layer_dropout", expected, given["layer_dropout"], remedy)
        return
    if sizes is not None and not sizes:
        raise ArgumentError("kernel_sizes", "at least one number of words", sizes)
    for number, size in enumerate(sizes or ()):
        check_number(f"kernel_sizes[{number}]", size, at_least=1, whole=True)
    for name, usual in {**_OF_RECURRENT, "layer_dropout": 0.0}.items():
        if given[name] != usual:
            shown = str(usual).lower()
            remedy = f"Leave it out (--model.{name} {shown}), or set --model.encoder lstm."
            raise ArgumentError(name, f"{shown} with encoder cnn, which has no recurrent layers", given[name], remedy)
    if given["pooling"] == "last":
        remedy = "Set --model.pooling max, or --model.encoder lstm."
        raise ArgumentError("pooling", "max or mean with encoder cnn, which has no last state", "last", remedy)
