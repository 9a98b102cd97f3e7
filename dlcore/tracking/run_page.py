"""``summary.md``: a run on one page, to share with others."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from dlcore.tracking.figures.learning_curves import Columns, any_of
from dlcore.tracking.metric_names import GAP, gap, is_share, known_modes, main_metric, metric_words, mode_of
from dlcore.tracking.metric_pairs import as_logged
from dlcore.translation import _, ngettext

# An underscore within a word is harmless; at its edge it may start or end italics.
_SIGNS = re.compile(r"[\\`*\[\]<>|]|(?<!\w)_|_(?!\w)|~(?=~)")
# Beginnings of a line that would make it a heading or a list.
_AT_THE_START = re.compile(r"^(\d*)([#+=.)-])(?=[\s#=-]|$)")


def escaped(text: str) -> str:
    """Put text on one line and escape Markdown's special characters. Letters of any script do not change."""
    line = _SIGNS.sub(lambda sign: f"\\{sign[0]}", " ".join(text.split()))
    return _AT_THE_START.sub(r"\1\\\2", line)


def table(heads: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a table; all columns except the first are right-aligned.

    Args:
        heads: The columns' names.
        rows: The cells of each row, one per column; this function escapes them.
    """
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (map(escaped, heads), rule, *(map(escaped, row) for row in rows))]


# Maximum number of events on the page: of more, the middle ones are omitted.
_MOST_EVENTS = 40
_ENDS = ("finished", "interrupted", "failed")


@dataclass(frozen=True)
class RunFacts:
    """Facts for the page that are in no file of the run."""

    name: str  # the run's name (``mlp_fashion_mnist, version_3``)
    rows: Mapping[str, str]  # facts in order: name and value (``Model``, ``MLP, 535,818 parameters``)
    note: str = ""  # A warning at the top; empty: none


def run_page(
    facts: RunFacts,
    columns: Columns,
    events: Sequence[Mapping[str, Any]],
    findings: Sequence[str] = (),
    picture: str = "",
) -> str:
    """Write the page.

    Args:
        facts: Model, data and other facts.
        columns: The run's metrics, from `read_metrics`.
        events: The run's events, from `read_events`.
        findings: Findings about the run, a line each.
        picture: Path of the curves' figure relative to the page; empty: none.

    Returns:
        Markdown. Paths are relative to the working folder or to ``~``.
    """
    commands = [str(event["command"]) for event in events if event.get("command")]
    rows = {**facts.rows, _("Time of training, with validation"): duration(sum(map(_seconds, _sessions(events))))}
    lines = [f"# {escaped(facts.name)}", "", f"**{_headline(columns, events)}**", ""]
    lines += [f"> {escaped(facts.note)}", ""] if facts.note else []
    lines += [_("- {name}: {value}").format(name=name, value=escaped(value)) for name, value in rows.items() if value]
    results = _results(columns, known_modes(events))
    lines += ["", "## " + _("Result"), "", *results] if results else []
    lines += ["", "## " + _("Findings"), "", *(f"- {escaped(finding)}" for finding in findings)] if findings else []
    alt = _("Curves of the run over its epochs")
    lines += ["", "## " + _("Curves"), "", f"![{alt}]({picture})"] if picture else []
    lines += ["", "## " + _("What happened"), "", *_story(events)] if events else []
    lines += ["", "## " + _("Do it again"), "", "```bash", *commands, "```"] if commands else []
    return without_places("\n".join(lines) + "\n")


def without_places(text: str) -> str:
    """Remove the user's folders from a text: omit the working folder, and write ``~`` for the home folder."""
    for place, short in ((Path.cwd(), "."), (Path.home(), "~")):
        if place != Path(place.anchor):
            # Match whole folder names only.
            text = re.sub(rf"{re.escape(str(place))}/(?=[^\s/])", "" if short == "." else "~/", text)
            text = re.sub(rf"{re.escape(str(place))}(?![\w.-])", short, text)
    return text


def _sessions(events: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Split the events at each start or resume of the run."""
    sessions: list[list[Mapping[str, Any]]] = []
    for event in events:
        if event["kind"] in ("started", "resumed") or not sessions:
            sessions.append([])
        sessions[-1].append(event)
    return sessions


def _seconds(session: Sequence[Mapping[str, Any]]) -> float:
    """Return the duration of a session; if it was killed, until its last event."""
    for event in reversed(session):
        if "seconds" in event:
            return float(event["seconds"])
    first, last = (datetime.fromisoformat(str(event["time"])) for event in (session[0], session[-1]))
    return (last - first).total_seconds()


def _headline(columns: Columns, events: Sequence[Mapping[str, Any]]) -> str:
    """Describe how the run ended, and its best result."""
    session = _sessions(events)[-1] if events else []
    kinds = [event["kind"] for event in session]
    end = next((event for event in reversed(session) if event["kind"] in _ENDS), None)
    ended = end["kind"] if end else ""
    early = ended == "finished" and "stopped_early" in kinds
    said = {
        "finished": _("Finished early") if early else _("Finished"),
        "interrupted": _("Interrupted"),
        "failed": _("Failed"),
    }.get(ended, _("Not ended"))
    epochs = end.get("epoch") if end else None
    if epochs is not None:
        after = ngettext("{said} after {n:g} epoch", "{said} after {n:g} epochs", 2 - (epochs == 1))
        said = after.format(said=said, n=epochs)
    lost = [str(event.get("metric")) for event in events if event["kind"] == "not_finite"]
    if any(name.endswith(("loss", "loss_step")) for name in lost):
        said = _("{said}, diverged").format(said=said)
    name = f"val/{main_metric([n.removeprefix('val/') for n in columns if n.startswith('val/')])}"
    best = _best(columns, name, known_modes(events))
    own = as_logged(name, (each for each in columns if each != name)) if best else name
    if best:
        reached = _("{said}: best {metric} {value} at epoch {epoch:g}")
        said = reached.format(said=said, metric=own, value=_shown(name, best[0]), epoch=best[1])
    return escaped(_("{text}.").format(text=said))


def _results(columns: Columns, modes: Mapping[str, str]) -> list[str]:
    """Return a table with best and last value of each metric, and the gap between training and validation."""
    names = {
        name.partition("/")[2] for name in columns if name.startswith(("train/", "val/")) and any_of(columns[name])
    }
    names = {name for name in names if not name.endswith(("_step", "penalty"))}
    first = [name for name in ("loss", main_metric(names)) if name in names]
    rows = []
    for name in dict.fromkeys([*first, *sorted(names)]):
        train, val = _last(columns, f"train/{name}"), _last(columns, f"val/{name}")
        best = _best(columns, f"val/{name}", modes)
        worse = "" if train is None or val is None else _gap(name, gap(f"val/{name}", train, val, modes))
        reached = _("{value} (epoch {epoch:g})").format(value=_shown(name, best[0]), epoch=best[1]) if best else ""
        rows.append([metric_words(name), reached, _shown(name, val), _shown(name, train), worse])
    heads = [_("metric"), _("best validation"), _("last validation"), _("last training"), _("gap")]
    gap_said = _("{text}.").format(text=f"{_(GAP)[:1].upper()}{_(GAP)[1:]}")
    return [*table(heads, rows), "", gap_said] if rows else []


def _best(columns: Columns, name: str, modes: Mapping[str, str]) -> tuple[float, float] | None:
    """Return the best value of a metric and the epochs completed by then; None if its mode is unknown."""
    mode = mode_of(name, modes)
    values = np.array(columns.get(name, ()), dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    if mode is None or not np.isfinite(values).any():
        return None
    at = int(np.nanargmax(values) if mode == "max" else np.nanargmin(values))
    epoch = columns.get("epoch", columns["step"])[at]
    return float(values[at]), math.nan if epoch is None else float(epoch)


def _last(columns: Columns, name: str) -> float | None:
    return next((value for value in reversed(columns.get(name, ())) if value is not None), None)


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2%}" if is_share(name) and math.isfinite(value) else f"{value:.4g}"


def _gap(name: str, value: float) -> str:
    if not math.isfinite(value):
        return ""
    return _("{points:+.2f} points").format(points=value * 100) if is_share(name) else f"{value:+.3g}"


def _story(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the events, a line each: only the last best state, and one line for all values that are not finite."""
    bests = [event for event in events if event["kind"] == "new_best"]
    lost = [event for event in events if event["kind"] == "not_finite"]
    lines = []
    for event in events:
        if event in bests[:-1] or event in lost[1:]:
            continue
        text = str(event["text"])
        if event in lost and lost[1:]:
            other = _("{metric} (step {step:,})")
            others = [other.format(metric=each.get("metric"), step=each["step"]) for each in lost[1:]]
            text = _("{text} Then: {others}.").format(text=text, others=_(", ").join(others))
        said = _("- step {step:,}: {text}")
        if event.get("epoch") is not None:
            said = _("- epoch {epoch:g}, step {step:,}: {text}")
        lines.append(said.format(epoch=event.get("epoch"), step=event["step"], text=escaped(text)))
    if len(lines) <= _MOST_EVENTS:
        return lines
    half = _MOST_EVENTS // 2
    more = _("- … {n:,} more are in events.jsonl …").format(n=len(lines) - 2 * half)
    return [*lines[:half], more, *lines[-half:]]


def duration(seconds: float) -> str:
    """Return a duration in words: ``1 h 5 min``, ``2 min 3 s``, ``4.5 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return _("{hours} h {minutes} min").format(hours=hours, minutes=minutes)
    if minutes:
        return _("{minutes} min {seconds} s").format(minutes=minutes, seconds=rest)
    return _("{seconds:.1f} s").format(seconds=seconds)
