"""What a run was set to: its config's values by flag, and which flags it has."""

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

# Optimisers that divide by the gradients' size, so that the rate alone says how far a weight moves in a step.
_ADAPTIVE = ("adam", "rmsprop", "adagrad", "adadelta", "adafactor")
_AUGMENTATIONS = ("flip", "shift", "rotate", "color", "erase", "mixup", "cutmix")


@dataclass(frozen=True)
class RunSettings:
    """A run's config.

    Args:
        values: Each setting by the name of its flag (``model.optimizer.lr``); empty where the run has no config.
    """

    values: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> RunSettings:
        """The config of a run folder, ``config.yaml`` or Lightning's ``hparams.yaml``; empty where there is none.

        Raises:
            ConfigError: The file is not plain YAML.
        """
        for name in ("config.yaml", "hparams.yaml"):
            if (folder / name).is_file():
                content = strict_yaml.load(recipe_text(folder / name), str(folder / name))
                return cls(dict(flatten(content))) if isinstance(content, dict) else cls()
        return cls()

    def number(self, name: str) -> float:
        """A setting that is a number; NaN where it is not set, or is none."""
        value = self.values.get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan

    def text(self, name: str) -> str:
        """A setting as text, empty where it is not set."""
        value = self.values.get(name)
        return "" if value is None else str(value)

    def has(self, name: str) -> bool:
        """Whether the run's classes have such a setting."""
        return name in self.values or any(other.startswith(f"{name}.") for other in self.values)

    def flag(self, name: str, value: Any) -> tuple[str, ...]:
        """A flag as one types it, in a tuple; an empty tuple where the run's classes have none of that name."""
        text = f"{value:g}" if isinstance(value, float) else str(value)
        return (f"--{name} {text}",) if self.has(name) else ()

    def is_on(self, section: str) -> bool:
        """Whether a callback's section is there and not switched off."""
        return self.values.get(section) not in (None, False) or any(
            name.startswith(f"{section}.") for name in self.values
        )

    @property
    def lr(self) -> float:
        """The learning rate as set; NaN where it is not known."""
        return self.number("model.optimizer.lr")

    @property
    def optimizer(self) -> str:
        """The optimiser's class (``SGD``); empty where it is not known."""
        return self.text("model.optimizer")

    @property
    def is_adaptive(self) -> bool:
        """Whether the optimiser divides by the size of the gradients."""
        return any(word in self.optimizer.lower() for word in _ADAPTIVE)

    @property
    def rate(self) -> str:
        """The learning rate in words: ``Adam's rate 0.1``."""
        if math.isnan(self.lr):
            return "the learning rate"
        return f"{self.optimizer}'s rate {self.lr:g}" if self.optimizer else f"the learning rate {self.lr:g}"

    @property
    def usual_lr(self) -> float:
        """A rate that mostly works to begin with: of optimisers that adapt to the gradients' size, and of others."""
        return 0.001 if self.is_adaptive else 0.01

    def changed_rate(self, factor: float) -> tuple[str, ...]:
        """Flags for a learning rate so many times as large, one digit of it; of a schedule with a peak, the peak."""
        name = "model.lr_scheduler.max_lr" if self.has("model.lr_scheduler.max_lr") else "model.optimizer.lr"
        lr = self.number(name)
        return () if not lr > 0 else self.flag(name, float(f"{lr * factor:.0e}"))

    @property
    def activation(self) -> str:
        """The activation's name in lower case, without brackets: ``relu``."""
        return re.sub(r"\(.*|_", "", self.text("model.activation").lower())

    @property
    def batch_norm(self) -> bool:
        """Whether there is batch normalisation."""
        return self.values.get("model.batch_norm") is True

    @property
    def dropouts(self) -> dict[str, float]:
        """Dropout of any kind that is above 0, by setting."""
        return {
            name: self.number(name)
            for name in self.values
            if name.startswith("model.") and ("dropout" in name or "weight_drop" in name) and self.number(name) > 0
        }

    @property
    def augmentations(self) -> dict[str, float]:
        """Ways in which training samples are changed, by setting."""
        names = (f"data.{name}" for name in _AUGMENTATIONS)
        found = {name: self.number(name) for name in names if self.number(name) > 0}
        return found | ({"data.crop": self.number("data.crop")} if self.number("data.crop") < 1 else {})

    @property
    def hidden_layers(self) -> int | None:
        """Hidden layers of an MLP; None where it is not known."""
        sizes = self.values.get("model.hidden_sizes")
        return len(sizes) if isinstance(sizes, list) and self.text("model") == "MLP" else None
