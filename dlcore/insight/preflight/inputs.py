"""Check: the network's inputs. Scale, constant features, NaN and infinity; for text the unknown words.

Shapes: N samples, F numbers of a sample.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dlcore.callbacks.data_facts import data_facts
from dlcore.data import LabelledText
from dlcore.insight.preflight.case import Case
from dlcore.insight.preflight.report import CheckResult
from dlcore.insight.short_training import tensors_of
from dlcore.text import END, UNKNOWN, TextBatch
from dlcore.translation import _

# Initial weights expect inputs of about 1 (Glorot and Bengio 2010; LeCun et al. 1998, "Efficient backprop").
_LARGE, _SMALL = 10.0, 0.01
_MANY_UNKNOWN = 0.1


def check_inputs(case: Case, result: CheckResult) -> None:
    """Inspect some training batches, as the network gets them."""
    if isinstance(case.batches[0], TextBatch) or isinstance(case.datamodule, LabelledText):
        _check_tokens(case, result)
        return
    if case.knows_task:
        inputs = torch.cat([batch[0].flatten(1).float() for batch in case.batches])
    else:
        numbers = [each for _, each in tensors_of(case.batches[0]) if each.is_floating_point() and each.dim()]
        if not numbers:
            seen = _("a batch of {data} has no tensor of floating-point numbers")
            result.skip(seen.format(data=type(case.datamodule).__name__))
            return
        inputs = numbers[0].flatten(1).float() if numbers[0].dim() > 1 else numbers[0].float()[:, None]
    broken = ~torch.isfinite(inputs)
    if broken.any():
        share = broken.any(dim=1).float().mean().item()
        result.numbers["not_finite"] = broken.sum().item()
        result.fail(
            _("{n:,} of {all:,} numbers are NaN or infinite, in {share:.1%} of the samples").format(
                n=int(broken.sum()), all=inputs.numel(), share=share
            ),
            case.flag("data", "missing", "mean", _("fills gaps of a table with the mean of the training rows")),
            expected=_("finite numbers: one NaN makes the loss NaN, and then all weights"),
        )
        return
    std, mean = torch.std_mean(inputs, correction=0)
    size = inputs.square().mean().sqrt().item()
    spread = inputs.amax(dim=0) - inputs.amin(dim=0)
    constant = (spread == 0).float().mean().item() if len(inputs) > 1 else 0.0
    result.numbers |= {"mean": mean.item(), "std": std.item(), "size": size, "constant": constant}
    result.numbers |= {"min": inputs.min().item(), "max": inputs.max().item()}
    middle = mean.item() if abs(mean) > 1e-4 * std else 0.0
    seen = _(
        "mean {mean:.3g}, standard deviation {std:.3g}, from {low:.3g} to {high:.3g} "
        "({samples:,} samples of {numbers:,} numbers)"
    ).format(
        mean=middle, std=std.item(), low=inputs.min().item(), high=inputs.max().item(),
        samples=len(inputs), numbers=inputs.shape[1],
    )  # fmt: skip
    normalised = _("; batch normalisation softens it") if case.normalizes else ""
    expected = _("numbers of about 1")
    if std == 0:
        result.fail(_("all numbers are {mean:.3g}: the samples cannot be distinguished").format(mean=mean.item()))
    elif size > _LARGE:
        seen = _("not scaled: {seen}").format(seen=f"{seen}{_largest(case, inputs)}{normalised}")
        result.warn(seen, *_scaling(case), expected=expected)
    elif size < _SMALL:
        norm = "" if case.normalizes else case.flag("model", "batch_norm", "true", _("brings sums to about 1"))
        result.warn(_("tiny: {seen}").format(seen=f"{seen}{normalised}"), *_scaling(case), norm, expected=expected)
    else:
        result.ok(seen)
    if 0.5 < constant < 1:
        seen = _("{share:.0%} of the features are the same in all {n:,} samples: they carry no information")
        result.warn(seen.format(share=constant, n=len(inputs)))


def _scaling(case: Case) -> list[str]:
    """Return the flags that scale inputs to about 1."""
    return [
        case.flag("data", "scale", 255, _("pixels from 0 to 1")),
        case.flag("data", "normalize", "train", _("mean 0 and deviation 1, by the training pictures")),
        case.flag("data", "standardize", "true", _("each column to mean 0 and deviation 1")),
    ]


def _largest(case: Case, inputs: Tensor) -> str:
    """Return a note on the table column with the largest numbers."""
    facts = data_facts(case.datamodule)
    columns = facts.get("columns") or []
    if len(columns) != inputs.shape[1] or len(columns) < 2:
        return ""
    return _(", most in column {column!r}").format(column=columns[int(inputs.abs().amax(dim=0).argmax())])


def _check_tokens(case: Case, result: CheckResult) -> None:
    tokens = torch.cat([batch[0].flatten() for batch in case.batches])
    words = int(getattr(case.task, "out_features", data_facts(case.datamodule).get("vocab_size", 0)))
    if isinstance(case.datamodule, LabelledText):
        tokens, words = tokens[tokens != END], int(getattr(case.model, "hparams", {}).get("vocab_size", words))
    low, high = tokens.min().item(), tokens.max().item()
    unknown = (tokens == UNKNOWN).float().mean().item()
    result.numbers |= {"unknown": unknown, "tokens": len(tokens), "largest": high, "words": words}
    if low < 0 or high >= words:
        result.fail(
            _("tokens from {low} to {high}, but the model knows {words:,} words").format(
                low=low, high=high, words=words
            ),
            _("leave --model.vocab_size out: the data say it"),
            expected=_("{low} to {high}").format(low=0, high=words - 1),
        )
        return
    seen = _("{share:.1%} of {n:,} tokens are unknown words; a vocabulary of {words:,}").format(
        share=unknown, n=len(tokens), words=words
    )
    if unknown > _MANY_UNKNOWN:
        result.warn(
            seen,
            case.flag("data", "rare", "split", _("a rare word becomes its characters")),
            case.flag("data", "min_freq", 1, _("every word of the training text is kept")),
            expected=_("below {share:.0%}: what is unknown cannot be learned, nor be written").format(
                share=_MANY_UNKNOWN
            ),
        )
    else:
        result.ok(seen)
