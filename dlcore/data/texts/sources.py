"""Read texts and their labels: a table's columns, a folder of class folders, or the built-in set."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dlcore.data.images.layout import PARTS, listed, part_of, subfolders
from dlcore.data.splits import group_numbers
from dlcore.data.tables.cells import CellFormat
from dlcore.data.tables.csv_file import detect_form, read_csv
from dlcore.data.tables.file_format import format_of
from dlcore.data.tables.table_file import open_table
from dlcore.data.topics import topic_sentences
from dlcore.errors import ArgumentError, DataError, UnknownNameError
from dlcore.plain_text import shell_word
from dlcore.text.corpus_files import ENDINGS, look_through, named_files, open_text
from dlcore.text.documents import normalize
from dlcore.text.encodings import check_encoding

if TYPE_CHECKING:
    from pandas import DataFrame, Series

Column = int | str


@dataclass(frozen=True)
class Texts:
    """Texts as read.

    Attributes:
        where: The file, folder or built-in set, for messages.
        texts: The texts, normalised, without blanks around them; empty where there is none.
        labels: The label of each; empty where there is none.
        parts: ``train``, ``val`` or ``test`` of each, if its folder says so; None: not split.
        groups: A number for each, equal for texts that must not be separated; None: none belong together.
        names: File of each; None where texts are no files.
    """

    where: str
    texts: list[str]
    labels: list[str]
    parts: list[str] | None = None
    groups: list[int] | None = None
    names: list[str] | None = None

    @property
    def shown(self) -> list[str]:
        """What names each text for a reader: its file, else the text itself."""
        return self.names if self.names is not None else self.texts

    @property
    def digest(self) -> str:
        """A hash of texts and labels."""
        found = hashlib.blake2b(digest_size=20)
        for text, label in zip(self.texts, self.labels, strict=True):
            found.update(f"{text}\0{label}\0".encode(errors="surrogatepass"))
        return found.hexdigest()


@dataclass(frozen=True)
class TextReader:
    """Reads texts; the arguments are those of `LabelledText`."""

    text: Column
    label: Column
    header: bool | str
    separator: str
    encoding: str | None
    group: Column | None = None

    def builtin(self, name: str) -> Texts:
        """Return the built-in set; the sentences of a template stay together."""
        texts, labels, groups = zip(*topic_sentences(), strict=True)
        return Texts(f"built-in {name}", list(texts), list(labels), groups=list(groups))

    def table(self, argument: str, name: str, label_needed: bool = True) -> Texts:
        """Read two columns of a table's file; a missing column of labels is an error if needed."""
        path = Path(name).expanduser()
        if not path.is_file():
            folder = f"That is a folder: --data.root {name}" if path.is_dir() else "It is not there."
            raise ArgumentError(argument, "a CSV or TSV file or a spreadsheet", name, folder)
        has_names = isinstance(self.text, str) or isinstance(self.label, str)
        header = has_names if self.header == "auto" else bool(self.header)
        if self.header == "auto" and not has_names:
            remedy = f"By their places alone, it is not known whether the first line of {name} is a text."
            raise ArgumentError("header", "true or false, where text and label are places", "auto", remedy)
        if format_of(path) == "csv":
            table = self._csv(path, header)
        else:
            file = open_table(path, "", "", header, 0, (), _TextCells())
            table = file.read(file.names)
        names = [str(each) for each in table.columns]
        texts = _cells(table.iloc[:, _place("text", self.text, names, name)])
        try:
            labels = _cells(table.iloc[:, _place("label", self.label, names, name)])
        except UnknownNameError:
            if label_needed:
                raise
            labels = [""] * len(texts)
        groups = self._groups(table, names, name) if label_needed else None
        shown = [normalize(text).strip() for text in texts]
        return Texts(name, shown, [label.strip() for label in labels], groups=groups)

    def _groups(self, table: DataFrame, names: Sequence[str], where: str) -> list[int] | None:
        """Return the number of each row's group; a row without one is a group of its own."""
        if self.group is None:
            return None
        cells = _cells(table.iloc[:, _place("group", self.group, names, where)])
        return [int(number) for number in group_numbers([cell.strip() for cell in cells])]

    def _csv(self, path: Path, header: bool) -> DataFrame:
        given = None if self.encoding is None else check_encoding(self.encoding)
        encoding = given if given and given.startswith(("utf-16", "utf-32")) else None
        encoding = encoding or look_through(path, given, "--data.encoding").encoding
        form = detect_form(path, encoding, self.separator, header, (), _TextCells())
        table = read_csv(path, form, form.names)
        for name in form.names if form.separator == "\t" else ():
            rows = [row for row, cell in enumerate(_cells(table[name]), 1) if "\n" in cell and "\t" in cell]
            if rows:
                raise DataError(
                    f"{path}: expected one text in row {rows[0]:,}, got several lines with a tab in them: a quotation "
                    "mark at the beginning of a text is closed lines later. Remove it, or put the whole text in "
                    "quotation marks and double those within it."
                )
        return table

    def folder(self, name: str, label_needed: bool = True) -> Texts:
        """Read a folder of class folders of text files, which may lie in folders train, val and test.

        Where no labels are needed, the folder may hold the files themselves.
        """
        top = Path(name).expanduser()
        if not top.is_dir():
            remedy = f"That is a file: --data.path {name}" if top.is_file() else "There is no such folder."
            raise ArgumentError("root", "a folder of class folders", name, remedy)
        inside = subfolders(top)
        named = {part_of(folder): folder for folder in inside if part_of(folder)}
        tops = {part: top / named[part] for part in PARTS if part in named}
        parted = "train" in tops and len(named) == len(inside) and all(map(subfolders, tops.values()))
        found: list[tuple[str, str, Path]] = []
        for part, above in tops.items() if parted else [("", top)]:
            classes = subfolders(above)
            if not classes and not label_needed:
                found += [(part, "", path) for path in named_files(str(above))]
            elif len(classes) < 2:
                raise DataError(
                    f"{above}: expected a folder for each of at least two classes, with text files in it, got "
                    f"{listed(classes) if classes else 'none'}. Put the texts of a class into a folder of its name."
                )
            for label in classes:
                found += [(part, label, path) for path in named_files(str(above / label))]
        texts = [self._file(path) for _, _, path in found]
        parts = [part for part, _, _ in found] if parted else None
        names = [str(path.relative_to(top)) for _, _, path in found]
        return Texts(name, texts, [label for _, label, _ in found], parts, names=names)

    def _file(self, path: Path) -> str:
        given = None if self.encoding is None else check_encoding(self.encoding)
        with path.open("rb") as binary, open_text(look_through(path, given, "--data.encoding"), binary) as source:
            return normalize(source.read()).strip()

    def outside(self, name: str) -> list[str]:
        """Return the text files of a folder that lie beside its class folders, and are not read."""
        inside = sorted(Path(name).expanduser().iterdir())
        return [path.name for path in inside if path.is_file() and path.suffix.lower() in ENDINGS]


class _TextCells(CellFormat):
    """Cells of text: only an empty one is missing; ``null`` and ``?`` are words."""

    @property
    def missing(self) -> tuple[str, ...]:
        return ("",)


def _cells(column: Series) -> list[str]:
    return [str(cell) for cell in column.fillna("")]


def _place(argument: str, wanted: Column, names: Sequence[str], where: str) -> int:
    """Return the place of a column by its name or place."""
    if str(wanted) in names:  # a column may be named 3
        return names.index(str(wanted))
    if isinstance(wanted, int):
        if not -len(names) <= wanted < len(names):
            raise ArgumentError(argument, f"a place from {-len(names)} to {len(names) - 1}, or a name", wanted)
        return wanted
    remedy = f"Choose one: --data.{argument} {shell_word(names[0])}, or its place in {where}, from 0."
    raise UnknownNameError(f"column (in data.{argument})", wanted, names, remedy)
