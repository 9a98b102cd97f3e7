"""``show memory``: what a text network remembers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlcore.cli.show.subject import Option, Subject, Words, read_words
from dlcore.cli.terminal import new_table
from dlcore.errors import ArgumentError, check_number

if TYPE_CHECKING:
    from rich.table import Table

    from dlcore.text.memory import MemoryReport
    from dlcore.text.token_losses import Bin

SUBJECT = Subject(
    "show memory",
    "What a text network remembers.",
    "--ckpt_path best | -c RECIPE [--flag VALUE ...]",
    "Four charts of a text network and its held-out text: how far back the loss reaches, by its gradient by the "
    "embedding of each earlier token; the loss by position in the document; the loss by frequency of the token in the "
    "training text; the longest span that generated texts copy from the training text, and their distinct n-grams, "
    "beside those of as much held-out text. Without a checkpoint: what the initial weights allow.",
    (
        Option("lags", "64", "Greatest number of tokens back."),
        Option("windows", "64", "Pieces of held-out text over which the gradient is averaged."),
        Option("seed", "0", "Seed of the generated texts."),
        Option("out", "FILE.png", "File of the picture; left out: show/memory_RECIPE.png."),
    ),
    ("show memory --ckpt_path best", "show memory -c rnn_lyrics --model.cell rnn"),
)
_SHOWN = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)  # lags in the table


def run(argv: list[str]) -> int:
    """Measure and draw what a text network remembers."""
    words = read_words(SUBJECT, argv)
    lags, windows, seed = (
        int(words.number(name, default, whole=True)) for name, default in (("lags", 64), ("windows", 64), ("seed", 0))
    )
    check_number("--lags", lags, at_least=1, at_most=4096)
    check_number("--windows", windows, at_least=1, at_most=4096)
    check_number("--seed", seed, at_least=0)
    from dlcore.cli.show.picture import picture_path, save_picture
    from dlcore.cli.show.prepared import prepared, recipe_title
    from dlcore.cli.terminal import open_console, print_paragraph
    from dlcore.insight.text_memory import memory_of_run
    from dlcore.tracking.figures import text_memory

    command = prepared(_with_text_checkpoint(words))
    title = command.settings.name if command.settings.checkpoint else recipe_title(words)
    path = picture_path(words.given.get("out"), f"memory_{title}")
    memory = memory_of_run(command.model, command.datamodule, lags, windows, seed)
    console = open_console()
    for table in (
        _gradient(memory),
        _losses("position in the document", memory.by_position),
        _losses("times in the training text", memory.by_frequency),
        _samples(memory),
    ):
        console.print(table)
        console.print()
    print_paragraph(console, _summary(memory))
    length = getattr(command.datamodule, "sequence_length", None)
    trained = "" if command.settings.checkpoint else ", before training"
    save_picture(text_memory(memory, f"Memory of {title}{trained}", length), path)
    return 0


def _with_text_checkpoint(words: Words) -> Words:
    """Let ``--ckpt_path best`` or ``last`` without a recipe name the newest run of a text model."""
    from dlcore.runs.text_generation import find_text_checkpoint

    if not words.recipe:
        raise ArgumentError(
            "--ckpt_path", "a checkpoint of a text model, or a recipe", None,
            "Type: python -m dlcore show memory --ckpt_path best, or -c rnn_lyrics in its place for initial weights.",
        )  # fmt: skip
    if words.recipes:
        return words
    for number, word in enumerate(words.recipe):
        name, equals, value = word.partition("=")
        if name == "--ckpt_path" and (equals or number + 1 < len(words.recipe)):
            wanted = value if equals else words.recipe[number + 1]
            if wanted in ("best", "last"):
                found = str(find_text_checkpoint(wanted))
                words.recipe[number : number + 1 + (not equals)] = [f"--ckpt_path={found}"]
    return words


def _gradient(memory: MemoryReport) -> Table:
    table = new_table("lag", ">gradient", ">of lag 0", ">share up to it")
    total, norms = sum(memory.gradient), memory.gradient
    for lag in sorted({*(each for each in _SHOWN if each < len(norms)), memory.reach or 0}):
        within = sum(norms[: lag + 1]) / total if total else 0.0
        ratio = norms[lag] / norms[0] if norms[0] else 0.0
        style = "bold" if lag == memory.reach else ""
        table.add_row(f"{lag}", f"{norms[lag]:.2g}", f"{ratio:.2g}", f"{within:.1%}", style=style)
    return table


def _losses(head: str, bins: Sequence[Bin]) -> Table:
    table = new_table(head, ">tokens", ">nats per token")
    for each in bins:
        table.add_row(each.label, f"{each.tokens:,}", f"{each.loss:.2f}")
    return table


def _samples(memory: MemoryReport) -> Table:
    table = new_table("text", ">characters", ">distinct-1", ">distinct-2", ">distinct-3", ">longest copy")
    for name, text in (("samples", memory.samples), ("held-out", memory.held_out)):
        shares = (f"{share:.3f}" for share in text.distinct)
        table.add_row(name, f"{text.characters:,}", *shares, f"{len(text.copied)}")
    return table


def _summary(memory: MemoryReport) -> str:
    if memory.reach is None:
        reached = "No gradient comes back, or it is not finite."
    else:
        most = len(memory.gradient) - 1
        reached = f"95% of the gradient lies within lag {memory.reach} of {most}; lag 0 is the token read last."
    ours, theirs = (text.copied.replace("\n", "⏎") for text in (memory.samples, memory.held_out))
    return (
        f"{reached} Held-out loss {memory.loss:.2f} nats per token. Longest span copied from the training text: "
        f"“{ours}” in the samples, “{theirs}” in the held-out text."
    )
