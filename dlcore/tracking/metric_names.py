"""Properties of a metric by its name: whether more is better, whether it is a share, and which one is the main metric.

The words cover the metrics of dlcore, torchmetrics and scikit-learn, in full (``accuracy``) and short (``acc``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from dlcore.errors import ArgumentError
from dlcore.translation import N_

# Shares of 1, shown as percentages; for all of them, more is better.
_SHARES = ("accuracy", "f1", "precision", "recall", "auroc")
# Explanation shown with each gap.
GAP = N_("gap: by how much validation is worse than training; below 0 it is better")

# Last words of names, as split by `_words`, without words that only describe the measurement (`_MANNER`). They agree
# with torchmetrics' `higher_is_better`, except for a few classes where that is wrong (see the tests).
_GREATER = """
accuracy acc f1 f fbeta f_beta f_measure dice precision recall sensitivity specificity ap map mar auc auroc logauc
log_auc gini positive_predictive negative_predictive ppv npv tpr tnr true_positive true_negative exact_match hit success
iou miou giou diou ciou intersection_over_union jaccard panoptic_quality pq kappa matthews_corr matthews mcc
r2 r_squared explained_variance correlation corr pearson spearman kendall pearsons_contingency contingency
cramers_v theils_u tschuprows_t cosine_similarity similarity critical_success likelihood reward return elbo
ndcg dcg normalized_dcg mrr ranking
bleu sacre_bleu rouge rouge1 rouge2 rougel rougelsum chrf meteor bert squad word_information_preserved preserved wip
ssim ms_ssim structural_similarity psnr peak_signal_noise blocked_effect snr sdr sisnr sisdr signal_noise
signal_distortion pesq stoi srmr mos mean_opinion speech_quality intelligibility modulation_energy
image_quality universal_image_quality uqi visual_information_fidelity fidelity vif spatial_correlation inception clip
arniqa no_reference video_multi_method_assessment_fusion vmaf
silhouette calinski_harabasz completeness homogeneity v_measure mutual_info rand fowlkes_mallows dunn
"""
_LESS = """
loss error err mse rmse mae mape smape wmape msle rmsle rse nrmse cross_entropy ce bce nll l1 l2 deviance log_cosh
perplexity ppl bits_per_character bits_per_byte bits_per_token bpc bpb bpd unknown_share
error_using_sliding_window distance divergence kl js disparity hamming hinge brier crps
continuous_ranked_probability probability_score ece eer
fpr fnr false_positive false_negative fall_out coverage_error ranking_loss
edit wer cer mer ter wil word_info_lost lost translation_edit extended_edit fid kid lpips dists fad
image_patch_similarity texture_similarity perceptual_path_length path_length dimensionless_synthesis ergas
spectral_distortion spatial_distortion spectral_angle_mapper sam total_variation davies_bouldin error_rate
"""
_BETTER = {word.replace("_", ""): mode for mode, words in (("max", _GREATER), ("min", _LESS)) for word in words.split()}

# Ends of Chinese names, whose words are not separated: 验证准确率.
_CHINESE = {
    **dict.fromkeys(("损失", "误差", "错误率", "困惑度", "距离"), "min"),
    **dict.fromkeys(("准确率", "正确率", "精确率", "召回率", "精度", "得分", "分数", "相似度"), "max"),
}

# Words that only describe how a metric was measured.
_MANNER = """
score scores index metric value coef coefficient coeff rate ratio epoch step mean avg average macro micro weighted
measure assessment samples binary overall total all at k top percent pct fixed
"""
_NEGATED = ("neg", "negative", "inverse")


def mode_of(metric: str, known: Mapping[str, str] | None = None) -> str | None:
    """Return whether less or more of a metric is better.

    Args:
        metric: Its name, with any prefix or suffix: ``val/accuracy``, ``valid_acc_epoch``, ``MulticlassF1Score``,
            ``test/top5_accuracy``, ``val/loss/dataloader_idx_1``.
        known: Known modes by metric name (`known_modes`), which take precedence.

    Returns:
        ``min`` or ``max``; None if unknown.
    """
    if known and known.get(metric) in ("min", "max"):
        return known[metric]
    words = _words(metric.partition("/dataloader_idx_")[0])
    if "loss" in words or "losses" in words:  # also for the loss of a metric: dice_loss, loss_dice
        return "min"
    if words and (ending := next((each for each in _CHINESE if words[-1].endswith(each)), None)):
        return _CHINESE[ending]
    while words:
        for start in range(len(words)):
            found = _BETTER.get("".join(words[start:]))
            if found is not None:
                negated = any(word in _NEGATED for word in words[:start])
                return {"min": "max", "max": "min"}[found] if negated else found
        last = words.pop()
        if last not in _MANNER.split() and not last.isdigit():
            return None  # an unknown quantity: accuracy_gap
    return None


def known_modes(events: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the mode of each metric by which a run chose its best states, from its events (`read_events`)."""
    return {str(event["metric"]): str(event["mode"]) for event in events if event.get("mode") and event.get("metric")}


def checked_mode(monitor: str, mode: str, section: str, nature: str | None = None, argument: str | None = None) -> str:
    """Check the mode of a monitored metric, and infer ``auto``.

    Args:
        monitor: The metric.
        mode: ``min``, ``max``, or ``auto`` to infer it.
        section: The section of recipes that sets the mode (``checkpoint``), for the message.
        nature: The metric's true mode if known, ``min`` or ``max``; None: infer it from the name.
        argument: The argument's name for the message; None: ``section.mode``.

    Returns:
        ``min`` or ``max``; ``auto`` if unknown.

    Raises:
        ArgumentError: The mode is none of the three, or contradicts the metric.
    """
    argument = argument or f"{section}.mode"
    if mode not in ("auto", "min", "max"):
        raise ArgumentError(argument, "auto, min or max", mode)
    nature = nature or mode_of(monitor)
    if nature is None or mode == nature:
        return mode
    if mode == "auto":
        return nature
    better = "more" if nature == "max" else "less"
    expected = f"auto or {nature}, since {better} of {monitor} is better"
    raise ArgumentError(argument, expected, mode, f"Leave it out, or: --{section}.mode {nature}")


def unknown_mode(monitor: str, section: str) -> ArgumentError:
    """Return the error for a metric with an unknown mode."""
    remedy = f"Give it: --{section}.mode min if less is better, --{section}.mode max if more is better."
    expected = f"min or max, since the name {monitor} does not show which is better"
    return ArgumentError(f"{section}.mode", expected, "auto", remedy)


def is_greater(metric: str, known: Mapping[str, str] | None = None) -> bool:
    """Return whether more of a metric is better: True for ``val/top5_accuracy``, False for ``val/loss`` or unknown."""
    return mode_of(metric, known) == "max"


def gap(metric: str, train: float, val: float, known: Mapping[str, str] | None = None) -> float:
    """Return by how much validation is worse than training, for a loss or an accuracy; negative if it is better."""
    return train - val if is_greater(metric, known) else val - train


def is_share(metric: str) -> bool:
    """Return whether a metric is a share from 0 to 1, shown as a percentage."""
    return metric.rpartition("/")[2].rpartition("_")[2] in _SHARES


def spoken(quantity: str) -> str:
    """Return a quantity's display name for figures and pages: ``bits per character``, ``R²``."""
    return "R²" if quantity == "r2" else quantity.replace("_", " ")


def main_metric(names: Collection[str]) -> str:
    """Return the main metric among names without a split: bits per character (text), else accuracy, else R².

    If there is none of these, return the first one in alphabetical order, else ``loss``.
    """
    told = sorted(name for name in names if not name.endswith(("_step", "penalty")))
    ranks = ("bits_per_character", "accuracy", "r2", *(name for name in told if name != "loss"))
    return next((name for name in ranks if name in names), "loss")


def _words(name: str) -> list[str]:
    """Split a name into lower-case words: ``MulticlassF1Score`` and ``acc5`` give multiclass f1 score, acc 5."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    words: list[str] = []
    for word in re.split(r"[\W_]+", name.lower()):
        # A number describes the measurement, except in f1, r2 and l1.
        parted = None if word in _BETTER else re.fullmatch(r"(\D+?)(\d+)", word)
        words += parted.groups() if parted else [word]
    return [word for word in words if word]
