"""The tour: the output of ``python -m dlcore`` alone. One screen, at once."""

from __future__ import annotations

from rich.text import Text

from dlcore import __version__
from dlcore.cli.terminal import HEADING, open_console, print_heading, print_names, print_paragraph

_ABOUT = "Classic networks on PyTorch Lightning, and why training goes well or badly."
_FIRST = (
    ("python -m dlcore fit", "train an MLP on FashionMNIST"),
    ("python -m dlcore lessons", "the textbook, a command a lesson"),
    ("python -m dlcore recipes", "what else can be trained"),
    ("python -m dlcore study", "lessons: variants trained, judged"),
    ("python -m dlcore fit -c rnn_lyrics", "a text model; then: generate"),
)
_BEFORE = (
    ("python -m dlcore show", "data, layers, learning rates"),
    ("python -m dlcore check", "whether a recipe can learn"),
    ("python -m dlcore lr_find", "a learning rate to begin with"),
)
_RESULTS = (
    ("tensorboard --logdir lightning_logs", "curves: localhost:6006/#scalars"),
    ("lightning_logs/RECIPE/version_N/", "config, checkpoints and metrics"),
    ("python -m dlcore explain", "why the newest run went as it did"),
)
_HELP = (("python -m dlcore --help", "the commands"), ("python -m dlcore fit --help", "its flags (--help-all: all)"))


def print_tour() -> None:
    """Print what dlcore is, five commands to try first, the results' folders, and the help."""
    console = open_console()
    print_paragraph(console, Text(f"dlcore {__version__}", style=HEADING))
    print_paragraph(console, _ABOUT)
    for heading, rows in (("Try first", _FIRST), ("Before training", _BEFORE), ("Results", _RESULTS), ("Help", _HELP)):
        print_heading(console, heading)
        print_names(console, rows, column=46)
