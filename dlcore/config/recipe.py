"""Recipes: find one by name or path, and read it strictly.

A recipe is a YAML file for LightningCLI that runs a whole experiment. The comment at its top gives its purpose (the
first line, one sentence), the command that runs it and the result it reached.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dlcore.errors import ConfigError, UnknownNameError, nearest
from dlcore.plain_text import file_name, shell_word

DEFAULT_RECIPE = "mlp_fashion_mnist"
_PACKAGE = Path(__file__).resolve().parent.parent
_MAX_BYTES = 8_000_000  # the parser's own limit counts characters
_KINDS = {list: "list", str: "piece of text", bool: "yes or no", int: "number", float: "number"}
_SUFFIXES = (".yaml", ".yml")


def recipes_folder() -> Path:
    """Return the folder of dlcore's recipes: inside the package in an installed wheel, next to it in a checkout."""
    packaged = _PACKAGE / "configs"
    return packaged if (packaged / f"{DEFAULT_RECIPE}.yaml").is_file() else _PACKAGE.parent / "configs"


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with dlcore, sorted."""
    return names_in(recipes_folder())


def names_in(folder: Path) -> list[str]:
    """Return the names of the YAML files in a folder, without suffix, sorted; none if the folder does not exist."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def find_recipe(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the file of a recipe; see `find_file`."""
    return find_file("recipe", os.fspath(name_or_path), recipes_folder(), "recipes")


def find_file(kind: str, text: str, folder: Path, command: str) -> Path:
    """Return the file of a recipe or a study.

    Args:
        kind: ``recipe`` or ``study``.
        text: The name of one that comes with dlcore (``mlp_fashion_mnist``), or a YAML file. A name beats a file of
            the same name. ``~`` is the home folder.
        folder: The folder of those that come with dlcore.
        command: The command that lists them.
    """
    names, path = names_in(folder), Path(text).expanduser()
    if text in names:
        return folder / f"{text}.yaml"
    if not text.strip():
        raise ConfigError(f"The {kind}'s name is empty; `python -m dlcore {command}` lists those that there are.")
    try:
        if path.is_file():
            return path
        if path.is_dir():
            raise ConfigError(f"{path}: a folder, where a {kind} (a YAML file) was expected.")
        if path.exists():
            raise ConfigError(f"{path}: neither a file nor a folder; save the {kind} to a file first.")
    except OSError as error:  # no permission to search the folder; a name longer than the file system allows
        raise ConfigError(f"{path}: cannot be read: {error.strerror}.") from error
    if not path.suffix and path.name == text:
        own = Path("configs", f"{text}.yaml")
        remedy = f"`python -m dlcore {command}` lists them; a file of your own is given with its path"
        remedy += f": {shell_word(str(own))}" if own.is_file() else "."
        raise UnknownNameError(kind, text, names, remedy)
    if path.suffix in _SUFFIXES and path.name == text and path.stem in names:
        hint = f" The {kind} that comes with dlcore is named without suffix: {path.stem}."
    elif not path.parent.is_dir() or not os.access(path.parent, os.R_OK):
        hint = f" Its folder {str(path.parent)!r} cannot be read or does not exist."
    else:
        files = [other.name for other in path.parent.iterdir() if other.suffix in _SUFFIXES]
        near = nearest(path.name, files)
        hint = f" Did you mean {str(path.parent / near)!r}?" if near else ""
    raise ConfigError(f"{path}: there is no such file.{hint}")


def recipe_name(path: str | os.PathLike[str]) -> str:
    """Return a recipe's name, which its runs' folder has too: the file's name, or for a run's config the recipe's."""
    path = Path(path)
    run = path.resolve().parent
    # A run saves its config as lightning_logs/<recipe>/version_<N>/config.yaml.
    name = run.parent.name if path.name == "config.yaml" and run.name.startswith("version_") else path.stem
    return file_name(name)


def read_recipe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a recipe strictly."""
    from dlcore.config import strict_yaml  # here, so that listing recipes need not load a YAML parser

    content = strict_yaml.load(recipe_text(path), str(path))
    if content is None or content == {}:
        raise ConfigError(f"{path}: the recipe is empty; it needs sections such as `model:` and `data:`.")
    if not isinstance(content, dict):
        said = f"{path}: a recipe is made of sections (`model:`, `data:`, …), not of a {_KINDS.get(type(content))}."
        if isinstance(content, str) and "：" in content:
            said += " Its colons are full-width (：): YAML's is the one of ASCII, with a space behind it (: )."
        raise ConfigError(said)
    for section in content:
        if not isinstance(section, str):
            raise ConfigError(f"{path}: a section's name is a word such as `model`, not {section!r}.")
    return content


def recipe_header(path: str | os.PathLike[str]) -> str:
    """Return the comment at the top of a recipe without its ``#``: purpose, command, result. Empty if it has none."""
    lines: list[str] = []
    for line in recipe_text(path).lstrip().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("#").removeprefix(" ").rstrip())
    return "\n".join(lines).strip("\n")


def recipe_text(path: str | os.PathLike[str]) -> str:
    """Return a recipe's text, without a byte order mark."""
    try:
        if (size := Path(path).stat().st_size) > _MAX_BYTES:
            raise ConfigError(f"{path}: expected a recipe of at most {_MAX_BYTES:,} bytes, got {size:,}.")
        content = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}.") from error
    byte_order_mark = b"\xef\xbb\xbf"
    skipped = len(byte_order_mark) if content.startswith(byte_order_mark) else 0
    try:
        return content[skipped:].decode("utf-8")
    except UnicodeDecodeError as error:
        offset = skipped + error.start
        line = content.count(b"\n", 0, offset) + 1
        utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        what = "it looks like UTF-16" if utf16 else f"byte {offset} (line {line}) is 0x{content[offset]:02x}"
        raise ConfigError(f"{path}: not UTF-8: {what}. Save the file as UTF-8.") from error
