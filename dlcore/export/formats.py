"""File formats of an export: write one, and run it.

Shapes: N samples.
"""

from __future__ import annotations

import copy
import importlib
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from dlcore.errors import FitError, in_a_line
from dlcore.export.exportable import Exportable
from dlcore.torch_compat import dynamic_recurrent_layers

Format = Literal["onnx", "torch", "safetensors"]
Run = Callable[..., tuple[Tensor, ...]]  # arguments of the network → its results
KEY = "dlcore"  # of the metadata in a file
ENDINGS: dict[str, str] = {"onnx": "onnx", "torch": "pt2", "safetensors": "safetensors"}
_NEEDED = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "torch": (), "safetensors": ("safetensors",)}


def check_installed(chosen: str) -> None:
    """Raise a `FitError` if a package that a format needs is missing."""
    for package in _NEEDED[chosen]:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise FitError(
                f"--format {chosen}: expected the package {package}, which is not installed. Install what exports "
                "need: pip install 'dlcore[export]' (in dlcore's own folder: pip install -e '.[export]')"
            ) from error


def write(chosen: str, exported: Exportable, path: Path) -> None:
    """Write a network in a format."""
    about = json.dumps(exported.about, ensure_ascii=False, default=str)
    if chosen == "safetensors":
        from safetensors.torch import save_file

        model = exported.network.get_submodule("model")
        weights = {name: value.detach().clone().contiguous() for name, value in model.state_dict().items()}
        save_file(weights, path, {KEY: about})
        return
    shapes = _dynamic_shapes(exported)
    try:
        with _silent(), dynamic_recurrent_layers():
            if chosen == "torch":
                program = torch.export.export(exported.network, exported.inputs, dynamic_shapes=shapes)
                torch.export.save(program, path, extra_files={f"{KEY}.json": about})
                return
            made: Any = torch.onnx.export(
                exported.network, exported.inputs, dynamo=True, verbose=False, dynamic_shapes=shapes,
                input_names=exported.names, output_names=exported.answers,
            )  # fmt: skip
            for node in made.model.graph.all_nodes():
                node.metadata_props.clear()  # lines of source code, with the paths of this machine
            made.model.metadata_props[KEY] = about
            made.save(path, external_data=False)
    except Exception as error:  # torch raises all kinds for a network that it cannot trace
        raise FitError(
            f"--format {chosen}: expected a network that torch can export for any number of samples, got "
            f"{type(error).__name__}: {in_a_line(error)[:300]}. Its weights alone: --format safetensors"
        ) from error


def quantize(source: Path, target: Path) -> None:
    """Write an ONNX file with weights of 8 bits: dynamic quantisation, in which activations are scaled as they come."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _silent():
        quantize_dynamic(source, target, weight_type=QuantType.QInt8, per_channel=True)


def opened(chosen: str, exported: Exportable, path: Path) -> Run:
    """Return a function that runs a file on one thread."""
    if chosen == "onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        names = [each.name for each in session.get_inputs()]

        def run(*inputs: Tensor) -> tuple[Tensor, ...]:
            found = session.run(None, {name: value.numpy() for name, value in zip(names, inputs, strict=True)})
            return tuple(map(torch.from_numpy, found))

        return run
    if chosen == "torch":
        with _silent():
            module: Any = torch.export.load(path).module()
    else:
        from safetensors.torch import load_file

        module = copy.deepcopy(exported.network)
        model = module.get_submodule("model")
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.zero_()
        model.load_state_dict(load_file(path))
    return runner(module)


def runner(module: Any) -> Run:
    """Return a function that runs a module."""

    @torch.inference_mode()
    def run(*inputs: Tensor) -> tuple[Tensor, ...]:
        found = module(*inputs)
        return tuple(found) if isinstance(found, tuple | list) else (found,)

    return run


def _dynamic_shapes(exported: Exportable) -> Any:
    free = [dict.fromkeys(axes, torch.export.Dim.DYNAMIC) for axes in exported.dynamic]
    return (free[0], tuple(free[1:])) if exported.writes_text else tuple(free)


@contextmanager
def _silent() -> Iterator[None]:
    """Show no warnings: they are about how the libraries trace and read, which a user cannot change."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
