"""Settings: merge recipes, then the config of the checkpoint, then flags, and check each name."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dlcore.config.allow_list import AllowList, found_at
from dlcore.config.merge import (
    ALWAYS_ON,
    NESTED_CLASSES,
    Layer,
    chosen_classes,
    default_layer,
    flatten,
    lay_over,
    overridden,
    own_title,
    without_replaced_classes,
)
from dlcore.config.recipe import find_recipe, read_recipe
from dlcore.config.request import DECISION_FLAGS, Flag, Request, check_files
from dlcore.config.secrets import forget_hidden
from dlcore.config.short_names import flag_with_full_name, read_as_factories, with_full_names, with_own_defaults
from dlcore.config.tracker_kinds import KINDS
from dlcore.config.validation import check_config, check_flag
from dlcore.errors import ArgumentError, CheckpointError
from dlcore.plain_text import file_name
from dlcore.runs.argument_inference import places_for_facts
from dlcore.runs.checkpoint_file import RECORD_KEY, find_checkpoint, read_checkpoint, warn_of_newer
from dlcore.runs.folder import runs_root, with_absolute_paths
from dlcore.runs.inputs import flag_of_inputs
from dlcore.tracking.trackers.client import check_installed

# The trainer settings of a run that an evaluation of its checkpoint needs too.
_KEPT_FOR_EVALUATION = ("precision",)


class Settings:
    """The settings of a command, before they are parsed.

    Args:
        request: The parsed command line.

    Attributes:
        checkpoint_path: The checkpoint that the command starts from, or None.
        checkpoint: Its content; empty without one.
        kept_config: The config in it; empty without one.
        layers: Sources of settings, lowest first: the callbacks of every fit, recipes, a checkpoint's config.
        root_dir: The trainer's default_root_dir, by flag or recipe.
        config: Recipes and checkpoint, merged.
        classes: Names of the classes chosen for ``model``, ``data``, ``model.optimizer`` and ``model.lr_scheduler``.
        name: The run's name: the first recipe's, else the checkpoint's, the user's model's or the default recipe's.
        allow_list: Packages and classes whose code may be imported.
        places: Arguments of the model with a placeholder for a value that the data will give.

    Raises:
        DlcoreError: A recipe, a checkpoint or a name in them does not exist or cannot be read.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.places: set[str] = set()
        self.allow_list = AllowList.of(request.flags)
        self.layers: list[Layer] = []
        self.config: dict[str, Any] = {}
        self.classes: dict[str, str] = {}
        self.checkpoint_path: Path | None = None
        self.checkpoint: dict[str, Any] = {}
        self.kept_config: dict[str, Any] = {}
        check_files(request)
        recipes = [Layer(recipe, read_recipe(find_recipe(recipe))) for recipe in request.recipes]
        for layer in recipes:
            self.allow_list.check(layer.config, f"{layer.source}: names")
        self._lay(Layer("always on", dict(ALWAYS_ON)))
        for layer in recipes:
            self._lay(layer)
            check_config(layer.config, f" (in {layer.source})", self.classes)
        at_recipes = (self.config.get("trainer") or {}).get("default_root_dir")
        self.root_dir: str | None = request.value("trainer.default_root_dir") or at_recipes
        if (wanted := request.value("ckpt_path")) not in (None, "null"):
            self.checkpoint_path = find_checkpoint(str(wanted), runs_root(self.root_dir), request.name)
            self.checkpoint = read_checkpoint(self.checkpoint_path)
        warn_of_newer(self.checkpoint, self.checkpoint_path)
        if request.command == "fit" and not recipes and not self.checkpoint:
            recipes = [default_layer(request)]
            self._lay(recipes[0])
        record = self.checkpoint.get(RECORD_KEY, {})
        if record:
            self.kept_config = self._config_of(record)
            self._lay(Layer("checkpoint", self.kept_config))
            kept = {key: value for key, value in self.kept_config.items() if key in ("model", "data")}
            check_config(kept, "", self.classes)
        elif self.checkpoint and not recipes:
            raise CheckpointError(f"{self.checkpoint_path}: holds no config of dlcore's; give one with -c.")
        self.config.pop("ckpt_path", None)
        self.config = without_replaced_classes(self.config, request)
        self.classes = chosen_classes(self.config, request)
        if request.inputs:
            flag = flag_of_inputs(request.inputs, self.classes.get("data", ""))
            if (other := request.value(flag.name)) is not None:
                raise ArgumentError(f"--{flag.name}", f"nothing beside {request.inputs[0]}", other, "Leave one out.")
            request.flags.append(flag)
        for flag in request.flags:
            check_flag(flag, request.command, self.classes)
        # A checkpoint may come from anybody: the name in it must not lead out of the folder of runs.
        title = record.get("name") or own_title(request) or (recipes[0].source if recipes else "run")
        self.name = request.name or file_name(title)
        self._check_seed()
        self._check_steps_per_execution()
        self._check_rate()
        self._check_tracker()

    def _lay(self, layer: Layer) -> None:
        self.layers.append(layer)
        self.config = lay_over(self.config, layer.config)
        self.classes = chosen_classes(self.config, Request(self.request.command))

    def words(self) -> list[str]:
        """Return the command line for the parser."""
        flags = self.request.without("ckpt_path", "allow", *DECISION_FLAGS)
        asked = [flag_with_full_name(flag) for flag in flags if self._counts(flag)]
        # Put a class before its arguments, whatever order was typed: the parser needs the class for them.
        asked.sort(key=lambda flag: flag.name not in ("model", "data", *NESTED_CLASSES))
        words = [word for flag in asked for word in flag.words()]
        config = with_own_defaults(with_full_names(self.config), self.classes, self.allow_list)
        places = self._places_for_facts()
        if places:
            self.places = set(places)
            config = lay_over({"model": {"class_path": self.classes["model"], "init_args": places}}, config)
        return ["--config", json.dumps(config), *words]

    def _places_for_facts(self) -> dict[str, Any]:
        path = self.classes.get("model", "")
        if "." not in path or not self.allow_list.covers(path):
            return {}
        model = found_at(path)
        if inspect.isclass(model):
            read_as_factories(model)
        return places_for_facts(model, self.chosen("model"))

    def _counts(self, flag: Flag) -> bool:
        """Return whether a flag has an effect: switching on a recipe's callback keeps the recipe's settings."""
        return flag.value != "{}" or self.config.get(flag.name) is None

    def pairs(self) -> Iterator[tuple[str, Any]]:
        """Yield all settings as (dotted name, value), flags last."""
        yield from flatten(self.config)
        for flag in self.request.flags:
            yield flag.name.replace(".init_args.", "."), flag.value

    def changes(self, final: dict[str, Any]) -> list[str]:
        """Return a line for each setting overridden in the merge of a checkpoint's config with recipes and flags."""
        layers = [Layer(each.source, with_absolute_paths(each.config)) for each in self.layers[1:]]
        return overridden(layers, final) if self.kept_config else []

    def chosen(self, section: str) -> set[str]:
        """Return the names of a section's arguments that recipes, checkpoint or flags set."""
        return {name.removeprefix(f"{section}.") for name, value in self.pairs() if value is not None}

    def _check_rate(self) -> None:
        """Refuse a learning rate that the schedule would replace."""
        schedule = self.classes.get("model.lr_scheduler", "").rpartition(".")[2]
        flags = {flag.name.replace(".init_args.", "."): flag.value for flag in self.request.flags}
        rate = flags.get("model.optimizer.lr")
        if rate is None or schedule not in ("OneCycleLR", "CyclicLR") or "model.lr_scheduler.max_lr" in flags:
            return
        raise ArgumentError(
            "model.optimizer.lr",
            f"none, since {schedule} sets the rate of every step",
            rate,
            f"Give the highest one: --model.lr_scheduler.max_lr {rate}",
        )

    def _check_seed(self) -> None:
        """Check the seed; a resumed run must keep it, and with it the order of its samples."""
        wanted, kept = self.request.value("seed_everything"), self.config.get("seed_everything")
        if wanted is not None and not wanted.isdigit() and wanted not in ("true", "false"):
            raise ArgumentError("seed_everything", "a whole number at least 0, true or false", wanted)
        if self.request.command == "fit" and self.kept_config and wanted not in (None, str(kept)):
            raise ArgumentError("seed_everything", f"{kept}, with which the run began", wanted, "Leave it out.")

    def _check_steps_per_execution(self) -> None:
        """Check the value here: the parser's error would list Python's types."""
        asked = self.request.value("steps_per_execution")
        steps = self.config.get("steps_per_execution", "auto") if asked is None else asked
        number = int(steps) if isinstance(steps, str) and steps.isdecimal() else steps
        if steps != "auto" and (type(number) is not int or number < 1):
            expected = "a whole number at least 1, or auto (as many as there are up to the next event)"
            raise ArgumentError("steps_per_execution", expected, steps, "1 takes each step by itself.")

    def _check_tracker(self) -> None:
        """Check the tracker, and that its package is installed and the run has a folder."""
        asked = self.request.value("tracker") or self.config.get("tracker")
        if self.request.command != "fit" or asked in (None, "null"):
            return
        if asked not in KINDS:
            raise ArgumentError("tracker", f"{', '.join(KINDS)} or off", asked)
        check_installed(asked)
        logger = self.request.value("trainer.logger") or (self.config.get("trainer") or {}).get("logger")
        if logger in (False, "false"):
            raise ArgumentError(
                "tracker", "none without the run's folder (trainer.logger false)", asked, "Leave one out."
            )

    def _config_of(self, record: dict[str, Any]) -> dict[str, Any]:
        config: dict[str, Any] = forget_hidden(record["config"])
        self.allow_list.check(config, f"{self.checkpoint_path}: was made with", CheckpointError)
        if self.request.command == "fit":
            return config
        trainer = {key: value for key, value in config["trainer"].items() if key in _KEPT_FOR_EVALUATION}
        shown = {"progress_display": config.get("progress_display")}
        return {"model": config["model"], "data": config["data"], "trainer": trainer, **shown}
