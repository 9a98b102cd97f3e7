"""``show model``: layers, shapes, parameters and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcore.cli.show.subject import Subject, read_words
from dlcore.cli.terminal import new_table

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer
    from rich.table import Table

    from dlcore.insight import ModelSummary

SUBJECT = Subject(
    "show model",
    "Layers: output shapes, parameters, memory.",
    "[-c RECIPE] [--flag VALUE ...]",
    "Shapes are measured by a forward pass; the data are read only where they do not say the shape of a sample. Values "
    "are the memory of a layer's output for one sample, which a training keeps for its backward pass. For convolution "
    "and pooling follows the size of the feature maps by (H − F + 2P)/S + 1 (H input, F kernel, P padding, S stride). "
    "With fine-tuning follows from which epoch each layer learns, and its share of the learning rate.",
    (),
    ("show model -c mlp_textbook", "show model --model.hidden_sizes [1000,1000]"),
)


def run(argv: list[str]) -> int:
    """Print the summary of a recipe's model."""
    words = read_words(SUBJECT, argv)
    from dlcore.cli.panels import warn_of_sample
    from dlcore.cli.show.prepared import prepared, recipe_title
    from dlcore.cli.terminal import open_console, print_columns
    from dlcore.insight.model_summary import summarize_model

    command = prepared(words)
    summary = summarize_model(command.model, command.datamodule)
    console = open_console()
    console.print(f"{type(command.model).__name__} of {recipe_title(words)}, input {_shape(summary.input_shape)}")
    console.print()
    console.print(_table(summary))
    console.print()
    if any(layer.size_formulas for layer in summary.layers):
        console.print(_feature_maps(summary))
        console.print()
    tuned = _fine_tuning(command.trainer, command.model)
    if tuned is not None:
        console.print(tuned)
        console.print()
    batch_size = getattr(command.datamodule, "batch_size", None)
    print_columns(console, _totals(summary, batch_size), column=23, indent=0)
    warn_of_sample(console, command.datamodule)
    return 0


def _table(summary: ModelSummary) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), show_footer=True)
    table.add_column("layer", "total", overflow="fold", min_width=14)
    table.add_column("type", max_width=11)  # the whole table fits a terminal of 80 columns
    table.add_column("output", justify="right", no_wrap=True)
    table.add_column("parameters", f"{summary.parameters:,}", justify="right")
    table.add_column("share", "100%" if summary.parameters else "", justify="right")
    table.add_column("weights", in_bytes(summary.weight_bytes), justify="right")
    table.add_column("values", in_bytes(summary.output_bytes), justify="right")
    for layer in summary.layers:
        share = layer.parameters / summary.parameters if summary.parameters else 0.0
        table.add_row(
            layer.name,
            layer.kind,
            "not reached" if layer.output_shape is None else _shape(layer.output_shape),
            f"{layer.parameters:,}" + (" frozen" if layer.frozen else "") if layer.parameters else "",
            f"{share:.1%}" if layer.parameters else "",
            in_bytes(layer.weight_bytes) if layer.weight_bytes else "",
            in_bytes(layer.output_bytes) if layer.output_bytes else "",
        )
    return table


def _feature_maps(summary: ModelSummary) -> Table:
    """Return each feature map's size by the formula, next to the measured one."""
    table = new_table("feature maps", "size by (H − F + 2P)/S + 1", ">measured")
    for layer in summary.layers:
        if layer.size_formulas and layer.output_shape is not None:
            table.add_row(layer.name, " × ".join(layer.size_formulas), _shape(layer.output_shape[-2:]))
    return table


def _fine_tuning(trainer: Trainer, model: LightningModule) -> Table | None:
    """Return when each layer of the backbone learns, and its share of the learning rate; None without fine-tuning."""
    from dlcore.callbacks.fine_tuning import fine_tuning_of

    callback = fine_tuning_of(trainer)
    if callback is None:
        return None
    plan = callback.plan(model)
    learning = sum(each.numel() for each in model.parameters() if each.requires_grad)
    size = sum(layer.size for layer in plan)
    table = new_table("fine-tuning", ">parameters", ">learns from epoch", ">learning rate")
    for layer in plan:
        epoch = "never" if layer.epoch is None else str(layer.epoch + 1)
        table.add_row(layer.group.name, f"{layer.size:,}", epoch, f"{layer.factor:.3g} ×")
    table.add_row("head", f"{learning - size:,}", "1", "1 ×")
    at_first = learning - sum(layer.size for layer in plan if layer.epoch != 0)
    table.caption = f"{at_first:,} of {learning:,} parameters learn in epoch 1"
    table.caption_justify = "left"
    return table


def _totals(summary: ModelSummary, batch_size: int | None) -> list[tuple[str, str]]:
    frozen = sum(layer.frozen for layer in summary.layers)
    rows = [("parameters", f"{summary.parameters:,}" + (f", of them frozen {frozen:,}" if frozen else ""))]
    rows += [("weights", in_bytes(summary.weight_bytes)), ("gradients", in_bytes(summary.gradient_bytes))]
    known = summary.weight_bytes + summary.gradient_bytes
    if summary.optimizer_bytes is None:
        rows.append((summary.optimizer, "keeps what depends on its steps"))
    else:
        each = f"{summary.state_per_parameter:.3g} numbers a parameter" if summary.state_per_parameter else "nothing"
        rows.append((f"kept by {summary.optimizer}", f"{in_bytes(summary.optimizer_bytes)} ({each})"))
        known += summary.optimizer_bytes
    if batch_size is not None:
        outputs = summary.output_bytes * batch_size
        rows.append(("outputs of a batch", f"{in_bytes(outputs)} ({batch_size:,} samples; the table: one sample)"))
        known += outputs
    return [*rows, ("training takes about", f"{in_bytes(known)}, and what torch and the data need")]


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{length:,}" for length in shape) or "1"


def in_bytes(number: int) -> str:
    """Format a number of bytes in a suitable unit: 2.14 MB is 2,140,000 bytes."""
    size = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
