"""Config merge: recipes, a checkpoint's config and flags, merged key by key without importing any class.

A later layer beats an earlier one. A section that names another class inherits nothing from the earlier class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from dlcore.config.catalogue import callback_sections, section_name
from dlcore.config.recipe import DEFAULT_RECIPE, find_recipe, read_recipe
from dlcore.config.request import Request
from dlcore.plain_text import file_name

# Callbacks of every fit, unless switched off: a run must save, show and report something.
ALWAYS_ON: dict[str, dict[str, Any]] = {
    name: {}
    for name in (
        *("checkpoint", "exact_resume", "non_finite_loss", "parameter_distribution", "progress_display"),
        "run_summary",
    )
}

# Arguments that take a class with its own arguments.
NESTED_CLASSES = ("model.optimizer", "model.lr_scheduler")


@dataclass(frozen=True)
class Layer:
    """One source of settings."""

    source: str
    config: dict[str, Any]


def lay_over(below: Any, above: Any) -> Any:
    """Merge two configs key by key; `above` wins, and a section with another class inherits nothing from `below`."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    if "class_path" in above and class_and_arguments(above)[0] != class_and_arguments(below)[0]:
        return above
    return below | {key: lay_over(below.get(key), value) for key, value in above.items()}


def stacked_recipes(names_or_paths: Sequence[str]) -> dict[str, Any]:
    """Read recipes and merge them in order, on top of the callbacks of every fit (`ALWAYS_ON`)."""
    return reduce(lay_over, (read_recipe(find_recipe(name)) for name in names_or_paths), dict(ALWAYS_ON))


def flatten(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield all settings of a config as (dotted name, value), with the names that flags have.

    ``class_path``, without its module, is the value of the section, and ``init_args`` is left out of the names:
    ``{"model": {"class_path": "dlcore.models.MLP", "init_args": {"dropout": 0.1}}}`` gives ``("model", "MLP")`` and
    ``("model.dropout", 0.1)``.
    """
    if not isinstance(config, Mapping):
        yield prefix, config
        return
    for key, value in config.items():
        if key == "class_path" and prefix:
            yield prefix, str(value).rpartition(".")[2]
        elif key == "init_args" and prefix:
            yield from flatten(value or {}, prefix)
        else:
            yield from flatten(value, f"{prefix}.{key}" if prefix else str(key))


def own_name(class_path: str) -> str:
    """Return the name of a class of dlcore or torch.optim without its module; any other unchanged."""
    ours = class_path.startswith(("dlcore.", "torch.optim."))
    return class_path.rpartition(".")[2] if ours else class_path


def class_and_arguments(value: Any) -> tuple[str | None, dict[str, Any]]:
    """Return a class and its arguments from their YAML form: a name, or ``class_path`` with ``init_args``."""
    arguments: Any = {}
    if isinstance(value, dict):
        arguments = value.get("init_args")
        value = value.get("class_path")
    return own_name(value) if isinstance(value, str) else None, arguments if isinstance(arguments, dict) else {}


def class_by_flag(section: str, request: Request) -> str | None:
    """Return the class that a flag chooses for a section (``model``, ``model.optimizer``), or None."""
    by_flag = [flag.value for flag in request.flags if flag.value and flag.plain_name == section]
    return own_name(by_flag[-1]) if by_flag else None


def chosen_classes(config: dict[str, Any], request: Request) -> dict[str, str]:
    """Return the chosen classes of ``model``, ``data``, ``model.optimizer`` and ``model.lr_scheduler``."""
    config = without_replaced_classes(config, request)
    sections = ("model", "data", *NESTED_CLASSES)
    chosen = {each: class_by_flag(each, request) or class_and_arguments(_at(config, each))[0] for each in sections}
    return {section: name for section, name in chosen.items() if name}


def without_replaced_classes(config: dict[str, Any], request: Request) -> dict[str, Any]:
    """Return the config without the classes that flags replace: a new class inherits nothing from the old one."""
    kept = dict(config)
    for section in ("model", "data", *NESTED_CLASSES):
        owner, _, argument = section.partition(".")
        if class_by_flag(section, request) in (None, class_and_arguments(_at(kept, section))[0]):
            continue
        if not argument:
            kept.pop(owner, None)
        elif argument in (arguments := class_and_arguments(kept.get(owner))[1]):
            rest = {name: value for name, value in arguments.items() if name != argument}
            kept[owner] = kept[owner] | {"init_args": rest}
    return kept


def _at(config: dict[str, Any], section: str) -> Any:
    owner, _, argument = section.partition(".")
    return class_and_arguments(config.get(owner))[1].get(argument) if argument else config.get(owner)


def default_layer(request: Request) -> Layer:
    """Return the default recipe. Its callbacks are tuned to its model and data: leave them out for the user's own."""
    recipe = read_recipe(find_recipe(DEFAULT_RECIPE))
    if names_own_class(request):
        recipe = {name: value for name, value in recipe.items() if name not in callback_sections()}
    return Layer(DEFAULT_RECIPE, recipe)


def names_own_class(request: Request) -> bool:
    """Return whether flags choose a model or data module that is not dlcore's."""
    paths = [(class_by_flag(section, request) or "").split(".") for section in ("model", "data")]
    return any(len(path) > 1 and all(part.isidentifier() for part in path) for path in paths)


def own_title(request: Request) -> str:
    """Return the name of a run without recipe on the user's own model or data: its model's class, ``my_net``."""
    if request.recipes or not names_own_class(request):
        return ""
    model = chosen_classes(default_layer(request).config, request).get("model", "")
    return file_name(section_name(model.rpartition(".")[2]))


def overridden(layers: list[Layer], final: dict[str, Any]) -> list[str]:
    """Return one line for each setting of the layers that a flag or the checkpoint overrides.

    Args:
        layers: The layers, lowest first; the last is the checkpoint's.
        final: The final config.
    """
    *recipes, top = layers
    kept, counts = dict(flatten(top.config)), dict(flatten(final))
    lines = [
        f"{name}: {counts[name]} (flag) instead of {value} ({top.source})"
        for name, value in kept.items()
        if name in counts and counts[name] != value
    ]
    off = [name for name, value in counts.items() if value is None and any(n.startswith(f"{name}.") for n in kept)]
    lines += [f"{name}: off (flag) instead of on ({top.source})" for name in off]
    for recipe in recipes:
        for name, value in flatten(recipe.config):
            if name in kept and kept[name] != value and counts.get(name) == kept[name]:
                lines.append(f"{name}: {kept[name]} ({top.source}) instead of {value} ({recipe.source})")
    return lines
