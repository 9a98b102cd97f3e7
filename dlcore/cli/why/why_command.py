"""``why``: which parts of the input decided a trained model's answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dlcore.cli.flag_rows import flag_row
from dlcore.cli.own_options import OwnOptions, option_row, read_options
from dlcore.cli.terminal import (
    one_line_warnings,
    open_console,
    print_columns,
    print_examples,
    print_heading,
    print_paragraph,
    print_usage,
)
from dlcore.config.catalogue import settings_info, summary
from dlcore.config.request import Flag, Request, check_files
from dlcore.errors import ArgumentError, FitError, UnknownNameError, nearest

if TYPE_CHECKING:
    from dlcore.cli.why.report import Report
    from dlcore.insight.attribution.trained import Trained

SUMMARY = (
    "Which parts of the input decided a trained model's answer: pixels, columns, words. Each map is checked: without "
    "what it marks the answer must fall, and a network with random weights must give another map. A picture and a page "
    "are kept in the run's folder, under why/."
)
_COLUMN = 37
_METHODS = ("grad_cam", "integrated_gradients", "occlusion")  # of dlcore.insight.attribution, without importing torch
_PASSED = ("data", "trainer", "allow")  # flags of `test`
_OF_TEXTS = "Leave it out: of texts it is occlusion."
_EXAMPLES = (
    "why --index 7",
    "why photo.jpg --ckpt_path best -c cnn_images",
    "why --mistakes",
    "why -c mlp_table_binary",
    "why -c mlp_table_binary --index 3",
    "why -c rnn_topics --text 昨晚的球赛很精彩",
    "why -c rnn_topics --mistakes",
    "why -c rnn_lyrics --text 明月",
)


@dataclass(frozen=True)
class Call:
    """Options of the command.

    Args:
        ckpt_path: The best or the last checkpoint of the newest run, a run's folder, or a file.
        index: A sample of the test split, by its place in it, from 0.
        mistakes: The wrong answers of the test split of which the model is surest, on one page; of a regression the
            largest errors.
        text: A text: what each word says for the class, or for the next word.
        method: Of pictures: grad_cam, integrated_gradients or occlusion alone; left out, all that fit the model.
    """

    ckpt_path: str = "best"
    index: int | None = None
    mistakes: bool = False
    text: str | None = None
    method: str | None = None


def run(argv: list[str]) -> int:
    """Explain an answer."""
    arguments = settings_info("cli/why/why_command.py", "Call").arguments
    if {"-h", "--help", "--help-all"} & set(argv):
        _print_help()
        return 0
    own, passed = _split(argv)
    names = {"image": "the picture's file alone", "idx": "--index", "methods": "--method", "errors": "--mistakes"}
    given = read_options("why", own, arguments, names, takes_words=True)
    call = Call(**{name: given.get(name) for name in given.values})
    picture = _check(call, given)
    check_files(Request("why", given.recipes, [Flag("ckpt_path", call.ckpt_path)]))
    one_line_warnings()
    words = [word for recipe in given.recipes for word in ("-c", recipe)]
    words += [f"--ckpt_path={call.ckpt_path}", *passed]
    if call.text is not None:
        from dlcore.cli.why.of_texts import report_of_text

        if passed:
            remedy = "Leave it out: words and classes are in the checkpoint, and nothing else is read."
            raise ArgumentError(passed[0], "--ckpt_path alone beside --text", passed[-1], remedy)
        report_of_text(call.text, call.ckpt_path, given.run_name()).show()
        return 0
    from dlcore.insight.attribution.trained import load_trained

    trained = load_trained(*words)
    asks_split = trained.of_texts and (call.mistakes or call.index is not None)
    if (hasattr(trained.model, "scores") or trained.of_texts) and not asks_split:
        expected = f"a text, since {type(trained.model).__name__} is a model of text"
        raise ArgumentError("--text", expected, str(picture) if picture else None, "For example: --text 明月")
    _report(trained, call, picture).show()
    return 0


def _report(trained: Trained, call: Call, picture: Path | None) -> Report:
    from dlcore.cli.why import of_pictures, of_tables, of_texts

    if trained.of_texts:
        if call.method is not None:
            raise ArgumentError("--method", "a model of pictures", call.method, _OF_TEXTS)
        if call.mistakes:
            return of_texts.report_of_mistakes(trained)
        text = trained.text(trained.sample(call.index or 0))
        return of_texts.report_of_text(text, str(trained.command.settings.checkpoint_path), None)
    methods = None if call.method is None else (call.method,)
    if picture is not None:
        return of_pictures.report_of_picture(trained, trained.picture(picture), methods)
    sample = trained.sample(call.index or 0)
    dimensions = sample.inputs.dim()
    if dimensions == 4:
        if call.mistakes:
            return of_pictures.report_of_mistakes(trained, methods)
        return of_pictures.report_of_picture(trained, sample, methods)
    if dimensions != 2:
        shape = tuple(sample.inputs.shape)
        raise FitError(f"data: expected pictures (N, C, H, W) or rows (N, F), got {shape} from {type(trained.data)}.")
    if call.method is not None:
        what = f"a model of pictures ({type(trained.data).__name__} gives rows of numbers)"
        raise ArgumentError("--method", what, call.method, "Leave it out; one row: --index 3")
    if call.mistakes:
        return of_tables.report_of_mistakes(trained)
    if call.index is None:
        return of_tables.report_of_table(trained)
    return of_tables.report_of_row(trained, sample)


def _split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words of the command itself, and flags of the data and the trainer, which `test` takes."""
    own, passed, words = [], [], list(argv)
    while words:
        word = words.pop(0)
        if not word.startswith("--") or word[2:].partition("=")[0].split(".")[0] not in _PASSED:
            own.append(word)
            continue
        passed.append(word)
        if "=" not in word and words and not words[0].startswith("--"):
            passed.append(words.pop(0))
    return own, passed


def _check(call: Call, given: OwnOptions) -> Path | None:
    """Return the picture's file, if one is given, after what can be checked without slow imports."""
    if len(given.words) > 1:
        raise ArgumentError("why", "one picture", " ".join(given.words), f"Type: python -m dlcore why {given.words[0]}")
    asked = {"a picture": given.words, "--index": call.index is not None, "--mistakes": call.mistakes}
    asked["--text"] = call.text is not None
    chosen = [name for name, value in asked.items() if value]
    if len(chosen) > 1:
        raise ArgumentError("why", f"one of {', '.join(asked)}", " and ".join(chosen), "Ask one after the other.")
    if call.method is not None and call.method not in _METHODS:
        raise UnknownNameError("method", call.method, _METHODS)
    if call.text is not None and not call.text.strip():
        raise ArgumentError("--text", "a text behind it", call.text or None)
    if call.text is not None and call.method is not None:
        raise ArgumentError("--method", "a model of pictures", call.method, _OF_TEXTS)
    if not given.words:
        return None
    path = Path(given.words[0]).expanduser()
    if not path.is_file():
        folder = path.parent if path.parent.is_dir() else None
        near = nearest(path.name, (each.name for each in folder.iterdir())) if folder and not path.is_dir() else None
        remedy = f"Did you mean {folder / near}?" if folder and near else ""
        what = "a folder" if path.is_dir() else "which is not there"
        raise ArgumentError("why", "a picture's file", f"{path} ({what})", remedy)
    return path


def _print_help() -> None:
    console = open_console()
    print_usage(console, "why [PICTURE] [--option VALUE ...]")
    print_paragraph(console, SUMMARY)
    print_heading(console, "Options")
    shown = {"ckpt_path": "best|last|FILE", "index": "N", "text": "TEXT", "method": "NAME"}
    options = settings_info("cli/why/why_command.py", "Call").arguments
    rows = [
        option_row(argument, shown[name]) if name in shown else flag_row(f"--{name}", "", summary(argument.help))
        for name, argument in options.items()
    ]
    rows.insert(0, flag_row("PICTURE", "", "A picture of your own, for a model of pictures."))
    rows.insert(2, flag_row("-c", "RECIPE", "Look among the runs of this recipe only, for best and last."))
    rows.append(flag_row("--data.…", "", "Other data than the run's: any flag of test."))
    rows.append(flag_row("--allow", "PACKAGE,…", "Packages of your own whose classes the checkpoint may name."))
    print_columns(console, rows, column=_COLUMN)
    without = "Without PICTURE, --index, --mistakes and --text: of a table all columns, of pictures the first sample."
    print_paragraph(console, without)
    print_examples(console, _EXAMPLES)
