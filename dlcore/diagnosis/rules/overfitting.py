"""Training improves while validation gets worse, or is far worse: the network memorises its samples."""

import math

import numpy as np

from dlcore.diagnosis.curve_shape import smoothed
from dlcore.diagnosis.rule import Finding, Rule, percent, recipe_of_few, regularizers, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _

_RISE = 0.08  # relative to the lowest validation loss
_FALL = 0.1  # relative to the training loss at that point
_GAP = 1.3  # validation loss / training loss
_POINTS = 0.03  # training accuracy - validation accuracy
_KNOWN, _FAR = 0.95, 0.15  # training accuracy, and the same difference, that show it while validation does not rise


def check(run: Evidence) -> Finding | None:
    """Find a validation loss that rises from its minimum while the training loss falls, or accuracies far apart."""
    return _rising(run) or _apart(run)


def _rising(run: Evidence) -> Finding | None:
    val, train = run.curve("val/loss"), run.curve("train/loss")
    if len(val.values) < 4 or not run.finite or len(train.values) != len(val.values):
        return None
    # A text model's loss in nats never comes near 0: compare the perplexity.
    val_losses, train_losses = (np.exp(each.values) if run.is_text else each.values for each in (val, train))
    # Smooth the curve, so that one lucky check does not turn the rest into a rise.
    smooth = smoothed(val_losses)
    best = int(np.argmin(smooth))
    if min(smooth.min(), train_losses.min()) <= 0:  # relative changes need positive losses
        return None
    end, train_end = float(smooth[-1]), float(smoothed(train_losses)[-1])
    rise = end / float(smooth[best]) - 1
    fall = 1 - train_end / float(train_losses[best])
    points = run.last("train/accuracy") - run.last("val/accuracy")
    if not (rise > _RISE and fall > _FALL and end > _GAP * train_end) or points < _POINTS:
        return None
    lowest = int(np.argmin(val.values))
    text = _(
        "since {moment} the validation loss has risen from {lowest} to {last} while the training loss fell to {train}"
    )
    text = text.format(
        moment=run.moment("val/loss", lowest),
        lowest=short(val.values[lowest]),
        last=short(val.values[-1]),
        train=short(train.values[-1]),
    )
    accuracies = {part: percent(run.last(f"{part}/accuracy")) for part in ("train", "val")}
    gap = _("; accuracy {train} in training, {val} in validation").format(**accuracies)
    return Finding(
        text + gap * (not math.isnan(points)),
        "certain" if rise > 0.2 and end > 2 * train_end else "likely",
        numbers={"lowest": float(val.values[lowest]), "rise": rise, "gap": end / train_end},
        step=int(val.steps[lowest]),
        flags=recipe_of_few(run) or regularizers(run),
        advice=_("more data or augmentation, dropout, weight decay, fewer units, or stop at the best check"),
    )


def _apart(run: Evidence) -> Finding | None:
    """Find nearly perfect training and far worse validation; None if all regularisers are in use."""
    train, val = (run.last(f"{part}/accuracy") for part in ("train", "val"))
    held_out = sum(run.samples.get("classes", {}).get("val", ())) or 100
    noise = 2 * math.sqrt(max(val * (1 - val), 0.0) / held_out)
    flags = recipe_of_few(run) or regularizers(run)
    if not (train > _KNOWN and train - val > _FAR + noise and flags):
        return None
    return Finding(
        _("accuracy is {train} in training and {val} in validation: the network knows its samples by heart").format(
            train=percent(train), val=percent(val)
        ),
        "likely",
        numbers={"train_accuracy": train, "val_accuracy": val},
        flags=flags,
        advice=_("more data or augmentation, dropout, weight decay, fewer units"),
    )


RULE = Rule(N_("overfitting"), check, ("copied_text", "worsening", "plateau", "unsteady", "stopped_too_early"))
