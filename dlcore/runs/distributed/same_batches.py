"""A run that goes on in another number of processes keeps its steps: as many samples in all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def keep_batches(data: Any, kept: Mapping[str, Any], before: int | None, config: dict[str, Any], processes: int) -> str:
    """Share a step's samples out among the processes that there are now.

    Where the user has chosen another batch size, or the samples do not divide, nothing is changed.

    Args:
        data: The data module, which has read nothing yet; its `batch_size` is of each process.
        kept: Its state in the checkpoint.
        before: The batch size in the checkpoint's config.
        config: The arguments of the data, which are to say the same.
        processes: How many there are now.

    Returns:
        What was changed, a line; empty where nothing was.
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
