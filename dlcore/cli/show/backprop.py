"""``show backprop -c RECIPE``: the gradient on its way back through the layers of a recipe's model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlcore.cli.show.subject import Option, Subject, read_words
from dlcore.cli.terminal import new_table

if TYPE_CHECKING:
    from rich.table import Table

    from dlcore.insight.gradient_flow import GradientFlow

SUBJECT = Subject(
    "show backprop",
    "The gradient on its way back through the layers of a recipe's model.",
    "-c RECIPE [--flag VALUE ...]",
    "One batch goes forward and backward. The table has, from the loss back to the input, the norm of the loss's "
    "gradient by each layer's output, the factor by which the layer after it has changed that norm, and the norm of "
    "the gradient by its weights. With --ckpt_path of a trained model.",
    (Option("out", "FILE.png", "File of the picture; left out: show/backprop_RECIPE.png."),),
    (
        "show backprop -c mlp_textbook",
        "show backprop -c mlp_textbook --model.hidden_sizes [100,100,100,100,100] --model.activation Sigmoid",
    ),
)
_OF_A_RECIPE = ("-c", "--config", "--model", "--data", "--trainer", "--ckpt_path")


def of_a_recipe(argv: Sequence[str]) -> bool:
    """Return whether the words name a recipe or change one; without them `show backprop` is the textbook's example."""
    return any(word.partition("=")[0].partition(".")[0] in _OF_A_RECIPE for word in argv)


def run(argv: list[str]) -> int:
    """Show the gradient flow of a recipe's model."""
    words = read_words(SUBJECT, argv)
    from dlcore.cli.panels import warn_of_sample
    from dlcore.cli.show.picture import picture_path, save_picture
    from dlcore.cli.show.prepared import prepared, recipe_title
    from dlcore.cli.terminal import open_console, print_paragraph
    from dlcore.insight.gradient_flow import draw_gradient_flow, gradient_flow
    from dlcore.insight.preflight.case import Case

    command = prepared(words)
    title = recipe_title(words)
    path = picture_path(words.given.get("out"), f"backprop_{title}")
    flow = gradient_flow(Case(command.model, command.datamodule, command.trainer))
    console = open_console()
    console.print(_table(flow))
    print_paragraph(console, f"Loss {flow.loss:.4f} of {flow.samples:,} samples. {_summary(flow)}")
    warn_of_sample(console, command.datamodule)
    save_picture(draw_gradient_flow(flow, f"Back-propagation: {title}"), path)
    return 0


def _table(flow: GradientFlow) -> Table:
    table = new_table("layer", "class", ">output", ">∂L/∂output", ">factor", ">∂L/∂weight")
    table.columns[0].no_wrap = True
    for each in reversed(flow.layers):
        weight = each.parameters.get("weight", max(each.parameters.values(), default=None))
        table.add_row(
            each.name.removeprefix("network."),
            each.kind,
            " × ".join(f"{length:,}" for length in each.shape) or "1",
            f"{each.output:.3g}",
            f"{each.factor:.3g}" if each.factor == each.factor else "",
            "" if weight is None else f"{weight:.3g}",
        )
    return table


def _summary(flow: GradientFlow) -> str:
    """Say how much of the gradient reaches the first layer."""
    known = [each.output for each in flow.layers if each.output == each.output]
    if len(known) < 2 or not known[-1]:
        return "The gradient comes back to one layer only." if len(known) == 1 else "No gradient comes back."
    return f"At the first layer's output the gradient has {known[0] / known[-1]:.2g} times its norm at the last one's."
