"""What a user means by a word that is no flag: ``--lr`` is ``--model.optimizer.lr``, ``mlp_textbook`` a recipe."""

from __future__ import annotations

from collections.abc import Mapping

from dlcore.config.catalogue import Package, callback_sections, class_arguments, class_names
from dlcore.config.recipe import recipe_names
from dlcore.errors import nearest

# What other tools and textbooks call it.
_ALSO_CALLED = {
    "epochs": "trainer.max_epochs",
    "num_epochs": "trainer.max_epochs",
    "steps": "trainer.max_steps",
    "seed": "seed_everything",
    "random_seed": "seed_everything",
    "lr": "model.optimizer.lr",
    "learning_rate": "model.optimizer.lr",
    "momentum": "model.optimizer.momentum",
    "weight_decay": "model.optimizer.weight_decay",
    "optimizer": "model.optimizer",
    "scheduler": "model.lr_scheduler",
    "schedule": "model.lr_scheduler",
    "batchnorm": "model.batch_norm",
    "bn": "model.batch_norm",
    "gpus": "trainer.devices",
    "nodes": "trainer.num_nodes",
    "clip": "trainer.gradient_clip_val",
    "grad_clip": "trainer.gradient_clip_val",
    "checkpoint_path": "ckpt_path",
    "ckpt": "ckpt_path",
    "resume": "ckpt_path",
    "resume_from_checkpoint": "ckpt_path",
    "recipe": "config",
    "plateau": "reduce_lr_on_plateau",
}
_PACKAGES: dict[str, Package] = {"model": "models", "data": "data"}


def full_name(word: str, trainer_arguments: list[str], classes: Mapping[str, str]) -> str | None:
    """The flag that is meant by one without its section.

    Args:
        word: The flag's first word, without dashes.
        trainer_arguments: Names of the trainer's arguments.
        classes: The classes chosen for ``model`` and ``data``.

    Returns:
        The flag's whole name (``trainer.max_epochs``), or None where nothing is like it.
    """
    if word.lower() in _ALSO_CALLED:
        return _ALSO_CALLED[word.lower()]
    owners = {"trainer": trainer_arguments}
    for section, package in _PACKAGES.items():
        if classes.get(section) in class_names(package):
            owners[section] = list(class_arguments(package, classes[section]))
    for section, name in callback_sections().items():
        owners[section] = list(class_arguments("callbacks", name))
    for section, arguments in owners.items():
        if word in arguments:
            return f"{section}.{word}"
    everything = {argument: section for section, arguments in reversed(owners.items()) for argument in arguments}
    near = nearest(word, [*everything, *_ALSO_CALLED])
    if near is None:
        return None
    return _ALSO_CALLED.get(near) or f"{everything[near]}.{near}"


def remedy_for_word(word: str) -> str:
    """What to type instead of a word that is neither a flag nor a flag's value; empty where that is not known."""
    if word.startswith(("—", "–", "－")):
        return f"Type two hyphens: --{word.lstrip('—–－')}"
    if word.startswith("-") and len(word) > 2:
        return f"With two dashes: -{word}"
    if word in recipe_names() or word.endswith((".yaml", ".yml")):
        return f"A recipe stands behind -c: -c {word}"
    near = nearest(word, recipe_names())
    return f"For a recipe: -c {near}" if near else ""
