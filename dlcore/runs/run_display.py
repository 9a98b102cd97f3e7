"""A run as a notebook shows it: its summary with its figures, or its metrics."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from dlcore.callbacks.run_summary import PAGE
from dlcore.notebook import png_text
from dlcore.tracking.run_page import table

_PICTURE = r"!\[([^\]]*)\]\(([^)]+\.png)\)"


def shown_run(command: str, metrics: dict[str, float], folder: Path | None) -> str:
    """Return a command's results in Markdown.

    Args:
        command: ``fit``, ``validate``, ``test`` or ``predict``.
        metrics: Its metrics by name.
        folder: The run's folder, with its summary and its figures; None: only the metrics are shown.

    Returns:
        Markdown that holds its pictures, and needs no file.
    """
    if folder is None or not (folder / PAGE).is_file():
        rows = [[name, f"{value:.4g}"] for name, value in metrics.items()]
        return "\n".join([f"**{command}**", "", *(table(["metric", "value"], rows) if rows else [])])
    text = (folder / PAGE).read_text(encoding="utf-8")
    shown = {unquote(target) for _, target in re.findall(_PICTURE, text)}
    others = [path.name for path in sorted(folder.glob("*.png")) if path.name not in shown]
    text += "".join(f"\n![{name}]({name})\n" for name in others)
    return re.sub(_PICTURE, lambda found: _with_content(found[1], folder / unquote(found[2])) or found[0], text)


def _with_content(label: str, path: Path) -> str:
    return f"![{label}](data:image/png;base64,{png_text(path.read_bytes())})" if path.is_file() else ""
