"""What a checkpoint of a model holds beside what Lightning keeps, so that a resumed run is as if never interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from dlcore.processes import of_all_processes, statistics

if TYPE_CHECKING:
    from dlcore.models.model import Model

_KEPT = ("random_states", "cuda_random_states", "gradients", "train_tally", "carried", "buffers")


def keep_progress(model: Model, checkpoint: dict[str, Any]) -> None:
    """Add random numbers, gradients that wait, a recurrent state, running statistics, and the epoch's sums so far."""
    device = model.device
    checkpoint["random_states"] = of_all_processes(model.trainer, torch.get_rng_state(), device)
    if device.type == "cuda":
        checkpoint["cuda_random_states"] = of_all_processes(model.trainer, torch.cuda.get_rng_state(device), device)
    if model.gradients_wait:
        gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
        checkpoint["gradients"] = {name: grad.cpu() for name, grad in gradients.items() if grad is not None}
    if model.carried:
        checkpoint["carried"] = [of_all_processes(model.trainer, part, device) for part in model.carried]
    if model.trainer.world_size > 1:  # each has its own until the next validation, when they agree
        running = statistics(model.named_buffers())
        checkpoint["buffers"] = {name: of_all_processes(model.trainer, buffer, device) for name, buffer in running}
    tally = model.metric_log.train
    logged_until = tally.loss_sum.new_tensor(model.metric_log.logged_until)
    checkpoint["train_tally"] = {
        "sums": [of_all_processes(model.trainer, total, device) for total in tally.sums()],
        "logged_until": of_all_processes(model.trainer, logged_until, device),
        "lr": model.lr,
    }


def kept_progress(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """What `keep_progress` added; empty for a checkpoint without."""
    return {name: checkpoint[name] for name in _KEPT if name in checkpoint}


def take_up_progress(model: Model, kept: dict[str, Any]) -> None:
    """Put back what `keep_progress` kept, as the last thing before the first batch."""
    rank, world_size = model.trainer.global_rank, model.trainer.world_size
    tally = kept.get("train_tally")
    model.lr = tally["lr"] if tally else 0.0
    if tally and (len(tally["logged_until"]) == world_size or rank == 0):
        *sums, logged_until = [_own(parts, rank, world_size) for parts in (*tally["sums"], tally["logged_until"])]
        model.metric_log.train.load_sums([total.to(model.device) for total in sums])
        model.metric_log.logged_until = (logged_until[0].item(), logged_until[1].item())
    if isinstance(wrapped := model.trainer.strategy.model, DistributedDataParallel):
        # Where a model optimises by hand, DDP gives all the first process's statistics in its first forward pass only:
        # a resumed run, which has another first pass, would end otherwise.
        wrapped.broadcast_buffers = False
    for name, buffer in statistics(model.named_buffers()):
        if len(parts := kept.get("buffers", {}).get(name, ())) == world_size:
            buffer.copy_(parts[rank])
    gradients = kept.get("gradients") or {}
    for name, parameter in model.named_parameters():
        if name in gradients:
            parameter.grad = gradients[name].to(parameter)
    model.carried = tuple(dealt(parts, rank, world_size).to(model.device) for parts in kept.get("carried", ()))
    # As many processes as there were go on with their own random numbers; others begin with new ones.
    if len(states := kept.get("random_states", ())) == world_size:
        torch.set_rng_state(states[rank].cpu().clone())
    if len(states := kept.get("cuda_random_states", ())) == world_size and model.device.type == "cuda":
        torch.cuda.set_rng_state(states[rank].cpu().clone(), model.device)


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


def _own(parts: Sequence[Tensor], rank: int, world_size: int) -> Tensor:
    """What this process had added up; where there were more or fewer processes, the first one takes over all of it."""
    return parts[rank] if len(parts) == world_size else torch.stack(list(parts)).sum(0)


def agree_on_statistics(model: Model) -> None:
    """Give all processes the mean of their running statistics, so that they evaluate and keep the same network."""
    if model.trainer.world_size > 1:
        for _, buffer in statistics(model.named_buffers()):
            buffer.copy_(model.trainer.strategy.reduce(buffer.clone(), reduce_op="mean"))
