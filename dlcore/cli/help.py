"""The short help, with the flags that people change. ``--help-all`` shows Lightning's own, with everything.

Nothing here imports torch or Lightning: dlcore's classes are read from their sources.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from dlcore.cli.flag_rows import Row, class_rows, default_value, flag_row, is_factory, yaml_text
from dlcore.cli.terminal import (
    NAME,
    open_console,
    print_columns,
    print_examples,
    print_heading,
    print_names,
    print_paragraph,
    print_usage,
    shell_word,
)
from dlcore.config.catalogue import ROOT, ClassInfo, Package, callback_sections, class_info, class_names, factory_info
from dlcore.config.merge import (
    NESTED_CLASSES,
    chosen_classes,
    class_and_arguments,
    class_by_flag,
    stacked_recipes,
    without_replaced_classes,
)
from dlcore.config.recipe import DEFAULT_RECIPE, find_recipe, recipe_header, recipe_name
from dlcore.config.request import DECISION_FLAGS, read_request
from dlcore.config.tracker_kinds import KINDS
from dlcore.plain_text import without_markup

_COLUMN = 37
COMMANDS = {
    "fit": "Train a network as a recipe says.",
    "validate": "Measure a checkpoint on the validation samples.",
    "test": "Measure a checkpoint on the held-out test samples.",
    "predict": "Write a checkpoint's answers to a CSV file: index, class, probability of each class.",
    "generate": "Write text with a trained text model.",
    "neighbors": "Show the words that a trained text model takes for similar.",
    "show": "Look before training: the data, a model's layers, activations, the learning rate over a run, the config.",
    "check": "Check a recipe before a long run: can it learn, what will it cost; exit code 1 if a check fails.",
    "lr_find": "Try learning rates from small to large in a short training, and suggest one.",
    "mistakes": "List the training samples whose label is probably wrong.",
    "study": "Train several variants, compare them in one picture, judge the study's claims.",
    "sync": "Send runs to a tracker (MLflow, SwanLab, W&B): what could not be sent, or a whole run.",
    "explain": "Say why a run went well or badly, and what to try.",
    "why": "Show which pixels, columns or words decided a trained model's answer, and check it.",
    "export": "Write a trained model as a file for other programs: ONNX, torch.export, safetensors.",
    "try": "Open a page in the browser on which a trained model answers pictures, rows and texts.",
    "compare": "Compare runs: settings, metrics, the step from which they differ, one picture.",
    "recipes": "List the ready-made recipes, show one, or copy one to start your own from.",
}
# Flags of Lightning's Trainer that people change: the default value, and the meaning.
TRAINER_FLAGS: dict[str, tuple[Any, str]] = {
    "max_epochs": (1000, "Passes over all training samples."),
    "accelerator": ("auto", "Kind of device: cpu, gpu, mps, …; auto takes the best that is there."),
    "devices": ("auto", "How many devices, or which: 2, [0,1]; each holds a copy of the model."),
    "num_nodes": (1, "Machines that train together."),
    "precision": ("32-true", "Kind of numbers: 32-true, bf16-mixed, 16-mixed, …"),
    "limit_train_batches": (1.0, "Use this many batches of an epoch (5), or this part (0.1)."),
    "limit_val_batches": (1.0, "Use this many batches (5), or this part (0.1)."),
    "limit_test_batches": (1.0, "Use this many batches (5), or this part (0.1)."),
    "limit_predict_batches": (1.0, "Use this many batches (5), or this part (0.1)."),
    "log_every_n_steps": (50, "Steps from one point of the training curves to the next."),
    "fast_dev_run": (False, "Try everything on this many batches (5) and keep nothing; true is 1."),
}
_FIT_TRAINER = (
    *("max_epochs", "accelerator", "devices", "num_nodes", "precision"),
    *("limit_train_batches", "log_every_n_steps", "fast_dev_run"),
)
_ALLOW = "Packages of your own whose classes a recipe or a checkpoint may name."
_EXAMPLES = (
    "--trainer.max_epochs 5 --trainer.devices 2",
    "--model.optimizer SGD --model.optimizer.lr 0.01",
    "--early_stopping null",
    "--print_config > mine.yaml",
)


def print_help() -> None:
    """Print the text of ``python -m dlcore --help``: the commands, and where there is more."""
    console = open_console()
    print_usage(console, "COMMAND [--flag VALUE ...]")
    print_heading(console, "Commands")
    print_names(console, COMMANDS.items(), column=14)
    print_heading(console, "More")
    rows = [
        ("python -m dlcore", "A tour: what to try first."),
        ("python -m dlcore fit --help", "What people change."),
        ("python -m dlcore fit --help-all", "Everything, with all of Lightning's Trainer."),
        ("python -m dlcore --version", "Which dlcore this is."),
        ("DLCORE_DEBUG=1", "Set in the environment: errors come with their traceback."),
    ]
    print_columns(console, [(Text(name, style=NAME), text) for name, text in rows], column=_COLUMN)


def print_command_help(command: str, argv: Sequence[str], root: Path = ROOT) -> None:
    """Print the short help of ``fit``, ``validate``, ``test`` or ``predict``.

    It shows the arguments of the recipe's model and data, or of those chosen on the command line.
    """
    request = read_request([command, *argv])
    recipes = request.recipes or [DEFAULT_RECIPE]
    config = without_replaced_classes(stacked_recipes(recipes), request)
    # Look up everything that may fail before the first line is printed.
    classes = chosen_classes(config, request)
    model_info, data_info = _info("models", classes.get("model"), root), _info("data", classes.get("data"), root)
    named = {key: name for key in NESTED_CLASSES if (name := class_by_flag(key, request)) not in (None, "null")}
    for key, name in named.items():
        if "." not in name:
            factory_info(key, name)
    console = open_console()
    if command == "fit":
        print_usage(console, "fit [-c RECIPE] [--flag VALUE ...]")
        _print_recipe(console, recipes, config)
        settings = {section: class_and_arguments(config.get(section))[1] for section in ("model", "data")}
        _print_class(console, "model", model_info, settings["model"], class_names("models", root), named)
        _print_class(console, "data", data_info, settings["data"], class_names("data", root))
        _print_callbacks(console, config, root)
        print_heading(console, "Trainer")
        print_columns(console, _trainer_rows(config, _FIT_TRAINER), column=_COLUMN)
        chosen = "" if recipes == [DEFAULT_RECIPE] else "".join(f"-c {shell_word(name)} " for name in recipes)
        print_examples(console, [f"fit {chosen}{example}" for example in _EXAMPLES])
    else:
        print_usage(console, f"{command} --ckpt_path best|last|FILE [--flag VALUE ...]")
        _print_checkpoint_help(console, command, data_info, class_names("data", root))
    console.print()
    everything = "Everything, with all of Lightning's Trainer: "
    print_paragraph(console, Text.assemble(everything, (f"python -m dlcore {command} --help-all", NAME)))


@contextmanager
def plain_help(command: str) -> Iterator[None]:
    """Print the help of Lightning's parser without docstring markup, and with the program name as typed."""
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            yield
    finally:
        text = without_markup(printed.getvalue())
        print(text.replace(f"usage: {Path(sys.argv[0]).name}", f"usage: python -m dlcore {command}"), end="")


def _print_recipe(console: Console, recipes: list[str], config: dict[str, Any]) -> None:
    paths = [find_recipe(name) for name in recipes]
    names = " and ".join(map(recipe_name, paths))
    print_paragraph(
        console,
        f"{COMMANDS['fit']} Each flag is shown with its present value, from the recipe {names} or by default; "
        "type it with another value to change it.",
    )
    print_heading(console, "Recipe and run", recipe_header(paths[-1]).partition("\n")[0])
    which = "A recipe's name (python -m dlcore recipes lists them) or file; of several, later ones beat earlier ones."
    rows = [
        flag_row("-c", " -c ".join(map(shell_word, recipes)), which),
        flag_row("--seed_everything", yaml_text(config.get("seed_everything")), "Seed of all random numbers."),
        flag_row(
            "--steps_per_execution",
            yaml_text(config.get("steps_per_execution", "auto")),
            "Optimiser steps between two calls of hooks: a number, or auto, up to the next event.",
        ),
        flag_row(
            "--tracker",
            yaml_text(config.get("tracker")),
            f"Send the run to a tracker too, while it trains: {', '.join(KINDS)}. See docs/trackers.md.",
        ),
        flag_row("--ckpt_path", "last|FILE", "Go on with an earlier run, in its folder."),
        flag_row("--allow", "PACKAGE,…", _ALLOW),
        flag_row("--print_config", "", "Print the whole config, with all that was changed, and stop."),
    ]
    print_columns(console, rows, column=_COLUMN)


def _print_class(
    console: Console,
    section: str,
    info: ClassInfo,
    settings: dict[str, Any],
    names: list[str],
    chosen: Mapping[str, str] | None = None,
) -> None:
    """Print the arguments of the chosen class; optimiser and schedule under a separate heading."""
    which = f"One of: {', '.join(names)}; or a class of your own, as module.Class."
    choose = flag_row(f"--{section}", info.name or "NAME", which)
    print_heading(console, f"{section.capitalize()}{': ' * bool(info.name)}{info.name}", info.summary)
    own = [name for name, argument in info.arguments.items() if not is_factory(argument)]
    print_columns(console, [choose, *class_rows(section, info, settings, own)], column=_COLUMN)
    factories = [name for name, argument in info.arguments.items() if is_factory(argument)]
    if factories:
        print_heading(console, "Optimiser and schedule")
        print_columns(console, class_rows(section, info, settings, factories, chosen), column=_COLUMN)


def _print_checkpoint_help(console: Console, command: str, data: ClassInfo, names: list[str]) -> None:
    about = "Model, data and their settings are those of the checkpoint's run; a flag beats them."
    print_paragraph(console, f"{COMMANDS[command]} {about}")
    print_heading(console, "Checkpoint")
    which = "The best or the last checkpoint of the newest run, or a checkpoint's file."
    rows = [flag_row("--ckpt_path", "best|last|FILE", which), flag_row("--allow", "PACKAGE,…", _ALLOW)]
    if command == "predict":
        shown = "A text for a text classifier (-c rnn_topics); several: --text TEXT --text TEXT. No other flag."
        rows.insert(1, flag_row("--text", "TEXT", shown))
        rows.insert(2, flag_row("--texts_file", "FILE", "A file with a text a line, UTF-8 or GB18030."))
    if command == "test":
        rows[1:1] = [flag_row(f"--{name}", *shown) for name, shown in DECISION_FLAGS.items()]
    print_columns(console, rows, column=_COLUMN)
    print_heading(console, f"Data{': ' * bool(data.name)}{data.name}", data.summary)
    choose = flag_row("--data", "NAME", "Data of another kind.", f"one of: {', '.join(names)}")
    print_columns(console, [choose, *class_rows("data", data, None, data.arguments)], column=_COLUMN)
    print_heading(console, "Trainer")
    limit = f"limit_{'val' if command == 'validate' else command}_batches"
    print_columns(console, _trainer_rows({}, ("accelerator", "devices", "precision", limit)), column=_COLUMN)


def _info(package: Package, name: str | None, root: Path) -> ClassInfo:
    if name is None:
        return ClassInfo("", "")
    if "." in name:  # a class of the user's own: describing it would need an import
        return ClassInfo(name, "Not one of dlcore's classes: --help-all shows its arguments.")
    return class_info(package, name, root)


def _print_callbacks(console: Console, config: dict[str, Any], root: Path) -> None:
    infos = {section: class_info("callbacks", name, root) for section, name in callback_sections(root).items()}
    if not infos:
        return
    example = "early_stopping" if "early_stopping" in infos else next(iter(infos))
    arguments = infos[example].arguments
    argument = "patience" if "patience" in arguments else next(iter(arguments), "ARGUMENT")
    text = f"--{example} null switches one off; --{example}.{argument} VALUE sets an argument, and switches it on. "
    print_heading(console, "Callbacks", text + "In brackets: the arguments with their present values.")
    rows: list[Row] = []
    for section, info in infos.items():
        settings = config.get(section)
        off = settings is None
        settings = settings if isinstance(settings, dict) else {}
        values = {name: settings.get(name, default_value(entry)) for name, entry in info.arguments.items()}
        detail = ", ".join(f"{name} {yaml_text(value)}" for name, value in values.items())
        rows.append(flag_row(f"--{section}", "null" if off else "", info.summary, detail))
    print_columns(console, rows, column=_COLUMN)


def _trainer_rows(config: dict[str, Any], names: Sequence[str]) -> list[Row]:
    settings = config.get("trainer")
    settings = settings if isinstance(settings, dict) else {}
    return [
        flag_row(f"--trainer.{name}", yaml_text(settings.get(name, TRAINER_FLAGS[name][0])), TRAINER_FLAGS[name][1])
        for name in names
    ]
