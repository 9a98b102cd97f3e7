"""Checkpoint files: write them atomically, find them by name, read them without running code, check their weights."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from enum import Enum
from pathlib import Path, PurePath
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.pytorch import LightningModule
from torch import nn
from torch.nn.parameter import is_lazy

import dlcore
from dlcore.callbacks.resume_state import is_plain
from dlcore.errors import CheckpointError
from dlcore.plain_text import printable
from dlcore.runs.folder import run_folders

# The entry of dlcore in a checkpoint, next to Lightning's.
RECORD_KEY = "dlcore"

_HYPER_PARAMETERS = {"hyper_parameters", "datamodule_hyper_parameters"}  # Lightning's names for them


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoint writer: write a temporary file in the same folder, flush it to disk, then rename it.

    Of a module's hyper-parameters (`save_hyperparameters`) save only those that can be read without running code: a
    path as text, an Enum as its value. Leave out others, such as a network, and print one line about each, once.
    """

    _said: frozenset[str] = frozenset()  # not set in __init__: a subclass's may not call super().__init__

    def _with_plain_hyper_parameters(self, checkpoint: dict[str, Any]) -> dict[str, Any]:
        kept = dict(checkpoint)
        for key in _HYPER_PARAMETERS & checkpoint.keys():
            values = {name: _plain(value) for name, value in dict(checkpoint[key]).items()}
            kept[key] = {name: value for name, value in values.items() if is_plain(value)}
            lost = [name for name in values if name not in kept[key] and name not in self._said]
            self._said |= frozenset(lost)
            for name in lost:
                print(
                    f"Checkpoint: the hyper-parameter {name} is left out: expected numbers, texts, lists or paths, got "
                    f"{type(values[name]).__name__}. To say so yourself: self.save_hyperparameters(ignore=[{name!r}])"
                )
        return kept

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint atomically: the file is always the complete old one or the complete new one."""
        checkpoint = self._with_plain_hyper_parameters(checkpoint)
        target = Path(path)
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except (OSError, RuntimeError) as error:
            why = error.__context__ if isinstance(error, RuntimeError) else error  # torch's writer hides it
            if not isinstance(why, OSError):
                raise
            raise CheckpointError(
                f"{target}: the checkpoint could not be written: {why.strerror or why}. What was there before is "
                "kept. Make room, or choose a folder that can be written to: --checkpoint.dirpath FOLDER"
            ) from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # flush the rename
        finally:
            os.close(folder)


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value)) if type(value) in (list, tuple) else list(map(_plain, value))
    return str(value) if isinstance(value, PurePath) else value


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint; its tensors stay on disk (memory-mapped) until they are used."""
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such checkpoint.")
    try:
        _check_digests(path)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # a damaged file can raise almost anything
        foreign = isinstance(error, pickle.UnpicklingError) and zipfile.is_zipfile(path)
        what = "holds objects other than plain values" if foreign else "is cut short, damaged, or of another kind"
        size = path.stat().st_size
        raise CheckpointError(f"{path}: expected a checkpoint, but the file ({size:,} bytes) {what}.") from error
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint or "global_step" not in checkpoint:
        raise CheckpointError(f"{path}: expected a checkpoint with weights and counters, got something else.")
    if not _is_sound(checkpoint):
        raise CheckpointError(f"{path}: expected a checkpoint as dlcore writes it, got entries of other kinds.")
    return checkpoint


def _is_sound(checkpoint: dict[str, Any]) -> bool:
    """Return whether the entries that dlcore reads first have the right types: the file may come from anybody."""
    if not isinstance(checkpoint["state_dict"], dict) or not isinstance(checkpoint["global_step"], int):
        return False
    record = checkpoint.get(RECORD_KEY)
    if record is None:
        return True
    config = record.get("config") if isinstance(record, dict) else None
    return (
        isinstance(config, dict)
        and all(config.get(section) is not None for section in ("model", "data"))
        and isinstance(config.get("trainer"), dict)
        and isinstance(record.get("name", ""), str)
        and isinstance(record.get("facts", {}), dict)
    )


def _check_digests(path: Path) -> None:
    """Verify the checksums (CRC-32) of a file's parts, which torch writes but does not check."""
    if not zipfile.is_zipfile(path):
        return  # torch's older format; torch itself reports a truncated file
    with zipfile.ZipFile(path) as file:
        parts = file.infolist()
        # torch compresses nothing. Compressed or overlapping parts could expand to any size.
        if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
            raise zipfile.BadZipFile("packed parts")
        if sum(part.file_size for part in parts) > path.stat().st_size:
            raise zipfile.BadZipFile("parts that are larger than the file")
        if (name := file.testzip()) is not None:
            raise zipfile.BadZipFile(name)


def find_checkpoint(wanted: str, root: Path, name: str | None) -> Path:
    """Return the file that ``--ckpt_path`` names.

    Args:
        wanted: ``last`` or ``best`` (of the newest run with checkpoints), a run's folder (its last), or a file that
            exists (`dlcore.config.request.check_files`).
        root: Folder of all runs.
        name: Search only the runs of this recipe; None: all runs.
    """
    if wanted in ("best", "last"):
        for folder in reversed(run_folders(root, name)):
            if (folder / "checkpoints").is_dir() and any((folder / "checkpoints").glob("*.ckpt")):
                return checkpoint_of_run(folder, wanted)
        runs = f"runs of {name!r}" if name else "runs"
        raise CheckpointError(
            f"--ckpt_path {wanted}: expected a checkpoint among the {runs} in {root}, but there is none. Train first: "
            f"python -m dlcore fit{f' -c {name}' if name else ''}."
        )
    path = Path(wanted).expanduser()
    if path.is_dir():
        return checkpoint_of_run(path, "last")
    return path


def checkpoint_of_run(folder: Path, wanted: str) -> Path:
    """Return the best checkpoint of a run, or the undamaged one with the most steps."""
    files = list((folder / "checkpoints").glob("*.ckpt"))
    if wanted == "best":
        best = folder / "checkpoints" / "best.ckpt"
        if best in files:
            return best
        raise CheckpointError(f"{folder}: expected checkpoints/best.ckpt, but there is none (try --ckpt_path last).")
    steps: dict[Path, int] = {}
    damaged: list[str] = []
    for file in files:
        try:
            steps[file] = read_checkpoint(file)["global_step"]
        except CheckpointError as error:
            damaged.append(str(error))
    if not steps:
        raise CheckpointError(f"{folder}: expected a whole checkpoint, but there is none. {' '.join(damaged)}".rstrip())
    newest = max(steps, key=lambda file: (steps[file], file.name == "last.ckpt"))
    for message in damaged:
        print(printable(f"{message} Going on from {newest.name}, of step {steps[newest]:,}."))
    return newest


def warn_of_newer(checkpoint: dict[str, Any], path: Path | None) -> None:
    """Warn if a checkpoint was written by a newer version of dlcore."""
    made_by = str(checkpoint.get(RECORD_KEY, {}).get("version", "0"))
    if _numbers(made_by) > _numbers(dlcore.__version__):
        warnings.warn(
            f"{path} was written by dlcore {made_by}, which is newer than this one ({dlcore.__version__}): it may hold "
            "what is not known here. If it is refused, or behaves oddly, use that version.",
            UserWarning,
            2,
        )


def check_weights(model: nn.Module, checkpoint: dict[str, Any], path: str) -> None:
    """Check that a checkpoint's weights fit the model, before anything is loaded."""
    values = model.state_dict()
    own = {name: tuple(value.shape) for name, value in values.items() if not is_lazy(value)}
    late = {name for name, value in values.items() if is_lazy(value)}  # lazy parameters: the weights give their shapes
    makes_layers_late = isinstance(model, LightningModule) and any(
        getattr(type(model), hook) is not getattr(LightningModule, hook) for hook in ("setup", "configure_model")
    )
    kept = {name: tuple(value.shape) for name, value in checkpoint["state_dict"].items() if torch.is_tensor(value)}
    for name in [*own, *kept]:
        here, there = own.get(name, "none"), kept.get(name, "none")
        if name in late or (name not in own and makes_layers_late):
            continue  # Lightning compares them after it has created the layers
        if here != there:
            raise CheckpointError(
                f"{path}: expected weights of this {type(model).__name__}, got those of another model: {name} has "
                f"shape {here} here and {there} in "
                "the checkpoint. Leave out the flags that change the network."
            )


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
