"""What a model answers on the page: probabilities, and a picture of what decided.

Shapes: K classes.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from dlcore.cli.why.of_pictures import report_of_picture
from dlcore.cli.why.of_tables import report_of_row
from dlcore.data import Table
from dlcore.errors import ArgumentError
from dlcore.insight.attribution.methods import outputs_of
from dlcore.insight.attribution.trained import Sample, Trained
from dlcore.runs import TextClassifierModel, classify
from dlcore.tracking.figures.style import to_png
from dlcore.translation import _

Shares = dict[str, float]
_LONGEST = 2000  # characters of a text


def answer_to_picture(trained: Trained, path: str | None) -> tuple[Shares | str, Image.Image]:
    """Return probabilities (of a regression the number) and the maps of a picture.

    Args:
        trained: The model.
        path: The picture's file.

    Raises:
        DataError: The file is no picture, or too large.
        ArgumentError: There is no file.
    """
    if path is None:
        raise ArgumentError(_("picture"), _("a picture: drop one"), None)
    sample = trained.picture(Path(path))
    return _shares(trained, sample), _drawn(report_of_picture(trained, sample).figure)


def answer_to_drawing(trained: Trained, drawing: Mapping[str, Any] | None) -> tuple[Shares | str, Image.Image]:
    """Return the answer to a drawing, as gradio's sketchpad gives it: background and layers, joined in a picture."""
    joined = (drawing or {}).get("composite")
    if joined is None:
        raise ArgumentError(_("drawing"), _("a drawing: draw with the mouse"), None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, _("drawing") + ".png")
        joined.save(path)
        return answer_to_picture(trained, str(path))


def answer_to_row(trained: Trained, names: Sequence[str], values: Sequence[Any]) -> tuple[Shares | str, Image.Image]:
    """Return probabilities (of a regression the number), and what each column said.

    Args:
        trained: The model of a table.
        names: The columns.
        values: A number or a category for each.

    Raises:
        ArgumentError: A value is missing.
    """
    for name, value in zip(names, values, strict=True):
        if value is None or value == "":
            raise ArgumentError(name, _("a value"), None)
    data: Table = trained.data
    sample = Sample(data.read_rows(pd.DataFrame([dict(zip(names, values, strict=True))])), name=_("your row"))
    return _shares(trained, sample), _drawn(report_of_row(trained, sample).figure)


def answer_to_text(loaded: TextClassifierModel, text: str) -> tuple[Shares, list[tuple[str, float]]]:
    """Return probabilities, and each word with what it said for the most probable class, -1 to 1.

    Raises:
        ArgumentError: The text has no words, or is too long.
    """
    if len(text) > _LONGEST:
        raise ArgumentError(_("text"), _("at most {n:,} characters").format(n=_LONGEST), f"{len(text):,}")
    (answer,) = classify(text, loaded)
    greatest = max(map(abs, answer.contributions), default=0.0) or 1.0
    words = zip(answer.words, answer.contributions, strict=True)
    return answer.probabilities, [(word, share / greatest) for word, share in words]


def _shares(trained: Trained, sample: Sample) -> Shares | str:
    """Return the probability of each class; of a regression the number as text."""
    outputs, reading = outputs_of(trained.model, sample.inputs), trained.reading
    if reading.task == "regression":
        return ", ".join(f"{value:.4g}" for value in outputs[0].tolist())
    probabilities = reading.probabilities(outputs)[0].tolist()
    return {trained.named(number): share for number, share in enumerate(probabilities)}


def _drawn(figure: Any) -> Image.Image:
    return Image.open(io.BytesIO(to_png(figure)[0]))
