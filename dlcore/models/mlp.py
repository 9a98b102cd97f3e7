"""The multi-layer perceptron (chapter "networks from neurons")."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from dlcore.errors import ArgumentError, check_number
from dlcore.models.model import Model
from dlcore.nn import Penalty, Regression, initialize, make_activation, make_task, perceptron
from dlcore.optim.factories import LRSchedulerCallable, OptimizerCallable


class MLP(Model):
    """A multi-layer perceptron: linear layers with an activation between them.

    Args:
        hidden_sizes: Size of each hidden layer, input side first; [] has none (softmax or linear regression).
        activation: Activation after each hidden layer, by its torch.nn name, with arguments in brackets: ReLU, Sigmoid,
            Tanh, PReLU, GELU, 'leaky_relu(negative_slope=0.2)', ….
        batch_norm: Batch normalisation before each activation.
        dropout: Probability in [0, 1) with which a hidden value is dropped while training.
        input_dropout: Probability in [0, 1) with which an input value is dropped while training.
        initializer: Initial weights: default (torch's own), normal, uniform, xavier_normal, xavier_uniform (or
            glorot_…), kaiming_normal, kaiming_uniform (or he_…), trunc_normal, orthogonal, constant, zeros or ones,
            with arguments in brackets: 'normal(std=0.02)'. Biases start at zero, except with default.
        task: Kind of task: multiclass (softmax), binary (sigmoid) or regression (identity); left out, the task of the
            data, or multiclass without data.
        loss: Loss of the task, with arguments in brackets: 'cross_entropy(label_smoothing=0.1)' (multiclass),
            binary_cross_entropy (binary), mse, l1, 'smooth_l1(beta=0.5)' or 'huber(delta=1.0)' (regression); left out,
            the first of its task.
        class_weights: Weight of each class in the loss, above 0, one number per class; null: all 1.
        in_features: Numbers in a sample; left out, taken from the data.
        num_classes: Classes of a multiclass task, outputs of a regression; left out, taken from the data.
        target_mean: Mean of a regression's training targets; with it and target_std, the network learns standardised
            targets, and forward answers in their own unit; left out, taken from the data
            (--data.standardize_target true). The loss is then that of standardised numbers.
        target_std: Their standard deviation, above 0; left out, taken from the data.
        l1: Factor of the L1 penalty Σ|w|, at least 0, which training adds to the loss and logs as train/penalty.
        l2: Factor of the L2 penalty, at least 0, which training adds to the loss and logs as train/penalty.
        l2_form: What L2 sums: squares (Σw², like weight decay) or norms (Σ‖p‖, one norm per parameter tensor).
        penalized: What L1 and L2 sum over: all parameters, weights (no biases, no scales of batch norm), or those whose
            name matches a pattern: 'network.linear_*'.
        optimizer: Optimiser of torch.optim, by name, with its arguments: --model.optimizer SGD
            --model.optimizer.lr 0.01 (LBFGS needs large batches, and --model.optimizer.line_search_fn strong_wolfe).
        lr_scheduler: Schedule of torch.optim.lr_scheduler or dlcore.optim (PiecewiseConstantLR, ExponentialDecayLR,
            InverseTimeDecayLR), by name, with its arguments: --model.lr_scheduler CosineAnnealingLR
            --model.lr_scheduler.T_max 10; it counts epochs (OneCycleLR and CyclicLR: steps; dlcore's: epochs or steps,
            by their interval).
        warmup_steps: Optimiser steps in which the learning rate grows from near 0 to its full value; 0: none.

    Shape:
        - Input: (N, *), with in_features numbers per sample.
        - Output: raw scores (N, num_classes); (N, 1) for a binary task.

    Raises:
        ArgumentError: A value is out of range, or a value that the data would set is missing.
        UnknownNameError: Unknown name of an activation, initialiser, loss or task, or of its argument.
    """

    def __init__(
        self,
        hidden_sizes: list[int] = [1000],  # noqa: B006 (never changed; a plain list is what --help shows and YAML has)
        activation: str = "ReLU",
        batch_norm: bool = False,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        initializer: str = "default",
        task: Literal["multiclass", "binary", "regression"] | None = None,
        loss: str | None = None,
        class_weights: list[float] | None = None,
        in_features: int | None = None,
        num_classes: int | None = None,
        target_mean: float | None = None,
        target_std: float | None = None,
        l1: float = 0.0,
        l2: float = 0.0,
        l2_form: Literal["squares", "norms"] = "squares",
        penalized: str = "all",
        optimizer: OptimizerCallable = torch.optim.Adam,
        lr_scheduler: LRSchedulerCallable | None = None,
        warmup_steps: int = 0,
    ) -> None:
        for number, size in enumerate(hidden_sizes):
            check_number(f"hidden_sizes[{number}]", size, at_least=1, whole=True)
        check_number("dropout", dropout, at_least=0, below=1)
        check_number("input_dropout", input_dropout, at_least=0, below=1)
        if in_features is None:
            remedy = "Pass in_features=784, or train with dlcore.runs.fit, which takes it from the data."
            raise ArgumentError("in_features", "the number of inputs", None, remedy)
        check_number("in_features", in_features, at_least=1)
        _check_scale(task, target_mean, target_std)
        make_activation(activation)  # without hidden layers, a wrong name would pass unnoticed
        penalty = Penalty(l1, l2, l2_form, penalized)
        task_made = make_task(task or "multiclass", num_classes, loss, class_weights)
        if isinstance(task_made, Regression) and target_std is not None:
            task_made = Regression(task_made.out_features, loss, target_std)
        super().__init__(task_made, optimizer, lr_scheduler, warmup_steps, penalty)
        # Do not save callables: a checkpoint holds plain values only. `dlcore.runs` saves them as text.
        self.save_hyperparameters(ignore=["optimizer", "lr_scheduler"], logger=False)
        self.network = perceptron(
            in_features, hidden_sizes, self.task.out_features, activation, batch_norm, dropout, input_dropout
        )
        initialize(self.network, initializer)
        self.target_mean, self.target_std = target_mean, target_std

    def forward(self, inputs: Tensor) -> Tensor:
        """Return raw scores (N, K) of inputs (N, *)."""
        outputs: Tensor = self.network(inputs)
        if self.target_mean is None or self.target_std is None:
            return outputs
        # In single precision at least: a half has no digits left beside a large mean.
        outputs = outputs.to(torch.promote_types(outputs.dtype, torch.float32))
        return outputs * self.target_std + self.target_mean


def _check_scale(task: str | None, mean: float | None, std: float | None) -> None:
    """Check mean and deviation of the targets: both of a regression, or neither."""
    if task != "regression":
        for name, value in (("target_std", std), ("target_mean", mean)):
            if value is not None:
                expected = f"null for task {task or 'multiclass'!r}"
                raise ArgumentError(name, expected, value, "Leave it out, or choose --model.task regression.")
    elif mean is not None and std is None:
        raise ArgumentError("target_std", "a number above 0, as target_mean is given", None)
    elif std is not None:
        check_number("target_std", std, above=0)
        if mean is None:
            raise ArgumentError("target_mean", "a number, as target_std is given", None)
