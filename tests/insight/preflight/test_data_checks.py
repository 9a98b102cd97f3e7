"""What the checks of inputs, labels and copies see in data whose faults are known."""

import pytest
import torch

from dlcore.data import Table
from dlcore.data.array_data import Split
from dlcore.insight.preflight import Verdict


def changed(data, inputs=None, targets=None):
    """Data with other inputs or targets."""
    load = data.load

    def load_changed():
        return {
            name: Split(
                part.inputs if inputs is None else inputs(part.inputs),
                part.targets if targets is None else targets(part.targets),
                part.indices,
            )
            for name, part in load().items()
        }

    data.load = load_changed
    return data


def test_inputs_of_about_1_are_fine(look):
    result = look("inputs")
    assert result.verdict is Verdict.OK
    assert result.numbers["mean"] == pytest.approx(0, abs=0.15)
    assert result.numbers["std"] == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize(("factor", "said"), [(1000.0, "not scaled"), (1e-6, "tiny")])
def test_inputs_of_another_size_are_named(factor, said, look, tiny_data):
    result = look("inputs", data=changed(tiny_data(), lambda inputs: inputs * factor))
    assert result.verdict is Verdict.WARNING
    assert result.findings[0].seen.startswith(said)
    assert result.numbers["size"] == pytest.approx(factor, rel=0.15)


def test_numbers_that_are_none_fail(look, tiny_data):
    result = look("inputs", data=tiny_data(inputs_are_nan=True))
    assert result.verdict is Verdict.FAILED
    assert "412 of 412 numbers are NaN or infinite, in 100.0% of the samples" in result.findings[0].seen


def test_inputs_without_difference_fail(look, tiny_data):
    result = look("inputs", data=changed(tiny_data(), torch.ones_like))
    assert [finding.seen for finding in result.findings] == ["all numbers are 1: the samples cannot be distinguished"]


def test_constant_features_are_counted(look, tiny_data):
    result = look("inputs", data=changed(tiny_data(), lambda inputs: inputs * torch.tensor([1.0, 0, 0, 0])))
    assert result.numbers["constant"] == 0.75
    assert "75% of the features are the same" in result.findings[-1].seen


def test_a_table_names_its_largest_column_and_the_flag(look, tmp_path, make_model):
    rows = [f"{i % 7},{1000 * (i % 11)},{'yes' if i % 2 else 'no'}" for i in range(80)]
    (tmp_path / "t.csv").write_text("small,large,y\n" + "\n".join(rows), encoding="utf-8")
    data = Table(str(tmp_path / "t.csv"), standardize=False)
    finding = look("inputs", data=data).findings[0]
    assert "most in column 'large'" in finding.seen
    assert finding.remedies == ("--data.standardize true: each column to mean 0 and deviation 1",)


def test_labels_say_what_the_commonest_answer_is_worth(look, tiny_data):
    data = tiny_data()
    result = look("labels", data=data)
    train, val = (data.parts[name].targets[data.parts[name].indices] for name in ("train", "val"))
    commonest = train.mode().values
    assert result.verdict is Verdict.OK
    assert result.numbers["always_the_commonest"] == pytest.approx((val == commonest).float().mean().item())


def test_uneven_classes_get_weights_that_even_them(look, tiny_data, make_model):
    def targets(old):
        new = torch.zeros_like(old)
        new[:103:20] = 1  # 6 of 103
        new[110::2] = 1
        return new

    model = make_model(task="binary", num_classes=2)
    finding = look("labels", model, changed(tiny_data(), targets=targets)).findings[0]
    assert finding.verdict is Verdict.WARNING
    assert "6 to 97 training samples a class" in finding.seen
    # 103/(2·97) and 103/(2·6)
    assert finding.remedies == ("--model.class_weights '[0.53, 8.6]': each class counts the same in the loss",)
    weighted = make_model(task="binary", num_classes=2, class_weights=[0.53, 8.6])
    assert look("labels", weighted, changed(tiny_data(), targets=targets)).verdict is Verdict.OK


def test_a_single_class_fails(look, tiny_data):
    result = look("labels", data=changed(tiny_data(), targets=torch.zeros_like))
    assert result.verdict is Verdict.FAILED
    assert "all 103 training samples are of one class" in result.findings[0].seen


def test_a_class_that_only_validation_has_fails(look, tiny_data):
    def targets(old):
        new = old.clone()
        new[:103][new[:103] == 2] = 0
        new[103] = 2
        return new

    result = look("labels", data=changed(tiny_data(), targets=targets))
    assert result.verdict is Verdict.FAILED
    assert result.findings[0].seen == "validation has classes that training lacks: 2"


def test_targets_out_of_range_fail(look, tiny_data):
    result = look("labels", data=changed(tiny_data(), targets=lambda old: old + 1))
    assert result.findings[0].seen == "targets from 1 to 3, but the model has 3 classes"
    assert result.findings[0].expected == "0 to 2"


def test_numbers_to_predict_are_compared_with_their_mean(look, tiny_data, make_model):
    model = make_model(task="regression", num_classes=1)
    data = tiny_data(task="regression")
    result = look("labels", model, data)
    train, val = (data.parts[name].targets[data.parts[name].indices] for name in ("train", "val"))
    assert result.numbers["rmse_of_the_mean"] == pytest.approx((val - train.mean()).square().mean().sqrt().item())
    same = look("labels", model, changed(tiny_data(task="regression"), targets=torch.ones_like))
    assert same.findings[0].seen == "all 103 training targets are 1: nothing to learn"


def test_targets_far_from_0_are_named(look, tiny_data, make_model):
    model = make_model(task="regression", num_classes=1)
    result = look("labels", model, changed(tiny_data(task="regression"), targets=lambda old: 1e5 * old + 1e6))
    assert result.verdict is Verdict.WARNING
    assert result.findings[0].seen.startswith("large: targets of mean ")
    scaled = make_model(task="regression", target_mean=1e6, target_std=1e5)
    known = look("labels", scaled, changed(tiny_data(task="regression"), targets=lambda old: 1e5 * old + 1e6))
    assert known.verdict is Verdict.OK


@pytest.mark.parametrize(("copies", "verdict"), [(0, Verdict.OK), (5, Verdict.WARNING), (40, Verdict.FAILED)])
def test_samples_of_both_sets_are_counted(copies, verdict, look, tiny_data):
    def inputs(old):
        new = old.clone()
        new[103 : 103 + copies] = new[:copies]
        return new

    result = look("overlap", data=changed(tiny_data(), inputs))
    assert result.numbers["share"] == copies / 53
    assert result.verdict is verdict


def test_rows_of_few_values_repeat_by_their_nature(look, tiny_data):
    result = look("overlap", data=changed(tiny_data(), lambda inputs: (inputs > 0).float()))
    assert result.numbers["share"] > 0.9
    assert result.verdict is Verdict.OK


def test_who_holds_nothing_out_is_told_so(look, make_model):
    result = look("overlap", data=Table(builtin="linear_regression", val_size=0, test_size=0))
    assert result.verdict is Verdict.OK
    assert "the training samples are also the validation samples" in result.findings[0].seen
    assert "--data.val_size 0.2" in result.findings[0].seen
