"""Only classes of which a run is made are made from what a file says: no function is called, no other class is made."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torchmetrics
from jsonargparse import Namespace, set_parsing_settings
from lightning.pytorch import Callback, LightningDataModule, LightningModule
from lightning.pytorch.accelerators import Accelerator
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins import CheckpointIO, ClusterEnvironment, LayerSync, Precision
from lightning.pytorch.profilers import Profiler
from lightning.pytorch.strategies import Strategy
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from dlcore.config.class_paths import NAMEABLE, OWN_PACKAGES, is_within
from dlcore.errors import ConfigError, DlcoreError
from dlcore.lightning_compat import kept_parsing_settings

_BASES = (
    *(LightningModule, LightningDataModule, Callback, Logger, Optimizer, LRScheduler, torch.nn.Module),
    *(Strategy, Accelerator, Precision, ClusterEnvironment, CheckpointIO, LayerSync, Profiler, torchmetrics.Metric),
)


@dataclass(frozen=True)
class Trust:
    """Whose code may be imported.

    Attributes:
        packages: Packages that the user allowed.
        typed: Classes that he typed as flags.
    """

    packages: tuple[str, ...] = ()
    typed: frozenset[str] = frozenset()

    def covers(self, path: str) -> bool:
        """Whether the user answers for a class or function."""
        return path in self.typed or is_within(path, self.packages)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """While this lasts the parser imports nothing else, and no config from the net.

        Nor does it make a class where any value may stand. This is the parser's own state, and is put back at the end.
        """
        # A class is known by the name under which it is defined too, mostly a module of the same package.
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


NOBODY = Trust()


def check_are_classes(paths: Collection[str], where: str, error: type[DlcoreError] = ConfigError) -> None:
    """Check that names within the packages that dlcore stands on are those of classes of which a run is made.

    Args:
        paths: The names, as `dlcore.config.class_paths.check_packages` leaves them. What does not exist is left to
            the parser.
        where: The file, for the message, with a verb: ``mine.yaml: names``.
        error: The error that is raised.

    Raises:
        DlcoreError: One is a function, a method, or a class of another kind.
    """
    for path in dict.fromkeys(paths):
        found = found_at(path) if is_within(path, NAMEABLE) else None
        if found is not None and inspect.isclass(found) and issubclass(found, _BASES):
            continue
        if found is not None or not is_within(path, NAMEABLE):
            raise error(
                f"{where} {path}, which is no model, data module, optimiser, schedule, callback, logger, "
                "strategy, plugin, profiler, metric or layer: a file may name nothing else. If you trust it, give it "
                "as a flag."
            )


def check_parsed(config: Any, trust: Trust) -> None:
    """Check the classes of a config as it was parsed: those that came from a file behind a flag are there too.

    Raises:
        ConfigError: One is none of which a run is made.
    """
    paths = [path for path in _class_paths(config) if is_within(path, OWN_PACKAGES) and not trust.covers(path)]
    check_are_classes(paths, "The config names")


def _class_paths(value: Any) -> Iterator[str]:
    if isinstance(value, Namespace | dict):
        entries = vars(value) if isinstance(value, Namespace) else value
        if isinstance(entries.get("class_path"), str):
            yield entries["class_path"]
        for inner in entries.values():
            yield from _class_paths(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _class_paths(inner)


def found_at(path: str) -> Any:
    """What a dotted name stands for; None where there is nothing of that name."""
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            found = getattr(found, part, None)
        return found
    return None
