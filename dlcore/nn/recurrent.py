"""Stacked recurrent layers, with locked dropout between them and weight drop within them.

Shapes: B batch, T time, E features of the input, D hidden features, L layers.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from dlcore.errors import UnknownNameError
from dlcore.nn.locked_dropout import LockedDropout
from dlcore.nn.weight_drop import dropped_weights

# State of a recurrent network between two steps: (h,), or (h, c) for an LSTM, each (L, B, D).
RecurrentState = tuple[Tensor, ...]

_LAYERS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
CELLS = tuple(_LAYERS)


class Recurrent(nn.Module):
    """Stack of torch.nn's recurrent layers.

    torch's own `num_layers` also stacks layers, but its dropout draws a new mask at each step, which is known to
    damage the memory of the state.

    Args:
        cell: ``rnn`` (h_t = tanh(W x_t + b + W' h_{t-1} + b')), ``gru`` or ``lstm``.
        input_size: Features of the input (E).
        hidden_size: Features of each layer's state and output (D).
        num_layers: Number of layers (L).
        dropout: Probability in [0, 1) of the locked dropout between two layers.
        weight_drop: Probability in [0, 1) with which a hidden-to-hidden weight is dropped.

    Shape:
        - Input: (B, T, E), and a state: tensors (L, B, D), for ``lstm`` two (h, c), else one (h).
        - Output: (B, T, D), and the state after the last step.

    Raises:
        UnknownNameError: Unknown cell.
    """

    def __init__(
        self,
        cell: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        dropout: float = 0.0,
        weight_drop: float = 0.0,
    ) -> None:
        super().__init__()
        if cell not in _LAYERS:
            raise UnknownNameError("cell", cell, CELLS)
        self.weight_drop = weight_drop
        self.dropout = LockedDropout(dropout)
        self.layers = nn.ModuleList(
            _LAYERS[cell](hidden_size if number else input_size, hidden_size, batch_first=True)
            for number in range(num_layers)
        )

    def forward(self, inputs: Tensor, state: RecurrentState | None = None) -> tuple[Tensor, RecurrentState]:
        """Return outputs (B, T, D) of inputs (B, T, E), and the state (L, B, D) after them.

        Args:
            inputs: The input of each step.
            state: The state before the first step; None: zero.

        With mixed precision on a processor without AVX-512, the layers compute in float32.
        """
        if _lacks_bfloat16(inputs):
            with torch.autocast("cpu", enabled=False):
                state = None if state is None else tuple(part.float() for part in state)
                return self._run(inputs.float(), state)
        return self._run(inputs, state)

    def _run(self, inputs: Tensor, state: RecurrentState | None) -> tuple[Tensor, RecurrentState]:
        ends = []
        for number, layer in enumerate(self.layers):
            if number:
                inputs = self.dropout(inputs)
            start = None if state is None else tuple(part[number : number + 1] for part in state)
            with dropped_weights(layer, self.weight_drop):  # type: ignore[arg-type]
                # torch's LSTM takes a pair as its state, the others a tensor.
                bare = start[0] if start is not None and len(start) == 1 else start
                inputs, end = layer(inputs, bare)
            ends.append(end if isinstance(end, tuple) else (end,))
        return inputs, tuple(torch.cat(parts) for parts in zip(*ends, strict=True))


def _lacks_bfloat16(inputs: Tensor) -> bool:
    """Return whether mixed precision needs bfloat16 on a CPU without AVX-512, for which oneDNN has no LSTM."""
    asked = inputs.device.type == "cpu" and torch.is_autocast_enabled("cpu")
    return asked and not torch.backends.cpu.get_cpu_capability().startswith("AVX512")
