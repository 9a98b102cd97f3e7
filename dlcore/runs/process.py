"""Process setup: settings before any tensor work, and checks of devices and strategy."""

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

# Warnings of Lightning and torch that a user cannot fix.
_NOISE = (
    r".*isinstance\(treespec, LeafSpec\).*",
    r".*number of training batches .* is smaller than the logging interval.*",
    r".*callbacks used to create the checkpoint need to be provided.*",  # an evaluation does not need them
    r".*RNN module weights are not part of single contiguous chunk.*",  # impossible with dropped weights
    r".*You called `self.log\(.*have no logger configured.*",
)


# Lightning's callbacks log to these loggers; so does the trainer, much more.
_SHARED_LOGGERS = ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.rank_zero")
# glibc's parameters of `mallopt` (malloc.h).
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_KEPT_BYTES = 2**30  # free memory that the process keeps


def prepare_process() -> None:
    """Flush subnormal numbers, keep freed memory, and hide Lightning's info messages.

    The constant border pixels of FashionMNIST drive Adam's averages into subnormal numbers, which processors compute
    many times slower. The setting reaches torch's threads only if made before their first work.
    """
    torch.set_flush_denormal(True)
    _keep_memory()
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Lightning's command line uses names that jsonargparse 5 removes; dlcore does not accept version 5.
    os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")
    for message in _NOISE:
        warnings.filterwarnings("ignore", message)


def let_speak(callbacks: Iterable[Callback]) -> None:
    """Show the info messages of Lightning's callbacks in the config; hide those of the trainer."""
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
    """Make the C library keep freed memory, instead of returning it to the system and requesting it again each step.

    A batch of images is tens of megabytes. To get it from the system, as zeroed pages, takes as long as to fill it:
    without that, augmented batches are twice as fast. Only glibc has the setting. If environment variables change
    glibc's allocator, leave it as it is.
    """
    if any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        for setting, value in ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _KEPT_BYTES), (_M_TOP_PAD, 2**26)):
            mallopt(setting, value)


def with_launched_processes(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the trainer's arguments with the number of processes and machines that torchrun or SLURM has started."""
    arguments = dict(arguments)
    if by_torchrun():
        here, machines = os.environ.get("LOCAL_WORLD_SIZE"), os.environ.get("GROUP_WORLD_SIZE")
    elif by_slurm() and "SLURM_STEP_ID" in os.environ:  # else the job's script itself: no other processes
        here, machines = os.environ.get("SLURM_NTASKS_PER_NODE"), os.environ.get("SLURM_NNODES")
    else:
        return arguments
    if here and arguments["devices"] == "auto":
        arguments["devices"] = int(here)
    if machines and arguments["num_nodes"] == 1:
        arguments["num_nodes"] = int(machines)
    return arguments


def check_strategy(strategy: Any) -> None:
    """Check that each process has the whole network."""
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
    """Check that this machine has the requested number of devices."""
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
