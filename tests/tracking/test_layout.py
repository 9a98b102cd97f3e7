import re

from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

from dlcore.tracking.summaries import TrainValidationLayout


def charts(layout):
    proto = Layout.FromString(layout.to_summary().value[0].tensor.string_val[0])
    return {
        (category.title, chart.title): list(chart.multiline.tag)
        for category in proto.category
        for chart in category.chart
    }


def test_pairs_become_charts_when_both_are_known():
    layout = TrainValidationLayout()
    assert not layout.add(["train/loss", "lr", "epoch", "train/", "test/loss"])
    assert not layout.add(["val/accuracy"])
    assert layout.add(["val/loss"])
    assert layout.pairs == ("loss",)
    assert layout.add(["train/accuracy", "val/loss"])
    assert not layout.add(["train/accuracy", "train/loss"])
    assert layout.pairs == ("loss", "accuracy")
    assert list(charts(layout)) == [("train and validation", "loss"), ("train and validation", "accuracy")]


def test_chart_matches_its_own_metrics_only():
    layout = TrainValidationLayout()
    layout.add(["train/loss", "val/loss", "train/f1.macro (10)", "val/f1.macro (10)"])
    train, val = charts(layout)["train and validation", "loss"]
    assert re.match(train, "train/loss")
    assert re.match(val, "val/loss")
    assert not re.match(train, "train/loss_l2")
    train, _ = charts(layout)["train and validation", "f1.macro (10)"]
    assert re.match(train, "train/f1.macro (10)")
    assert not re.match(train, "train/f1xmacro (10)")
