"""Summary of a run, and the reasons why a run without faults is healthy."""

from __future__ import annotations

import math

import numpy as np

from dlcore.diagnosis.rule import percent, short
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.tracking.metric_names import is_share, known_modes, main_metric, metric_words, mode_of
from dlcore.tracking.metric_pairs import canonical_name
from dlcore.translation import _, ngettext


def summary(run: Evidence) -> str:
    """Describe length and result of a run: ``5 epochs, 9,375 steps; at the end: loss …; accuracy …``."""
    length = _("{steps:,} steps").format(steps=run.updates)
    if math.isfinite(run.epochs):
        epochs = ngettext("{n:g} epoch", "{n:g} epochs", 2 - (run.epochs == 1)).format(n=run.epochs)
        length = _("{epochs}, {steps}").format(epochs=epochs, steps=length)
    ends = []
    told = next((name for name in ("bits_per_character", "accuracy", "r2") if f"val/{name}" in run.curves), "")
    for metric in ("loss", *([told] if told else [])):
        values = {word: run.last(f"{part}/{metric}") for part, word in _parts().items()}
        known = [f"{word} {_number(metric, value)}" for word, value in values.items() if not math.isnan(value)]
        if known:
            ends.append(_("{metric} {values}").format(metric=_words(metric), values=_(", ").join(known)))
    ends += [_counting(run)] if ends and _counting(run) else []
    return _("{length}; at the end: {ends}").format(length=length, ends=_("; ").join(ends)) if ends else length


def reasons(run: Evidence) -> tuple[str, ...]:
    """Return the reasons, a clause each: the result, simple models beside it, the gap to training, the layers."""
    clauses = _result(run), _against_counting(run), _against_linear(run), _gap(run), _layers(run)
    return tuple(clause for clause in clauses if clause)


def _parts() -> dict[str, str]:
    return {"train": _("training"), "val": _("validation")}


def _number(metric: str, value: float) -> str:
    return (percent if is_share(metric) else short)(value)


def _result(run: Evidence) -> str:
    watched = canonical_name(run.settings.text("checkpoint.monitor"))
    part = "val" if any(name.startswith("val/") for name in run.curves) else "train"
    names = {name.partition("/")[2] for name in run.curves if name.startswith(f"{part}/")} - {"loss_step"}
    if not names:
        return ""
    told = watched in run.curves and watched.startswith(("train/", "val/"))
    name = watched if told else f"{part}/{main_metric(names)}"
    part = name.partition("/")[0]
    curve = run.curve(name)
    mode = mode_of(name, known_modes(run.events))
    if mode is None or not np.isfinite(curve.values).any():
        return ""
    place = int(np.nanargmax(curve.values) if mode == "max" else np.nanargmin(curve.values))
    where = run.moment(name, place)
    if math.isfinite(run.epochs) and math.isfinite(curve.epochs[place]):
        where = _("{epoch} of {epochs:g}").format(epoch=where, epochs=run.epochs)
    first, best = (_number(name, float(curve.values[at])) for at in (0, place))
    said = _("{part} {metric} {best} at {where}")
    if place > 0:
        said = _("{part} improved until {where} ({metric} {first} to {best})")
    return said.format(part=_parts()[part], metric=_words(name), first=first, best=best, where=where)


def _counting(run: Evidence) -> str:
    """Return the losses of counting for a text model; empty if they are not known."""
    one, two = run.counting("unigram_entropy"), run.counting("bigram_loss")
    if math.isnan(one) or math.isnan(two):
        return ""
    return _("counting tokens alone gives {one}, counting pairs {two}").format(one=short(one), two=short(two))


def _against_counting(run: Evidence) -> str:
    losses = run.values("val/loss")
    if not len(losses) or not _counting(run):
        return ""
    said = _("the best validation loss is {loss}: {counting}")
    return said.format(loss=short(float(np.nanmin(losses))), counting=_counting(run))


def _against_linear(run: Evidence) -> str:
    if math.isnan(run.linear) or math.isnan(run.last("val/accuracy" if run.is_classifier else "val/r2")):
        return ""
    write = percent if run.is_classifier else short
    return _("a linear model on the same samples comes to {linear}").format(linear=write(run.linear))


def _gap(run: Evidence) -> str:
    train, val = run.last("train/accuracy"), run.last("val/accuracy")
    if math.isnan(train) or math.isnan(val):
        train, val = run.last("train/loss"), run.last("val/loss")
        both = not (math.isnan(train) or math.isnan(val))
        close = both and abs(val - train) < 0.2 * abs(train)
        said = _("training and validation lie close (loss {train} and {val})")
        return said.format(train=short(train), val=short(val)) if close else ""
    if abs(train - val) > 0.05:
        return ""
    said = _("training and validation lie close (accuracy {train} and {val})")
    return said.format(train=percent(train), val=percent(val))


def _layers(run: Evidence) -> str:
    found = []
    ratios = list(run.layers.update_ratios.values())
    if ratios and 1e-4 <= max(ratios) <= 5e-2:
        low, high = short(min(ratios)), short(max(ratios))
        span = low if low == high else _("{low} to {high}").format(low=low, high=high)
        found.append(_("a step changes the weights by {span} of their size").format(span=span))
    dead = run.layers.greatest(run.layers.shares("dead"))[1]
    if dead < 0.5:
        some = _("at most {share} of a layer's units are dead").format(share=percent(dead))
        found.append(some if dead else _("no dead units"))
    saturated = run.layers.greatest(run.layers.shares("saturated"))[1]
    if saturated < 0.5:
        share = percent(saturated)
        some = _("at most {share} of a layer's outputs are saturated").format(share=share)
        found.append(_("no saturated units") if share == "0%" else some)
    return _(", ").join(found)


def _words(name: str) -> str:
    return metric_words(name.rpartition("/")[2])
