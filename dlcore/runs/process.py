"""What a process sets before any tensor work."""

from __future__ import annotations

import ctypes
import logging
import os
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from lightning.pytorch import Callback

from dlcore.errors import ArgumentError
from dlcore.processes import by_slurm, by_torchrun

# Lightning's and torch's own loose ends: nothing that a user could do anything about.
_NOISE = (
    r".*isinstance\(treespec, LeafSpec\).*",
    r".*number of training batches .* is smaller than the logging interval.*",
    r".*callbacks used to create the checkpoint need to be provided.*",  # an evaluation needs none of them
    r".*RNN module weights are not part of single contiguous chunk.*",  # nor can they be, where some are dropped
    r".*You called `self.log\(.*have no logger configured.*",
)


# Through this logger Lightning's callbacks say what they do; the trainer says much else through it.
_SHARED_LOGGERS = ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.rank_zero")
# glibc's names for what `mallopt` sets (malloc.h).
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_KEPT_BYTES = 2**30  # what stays with the process when it is free


def prepare_process() -> None:
    """Flush subnormal numbers, keep memory that is used again, and keep Lightning's chatter out of the terminal.

    The constant border pixels of FashionMNIST drive Adam's averages into subnormal numbers, which processors compute
    many times slower. The setting reaches torch's threads only when made before their first work.
    """
    torch.set_flush_denormal(True)
    _keep_memory()
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Lightning's command line calls jsonargparse by names that go in its version 5, which dlcore does not accept.
    os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")
    for message in _NOISE:
        warnings.filterwarnings("ignore", message)


def let_speak(callbacks: Iterable[Callback]) -> None:
    """Let Lightning's callbacks that a user has named say what they do; the trainer's other chatter stays unsaid."""
    modules = {type(each).__module__ for each in callbacks if type(each).__module__.startswith("lightning.")}
    for module in modules:
        logging.getLogger(module).setLevel(logging.INFO)
    files = tuple(f"{module.rpartition('.')[2]}.py" for module in modules)
    for name in _SHARED_LOGGERS:
        logger = logging.getLogger(name)
        logger.filters.clear()
        if modules:
            logger.setLevel(logging.INFO)
            logger.addFilter(lambda record: record.levelno > logging.INFO or record.pathname.endswith(files))


def _keep_memory() -> None:
    """Let the C library keep what tensors leave, instead of giving it back to the system and asking anew each step.

    A batch of pictures is tens of megabytes. To get it page by page, zeroed, costs as much as to fill it: augmented
    batches come twice as fast without. Only glibc has the setting, and only its default behaviour needs it; who has
    chosen another by environment variable keeps it.
    """
    if any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        for setting, value in ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _KEPT_BYTES), (_M_TOP_PAD, 2**26)):
            mallopt(setting, value)


def with_launched_processes(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The trainer's arguments with as many processes and machines as torchrun or SLURM has started.

    Args:
        arguments: The trainer's arguments; what a user has chosen of them stays.
    """
    arguments = dict(arguments)
    if by_torchrun():
        here, machines = os.environ.get("LOCAL_WORLD_SIZE"), os.environ.get("GROUP_WORLD_SIZE")
    elif by_slurm() and "SLURM_STEP_ID" in os.environ:  # else it is the job's script itself: nobody started the others
        here, machines = os.environ.get("SLURM_NTASKS_PER_NODE"), os.environ.get("SLURM_NNODES")
    else:
        return arguments
    if here and arguments["devices"] == "auto":
        arguments["devices"] = int(here)
    if machines and arguments["num_nodes"] == 1:
        arguments["num_nodes"] = int(machines)
    return arguments


def check_strategy(strategy: Any) -> None:
    """Check that each process has the whole network.

    Args:
        strategy: The trainer's argument: a name, or an object.

    Raises:
        ArgumentError: It cuts the network into parts, which dlcore's models and callbacks do not expect.
    """
    name = strategy if isinstance(strategy, str) else type(strategy).__name__
    if name.lower().startswith(("fsdp", "deepspeed", "modelparallel")):
        raise ArgumentError(
            "trainer.strategy",
            "ddp (each process has the whole network)",
            name,
            "Of a network in parts, dlcore's penalties, clipping, averaged weights and histograms would see only one "
            "part each, and be wrong.",
        )


def check_devices(accelerator: str, devices: int | str | list[int]) -> None:
    """Check that a machine has as many devices as are asked for.

    Args:
        accelerator: The trainer's argument.
        devices: The trainer's argument: a number (-1 and auto: all), or numbers of devices.

    Raises:
        ArgumentError: It has fewer; the message says how many there are.
    """
    if isinstance(devices, str) and not (devices in ("auto", "-1") or devices.replace(",", "").isdigit()):
        raise ArgumentError("trainer.devices", "a number, numbers parted by commas, or auto", devices)
    if isinstance(devices, str):
        devices = [int(d) for d in devices.split(",")] if "," in devices else int(devices) if devices.isdigit() else -1
    on_gpu = accelerator in ("gpu", "cuda") or (accelerator == "auto" and torch.cuda.is_available())
    if not on_gpu and accelerator not in ("cpu", "auto"):
        return
    there = torch.cuda.device_count() if on_gpu else (os.cpu_count() or 1)
    kind = "GPUs" if on_gpu else "CPU cores, and each process takes at least one"
    asked = len(devices) if isinstance(devices, list) and on_gpu else devices
    if on_gpu and not there:
        raise ArgumentError(
            "trainer.accelerator", "one that this machine has", accelerator, "There is no GPU: use cpu."
        )
    if isinstance(asked, int) and (asked > there or asked == 0 or asked < -1):
        raise ArgumentError("trainer.devices", f"1 to {there} (this machine has {there} {kind})", devices)
