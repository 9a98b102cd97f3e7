"""The files of an evaluation: their names, which other data do not share, and the report of a test."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from dlcore.callbacks.data_facts import data_facts
from dlcore.errors import RunFileError, never_fatal
from dlcore.plain_text import decoded_name, file_name, printable
from dlcore.runs.evaluation_report import EvaluationReport, plain_report
from dlcore.runs.folder import run_of_checkpoint
from dlcore.runs.report_content import plain_number, report_figure, report_numbers
from dlcore.runs.report_page import html_page
from dlcore.tracking import confusion_matrix
from dlcore.tracking.figures.style import to_png
from dlcore.tracking.run_file import replace_file, run_title
from dlcore.translation import _

if TYPE_CHECKING:
    from dlcore.config.request import Request
    from dlcore.runs.command import Command


RECORD = ".evaluated.json"  # in the same folder: the evaluation of each file


def output_files(command: Command, folder: Path, *names: str) -> list[Path]:
    """Return the paths of an evaluation's files: ``test.json``, for other data ``test_photos.json``.

    If a file of that name belongs to another evaluation (other data, another checkpoint, other flags of the data), or
    is unknown, append the next free number: ``test_photos_2.json``.
    """
    known, own = _known(folder), _evaluation(command)
    data = f"_{name}" if (name := name_of_data(command.request)) else ""
    for number in count(1):
        ending = f"_{number}" if number > 1 else ""
        files = [f"{Path(name).stem}{data}{ending}{Path(name).suffix}" for name in names]
        if all(known.get(file) == own or not (folder / file).exists() for file in files):
            break
    return [folder / file for file in files]


def remember(command: Command, files: list[Path]) -> None:
    """Record which evaluation wrote the files."""
    folder = files[0].parent
    known = _known(folder) | {file.name: _evaluation(command) for file in files}
    replace_file(folder / RECORD, json.dumps(known, ensure_ascii=False, indent=1).encode(errors="replace"))


def _known(folder: Path) -> dict[str, Any]:
    try:
        known = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError):  # missing or damaged: no file is known, so none is replaced
        return {}
    return known if isinstance(known, dict) else {}


def _evaluation(command: Command) -> dict[str, Any]:
    path = command.settings.checkpoint_path
    flags = [[flag.name, _whole(flag.value)] for flag in command.request.flags if flag.name.split(".")[0] == "data"]
    return {
        "checkpoint": path.name if path and (path.parent.name == "checkpoints") else str(path and path.resolve()),
        "recipes": [_whole(recipe) for recipe in command.request.recipes],
        "flags": sorted(flags, key=lambda flag: flag[0]),
    }


def _whole(value: str | None) -> str | None:
    """Return a value; make a path absolute, since the working folder may differ next time."""
    if value is None:
        return None
    path = Path(value).expanduser()
    return decoded_name(str(path.resolve()) if path.exists() else value)


def name_of_data(request: Request) -> str:
    """Return a short name of the data chosen by flags; empty if flags choose none.

    It is the name of the file or folder; ``other`` for a pattern or a list.
    """
    data = request.value("data.path") or request.value("data.root") or request.value("data.pictures")
    if not data:
        return ""
    path = Path(data).expanduser()
    if not path.exists():
        return "other"
    if path.name in ("", ".."):
        path = path.resolve()
    name = (path.stem if path.is_file() else path.name).strip(".")
    return file_name(decoded_name(name)) if name else "other"


def class_names(command: Command) -> list[str] | None:
    """Return the class names of a command's model: those of the data, else numbers.

    Returns:
        The names; None if the model is not a classifier, or this is unknown.
    """
    facts = data_facts(command.datamodule)
    classes = getattr(getattr(command.model, "task", None), "num_classes", None)
    return facts.get("class_names") or (None if classes is None else [str(k) for k in range(classes)])


def write_test_report(
    command: Command, report: EvaluationReport | None = None, tell: Callable[[str], object] = print
) -> list[Path]:
    """Write a test's report into the checkpoint's run folder: ``test.json``, ``report.html`` and two pictures.

    The pictures are ``confusion_matrix.png``, of a classifier, and ``test.png``, if the outputs are known. Other data
    get other names; files of another evaluation are not replaced (`output_files`).

    Args:
        command: The test, after its run.
        report: Its report; None: the logged metrics only.
        tell: Called with a line if a picture or the page could not be made: the other files are still written.
    """
    checkpoint = command.settings.checkpoint_path
    folder = run_of_checkpoint(checkpoint)
    if checkpoint is None or folder is None:
        return []
    report = plain_report(command) if report is None else report
    wanted = {"test.json": json.dumps(_numbers(command, report), ensure_ascii=False, indent=1).encode(errors="replace")}
    pictures: dict[str, bytes] = {}
    with never_fatal("the confusion matrix", tell):
        confusion = getattr(command.model, "confusion_matrix", None)
        if isinstance(confusion, Tensor):
            drawn = confusion_matrix(confusion.cpu().numpy(), class_names(command) or [])
            pictures["confusion_matrix"] = to_png(drawn)[0]
    title, subject = _("Test of {run}").format(run=run_title(folder)), _subject(command)
    with never_fatal("the figure", tell):
        if (figure := report_figure(report, f"{run_title(folder)}: {subject}")) is not None:
            pictures["test"] = to_png(figure)[0]
    wanted |= {f"{name}.png": content for name, content in pictures.items()}
    with never_fatal("the page", tell):
        lines = [_("Changed for this test: {line}").format(line=line) for line in command.changes]
        wanted["report.html"] = html_page(report, title, subject, pictures, lines)
    contents = dict(zip(output_files(command, folder, *wanted), wanted.values(), strict=True))
    left = list(contents)
    try:
        while left:
            replace_file(left[0], contents[left[0]])
            left.pop(0)
        remember(command, list(contents))
    except RunFileError as error:
        missing = ", ".join(path.name for path in left)
        raise RunFileError(folder, f"{error.reason} ({missing})", error.remedy) from error
    return list(contents)


def _subject(command: Command) -> str:
    source = _(str(getattr(command.datamodule, "source", "") or type(command.datamodule).__name__))
    path = command.settings.checkpoint_path
    return printable(f"{source}; {path.name if path else ''}")


def _numbers(command: Command, report: EvaluationReport) -> dict[str, Any]:
    """Return the content of ``test.json``."""
    checkpoint = command.settings.checkpoint_path
    unit = getattr(getattr(command.model, "task", None), "unit", "samples")
    confusion = getattr(command.model, "confusion_matrix", None)
    numbers = {
        "data": getattr(command.datamodule, "source", ""),
        "checkpoint": checkpoint and checkpoint.name,
        unit: getattr(command.model, "evaluated", None),
        "overridden": command.changes,  # record where the test's settings differ from the run's
        **{name: plain_number(float(value)) for name, value in command.output[0].items()},
        **report_numbers(report),
    }
    if isinstance(confusion, Tensor):
        numbers["confusion_matrix"] = {
            "class_names": class_names(command) or [],
            "rows_are_targets": confusion.tolist(),
        }
    return numbers
