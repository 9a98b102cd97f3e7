"""``why`` of texts: what each word says for a class or for the next word, and which words mislead a classifier."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.text import Text

from dlcore.cli.predict_text import colored_words, rows_of_answer
from dlcore.cli.why.report import (
    LISTED_MISTAKES,
    MOST_MISTAKES,
    Report,
    check_note,
    for_and_against,
    no_mistakes,
    parts_left_out,
    percent,
    why_again,
)
from dlcore.errors import CheckpointError
from dlcore.insight.attribution.texts import TextReason, explain_mistakes, explain_next, explain_text
from dlcore.insight.attribution.trained import Trained
from dlcore.models import TextClassifier
from dlcore.runs import load_text_classifier, load_text_model
from dlcore.runs.evaluation_files import name_of_data
from dlcore.runs.folder import runs_root
from dlcore.runs.text_generation import class_of, class_path, newest_of, read_with_config
from dlcore.tracking.figures import Bars, attribution_bars
from dlcore.translation import _, ngettext

_TRAIN = "python -m dlcore fit -c rnn_topics"
_TITLE, _CELL = 24, 40  # characters of a text in a title, and in a table
_WEAK, _NAMED = 0.1, 3  # share of the greatest contribution; words that are named beside a mistake


def report_of_text(text: str, ckpt_path: str, name: str | None) -> Report:
    """Return the report of a text, for a text classifier or a text model.

    Args:
        text: The text.
        ckpt_path: ``best`` or ``last`` of the newest run of a model of text, a run's folder, or a file.
        name: Search only the runs of this recipe; None: all runs.

    Raises:
        CheckpointError: There is no such checkpoint, or it is of a model of another kind.
    """
    path = newest_of(
        lambda config: _reads_text(class_of(config)), "a model of text", _TRAIN, ckpt_path, runs_root(), name
    )
    _checkpoint, config = read_with_config(path)
    kind = class_of(config)
    if not _reads_text(kind):
        what = class_path(config, "model").rpartition(".")[2] or "model without a name"
        raise CheckpointError(
            f"{path}: expected a checkpoint of a model of text for --text, got one of {what}. Leave --text out: "
            f"python -m dlcore why --index 0. To train a model of text: {_TRAIN}"
        )
    short = _shortened(text, _TITLE)
    if kind is TextClassifier:
        reason, answer = explain_text(text, load_text_classifier(path))
        title = _("Why “{answer}”? {name}").format(answer=next(iter(reason.answers)), name=short)
        return _report(reason, path, title, colored_words(answer), rows_of_answer(answer), [_class_note()])
    reason = explain_next(text, load_text_model(path))
    best = next(iter(reason.answers))
    title = _("Why “{word}” after “{text}”?").format(word=best, text=short)
    rows = [(_("next word"), _(", ").join(f"{word} {percent(share)}" for word, share in reason.answers.items()))]
    if reason.reach is not None:
        back = ngettext("{n} token", "{n} tokens", reason.reach + 1).format(n=reason.reach + 1)
        rows.append((_("looks back"), _("95% of the gradient comes from the last {tokens}").format(tokens=back)))
    if reason.unknown:
        rows.append((_("unknown"), _(", ").join(reason.unknown)))
    if reason.not_read:
        rows.append((_("not read"), parts_left_out(reason.not_read)))
    styles = {True: "red", False: "green"}
    shown = Text().join(Text(word, styles[share < 0] if abs(share) > _WEAK else "") for word, share in _shares(reason))
    return _report(reason, path, title, shown, rows, [_next_note()])


def report_of_mistakes(trained: Trained) -> Report:
    """Return the report of a text classifier's wrong answers of which it is surest.

    Raises:
        DataError: There is none.
    """
    samples, shares, wrong, total = trained.mistakes(MOST_MISTAKES)
    if not samples:
        raise no_mistakes(total)
    reasons, misled = explain_mistakes(trained, samples), Counter[str]()
    table, checks = [], {}
    for place, (sample, share, reason) in enumerate(zip(samples, shares, reasons, strict=True)):
        falls = Counter[str]()
        for word, contribution in zip(reason.words, reason.contributions.tolist(), strict=True):
            falls[word] += contribution
        misled.update(falls)
        if place < LISTED_MISTAKES:
            said = _(", ").join(f"{word} ({fall:+.2f})" for word, fall in falls.most_common(_NAMED) if fall > 0)
            target, answer = trained.named(sample.target or 0), next(iter(reason.answers))
            text = _shortened(trained.text(sample), _CELL)
            table.append([str(sample.index), target, answer, percent(share), text, said])
            checks[f"--index {sample.index}"] = reason.check
    name = trained.command.settings.name
    title = _("Which words mislead {name}?").format(name=name)
    note = _("Sum over {n:,} wrong answers. Orange speaks for the wrong class, blue against it.").format(n=len(samples))
    chart = Bars(_("Left out"), _("the wrong answer falls by (nats)"), list(misled.values()))
    count = _("{n:,} of {total:,} ({share:.1%})").format(n=wrong, total=total, share=wrong / total)
    heads = [">" + _("index"), _("target"), _("answer"), ">" + _("probability"), _("text"), _("led to it most")]
    return Report(
        trained.command.settings.checkpoint_path,
        "_".join(filter(None, ("mistakes", name_of_data(trained.command.request)))),
        title,
        attribution_bars(list(misled), [chart], title, note),
        [(_("mistakes"), count)],
        heads,
        table,
        checks,
        notes=[_class_note(), check_note()],
        hints=[_("One of them: {command}").format(command=why_again(trained, f"--index {samples[0].index}"))],
    )


def _shortened(text: str, most: int) -> str:
    line = " ".join(text.split())
    return f"{line[:most]}…" if len(line) > most else line


def _reads_text(kind: object) -> bool:
    return kind is TextClassifier or hasattr(kind, "scores")


def _report(
    reason: TextReason, path: Path, title: str, shown: Text, rows: list[tuple[str, str]], notes: list[str]
) -> Report:
    numbered = [f"{place} {word}" for place, word in enumerate(reason.words, start=1)]
    charts = [Bars(_("Left out"), _("the answer falls by (nats)"), reason.contributions.tolist(), ranked=False)]
    heads = [_("word"), ">" + _("falls by (nats)")]
    table = [[word, f"{share:+.3f}"] for word, share in zip(reason.words, reason.contributions.tolist(), strict=True)]
    if reason.gradients is not None:
        charts.append(
            Bars(_("Gradient by embedding"), _("norm"), reason.gradients.tolist(), ranked=False, signed=False)
        )
        heads.append(">" + _("gradient"))
        table = [[*row, f"{norm:.3g}"] for row, norm in zip(table, reason.gradients.tolist(), strict=True)]
    answer, share = next(iter(reason.answers.items()))
    note = f"{_('answer')}: {answer} {percent(share)}. {for_and_against()}"
    return Report(
        path,
        "text",
        title,
        attribution_bars(numbered, charts, title, note),
        rows,
        heads,
        table,
        {_("leaving words out"): reason.check},
        words=_shares(reason),
        shown=shown,
        notes=[*notes, check_note()],
        hints=[_("Green words speak for the answer, red ones against it.")],
    )


def _shares(reason: TextReason) -> list[tuple[str, float]]:
    """Return the words with their shares of the greatest contribution."""
    greatest = float(reason.contributions.abs().max()) or 1.0
    return list(zip(reason.words, (reason.contributions / greatest).tolist(), strict=True))


def _class_note() -> str:
    return _(
        "By how many nats the log probability of the class falls when a word is left out (occlusion; Li, Monroe and "
        "Jurafsky 2016, arXiv:1612.08220)."
    )


def _next_note() -> str:
    return _(
        "By how many nats the log probability of the most probable next word falls when a word is left out (Li, Monroe "
        "and Jurafsky 2016, arXiv:1612.08220); and the norm of the gradient of its loss by each word's embedding, "
        "which shows how far back the network looks at all. Over a whole corpus: show memory."
    )
