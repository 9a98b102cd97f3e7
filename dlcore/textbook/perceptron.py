"""The forward pass of a perceptron by hand: each product and sum, drawn on the network.

Shapes: F inputs, D units of a layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dlcore.errors import ArgumentError
from dlcore.nn import make_activation
from dlcore.textbook.demonstration import Demonstration, Table, number
from dlcore.textbook.network_drawing import draw_network
from dlcore.tracking.figures import style

EXAMPLES = (
    "show perceptron",
    "show perceptron --inputs [1,0,1] --weights '[[[1,2,-1],[0,1,1]],[[1,-1]]]' --activation sigmoid",
)
_MOST_UNITS = 8


def perceptron(
    inputs: Sequence[float] = (2, 3),
    weights: Sequence[Sequence[Sequence[float]]] = (((1, 1), (-1, 1)), ((2, -1),)),
    biases: Sequence[Sequence[float]] | None = None,
    activation: str = "identity",
) -> Demonstration:
    """The forward pass of a small network by hand, drawn with its numbers.

    Each unit adds up its inputs times its weights, and its bias; hidden units then apply the activation. Without an
    activation, the layers together are one matrix product: its result stands beside the network's.

    Args:
        inputs: The input numbers (F).
        weights: A matrix a layer, a row a unit: as many numbers in a row as the layer has inputs.
        biases: A list a layer, a number a unit; left out, all are 0.
        activation: Activation of the hidden units; that of the output units is the identity.

    Returns:
        The demonstration; its `values` are ``layers`` (outputs of each layer) and ``output``.

    Raises:
        ArgumentError: The sizes do not match, or a layer has more than 8 units.
        UnknownNameError: Unknown activation.
    """
    matrices = [weight_matrix(f"weights[{index}]", rows) for index, rows in enumerate(weights)]
    vector = torch.tensor([float(value) for value in inputs], dtype=torch.float64)
    offsets = bias_vectors(biases, matrices)
    check_sizes(vector, matrices)
    apply = make_activation(activation).double().eval()
    outputs, units, rows = vector, [[number(value) for value in vector.tolist()]], []
    layers: list[list[float]] = []
    for index, (matrix, offset) in enumerate(zip(matrices, offsets, strict=True)):
        sums = matrix @ outputs + offset
        hidden = index < len(matrices) - 1
        after = apply(sums[None])[0].detach() if hidden else sums
        for unit, (total, result) in enumerate(zip(sums.tolist(), after.tolist(), strict=True)):
            terms = [
                f"{_in_brackets(w)}·{_in_brackets(x)}"
                for w, x in zip(matrix[unit].tolist(), outputs.tolist(), strict=True)
            ]
            terms += [_in_brackets(offset[unit].item())] * bool(offset[unit])
            name = f"hidden {index + 1}.{unit + 1}" if hidden else f"output {unit + 1}"
            rows.append((name, " + ".join(terms), number(total), number(result)))
        layers.append(after.tolist())
        units.append([number(value) for value in layers[-1]])
        outputs = after
    notes = _one_product(vector, matrices, offsets, outputs, activation)
    figure = style.new_figure(2.9 * len(units) + 0.6, 1.45 * max(map(len, units)) + 1.5)
    edges = {
        ((index, start), (index + 1, end)): number(matrix[end, start].item())
        for index, matrix in enumerate(matrices)
        for end in range(matrix.shape[0])
        for start in range(matrix.shape[1])
    }
    captions = {
        (index + 1, unit): f"bias {number(value)}"
        for index, offset in enumerate(offsets)
        for unit, value in enumerate(offset.tolist())
        if value
    }
    names = ["input", *(f"hidden {index + 1}" for index in range(len(matrices) - 1)), "output"]
    draw_network(figure.subplots(), units, edges, captions, names)
    style.head(
        figure,
        "Forward pass: weighted sums, layer by layer",
        f"numbers on lines are weights; hidden activation: {activation}",
    )
    table = Table(("unit", "weights · inputs", "sum", "after activation"), rows)
    values: dict[str, object] = {"layers": layers, "output": layers[-1]}
    return Demonstration(style.finish(figure), [table], notes, values)


def weight_matrix(argument: str, rows: Sequence[Sequence[float]]) -> Tensor:
    """Return a weight matrix (units, inputs).

    Raises:
        ArgumentError: The rows have different lengths, or there is none.
    """
    if not rows or len({len(row) for row in rows}) != 1 or not rows[0]:
        raise ArgumentError(argument, "rows of equal length, one for each unit, as in [[1,1],[-1,1]]", rows)
    if max(len(rows), len(rows[0])) > _MOST_UNITS:
        raise ArgumentError(
            argument,
            f"at most {_MOST_UNITS} units and {_MOST_UNITS} inputs, to be drawn",
            f"{len(rows)} and {len(rows[0])}",
        )
    return torch.tensor([[float(value) for value in row] for row in rows], dtype=torch.float64)


def bias_vectors(biases: Sequence[Sequence[float]] | None, matrices: list[Tensor]) -> list[Tensor]:
    """Return the biases of each layer."""
    if biases is None:
        return [matrix.new_zeros(len(matrix)) for matrix in matrices]
    sizes = [len(matrix) for matrix in matrices]
    if [len(offset) for offset in biases] != sizes:
        raise ArgumentError("biases", f"a list a layer, with {', '.join(map(str, sizes))} numbers", biases)
    return [torch.tensor([float(value) for value in offset], dtype=torch.float64) for offset in biases]


def check_sizes(vector: Tensor, matrices: list[Tensor]) -> None:
    """Check that each matrix has as many columns as its layer has inputs.

    Raises:
        ArgumentError: One has not, or there is none.
    """
    if not matrices:
        raise ArgumentError("weights", "at least one matrix, as in [[[1,1],[-1,1]],[[2,-1]]]", [])
    size = len(vector)
    for index, matrix in enumerate(matrices):
        if matrix.shape[1] != size:
            came = f"rows of {matrix.shape[1]}"
            raise ArgumentError(
                f"weights[{index}]", f"rows of {size} numbers, one for each of the layer's inputs", came
            )
        size = len(matrix)


def _one_product(
    vector: Tensor, matrices: list[Tensor], offsets: list[Tensor], outputs: Tensor, activation: str
) -> list[str]:
    """Return what one matrix product gives in place of all layers, beside the network's answer."""
    product, shift = torch.eye(len(vector), dtype=vector.dtype), torch.zeros_like(vector)
    for matrix, offset in zip(matrices, offsets, strict=True):
        product, shift = matrix @ product, matrix @ shift + offset
    single = product @ vector + shift
    rows = ", ".join("[" + ", ".join(number(value) for value in row) + "]" for row in product.tolist())
    plus = f" + [{', '.join(map(number, shift.tolist()))}]" if shift.any() else ""
    numbers = ", ".join(map(number, single.tolist()))
    if torch.allclose(single, outputs):
        said = f"The layers together equal one matrix product here: [{rows}]{plus} gives {numbers} as well."
        if activation.lower() not in ("identity", "linear") and len(matrices) > 1:
            said += f" With {activation} that holds for these inputs, not for all."
        return [said]
    return [f"Without activation the layers would be one matrix product: [{rows}]{plus} would give {numbers}."]


def _in_brackets(value: float) -> str:
    return f"({number(value)})" if value < 0 else number(value)
