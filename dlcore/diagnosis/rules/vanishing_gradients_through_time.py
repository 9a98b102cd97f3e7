"""A plain recurrent network whose loss reaches only a few tokens back, so that it learns from those alone."""

from dlcore.diagnosis.rule import Finding, Rule
from dlcore.diagnosis.run_evidence import Evidence
from dlcore.translation import N_, _, ngettext

_NEAR = 3  # tokens
_LAGS = 16  # with fewer, nothing is known of the tokens further back
_ENOUGH = 200  # updates: new weights reach hardly further in any network


def check(run: Evidence) -> Finding | None:
    """Find a plain RNN with 95% of its gradient within a few tokens; gated cells learn by themselves what to forget."""
    memory = run.event("text_memory") or {}
    reach, lags = memory.get("reach"), memory.get("lags", 0)
    length = run.settings.number("data.sequence_length")
    if run.settings.text("model.cell") != "rnn" or run.updates < _ENOUGH or length <= 2 * _NEAR:
        return None
    if reach is None or reach > _NEAR or lags < _LAGS:
        return None
    said = ngettext(
        "the loss of a plain rnn reaches only {n} token back: 95% of the gradient lies within lag {n} of {lags}",
        "the loss of a plain rnn reaches only {n} tokens back: 95% of the gradient lies within lag {n} of {lags}",
        reach,
    )
    return Finding(
        said.format(n=reach, lags=lags),
        "likely",
        numbers={"reach": float(reach), "lags": float(lags)},
        step=memory.get("step"),
        flags=run.settings.flag("model.cell", "lstm"),
        advice=_("use lstm or gru, whose gates let the gradient pass"),
    )


RULE = Rule(N_("vanishing gradients through time"), check, ("underfitting", "plateau"))
