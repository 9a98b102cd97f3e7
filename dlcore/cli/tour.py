"""The tour: the output of ``python -m dlcore`` alone. One screen, at once."""

from __future__ import annotations

from rich.text import Text

from dlcore import __version__
from dlcore.cli.terminal import HEADING, open_console, print_heading, print_names, print_paragraph
from dlcore.translation import _


def print_tour() -> None:
    """Print what dlcore is, five commands to try first, the results' folders, and the help."""
    console = open_console()
    print_paragraph(console, Text(f"dlcore {__version__}", style=HEADING))
    print_paragraph(console, _("Classic networks on PyTorch Lightning, and why training goes well or badly."))
    for heading, rows in _blocks():
        print_heading(console, heading)
        print_names(console, rows, column=46)


def _blocks() -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    first = (
        ("python -m dlcore fit", _("train an MLP on FashionMNIST")),
        ("python -m dlcore lessons", _("the textbook, a command a lesson")),
        ("python -m dlcore recipes", _("what else can be trained")),
        ("python -m dlcore study", _("lessons: variants trained, judged")),
        ("python -m dlcore fit -c rnn_lyrics", _("a text model; then: generate")),
    )
    before = (
        ("python -m dlcore show", _("data, layers, learning rates")),
        ("python -m dlcore check", _("whether a recipe can learn")),
        ("python -m dlcore lr_find", _("a learning rate to begin with")),
    )
    results = (
        ("tensorboard --logdir lightning_logs", _("curves: localhost:6006/#scalars")),
        ("lightning_logs/RECIPE/version_N/", _("config, checkpoints and metrics")),
        ("python -m dlcore explain", _("why the newest run went as it did")),
    )
    more = (
        ("python -m dlcore --help", _("the commands")),
        ("python -m dlcore fit --help", _("its flags (--help-all: all)")),
    )
    return (_("Try first"), first), (_("Before training"), before), (_("Results"), results), (_("Help"), more)
