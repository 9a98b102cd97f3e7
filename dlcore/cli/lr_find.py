"""``lr_find``: the learning-rate range test.

A command of its own instead of a flag of ``fit``: it keeps no weights and no run, has its own options and exit code,
and its result is for the user to type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from dlcore.cli.show.subject import Option, Subject, read_words
from dlcore.cli.terminal import NAME, open_console, print_columns, shell_word
from dlcore.errors import check_number

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule

    from dlcore.cli.show.subject import Words
    from dlcore.insight import RangeTest

SUBJECT = Subject(
    "lr_find",
    "Try learning rates from small to large in one short training, and suggest one.",
    "[-c RECIPE] [--flag VALUE ...]",
    "The rate grows by the same factor each step, until the loss diverges; the suggestion is where the smoothed loss "
    "falls fastest before its lowest point (Smith 2015, arXiv:1506.01186). Nothing is kept but a picture: no run, no "
    "weights, no change of the recipe.",
    (
        Option("lr_min", "1e-6", "The first rate."),
        Option("lr_max", "10", "The last rate, if the loss has not diverged before."),
        Option("num_steps", "200", "Training steps from the first to the last."),
        Option("out", "FILE.png", "File of the picture; left out: show/lr_find_RECIPE.png."),
    ),
    ("lr_find -c mlp_textbook", "lr_find --model.optimizer SGD --model.optimizer.lr 0.1"),
)


def run(argv: list[str]) -> int:
    """Run the range test of a recipe."""
    words = read_words(SUBJECT, argv)
    lr_min, lr_max = words.number("lr_min", 1e-6), words.number("lr_max", 10.0)
    num_steps = int(words.number("num_steps", 200, whole=True))
    check_number("--lr_min", lr_min, above=0)
    check_number("--lr_max", lr_max, above=lr_min)
    check_number("--num_steps", num_steps, at_least=20)
    from dlcore.cli.panels import warn_of_sample
    from dlcore.cli.show.picture import picture_path, save_picture
    from dlcore.cli.show.prepared import prepared, recipe_title
    from dlcore.insight.lr_range_test import find_learning_rate
    from dlcore.insight.short_training import rate_flag
    from dlcore.tracking.figures.learning_rate import lr_range

    command = prepared(words)
    title = recipe_title(words)
    path = picture_path(words.given.get("out"), f"lr_find_{title}")
    test = find_learning_rate(command.model, command.datamodule, command.trainer, lr_min, lr_max, num_steps)
    if not command.trainer.is_global_zero:
        return 0
    console = open_console()
    optimizer = command.settings.classes.get("model.optimizer", "the optimiser")
    print_columns(console, _rows(test, f"{optimizer} on {title}"), column=13, indent=0)
    warn_of_sample(console, command.datamodule)
    figure = lr_range(
        test.rates, test.losses, test.smoothed, test.lowest, test.steepest, f"Learning-rate range test: {title}",
        test.diverged,
    )  # fmt: skip
    save_picture(figure, path)
    if test.suggestion is None:
        return 1
    name = rate_flag(command.model)
    said = Text(_next(test, words, name), NAME) if name else Text(_no_flag(command.model))
    console.print(Text.assemble("next: ", said), soft_wrap=True)  # not wrapped: it must be copied whole
    return 0


def _rows(test: RangeTest, what: str) -> list[tuple[str, str]]:
    rates = test.rates
    ended = "where the loss diverged" if test.diverged else "without diverging"
    lowest = rates[test.lowest]
    rows = [
        ("tested", f"{what}: {len(rates)} steps with rates from {rates[0]:.2g} to {rates[-1]:.2g}, {ended}"),
        ("lowest", f"loss {test.smoothed[test.lowest]:.4g} at {lowest:.2g}, which is too high to stay at"),
    ]
    if test.steepest is None or test.suggestion is None:
        return [
            *rows,
            ("suggested", "none: the loss fell at no rate. Widen --lr_min and --lr_max, or look at the data."),
        ]
    if test.lowest == len(rates) - 1 and not test.diverged:
        rows.append(("note", "The loss still fell at the last rate: try a higher --lr_max."))
    rows.append(("suggested", f"{test.suggestion:g}: there the smoothed loss falls fastest, before its lowest point"))
    rows.append(("compare", f"{lowest / 10:.1g}: one tenth of the rate at the lowest point, the other common rule"))
    return rows


def _no_flag(model: LightningModule) -> str:
    return f"{type(model).__name__} has no argument for it: set it where its optimiser is made."


def _next(test: RangeTest, words: Words, name: str) -> str:
    """Return the command that trains with the suggestion: the same recipes and flags, and the rate."""
    kept = [word for word in words.recipe if not word.startswith(f"--{name}=")]
    flags = "".join(f"{shell_word(word)} " for word in kept)
    return f"python -m dlcore fit {flags}--{name} {test.suggestion:g}"
