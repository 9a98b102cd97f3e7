"""The GPU of a study's run: one per run, and no shared GPU while another one is free."""

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
    """Lock a GPU for a run, and release it at the end.

    Each GPU has a lock file in the folder of all runs. Runs end in any order, so assigning GPUs by job number alone
    could put two runs on one GPU while another is idle. Runs beyond the number of GPUs are assigned by number.

    Yields:
        The flag for the GPU; nothing if there is no GPU, or if the run or its recipe chooses its devices itself.
    """
    gpus, host = _gpus(job), folder_name(socket.gethostname())  # machines of a cluster share the folder
    with contextlib.ExitStack() as held:
        for gpu in gpus:
            if held.enter_context(locked(job.folder.parents[2] / f".gpu_{host}_{gpu}.lock", wait=False)):
                yield _flag(gpu)
                return
        yield device_by_number(job)


def device_by_number(job: Job) -> list[str]:
    """Return the flag that `taken_device` yields if all GPUs are free; lock nothing."""
    gpus = _gpus(job)
    return _flag(gpus[0]) if gpus else []


def _flag(gpu: int) -> list[str]:
    return [f"--trainer.devices=[{gpu}]"]


def _gpus(job: Job) -> list[int]:
    """Return the GPUs for a run, its own by number first."""
    import torch

    if _says_itself(job) or not torch.cuda.is_available():
        return []
    gpus = torch.cuda.device_count()
    return [(job.number + place) % gpus for place in range(gpus)]


def _says_itself(job: Job) -> bool:
    """Return whether the settings choose devices, or an accelerator other than a GPU."""
    request = read_request(["fit", *job.words])
    settings: dict[str, Any] = dict(flatten(stacked_recipes(request.recipes)))
    settings |= parsed({flag.name: flag.value for flag in request.flags})
    chosen = settings.get("trainer.devices") not in (None, "auto", -1)
    return chosen or settings.get("trainer.accelerator") not in (None, "auto", "gpu", "cuda")
