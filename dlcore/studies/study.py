"""A study: one recipe in several variants, trained with several seeds, and claims about the outcome."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from dlcore.errors import ConfigError, UnknownNameError, nearest
from dlcore.plain_text import file_name
from dlcore.studies.claim import Expression
from dlcore.translation import _

XAxis = Literal["epoch", "samples", "seconds"]
X_AXES: tuple[str, ...] = get_args(XAxis)
# Pictures that `plot` may name in addition to quantities with curves.
PICTURES = ("distributions", "activations")


@dataclass(frozen=True)
class Claim:
    """A claim of a study about its outcome.

    Args:
        says: The claim in words.
        holds: The same as a condition that can be checked; see `dlcore.studies.claim`.
        textbook: The textbook's result, in its own numbers; empty if it gives none.
        full_only: Why it is not judged in a quick study; empty if it is.
        why_not: Explanation shown if it is contradicted: why it does not hold here.
    """

    says: str
    holds: Expression
    textbook: str = ""
    full_only: str = ""
    why_not: str = ""


@dataclass(frozen=True)
class Variant:
    """One variant of the training.

    Args:
        name: Its name in tables, pictures and claims.
        settings: Its settings, by flag name: ``{"model.dropout": 0.25}``.
        recipe: The recipe that it changes.
    """

    name: str
    settings: Mapping[str, Any]
    recipe: str

    @property
    def folder(self) -> str:
        """Its name as a folder name."""
        return folder_name(self.name)

    def words(self, run: Mapping[str, Any]) -> list[str]:
        """Return its command line after ``fit``, with the settings of a run (`Study.run_settings`)."""
        flags = {**self.settings, **run}
        return ["-c", self.recipe, *(f"--{name}={flag_text(value)}" for name, value in flags.items())]


@dataclass(frozen=True)
class Study:
    """Variants, seeds, claims, and what is shown.

    Args:
        name: The file's name, and that of the folder with its runs: ``lightning_logs/study_<name>``.
        title: Its subject, a line.
        variants: The variants to compare.
        seeds: Each variant is trained once with each; with folds, once with each on each fold.
        folds: Number of folds of a cross-validation, each of which tests once; 0: none.
        claims: The claims about the outcome.
        plot: Quantities in the picture: the X of ``val/X`` and ``train/X``. ``distributions`` and ``activations`` are
            pictures of their own: of the parameters, and of the hidden units' values.
        x: The curves' horizontal axis.
        test: Whether the best checkpoint of each run is evaluated on the test samples too.
        about: A paragraph for readers of the report.
        quick: Whether it is the quick version: fewer epochs, one seed; its runs have a folder of their own.
    """

    name: str
    title: str
    variants: tuple[Variant, ...]
    seeds: tuple[int, ...] = (0,)
    claims: tuple[Claim, ...] = ()
    plot: tuple[str, ...] = ("loss", "accuracy")
    x: str = "epoch"
    test: bool = False
    about: str = ""
    quick: bool = False
    folds: int = 0
    origin: str = field(default="", compare=False)

    @property
    def folder(self) -> str:
        """Name of the folder of its runs."""
        return f"study_{folder_name(self.name)}{'_quick' * self.quick}{'_folds' * bool(self.folds)}"

    @property
    def heading(self) -> str:
        """Its title in the reader's language, marked if it is the quick version."""
        return _("{title} (quick)").format(title=_(self.title)) if self.quick else _(self.title)

    @property
    def cuts(self) -> str:
        """A sentence about the cuts of a quick study; empty for a whole one."""
        if not self.quick:
            return ""
        epochs = {variant.name: variant.settings.get("trainer.max_epochs") for variant in self.variants}
        known = [f"{name} {number}" for name, number in epochs.items() if number is not None]
        if len(known) == len(epochs) and len(set(epochs.values())) == 1:
            known = [str(next(iter(epochs.values())))]
        said = _("Quick: cut to one seed and fewer epochs. Titles and texts that say more are of the whole study.")
        if known:
            said = _(
                "Quick: cut to one seed and fewer epochs. Epochs: {epochs}. Titles and texts that say more are of the "
                "whole study."
            )
        return said.format(epochs=_(", ").join(known))

    @property
    def quantities(self) -> tuple[str, ...]:
        """The quantities in the picture of curves."""
        return tuple(name for name in self.plot if name not in PICTURES)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of a variant's runs: the seeds; with folds seed · folds + fold."""
        if not self.folds:
            return self.seeds
        return tuple(seed * self.folds + fold for seed in self.seeds for fold in range(self.folds))

    def run_settings(self, number: int) -> dict[str, Any]:
        """Return the settings of a run by its number: its seed and its fold."""
        if not self.folds:
            return {"seed_everything": number}
        seed, fold = divmod(number, self.folds)
        # Repeated cross-validation: other folds with each seed.
        split = {"data.split_seed": seed} if len(self.seeds) > 1 else {}
        return {"seed_everything": seed, "data.folds": self.folds, "data.fold": fold, **split}

    def with_settings(self, settings: Mapping[str, Any]) -> Study:
        """Return the study with settings that override those of every variant."""
        variants = (replace(each, settings={**each.settings, **settings}) for each in self.variants)
        return replace(self, variants=tuple(variants))


def run_label(number: int, folds: int = 0) -> str:
    """Return what tells a run from others of its variant: its seed or its fold."""
    seed, fold = divmod(number, folds) if folds else (number, 0)
    if not folds:
        return _("seed {seed}").format(seed=seed)
    return _("seed {seed}, fold {fold}").format(seed=seed, fold=fold) if seed else _("fold {fold}").format(fold=fold)


def folder_name(name: str) -> str:
    """Return a name as a folder name: other characters than letters, digits and ``.=+-`` become an underscore."""
    return file_name(re.sub(r"[^\w.=+-]+", "_", name).strip("._") or "_")


def flag_text(value: Any) -> str:
    """Return a value as a flag's text: text unchanged, all else as JSON, which YAML can read too."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def check_variants(variants: tuple[Variant, ...], where: str) -> None:
    """Check that variants are distinct."""
    if not variants:
        raise ConfigError(f"{where}: expected at least one variant, got none.")
    folders: dict[str, str] = {}
    for variant in variants:
        # Some file systems ignore case.
        other = folders.setdefault(variant.folder.lower(), variant.name)
        if other != variant.name:
            raise ConfigError(
                f"{where}: the variants {other!r} and {variant.name!r} would share the folder {variant.folder!r}. "
                "Rename one of them."
            )


def read_settings(value: Any, where: str) -> dict[str, Any]:
    """Return settings by flag name; a nested section is the same as its dotted names.

    Raises:
        ConfigError: They are not names with values, or a variant must not set them; the message begins with `where`.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: expected settings such as `model.dropout: 0.25`, got {value!r}.")
    for key in value:
        if not isinstance(key, str) or key.startswith("-"):
            raise ConfigError(f"{where}: expected a flag's name without dashes, such as model.dropout, got {key!r}.")
        if key in ("seed_everything", "ckpt_path", "config", "allow"):
            remedy = "Seeds stand in `seeds:`." if key == "seed_everything" else "It is not a variant's to set."
            raise ConfigError(
                f"{where}: expected a setting of model, data, trainer or a callback, got {key!r}. {remedy}"
            )
    return dict(value)


def check_keys(content: Mapping[str, Any], known: tuple[str, ...], kind: str) -> None:
    """Check that a section has only known keys."""
    for key in content:
        if key not in known:
            near = nearest(str(key), known)
            raise UnknownNameError(kind, str(key), [near] if near else known)
