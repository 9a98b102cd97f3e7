"""torchvision's and timm's classification networks by name, adapted to any channels and classes.

Shapes: C channels, H and W height and width, O outputs.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor, nn

from dlcore.errors import ArgumentError, UnknownNameError
from dlcore.nn.pretrained_weights import fit_weights, read_weights, say_weights
from dlcore.translation import _

# These have auxiliary outputs in training, and warn about weight initialisation if it is not set.
_OPTIONS: dict[str, dict[str, Any]] = {
    "googlenet": {"aux_logits": False, "init_weights": True},
    "inception_v3": {"aux_logits": False, "init_weights": True},
}
TIMM = "timm:"  # before the name of a network of timm
_PATIENCE = 20.0  # seconds to wait for a silent server


def torchvision_names() -> list[str]:
    """Return the names of torchvision's classification networks (``resnet18``, ``vgg16``, …)."""
    from torchvision import models  # here: torchvision takes seconds to import, and most networks do not need it

    names: list[str] = models.list_models(module=models)
    return names


def is_file_name(weights: str) -> bool:
    """Return whether weights are given as a file, not as a name such as ``IMAGENET1K_V1``."""
    return not weights.isidentifier() or Path(weights).is_file()


def torchvision_model(
    name: str, image_shape: Sequence[int], out_features: int, weights: str | None = None
) -> nn.Module:
    """Make a torchvision network for pictures (C, H, W) and O outputs.

    Replace the first convolution if C is not 3, and always the last layer. weights is a name of torchvision's
    (``IMAGENET1K_V1``, ``DEFAULT``), which are downloaded unless they are in torch's cache, or a file; see
    `dlcore.nn.pretrained_weights`. None draws all weights.
    """
    network = _checked(partial(_make, name, image_shape[0], out_features), name, image_shape)
    if weights is not None:
        given = read_weights(weights) if is_file_name(weights) else _download(name, weights)
        fit_weights(network, given, weights, name, extra=("aux",) if name in _OPTIONS else ())
    return network


def timm_model(name: str, image_shape: Sequence[int], out_features: int, weights: str | None = None) -> nn.Module:
    """Make a network of the library timm for pictures (C, H, W) and O outputs; weights: DEFAULT, a file or None."""
    try:
        import timm
    except ImportError as error:
        remedy = "Install it: pip install 'dlcore[timm]'"
        raise ArgumentError("architecture", "the package timm for such a network", f"{TIMM}{name}", remedy) from error
    if name.partition(".")[0] not in (names := timm.list_models()):
        raise UnknownNameError("architecture of timm", name, names)
    make: Callable[..., nn.Module] = partial(timm.create_model, name, in_chans=image_shape[0], num_classes=out_features)
    network = _checked(make, name, image_shape)
    if weights is None:
        return network
    if is_file_name(weights):
        fit_weights(network, read_weights(weights), weights, name)
        return network
    if weights != "DEFAULT":
        raise UnknownNameError(f"weights of {TIMM}{name}", weights, ["DEFAULT"], "Or give a file.")
    source = str(getattr(network, "pretrained_cfg", {}).get("hf_hub_id") or name)
    with _named_if_offline(weights, f"the weights of {source}", "model.safetensors", ""):
        network = make(pretrained=True)  # timm fits channels and classes in the same way
    say_weights(_("Weights: {source} of timm, the output layer drawn anew").format(source=source))
    return network


def _checked(make: Callable[[], nn.Module], name: str, image_shape: Sequence[int]) -> nn.Module:
    """Make a network after a trial with shapes alone, without numbers: 20,000 times cheaper."""
    try:
        with torch.device("meta"):
            probe = make().eval()
            with torch.no_grad():
                probe(torch.empty(1, *image_shape))
    except NotImplementedError:  # the network computes its widths with tensors
        pass
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = " ".join(str(error).split())
        expected = f"pictures of a size that {name} takes ({reason})"
        raise ArgumentError("image_shape", expected, tuple(image_shape), "224 × 224 suits all of them.") from error
    return make()


def _make(name: str, in_channels: int, out_features: int) -> nn.Module:
    from torchvision import models

    network: nn.Module = models.get_model(name, weights=None, num_classes=out_features, **_OPTIONS.get(name, {}))
    path, first = next((path, layer) for path, layer in network.named_modules() if isinstance(layer, nn.Conv2d))
    if in_channels != first.in_channels:
        geometry = {key: getattr(first, key) for key in ("kernel_size", "stride", "padding", "dilation")}
        fitted = nn.Conv2d(in_channels, first.out_channels, bias=first.bias is not None, **geometry)
        owner, own_name = path.rpartition(".")[::2]
        setattr(network.get_submodule(owner), own_name, fitted)
    return network


def _download(name: str, weights: str) -> dict[str, Tensor]:
    """Return weights of torchvision's by name, from torch's cache or from the network, with a checksum."""
    from torchvision import models

    members: Any = models.get_model_weights(name).__members__
    if weights not in members:
        raise UnknownNameError(f"weights of {name}", weights, members, "Or give a file.")
    address = members[weights].url
    folder = f"{torch.hub.get_dir()}/checkpoints"
    with _named_if_offline(weights, address, PurePosixPath(address).name, folder):
        found: dict[str, Tensor] = members[weights].get_state_dict(progress=True, check_hash=True, weights_only=True)
    return found


@contextmanager
def _named_if_offline(weights: str, source: str, file: str, folder: str) -> Iterator[None]:
    """Say in one line which file to bring along if it cannot be downloaded in the block."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)
    try:
        yield
    except (OSError, RuntimeError, HTTPException) as error:
        reason = " ".join(str(error).split())[:200]
        put = f"put it into {folder}, or " if folder else ""
        remedy = f"Download {file} elsewhere; {put}give it as a file: --model.weights {file}"
        raise ArgumentError("weights", f"a network to download {source} ({reason})", weights, remedy) from error
    finally:
        socket.setdefaulttimeout(before)
