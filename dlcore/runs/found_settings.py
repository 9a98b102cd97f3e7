"""Found settings: write what Lightning's learning rate or batch size finder chose into the run's config."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import BatchSizeFinder, LearningRateFinder
from lightning.pytorch.utilities.parsing import lightning_hasattr

from dlcore.errors import ArgumentError
from dlcore.lightning_compat import callbacks_of, data_module_of, is_fast_dev_run, searched_argument
from dlcore.models import Model

_OPTIMIZER = ("model", "init_args", "optimizer", "init_args", "lr")


def check_finders(callbacks: Iterable[Callback], model: LightningModule) -> None:
    """Check that the finders work with the model.

    Raises:
        ArgumentError: The learning rate finder is used with a model with manual optimisation, whose steps Lightning
            cannot see; or with one of dlcore's, whose rate belongs to its optimiser, and may be warmed up.
    """
    if not any(isinstance(each, LearningRateFinder) for each in callbacks):
        return
    name, expected = type(model).__name__, ""
    if not model.automatic_optimization:
        expected = f"a callback that works with manual optimisation, as {name} has it"
    elif isinstance(model, Model) and not lightning_hasattr(model, "lr"):
        expected = f"a callback that can set the rate of {name}, which has no attribute lr but an optimiser's"
    if expected:
        remedy = "Find the rate before the fit: python -m dlcore lr_find, with the same recipe and flags."
        raise ArgumentError("trainer.callbacks", expected, "LearningRateFinder", remedy)


def take_found(trainer: Trainer, model: LightningModule, config: dict[str, Any]) -> list[str]:
    """Write found values into a config and remove the finders from it.

    So a resumed run, or a new run from this config, does not search again.

    Returns:
        A line for each found value.
    """
    lines: list[str] = []
    for callback in callbacks_of(trainer):
        if isinstance(callback, BatchSizeFinder) and not is_fast_dev_run(trainer):
            name = searched_argument(callback)
            data = data_module_of(trainer)
            section, owner = ("model", model) if hasattr(model, name) else ("data", data)
            lines.append(_put(config, (section, "init_args", name), getattr(owner, name), callback))
        if not isinstance(callback, LearningRateFinder) or callback.optimal_lr is None:
            continue
        if (rate := callback.optimal_lr.suggestion()) is not None:
            optimizer = config["model"].get("init_args", {}).get("optimizer")
            place = _OPTIMIZER if optimizer else ("model", "init_args", searched_argument(callback) or "lr")
            lines.append(_put(config, place, rate, callback))
    return lines


def _put(config: dict[str, Any], place: tuple[str, ...], value: Any, finder: Callback) -> str:
    *sections, name = place
    section = config
    for each in sections:
        section = section.setdefault(each, {})
    before, section[name] = section.get(name), value
    kept = config["trainer"]["callbacks"]
    others = [each for each in kept if not each["class_path"].endswith(f".{type(finder).__name__}")]
    config["trainer"]["callbacks"] = others or None
    setting = ".".join(each for each in place if each != "init_args")
    return f"{setting}: {value:g} ({type(finder).__name__}) instead of {before}."
