"""``predict --text``: classify texts, and show what each word contributes."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from dlcore.cli.generated_output import read_prompts_file
from dlcore.cli.terminal import QUIET, open_console, print_columns, print_hints, short_path
from dlcore.config.request import Request
from dlcore.errors import ArgumentError
from dlcore.plain_text import csv_cell, file_name
from dlcore.translation import _

if TYPE_CHECKING:
    from dlcore.runs.text_classification import ClassifiedText

FLAGS = ("text", "texts_file")
_SHOWN, _NAMED = 3, 4  # classes and words that are named
_STRONG, _WEAK = 0.5, 0.1  # of the largest contribution
_MOST = 20  # texts that are shown with their words


def run(request: Request) -> int:
    """Classify the texts of the command line."""
    others = request.without(*FLAGS, "ckpt_path")
    if others:
        remedy = "Leave it out: words and classes are in the checkpoint, and nothing else is read."
        raise ArgumentError(f"--{others[0].name}", "--ckpt_path alone beside --text", others[0].value, remedy)
    if request.inputs:
        remedy = "A text with blanks stands in quotation marks; several are several --text."
        raise ArgumentError("--text", "one text behind it, and no other words", request.inputs[0], remedy)
    texts = [flag.value or "" for flag in request.flags if flag.name == "text"]
    for text in texts:
        if not text.strip():
            raise ArgumentError("--text", "a text behind it", text or None)
    file = request.value("texts_file")
    if any(flag.name == "texts_file" for flag in request.flags):
        texts += read_prompts_file(file or "", "--texts_file", "a text file with a text a line")
    from dlcore.runs.text_classification import classify, load_text_classifier

    loaded = load_text_classifier(request.value("ckpt_path") or "best", request.name)
    answers = classify(texts, loaded)
    console = open_console()
    for answer in answers[:_MOST]:
        console.print(colored_words(answer), soft_wrap=True)
        print_columns(console, [(Text(name, style=QUIET), said) for name, said in rows_of_answer(answer)], column=12)
        console.print()
    if len(answers) > _MOST:
        console.print(_("{n:,} more texts are in the file.").format(n=len(answers) - _MOST))
    path = _write(answers, loaded.class_names, loaded.path, file)
    print_columns(console, [(_("kept in"), short_path(path))], column=12, indent=0)
    hint = _(
        "Green words speak for the class, red ones against it. In brackets: by how many nats its log probability falls "
        "without the word (occlusion; Li, Monroe and Jurafsky 2016)."
    )
    print_hints(console, hint)
    return 0


def colored_words(answer: ClassifiedText) -> Text:
    """Return the text with its words in colours; a word of little influence has none."""
    largest = max(map(abs, answer.contributions), default=0.0)
    shown = Text()
    rest = answer.text
    for word, share in zip(answer.words, answer.contributions, strict=True):
        before, found, after = rest.partition(word)
        # Normalisation may have changed a word: then it is shown as it was read.
        shown.append(before if found else "", style="not bold")
        rest = after if found else rest
        colour = "green" if share > 0 else "red"
        size = abs(share) / largest if largest else 0.0
        strong = f"bold {colour}" if size >= _STRONG else colour if size >= _WEAK else ""
        shown.append(word, style=strong)
    return shown.append(rest, style=QUIET)


def rows_of_answer(answer: ClassifiedText) -> list[tuple[str, str]]:
    """Return classes and words of an answer, as rows of name and text."""
    separator = _(", ")
    classes = [f"{name} {share:.1%}" for name, share in list(answer.probabilities.items())[:_SHOWN]]
    rows = [(_("class"), separator.join(classes))]
    pairs = sorted(zip(answer.contributions, answer.words, strict=True), key=lambda pair: -abs(pair[0]))
    least = _WEAK * abs(pairs[0][0])
    for name, sign in ((_("for it"), 1), (_("against"), -1)):
        named = [f"{word} ({share:+.2f})" for share, word in pairs if share * sign > least][:_NAMED]
        if named:
            rows.append((name, separator.join(named)))
    if answer.unknown:
        rows.append((_("unknown"), separator.join(answer.unknown)))
    if answer.cut_off:
        rows.append((_("not read"), _("the last {n:,} words").format(n=answer.cut_off)))
    return rows


def _write(answers: Sequence[ClassifiedText], names: Sequence[str], checkpoint: Path, file: str | None) -> Path:
    """Write a row for each text, and return the file, in the checkpoint's run folder; the newest replace older ones."""
    from dlcore.runs.folder import run_of_checkpoint
    from dlcore.tracking.run_file import replacing

    folder = run_of_checkpoint(checkpoint)
    if folder is None or not os.access(folder, os.W_OK):
        folder = Path()
    path = folder / f"predictions_text{f'_{file_name(Path(file).stem)}' if file and file != '-' else ''}.csv"
    with replacing(path) as target:
        writer = csv.writer(target)
        writer.writerow(map(csv_cell, ["index", "text", "predicted", *(f"probability of {name}" for name in names)]))
        for index, answer in enumerate(answers):
            shares = [f"{answer.probabilities[name]:.6f}" for name in names]
            writer.writerow([index, csv_cell(answer.text), csv_cell(next(iter(answer.probabilities))), *shares])
    return path
