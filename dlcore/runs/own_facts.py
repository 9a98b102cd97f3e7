"""What a model of the user's own asks of its data: arguments that nobody set, filled before or after ``setup``."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import Any, get_type_hints

from jsonargparse import ArgumentError as ParserError
from jsonargparse import ArgumentParser
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.utilities.model_helpers import is_overridden
from lightning.pytorch.utilities.seed import isolate_rng

from dlcore.callbacks.data_facts import LINKED, data_facts
from dlcore.errors import ArgumentError
from dlcore.processes import by_slurm, by_torchrun

# Of the values that stand for one that the data will give, the first that an argument's type admits is taken.
_PLACES: tuple[Any, ...] = (1, [1], [1, 1, 1], ["1"], "1", [1, 1], {})


def places_for_facts(model: Any, chosen: Collection[str]) -> dict[str, Any]:
    """Values in place of those that the data will give: the parser asks for what a class requires.

    Args:
        model: The class of the model.
        chosen: Names of its arguments that somebody set.
    """
    if not inspect.isclass(model) or not issubclass(model, LightningModule):
        return {}
    required = {name: _hint(model, name) for name in LINKED if name not in chosen and _is_required(model, name)}
    return {name: next((each for each in _PLACES if _as_typed(hint, each)), 1) for name, hint in required.items()}


def facts_for(model: Any, data: LightningDataModule, wanted: Collection[str]) -> dict[str, Any]:
    """What a data module without `facts` knows of what a model asks for; it is set up where it knows that only then.

    Args:
        model: The class of the model.
        data: The data module, as it was made.
        wanted: Names of the model's arguments that nobody set.
    """
    facts = data_facts(data)
    asked = [name for name in LINKED if name in wanted and name not in facts]
    later = [name for name in asked if _is_required(model, name) or _is_mentioned(type(data), name)]
    if not later:
        return facts
    several = by_torchrun() or by_slurm()
    if several and is_overridden("prepare_data", data, LightningDataModule):
        raise ArgumentError(
            f"model.{later[0]}", "a value, as several processes are about to prepare the data", None,
            f"Say it: --model.{later[0]} VALUE, or let {type(data).__name__} know it before prepare_data().",
        )  # fmt: skip
    with isolate_rng():  # a fit begins with the same random numbers, whether or not somebody asked
        data.prepare_data()
        data.setup("fit")
    return data_facts(data)


def check_filled(model: Any, data: Any, missing: Collection[str]) -> None:
    """Check that all that a model requires was set, or known to the data.

    Raises:
        ArgumentError: Something is missing.
    """
    for name in missing:
        own = type(data).__name__
        remedy = f"Say it: --model.{name} VALUE, or give {own} an attribute or property {name}."
        if name in vars(type(data)) or hasattr(type(data), name):
            remedy = f"{own}.{name} gives nothing, nor does it after setup(). Say it: --model.{name} VALUE"
        raise ArgumentError(f"model.{name}", f"a value, which {model.__name__} requires", None, remedy)


def typed_facts(model: Any, facts: dict[str, Any], data: Any) -> dict[str, Any]:
    """What the data gave, as the types of the model's arguments want it: a list becomes a tuple.

    Raises:
        ArgumentError: A value is of another type.
    """
    typed = {}
    for name, value in facts.items():
        found = _as_typed(_hint(model, name), value)
        if not found:
            remedy = f"{type(data).__name__} gives it. Say another: --model.{name} VALUE"
            raise ArgumentError(f"model.{name}", f"a value of the type {_hint(model, name)}", value, remedy)
        typed[name] = found[0]
    return typed


def _argument(model: Any, name: str) -> tuple[inspect.Parameter, Any] | None:
    """An argument of a class, and the ``__init__`` that has it: a base's, where ``**kwargs`` pass it on."""
    for each in model.__mro__:
        made = vars(each).get("__init__")
        if made is None:
            continue
        parameters = inspect.signature(made).parameters
        if name in parameters:
            return parameters[name], made
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            return None
    return None


def _is_required(model: Any, name: str) -> bool:
    found = _argument(model, name)
    return found is not None and found[0].default is inspect.Parameter.empty


def _hint(model: Any, name: str) -> Any:
    found = _argument(model, name)
    try:
        return get_type_hints(found[1]).get(name, Any) if found else Any
    except (NameError, TypeError):  # a name that only type checkers import
        return Any


def _as_typed(hint: Any, value: Any) -> list[Any]:
    """A value as a type has it, in a list; an empty one where the type does not admit it."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--value", type=hint)
    try:
        return [parser.parse_object({"value": value}).value]
    except (ParserError, ValueError, TypeError):
        return []


def _is_mentioned(data: type, name: str) -> bool:
    """Whether a data module has such an attribute, or its code sets one."""
    own = [each for each in data.__mro__ if not each.__module__.startswith("lightning.") and each is not object]
    codes = [getattr(value, "__code__", None) for each in own for value in vars(each).values()]
    return any(hasattr(each, name) for each in own) or any(code and name in code.co_names for code in codes)
