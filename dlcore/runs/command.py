"""A command line becomes trainer, model, data and a run folder, and is run: LightningCLI with dlcore's rules."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentError as ParserError
from jsonargparse import Namespace
from lightning.fabric.plugins import CheckpointIO
from lightning.fabric.utilities.rank_zero import _get_rank
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

import dlcore.callbacks
import dlcore.data
import dlcore.models
from dlcore.configs.catalogue import callback_sections
from dlcore.configs.choice import lay_over
from dlcore.configs.recipe import DEFAULT_RECIPE, find_recipe, read_recipe
from dlcore.configs.request import Request
from dlcore.errors import ArgumentError
from dlcore.runs.checkpoint_file import RECORD_KEY, AtomicCheckpointIO, find_checkpoint, read_checkpoint
from dlcore.runs.folder import new_run_folder, run_of_checkpoint, run_version, runs_root
from dlcore.runs.keys import check_flag, check_recipe_keys, chosen_classes
from dlcore.runs.layers import Layer, flatten, overridden
from dlcore.runs.link import check_last_batch, check_weights, link_facts
from dlcore.runs.parse_errors import explain, own_error
from dlcore.runs.process import check_devices, prepare_process, world_size
from dlcore.runs.record import RunRecord
from dlcore.tracking import RunLogger

# Of a run's trainer settings, those that evaluating its checkpoint elsewhere still needs.
_KEPT_FOR_EVALUATION = ("precision",)


class Command(LightningCLI):
    """A command, carried out: ``fit``, ``validate``, ``test`` or ``predict``.

    Args:
        request: What was asked for.
        callbacks: Callbacks of the caller, beside those of the config.

    Attributes:
        trainer: The trainer, after its work.
        model: The model.
        datamodule: The data.
        name: The run's name: its recipe's.
        folder: The run's folder; None when nothing is kept (fast_dev_run, no logger).
        checkpoint_path: The checkpoint that it began with, or None.
        changes: What was overridden when a checkpoint's config met flags and recipes, a line each.
        output: What ``predict`` and ``test`` give: predictions of each batch, or metrics.

    Raises:
        DlcoreError: Something asked for cannot be done; the message is complete.
    """

    def __init__(self, request: Request, callbacks: Sequence[Callback] = ()) -> None:
        prepare_process()
        self.request, self.own_callbacks = request, list(callbacks)
        self.folder: Path | None = None
        self.checkpoint_path: Path | None = None
        self.checkpoint: dict[str, Any] = {}
        self.changes: list[str] = []
        self.output: Any = None
        self._new_folder: Path | None = None
        self._open_checkpoint()
        if request.command == "fit" and not request.recipes and not self.checkpoint:
            request.recipes.append(DEFAULT_RECIPE)
        for recipe in request.recipes:
            check_recipe_keys(recipe, request.command)
        self._layers = [Layer(recipe, read_recipe(find_recipe(recipe))) for recipe in request.recipes]
        self._layers += self._checkpoint_layer()
        self._classes = chosen_classes(self._merged(), request)
        for flag in request.flags:
            check_flag(flag, request.command, self._classes)
        self.name = request.name or self.checkpoint.get(RECORD_KEY, {}).get("name") or "run"
        super().__init__(
            trainer_class=Trainer,
            save_config_callback=None,  # RunRecord does it
            seed_everything_default=0,
            parser_kwargs={"exit_on_error": False, request.command: {"exit_on_error": False}},
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,  # a checkpoint's values come in as a layer of config
            args=self._words(),
        )

    # Config: recipes, then the checkpoint's, then flags

    def _open_checkpoint(self) -> None:
        wanted = self.request.value("ckpt_path")
        if wanted in (None, "null"):
            if self.request.command != "fit" and not self._only_asks():
                raise ArgumentError(
                    "--ckpt_path",
                    "the checkpoint to work with",
                    None,
                    f"For example: python -m dlcore {self.request.command} --ckpt_path best",
                )
            return
        root = runs_root(self.request.value("trainer.default_root_dir"))
        self.checkpoint_path = find_checkpoint(str(wanted), root, self.request.name)
        self.checkpoint = read_checkpoint(self.checkpoint_path)

    def _only_asks(self) -> bool:
        """Whether the command line only asks for help or for the config."""
        return any(flag.name.split("=")[0] in ("help", "print_config") for flag in self.request.flags)

    def _checkpoint_layer(self) -> list[Layer]:
        config = self.checkpoint.get(RECORD_KEY, {}).get("config")
        if config is None:
            return []
        if self.request.command != "fit":
            trainer = {key: value for key, value in config["trainer"].items() if key in _KEPT_FOR_EVALUATION}
            config = {"model": config["model"], "data": config["data"], "trainer": trainer}
        return [Layer("checkpoint", config)]

    def _merged(self) -> dict[str, Any]:
        return reduce(lay_over, (layer.config for layer in self._layers), {})

    def _words(self) -> list[str]:
        words = [self.request.command, "--config", json.dumps(self._merged())]
        return words + [word for flag in self.request.without("ckpt_path") for word in flag.words()]

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """The trainer's methods, each with the arguments that are not the user's to give."""
        given = {"model", "datamodule", "dataloaders", "weights_only"}
        return {
            "fit": {*given, "train_dataloaders", "val_dataloaders"} - {"dataloaders"},
            "validate": given,
            "test": given,
            "predict": {*given, "return_predictions"},
        }

    def _add_subcommands(self, parser: LightningArgumentParser, **kwargs: Any) -> None:
        """Build the parser of this command only: each costs as much as all the rest."""
        everything = self.subcommands()
        self.subcommands = lambda: {self.request.command: everything[self.request.command]}  # type: ignore[method-assign]
        super()._add_subcommands(parser, **kwargs)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Give each of dlcore's callbacks a section of its own; null switches it off."""
        for section, name in callback_sections().items():
            callback = getattr(dlcore.callbacks, name)
            parser.add_argument(f"--{section}", type=callback | None, default=None, help=f"Callback {name}; null: off.")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse recipes and flags; what is not accepted is named."""
        try:
            self.config = parser.parse_args(args)
        except (ParserError, ValueError, TypeError, AttributeError) as error:
            settings = [item for layer in self._layers for item in flatten(layer.config)]
            settings += [(f.name.replace(".init_args.", "."), f.value) for f in self.request.flags]
            raise explain(error, settings, self._classes) from error

    def _parse_ckpt_path(self) -> None:
        """Nothing: the checkpoint's values came in before the flags, and its path is ours."""

    # From config to objects

    def instantiate_classes(self) -> None:
        """Make the data, tell the model what they know, make the model, the callbacks and the trainer."""
        config = self.config[self.request.command]
        self._dump_config()
        self.config_init = self.config
        self.datamodule = self._make("data", config)
        facts = self.datamodule.facts() if hasattr(self.datamodule, "facts") else {}
        model_class = _import(config.model.class_path)
        config = config.clone()
        init_args = config.model.get("init_args") or Namespace()
        for name, value in link_facts(model_class, dict(init_args), facts, self._data_name()).items():
            config[f"model.init_args.{name}"] = value
        self.model = self._make("model", config)
        if self.checkpoint:
            check_weights(self.model, self.checkpoint, str(self.checkpoint_path))
            self._note_changes()
        self.trainer = self._make_trainer(config, facts)

    def _data_name(self) -> str:
        return type(self.datamodule).__name__

    def _make(self, section: str, config: Namespace) -> Any:
        """Make the objects of one section of the config."""
        parser = self._parser(self.request.command)
        only = config.clone()
        for other in ("model", "data", *callback_sections()):
            if other != section:
                only[other] = None
        if section != "trainer":
            for key in vars(only.trainer):
                only.trainer[key] = None
        instantiate = getattr(parser, "instantiate", None) or parser.instantiate_classes
        try:
            return instantiate(only)[section]
        except (ValueError, TypeError) as error:
            # The parser wraps what a class says of its arguments into words about its union types.
            own = own_error(error)
            if own is None:
                raise
            raise own.within(section) if isinstance(own, ArgumentError) else own from error

    def _make_trainer(self, config: Namespace, facts: dict[str, Any]) -> Trainer:
        settings = dict(vars(self._make("trainer", config)))
        if self.request.command == "predict":
            settings["devices"], settings["num_nodes"], settings["strategy"] = 1, 1, "auto"
        check_devices(settings["accelerator"], settings["devices"])
        # The models optimise by hand, where Lightning refuses to clip and to accumulate.
        for name in ("gradient_clip_val", "gradient_clip_algorithm", "accumulate_grad_batches"):
            value = settings.pop(name)
            if value is not None and hasattr(self.model, name):
                setattr(self.model, name, value)
        callbacks = self._make_callbacks(config, show=settings["enable_progress_bar"] is not False)
        if self.request.command == "fit":
            callbacks.append(RunRecord(self._plain_config(), self.name, facts))
            if settings["logger"] in (None, True):
                settings["logger"] = not settings["fast_dev_run"] and self._make_logger(settings["default_root_dir"])
        else:
            settings["logger"] = False
        given = settings["callbacks"] or []
        settings["callbacks"] = [*self.own_callbacks, *callbacks, *(given if isinstance(given, list) else [given])]
        if not any(isinstance(callback, dlcore.callbacks.Checkpoint) for callback in callbacks):
            settings["enable_checkpointing"] = settings["enable_checkpointing"] or False
        if not any(isinstance(callback, ProgressBar) for callback in settings["callbacks"]):
            settings["enable_progress_bar"] = False
        settings["enable_model_summary"] = bool(settings["enable_model_summary"])
        plugins = settings["plugins"] or []
        plugins = plugins if isinstance(plugins, list) else [plugins]
        if not any(isinstance(plugin, CheckpointIO) for plugin in plugins):
            plugins = [*plugins, AtomicCheckpointIO()]
        return Trainer(**{**settings, "plugins": plugins})

    def _make_callbacks(self, config: Namespace, show: bool) -> list[Callback]:
        made = [self._make(section, config) for section in callback_sections() if config[section] is not None]
        if self.request.command != "fit":
            return [callback for callback in made if isinstance(callback, ProgressBar) and show]
        return [callback for callback in made if show or not isinstance(callback, ProgressBar)]

    def _make_logger(self, default_root_dir: str | None) -> RunLogger:
        """Choose the run's folder: a new one, or that of the run that goes on."""
        root, step = runs_root(default_root_dir), None
        if self.checkpoint_path is not None and self._is_newest():
            self.folder, step = run_of_checkpoint(self.checkpoint_path), self.checkpoint["global_step"]
            self.name = self.folder.parent.name if self.folder else self.name
        if self.folder is None:
            # Other processes never write; they hear of the folder when the trainer's processes are joined.
            self.folder = new_run_folder(root, self.name) if _get_rank() in (None, 0) else root / self.name
            self._new_folder = self.folder if _get_rank() in (None, 0) else None
        return RunLogger(self.folder, self.name, run_version(self.folder) or 0, resume_step=step)

    def _is_newest(self) -> bool:
        """Whether the checkpoint is its run's newest state; from an older one a new run branches off."""
        folder = run_of_checkpoint(self.checkpoint_path)  # type: ignore[arg-type]
        if folder is None:
            return False
        return find_checkpoint(str(folder), folder, None).samefile(self.checkpoint_path) or (  # type: ignore[arg-type]
            read_checkpoint(find_checkpoint(str(folder), folder, None))["global_step"] == self.checkpoint["global_step"]
        )

    def _plain_config(self) -> dict[str, Any]:
        return {key: value for key, value in self.config_dump.items() if key not in ("ckpt_path", "config")}

    def _note_changes(self) -> None:
        if self._checkpoint_layer():
            self.changes = overridden(self._layers, self.config_dump)

    # The work

    def _run_subcommand(self, subcommand: str) -> None:
        arguments: dict[str, Any] = {
            "ckpt_path": self.checkpoint_path and str(self.checkpoint_path),
            "weights_only": True,
        }
        if subcommand in ("validate", "test"):
            arguments["verbose"] = False
        self._check_batches()
        try:
            self.output = getattr(self.trainer, subcommand)(self.model, datamodule=self.datamodule, **arguments)
        except BaseException:
            self._remove_empty_folder()
            raise

    def _check_batches(self) -> None:
        if self.request.command == "fit" and hasattr(self.datamodule, "parts") and not self.datamodule.drop_last:
            self.datamodule.prepare_data()
            self.datamodule.setup("fit")
            size = self.datamodule.batch_size * world_size(self.trainer)
            check_last_batch(self.model, len(self.datamodule.parts["train"]), size)

    def _remove_empty_folder(self) -> None:
        """A run that ended before its first step leaves nothing behind."""
        if self._new_folder is not None and self.trainer.global_step == 0:
            shutil.rmtree(self._new_folder, ignore_errors=True)

    @property
    def metrics(self) -> dict[str, float]:
        """The last values of all metrics."""
        return {name: float(value) for name, value in self.trainer.callback_metrics.items()}


def _import(class_path: str) -> type:
    module, _, name = class_path.rpartition(".")
    return getattr(__import__(module, fromlist=[name]), name)
