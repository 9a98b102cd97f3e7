"""What the report of a test says, from outputs with known answers."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dlcore.nn import make_task
from dlcore.runs.decision import Decision
from dlcore.runs.evaluation_report import ClassReport, NumberReport, evaluation_report
from dlcore.runs.report_content import report_figure, report_numbers
from dlcore.runs.report_page import html_page, in_words, plain_words


def finished(task, outputs, targets, decision=None, names=None, **metrics):
    """A test that has been run, with these outputs."""
    model = SimpleNamespace() if task is None else SimpleNamespace(task=task)
    data = SimpleNamespace(facts=lambda: {"class_names": names} if names else {})
    kept = SimpleNamespace(outputs=outputs, targets=targets, why_none="")
    return SimpleNamespace(
        model=model, datamodule=data, kept_outputs=kept, decision=decision or Decision(), output=[metrics]
    )


def scored(classes=3, count=400, right=0.8):
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(0, classes, (count,), generator=generator)
    outputs = torch.randn(count, classes, generator=generator)
    outputs[torch.arange(count), targets] += 2
    return outputs, targets


def test_metrics_get_intervals_and_classes_their_scores():
    outputs, targets = scored()
    accuracy = (outputs.argmax(1) == targets).float().mean().item()
    loss = torch.nn.functional.cross_entropy(outputs, targets).item()
    report = evaluation_report(
        finished(make_task("multiclass", 3), outputs, targets, names=["甲", "乙", "丙"],
               **{"test/accuracy": accuracy, "test/loss": loss, "test/other": 1.0})
    )  # fmt: skip
    assert report.metrics["test/accuracy"].low < accuracy < report.metrics["test/accuracy"].high
    assert report.metrics["test/loss"].low < loss < report.metrics["test/loss"].high
    assert report.lacks == ["No interval: test/other."]
    assert in_words(report.metrics["test/other"]) == "1.0000"
    assert isinstance(report.content, ClassReport)
    assert sum(each.support for each in report.content.scores) == 400
    assert all(curve.area > 0.8 for curve in report.content.curves)
    numbers = report_numbers(report)
    assert numbers["classes"][0]["class"] == "甲"
    assert "test/other" not in numbers["intervals_95"]
    json.dumps(numbers, allow_nan=False)
    page = html_page(report, "Test of x", "data", {"test": b"png"}, ["<b>line</b>"]).decode()
    assert "乙" in page
    assert "&lt;b&gt;line" in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_weighted_loss_has_an_interval():
    outputs, targets = scored()
    task = make_task("multiclass", 3, class_weights=[1.0, 5.0, 0.5])
    loss = float(task.loss(outputs, targets))
    report = evaluation_report(finished(task, outputs, targets, **{"test/loss": loss}))
    assert report.metrics["test/loss"].has_interval


def test_two_classes_at_the_threshold_of_the_checkpoint():
    scores = torch.tensor([[-3.0], [-1.0], [-0.5], [1.0]])
    targets = torch.tensor([0, 0, 1, 1])
    usual = evaluation_report(finished(make_task("binary", 2), scores, targets))
    assert [each.scores.recall for each in usual.content.thresholds] == [0.5]
    chosen = evaluation_report(finished(make_task("binary", 2), scores, targets, Decision(threshold=0.3)))
    assert [each.accuracy for each in chosen.content.thresholds] == [0.75, 1]
    assert chosen.content.scores[1].recall == 1
    assert "100.0% rightly" in plain_words(chosen)[0]


@pytest.mark.parametrize(("count", "speaks"), [(6, False), (600, True)])
def test_what_a_few_samples_show_by_chance_is_not_spoken_of(count, speaks):
    """All are right, each with 91%: of 6 samples chance, of 600 far too careful. No class is easier than another."""
    targets = torch.arange(count) % 3
    outputs = torch.nn.functional.one_hot(targets, 3) * math.log(0.91 / 0.045)
    words = " ".join(plain_words(evaluation_report(finished(make_task("multiclass", 3), outputs, targets))))
    assert ("It is too careful: on average it gives its answer 91.0%" in words) is speaks
    assert "Easiest" not in words


def test_the_temperature_changes_probabilities_and_no_answer():
    outputs, targets = scored(count=2000)
    task = make_task("multiclass", 3)
    usual = evaluation_report(finished(task, 8 * outputs, targets)).content
    cooled = evaluation_report(finished(task, 8 * outputs, targets, Decision(temperature=4.0))).content
    assert cooled.calibration.error < usual.calibration.error
    assert cooled.uncalibrated.error == usual.calibration.error
    assert usual.scores == cooled.scores


def test_a_class_without_samples_is_named():
    outputs, targets = scored(classes=4)
    targets = targets.clamp(max=2)
    report = evaluation_report(finished(make_task("multiclass", 4), outputs, targets))
    assert report.content.curves[3] is None
    assert math.isnan(report.content.scores[3].recall)
    assert report_numbers(report)["classes"][3]["recall"] is None
    assert any("Without a test sample" in line and "3" in line for line in plain_words(report))


@pytest.mark.parametrize("task", ["multiclass", "binary", "regression"])
def test_one_sample_has_a_report_without_intervals(task):
    outputs = torch.zeros(1, 3 if task == "multiclass" else 1)
    report = evaluation_report(
        finished(make_task(task, {"multiclass": 3, "binary": 2, "regression": 1}[task]), outputs, torch.tensor([0]),
               **{"test/accuracy": 1.0})
    )  # fmt: skip
    assert not report.metrics["test/accuracy"].has_interval
    assert report.content is not None
    json.dumps(report_numbers(report), allow_nan=False)
    report_figure(report, "one sample")
    plain_words(report)


def test_outputs_that_are_not_finite_leave_the_metrics():
    outputs, targets = scored()
    outputs[3] = torch.nan
    report = evaluation_report(finished(make_task("multiclass", 3), outputs, targets, **{"test/accuracy": 0.5}))
    assert report.content is None
    assert report.metrics["test/accuracy"].value == 0.5
    assert "1 of 400 outputs are NaN" in report.lacks[0]
    html_page(report, "Test", "data", {}, [])


def test_numbers_are_compared_with_their_targets():
    targets = torch.linspace(0, 9, 50)
    report = evaluation_report(
        finished(
            make_task("regression", 1),
            targets.unsqueeze(1) + torch.tensor([[0.4], [0.6]]).repeat(25, 1),
            targets,
            **{"test/mae": 0.5},
        )
    )
    assert isinstance(report.content, NumberReport)
    assert 0.4 < report.metrics["test/mae"].low < 0.5 < report.metrics["test/mae"].high < 0.6
    assert "off by 0.5 on average" in plain_words(report)[0]


# Modules that say nothing of their outputs


def test_scores_of_classes_are_known_by_their_targets():
    outputs, targets = scored()
    accuracy = (outputs.argmax(1) == targets).float().mean().item()
    report = evaluation_report(finished(None, outputs, targets, test_acc=accuracy, test_loss=9.0))
    assert report.metrics["test_acc"].has_interval
    assert not report.metrics["test_loss"].has_interval  # another loss than cross-entropy
    assert report.lacks[0] == "The outputs were read as scores of 3 classes."
    shares = evaluation_report(finished(None, outputs.softmax(1), targets)).content.probabilities
    assert np.allclose(shares, outputs.softmax(1).numpy(), atol=1e-5)


def test_numbers_are_known_by_their_targets():
    report = evaluation_report(finished(None, torch.randn(9, 1), torch.randn(9)))
    assert isinstance(report.content, NumberReport)


@pytest.mark.parametrize("targets", [torch.ones(9), torch.ones(9, dtype=torch.long), torch.randn(9, 3)])
def test_what_could_be_several_things_is_not_read(targets):
    report = evaluation_report(finished(None, torch.randn(9, 1), targets, test_loss=1.0))
    assert report.content is None
    assert "is not known" in report.lacks[0]
