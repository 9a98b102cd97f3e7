"""Which GPU a run of a study takes: one each, and none that another run has while one is free."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

from dlcore.cache import locked
from dlcore.config.merge import flatten, stacked_recipes
from dlcore.config.request import read_request
from dlcore.studies.plan import Job
from dlcore.studies.study import folder_name
from dlcore.studies.vary import parsed


@contextlib.contextmanager
def taken_device(job: Job) -> Iterator[list[str]]:
    """Take a GPU for a run, and give it back at the end.

    Each GPU has a file in the folder of all runs that a run locks: runs end in any order, so that their numbers alone
    would lay two on one GPU beside an idle one. Where more runs than GPUs go on, the rest is dealt out by number.

    Yields:
        The flag that says which; nothing where there is no GPU, or where the run or its recipe says itself what to
        train on.
    """
    gpus, host = _gpus(job), folder_name(socket.gethostname())  # a cluster's machines share the folder
    with contextlib.ExitStack() as held:
        for gpu in gpus:
            if held.enter_context(locked(job.folder.parents[2] / f".gpu_{host}_{gpu}.lock", wait=False)):
                yield _flag(gpu)
                return
        yield device_by_number(job)


def device_by_number(job: Job) -> list[str]:
    """The flag that `taken_device` gives where all GPUs are free; nothing is taken."""
    gpus = _gpus(job)
    return _flag(gpus[0]) if gpus else []


def _flag(gpu: int) -> list[str]:
    return [f"--trainer.devices=[{gpu}]"]


def _gpus(job: Job) -> list[int]:
    """The GPUs that a run may take, its own by number first."""
    import torch

    if _says_itself(job) or not torch.cuda.is_available():
        return []
    gpus = torch.cuda.device_count()
    return [(job.number + place) % gpus for place in range(gpus)]


def _says_itself(job: Job) -> bool:
    """Whether the settings choose devices, or an accelerator that is no GPU."""
    request = read_request(["fit", *job.words])
    settings: dict[str, Any] = dict(flatten(stacked_recipes(request.recipes)))
    settings |= parsed({flag.name: flag.value for flag in request.flags})
    chosen = settings.get("trainer.devices") not in (None, "auto", -1)
    return chosen or settings.get("trainer.accelerator") not in (None, "auto", "gpu", "cuda")
