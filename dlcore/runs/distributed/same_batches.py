"""Same batches: a run resumed with another number of processes keeps its total number of samples per step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def keep_batches(data: Any, kept: Mapping[str, Any], before: int | None, config: dict[str, Any], processes: int) -> str:
    """Divide the samples of a step among the current number of processes.

    Change nothing if the user has chosen another batch size, or the samples are not divisible.

    Args:
        data: The data module, before setup; its `batch_size` is per process.
        kept: Its state in the checkpoint.
        before: The batch size in the checkpoint's config.
        config: The arguments of the data in the config, which get the same batch size.
        processes: Current number of processes.

    Returns:
        A line about the new batch size, or about the new number of samples per step; empty if neither changes.
    """
    together = kept.get("samples_of_a_batch") or kept.get("form_of_a_batch", {}).get("batch_size")
    if not together or not before or data.batch_size != before or together == before * processes:
        return ""
    if together % processes:
        return (
            f"data.batch_size: {before} in each of {processes} processes: a step has {before * processes} samples now, "
            f"before it had {together} in {together // before}."
        )
    data.batch_size = config["batch_size"] = together // processes
    return (
        f"data.batch_size: {data.batch_size} in each of {processes} processes (before: {before} in each of "
        f"{together // before}), so that a step keeps its {together} samples."
    )
