"""Models of pictures, of rows of a table, or of anything else, prepared for export.

Shapes: N samples, C columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor, nn

from dlcore.callbacks.data_facts import data_facts
from dlcore.data import ImageFolder, Table
from dlcore.data.array_data import ArrayData
from dlcore.data.tables.builtin import builtin_table
from dlcore.data.tables.columns import Names
from dlcore.data.tables.encoding import Days, OneHot, Schema
from dlcore.errors import CheckpointError, DataError, FitError, in_a_line
from dlcore.export.exportable import MOST, RANDOM, Exportable, at_least_two, predicted, read_test_samples
from dlcore.export.networks import ModelAnswers, PreparedAnswers, TableAnswers

_SCRIPTS = {"picture": "classify_pictures.py", "table": "predict_rows.py", "samples": ""}


def model_of_samples(path: Path, model: nn.Module, data: LightningDataModule, about: dict[str, Any]) -> Exportable:
    """Return a model of pictures, rows or anything else."""
    if not isinstance(data, ArrayData):
        return _of_loader(path, model, data, about)
    why = read_test_samples(data)
    names, answers = ("inputs",), ("answers",)
    if isinstance(data, Table):
        if data.schema is None:
            raise CheckpointError(f"{path}: holds no columns of a table: train again.")
        about = {**about, "kind": "table", **_about_table(data.schema)}
        network: nn.Module = TableAnswers(model, data.schema.encoding)
        part = None if why else data.parts["test"]
        if part is None:
            inputs, stored = torch.randn(RANDOM, len(about["columns"]), dtype=torch.float64), None
        else:
            chosen = part.indices[:MOST]
            inputs, stored = _raw_rows(data, data.schema)[chosen], part.inputs[chosen]
    else:
        part = None if why else data.parts["test"]
        image = tuple(data_facts(data).get("image_shape") or ())
        if part is not None:
            stored = part.inputs[part.indices[:MOST]]
        elif image:
            stored = _random_pictures(data, image)
        else:
            raise DataError(why)  # nothing says what the samples look like
        inputs = stored.reshape(len(stored), *image) if image else stored
        network = PreparedAnswers(model, data.transform, stored.shape[1:])
        about = {**about, **(_about_pictures(data, image) if image else _about_samples(inputs))}
    targets = None if part is None else part.targets[part.indices[:MOST]]
    expected = None if stored is None else predicted(model, data.transform(stored))
    return Exportable(
        path, network, (at_least_two(inputs),), ((0,),), names, answers, about, _SCRIPTS[about["kind"]],
        None if expected is None else at_least_two(expected), None if targets is None else at_least_two(targets), why,
    )  # fmt: skip


def _about_samples(inputs: Tensor) -> dict[str, Any]:
    return {"kind": "samples", "input": [str(inputs.dtype).removeprefix("torch."), *inputs.shape[1:]]}


def _about_pictures(data: ArrayData, image: Sequence[int]) -> dict[str, Any]:
    facts = data.facts()
    scaling = {"normalization": facts["normalization"]} if "normalization" in facts else {"scale": facts.get("scale")}
    resize = data.form.resize if isinstance(data, ImageFolder) else "crop"
    return {"kind": "picture", "channels": image[0], "size": list(image[1:]), "resize": resize, **scaling}


def _random_pictures(data: ArrayData, shape: Sequence[int]) -> Tensor:
    """Return random pictures in the form in which the data store them: with the channels, or of one without."""
    pixels = torch.randint(0, 256, (RANDOM, *shape), dtype=torch.uint8)
    return pixels if data.transform(pixels[:1]).shape == (1, *shape) else pixels.squeeze(1)


def _about_table(schema: Schema) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, kept in schema.encoding.columns.items():
        other = "date" if isinstance(kept, Days) else None
        columns[name] = list(kept.categories) if isinstance(kept, OneHot) else other
    return {"columns": columns, "target": schema.target.label, "encoding": schema.encoding.state()}


def _raw_rows(data: Table, schema: Schema) -> Tensor:
    """Return the rows of the table's file as the exported network takes them (N, C), float64."""
    source = builtin_table(data.builtin or "") if data.path is None else Path(data.path).expanduser()
    rows = data.reader.further(source, data.source, schema, target_needed=False)
    columns = []
    for name, kept in schema.encoding.columns.items():
        column = rows.columns[name]
        if isinstance(column, Names):
            categories = kept.categories if isinstance(kept, OneHot) else []
            place = {category: float(code) for code, category in enumerate(categories)}
            columns.append(column.each([place.get(text, -1.0) for text in column.names]))
        else:
            columns.append(column.values)
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
    about = {**about, **_about_samples(inputs)}
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
        path, network, (at_least_two(inputs),), ((0,),), ("inputs",), ("answers",), about, "", at_least_two(expected),
        None if targets is None else at_least_two(targets),
    )  # fmt: skip
