"""Weights to begin from: read them from a file, fit them to a network, and say what did not match.

Shapes: C channels of a picture, K classes.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dlcore.errors import ArgumentError
from dlcore.nn.layer_groups import output_layer
from dlcore.processes import rank_of_process
from dlcore.translation import _

# Keys under which training programs save a state dict, beside counters and settings.
_ENTRIES = ("state_dict", "model_state_dict", "model", "network", "net", "weights")
_MOST = 3  # names that are listed


def read_weights(file: str) -> dict[str, Tensor]:
    """Read the tensors of a file by name, without running code from it.

    Args:
        file: A state dict of torch, by itself or under a key of a checkpoint (``state_dict``, ``model``, …), or a file
            of safetensors. Nothing is downloaded.

    Raises:
        ArgumentError: There is no such file, or it holds something else.
    """
    remedy = "Leave it out for weights that are drawn; a checkpoint of dlcore's holds its own: --model.weights null"
    expected = "a file with a state dict: names and tensors"
    if "://" in file:
        raise ArgumentError("weights", "a file on this machine", file, "Nothing is fetched: download it.")
    path = Path(file).expanduser()
    try:
        content: Any = _load_safetensors(path) if path.suffix == ".safetensors" else _load(path)
    except OSError as error:
        raise ArgumentError("weights", f"a file that can be read ({error.strerror})", file, remedy) from error
    except ImportError as error:
        raise ArgumentError(
            "weights", "the package safetensors for such a file", file, "Install it: pip install safetensors"
        ) from error
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError, AttributeError) as error:
        raise ArgumentError("weights", expected, file, remedy) from error
    if isinstance(content, dict):
        content = next((content[key] for key in _ENTRIES if isinstance(content.get(key), dict)), content)
    found = {key: value for key, value in content.items() if torch.is_tensor(value)} if _is_mapping(content) else {}
    if not found:
        raise ArgumentError("weights", expected, file, remedy)
    return found


def _load(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


def _load_safetensors(path: Path) -> Any:
    from safetensors import SafetensorError  # only these files need it
    from safetensors.torch import load_file

    path.open("rb").close()  # an OSError that says what is wrong
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(error) from error


def _is_mapping(content: Any) -> bool:
    return isinstance(content, Mapping) and all(isinstance(key, str) for key in content)


def fit_weights(
    network: nn.Module, given: Mapping[str, Tensor], source: str, name: str, extra: Collection[str] = ()
) -> None:
    """Load tensors into a network by name, and print in one line what was not taken as it is.

    A prefix of all names (``module.``, ``model.``, ``network.``) is left out. The output layer stays as it was drawn if
    the file has none, or one of another number of classes. If the first convolution has another number of channels, the
    kernels are summed over the file's channels and divided evenly among the network's: a grey picture gives what it
    gave in three equal colours. Everything else must match.

    Args:
        network: The network; changed.
        given: Tensors by name.
        source: The file or the name of the weights, for messages.
        name: Name of the network, for messages.
        extra: Beginnings of names that the network has in another use, such as auxiliary outputs.

    Raises:
        ArgumentError: They are weights of another network.
    """
    own = network.state_dict()
    prefix = _prefix(own, given)
    unused = [key for key in given if not key.startswith(prefix)]
    named = {key.removeprefix(prefix): value for key, value in given.items() if key.startswith(prefix)}
    paths = {id(layer): path for path, layer in network.named_modules()}
    head = paths[id(output_layer(network))]
    first = next((paths[id(layer)] for layer in network.modules() if isinstance(layer, nn.Conv2d)), "")
    drawn, notes = [], []
    for key, value in own.items():
        found = named.get(key)
        if found is None and key.endswith("num_batches_tracked"):  # older files have none
            continue
        if found is not None and found.shape == value.shape:
            own[key] = found
        elif found is not None and key == f"{first}.weight" and _fits_but_for_channels(found, value):
            own[key] = found.sum(1, keepdim=True).expand_as(value) / value.shape[1]
            note = _("{layer} fitted from {there} to {here} channels (kernels summed, and divided evenly)")
            notes.append(note.format(layer=first, here=value.shape[1], there=found.shape[1]))
        elif key.startswith(f"{head}.") and (found is None or found.shape[1:] == value.shape[1:]):
            drawn.append((key, 0 if found is None else len(found)))
        else:
            there = "none" if found is None else tuple(found.shape)
            expected = f"a file with weights of {name}, whose {key} has shape {tuple(value.shape)}, not {there}"
            raise ArgumentError("weights", expected, source)
    parts = {key.partition(".")[0] for key in own}
    unknown = [key for key in named if key not in own and not key.lower().startswith(tuple(extra))]
    if wrong := [key for key in unknown if key.partition(".")[0] in parts and not key.startswith(f"{head}.")]:
        raise ArgumentError("weights", f"a file with weights of {name}, which has no {wrong[0]}", source)
    network.load_state_dict(own)
    if drawn:
        key, outputs = drawn[0]
        note = _("{layer} is drawn anew (the file has none)")
        if outputs:
            note = _("{layer} is drawn anew ({here:,} outputs instead of {there:,})")
        notes.append(note.format(layer=head, here=len(own[key]), there=outputs))
    if unused := [*unknown, *unused]:
        listed = _(", ").join(unused[:_MOST]) + (
            _(" and {n} more").format(n=len(unused) - _MOST) * (len(unused) > _MOST)
        )
        notes.append(_("not used: {names}").format(names=listed))
    taken = _("Weights: {n} of {all} tensors from {source}").format(
        n=len(own) - len(drawn), all=len(own), source=source
    )
    say_weights(taken, *notes)


def say_weights(*parts: str) -> None:
    """Print a line about weights, in one process only."""
    if rank_of_process() == 0:
        print(_("; ").join(parts) + _("."))


def _fits_but_for_channels(found: Tensor, value: Tensor) -> bool:
    return found.dim() == 4 and found.shape[0] == value.shape[0] and found.shape[2:] == value.shape[2:]


def _prefix(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """Return the prefix with which most of the network's names are in the file."""
    prefixes: Counter[str] = Counter({"": 0})
    for key in given:
        parts = key.split(".")
        for place in range(len(parts)):
            if ".".join(parts[place:]) in own:
                prefixes["".join(f"{part}." for part in parts[:place])] += 1
    return prefixes.most_common(1)[0][0]
