"""Build model, data and trainer from a recipe and flags, for inspection."""

from __future__ import annotations

from lightning.fabric.utilities.exceptions import MisconfigurationException

from dlcore.cli.show.subject import Words
from dlcore.cli.terminal import one_line_warnings
from dlcore.config.merge import own_title
from dlcore.config.recipe import DEFAULT_RECIPE, find_recipe, recipe_name
from dlcore.config.request import read_request
from dlcore.errors import FitError
from dlcore.runs import Command, prepare
from dlcore.runs.evaluation_files import name_of_data


def prepared(words: Words, only_data: bool = False) -> Command:
    """Build what a fit with these recipes and flags would use. With ``--ckpt_path`` load the weights."""
    one_line_warnings()
    try:
        command = prepare("fit", *words.recipe, only_data=only_data)
    except MisconfigurationException as error:  # Lightning's error for incompatible settings
        raise FitError(" ".join(str(error).split())) from error
    if only_data or not command.settings.checkpoint:
        return command
    try:
        command.model.load_state_dict(command.settings.checkpoint["state_dict"])
    except RuntimeError as error:  # weights that do not fit were refused before: some layers do not exist yet
        raise FitError(
            f"--ckpt_path: expected a model whose layers are made in __init__(), got {type(command.model).__name__}, "
            "which makes them when a fit begins. Leave it out, to look at the model as it begins."
        ) from error
    return command


def recipe_title(words: Words) -> str:
    """Return a picture's title: the recipes, or a model of the user's own; without flags, which would make it long."""
    if own := own_title(read_request(["show", *words.recipe])):
        return own
    names = [recipe_name(find_recipe(recipe)) for recipe in words.recipes] or [DEFAULT_RECIPE]
    return " + ".join(names)


def data_title(words: Words) -> str:
    """Return a data picture's title: the recipes, and the data if flags choose others."""
    return "_".join(filter(None, (recipe_title(words), name_of_data(read_request(["show", *words.recipe])))))
