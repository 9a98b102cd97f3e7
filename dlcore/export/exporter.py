"""Export a trained model: write the file, compare its answers with `predict`, and measure it.

Shapes: N samples, K answers of a sample.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dlcore.errors import ArgumentError, FitError, RunFileError
from dlcore.export.exportable import Exportable
from dlcore.export.formats import ENDINGS, Run, check_installed, opened, quantize, runner, write
from dlcore.export.loading import load_exportable
from dlcore.runs.folder import run_of_checkpoint

TOLERANCE = 1e-5  # largest difference of answers; of numbers above 1, relative
_WORDS = 50  # that are written to compare a text model
_TOGETHER = 256  # samples of a batch whose time is measured
_SECONDS = 0.2  # of each measurement
_ROUNDS = 3


@dataclass(frozen=True)
class Speed:
    """Size and speed of one form of a network, on one thread.

    Attributes:
        name: ``torch``, or the file's name.
        size: Bytes of the file; of ``torch``, of the weights.
        latency: Seconds for one sample.
        throughput: Samples per second, many at once.
        score: Share of right answers, or R² of a regression; None if unknown.
    """

    name: str
    size: int
    latency: float
    throughput: float
    score: float | None


@dataclass(frozen=True)
class Export:
    """A written export.

    Attributes:
        path: The file.
        exported: What it is of.
        difference: Largest difference of its answers from those of `predict`; of numbers above 1, relative.
        compared: Number of samples, or words of a text, on which they were compared.
        speeds: torch's, the file's and, if there is one, the quantised file's.
        score: Name of the speeds' score: ``accuracy`` or ``R²``.
        files: All files written.
    """

    path: Path
    exported: Exportable
    difference: float
    compared: int
    speeds: list[Speed]
    score: str
    files: list[Path]


def export_model(
    ckpt_path: str = "best",
    format: str = "onnx",
    int8: bool = False,
    out: str | Path | None = None,
    name: str | None = None,
    words: Sequence[str] = (),
) -> Export:
    """Export a checkpoint: ``export_model("best").path``.

    The file is written only if its answers agree with those of `predict` on test samples, to 1e-5; a text model must
    write the same words.

    Args:
        ckpt_path: ``best``, ``last``, a run's folder or a file.
        format: ``onnx`` (with preparation of the inputs), ``torch`` (torch.export, likewise) or ``safetensors`` (the
            weights).
        int8: Write a second ONNX file with weights of 8 bits.
        out: Folder for the files; None: ``export`` in the run's folder.
        name: Search only the runs of this recipe; None: all runs.
        words: Flags of the data, as for ``test``.

    Raises:
        ArgumentError: Unknown format, or int8 of another than ONNX.
        CheckpointError: There is no such checkpoint.
        FitError: The network cannot be exported, or its file gives other answers.
    """
    if format not in ENDINGS:
        raise ArgumentError("--format", " or ".join(ENDINGS), format)
    if int8 and format != "onnx":
        raise ArgumentError("--int8", "nothing with another format than onnx", format, "Leave it out.")
    check_installed(format)
    exported = load_exportable(ckpt_path, name, words)
    folder = _folder(out, exported.path)
    with tempfile.TemporaryDirectory(prefix=".export", dir=folder) as beside, torch.inference_mode():
        made = [Path(beside, f"model.{ENDINGS[format]}")]
        with torch.inference_mode(False):
            write(format, exported, made[0])
        runs = {"torch": runner(exported.network), made[0].name: opened(format, exported, made[0])}
        difference, compared = _compare(exported, runs[made[0].name], made[0].name)
        if int8:
            made.append(Path(beside, "model.int8.onnx"))
            quantize(made[0], made[1])
            runs[made[1].name] = opened(format, exported, made[1])
        kind, scores = _scores(exported, runs)
        sizes = {path.name: path.stat().st_size for path in made}
        sizes["torch"] = sum(value.nbytes for value in {*exported.network.parameters(), *exported.network.buffers()})
        timed = runs if format != "safetensors" else {"torch": runs["torch"]}
        speeds = [Speed(each, sizes[each], *times, scores.get(each)) for each, times in _times(exported, timed).items()]
        files = [folder / path.name for path in made]
        for path, target in zip(made, files, strict=True):
            path.replace(target)
    files += _write_beside(exported, folder, format)
    return Export(files[0], exported, difference, compared, speeds, kind, files)


def _folder(out: str | Path | None, checkpoint: Path) -> Path:
    """Return the folder of the files, and create it."""
    run = run_of_checkpoint(checkpoint)
    folder = Path(out).expanduser() if out is not None else (run or Path()) / "export"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        remedy = "Choose another folder: --out FOLDER"
        raise RunFileError(folder, error.strerror or str(error), remedy) from error
    return folder


def _write_beside(exported: Exportable, folder: Path, format: str) -> list[Path]:
    """Write the example script and what it needs."""
    script = {"onnx": exported.script or "run_onnx.py", "torch": "run_torch.py", "safetensors": "load_weights.py"}
    files = [folder / script[format], *(folder / name for name in exported.files)]
    shutil.copyfile(Path(__file__).with_name("scripts") / files[0].name, files[0])
    for name, content in exported.files.items():
        (folder / name).write_text(content, encoding="utf-8")
    return files


# Comparison


def _compare(exported: Exportable, run: Run, name: str) -> tuple[float, int]:
    """Return the largest difference from torch's answers, and the number of samples or words compared."""
    if exported.writes_text:
        return _compare_words(exported, run, name), _WORDS
    (found,) = run(*exported.inputs)
    expected = exported.expected if exported.expected is not None else runner(exported.network)(*exported.inputs)[0]
    if not expected.isfinite().all():
        raise FitError(f"{exported.path}: the network's answers are not finite: its training diverged.")
    difference = _difference(found, expected)
    if not difference <= TOLERANCE:  # a NaN is no agreement
        raise _refused(name, f"answers that agree to {TOLERANCE:g}, got a difference of {difference:.2g}")
    return difference, len(expected)


def _difference(found: Tensor, expected: Tensor) -> float:
    return float(((found - expected).abs() / expected.abs().clamp(min=1)).max())


def _compare_words(exported: Exportable, run: Run, name: str) -> float:
    """Let torch write two texts, the most probable word each time; the file must choose the same words."""
    own = runner(exported.network)
    tokens, *state = exported.inputs
    there, difference = list(state), 0.0
    for _ in range(_WORDS):
        scores, *state = own(tokens, *state)
        found, *there = run(tokens, *there)
        difference = max(difference, _difference(found, scores))
        best, chosen = scores[:, 1:].topk(2), found[:, 1:].argmax(dim=1)
        apart = best.values[:, 0] - best.values[:, 1] > 1e-4  # else rounding decides
        if bool(((best.indices[:, 0] != chosen) & apart).any()) or not found.isfinite().all():
            raise _refused(name, "the same words as torch writes, got others")
        # The second text takes the second best word, so that it is another one; neither has an unknown word.
        tokens = best.indices.diagonal() + 1
    return difference


def _refused(name: str, what: str) -> FitError:
    return FitError(f"{name}: expected {what}. Nothing is kept of it. Try another format: --format torch")


def _scores(exported: Exportable, runs: dict[str, Run]) -> tuple[str, dict[str, float]]:
    """Return the name of the score, and the score of each run: share of right answers, or R²."""
    if exported.targets is None or exported.expected is None:
        return "", {}
    targets, found = exported.targets, {name: run(*exported.inputs)[0] for name, run in runs.items()}
    if exported.about.get("classes"):
        return "accuracy", {name: float((each.argmax(1) == targets).float().mean()) for name, each in found.items()}
    if exported.about.get("task") != "regression":
        return "", {}
    targets = targets.reshape(len(targets), -1).double()
    spread = float(((targets - targets.mean(dim=0)) ** 2).sum())
    errors = {name: float(((each.double() - targets) ** 2).sum()) for name, each in found.items()}
    return "R²", {name: 1 - error / spread for name, error in errors.items() if spread}


# Speed


def _times(exported: Exportable, runs: dict[str, Run]) -> dict[str, tuple[float, float]]:
    """Return seconds for one sample, and samples per second, of each run: in turns, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        one, many = _first(exported, 1), _first(exported, _TOGETHER)
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
        for _ in range(_ROUNDS):
            for name, run in runs.items():
                found[name].append((_seconds(run, one), _seconds(run, many)))
    finally:
        torch.set_num_threads(threads)
    medians = {name: [statistics.median(each) for each in zip(*pairs, strict=True)] for name, pairs in found.items()}
    return {name: (single, _TOGETHER / together) for name, (single, together) in medians.items()}


def _first(exported: Exportable, count: int) -> tuple[Tensor, ...]:
    """Return the network's arguments for so many samples, repeated if there are fewer."""
    axes = [0] + [1] * (len(exported.inputs) - 1)  # the samples' axis of a state is its second
    places = torch.arange(count) % exported.inputs[0].shape[0]
    rows: Any = zip(exported.inputs, axes, strict=True)
    first = [value.index_select(axis, places).contiguous() for value, axis in rows]
    return tuple(first)


def _seconds(run: Run, inputs: tuple[Tensor, ...]) -> float:
    """Return the median time of a call."""
    run(*inputs)
    times: list[float] = []
    while sum(times) < _SECONDS:
        began = time.perf_counter()
        run(*inputs)
        times.append(time.perf_counter() - began)
    return statistics.median(times)
