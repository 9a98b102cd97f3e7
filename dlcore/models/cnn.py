"""The convolutional network (chapter "images and convolution")."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from dlcore.errors import ArgumentError, check_number
from dlcore.models.model import Model
from dlcore.nn import Penalty, block_settings, convolutional, initialize, make_activation, make_architecture, make_task
from dlcore.nn.layer_groups import output_layer
from dlcore.nn.pretrained_weights import fit_weights, read_weights
from dlcore.optim.factories import LRSchedulerCallable, OptimizerCallable

# Arguments that must keep their defaults if `architecture` is set.
_OWN_BLOCKS = (
    *("channels", "convolutions", "kernel_size", "stride", "padding", "batch_norm"),
    *("pool", "pool_size", "head", "hidden_sizes"),
)


class CNN(Model):
    """A convolutional network: blocks of convolution, batch norm, activation and pooling, then a perceptron.

    Each block argument is one value for all blocks, or a list with one value per block. The size of a feature map is
    (H - F + 2P)/S + 1, rounded down; show model prints it for each layer.

    Args:
        channels: Channels of each block, input side first: one number per block.
        convolutions: Convolutions in each block, each with batch norm and activation.
        kernel_size: Height and width of the kernels, in pixels (F).
        stride: Stride of a block's first convolution, in pixels (S); 1 in the others.
        padding: Pixels of zeros on each side (P); null: (kernel_size - 1)/2, which keeps the size at stride 1.
        batch_norm: Batch normalisation before each activation.
        activation: Activation after each convolution and hidden layer, by its torch.nn name, with arguments in
            brackets: ReLU, Tanh, GELU, 'leaky_relu(negative_slope=0.2)', ….
        pool: Pooling at the end of a block: max, average or none.
        pool_size: Height and width of the pooling window, in pixels; its stride is the same.
        dropout: Probability in [0, 1) with which a value is dropped while training, after each block and hidden layer.
        head: Input of the perceptron from the last feature maps: global_average (the mean of each) or flatten (all
            numbers).
        hidden_sizes: Size of each hidden layer of the perceptron; []: features go directly to the output.
        architecture: A network by name, instead of the blocks: lenet5, 'small_vgg(width=32)', 'small_resnet(blocks=3,
            width=16)' (ResNet-20), or a classification network of torchvision (resnet18, mobilenet_v3_small, …) or of
            timm (timm:resnet18), adapted to channels and classes; null: the blocks.
        weights: Weights to begin from: a file (a state dict, a checkpoint of dlcore's or of others, safetensors), or
            for a network of torchvision IMAGENET1K_V1 or another of its names, DEFAULT for timm's, which are
            downloaded once. The output layer is drawn anew for another number of classes; null: random weights.
        channels_last: Keep the channels of a pixel together in memory: faster; results differ only by rounding.
        initializer: Initial weights: default (torch's own), normal, uniform, xavier_normal, xavier_uniform (or
            glorot_…), kaiming_normal, kaiming_uniform (or he_…), trunc_normal, orthogonal, constant, zeros or ones,
            with arguments in brackets: 'normal(std=0.02)'. Biases start at zero, except with default.
        task: Kind of task: multiclass (softmax), binary (sigmoid) or regression (identity); left out, the task of the
            data, or multiclass without data.
        loss: Loss of the task, with arguments in brackets: 'cross_entropy(label_smoothing=0.1)' (multiclass),
            binary_cross_entropy (binary), mse, l1, 'smooth_l1(beta=0.5)' or 'huber(delta=1.0)' (regression); left out,
            the first of its task.
        class_weights: Weight of each class in the loss, above 0, one number per class; null: all 1.
        image_shape: Channels, height and width of a picture; left out, taken from the data.
        num_classes: Classes of a multiclass task, outputs of a regression; left out, taken from the data.
        l1: Factor of the L1 penalty Σ|w|, at least 0, which training adds to the loss and logs as train/penalty.
        l2: Factor of the L2 penalty, at least 0, which training adds to the loss and logs as train/penalty.
        l2_form: What L2 sums: squares (Σw², like weight decay) or norms (Σ‖p‖, one norm per parameter tensor).
        penalized: What L1 and L2 sum over: all parameters, weights (no biases, no scales of batch norm), or those whose
            name matches a pattern: 'network.block_1.*'.
        optimizer: Optimiser of torch.optim, by name, with its arguments: --model.optimizer SGD
            --model.optimizer.lr 0.01 (LBFGS needs large batches, and --model.optimizer.line_search_fn strong_wolfe).
        lr_scheduler: Schedule of torch.optim.lr_scheduler or dlcore.optim (PiecewiseConstantLR, ExponentialDecayLR,
            InverseTimeDecayLR), by name, with its arguments: --model.lr_scheduler CosineAnnealingLR
            --model.lr_scheduler.T_max 10; it counts epochs (OneCycleLR and CyclicLR: steps; dlcore's: epochs or steps,
            by their interval).
        warmup_steps: Optimiser steps in which the learning rate grows from near 0 to its full value; 0: none.

    Shape:
        - Input: (N, C, H, W), as given by image_shape.
        - Output: raw scores (N, num_classes); (N, 1) for a binary task.

    Raises:
        ArgumentError: A value is out of range, a feature map shrinks to nothing, or a value that the data would set is
            missing.
        UnknownNameError: Unknown name of an architecture, activation, initialiser, loss or task, or of its argument.
    """

    def __init__(
        self,
        channels: list[int] = [32, 64, 128],  # noqa: B006 (never changed; as MLP's hidden_sizes)
        convolutions: int | list[int] = 1,
        kernel_size: int | list[int] = 3,
        stride: int | list[int] = 1,
        padding: int | list[int] | None = None,
        batch_norm: bool = True,
        activation: str = "ReLU",
        pool: Literal["max", "average", "none"] | list[Literal["max", "average", "none"]] = "max",
        pool_size: int | list[int] = 2,
        dropout: float = 0.0,
        head: Literal["global_average", "flatten"] = "global_average",
        hidden_sizes: list[int] = [],  # noqa: B006
        architecture: str | None = None,
        weights: str | None = None,
        channels_last: bool = True,
        initializer: str = "default",
        task: Literal["multiclass", "binary", "regression"] | None = None,
        loss: str | None = None,
        class_weights: list[float] | None = None,
        image_shape: list[int] | None = None,
        num_classes: int | None = None,
        l1: float = 0.0,
        l2: float = 0.0,
        l2_form: Literal["squares", "norms"] = "squares",
        penalized: str = "all",
        optimizer: OptimizerCallable = torch.optim.Adam,
        lr_scheduler: LRSchedulerCallable | None = None,
        warmup_steps: int = 0,
    ) -> None:
        check_number("dropout", dropout, at_least=0, below=1)
        for number, size in enumerate(hidden_sizes):
            check_number(f"hidden_sizes[{number}]", size, at_least=1, whole=True)
        make_activation(activation)
        shape = _checked_shape(image_shape)
        if architecture is not None:
            given = locals()
            _check_alone(architecture, {name: given[name] for name in _OWN_BLOCKS})
        if weights is not None and initializer != "default":
            raise ArgumentError("initializer", "default, with weights to begin from", initializer, "Leave it out.")
        penalty = Penalty(l1, l2, l2_form, penalized)
        task_made = make_task(task or "multiclass", num_classes, loss, class_weights)
        super().__init__(task_made, optimizer, lr_scheduler, warmup_steps, penalty)
        # Do not save callables: a checkpoint holds plain values only. `dlcore.runs` saves them as text. Do not save the
        # file either: a checkpoint holds the weights.
        self.save_hyperparameters(ignore=["optimizer", "lr_scheduler", "weights"], logger=False)
        outputs = self.task.out_features
        if architecture is not None:
            self.network = make_architecture(architecture, shape, outputs, activation, dropout, weights)
        else:
            blocks = block_settings(channels, convolutions, kernel_size, stride, padding, pool, pool_size)
            self.network = convolutional(shape, blocks, outputs, head, hidden_sizes, activation, batch_norm, dropout)
            if weights is not None:
                fit_weights(self.network, read_weights(weights), weights, "these blocks")
        initialize(self.network, initializer)
        self.has_pretrained_weights = weights is not None
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        # Change the memory format after drawing the weights: another order in memory would give other values.
        self.network.to(memory_format=self.memory_format)

    @property
    def backbone(self) -> nn.Module:
        """What `FineTuning` freezes: the network without its `head`."""
        return self.network

    @property
    def head(self) -> nn.Module:
        """The output layer."""
        return output_layer(self.network)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return raw scores (N, K) of pictures (N, C, H, W)."""
        outputs: Tensor = self.network(inputs.contiguous(memory_format=self.memory_format))
        return outputs


def _checked_shape(image_shape: Sequence[int] | None) -> Sequence[int]:
    if image_shape is None or len(image_shape) != 3:
        remedy = "Pass it, or train with dlcore.runs.fit on data of pictures, which know it."
        raise ArgumentError("image_shape", "channels, height and width of a picture", image_shape, remedy)
    for number, size in enumerate(image_shape):
        check_number(f"image_shape[{number}]", size, at_least=1, whole=True)
    return image_shape


def _check_alone(architecture: str, given: dict[str, Any]) -> None:
    """Check that all block arguments have their defaults: a named architecture ignores them.

    Raises:
        ArgumentError: One was changed; the remedy resets all of them.
    """
    usual = {name: parameter.default for name, parameter in inspect.signature(CNN).parameters.items()}
    changed = [name for name, value in given.items() if value != usual[name]]
    if changed:
        back = " ".join(f"--model.{name} {_as_flag(usual[name])}" for name in changed)
        expected = f"its default with architecture {architecture!r}, which has its own layers"
        remedy = f"Leave it out; where a recipe sets it: {back}"
        raise ArgumentError(changed[0], expected, given[changed[0]], remedy)


def _as_flag(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(str, value))}]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
