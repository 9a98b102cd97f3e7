"""What is said of a class of the user's own that cannot be made as it is asked for."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

from dlcore.errors import ArgumentError, ConfigError, DlcoreError, UnknownNameError
from dlcore.runs.named_classes import found_at


def of_own_class(said: str, classes: Mapping[str, str]) -> DlcoreError | None:
    """An error of the parser about a class of the user's own, in a line with its remedy; None for any other.

    Args:
        said: What the parser said.
        classes: Names of the classes chosen for ``model`` and ``data``.
    """
    section = next((name for name in ("model", "data") if f'"{name}"' in said or f".{name}" in said), "")
    path = classes.get(section, "")
    if "." not in path:
        return None
    if "does not correspond to a subclass" in said:
        return _wrong_base(section, path)
    known = _arguments(path)
    if missing := re.search(r"the following arguments are required: (\w+)", said):
        remedy = f"Give it: --{section}.{missing[1]} VALUE"
        return ArgumentError(f"{section}.{missing[1]}", f"a value, which {path} requires", None, remedy)
    odd = re.search(r"unrecognized arguments: --([\w.]+)", said) or re.search(
        r"Option '([\w.]+)' is not accepted", said
    )
    if odd is None or known is None or odd[1].partition(".")[0] in known:
        return None
    remedy = "Leave it out, or add it to its __init__."
    if odd[1].partition(".")[0] == "optimizer":
        remedy = "For such flags give its __init__ one: optimizer: OptimizerCallable (lightning.pytorch.cli)."
    return UnknownNameError(f"argument of {path}", odd[1].partition(".")[0], known, remedy)


def _wrong_base(section: str, path: str) -> ConfigError:
    base = {"model": "LightningModule", "data": "LightningDataModule"}[section]
    found: Any = found_at(path)
    bases = inspect.getmro(found) if inspect.isclass(found) else ()
    if any(each.__module__.partition(".")[0] == "pytorch_lightning" for each in bases):
        return ConfigError(
            f"{section}: {path} is built on the package pytorch_lightning, whose classes are others than those of "
            "lightning. Change its import: import lightning.pytorch as pl (in place of import pytorch_lightning as pl)."
        )
    kind = f"a class that derives from {bases[1].__name__}" if len(bases) > 1 else "no such class"
    return ConfigError(f"{section}: expected a class that derives from lightning.pytorch.{base}, got {path}: {kind}.")


def _arguments(path: str) -> list[str] | None:
    """The arguments of a class, and those that it passes on to its bases; None where it does not tell."""
    found: Any = found_at(path)
    names: list[str] = []
    for each in inspect.getmro(found) if inspect.isclass(found) else ():
        if (made := vars(each).get("__init__")) is None:
            continue
        parameters = list(inspect.signature(made).parameters.values())[1:]
        names += [one.name for one in parameters if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)]
        if not any(one.kind is one.VAR_KEYWORD for one in parameters):
            return list(dict.fromkeys(names))
    return None
