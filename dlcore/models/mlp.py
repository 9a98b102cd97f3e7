"""The multi-layer perceptron (chapter "networks from neurons")."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from dlcore.errors import ArgumentError, check_number
from dlcore.models.model import Model
from dlcore.models.optimization import LRSchedulerCallable, OptimizerCallable
from dlcore.nn import initialize, make_activation, make_task, perceptron


class MLP(Model):
    """A multi-layer perceptron: linear layers with an activation between them.

    Args:
        hidden_sizes: Size of each hidden layer, input side first; [] has none (softmax or linear regression).
        activation: Activation after each hidden layer, by its torch.nn name: ReLU, Sigmoid, Tanh, LeakyReLU, GELU, ….
        batch_norm: Batch normalisation before each activation.
        dropout: Probability in [0, 1) with which a hidden value is dropped while training.
        input_dropout: Probability in [0, 1) with which an input value is dropped while training.
        initializer: Initial weights: default (torch's own), normal, uniform, xavier_normal, xavier_uniform,
            kaiming_normal, kaiming_uniform, constant, zeros or ones; biases start at zero but for default.
        task: What is learned: multiclass (softmax), binary (sigmoid) or regression (identity).
        in_features: Numbers in a sample; left out, the data say it.
        num_classes: Classes of a multiclass task, outputs of a regression; left out, the data say it.
        optimizer: Optimiser of torch.optim, by name, with its arguments: --model.optimizer SGD
            --model.optimizer.lr 0.01.
        lr_scheduler: Schedule of torch.optim.lr_scheduler, by name, with its arguments: --model.lr_scheduler
            CosineAnnealingLR --model.lr_scheduler.T_max 10. It counts epochs (OneCycleLR and CyclicLR: steps).

    Shape:
        - Input: (N, *), with in_features numbers a sample.
        - Output: raw scores (N, num_classes); (N, 1) for a binary task.

    Raises:
        ArgumentError: A value lies outside its range, or one that the data would have said is missing.
        UnknownNameError: There is no activation, initialiser or task of that name.
    """

    def __init__(
        self,
        hidden_sizes: list[int] = [1000],  # noqa: B006 (never changed; a plain list is what --help shows and YAML has)
        activation: str = "ReLU",
        batch_norm: bool = False,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        initializer: str = "default",
        task: Literal["multiclass", "binary", "regression"] = "multiclass",
        in_features: int | None = None,
        num_classes: int | None = None,
        optimizer: OptimizerCallable = torch.optim.Adam,
        lr_scheduler: LRSchedulerCallable | None = None,
    ) -> None:
        for number, size in enumerate(hidden_sizes):
            check_number(f"hidden_sizes[{number}]", size, at_least=1, whole=True)
        check_number("dropout", dropout, at_least=0, below=1)
        check_number("input_dropout", input_dropout, at_least=0, below=1)
        if in_features is None:
            raise ArgumentError(
                "in_features", "the number of inputs", None, "Give it, or data that know it (`dlcore.runs` links them)."
            )
        check_number("in_features", in_features, at_least=1)
        make_activation(activation)  # without hidden layers a wrong name would be taken in silence
        super().__init__(make_task(task, num_classes), optimizer, lr_scheduler)
        # Callables are not kept: a checkpoint holds plain values only. `dlcore.runs` keeps them as text.
        self.save_hyperparameters(ignore=["optimizer", "lr_scheduler"], logger=False)
        self.network = perceptron(
            in_features, hidden_sizes, self.task.out_features, activation, batch_norm, dropout, input_dropout
        )
        initialize(self.network, initializer)

    def forward(self, inputs: Tensor) -> Tensor:
        """Raw scores (N, K) of inputs (N, *)."""
        return self.network(inputs)
