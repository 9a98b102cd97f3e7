"""The curves of a run, with what happened in it and its learning rate."""

import io
import math

import numpy as np
import pytest
from PIL import Image

from dlcore.errors import ArgumentError
from dlcore.tracking.figures import learning_curves, style
from dlcore.tracking.figures.curve_marks import Mark, event_marks, rate_points
from dlcore.tracking.figures.style import to_png


def curves(**columns):
    return {"step": [9.0, 10.0, 19.0, 20.0], "epoch": [0.9, 1.0, 1.9, 2.0], **columns}


def lines(figure, chart=0):
    return {
        line.get_label(): (line.get_xdata().tolist(), line.get_ydata().tolist())
        for line in figure.axes[chart].lines
        if not line.get_label().startswith("_")
    }


def upright(axes):
    """The places of the lines that mark events."""
    return sorted(line.get_xdata()[0] for line in axes.lines if list(line.get_ydata()) == [0, 1])


def named(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def titles(figure):
    return [axes.get_title(loc="left") for axes in figure.axes]


def event(kind, step, **more):
    return {"kind": kind, "step": step, "epoch": step / 10, "text": "t", **more}


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(to_png(figure)[0])).convert("RGB"))


BOTH = curves(
    **{
        "train/loss": [0.5, None, 0.25, None],
        "val/loss": [None, 0.75, None, 1.0],
        "train/accuracy": [0.5, None, 0.75, None],
        "val/accuracy": [None, 0.5, None, 0.625],
    }
)


def test_training_and_validation_lie_on_one_chart_over_epochs():
    figure = learning_curves(BOTH, title="recipe")
    assert titles(figure) == ["loss", "accuracy"]
    assert lines(figure, 0) == {
        "training": ([0.9, 1.9], [0.5, 0.25]),
        "validation, best 0.75": ([1.0, 2.0], [0.75, 1.0]),
    }
    assert lines(figure, 1)["validation, best 62.5%"] == ([1.0, 2.0], [0.5, 0.625])
    assert figure.axes[-1].get_xlabel() == "epoch"
    to_png(figure)


@pytest.mark.parametrize(
    ("names", "second"),
    [
        (("train/loss", "val/loss", "val/r2", "val/mae"), "R²"),
        (("train/loss", "val/bits_per_character", "val/accuracy", "val/perplexity"), "bits per character"),
        (("val/loss", "val/accuracy", "val/f1"), "accuracy"),
    ],
)
def test_the_loss_and_the_metric_that_tells_most_are_drawn(names, second):
    assert titles(learning_curves(curves(**{name: [0.5, 0.4, 0.3, 0.25] for name in names}))) == ["loss", second]


def test_what_there_is_is_drawn():
    assert titles(learning_curves(curves(**{"train/loss": [0.5, 0.4, math.nan, math.inf]}))) == ["loss"]
    figure = learning_curves({"step": [1.0], "val/loss": [math.nan]})
    assert "no finite value" in [text.get_text() for text in figure.axes[0].texts]
    to_png(figure)


def test_nothing_is_refused():
    with pytest.raises(ArgumentError, match="columns: expected train/X or val/X for an X of loss, got"):
        learning_curves(curves(lr=[0.1] * 4))
    with pytest.raises(ArgumentError, match="for an X of f1, got"):
        learning_curves(BOTH, quantities=["f1"])


def test_the_loss_within_epochs_lies_behind_where_it_tells_more():
    columns = {"step": [1.0, 2, 3, 4, 5], "epoch": [0.2, 0.4, 0.6, 0.8, 1.0], "train/loss": [None] * 4 + [0.5]}
    figure = learning_curves({**columns, "train/loss_step": [5.0, 4.0, 3.0, 2.0, 1.0]})
    assert lines(figure)["training, step by step"] == ([0.2, 0.4, 0.6, 0.8, 1.0], [5, 4, 3, 2, 1])
    assert figure.axes[0].get_xlim()[1] == pytest.approx(1.02)
    to_png(figure)
    figure = learning_curves(curves(**{"train/loss": [1, 2, 3, 4], "train/loss_step": [1, 2, 3, 4]}))
    assert list(lines(figure)) == ["training"]


def test_an_epoch_that_never_ended_is_drawn_from_its_steps():
    columns = {"step": [1.0, 2.0], "epoch": [0.1, 0.2], "train/loss_step": [5.0, 4.0]}
    assert lines(learning_curves(columns)) == {"training, step by step": ([0.1, 0.2], [5.0, 4.0])}


def test_losses_of_many_sizes_are_on_a_logarithmic_scale():
    figure = learning_curves(curves(**{"train/loss": [1e12, 10.0, 2.0, 1.0]}))
    assert titles(figure) == ["loss (logarithmic)"]
    assert figure.axes[0].get_yscale() == "log"


def test_the_beginning_of_r2_does_not_press_the_rest_together():
    figure = learning_curves(curves(**{"val/r2": [-17.0, -3.0, 0.5, 0.93]}))
    assert titles(figure) == ["R² (from −1 on)"]
    assert figure.axes[0].get_ylim()[0] == -1
    assert titles(learning_curves(curves(**{"val/r2": [-17.0, -3.0, -2.0, -5.0]}))) == ["R²"]


def test_an_accuracy_that_hardly_changes_looks_so():
    figure = learning_curves(curves(**{"val/accuracy": [0.1, 0.1001, 0.1, 0.1]}), quantities=["accuracy"])
    assert figure.axes[0].get_ylim() == pytest.approx((0.09, 0.11), abs=1e-4)
    assert all(axes.get_ylim()[0] < 0.5 for axes in learning_curves(BOTH, quantities=["accuracy"]).axes)


@pytest.mark.parametrize("epochs", [[0.0, 0.0, 1.0, 1.0], [None] * 4])
def test_where_epochs_are_not_told_or_counted_from_zero_the_axis_has_steps(epochs):
    figure = learning_curves({**BOTH, "epoch": epochs})
    assert lines(figure)["training"][0] == [9.0, 19.0]
    assert figure.axes[-1].get_xlabel() == "optimiser step"


# What happened


def test_events_are_lines_through_all_charts_with_a_name_for_each_kind():
    events = [
        event("started", 0),
        event("learning_rate_cut", 10, before=0.1, after=0.05),
        event("new_best", 10),
        event("stopped_early", 20),
        event("finished", 20),
    ]
    figure = learning_curves({**BOTH, "lr": [0.1, 0.1, 0.05, 0.05]}, events=events)
    assert len(figure.axes) == 3
    assert [upright(axes) for axes in figure.axes] == [[1.0, 2.0]] * 3
    assert named(figure) == ["learning rate cut (epoch 1)", "stopped early (epoch 2)"]
    to_png(figure)


def test_a_run_in_which_nothing_happened_has_no_names():
    figure = learning_curves(BOTH, events=[event("started", 0), event("new_best", 10), event("finished", 20)])
    assert (named(figure), upright(figure.axes[0])) == ([], [])


def test_the_first_number_that_was_lost_is_marked_and_the_others_counted():
    events = [event("not_finite", 10, metric="train/loss_step"), event("not_finite", 19, metric="val/loss")]
    assert event_marks(events[:1], [10.0], np.array([1.0])) == [Mark("not_finite", (1.0,), "train/loss_step")]
    figure = learning_curves(BOTH, events=events)
    assert named(figure) == ["not finite: train/loss_step and 1 more (epoch 1)"]
    assert upright(figure.axes[0]) == [1.0]


def test_what_broke_off_and_went_on_at_the_same_step_is_one_mark():
    events = [event("interrupted", 10), event("resumed", 10), event("failed", 19)]
    assert named(learning_curves(BOTH, events=events)) == ["resumed (epoch 1)", "failed (epoch 1.9)"]


def test_many_cuts_are_counted_and_leave_the_curves_visible():
    steps = np.arange(1, 61.0)
    columns = {"step": steps * 10, "epoch": steps, "train/loss": 1 / steps, "lr": 0.9**steps}
    events = [event("learning_rate_cut", 10 * n, before=0.9**n, after=0.9 ** (n + 1)) for n in range(5, 60)]
    few, many = (learning_curves(columns, events=events[:count]) for count in (2, 55))
    assert named(many) == ["learning rate cut (55 times)"]
    assert len(upright(many.axes[0])) == 55
    strengths = [{line.get_alpha() for line in figure.axes[0].lines if line.get_alpha()} for figure in (few, many)]
    assert strengths == [{0.9}, {0.3}]
    blue = [int(style.TRAIN[i : i + 2], 16) for i in (1, 3, 5)]
    assert (pixels(many) == blue).all(axis=-1).sum() > 500


# The learning rate


def test_a_rate_that_never_changed_has_no_strip():
    assert rate_points([0.1, None, 0.1], np.arange(3.0)) is None
    assert rate_points([], np.zeros(0)) is None
    assert rate_points([None, 0.0], np.arange(2.0)) is None
    assert len(learning_curves({**BOTH, "lr": [0.1] * 4}).axes) == 2


def test_a_cut_lies_where_it_was_made_and_not_between_two_rows():
    cut = event("learning_rate_cut", 10, before=0.1, after=0.05)
    x, y = rate_points([0.1, None, None, 0.05], np.array([0.5, 1.0, 1.5, 2.0]), [cut])
    assert (x.tolist(), y.tolist()) == ([0.5, 1.0, 1.0, 2.0], [0.1, 0.1, 0.05, 0.05])
    x, y = rate_points([0.1, None, None, 0.05], np.array([5.0, 10.0, 15.0, 20.0]), [cut], epochs=False)
    assert x.tolist() == [5.0, 10.0, 10.0, 20.0]


def test_the_strip_names_the_highest_and_the_lowest_rate():
    figure = learning_curves({**BOTH, "lr": [0.1, 0.05, 0.01, 0.001]})
    strip = figure.axes[-1]
    to_png(figure)
    assert strip.get_yscale() == "log"
    assert [label.get_text() for label in strip.get_yticklabels()] == ["0.001", "0.1"]
