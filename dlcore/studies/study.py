"""A study: one recipe in several variants, trained with several seeds, and claims about the outcome."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from dlcore.errors import ConfigError
from dlcore.plain_text import file_name
from dlcore.studies.claim import Expression

XAxis = Literal["epoch", "samples", "seconds"]
X_AXES: tuple[str, ...] = get_args(XAxis)
# What may stand in `plot` and is no quantity with a curve.
PICTURES = ("distributions", "activations")


@dataclass(frozen=True)
class Claim:
    """What a study says will happen.

    Args:
        says: The claim in words.
        holds: The same as something that can be checked; see `dlcore.studies.claim_reader`.
        textbook: What the textbook saw, in its own numbers; empty where it gives none.
        full_only: Why it is not judged where the study is cut to be quick; empty where it is.
        why_not: What is told beside the verdict where it is contradicted: why it does not hold here.
    """

    says: str
    holds: Expression
    textbook: str = ""
    full_only: str = ""
    why_not: str = ""


@dataclass(frozen=True)
class Variant:
    """One way to train.

    Args:
        name: What it is called in tables, pictures and claims.
        settings: What it changes, by the words that flags have: ``{"model.dropout": 0.25}``.
        recipe: The recipe that it changes.
    """

    name: str
    settings: Mapping[str, Any]
    recipe: str

    @property
    def folder(self) -> str:
        """Its name as that of a folder."""
        return folder_name(self.name)

    def words(self, seed: int) -> list[str]:
        """Its command line behind ``fit``."""
        flags = {**self.settings, "seed_everything": seed}
        return ["-c", self.recipe, *(f"--{name}={flag_text(value)}" for name, value in flags.items())]


@dataclass(frozen=True)
class Study:
    """Variants, seeds, and what is looked at.

    Args:
        name: The file's name, and that of the folder with its runs: ``lightning_logs/study_<name>``.
        title: What it is about, a line.
        variants: What is compared.
        seeds: Each variant is trained once with each.
        claims: What is to come out.
        plot: Quantities that the picture shows: of ``val/X`` and ``train/X``, the X. ``distributions`` and
            ``activations`` are pictures of their own: of the parameters, and of what the hidden units give.
        x: What lies below the curves.
        test: Whether the best checkpoint of each run is measured on the test samples too.
        about: What a reader of the report should know, a paragraph.
        quick: Whether it is cut: fewer epochs, one seed; its runs have a folder of their own.
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
    origin: str = field(default="", compare=False)

    @property
    def folder(self) -> str:
        """The name of the folder of its runs."""
        return f"study_{folder_name(self.name)}{'_quick' * self.quick}"

    @property
    def heading(self) -> str:
        """Its title, which says so where it is cut."""
        return f"{self.title}{' (quick)' * self.quick}"

    @property
    def cuts(self) -> str:
        """What was cut of a quick study, a sentence; empty of a whole one."""
        if not self.quick:
            return ""
        epochs = {variant.name: variant.settings.get("trainer.max_epochs") for variant in self.variants}
        known = [f"{name} {number}" for name, number in epochs.items() if number is not None]
        if len(known) == len(epochs) and len(set(epochs.values())) == 1:
            known = [str(next(iter(epochs.values())))]
        said = f" Epochs: {', '.join(known)}." if known else ""
        return f"Quick: cut to one seed and fewer epochs.{said} Titles and texts that say more are of the whole study."

    @property
    def quantities(self) -> tuple[str, ...]:
        """What the picture of curves shows."""
        return tuple(name for name in self.plot if name not in PICTURES)

    def with_settings(self, settings: Mapping[str, Any]) -> Study:
        """The same study with settings that beat those of every variant."""
        variants = (replace(each, settings={**each.settings, **settings}) for each in self.variants)
        return replace(self, variants=tuple(variants))


def folder_name(name: str) -> str:
    """A name as that of a folder: what is no letter, digit or one of ``.=+-`` becomes an underscore."""
    return file_name(re.sub(r"[^\w.=+-]+", "_", name).strip("._") or "_")


def flag_text(value: Any) -> str:
    """A value as it stands behind a flag: text as it is, all else as JSON, which YAML reads as well."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def check_variants(variants: tuple[Variant, ...], where: str) -> None:
    """Check that variants can be told apart.

    Raises:
        ConfigError: There are none, or two would have the same folder; the message begins with `where`.
    """
    if not variants:
        raise ConfigError(f"{where}: expected at least one variant, got none.")
    folders: dict[str, str] = {}
    for variant in variants:
        # Some file systems take upper and lower case for the same.
        other = folders.setdefault(variant.folder.lower(), variant.name)
        if other != variant.name:
            raise ConfigError(
                f"{where}: the variants {other!r} and {variant.name!r} would share the folder {variant.folder!r}. "
                "Rename one of them."
            )
