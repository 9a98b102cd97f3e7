"""Allow-list: a file may name classes of dlcore and its dependencies, and classes that the user allows.

A recipe, a study file or a checkpoint can come from anybody, and importing a module runs its code. So the names in
such a file are checked as text, before anything is imported. Of its dependencies a file may name only classes that are
parts of a run, and no function. A class that the user types as a flag is trusted.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from argparse import Namespace
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcore.config.recipe import read_recipe
from dlcore.config.request import Flag
from dlcore.errors import ArgumentError, ConfigError, DlcoreError

ALLOW_VARIABLE = "DLCORE_ALLOW"
OWN_PACKAGES = ("dlcore", "torch", "lightning", "torchmetrics")
# The parts of these packages that a config needs. The rest has functions that run code, load files or download.
NAMEABLE = (
    *("dlcore.models", "dlcore.data", "dlcore.callbacks", "dlcore.optim", "dlcore.tracking"),
    *("torch.optim", "torch.nn", "lightning.pytorch", "lightning.fabric", "torchmetrics"),
    *("lightning.LightningModule", "lightning.LightningDataModule"),  # the base classes, as the parser names them
)
# Trainer arguments that take a class, which may be named without `class_path`.
_CLASSES_OF_TRAINER = ("accelerator", "callbacks", "logger", "plugins", "profiler", "strategy")
_SHORT_PLACES = (
    *("model", "data", "model.optimizer", "model.lr_scheduler"),
    *(f"trainer.{name}" for name in _CLASSES_OF_TRAINER),
)


@dataclass(frozen=True)
class AllowList:
    """Packages and classes whose code may be imported.

    Attributes:
        packages: Packages that the user allowed.
        typed: Classes that the user typed as flags.
    """

    packages: tuple[str, ...] = ()
    typed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, flags: Collection[Flag], packages: Collection[str] = ()) -> AllowList:
        """Make the list from ``--allow my_package,other``, the variable ``DLCORE_ALLOW``, `packages` and all flags."""
        given = [(f"--{flag.name}", flag.value or "") for flag in flags if flag.name == "allow"]
        if os.environ.get(ALLOW_VARIABLE):
            given.append((ALLOW_VARIABLE, os.environ[ALLOW_VARIABLE]))
        allowed = list(packages)
        for source, text in given:
            names = [name.strip() for name in text.split(",")]
            if not all(_is_path(name, 1) for name in names):
                raise ArgumentError(source, "packages of Python, parted by commas: my_package,other", text)
            allowed += names
        typed = {text for flag in flags for _, text in _texts(flag.parsed()) if _is_path(text)}
        return cls(tuple(dict.fromkeys(allowed)), frozenset(typed))

    def covers(self, path: str) -> bool:
        """Return whether the user allowed a class or function."""
        return path in self.typed or is_within(path, self.packages)

    def check(self, config: Any, where: str, error: type[DlcoreError] = ConfigError, parsed: bool = False) -> None:
        """Check all classes that a file names, before any third-party class is imported.

        Args:
            config: The file's content: nested sections, or settings by dotted names.
            where: The file, for the message, with a verb: ``mine.yaml: names``.
            error: The class of the error to raise.
            parsed: Whether the config was parsed: then only ``class_path`` entries of `OWN_PACKAGES` are checked.
        """
        for place, text in _texts(config):
            if not _is_path(text) or self.covers(text) or (parsed and not place.endswith(".class_path")):
                continue
            if is_within(text, OWN_PACKAGES):
                if not _is_part_of_run(text):
                    raise error(
                        f"{where} {text}, which is no model, data module, optimiser, schedule, callback, logger, "
                        "strategy, plugin, profiler, metric or layer: a file may name nothing else. If you trust it, "
                        "give it as a flag."
                    )
            elif _holds_class(place) and not parsed:
                raise error(refusal(text, where))

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Limit the parser to allowed imports and to local config files inside the ``with`` block.

        The parser also creates no class where any value is accepted. Its global settings are restored at the end.
        """
        from jsonargparse import set_parsing_settings

        from dlcore.lightning_compat import kept_parsing_settings

        # The parser also imports a class by the module that defines it, mostly one of the same package.
        modules = {path.partition(".")[0] for path in self.typed} - set(OWN_PACKAGES)
        allowed = {*NAMEABLE, *self.packages, *self.typed, *modules}
        with kept_parsing_settings():
            set_parsing_settings(
                import_path_denylist=["*", "lightning.pytorch.core.module.LightningModule.load_from_checkpoint"],
                import_path_allowlist=sorted(path for path in allowed if not is_within(path, ("jsonargparse",))),
                instantiate_subclass_spec_in_any=False,
                config_read_mode_fsspec_enabled=False,
                config_read_mode_urls_enabled=False,
            )
            try:
                yield
            finally:
                set_parsing_settings(config_read_mode_fsspec_enabled=True)  # as Lightning's command line has it


def allow_flag(config: Any) -> str:
    """Return the flag ``--allow my_package,other`` that a config with the user's classes needs; empty if it needs none.

    Args:
        config: A run's config, or the run's folder, whose config file may be missing.
    """
    if isinstance(config, Path):
        try:
            config = read_recipe(config / "config.yaml")
        except (DlcoreError, OSError):
            return ""
    paths = (text for place, text in _texts(config) if _holds_class(place) and _is_path(text))
    packages = dict.fromkeys(path.partition(".")[0] for path in paths)
    foreign = [each for each in packages if each not in (*OWN_PACKAGES, *sys.stdlib_module_names)]
    return f"--allow {','.join(foreign)}" if foreign else ""


def refusal(path: str, where: str) -> str:
    """Return the error message for a third-party class in a file; `where` is the file, with the verb."""
    package = path.partition(".")[0]
    remedy = f"If you trust it: --allow {package} (or the environment variable {ALLOW_VARIABLE}={package})."
    if package in sys.stdlib_module_names:
        remedy = "It is Python's own, of which no file has any need: take it out."
    return (
        f"{where} the class {path}, which is not dlcore's (nor torch's, lightning's or torchmetrics'). Its code would "
        f"run, so it was not imported. {remedy}"
    )


def is_within(path: str, packages: Collection[str]) -> bool:
    """Return whether a dotted name is one of the packages or is inside one; ``torch_evil.x`` is not in ``torch``."""
    return any(path == package or path.startswith(f"{package}.") for package in packages)


def found_at(path: str) -> Any:
    """Import and return the object with a dotted name; None if there is none."""
    parts = path.split(".") if _is_path(path) else []
    for length in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        except Exception:  # the module itself fails: the parser reports it
            return None
        for part in parts[length:]:
            found = getattr(found, part, None)
        return found
    return None


def _is_part_of_run(path: str) -> bool:
    """Return whether a name in `OWN_PACKAGES` is a class that a run needs; True if missing: the parser reports that."""
    if not is_within(path, NAMEABLE):
        return False
    from lightning.fabric.plugins import ClusterEnvironment
    from lightning.pytorch import Callback, LightningDataModule, LightningModule, accelerators, loggers, strategies
    from lightning.pytorch.plugins import CheckpointIO, LayerSync, Precision
    from lightning.pytorch.profilers import Profiler
    from torch.nn import Module
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler
    from torchmetrics import Metric

    bases = (
        *(LightningModule, LightningDataModule, Callback, loggers.Logger, Optimizer, LRScheduler, Module, Metric),
        *(strategies.Strategy, accelerators.Accelerator, Precision, ClusterEnvironment, CheckpointIO, LayerSync),
        Profiler,
    )
    found = found_at(path)
    return found is None or (inspect.isclass(found) and issubclass(found, bases))


def _texts(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield each text of a config with its dotted key, as in a flag. Items of a list have the key of the list."""
    if isinstance(value, dict | Namespace):
        for key, inner in (value if isinstance(value, dict) else vars(value)).items():
            yield from _texts(inner, f"{place}.{key}".removeprefix("."))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, place)
    elif isinstance(value, str):
        yield place, value.strip()


def _holds_class(place: str) -> bool:
    parts = [part.rstrip("+") for part in place.split(".") if part != "init_args"]
    return (len(parts) > 1 and parts[-1] == "class_path") or ".".join(parts) in _SHORT_PLACES


def _is_path(text: str, least: int = 2) -> bool:
    parts = text.split(".")
    return len(parts) >= least and all(part.isidentifier() for part in parts)
