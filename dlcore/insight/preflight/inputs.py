"""Check: the network's inputs. Scale, constant features, NaN and infinity; for text the unknown words.

Shapes: N samples, F numbers of a sample.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dlcore.callbacks.data_facts import data_facts
from dlcore.insight.preflight.case import Case
from dlcore.insight.preflight.report import CheckResult
from dlcore.insight.short_training import tensors_of
from dlcore.text import UNKNOWN, TextBatch

# Initial weights expect inputs of about 1 (Glorot and Bengio 2010; LeCun et al. 1998, "Efficient backprop").
_LARGE, _SMALL = 10.0, 0.01
_MANY_UNKNOWN = 0.1


def check_inputs(case: Case, result: CheckResult) -> None:
    """Inspect some training batches, as the network gets them."""
    if isinstance(case.batches[0], TextBatch):
        _check_tokens(case, result)
        return
    if case.knows_task:
        inputs = torch.cat([batch[0].flatten(1).float() for batch in case.batches])
    else:
        numbers = [each for _, each in tensors_of(case.batches[0]) if each.is_floating_point() and each.dim()]
        if not numbers:
            result.skip(f"a batch of {type(case.datamodule).__name__} has no tensor of floating-point numbers")
            return
        inputs = numbers[0].flatten(1).float() if numbers[0].dim() > 1 else numbers[0].float()[:, None]
    broken = ~torch.isfinite(inputs)
    if broken.any():
        share = broken.any(dim=1).float().mean().item()
        result.numbers["not_finite"] = broken.sum().item()
        result.fail(
            f"{broken.sum().item():,} of {inputs.numel():,} numbers are NaN or infinite, in {share:.1%} of the samples",
            case.flag("data", "missing", "mean", "fills gaps of a table with the mean of the training rows"),
            expected="finite numbers: one NaN makes the loss NaN, and then all weights",
        )
        return
    std, mean = torch.std_mean(inputs, correction=0)
    size = inputs.square().mean().sqrt().item()
    spread = inputs.amax(dim=0) - inputs.amin(dim=0)
    constant = (spread == 0).float().mean().item() if len(inputs) > 1 else 0.0
    result.numbers |= {"mean": mean.item(), "std": std.item(), "size": size, "constant": constant}
    result.numbers |= {"min": inputs.min().item(), "max": inputs.max().item()}
    middle = mean.item() if abs(mean) > 1e-4 * std else 0.0
    seen = f"mean {middle:.3g}, standard deviation {std:.3g}, from {inputs.min():.3g} to {inputs.max():.3g}"
    seen += f" ({len(inputs):,} samples of {inputs.shape[1]:,} numbers)"
    normalised = "; batch normalisation softens it" if case.normalizes else ""
    if std == 0:
        result.fail(f"all numbers are {mean:.3g}: the samples cannot be distinguished")
    elif size > _LARGE:
        result.warn(
            f"not scaled: {seen}{_largest(case, inputs)}{normalised}", *_scaling(case), expected="numbers of about 1"
        )
    elif size < _SMALL:
        norm = "" if case.normalizes else case.flag("model", "batch_norm", "true", "brings sums to about 1")
        result.warn(f"tiny: {seen}{normalised}", *_scaling(case), norm, expected="numbers of about 1")
    else:
        result.ok(seen)
    if 0.5 < constant < 1:
        result.warn(
            f"{constant:.0%} of the features are the same in all {len(inputs):,} samples: they carry no information"
        )


def _scaling(case: Case) -> list[str]:
    """Return the flags that scale inputs to about 1."""
    return [
        case.flag("data", "scale", 255, "pixels from 0 to 1"),
        case.flag("data", "normalize", "train", "mean 0 and deviation 1, by the training pictures"),
        case.flag("data", "standardize", "true", "each column to mean 0 and deviation 1"),
    ]


def _largest(case: Case, inputs: Tensor) -> str:
    """Return a note on the table column with the largest numbers."""
    facts = data_facts(case.datamodule)
    columns = facts.get("columns") or []
    if len(columns) != inputs.shape[1] or len(columns) < 2:
        return ""
    return f", most in column {columns[int(inputs.abs().amax(dim=0).argmax())]!r}"


def _check_tokens(case: Case, result: CheckResult) -> None:
    tokens = torch.cat([batch.inputs.flatten() for batch in case.batches])
    words = int(getattr(case.task, "out_features", data_facts(case.datamodule).get("vocab_size", 0)))
    low, high = tokens.min().item(), tokens.max().item()
    unknown = (tokens == UNKNOWN).float().mean().item()
    result.numbers |= {"unknown": unknown, "tokens": len(tokens), "largest": high, "words": words}
    if low < 0 or high >= words:
        result.fail(
            f"tokens from {low} to {high}, but the model knows {words:,} words",
            "leave --model.vocab_size out: the data say it",
            expected=f"0 to {words - 1}",
        )
        return
    seen = f"{unknown:.1%} of {len(tokens):,} tokens are unknown words; a vocabulary of {words:,}"
    if unknown > _MANY_UNKNOWN:
        result.warn(
            seen,
            case.flag("data", "rare", "split", "a rare word becomes its characters"),
            case.flag("data", "min_freq", 1, "every word of the training text is kept"),
            expected=f"below {_MANY_UNKNOWN:.0%}: what is unknown cannot be learned, nor be written",
        )
    else:
        result.ok(seen)
