"""Prepare a checkpoint for export: its network, samples to compare on, and what the file must say about itself.

Shapes: N samples, C columns, K answers of a sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor, nn

import dlcore
from dlcore.callbacks.data_facts import data_facts
from dlcore.data import ImageFolder, Table
from dlcore.data.array_data import ArrayData
from dlcore.data.tables.builtin import builtin_table
from dlcore.data.tables.columns import Names, Numbers
from dlcore.data.tables.encoding import OneHot
from dlcore.errors import ArgumentError, CheckpointError, DataError, FitError, in_a_line
from dlcore.export.networks import ModelAnswers, NextWord, PreparedAnswers, TableAnswers, beginning
from dlcore.models import TextClassifier
from dlcore.runs import prepare
from dlcore.runs.checkpoint_file import find_checkpoint
from dlcore.runs.folder import runs_root
from dlcore.runs.text_classification import load_text_classifier
from dlcore.runs.text_generation import class_of, class_path, load_text_model, read_with_config
from dlcore.text import Tokenizer
from dlcore.text.vocabulary import END

_MOST = 1000  # samples to compare on


@dataclass(frozen=True)
class Exportable:
    """A trained network that can be exported.

    Attributes:
        path: The checkpoint.
        network: The network, in evaluation mode and float32.
        inputs: Samples to compare on: the network's arguments, with at least two samples.
        dynamic: Axes of each argument that may have any size.
        names: Names of the arguments.
        answers: Names of the results.
        about: What a program needs to know that runs the file; plain values.
        script: Name of the example script.
        expected: What `predict` answers for the samples (N, K); None for a text model.
        targets: Class indices (N,) or numbers (N, K) of the samples; None if unknown.
        random: Why the inputs are random numbers; empty if they are samples.
        files: Further files for the script, by name.
    """

    path: Path
    network: nn.Module
    inputs: tuple[Tensor, ...]
    dynamic: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    answers: tuple[str, ...]
    about: dict[str, Any]
    script: str
    expected: Tensor | None = None
    targets: Tensor | None = None
    random: str = ""
    files: dict[str, str] = field(default_factory=dict)

    @property
    def writes_text(self) -> bool:
        """Whether the network gives the next word of a text."""
        return isinstance(self.network, NextWord)


def load_exportable(ckpt_path: str = "best", name: str | None = None, words: Sequence[str] = ()) -> Exportable:
    """Load a checkpoint for export.

    Args:
        ckpt_path: ``best``, ``last``, a run's folder or a file.
        name: Search only the runs of this recipe; None: all runs.
        words: Flags of the data or the trainer, as for ``test``.

    Raises:
        CheckpointError: There is no such checkpoint, or its model cannot be exported.
    """
    path = find_checkpoint(ckpt_path, runs_root(), name)
    checkpoint, config = read_with_config(path)
    kind = class_of(config)
    about = {
        "made_by": f"dlcore {dlcore.__version__}",
        "checkpoint": path.name,
        "step": checkpoint["global_step"],
        "model": class_path(config, "model"),
        "arguments": _plain(checkpoint.get("hyper_parameters") or {}),
    }
    if hasattr(kind, "scores"):
        return _text_model(path, about)
    command = prepare("test", "--ckpt_path", str(path), *words)
    model = command.model.eval()
    try:
        model.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        raise CheckpointError(
            f"{path}: expected a model whose layers are made in __init__(), got {type(model).__name__}, which makes "
            f"them when a fit begins: {in_a_line(error)[:200]}"
        ) from error
    about |= {"task": getattr(model, "task", None) and type(model.task).__name__.lower()}
    about |= {"classes": _class_names(model, command.datamodule), "threshold": command.decision.threshold}
    if kind is TextClassifier:
        return _text_classifier(path, model, command.datamodule, about)
    return _samples(path, model, command.datamodule, about)


def _plain(values: Any) -> dict[str, Any]:
    return {key: value for key, value in dict(values).items() if not key.startswith("_")}


def _class_names(model: nn.Module, data: LightningDataModule) -> list[str] | None:
    task: Any = getattr(model, "task", None)
    if task is not None and not hasattr(task, "num_classes"):
        return None  # a regression
    names = data_facts(data).get("class_names")
    return [str(name) for name in names] if names else None


def _samples(path: Path, model: nn.Module, data: LightningDataModule, about: dict[str, Any]) -> Exportable:
    """Return a model of pictures, rows or anything else."""
    if not isinstance(data, ArrayData):
        return _of_loader(path, model, data, about)
    why = _read(data)
    names, answers = ("inputs",), ("answers",)
    if isinstance(data, Table):
        about = {**about, "kind": "table", **_about_table(data)}
        rows = torch.randn(64, len(about["columns"]), dtype=torch.float64) if why else _raw_rows(data)
        network: nn.Module = TableAnswers(model, data.schema.encoding)  # type: ignore[union-attr]
        part = None if why else data.parts["test"]
        inputs = rows if part is None else rows[part.indices][:_MOST]
        stored = None if part is None else part.inputs[part.indices][:_MOST]
    else:
        part = None if why else data.parts["test"]
        stored = _random_pictures(data, model) if part is None else part.inputs[part.indices[:_MOST]]
        image = data_facts(data).get("image_shape")
        inputs = stored.reshape(len(stored), *image) if image else stored
        network = PreparedAnswers(model, data.transform, stored.shape[1:])
        about = {**about, "kind": "picture" if image else "samples", **_about_pictures(data, image)}
    targets = None if part is None else part.targets[part.indices][:_MOST]
    expected = None if stored is None else _predicted(model, data.transform(stored))
    return Exportable(
        path, network, (_two(inputs),), ((0,),), names, answers, about, _SCRIPTS[about["kind"]],
        None if expected is None else _two(expected), None if targets is None else _two(targets), why,
    )  # fmt: skip


_SCRIPTS = {"picture": "classify_pictures.py", "table": "predict_rows.py", "samples": "", "text": "classify_texts.py"}


def _two(values: Tensor) -> Tensor:
    """Return at least two samples: an export of one would take one for the only size."""
    return values if len(values) > 1 else values[[0, 0]]


def _read(data: ArrayData) -> str:
    """Read the test samples; return why that is impossible."""
    try:
        data.prepare_data()
        data.setup("test")
        data.read()
    except (DataError, ArgumentError) as error:
        return str(error)
    return ""


@torch.inference_mode()
def _predicted(model: Any, inputs: Tensor) -> Tensor:
    answers: Tensor = model.predict_step((inputs, None), 0) if hasattr(model, "task") else model(inputs)
    return answers.clone()


def _about_pictures(data: ArrayData, image: Sequence[int] | None) -> dict[str, Any]:
    if not image:
        return {}
    facts = data.facts()
    scaling = {"normalization": facts["normalization"]} if "normalization" in facts else {"scale": facts.get("scale")}
    resize = data.form.resize if isinstance(data, ImageFolder) else "crop"
    return {"channels": image[0], "size": list(image[1:]), "resize": resize, **scaling}


def _random_pictures(data: ArrayData, model: nn.Module) -> Tensor:
    """Return random pictures in the form in which the data store them: with the channels, or of one without."""
    shape = tuple(data_facts(data)["image_shape"])
    pixels = torch.randint(0, 256, (64, *shape), dtype=torch.uint8)
    return pixels if data.transform(pixels[:1]).shape == (1, *shape) else pixels.squeeze(1)


def _about_table(data: Table) -> dict[str, Any]:
    if data.schema is None:
        raise CheckpointError("The checkpoint holds no columns of a table: train again.")
    encoding, target = data.schema.encoding, data.schema.target
    columns = {
        name: list(kept.categories) if isinstance(kept, OneHot) else None for name, kept in encoding.columns.items()
    }
    return {"columns": columns, "target": target.label, "encoding": encoding.state()}


def _raw_rows(data: Table) -> Tensor:
    """Return the rows of the table's file as the exported network takes them (N, C), float64."""
    schema = data.schema
    assert_known = schema.encoding.columns if schema is not None else {}
    source = builtin_table(data.builtin or "") if data.path is None else Path(data.path).expanduser()
    rows = data.reader.further(source, data.source, schema, target_needed=False)  # type: ignore[arg-type]
    columns = []
    for name, kept in assert_known.items():
        column = rows.columns[name]
        if isinstance(column, Numbers) or not isinstance(kept, OneHot):
            columns.append(np.asarray(column.values))  # type: ignore[union-attr]
            continue
        place = {category: float(code) for code, category in enumerate(kept.categories)}
        names: Names = column
        columns.append(names.each([place.get(text, -1.0) for text in names.names]))
    return torch.from_numpy(np.stack(columns, axis=1))


def _of_loader(path: Path, model: nn.Module, data: LightningDataModule, about: dict[str, Any]) -> Exportable:
    """Return a model whose inputs are the first tensor of a batch, as the data's own loader gives it."""
    data.prepare_data()
    data.setup("test")
    batch = next(iter(data.test_dataloader()))
    inputs, *others = batch if isinstance(batch, list | tuple) else [batch]
    if not isinstance(inputs, Tensor):
        raise FitError(
            f"data: expected batches whose first part is a tensor, got {type(inputs).__name__}: only such inputs can "
            "be exported."
        )
    targets = others[0] if others and isinstance(others[0], Tensor) else None
    about = {**about, "kind": "samples", "input": [str(inputs.dtype).removeprefix("torch."), *inputs.shape[1:]]}
    network = ModelAnswers(model)
    try:
        with torch.inference_mode():
            expected = network(inputs).clone()
    except Exception as error:
        raise FitError(
            f"model: expected a forward() that takes the inputs of a batch, got {in_a_line(error)[:200]}. Give "
            f"{type(model).__name__} a forward(inputs) that returns its answers."
        ) from error
    if not isinstance(expected, Tensor):
        raise FitError(f"model: expected a forward() that returns a tensor, got {type(expected).__name__}.")
    return Exportable(
        path, network, (_two(inputs),), ((0,),), ("inputs",), ("answers",), about, "", _two(expected),
        None if targets is None else _two(targets),
    )  # fmt: skip


def _about_words(tokenizer: Tokenizer) -> tuple[dict[str, Any], dict[str, str]]:
    dictionary = tokenizer.segmenter.dictionary
    user = "" if dictionary is None else dictionary.user.decode("utf-8")
    about = {
        "words": list(tokenizer.vocabulary.words),
        "jieba": dictionary is not None,
        "hmm": tokenizer.segmenter.hmm,
        "user_dict": bool(user),
    }
    return about, {"user_dict.txt": user} if user else {}


def _text_classifier(path: Path, model: nn.Module, data: Any, about: dict[str, Any]) -> Exportable:
    loaded = load_text_classifier(path)
    words, files = _about_words(loaded.tokenizer)
    about = {**about, "kind": "text", "classes": loaded.class_names, "max_length": loaded.max_length, **words}
    why, targets = _read(data), None
    if why:
        inputs = torch.randint(END + 1, len(words["words"]), (64, min(20, loaded.max_length)))
    else:
        part = data.parts["test"]
        inputs, targets = data.transform(part.inputs[part.indices[:_MOST]]), part.targets[part.indices[:_MOST]]
        inputs = inputs[:, : max(2, int((inputs != END).sum(dim=1).max()))]
    return Exportable(
        path, ModelAnswers(model), (_two(inputs),), ((0, 1),), ("inputs",), ("answers",), about, _SCRIPTS["text"],
        _predicted(model, _two(inputs)), None if targets is None else _two(targets), why, files,
    )  # fmt: skip


def _text_model(path: Path, about: dict[str, Any]) -> Exportable:
    loaded = load_text_model(path)
    model: Any = loaded.model.float()
    words, files = _about_words(loaded.tokenizer)
    with torch.inference_mode():
        tokens, *state = beginning(model, 2)
    names = tuple(f"state_{number}" for number in range(len(state)))
    about = {**about, "kind": "text model", **words, "layers": state[0].shape[0], "hidden_size": state[0].shape[2]}
    return Exportable(
        path, NextWord(model), (tokens.clone(), *(part.clone() for part in state)),
        ((0,), *((1,) for _ in state)), ("tokens", *names), ("scores", *(f"next_{name}" for name in names)),
        about, "write_text.py", files=files,
    )  # fmt: skip
