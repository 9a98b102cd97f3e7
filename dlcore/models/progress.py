"""What a checkpoint of a model holds beside what Lightning keeps, so that a resumed run is as if never interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from dlcore.models.model import Model

_KEPT = ("random_states", "cuda_random_states", "gradients", "train_tally", "carried")


def keep_progress(model: Model, checkpoint: dict[str, Any]) -> None:
    """Add random numbers, gradients that wait, a recurrent state, and what was added up in the epoch so far."""
    checkpoint["random_states"] = _of_all_processes(model, torch.get_rng_state())
    if model.device.type == "cuda":
        checkpoint["cuda_random_states"] = _of_all_processes(model, torch.cuda.get_rng_state(model.device))
    if model.gradients_wait:
        gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
        checkpoint["gradients"] = {name: grad.cpu() for name, grad in gradients.items() if grad is not None}
    if model.carried:
        checkpoint["carried"] = [_of_all_processes(model, part) for part in model.carried]
    sums = [*model.metric_log.train.sums(), model.metric_log.train.loss_sum.new_tensor(model.metric_log.logged_until)]
    if model.trainer.world_size > 1:
        sums = [model.trainer.strategy.reduce(total.clone(), reduce_op="sum") for total in sums]
    *sums, logged_until = [total.cpu() for total in sums]
    checkpoint["train_tally"] = {"sums": sums, "logged_until": logged_until.tolist(), "lr": model.lr}


def kept_progress(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """What `keep_progress` added; empty for a checkpoint without."""
    return {name: checkpoint[name] for name in _KEPT if name in checkpoint}


def take_up_progress(model: Model, kept: dict[str, Any]) -> None:
    """Put back what `keep_progress` kept, as the last thing before the first batch."""
    tally = kept.get("train_tally")
    model.lr = tally["lr"] if tally else 0.0
    if tally and model.trainer.is_global_zero:  # the sums are those of all processes: one takes them over
        model.metric_log.train.load_sums([total.to(model.device) for total in tally["sums"]])
        model.metric_log.logged_until = (tally["logged_until"][0], tally["logged_until"][1])
    gradients = kept.get("gradients") or {}
    for name, parameter in model.named_parameters():
        if name in gradients:
            parameter.grad = gradients[name].to(parameter)
    rank, world_size = model.trainer.global_rank, model.trainer.world_size
    model.carried = tuple(dealt(parts, rank, world_size).to(model.device) for parts in kept.get("carried", ()))
    # As many processes as there were go on with their own random numbers; others begin with new ones.
    if len(states := kept.get("random_states", ())) == world_size:
        torch.set_rng_state(states[rank].cpu())
    if len(states := kept.get("cuda_random_states", ())) == world_size and model.device.type == "cuda":
        torch.cuda.set_rng_state(states[rank].cpu(), model.device)


def dealt(parts: Sequence[Tensor], rank: int, world_size: int) -> Tensor:
    """A process' share of a recurrent state, whatever the number of processes that kept it.

    Process r of n has the rows r, r + n, … of a batch.

    Args:
        parts: What each process kept, its rows on dimension 1.
        rank: Number of this process.
        world_size: Number of processes that go on.
    """
    before = len(parts)
    first = parts[0]
    whole = first.new_empty(first.shape[0], sum(part.shape[1] for part in parts), *first.shape[2:])
    for number, part in enumerate(parts):
        whole[:, number::before] = part
    return whole[:, rank::world_size].contiguous()


def _of_all_processes(model: Model, state: Tensor) -> list[Tensor]:
    """What each process has of a state, in the order of their ranks."""
    if model.trainer.world_size == 1:
        return [state.cpu()]
    together = model.trainer.strategy.all_gather(state.to(model.device))
    return list(together.cpu())
