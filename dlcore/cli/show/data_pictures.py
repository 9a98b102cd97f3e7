"""``show data`` for pictures: the table in the terminal, and four pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.table import Table

from dlcore.cli.panels import warn_of_sample
from dlcore.cli.show.picture import picture_path, save_picture
from dlcore.cli.show.prepared import data_title
from dlcore.cli.show.subject import Words
from dlcore.cli.terminal import new_table, open_console, print_columns
from dlcore.insight import picture_data
from dlcore.insight.picture_features import picture_features, shrunk, to_grey
from dlcore.runs import Command
from dlcore.tracking.figures.picture_grids import image_grid
from dlcore.tracking.figures.pixels import hand_made_features, pixel_values

if TYPE_CHECKING:
    from dlcore.insight.picture_data import PictureSummary, Values

_EACH, _MOST_ROWS, _MOST_LISTED = 10, 20, 30
_READABLE, _SHRUNK = 28, 25  # pixels per side: unchanged up to the first, else shrunk to the second
_AUGMENTED, _EPOCHS = 6, 9
_MUCH = 1.5  # ratio of the largest to the smallest class from which weights are advised


def show_pictures(words: Words, command: Command, part: str, index: int) -> None:
    """Print the summary, and draw the pictures."""
    data = command.datamodule
    picture_data.check_sample(data, part, index)
    title = data_title(words)
    kinds = ("", "array", "features", "augmentation")
    paths = {kind: _path(words.given.get("out"), kind, title) for kind in kinds}
    summary = picture_data.summarize_pictures(data)
    console = open_console()
    print_columns(console, _rows(data, summary), column=14, indent=0)
    if summary.class_names:
        console.print(_class_table(summary))
    warn_of_sample(console, command.datamodule)

    classes = min(max(len(summary.class_names), 1), _MOST_ROWS)
    if summary.class_names:
        rows = picture_data.samples_by_class(data, part, _EACH, classes)
        more = f", {classes} of {len(summary.class_names)} classes" if classes < len(summary.class_names) else ""
        heading = f"{type(data).__name__}: {summary.sizes[part]:,} samples to {_use(part)}{more}"
        if any(len(row) for row in rows):
            grid = image_grid([picture_data.as_bytes(row) for row in rows], summary.class_names[:classes], heading)
            save_picture(grid, paths[""])

    pictures, targets = picture_data.stored_pictures(data, part, torch.tensor([index]))
    picture = picture_data.as_bytes(pictures)[0]
    name = _class_of(summary, targets)
    grey = to_grey(picture)
    small = shrunk(grey, _SHRUNK) if max(grey.shape) > _READABLE else grey
    lines = [" × ".join(str(length) for length in (*grey.shape, *picture.shape[:1]) if length > 1)]
    lines += ["on the right: its brightness"] if len(picture) == 3 else []
    lines += [f"shrunk to {small.shape[0]} × {small.shape[1]}"] if small is not grey else []
    about = f"{part} sample {index:,}{name}"
    figure = pixel_values(small.round(), picture, f"A picture is an array: {about}", "\n".join(lines))
    save_picture(figure, paths["array"])
    save_picture(hand_made_features(picture_features(picture), f"Features made by hand: {about}"), paths["features"])

    places = picture_data.spread(summary.sizes["train"], _AUGMENTED)
    if part == "train":
        places[0] = index
    forms = picture_data.augmented(data, places, _EPOCHS)
    if forms is not None:
        _, targets = picture_data.stored_pictures(data, "train", places)
        labels = [_class_of(summary, target[None]).removeprefix(", ") or "sample" for target in targets]
        headings = ["unchanged", *(f"epoch {epoch + 1}" for epoch in range(_EPOCHS))]
        figure = image_grid(forms, labels, "What augmentation makes of the same picture in each epoch", headings)
        save_picture(figure, paths["augmentation"])


def _path(out: str | None, kind: str, title: str) -> Path:
    if out is None or not kind:
        return picture_path(out, f"{kind or 'data'}_{title}")
    given = Path(out)
    return picture_path(str(given.with_name(f"{given.stem}_{kind}{given.suffix}")), "")


def _use(part: str) -> str:
    return {"train": "train on", "val": "validate on", "test": "test on"}[part]


def _class_of(summary: PictureSummary, target: torch.Tensor) -> str:
    """Return the class of a sample, after a comma."""
    if not summary.class_names:
        return ""
    number = int(target.argmax()) if target.numel() > 1 else int(target)
    return f", {summary.class_names[number]}" if 0 <= number < len(summary.class_names) else ""


def _rows(data: Any, summary: PictureSummary) -> list[tuple[str, str]]:
    channels, height, width = summary.image_shape
    kind = {1: "grey", 3: "red, green, blue"}.get(channels, f"{channels} channels")
    inputs = channels * height * width
    rows = [("data", type(data).__name__)]
    rows += [("source", summary.source)] if summary.source else []
    rows += [
        ("samples", ", ".join(f"{size:,} {part}" for part, size in summary.sizes.items())),
        ("picture", f"{channels} × {height} × {width} ({kind}): {inputs:,} numbers"),
        ("stored", _values(summary.stored)),
        ("network gets", _values(summary.given)),
    ]
    if summary.measured < summary.sizes["train"]:
        rows.append(("", f"(measured on {summary.measured:,} training samples)"))
    if summary.class_names:
        counts = summary.counts["train"]
        most, least = max(counts), min(counts)
        words = f"{len(summary.class_names)}, each with {least:,} training samples"
        if most > least:
            words = (
                f"{len(summary.class_names)}, with {least:,} to {most:,} training samples (1 : {summary.imbalance:.3g})"
            )
        if summary.imbalance >= _MUCH:
            words += ". A network may learn to prefer the larger ones: weigh the classes (--model.class_weights)"
            words += ", or draw them evenly (--data.balanced true)" if getattr(data, "balanced", None) is False else ""
        rows.append(("classes", words))
    return rows


def _values(values: Values) -> str:
    mean, std = (", ".join(f"{number:.4g}" for number in numbers) for numbers in (values.mean, values.std))
    return f"{values.dtype}, {values.low:.4g} to {values.high:.4g}, mean {mean}, standard deviation {std}"


def _class_table(summary: PictureSummary) -> Table:
    table = new_table("class", *(f">{part}" for part in summary.counts), ">share of train")
    total = max(summary.sizes["train"], 1)
    for number, name in enumerate(summary.class_names[:_MOST_LISTED]):
        counts = [counts[number] for counts in summary.counts.values()]
        share = summary.counts["train"][number] / total
        table.add_row(name, *(f"{count:,}" for count in counts), f"{share:.1%}")
    if len(summary.class_names) > _MOST_LISTED:
        table.add_row(f"… and {len(summary.class_names) - _MOST_LISTED} more")
    return table
