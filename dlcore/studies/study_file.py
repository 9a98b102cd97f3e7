"""Study files: find one by name or path, and read it strictly.

A study is a YAML file. The comment at its top is like a recipe's: purpose, command, result::

    title: Why inputs are scaled
    recipe: mlp_textbook              # the base of all variants; a variant may name its own
    settings: {trainer.max_epochs: 5} # flags for all variants
    variants:
      divided by 255: {data.scale: 255}
      0 to 255: {data.scale: 1}
    seeds: 3                          # 0, 1, 2; or a list
    plot: [loss, accuracy]            # also: distributions (of parameters), activations (spread of hidden values)
    x: epoch                          # or samples, seconds
    quick: {settings: {trainer.max_epochs: 2}}  # what --quick cuts; see `dlcore.studies.quick`
    claims:
      - says: Without scaling it does not learn.
        holds: train_accuracy("0 to 255") < 0.3 and train_accuracy("divided by 255") > 0.8
        textbook: 12% and 85%
        why_not: explanation shown if the claim is contradicted
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from dlcore.config import strict_yaml
from dlcore.config.allow_list import AllowList
from dlcore.config.recipe import find_file, find_recipe, names_in, recipe_header, recipe_text, recipes_folder
from dlcore.errors import ConfigError, UnknownNameError
from dlcore.studies.claim import read_claim
from dlcore.studies.quick import check_quick, cut
from dlcore.studies.study import X_AXES, Claim, Study, Variant, check_keys, check_variants, read_settings

_KEYS = ("title", "about", "recipe", "settings", "variants", "seeds", "plot", "x", "test", "claims", "quick")
_SETTINGS = ("settings", "variants", "quick")
_CLAIM_KEYS = ("says", "holds", "textbook", "full_only", "why_not")
_PLOT = ("loss", "accuracy")


def study_names() -> list[str]:
    """Return the names of the studies that come with dlcore, sorted."""
    return names_in(recipes_folder() / "studies")


def find_study(name_or_path: str) -> Path:
    """Return the file of a study; see `dlcore.config.recipe.find_file`."""
    return find_file("study", name_or_path, recipes_folder() / "studies", "study")


def read_study(path: Path, quick: bool = False, allow: Sequence[str] = ()) -> Study:
    """Read a study.

    Args:
        path: Its file.
        quick: Apply the cuts of its section ``quick``.
        allow: Packages whose classes it may name, in addition to those of the environment variable DLCORE_ALLOW.

    Raises:
        ConfigError: The file cannot be read, is not a valid study, a claim in it cannot be read, or there are no cuts
            although `quick` is set. The message has the file, and the line or the position in it.
        UnknownNameError: It has an unknown key, or names an unknown recipe or variant.
    """
    content = strict_yaml.load(recipe_text(path), str(path))
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: a study is made of keys such as `title:` and `variants:`.")
    check_keys(content, _KEYS, f"key of a study (in {path})")
    _check_named(content, path, allow)
    variants = _variants(content, path)
    study = Study(
        path.stem,
        _text(content, "title", path) or path.stem,
        variants,
        seeds_of(content.get("seeds", 1), f"{path}: seeds"),
        _claims(content.get("claims"), path),
        _plot(content.get("plot"), path),
        content.get("x", "epoch"),
        bool(content.get("test", False)),
        _text(content, "about", path),
        origin=str(path),
    )
    if study.x not in X_AXES:
        raise ConfigError(f"{path}: x: expected {' or '.join(X_AXES)}, got {study.x!r}.")
    check_claims(study, str(path))
    section, where = content.get("quick"), f"{path}: quick"
    if not quick:
        check_quick(study, section, where)
        return study
    return cut(study, section, where)


def extract_messages(
    file: BinaryIO, keywords: object, comment_tags: object, options: object
) -> Iterator[tuple[int, None, str, list[str]]]:
    """Yield what is shown translated of a study or a recipe that comes with dlcore: an extraction method of Babel.

    Args:
        file: The YAML file.
        keywords: Not used, as are the others: Babel gives them to every method.
        comment_tags: Not used.
        options: Not used.

    Yields:
        Line 0, no function, the message, no comments: the purpose at the top, and a study's title, text and claims.
    """
    content = strict_yaml.load(recipe_text(file.name), file.name)
    messages = [recipe_header(file.name).partition("\n")[0], content.get("title"), content.get("about")]
    messages += [claim.get(key) for claim in content.get("claims", ()) for key in _CLAIM_KEYS if key != "holds"]
    yield from ((0, None, message, []) for message in messages if message)


def check_claims(study: Study, where: str) -> None:
    """Check that claims name existing variants."""
    names = [variant.name for variant in study.variants]
    for number, claim in enumerate(study.claims, start=1):
        for quantity in claim.holds.quantities():
            if quantity.variant not in names:
                place = f"{where}: claims[{number}].holds, column {quantity.column + 1}"
                raise UnknownNameError(f"variant (in {place})", quantity.variant, names)


def seeds_of(value: Any, where: str) -> tuple[int, ...]:
    """Return seeds: a number of them from 0 on, or a list.

    Raises:
        ConfigError: The value is neither; the message begins with `where`.
    """
    seeds = list(range(value)) if isinstance(value, int) and not isinstance(value, bool) else value
    right = isinstance(seeds, list) and seeds and all(isinstance(s, int) and s >= 0 for s in seeds)
    if not right or len(set(seeds)) != len(seeds):
        raise ConfigError(f"{where}: expected how many (3), or a list without repetition ([0, 1, 2]), got {value!r}.")
    return tuple(seeds)


def _check_named(content: dict[str, Any], path: Path, allow: Sequence[str]) -> None:
    """Check the classes that settings name, as in a recipe: settings become flags, which are trusted."""
    allow_list = AllowList.of((), allow)
    for part in _SETTINGS:
        for settings in _each_settings(content.get(part)):
            allow_list.check(settings, f"{path}: names")


def _each_settings(value: Any) -> Iterator[dict[str, Any]]:
    """Yield a section that may hold settings, and all sections within it."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _each_settings(inner)


def _variants(content: dict[str, Any], path: Path) -> tuple[Variant, ...]:
    base, common = content.get("recipe"), read_settings(content.get("settings"), f"{path}: settings")
    listed = content.get("variants")
    if not isinstance(listed, dict):
        raise ConfigError(f"{path}: variants: expected names with settings, got {listed!r}.")
    variants = []
    for name, settings in listed.items():
        where = f"{path}: variants: {name}"
        own = read_settings(settings, where)
        recipe = own.pop("recipe", base)
        if not isinstance(recipe, str):
            raise ConfigError(f"{where}: expected a recipe (`recipe: NAME`, here or for all variants), got {recipe!r}.")
        beside = path.parent / recipe
        if recipe.endswith((".yaml", ".yml")) and beside.is_file():
            recipe = str(beside)  # a recipe next to the study, whatever the working folder
        find_recipe(recipe)
        variants.append(Variant(str(name), {**common, **own}, recipe))
    check_variants(tuple(variants), f"{path}: variants")
    return tuple(variants)


def _claims(listed: Any, path: Path) -> tuple[Claim, ...]:
    if listed is None:
        return ()
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise ConfigError(f"{path}: claims: expected a list, each with `says:` and `holds:`, got {listed!r}.")
    claims = []
    for number, each in enumerate(listed, start=1):
        where = f"{path}: claims[{number}]"
        check_keys(each, _CLAIM_KEYS, f"key of a claim (in {where})")
        for key in ("says", "holds"):
            if not isinstance(each.get(key), str) or not each[key].strip():
                raise ConfigError(f"{where}: {key}: expected text, got {each.get(key)!r}.")
        others = (str(each.get(key) or "") for key in _CLAIM_KEYS[2:])
        claims.append(Claim(each["says"], read_claim(each["holds"], f"{where}.holds"), *others))
    return tuple(claims)


def _plot(value: Any, path: Path) -> tuple[str, ...]:
    if value is None:
        return _PLOT
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        raise ConfigError(f"{path}: plot: expected a list of quantities such as [loss, accuracy], got {value!r}.")
    return tuple(value)


def _text(content: dict[str, Any], key: str, path: Path) -> str:
    value = content.get(key, "")
    if not isinstance(value, str):
        raise ConfigError(f"{path}: {key}: expected text, got {value!r}.")
    return value.strip()
