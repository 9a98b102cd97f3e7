"""Argument inference: fill the model's arguments from attributes of the data module, or check them against these.

Models and data meet only here. An attribute of the data module (`num_classes`, `in_features`, `image_shape`,
`class_names`, `vocab_size`) fills a model's argument of the same name that is not set, also if the attribute exists
only after ``setup``.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, get_type_hints

from jsonargparse import Namespace
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.utilities.model_helpers import is_overridden
from lightning.pytorch.utilities.seed import isolate_rng

from dlcore.callbacks.data_facts import LINKED, data_facts, plain_value
from dlcore.config.allow_list import found_at
from dlcore.config.parse_errors import as_typed
from dlcore.errors import ArgumentError, FitError
from dlcore.processes import by_slurm, by_torchrun

if TYPE_CHECKING:
    from dlcore.runs.settings import Settings

# The kind of data that a model needs, by its argument; it cannot use another kind.
_KINDS = {"in_features": "rows of numbers", "image_shape": "pictures", "vocab_size": "text"}
# Placeholders for values that the data will give; the first one that fits the argument's type is used.
_PLACEHOLDERS: tuple[Any, ...] = (1, [1], [1, 1, 1], ["1"], "1", [1, 1], {})


def places_for_facts(model: Any, chosen: Collection[str]) -> dict[str, Any]:
    """Return placeholders for required arguments that the data will give: the parser would reject their absence."""
    if not inspect.isclass(model) or not issubclass(model, LightningModule):
        return {}
    asked = {name: _required_and_type(model, name) for name in LINKED if name not in chosen}
    required = {name: hint for name, (is_required, hint) in asked.items() if is_required}
    return {name: next((each for each in _PLACEHOLDERS if as_typed(hint, each)), 1) for name, hint in required.items()}


def fill_in(settings: Settings, model: Namespace, data: LightningDataModule) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fill the facts of the data into the model's part of the config.

    Returns:
        The facts of the data; the model's arguments filled from them, as plain values.
    """
    empty: Any = Namespace
    model["init_args"] = model.get("init_args") or empty()
    arguments, chosen = model.init_args, settings.chosen("model")
    made, binding = found_at(model.class_path), hasattr(data, "facts")
    try:
        if hasattr(data, "expect"):
            task = arguments.get("task") if "task" in chosen else None
            data.expect(task, settings.checkpoint.get(type(data).__qualname__))
        facts = _facts_for(made, data, {*vars(arguments)} - chosen)
    except ArgumentError as error:
        raise (error if error.argument.startswith("model.") else error.within("data")) from error
    linked = link_facts(vars(arguments), chosen, facts, type(data).__name__, binding)
    _check_filled(made, data, settings.places - linked.keys())
    for name, value in (linked if binding else _typed_facts(made, linked, data)).items():
        arguments[name] = value
    return facts, linked


def link_facts(
    init_args: dict[str, Any], chosen: set[str], facts: dict[str, Any], data_name: str, binding: bool = True
) -> dict[str, Any]:
    """Fill the model's arguments from the facts of the data.

    Args:
        init_args: All arguments of the model, with their defaults.
        chosen: Names of those that are set; a default does not count.
        facts: Facts of the data: ``num_classes``, ``in_features``, ``image_shape``, …, and ``tasks``: the tasks
            possible with their targets, the usual one first.
        data_name: The data's name, for messages.
        binding: Whether a set argument must agree with the data; else it is kept.
    """
    kinds = {name: kind for name, kind in _KINDS.items() if name in init_args and (binding or name not in chosen)}
    if kinds.keys().isdisjoint(facts) and not facts.keys().isdisjoint(_KINDS) and kinds:
        given = next(kind for name, kind in reversed(_KINDS.items()) if name in facts)
        raise FitError(
            f"data: expected {' or '.join(kinds.values())}, which this model is for, got {given}, which is what "
            f"{data_name} gives. Choose other data (--data) or another model (--model)."
        )
    if "target_mean" in facts and "target_mean" not in init_args:
        expected = "false for a model without the arguments target_mean and target_std"
        raise FitError(f"data.standardize_target: expected {expected}, got true. MLP has them.")
    filled: dict[str, Any] = {}
    tasks = list(facts.get("tasks", ()))
    if tasks and "task" in init_args:
        if "task" not in chosen:
            filled["task"] = tasks[0]
        elif init_args["task"] not in tasks:
            raise FitError(
                f"model.task: expected {' or '.join(tasks)}, which can be learned from {data_name}, got "
                f"{init_args['task']!r}. Choose it (--model.task {tasks[0]}), or other targets."
            )
    for name in LINKED:
        if name not in facts or name not in init_args:
            continue
        if name not in chosen or init_args[name] is None:
            filled[name] = plain_value(facts[name])  # in the form that a config file has
        elif binding and plain_value(init_args[name]) != plain_value(facts[name]):
            raise FitError(
                f"model.{name}: expected {facts[name]!r}, which {data_name} has, got {init_args[name]!r}. Leave it "
                "out: the data say it."
            )
    return filled


def _facts_for(model: Any, data: LightningDataModule, wanted: Collection[str]) -> dict[str, Any]:
    """Return the facts of the data for unset arguments of a model; set the data up if some exist only then."""
    facts = data_facts(data)
    asked = [name for name in LINKED if name in wanted and name not in facts]
    later = [name for name in asked if _required_and_type(model, name)[0] or _is_mentioned(type(data), name)]
    if not later:
        return facts
    several = by_torchrun() or by_slurm()
    if several and is_overridden("prepare_data", data, LightningDataModule):
        raise ArgumentError(
            f"model.{later[0]}", "a value, as several processes are about to prepare the data", None,
            f"Say it: --model.{later[0]} VALUE, or let {type(data).__name__} know it before prepare_data().",
        )  # fmt: skip
    with isolate_rng():  # keep the random state: a fit must start with the same numbers either way
        data.prepare_data()
        data.setup("fit")
    return data_facts(data)


def _check_filled(model: Any, data: Any, missing: Collection[str]) -> None:
    for name in missing:
        own = type(data).__name__
        remedy = f"Say it: --model.{name} VALUE, or give {own} an attribute or property {name}."
        if name in vars(type(data)) or hasattr(type(data), name):
            remedy = f"{own}.{name} gives nothing, nor does it after setup(). Say it: --model.{name} VALUE"
        raise ArgumentError(f"model.{name}", f"a value, which {model.__name__} requires", None, remedy)


def _typed_facts(model: Any, facts: dict[str, Any], data: Any) -> dict[str, Any]:
    """Convert the facts of the data to the types of the model's arguments, such as a list to a tuple."""
    typed = {}
    for name, value in facts.items():
        hint = _required_and_type(model, name)[1]
        if not (found := as_typed(hint, value)):
            remedy = f"{type(data).__name__} gives it. Say another: --model.{name} VALUE"
            raise ArgumentError(f"model.{name}", f"a value of the type {hint}", value, remedy)
        typed[name] = found[0]
    return typed


def _required_and_type(model: Any, name: str) -> tuple[bool, Any]:
    """Return whether a class, or a base that gets its ``**kwargs``, requires an argument; and the argument's type."""
    for made in filter(None, (vars(each).get("__init__") for each in model.__mro__)):
        parameters = inspect.signature(made).parameters
        if name in parameters:
            try:
                hint = get_type_hints(made).get(name, Any)
            except (NameError, TypeError):  # a name imported only for type checkers
                hint = Any
            return parameters[name].default is inspect.Parameter.empty, hint
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            break
    return False, Any


def _is_mentioned(data: type, name: str) -> bool:
    """Return whether a data module has the attribute, or its code mentions the name."""
    own = [each for each in data.__mro__ if not each.__module__.startswith("lightning.") and each is not object]
    codes = [getattr(value, "__code__", None) for each in own for value in vars(each).values()]
    return any(hasattr(each, name) for each in own) or any(code and name in code.co_names for code in codes)
