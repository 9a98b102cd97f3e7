"""What a process sets before any tensor work."""

from __future__ import annotations

import logging
import os
import warnings

import torch

from dlcore.errors import ArgumentError

# Lightning's and torch's own loose ends: nothing that a user could do anything about.
_NOISE = (
    r".*isinstance\(treespec, LeafSpec\).*",
    r".*number of training batches .* is smaller than the logging interval.*",
    r".*callbacks used to create the checkpoint need to be provided.*",  # an evaluation needs none of them
    r".*RNN module weights are not part of single contiguous chunk.*",  # nor can they be, where some are dropped
    r".*You called `self.log\(.*have no logger configured.*",
)


def prepare_process() -> None:
    """Flush subnormal numbers, and keep Lightning's chatter out of the terminal.

    The constant border pixels of FashionMNIST drive Adam's averages into subnormal numbers, which processors compute
    many times slower. The setting reaches torch's threads only when made before their first work.
    """
    torch.set_flush_denormal(True)
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Lightning's command line calls jsonargparse by names that go in its version 5, which dlcore does not accept.
    os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")
    for message in _NOISE:
        warnings.filterwarnings("ignore", message)


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
