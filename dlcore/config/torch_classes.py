"""Optimisers and schedules, described from their sources: neither torch nor dlcore's own are imported for that."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

from dlcore.config.catalogue import ROOT, ClassInfo, argument_help, described, find_classes
from dlcore.errors import UnknownNameError

_BASES = {"model.optimizer": "Optimizer", "model.lr_scheduler": "LRScheduler"}
_WORDS = {"model.optimizer": "optimiser", "model.lr_scheduler": "schedule"}
# What nobody types: the optimiser is the model's, its parameters too, and a resumed run sets the last epoch itself.
_NOT_TYPED = ("params", "optimizer", "last_epoch")


def factory_info(key: str, name: str) -> ClassInfo:
    """Describe an optimiser or schedule.

    Args:
        key: ``model.optimizer`` or ``model.lr_scheduler``.
        name: Its class, torch's or dlcore's.

    Raises:
        UnknownNameError: There is no such class; the nearest is offered.
    """
    found = {name: each for folder in _folders() for name, each in find_classes(folder).items()}
    parents = {_BASES[key]}
    while more := {name for name, (_, bases) in found.items() if parents & set(bases)} - parents:
        parents |= more
    names = sorted(each for each in parents - {_BASES[key]} if not each.startswith("_"))
    if name not in names:
        raise UnknownNameError(_WORDS[key], name, names)
    source, bases = found[name]
    info = described(source, name)
    texts = _late_docstring(source, name)
    if not info.arguments:  # its parent's
        info = next((described(found[base][0], base) for base in bases if base in found), info)
    arguments = {
        argument.name: replace(argument, help=_plain(argument.help or texts.get(argument.name, "")))
        for argument in info.arguments.values()
        if argument.name not in _NOT_TYPED
    }
    return ClassInfo(name, info.summary, arguments)


def _folders() -> list[Path]:
    torch = importlib.util.find_spec("torch")  # finds it, and does not import it
    own = [ROOT / "optim"]
    return [Path(torch.origin).parent / "optim", *own] if torch is not None and torch.origin else own


def _late_docstring(source: str, name: str) -> dict[str, str]:
    """Arguments in a docstring that is put together below its class, as torch does it for its optimisers."""
    _, _, text = source.partition(f"\n{name}.__doc__ = ")
    found = re.search(r"^( *)Args:\n(?:\1 +.*\n|\n)*", text, re.MULTILINE)
    lines = dedent(found[0]).splitlines() if found else []
    return argument_help("\n" + "\n".join(line for line in lines if not line.strip().startswith("{")))


def _plain(text: str) -> str:
    """A sentence without the default, which is shown as the value."""
    text = re.sub(r" *\(default:[^()]*(?:\([^()]*\)[^()]*)*\)|\s*Default: .*", "", text).strip()
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""
