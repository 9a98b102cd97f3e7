"""The page for each kind of model, made with gradio."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from dlcore.cli.try_page.answers import answer_to_drawing, answer_to_picture, answer_to_row, answer_to_text
from dlcore.data import FashionMNIST, Table
from dlcore.data.tables.encoding import Days, OneHot
from dlcore.errors import ArgumentError, DlcoreError, FitError
from dlcore.insight.attribution.trained import Trained, load_trained
from dlcore.models import TextClassifier
from dlcore.runs import generate, load_text_classifier, load_text_model
from dlcore.runs.checkpoint_file import find_checkpoint
from dlcore.runs.folder import runs_root
from dlcore.runs.text_generation import class_of, read_with_config
from dlcore.translation import _

_SHOWN = 5  # classes
_MOST_COLUMNS = 40
_LONGEST = 500  # tokens that are written


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        blocks: gradio's page.
        checkpoint: The checkpoint that answers.
    """

    blocks: gr.Blocks
    checkpoint: Path


def page_of(ckpt_path: str, name: str | None, words: Sequence[str]) -> Page:
    """Make the page of a checkpoint.

    Args:
        ckpt_path: ``best``, ``last``, a run's folder or a file.
        name: Search only the runs of this recipe; None: all runs.
        words: Flags of the data, as for ``test``.

    Raises:
        CheckpointError: There is no such checkpoint.
        FitError: There is no page for its data.
    """
    path = find_checkpoint(ckpt_path, runs_root(), name)
    kind = class_of(read_with_config(path)[1])
    with gr.Blocks(title="dlcore", analytics_enabled=False) as blocks:
        gr.Markdown(f"## dlcore: {path.parent.parent.parent.name}")
        if kind is TextClassifier:
            _texts(load_text_classifier(path))
        elif hasattr(kind, "scores"):
            _writing(load_text_model(path))
        else:
            trained = load_trained(f"--ckpt_path={path}", *words)
            if isinstance(trained.data, Table):
                _rows(trained)
            elif hasattr(trained.data, "read_picture"):
                _pictures(trained)
            else:
                raise FitError(
                    f"try: expected a model of pictures, of a table or of texts, got {type(trained.model).__name__} "
                    f"trained on {type(trained.data).__name__}. Its answers: python -m dlcore predict --ckpt_path "
                    f"{ckpt_path}"
                )
    return Page(blocks, path)


def _told(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with errors for users shown on the page."""

    @functools.wraps(function)
    def told(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except DlcoreError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return told


def _pictures(trained: Trained) -> None:
    with gr.Row():
        with gr.Column(scale=1, min_width=320):
            with gr.Tab(_("Picture")):
                file = _dropped()
                ask_file = gr.Button(_("Answer"), variant="primary")
            with gr.Tab(_("Draw")):
                drawing = _sketchpad(isinstance(trained.data, FashionMNIST) and not trained.data.invert)
                ask_drawing = gr.Button(_("Answer"), variant="primary")
        with gr.Column(scale=1, min_width=320):
            label = _label(trained)
    maps = _figure()
    ask_file.click(_told(functools.partial(answer_to_picture, trained)), file, [label, maps], api_name="picture")
    ask_drawing.click(_told(functools.partial(answer_to_drawing, trained)), drawing, [label, maps], api_name="drawing")


def _dropped() -> gr.Image:
    """Return a field for a picture, whose file is given as it was dropped.

    gradio's own reading has no limits, and no words for a broken file.
    """
    field: Any = gr.Image(type="filepath", sources=["upload", "clipboard"], label=_("picture"), height=300)
    field.preprocess = lambda payload: None if payload is None else payload.path
    picture: gr.Image = field
    return picture


def _figure() -> gr.Image:
    return gr.Image(show_label=False, type="pil", format="png", interactive=False, buttons=["download"])


def _sketchpad(is_dark: bool) -> gr.Sketchpad:
    """Return a field to draw on: white on black where the training pictures are so."""
    paper, pen = ("black", "#ffffff") if is_dark else ("white", "#000000")
    sheet = Image.new("RGB", (280, 280), paper)
    value: Any = {"background": sheet, "layers": [], "composite": sheet}
    return gr.Sketchpad(
        value=value, type="pil", image_mode="RGB", layers=False,
        transforms=(), canvas_size=(280, 280), fixed_canvas=True, label=_("drawing"), format="png",
        brush=gr.Brush(default_size=14, colors=[pen], default_color=pen, color_mode="fixed"),
    )  # fmt: skip


def _rows(trained: Trained) -> None:
    schema = trained.data.schema
    columns = {} if schema is None else schema.encoding.columns
    if not 0 < len(columns) <= _MOST_COLUMNS:
        raise ArgumentError(
            "try",
            f"a table of at most {_MOST_COLUMNS} columns",
            len(columns),
            "Its answers to the rows of a file: python -m dlcore predict FILE.csv --ckpt_path best",
        )
    fields: list[Any] = []
    with gr.Row():
        for name, column in columns.items():
            if isinstance(column, OneHot):
                field: Any = gr.Dropdown(column.categories, value=column.categories[0], label=name, min_width=150)
            elif isinstance(column, Days):
                field = gr.Textbox(value=column.text(column.mean), label=name, min_width=150)
            else:
                field = gr.Number(value=float(f"{column.mean:.4g}"), label=name, min_width=150)
            fields.append(field)
    ask = gr.Button(_("Answer"), variant="primary")
    label = _label(trained)
    bars = _figure()
    names = list(columns)
    ask.click(
        _told(lambda *values: answer_to_row(trained, names, values)), fields, [label, bars], api_name="row"
    )  # fmt: skip


def _label(trained: Trained) -> Any:
    if trained.reading.task == "regression":
        return gr.Textbox(label=_("answer"), interactive=False)
    return gr.Label(num_top_classes=_SHOWN, label=_("answer"))


def _texts(loaded: Any) -> None:
    text = gr.Textbox(label=_("text"), lines=3, max_length=2000)
    ask = gr.Button(_("Answer"), variant="primary")
    with gr.Row():
        label = gr.Label(num_top_classes=_SHOWN, label=_("answer"))
        words = gr.HighlightedText(label=_("what each word said for it"), show_legend=True)
    for event in (ask.click, text.submit):
        event(_told(functools.partial(answer_to_text, loaded)), text, [label, words], api_name="text")


def _writing(loaded: Any) -> None:
    prompt = gr.Textbox(label=_("beginning"), value="", max_length=500)
    with gr.Row():
        length = gr.Slider(10, _LONGEST, value=60, step=10, label=_("tokens"))
        temperature = gr.Slider(0.1, 2.0, value=1.0, step=0.1, label=_("temperature: careful to random"))
        seed = gr.Number(0, precision=0, label=_("seed"))
    ask = gr.Button(_("Write"), variant="primary")
    written = gr.Textbox(label=_("text"), lines=8, interactive=False)

    def write(beginning: str, tokens: float, heat: float, chosen: float) -> str:
        size = min(int(tokens), _LONGEST)
        return generate(
            beginning, loaded, seed=int(chosen or 0), length=size, unit="tokens", temperature=float(heat)
        )[0].text  # fmt: skip

    for event in (ask.click, prompt.submit):
        event(_told(write), [prompt, length, temperature, seed], written, api_name="write")
