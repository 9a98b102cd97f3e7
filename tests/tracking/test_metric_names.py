import pytest
import torchmetrics
import torchmetrics.classification
import torchmetrics.regression
import torchmetrics.retrieval
import torchmetrics.text

from dlcore.tracking.metric_names import gap, is_greater, is_share, known_modes, main_metric, mode_of

# No single number; or torchmetrics says the opposite of its own description.
NOT_TOLD = {"BinaryFairness", "BinaryGroupStatRates", "RetrievalMetric", "RetrievalPrecisionRecallCurve"}
WRONG = {"DaviesBouldinScore", "PerceptualPathLength", "SpectralDistortionIndex", "WordInfoPreserved"}


@pytest.mark.parametrize(
    ("name", "greater", "share"),
    [
        ("val/accuracy", True, True),
        ("train/accuracy_step", True, False),
        ("top5_accuracy", True, True),
        ("val/auroc", True, True),
        ("f1", True, True),
        ("precision", True, True),
        ("val/r2", True, False),
        ("val/loss", False, False),
        ("val/rmse", False, False),
    ],
)
def test_what_is_better_the_greater_and_what_is_a_share(name, greater, share):
    assert (is_greater(name), is_share(name)) == (greater, share)


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (["loss", "accuracy", "f1"], "accuracy"),
        (["loss", "accuracy", "perplexity", "bits_per_character"], "bits_per_character"),
        (["loss", "rmse", "mae", "r2"], "r2"),
        (["loss", "rmse", "mae", "loss_step"], "mae"),
        (["loss", "penalty"], "loss"),
        ([], "loss"),
    ],
)
def test_the_metric_that_tells_most(names, best):
    assert main_metric(names) == best


@pytest.mark.parametrize(
    ("metric", "train", "val", "worse"),
    [("accuracy", 0.9, 0.8, 0.1), ("loss", 0.25, 0.75, 0.5), ("r2", 0.5, 0.6, -0.1), ("rmse", 2.0, 1.0, -1.0)],
)
def test_a_gap_is_above_zero_where_validation_is_worse(metric, train, val, worse):
    assert gap(metric, train, val) == pytest.approx(worse)


def descendants(base):
    for each in base.__subclasses__():
        yield each
        yield from descendants(each)


def test_each_metric_of_torchmetrics_has_the_mode_that_its_class_says():
    classes = {
        each.__name__: each for each in descendants(torchmetrics.Metric) if each.__module__[:12] == "torchmetrics"
    }
    said = {name: getattr(each, "higher_is_better", None) for name, each in classes.items() if name[0] != "_"}
    told = {name: "max" if greater else "min" for name, greater in said.items() if isinstance(greater, bool)}
    told = {name: mode for name, mode in told.items() if name not in NOT_TOLD | WRONG}
    assert len(told) > 80
    assert {name: mode_of(name) for name in told} == told
    assert {name: mode_of(f"val_{name}_epoch") for name in told} == told


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        (
            "max",
            "val_acc valid/f1 val/acc_top1 val/mAP50-95 recall@5 val_acc_epoch neg_mean_squared_error",
        ),
        ("max", "val/R2 val/roc_auc val/mIoU val/psnr val/f1_macro specificity true_positive_rate episode_reward_mean"),
        (
            "min",
            "val_loss val/dice_loss loss_dice val/loss/dataloader_idx_1 negative_log_likelihood nll",
        ),
        (
            "min",
            "val/bits_per_character perplexity val/unknown_share error_rate false_positive_rate wer",
        ),
        (None, "val/accuracy_gap lr epoch val/score train/grad_norm learning_rate 光泽 val/ "),
    ],
)
def test_names_that_tell_which_is_better_and_names_that_do_not(mode, names):
    assert {name: mode_of(name) for name in names.split()} == dict.fromkeys(names.split(), mode)


def test_a_run_tells_by_which_mode_it_kept_its_best_state():
    events = [{"kind": "started"}, {"kind": "new_best", "metric": "val/odd", "mode": "max"}, {"metric": "val/old"}]
    assert known_modes(events) == {"val/odd": "max"}
    assert mode_of("val/odd", known_modes(events)) == "max"


@pytest.mark.parametrize(
    ("name", "mode"), [("val/损失", "min"), ("验证均方误差", "min"), ("准确率", "max"), ("验证_F1得分", "max")]
)
def test_chinese_names_tell_which_is_better(name, mode):
    assert mode_of(name) == mode
