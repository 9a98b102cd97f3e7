"""Facts about the samples of a data module that holds them in memory, for the diagnosis.

Shapes: M samples, F numbers of a sample, K classes, O numbers of a target.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, one_hot

# Samples that are hashed, and from which the linear model learns.
_HASHED, _LEARNED = 20_000, 3_000
_BYTES = 100_000_000  # at most that are read for either
_NUMBERS, _LEAST = 4_096, 32  # of a sample: at most for the linear model, at least for copies to be no chance
_SIDE = 32  # to which larger pictures are averaged
_WORDS = 2_048  # numbers of a bag of words
_CLASSES = 100
_RIDGE = 0.3  # for inputs of variance 1


def sample_facts(parts: dict[str, Any]) -> dict[str, Any]:
    """Return what can be known of the samples without training, as plain values; what does not apply is left out.

    - ``classes``: samples of each class, ``{"train": [...], "val": [...]}``.
    - ``target_spreads``: the smallest and the largest standard deviation of the columns of targets.
    - ``distinct``, ``hashed``: how many of the hashed training samples differ, and how many were hashed.
    - ``copied``: share of the validation samples that are also training samples, though they are held out.
    - ``linear``: validation accuracy (R² for numbers) of ridge regression on at most 3,000 training samples; of rows of
      token ids on which of them occur (a bag of words, hashed).

    Args:
        parts: The parts ``train`` and ``val``, each with inputs (M, *), targets (M,) or (M, O) and indices.
    """
    if not all(hasattr(parts.get(name), "indices") and len(parts[name]) for name in ("train", "val")):
        return {}
    train, val = parts["train"], parts["val"]
    facts: dict[str, Any] = {}
    targets = {name: part.targets[part.indices] for name, part in (("train", train), ("val", val))}
    labels = targets["train"].dim() == 1 and not targets["train"].is_floating_point()
    classes = 1 + max(int(each.max()) for each in targets.values()) if labels else 0
    if labels and classes <= _CLASSES and min(int(each.min()) for each in targets.values()) >= 0:
        facts["classes"] = {name: torch.bincount(each, minlength=classes).tolist() for name, each in targets.items()}
    if not labels and targets["train"].dim() == 2 and targets["train"].shape[1] > 1:
        spreads = targets["train"].float().std(0)
        facts["target_spreads"] = [spreads.min().item(), spreads.max().item()]
    facts |= _copies(train, val)
    if "classes" in facts or (not labels and targets["train"].is_floating_point()):
        score = _linear(train, val, classes)
        facts |= {} if score is None else {"linear": round(score, 4)}
    return facts


def _copies(train: Any, val: Any) -> dict[str, Any]:
    if train.inputs[:1].numel() < _LEAST:
        return {}
    most = min(_HASHED, _BYTES // train.inputs[:1].nbytes)
    if not most:
        return {}
    seen = list(train.hashes(most))
    facts: dict[str, Any] = {"distinct": len(set(seen)), "hashed": len(seen)}
    # Without held-out samples, training samples validate on purpose.
    if train.inputs is not val.inputs or not torch.isin(val.indices, train.indices).any():
        known, held_out = set(seen), list(val.hashes(most))
        facts["copied"] = round(sum(digest in known for digest in held_out) / len(held_out), 4)
    return facts


def _linear(train: Any, val: Any, classes: int) -> float | None:
    """Return the validation accuracy, or R², of ridge regression; None for samples with too many numbers."""
    (inputs, targets), (seen, known) = (_some(part) for part in (train, val))
    if inputs is None or seen is None:
        return None
    std, mean = torch.std_mean(inputs, 0)
    std = torch.where(std > 0, std, 1.0)
    inputs, seen = (inputs - mean) / std, (seen - mean) / std
    wanted = one_hot(targets, classes).float() if classes else targets.float().reshape(len(targets), -1)
    middle = wanted.mean(0)
    gram = inputs.T @ inputs / len(inputs) + _RIDGE * torch.eye(inputs.shape[1])
    answers = seen @ torch.linalg.solve(gram, inputs.T @ (wanted - middle) / len(inputs)) + middle
    if not answers.isfinite().all():
        return None
    if classes:
        score = (answers.argmax(1) == known).float().mean()
    else:
        known = known.float().reshape(len(known), -1)
        score = 1 - (answers - known).square().sum() / (known - known.mean(0)).square().sum()
    return score.item() if score.isfinite() else None


def _some(part: Any) -> tuple[Tensor | None, Tensor]:
    """Return samples (M, F), spread over the part, and their targets; no samples if they are too large."""
    if part.inputs[:1].nbytes * _LEARNED > _BYTES:
        return None, part.targets
    inputs, targets = part.fetch(part.indices[:: -(-len(part) // _LEARNED)])
    if inputs.dim() == 4 and inputs[0].numel() > _NUMBERS and max(inputs.shape[2:]) > _SIDE:
        inputs = adaptive_avg_pool2d(inputs.float(), _SIDE)
    if inputs.dim() == 2 and not inputs.is_floating_point() and inputs.dtype != torch.uint8:
        return torch.zeros(len(inputs), _WORDS).scatter_(1, inputs.long() % _WORDS, 1.0), targets
    return (inputs.flatten(1).float() if inputs[0].numel() <= _NUMBERS else None), targets
