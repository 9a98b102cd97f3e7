"""``show data``: the data that a network will learn from."""

from __future__ import annotations

from collections.abc import Sequence

from dlcore.cli.show.subject import Option, Subject, Words, read_words
from dlcore.errors import ArgumentError, check_number

SUBJECT = Subject(
    "show data",
    "Splits, classes, values and pictures.",
    "[-c RECIPE] [--flag VALUE ...]",
    "Of pictures: the grid, a row a class; one of them as its array, with the value on each pixel; its channels, "
    "histogram, gradients and edges; and what augmentation makes of it. Of a table: each column's kind, range, mean, "
    "categories and missing values, and a histogram of each, coloured by the target. Of a corpus: its parts, its most "
    "frequent words, and a document with the cuts between its words. Of labelled texts: the classes, the words typical "
    "of each, and a text of each. Of any other LightningDataModule: the first batch of each loader.",
    (
        Option("part", "train", "Which pictures, documents or texts: train, val or test."),
        Option("index", "0", "Which of them is shown in detail, counted from 0."),
        Option(
            "out",
            "FILE.png",
            "File of the grid; the other pictures get names like FILE_array.png; left out: show/data_RECIPE.png.",
        ),
    ),
    ("show data -c mlp_fashion_mnist --index 7", "show data -c mlp_table_binary", "show data --part test --out x.png"),
)


def run(argv: list[str]) -> int:
    """Show the data of a recipe."""
    words = read_words(SUBJECT, argv)
    part = words.choice("part", ("train", "val", "test"))
    index = int(words.number("index", 0, whole=True))
    check_number("--index", index, at_least=0)
    from dlcore.cli.show.prepared import prepared
    from dlcore.data import ArrayData, ChineseCorpus, LabelledText, Table
    from dlcore.insight.picture_data import image_shape
    from dlcore.insight.short_training import read_data

    command = prepared(words, only_data=True)
    datamodule = command.datamodule
    if isinstance(datamodule, Table):
        _refuse_choice(words, "a table is shown whole")
        from dlcore.cli.show.data_tables import show_table

        show_table(words, command)
        return 0
    if isinstance(datamodule, ChineseCorpus):
        from dlcore.cli.show.data_tables import show_corpus

        read_data(datamodule)
        show_corpus(words, datamodule, part, index)
        return 0
    if isinstance(datamodule, LabelledText):
        from dlcore.cli.show.data_texts import show_texts

        read_data(datamodule)
        show_texts(words, datamodule, part, index)
        return 0
    if not isinstance(datamodule, ArrayData) or image_shape(datamodule) is None:
        _refuse_choice(words, "of this class the first batch of each loader is shown", ("part", "index", "out"))
        from dlcore.cli.show.data_tables import show_loaders

        read_data(datamodule)
        show_loaders(datamodule)
        return 0
    from dlcore.cli.show.data_pictures import show_pictures

    read_data(datamodule)
    show_pictures(words, command, part, index)
    return 0


def _refuse_choice(words: Words, why: str, options: Sequence[str] = ("part", "index")) -> None:
    for name in options:
        if name in words.given:
            raise ArgumentError(f"--{name}", f"data that are pictures ({why})", words.given[name], "Leave it out.")
