"""Settings of a run: its config's values by flag, and which flags exist."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlcore.config import strict_yaml
from dlcore.config.merge import flatten
from dlcore.config.recipe import recipe_text
from dlcore.translation import _

# Optimisers that divide by the gradients' size, so that the learning rate alone sets the size of a step.
_ADAPTIVE = ("adam", "rmsprop", "adagrad", "adadelta", "adafactor")
_AUGMENTATIONS = ("flip", "shift", "rotate", "color", "erase", "mixup", "cutmix")


@dataclass(frozen=True)
class RunSettings:
    """Config of a run."""

    # Settings by the name of the flag (``model.optimizer.lr``); empty if the run has no config.
    values: Mapping[str, Any] = field(default_factory=dict)
    module: Mapping[str, Any] = field(default_factory=dict)  # facts that the run recorded, see `module_facts`

    @classmethod
    def read(cls, folder: Path, module: Mapping[str, Any] | None = None) -> RunSettings:
        """Read the config of a run folder, ``config.yaml`` or Lightning's ``hparams.yaml``; empty if there is none.

        Args:
            folder: The run's folder.
            module: Facts that the run recorded; the config has precedence.

        Raises:
            ConfigError: The file is not plain YAML.
        """
        for name in ("config.yaml", "hparams.yaml"):
            if (folder / name).is_file():
                content = strict_yaml.load(recipe_text(folder / name), str(folder / name))
                return cls(dict(flatten(content)) if isinstance(content, dict) else {}, module or {})
        return cls({}, module or {})

    def number(self, name: str) -> float:
        """Return a numeric setting; NaN if it is not set or not a number."""
        value = self.values.get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan

    def text(self, name: str) -> str:
        """Return a setting as text; empty if it is not set."""
        value = self.values.get(name)
        return "" if value is None else str(value)

    def has(self, name: str) -> bool:
        """Return whether the run's classes have this setting."""
        return name in self.values or any(other.startswith(f"{name}.") for other in self.values)

    def flag(self, name: str, value: Any) -> tuple[str, ...]:
        """Return a flag with its value, in a tuple; an empty tuple if the run's classes have no such flag."""
        text = f"{value:g}" if isinstance(value, float) else str(value)
        return (f"--{name} {text}",) if self.has(name) else ()

    def is_on(self, section: str) -> bool:
        """Return whether a callback's section exists and is not switched off."""
        return self.values.get(section) not in (None, False) or any(
            name.startswith(f"{section}.") for name in self.values
        )

    @property
    def lr(self) -> float:
        """The configured learning rate; NaN if unknown."""
        known = self.module.get("lr")
        lr = self.number("model.optimizer.lr")
        return float(known) if math.isnan(lr) and isinstance(known, int | float) else lr

    @property
    def optimizer(self) -> str:
        """The optimiser's class (``SGD``); empty if unknown."""
        return self.text("model.optimizer") or str(self.module.get("optimizer") or "")

    @property
    def is_adaptive(self) -> bool:
        """Whether the optimiser divides by the size of the gradients."""
        return any(word in self.optimizer.lower() for word in _ADAPTIVE)

    @property
    def rate(self) -> str:
        """The learning rate in words: ``Adam's rate 0.1``."""
        if math.isnan(self.lr):
            return _("the learning rate")
        said = _("{optimizer}'s rate {lr:g}") if self.optimizer else _("the learning rate {lr:g}")
        return said.format(optimizer=self.optimizer, lr=self.lr)

    @property
    def usual_lr(self) -> float:
        """A usual learning rate, for adaptive optimisers or for others."""
        return 0.001 if self.is_adaptive else 0.01

    def changed_rate(self, factor: float) -> tuple[str, ...]:
        """Return the flag for the learning rate (or the schedule's peak rate) times a factor, rounded to one digit."""
        name = "model.lr_scheduler.max_lr" if self.has("model.lr_scheduler.max_lr") else "model.optimizer.lr"
        lr = self.number(name)
        return () if not lr > 0 else self.flag(name, float(f"{lr * factor:.0e}"))

    @property
    def activation(self) -> str:
        """The activation's name in lower case, without brackets: ``relu``."""
        return re.sub(r"\(.*|_", "", self.text("model.activation").lower())

    @property
    def batch_norm(self) -> bool:
        """Whether the model has batch normalisation."""
        return self.values.get("model.batch_norm") is True

    @property
    def dropouts(self) -> dict[str, float]:
        """Dropout probabilities above 0 of any kind, by setting."""
        return {
            name: self.number(name)
            for name in self.values
            if name.startswith("model.") and ("dropout" in name or "weight_drop" in name) and self.number(name) > 0
        }

    @property
    def augmentations(self) -> dict[str, float]:
        """Active augmentations of training samples, by setting."""
        names = (f"data.{name}" for name in _AUGMENTATIONS)
        found = {name: self.number(name) for name in names if self.number(name) > 0}
        return found | ({"data.crop": self.number("data.crop")} if self.number("data.crop") < 1 else {})

    @property
    def hidden_layers(self) -> int | None:
        """Number of an MLP's hidden layers; None if unknown."""
        sizes = self.values.get("model.hidden_sizes")
        return len(sizes) if isinstance(sizes, list) and self.text("model") == "MLP" else None
