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
from dlcore.tracking.metric_names import GAP, gap, is_share, known_modes, main_metric, mode_of, spoken
from dlcore.tracking.metric_pairs import as_logged

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
_TIME = "Time of training, with validation"
_ENDS = {"finished": "Finished", "interrupted": "Interrupted", "failed": "Failed"}


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
    rows = {**facts.rows, _TIME: duration(sum(map(_seconds, _sessions(events))))}
    lines = [f"# {escaped(facts.name)}", "", f"**{_headline(columns, events)}**", ""]
    lines += [f"> {escaped(facts.note)}", ""] if facts.note else []
    lines += [f"- {name}: {escaped(value)}" for name, value in rows.items() if value]
    results = _results(columns, known_modes(events))
    lines += ["", "## Result", "", *results] if results else []
    lines += ["", "## Findings", "", *(f"- {escaped(finding)}" for finding in findings)] if findings else []
    lines += ["", "## Curves", "", f"![Curves of the run over its epochs]({picture})"] if picture else []
    lines += ["", "## What happened", "", *_story(events)] if events else []
    lines += ["", "## Do it again", "", "```bash", *commands, "```"] if commands else []
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
    said = _ENDS[end["kind"]] if end else "Not ended"
    early = " early" if said == "Finished" and "stopped_early" in kinds else ""
    epochs = end.get("epoch") if end else None
    after = "" if epochs is None else f" after {epochs:g} epoch{'s' * (epochs != 1)}"
    lost = [str(event.get("metric")) for event in events if event["kind"] == "not_finite"]
    diverged = ", diverged" if any(name.endswith(("loss", "loss_step")) for name in lost) else ""
    name = f"val/{main_metric([n.removeprefix('val/') for n in columns if n.startswith('val/')])}"
    best = _best(columns, name, known_modes(events))
    own = as_logged(name, (each for each in columns if each != name)) if best else name
    reached = f": best {own} {_shown(name, best[0])} at epoch {best[1]:g}" if best else ""
    return escaped(f"{said}{early}{after}{diverged}{reached}.")


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
        reached = f"{_shown(name, best[0])} (epoch {best[1]:g})" if best else ""
        rows.append([spoken(name), reached, _shown(name, val), _shown(name, train), worse])
    heads = ["metric", "best validation", "last validation", "last training", "gap"]
    return [*table(heads, rows), "", f"{GAP[:1].upper()}{GAP[1:]}."] if rows else []


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
    return f"{value * 100:+.2f} points" if is_share(name) else f"{value:+.3g}"


def _story(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the events, a line each: only the last best state, and one line for all values that are not finite."""
    bests = [event for event in events if event["kind"] == "new_best"]
    lost = [event for event in events if event["kind"] == "not_finite"]
    lines = []
    for event in events:
        if event in bests[:-1] or event in lost[1:]:
            continue
        epoch = f"epoch {event['epoch']:g}, " if event.get("epoch") is not None else ""
        text = str(event["text"])
        if event in lost and lost[1:]:
            others = [f"{other.get('metric')} (step {other['step']:,})" for other in lost[1:]]
            text += f" Then: {', '.join(others)}."
        lines.append(f"- {epoch}step {event['step']:,}: {escaped(text)}")
    if len(lines) <= _MOST_EVENTS:
        return lines
    half = _MOST_EVENTS // 2
    return [*lines[:half], f"- … {len(lines) - 2 * half:,} more are in events.jsonl …", *lines[-half:]]


def duration(seconds: float) -> str:
    """Return a duration in words: ``1 h 5 min``, ``2 min 3 s``, ``4.5 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
