"""``mistakes``: training samples whose label is probably wrong."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from dlcore.cli.show.subject import Option, Subject, read_words
from dlcore.cli.terminal import new_table, open_console, print_paragraph, short_path
from dlcore.errors import ArgumentError, check_number
from dlcore.plain_text import csv_cell
from dlcore.translation import _, ngettext

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dlcore.insight.label_doubts import LabelDoubts

_FOLDS, _EPOCHS = 3, 3
SUBJECT = Subject(
    "mistakes",
    "List the training samples whose label is probably wrong.",
    "[-c RECIPE] [--flag VALUE ...]",
    "The training samples are divided into parts; each part is judged by a model of the recipe that was trained for a "
    "few epochs on the others (cross-validation). A label is doubted if the probability of another class reaches that "
    "class's mean over its own samples (confident learning, Northcutt et al. 2021, arXiv:1911.00068). Look at each "
    "before you change it: a doubted label may be right, and the sample odd. With --ckpt_path a trained model judges "
    "its own training samples, which is quick and finds fewer: what it has learned by heart it does not doubt. No run "
    "and no weights are kept.",
    (
        Option("folds", str(_FOLDS), "Parts of the cross-validation, 2 to 20."),
        Option("epochs", str(_EPOCHS), "Epochs of each training."),
        Option("num", "20", "Samples in the table and the picture; the file has all."),
        Option("ckpt_path", "best|last|FILE", "A trained model judges, instead of the cross-validation."),
        Option("out", "FILE.png", "File of the picture; left out: show/label_errors_RECIPE.png. Beside it the .csv."),
    ),
    ("mistakes", "mistakes -c cnn_images --data.root photos/ --epochs 5", "mistakes -c rnn_topics --ckpt_path best"),
)


def run(argv: list[str]) -> int:
    """Find the doubted labels of a recipe's training samples."""
    words = read_words(SUBJECT, argv)
    folds, epochs = (int(words.number(*each, whole=True)) for each in (("folds", _FOLDS), ("epochs", _EPOCHS)))
    num = int(words.number("num", 20, whole=True))
    check_number("--folds", folds, at_least=2, at_most=20, whole=True)
    check_number("--epochs", epochs, at_least=1, whole=True)
    check_number("--num", num, at_least=1, at_most=128, whole=True)
    checkpoint = words.given.get("ckpt_path")
    if checkpoint and {"folds", "epochs"} & set(words.given):
        raise ArgumentError("--ckpt_path", "nothing with --folds and --epochs: nothing is trained", checkpoint)
    words.recipe += [f"--ckpt_path={checkpoint}"] if checkpoint else [f"--trainer.max_epochs={epochs}"]
    from dlcore.cli.panels import warn_of_sample
    from dlcore.cli.show.picture import picture_path, save_picture
    from dlcore.cli.show.prepared import data_title, prepared
    from dlcore.insight.label_doubts import doubted_labels

    path = picture_path(words.given.get("out"), f"label_errors_{data_title(words)}")
    console = open_console()
    if checkpoint:
        warning = _(
            "The checkpoint's model judges samples that it was trained on: what it has learned by heart it does not "
            "doubt. Without --ckpt_path, each sample is judged by a model that has not seen it."
        )
        print_paragraph(console, warning)
    else:
        said = _("Cross-validation: {folds} trainings (epochs: {epochs}), each on {share:.0%} of the samples.")
        print_paragraph(console, said.format(folds=folds, epochs=epochs, share=1 - 1 / folds))
    tell = lambda fold: print(_("training {n} of {all}").format(n=fold, all=folds), flush=True)  # noqa: E731
    command = prepared(words)
    doubts = doubted_labels(lambda: prepared(words), 0 if checkpoint else folds, tell)
    _print_table(doubts, num)
    path.parent.mkdir(exist_ok=True)
    table = path.with_suffix(".csv")
    _write(doubts, table)
    print(f"table: {short_path(table)}")
    if (figure := _figure(doubts, command.datamodule, num, data_title(words))) is not None:
        save_picture(figure, path)
    warn_of_sample(console, command.datamodule)
    return 0


def _print_table(doubts: LabelDoubts, num: int) -> None:
    from dlcore.insight.label_doubts import table_rows

    console, count = open_console(), len(doubts.errors.places)
    said = ngettext(
        "{n:,} label of {all:,} is doubted ({share:.1%}); the model agrees with {right:.1%} of all.",
        "{n:,} labels of {all:,} are doubted ({share:.1%}); the model agrees with {right:.1%} of all.",
        count,
    )
    total = len(doubts.labels)
    print_paragraph(console, said.format(n=count, all=total, share=count / total, right=doubts.accuracy))
    if not count:
        return
    heads, rows = table_rows(doubts, num)
    table = new_table(*(f">{head}" if head in ("index", "probability of it", "of this") else head for head in heads))
    for row in rows:
        table.add_row(*(cell if len(cell) <= 40 else f"{cell[:39]}…" for cell in row))
    console.print(table)


def _write(doubts: LabelDoubts, path: Path) -> None:
    from dlcore.insight.label_doubts import table_rows
    from dlcore.tracking.run_file import replacing

    heads, rows = table_rows(doubts)
    with replacing(path) as file:
        writer = csv.writer(file)
        writer.writerow(heads)
        writer.writerows([csv_cell(cell) for cell in row] for row in rows)


def _figure(doubts: LabelDoubts, datamodule: object, num: int, title: str) -> Figure | None:
    """Return the doubted pictures with their given and their likely label; None for other data."""
    import torch

    from dlcore.insight.picture_data import as_bytes, channels_first, image_shape
    from dlcore.tracking.figures import captioned_pictures

    shape = image_shape(datamodule)
    places, likely = doubts.errors.places[:num], doubts.errors.likely[:num]
    if shape is None or not len(places):
        return None
    pictures = channels_first(doubts.part.inputs[torch.from_numpy(doubts.indices[places])], shape)
    captions = []
    for given, other, shares in zip(doubts.labels[places], likely, doubts.probabilities[places], strict=True):
        names = doubts.class_names[given], doubts.class_names[other]
        captions.append([f"given {names[0]}", f"{shares[given]:.1%}", f"likely {names[1]}", f"{shares[other]:.1%}"])
    head = f"{title}: the {len(places)} most doubted of {len(doubts.labels):,} labels"
    return captioned_pictures(as_bytes(pictures), captions, head)
