"""What a user asked of ``study``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dlcore.cli.show.subject import Subject
from dlcore.configs.recipe import DEFAULT_RECIPE, find_recipe, recipe_name
from dlcore.configs.request import Flag, read_request
from dlcore.errors import ArgumentError, ConfigError, UnknownNameError, nearest
from dlcore.studies.study import X_AXES, Study
from dlcore.studies.study_file import find_study, read_study, seeds_of, study_names
from dlcore.studies.vary import grid, read_vary

_SWITCHES = ("redo", "dry_run", "quick")
ALL = "all"


@dataclass(frozen=True)
class StudyRequest:
    """Studies with what the command line changes of them.

    Args:
        studies: The studies, changed: one, or all that come with dlcore.
        jobs: Runs at a time; None: left to dlcore.
        redo: Whether what is done is done again.
        dry_run: Whether nothing is trained.
        together: Whether they are shown as one, with a report of all.
    """

    studies: tuple[Study, ...]
    jobs: int | None
    redo: bool
    dry_run: bool
    together: bool = False

    @property
    def study(self) -> Study:
        """The study, where it is one; the first of several."""
        return self.studies[0]


def read_study_request(subject: Subject, argv: Sequence[str]) -> StudyRequest:
    """Read a command line.

    Raises:
        DlcoreError: There is no such study or option, or a value is wrong.
    """
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
    if name is not None:
        studies = _by_name(name, bool(vary or request.recipes or draws is not None), quick)
    elif quick:
        raise ConfigError("--quick: the cuts are those of a study's file; beside --vary give --trainer.max_epochs.")
    else:
        studies = (_varied(request.recipes, vary, draws),)
    changes: dict[str, Any] = {"seeds": _seeds(str(given["seeds"][-1]))} if "seeds" in given else {}
    if "x" in given:
        changes["x"] = str(given["x"][-1])
        if changes["x"] not in X_AXES:
            raise ArgumentError("--x", " or ".join(X_AXES), changes["x"])
    changed = tuple(replace(study, **changes).with_settings(settings) for study in studies)
    return StudyRequest(changed, _whole(given, "jobs"), "redo" in given, "dry_run" in given, name == ALL)


def _by_name(name: str, own_variants: bool, quick: bool) -> tuple[Study, ...]:
    if own_variants:
        raise ConfigError(
            f"study {name}: its variants are those of its file. Without a name: study -c RECIPE --vary …; a study "
            f"of your own: python -m dlcore study copy {'NAME' if name == ALL else name} FILE"
        )
    return tuple(read_study(find_study(each), quick) for each in (study_names() if name == ALL else [name]))


def _varied(recipes: list[str], vary: list[str], draws: int | None) -> Study:
    if not vary:
        raise ArgumentError(
            "study",
            "a study's name, or --vary",
            None,
            "For example: --vary model.dropout=0,0.25,0.5 (study --help).",
        )
    if len(recipes) > 1:
        raise ArgumentError("-c", "one recipe", " -c ".join(recipes))
    recipe = recipes[0] if recipes else DEFAULT_RECIPE
    varied = [read_vary(text) for text in vary]
    title = recipe_name(find_recipe(recipe))
    changed = [setting.rpartition(".")[2] for setting, _ in varied]
    return Study("_".join((title, *changed)), f"{title}: {' × '.join(changed)}", grid(recipe, varied, draws))


def _switched(words: list[str]) -> list[str]:
    """Give options without value one, so that no word behind them is taken for it."""
    return [
        f"{word}=true" if word.removeprefix("--") in _SWITCHES and word.startswith("--") else word for word in words
    ]


def _check_value(flag: Flag) -> None:
    if flag.value is None:
        raise ArgumentError(f"--{flag.name}", "a value behind it", None)
    if flag.name in _SWITCHES and flag.value != "true":
        raise ArgumentError(f"--{flag.name}", "no value behind it", flag.value)


def _check_setting(flag: Flag, subject: Subject) -> None:
    """A flag of fit; its name is checked with each variant."""
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
