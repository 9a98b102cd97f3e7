"""Which classes a file may name: those of dlcore and of what it stands on, and those that the user allows.

A recipe, a study's file and a checkpoint come from anybody. To import a module runs its code; so what they name is
looked at as text, and refused, before anything is imported. What a user types as a flag is his own word.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from dlcore.config import strict_yaml
from dlcore.config.recipe import read_recipe
from dlcore.config.request import Flag
from dlcore.errors import ArgumentError, ConfigError, DlcoreError

ALLOW_VARIABLE = "DLCORE_ALLOW"
OWN_PACKAGES = ("dlcore", "torch", "lightning", "torchmetrics")
# Of these packages what a config is made of. The rest has functions that run code, load files and fetch from the net.
NAMEABLE = (
    *("dlcore.models", "dlcore.data", "dlcore.callbacks", "dlcore.optim", "dlcore.tracking"),
    *("torch.optim", "torch.nn", "lightning.pytorch", "lightning.fabric", "torchmetrics"),
    *("lightning.LightningModule", "lightning.LightningDataModule"),  # as the parser calls what it expects
)
# Arguments of the trainer that hold classes, which may be named without `class_path`.
_CLASSES_OF_TRAINER = ("accelerator", "callbacks", "logger", "plugins", "profiler", "strategy")


def allowed_packages(flags: Collection[Flag]) -> tuple[str, ...]:
    """The packages that the user trusts: by ``--allow my_package,other`` and by the variable ``DLCORE_ALLOW``.

    Raises:
        ArgumentError: What was given is no list of packages.
    """
    given = [(f"--{flag.name}", flag.value) for flag in flags if flag.name == "allow"]
    if os.environ.get(ALLOW_VARIABLE):
        given.append((ALLOW_VARIABLE, os.environ[ALLOW_VARIABLE]))
    found: list[str] = []
    for source, text in given:
        names = [name.strip() for name in (text or "").split(",")]
        if not all(_is_path(name, 1) for name in names):
            raise ArgumentError(source, "packages of Python, parted by commas: my_package,other", text)
        found += names
    return tuple(dict.fromkeys(found))


def allow_flag(config: Any) -> str:
    """The flag with which a config of the user's own can be read again, to be typed behind a printed command.

    Args:
        config: What a run was made with.

    Returns:
        ``--allow my_package,other`` for the packages of its classes; empty where all are dlcore's and its own.
    """
    paths = (text for place, text in _texts(config, "") if _holds_class(place) and _is_path(text))
    packages = dict.fromkeys(path.partition(".")[0] for path in paths)
    packages = dict.fromkeys(each for each in packages if each not in (*OWN_PACKAGES, *sys.stdlib_module_names))
    return f"--allow {','.join(packages)}" if packages else ""


def allow_flag_of_run(folder: Path) -> str:
    """`allow_flag` of the config that a run left in its folder; empty where that is gone or cannot be read."""
    try:
        return allow_flag(read_recipe(folder / "config.yaml"))
    except (DlcoreError, OSError):
        return ""


def paths_in_flags(flags: Collection[Flag]) -> frozenset[str]:
    """All that may be a class in what a user typed as flags, in JSON too."""
    found: set[str] = set()
    for flag in flags:
        value: Any = flag.value
        if value and value.lstrip().startswith(("{", "[")):
            try:
                value = strict_yaml.load(value, flag.name)
            except ConfigError:  # leaky_relu(negative_slope=0.2)
                continue
        found |= {text for _, text in _texts(value, "") if _is_path(text)}
    return frozenset(found)


def check_packages(
    config: Any,
    where: str,
    allowed: Collection[str],
    typed: Collection[str] = (),
    error: type[DlcoreError] = ConfigError,
) -> list[str]:
    """Check the packages of all classes that a file names; nothing is imported.

    Args:
        config: What the file holds: nested sections, or settings by dotted names.
        where: The file, for the message, with a verb: ``mine.yaml: names``.
        allowed: Packages that the user trusts; see `allowed_packages`.
        typed: Classes that the user named himself; see `paths_in_flags`.
        error: The error that is raised.

    Returns:
        What is left to be looked at: names within the packages that dlcore stands on, which may be functions.

    Raises:
        DlcoreError: A class is of another package; the message has it, the file and how to allow it.
    """
    left: list[str] = []
    for place, text in _texts(config, ""):
        if not _is_path(text) or text in typed or is_within(text, allowed):
            continue
        if is_within(text, OWN_PACKAGES):
            left.append(text)
        elif _holds_class(place):
            raise error(refusal(text, where))
    return left


def refusal(path: str, where: str) -> str:
    """What is said of a class that a file may not name.

    Args:
        path: The class.
        where: What names it, with the verb: ``mine.yaml: names``.
    """
    package = path.partition(".")[0]
    remedy = f"If you trust it: --allow {package} (or the environment variable {ALLOW_VARIABLE}={package})."
    if package in sys.stdlib_module_names:
        remedy = "It is Python's own, of which no file has any need: take it out."
    return (
        f"{where} the class {path}, which is not dlcore's (nor torch's, lightning's or torchmetrics'). Its code would "
        f"run, so it was not imported. {remedy}"
    )


def is_within(path: str, packages: Collection[str]) -> bool:
    """Whether a dotted name is that of a package or lies in it; ``torch_evil.x`` does not lie in ``torch``."""
    return any(path == package or path.startswith(f"{package}.") for package in packages)


def _texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """All texts of a config with their dotted places, as flags have them. Places in a list are that of the list."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, f"{place}.{key}".removeprefix("."))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, place)
    elif isinstance(value, str):
        yield place, value.strip()


def _holds_class(place: str) -> bool:
    section, *rest = (part.rstrip("+") for part in place.split(".") if part != "init_args")
    if rest and rest[-1] == "class_path":
        return True
    if section in ("model", "data"):
        return not rest or (section == "model" and rest in (["optimizer"], ["lr_scheduler"]))
    return section == "trainer" and len(rest) == 1 and rest[0] in _CLASSES_OF_TRAINER


def _is_path(text: str, least: int = 2) -> bool:
    parts = text.split(".")
    return len(parts) >= least and all(part.isidentifier() for part in parts)
