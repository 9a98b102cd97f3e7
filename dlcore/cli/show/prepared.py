"""A recipe and flags made into model, data and trainer, to be looked at."""

from __future__ import annotations

import warnings

from lightning.pytorch.utilities.exceptions import MisconfigurationException
from rich.console import Console

from dlcore.cli.panels import warn_of_sample
from dlcore.cli.show.subject import Words
from dlcore.config.merge import own_title
from dlcore.config.recipe import DEFAULT_RECIPE, find_recipe, recipe_name
from dlcore.config.request import read_request
from dlcore.errors import FitError
from dlcore.plain_text import printable
from dlcore.runs import Command, prepare
from dlcore.runs.other_data import name_of_data


def prepared(words: Words, only_data: bool = False) -> Command:
    """Make what a fit with these recipes and flags would run with. With ``--ckpt_path`` the model has its weights.

    Args:
        words: The command line.
        only_data: Make the data only.

    Raises:
        DlcoreError: Something asked for cannot be done.
    """
    warnings.formatwarning = lambda message, *_: f"dlcore: warning: {printable(str(message))}\n"
    try:
        command = prepare("fit", *words.recipe, only_data=only_data)
    except MisconfigurationException as error:  # Lightning's word for settings that do not go together
        raise FitError(" ".join(str(error).split())) from error
    if only_data:
        return command
    if command.settings.checkpoint:
        _load_weights(command)
    return command


def _load_weights(command: Command) -> None:
    try:
        command.model.load_state_dict(command.settings.checkpoint["state_dict"])
    except RuntimeError as error:  # weights that do not fit were refused before: some are not there yet
        raise FitError(
            f"--ckpt_path: expected a model whose layers are made in __init__(), got {type(command.model).__name__}, "
            "which makes them when a fit begins. Leave it out, to look at the model as it begins."
        ) from error


def recipe_title(words: Words) -> str:
    """What a picture is of: the recipes, or a model of the user's own. Flags would make it long."""
    if own := own_title(read_request(["show", *words.recipe])):
        return own
    names = [recipe_name(find_recipe(recipe)) for recipe in words.recipes] or [DEFAULT_RECIPE]
    return " + ".join(names)


def data_title(words: Words) -> str:
    """What a picture of data is of: the recipes, and the data where flags choose others."""
    return "_".join(filter(None, (recipe_title(words), name_of_data(read_request(["show", *words.recipe])))))


def say_sample(console: Console, command: Command) -> None:
    """Say in a box that the data are not those that the recipe names."""
    warn_of_sample(console, command.datamodule)
