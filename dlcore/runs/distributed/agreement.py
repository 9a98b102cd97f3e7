"""Agreement check: all processes of a training must have the same settings, versions and data, or none trains."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch import LightningDataModule, LightningModule

import dlcore
from dlcore.config.merge import flatten
from dlcore.errors import FitError

# Paths may differ between machines; only the content is compared.
PLACES = ("data.root", "data.path", "trainer.default_root_dir", "checkpoint.dirpath")
_MOST, _LONGEST, _LOOKED_AT = 5, 60, 256


def settings_facts(config: Mapping[str, Any], checkpoint: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings and versions of this process, by name."""
    facts = {name.replace(".init_args.", "."): str(value) for name, value in flatten(dict(config))}
    facts["seed_everything"] = str(torch.initial_seed())
    facts["version of dlcore"] = dlcore.__version__
    facts["version of lightning"] = lightning.__version__
    facts["version of torch"] = str(torch.__version__)
    facts["version of Python"] = ".".join(platform.python_version_tuple()[:2])
    facts["checkpoint"] = f"of step {checkpoint['global_step']:,}" if checkpoint else "none"
    return facts


def network_facts(model: LightningModule) -> dict[str, str]:
    """Return the number and digest of the network's parameters: the user's own code may differ between machines."""
    named = [(name, tuple(parameter.shape)) for name, parameter in model.named_parameters()]
    return {"network": f"{sum(p.numel() for p in model.parameters()):,} parameters ({_digest(repr(named).encode())})"}


def data_facts(data: LightningDataModule) -> dict[str, str]:
    """Return facts of this process's data by split: number of samples, and digest of targets and some samples."""
    facts = {}
    for name, part in getattr(data, "parts", {}).items():
        if hasattr(part, "targets"):
            chosen = part.indices[np.linspace(0, len(part) - 1, min(len(part), _LOOKED_AT)).astype(int)]
            values = [part.targets[part.indices], part.indices, part.inputs[chosen]]
            content = b"".join(str(value.shape).encode() + value.numpy().tobytes() for value in values)
            facts[f"data, {name}"] = f"{len(part):,} samples ({_digest(content)})"
        elif hasattr(part, "tokens"):
            places = np.linspace(0, len(part) - 1, min(len(part), 64 * _LOOKED_AT)).astype(int)
            content = np.asarray(part.tokens[places], dtype=np.int64).tobytes() if len(part) else b""
            facts[f"data, {name}"] = f"{len(part):,} tokens in {part.documents:,} documents ({_digest(content)})"
    return facts


def check_agreement(facts: Mapping[str, str]) -> None:
    """Compare the facts of all processes. All must call this (it is collective), and all raise the same error.

    Args:
        facts: The facts of this process, by name; paths are not compared, only named in the message.
    """
    everyone: list[Any] = [None] * torch.distributed.get_world_size()
    own = {name: value for name, value in facts.items() if name not in PLACES}
    torch.distributed.all_gather_object(everyone, _digest(repr(sorted(own.items())).encode()))
    if len(set(everyone)) == 1:
        return
    torch.distributed.all_gather_object(everyone, dict(facts))
    differences = [name for name in own | dict.fromkeys(_names(everyone)) if len(_values(name, everyone)) > 1]
    differences = [name for name in differences if name not in PLACES]
    places = [name for name in PLACES if len(_values(name, everyone)) > 1]
    said = [_difference(name, everyone) for name in [*places, *differences][:_MOST]]
    more = len(places) + len(differences) - len(said)
    raise FitError(
        f"The processes of this training were not started alike. {'; '.join(said)}{f'; {more} more' * (more > 0)}. "
        "Give all of them the same command line, versions, files and data."
    )


def _names(everyone: list[dict[str, str]]) -> list[str]:
    return [name for facts in everyone for name in facts]


def _values(name: str, everyone: list[dict[str, str]]) -> set[str | None]:
    return {facts.get(name) for facts in everyone}


def _difference(name: str, everyone: list[dict[str, str]]) -> str:
    """Return ``data.batch_size: 32 on process 0, 64 on process 1``: the first rank with each value."""
    first: dict[str, int] = {}
    for rank, facts in enumerate(everyone):
        value = facts.get(name, "not set")
        first.setdefault(
            value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}… ({_digest(value.encode())})", rank
        )
    values = list(first.items())[:3]
    return f"{name}: {', '.join(f'{value} on process {rank}' for value, rank in values)}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]
