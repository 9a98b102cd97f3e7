"""torchvision's classification networks by name, adapted to any channels and classes. Nothing is downloaded.

Shapes: C channels, H and W height and width, O outputs.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dlcore.errors import ArgumentError

# These have auxiliary outputs in training, and warn about weight initialisation if it is not set.
_OPTIONS: dict[str, dict[str, Any]] = {
    "googlenet": {"aux_logits": False, "init_weights": True},
    "inception_v3": {"aux_logits": False, "init_weights": True},
}


def torchvision_names() -> list[str]:
    """Return the names of torchvision's classification networks (``resnet18``, ``vgg16``, …)."""
    from torchvision import models  # here: torchvision takes seconds to import, and most networks do not need it

    names: list[str] = models.list_models(module=models)
    return names


def torchvision_model(
    name: str, image_shape: Sequence[int], out_features: int, weights: str | None = None
) -> nn.Module:
    """Make a torchvision network for pictures (C, H, W) and O outputs.

    Replace the first convolution if C is not 3, and always the last layer. weights is a file with a state dict, as
    torchvision offers for download; None draws all weights. If C is not 3, the first convolution's kernels are summed
    over the three colours and divided evenly among the C channels: a grey picture gives the same result as in three
    equal colours. The last layer is drawn if the file has another number of classes.
    """
    with torch.device("meta"):  # shapes without numbers: 20,000 times cheaper
        probe = _make(name, image_shape[0], out_features).eval()
    try:
        with torch.no_grad():
            probe(torch.empty(1, *image_shape, device="meta"))
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = " ".join(str(error).split())
        expected = f"pictures of a size that {name} takes ({reason})"
        raise ArgumentError("image_shape", expected, tuple(image_shape), "224 × 224 suits all of them.") from error
    network = _make(name, image_shape[0], out_features)
    if weights is not None:
        _load(network, name, weights)
    return network


def _make(name: str, in_channels: int, out_features: int) -> nn.Module:
    from torchvision import models

    network: nn.Module = models.get_model(name, weights=None, num_classes=out_features, **_OPTIONS.get(name, {}))
    path, first = next((path, layer) for path, layer in network.named_modules() if isinstance(layer, nn.Conv2d))
    if in_channels != first.in_channels:
        geometry = {key: getattr(first, key) for key in ("kernel_size", "stride", "padding", "dilation")}
        fitted = nn.Conv2d(in_channels, first.out_channels, bias=first.bias is not None, **geometry)
        owner, _, own_name = path.rpartition(".")
        setattr(network.get_submodule(owner), own_name, fitted)
    return network


def _load(network: nn.Module, name: str, file: str) -> None:
    """Load the weights of a file into a network."""
    given = _read(file)
    own = network.state_dict()
    layers = [path for path, layer in network.named_modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    first, last = layers[0], layers[-1]
    for key, value in own.items():
        found = given.get(key)
        if found is None and key.endswith("num_batches_tracked"):  # older files have none
            continue
        if found is not None and found.shape == value.shape:
            own[key] = found
        elif found is not None and key == f"{first}.weight" and found.shape[2:] == value.shape[2:]:
            own[key] = found.sum(1, keepdim=True).expand_as(value) / value.shape[1]
        elif not (found is not None and key.startswith(f"{last}.") and found.shape[1:] == value.shape[1:]):
            there = "none" if found is None else tuple(found.shape)
            expected = f"a file with weights of {name}, whose {key} has shape {tuple(value.shape)}, not {there}"
            raise ArgumentError("weights", expected, file)
    extra = [key for key in given if key not in own and not (name in _OPTIONS and key.lower().startswith("aux"))]
    if extra:
        raise ArgumentError("weights", f"a file with weights of {name}, which has no {extra[0]}", file)
    network.load_state_dict(own)


def _read(file: str) -> dict[str, Tensor]:
    remedy = "Leave it out for weights that are drawn; a checkpoint of dlcore's holds its own: --model.weights null"
    expected = "a file with a state dict: names and tensors"
    if "://" in file:
        raise ArgumentError("weights", "a file on this machine", file, "Nothing is fetched: download it.")
    try:
        content = torch.load(Path(file).expanduser(), map_location="cpu", weights_only=True)
    except OSError as error:
        raise ArgumentError("weights", f"a file that can be read ({error.strerror})", file, remedy) from error
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError, AttributeError) as error:
        raise ArgumentError("weights", expected, file, remedy) from error
    if not isinstance(content, dict) or not content or not all(torch.is_tensor(value) for value in content.values()):
        raise ArgumentError("weights", expected, file, remedy)
    return content
