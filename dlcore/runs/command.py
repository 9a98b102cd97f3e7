"""Command: create trainer, model, data and run folder from a command line and run it, with LightningCLI."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError as ParserError
from jsonargparse import Namespace
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

import dlcore.callbacks
import dlcore.data
import dlcore.models
from dlcore.callbacks.evaluation_outputs import EvaluationOutputs
from dlcore.callbacks.notebook_curves import NotebookCurves
from dlcore.callbacks.watch_what_is_logged import WatchWhatIsLogged, undecided
from dlcore.config.catalogue import callback_sections
from dlcore.config.merge import names_own_class
from dlcore.config.parse_errors import check_null, explain, no_class, own_error, said_by_class
from dlcore.config.request import DECISION_FLAGS, Request
from dlcore.config.short_names import with_plain_texts
from dlcore.config.tracker_kinds import Kind
from dlcore.errors import ArgumentError
from dlcore.execution.loop import Steps
from dlcore.notebook import in_notebook
from dlcore.runs.argument_inference import fill_in
from dlcore.runs.batch_size import BatchNormCheck, keep_batches, no_memory_for_objects
from dlcore.runs.checkpoint_file import check_weights
from dlcore.runs.decision import DecisionRequest, decide, kept_decision
from dlcore.runs.distributed.agreement import settings_facts
from dlcore.runs.distributed.restart import Launch
from dlcore.runs.distributed.supervisor import Together
from dlcore.runs.error_translation import cannot_be_made, how_to_go_on, named_error
from dlcore.runs.folder import locked, with_absolute_paths
from dlcore.runs.found_settings import check_finders
from dlcore.runs.process import let_speak, prepare_process
from dlcore.runs.resumed_optimization import ResumedOptimization
from dlcore.runs.run_display import shown_run
from dlcore.runs.run_record import RunRecord
from dlcore.runs.settings import Settings
from dlcore.runs.trainer_setup import add_tracker, as_list, keep_checkpoints_in, make_logger, make_trainer


class Command(LightningCLI):
    """A command that is run on creation: ``fit``, ``validate``, ``test`` or ``predict``.

    Args:
        request: The parsed command line.
        callbacks: Callbacks of the caller, in addition to those of the config.
        before: Called with the command after everything is created and before anything runs.
        act: False only creates trainer, model and data, without a run or a folder.
        folder: Folder of a new run; left out, the next free ``lightning_logs/<recipe>/version_<N>``. A resumed run
            keeps its folder.
        only_data: Create only the data; needs ``act=False``.

    Attributes:
        settings: The sources of its settings, with the checkpoint that it starts from.
        trainer: The trainer, after the run.
        model: The model.
        datamodule: The data.
        folder: The run's folder; None if nothing is saved (fast_dev_run, no logger, an evaluation).
        linked: Arguments of the model that the data gave: ``model.in_features``, ….
        changes: Settings overridden in the merge of a checkpoint's config with recipes and flags, a line each.
        output: The metrics of ``validate`` and ``test``, or the predictions of each batch.
        kept_outputs: Outputs and targets of the samples of ``test``; the predictions of ``predict``.
        decision: Temperature and threshold of a classifier in ``test`` and ``predict``.

    Raises:
        DlcoreError: The command cannot be run; the message is complete.
    """

    def __init__(
        self,
        request: Request,
        callbacks: Sequence[Callback] = (),
        before: Callable[[Command], None] | None = None,
        act: bool = True,
        folder: Path | None = None,
        only_data: bool = False,
    ) -> None:
        prepare_process()
        self._launch = Launch(request) if act else None
        self.request = request = self._launch.request() if self._launch else request
        self.own_callbacks, self._before, self._act = list(callbacks), before, act
        self.asked, self.kept_outputs = DecisionRequest.of(request), EvaluationOutputs()
        self.settings = Settings(request)
        self.folder: Path | None = None
        self._wanted_folder, self._only_data = folder, only_data
        self.linked: set[str] = set()
        self.changes: list[str] = []
        self.output: Any = None
        self._folder_is_new = False
        self._held = ExitStack()
        super().__init__(
            trainer_class=Trainer,
            save_config_callback=None,  # RunRecord saves it
            seed_everything_default=0,
            parser_kwargs={"prog": f"python -m dlcore {request.command}", "exit_on_error": False},
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,  # Settings reads the checkpoint
            args=self.settings.words(),
            run=False,  # a parser of this command alone: one with subcommands takes twice as long
        )
        self._run()

    # The parser

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add a section for each of dlcore's callbacks; null switches it off."""
        help_text = "Checkpoint to start from: best, last, a run's folder or a file."
        parser.add_argument("--ckpt_path", type=str | None, default=None, help=help_text)
        if self.request.command == "fit":
            help_text = "Optimiser steps between two calls of hooks; auto: up to the next event; 1: each by itself."
            parser.add_argument("--steps_per_execution", type=Steps, default="auto", help=help_text)
            help_text = "Send the run to a tracker too, while it trains: mlflow, swanlab or wandb."
            parser.add_argument("--tracker", type=Kind | None, default=None, help=help_text)
        for name, (_, help_text) in DECISION_FLAGS.items() if self.request.command == "test" else ():
            parser.add_argument(f"--{name}", type=str | None, default=None, help=help_text)
        for section, name in callback_sections().items():
            callback = getattr(dlcore.callbacks, name)
            parser.add_argument(f"--{section}", type=callback | None, default=None, help=f"Callback {name}; null: off.")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse recipes and flags; the error names a setting that is rejected."""
        with self.settings.allow_list.at_work():
            try:
                self.config = parser.parse_args(args)
            except (ParserError, ValueError, TypeError, AttributeError) as error:
                raise explain(error, self.settings.pairs(), self.settings.classes) from error
            self.settings.allow_list.check(self.config, "The config names", parsed=True)
            self.config = with_plain_texts(self.config)
        for section in ("model", "data"):
            if self.config.get(section) is None:
                raise no_class(section)
        check_null(self.settings.pairs(), self.settings.classes)

    # From config to objects

    def instantiate_classes(self) -> None:
        """Create the data, fill the model's arguments from them, and create model, callbacks and trainer."""
        with self.settings.allow_list.at_work():
            self._make_all()

    def _make_all(self) -> None:
        config = self.config.clone()
        # The config is valid: it was just parsed.
        dumped = yaml.safe_load(self.parser.dump(config, skip_unset=False, skip_validation=True))
        self.config_dump = with_absolute_paths({key: value for key, value in dumped.items() if key != "ckpt_path"})
        self.datamodule = self._make("data", config)
        if self._only_data:
            return
        facts, linked = fill_in(self.settings, config.model, self.datamodule)
        self.linked = {f"model.{name}" for name in linked}
        self.config_dump["model"].setdefault("init_args", {}).update(linked)
        if self.settings.checkpoint and config.model.init_args.get("weights"):
            config.model.init_args["weights"] = None  # the file may be missing; the checkpoint has the weights
        self.model = self._make("model", config)
        if self.settings.checkpoint:
            check_weights(self.model, self.settings.checkpoint, str(self.settings.checkpoint_path))
            self.changes = self.settings.changes(self.config_dump)
        checkpoint = self.settings.checkpoint if self.request.command in ("test", "predict") else {}
        self.decision = kept_decision(checkpoint, self.settings.checkpoint_path, self.model)
        arguments = dict(vars(self._make("trainer", config)))
        named = as_list(arguments["callbacks"])
        let_speak(named)
        check_finders(named, self.model)
        if any(isinstance(callback, ProgressBar) for callback in named):  # the user's own replaces dlcore's
            config["progress_display"] = self.config_dump["progress_display"] = None
        callbacks = self._make_callbacks(config, arguments["enable_progress_bar"] is not False)
        if self.request.command == "predict" and arguments["devices"] not in ("auto", 1, "1"):
            raise ArgumentError(
                "trainer.devices", "1 (answers are written in the order of the samples)", arguments["devices"]
            )
        if self.request.command == "predict":
            arguments["devices"] = 1
        if self.request.command == "fit":
            record = RunRecord(self.config_dump, self.settings.name, facts, self.request.line())
            plain = not isinstance(self.model, dlcore.models.Model)
            if plain or names_own_class(self.request):
                open_ = undecided(callbacks, self.settings.chosen)
                callbacks.insert(0, WatchWhatIsLogged(open_, record.keep, may_be_silent=plain))
            # After the progress bar, so that its lines are below; before the others, so that they can use its events.
            places = [place for place, callback in enumerate(callbacks) if isinstance(callback, ProgressBar)]
            callbacks.insert(max(places, default=-1) + 1, record)
            callbacks.append(BatchNormCheck())
            if kept := self.settings.kept_config.get("model"):
                callbacks.append(ResumedOptimization(kept, self.config_dump["model"]))
        else:
            arguments["logger"] = False
        steps = config.get("steps_per_execution", 1)
        self.trainer = make_trainer(arguments | {"logger": False}, callbacks, steps)
        if self.request.command == "fit" and self.settings.checkpoint:
            self._keep_batches()
        if self._act:
            self._add_logger(arguments)

    def _make(self, section: str, config: Namespace) -> Any:
        only = config.clone()
        for other in ("model", "data", *callback_sections()):
            if other != section:
                only[other] = None
        if section != "trainer":
            for key in vars(only.trainer):
                only.trainer[key] = None
        instantiate = getattr(self.parser, "instantiate", None) or self.parser.instantiate_classes
        try:
            return instantiate(only)[section]
        except (ValueError, TypeError, MisconfigurationException) as error:
            # The parser wraps a class's error about its arguments in text about types.
            own = own_error(error)
            if own is None:
                named = no_memory_for_objects(error, section) or cannot_be_made(error, config.trainer)
                if named is None:
                    raise said_by_class(error) from None
                raise named from error
            raise own.within(section) if isinstance(own, ArgumentError) else own from error

    def _make_callbacks(self, config: Namespace, show: bool) -> list[Callback]:
        made = [self._make(section, config) for section in callback_sections() if config[section] is not None]
        shown = [callback for callback in made if show and isinstance(callback, ProgressBar)]
        if self.request.command == "fit" and in_notebook():
            shown = [NotebookCurves() for _ in shown]  # the table's place
        others = [callback for callback in made if not isinstance(callback, ProgressBar)]
        further: dict[str, list[Callback]] = {"fit": others, "validate": []}
        return [*self.own_callbacks, *shown, *further.get(self.request.command, [self.kept_outputs])]

    def _add_logger(self, arguments: dict[str, Any]) -> None:
        """Choose the run's folder, after everything else has been checked, and add the loggers."""
        if arguments["logger"] is False or arguments["fast_dev_run"]:
            return
        restarted = self._launch.folder if self._launch else None
        logger, self._folder_is_new = make_logger(self.settings, self.trainer, self._wanted_folder, restarted)
        self.folder = Path(logger.log_dir).resolve()
        if self.trainer.is_global_zero:
            self._held.enter_context(locked(self.folder))
        # The user's loggers are added to the run's own, which config, figures and summary need.
        others = [] if arguments["logger"] in (None, True) else as_list(arguments["logger"])
        self.trainer.loggers = [logger, *others]
        add_tracker(self.trainer, logger, self.config.get("tracker"))
        keep_checkpoints_in(self.trainer, self.folder)
        if self._launch and self.request.command == "fit" and self.trainer.is_global_zero:
            self._launch.note(self.folder)
            if news := self._launch.news():
                print(news, flush=True)

    # The work

    def _run(self) -> None:
        if self._before is not None:
            self._before(self)
        if not self._act:
            return
        command, path = self.request.command, self.settings.checkpoint_path
        quiet = {"validate": {"verbose": False}, "test": {"verbose": False}, "predict": {"return_predictions": False}}
        arguments = {"ckpt_path": None if path is None else str(path), "weights_only": True, **quiet.get(command, {})}
        facts = settings_facts(self.config_dump, self.settings.checkpoint)
        met = self._launch.met if self._launch else None
        together = Together(self.trainer, facts, partial(how_to_go_on, self.trainer, self.config_dump), met)
        try:
            with self._held:
                self.decision = decide(self)
                output = getattr(self.trainer, command)(self.model, datamodule=self.datamodule, **arguments)
                self.output = self.kept_outputs.predictions if command == "predict" else output
        except BaseException as error:
            if self._folder_is_new and self.folder is not None and self.trainer.global_step == 0:
                shutil.rmtree(self.folder, ignore_errors=True)  # it ended before its first step: nothing to save
            named = together.failed(error, named_error(error, self.trainer, self.datamodule))
            if named is error:
                raise
            raise named from error
        together.part()
        if command != "fit" and not self.output:
            limit = f"trainer.limit_{'val' if command == 'validate' else command}_batches"
            raise ArgumentError(limit, "at least one batch", 0)

    def _keep_batches(self) -> None:
        """Divide the samples of a step among the current number of processes."""
        kept = self.settings.checkpoint.get(type(self.datamodule).__qualname__) or {}
        before = (self.settings.kept_config.get("data", {}).get("init_args") or {}).get("batch_size")
        config = self.config_dump["data"].setdefault("init_args", {})
        if news := keep_batches(self.datamodule, kept, before, config, self.trainer.world_size):
            self.changes.append(news)

    @property
    def metrics(self) -> dict[str, float]:
        """The latest values of all metrics."""
        return {name: float(value) for name, value in self.trainer.callback_metrics.items()}

    def _repr_markdown_(self) -> str:
        """Return what a notebook shows of the command."""
        return shown_run(self.request.command, self.metrics, self.folder)
