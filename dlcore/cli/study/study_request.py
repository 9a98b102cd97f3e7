"""The parsed command line of ``study``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dlcore.cli.show.subject import Subject
from dlcore.config.allow_list import AllowList
from dlcore.config.merge import own_title
from dlcore.config.recipe import DEFAULT_RECIPE, find_recipe, recipe_name
from dlcore.config.request import Flag, read_request
from dlcore.errors import ArgumentError, ConfigError, UnknownNameError, nearest
from dlcore.studies.study import X_AXES, Study, Variant
from dlcore.studies.study_file import find_study, read_study, seeds_of, study_names
from dlcore.studies.vary import Space, read_space, read_vary, variants_of

_SWITCHES = ("redo", "dry_run", "quick")
ALL = "all"


@dataclass(frozen=True)
class StudyRequest:
    """Studies with the changes of the command line.

    Args:
        studies: The changed studies: one, or all that come with dlcore.
        jobs: Parallel runs; None: dlcore decides.
        redo: Whether finished runs are repeated.
        dry_run: Whether nothing is trained.
        together: Whether they are shown as one, with a combined report.
        backend: Backend of the runs: ``local``, ``ray`` or ``dask``.
        address: The cluster's address; None: see `dlcore.studies.executor.open_executor`.
        search: A search instead of fixed variants: recipe, search space, flags for all, number of trials.
    """

    studies: tuple[Study, ...]
    jobs: int | None
    redo: bool
    dry_run: bool
    together: bool = False
    backend: str = "local"
    address: str | None = None
    search: tuple[str, Space, dict[str, Any], int] | None = None

    @property
    def study(self) -> Study:
        """The study; of several the first."""
        return self.studies[0]


def read_study_request(subject: Subject, argv: Sequence[str]) -> StudyRequest:
    """Read a command line."""
    words = list(argv)
    name = words.pop(0) if words and not words[0].startswith("-") else None
    request = read_request([subject.command, *_switched(words)])
    own = {option.name for option in subject.options}
    given: dict[str, list[str | None]] = {}
    settings: dict[str, Any] = {}
    for flag in request.flags:
        if flag.name in own:
            _check_value(flag)
            given.setdefault(flag.name, []).append(flag.value)
        else:
            _check_setting(flag, subject)
            settings[flag.name] = flag.value
    vary, draws, quick = [str(text) for text in given.get("vary", ())], _whole(given, "random"), "quick" in given
    trials, folds = _whole(given, "optuna"), _whole(given, "folds")
    if folds is not None and (folds < 2 or trials is not None):
        remedy = "" if trials is None else "A search has no folds: leave one of them out."
        raise ArgumentError("--folds", "a number of folds, at least 2, without --optuna", folds, remedy)
    if trials is not None and (draws is not None or "dry_run" in given or "redo" in given):
        raise ConfigError("--optuna: cannot be joined with --random, --dry_run or --redo: its trials follow results.")
    if name is not None:
        own_variants = bool(vary or request.recipes or draws is not None or trials is not None)
        studies = _by_name(name, own_variants, quick, AllowList.of(request.flags).packages)
    elif quick:
        raise ConfigError("--quick: the cuts are those of a study's file; with --vary give --trainer.max_epochs.")
    else:
        recipe, space = _varied(request.recipes, vary, needed=folds is None)
        variants = () if trials is not None else variants_of(recipe, space, draws)
        title = recipe_name(find_recipe(recipe)) if request.recipes else own_title(request) or recipe
        ranged = [setting.rpartition(".")[2] for setting, _ in space]
        if not vary:
            variants = (Variant(title, {}, recipe),)
        studies = (Study("_".join((title, *ranged)), ": ".join(filter(None, (title, " × ".join(ranged)))), variants),)
    changes: dict[str, Any] = {"seeds": _seeds(str(given["seeds"][-1]))} if "seeds" in given else {}
    if folds is not None:
        changes |= {"folds": folds, "test": True}
    if "x" in given:
        changes["x"] = str(given["x"][-1])
        if changes["x"] not in X_AXES:
            raise ArgumentError("--x", " or ".join(X_AXES), changes["x"])
    changed = tuple(replace(study, **changes).with_settings(settings) for study in studies)
    backend, address = (given.get(option, [None])[-1] for option in ("backend", "backend_address"))
    search = (recipe, space, settings, trials) if trials is not None else None
    return StudyRequest(
        changed, _whole(given, "jobs"), "redo" in given, "dry_run" in given, name == ALL, backend or "local", address,
        search,
    )  # fmt: skip


def _by_name(name: str, own_variants: bool, quick: bool, allow: tuple[str, ...]) -> tuple[Study, ...]:
    if own_variants:
        raise ConfigError(
            f"study {name}: its variants are those of its file. Without a name: study -c RECIPE --vary …; a study "
            f"of your own: python -m dlcore study copy {'NAME' if name == ALL else name} FILE"
        )
    return tuple(read_study(find_study(each), quick, allow) for each in (study_names() if name == ALL else [name]))


def _varied(recipes: list[str], vary: list[str], needed: bool) -> tuple[str, Space]:
    if needed and not vary:
        raise ArgumentError(
            "study", "a study's name, or --vary", None, "For example: --vary model.dropout=0,0.25,0.5 (study --help)."
        )
    if len(recipes) > 1:
        raise ArgumentError("-c", "one recipe", " -c ".join(recipes))
    recipe = recipes[0] if recipes else DEFAULT_RECIPE
    varied = [read_vary(text) for text in vary]
    names = [setting for setting, _ in varied]
    if len(set(names)) != len(names):
        twice = next(setting for setting in names if names.count(setting) > 1)
        raise ArgumentError("--vary", "each setting once", twice, "Put all its values behind one --vary.")
    return recipe, read_space(varied)


def _switched(words: list[str]) -> list[str]:
    """Give options without value an explicit one, so that the next word is not taken for it."""
    words = [re.sub(r"^--backend-address(?==|$)", "--backend_address", word) for word in words]
    return [
        f"{word}=true" if word.removeprefix("--") in _SWITCHES and word.startswith("--") else word for word in words
    ]


def _check_value(flag: Flag) -> None:
    if flag.value is None:
        raise ArgumentError(f"--{flag.name}", "a value behind it", None)
    if flag.name in _SWITCHES and flag.value != "true":
        raise ArgumentError(f"--{flag.name}", "no value behind it", flag.value)


def _check_setting(flag: Flag, subject: Subject) -> None:
    """Check a flag of fit; each variant checks its name."""
    own = [option.name for option in subject.options]
    if "." not in flag.name and nearest(flag.name, own):
        raise UnknownNameError("option of `study`", flag.name, own)
    if flag.name in ("seed_everything", "ckpt_path"):
        remedy = (
            "Seeds are given by --seeds." if flag.name == "seed_everything" else "A run that stopped goes on by itself."
        )
        raise ArgumentError(f"--{flag.name}", "nothing, in a study", flag.value, remedy)
    if flag.value is None:
        raise ArgumentError(f"--{flag.name}", "a value behind it", None)


def _whole(given: Mapping[str, list[str | None]], name: str) -> int | None:
    if name not in given:
        return None
    text = str(given[name][-1])
    if not text.isdigit() or int(text) < 1:
        raise ArgumentError(f"--{name}", "a whole number at least 1", text)
    return int(text)


def _seeds(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.strip("[]").split(",")]
    if not all(part.isdigit() for part in parts):
        raise ArgumentError("--seeds", "how many (3), or which (0,7)", text)
    numbers = [int(part) for part in parts]
    return seeds_of(numbers if len(numbers) > 1 or text.startswith("[") else numbers[0], "--seeds")
