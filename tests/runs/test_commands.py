"""What the commands do, in Python: the same words, the objects back."""

import csv
import json

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from dlcore.errors import CheckpointError
from dlcore.runs import fit, predict, validate
from dlcore.runs import test as evaluate
from dlcore.runs.checkpoint_file import RECORD_KEY
from dlcore.runs.evaluation_files import write_test_report
from dlcore.runs.predictions import write_predictions

ONE = "--trainer.max_epochs=1"


def read(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_data_tell_the_model_what_they_know(workplace, small):
    run = fit(*small, ONE)
    assert run.model.network.linear_1.in_features == 784
    assert run.model.network.output.out_features == 10
    assert set(run.metrics) >= {"train/loss", "train/accuracy", "val/loss", "val/accuracy"}


def test_later_recipes_beat_earlier_ones_and_flags_beat_all(workplace, small):
    (workplace / "mine.yaml").write_text("model: {class_path: MLP, init_args: {hidden_sizes: [7], dropout: 0.1}}\n")
    run = fit("--model.dropout=0.4", "-c", "mlp_fashion_mnist", "-c", "mine.yaml", *small, ONE)
    hyper = run.model.hparams
    assert (hyper.hidden_sizes, hyper.dropout, hyper.batch_norm) == ([7], 0.4, True)
    assert run.folder.parent.name == "mlp_fashion_mnist"


def test_a_recipe_of_ones_own_with_a_chinese_name(workplace, small):
    (workplace / "我的实验.yaml").write_text("model: MLP\ndata: FashionMNIST\n", encoding="utf-8")
    run = fit("-c", "我的实验.yaml", "--data.offline_sample=true", *small, ONE)
    assert run.folder.parent.name == "我的实验"


def test_a_short_recipe_of_ones_own_keeps_checkpoints_and_shows_progress(workplace, small, capsys):
    (workplace / "mine.yaml").write_text("model: MLP\ndata: FashionMNIST\n")
    run = fit("-c", "mine.yaml", "--data.offline_sample=true", *small, ONE)
    assert {path.name for path in (run.folder / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert "val accuracy" in capsys.readouterr().out


def test_the_sample_is_kept_in_the_record_and_never_called_by_the_real_name(workplace, small):
    run = fit(*small, ONE)
    record = torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True)[RECORD_KEY]
    assert record["facts"]["is_sample"] is True
    assert "not FashionMNIST" in record["facts"]["source"]
    assert record["facts"]["class_names"][0] == "T-shirt/top"


def test_config_is_kept_whole_and_runs_again(workplace, small):
    first = fit(*small, ONE)
    config = yaml.safe_load((first.folder / "config.yaml").read_text(encoding="utf-8"))
    assert config["data"]["init_args"]["batch_size"] == 50
    again = fit("-c", str(first.folder / "config.yaml"))
    assert again.folder == first.folder.with_name("version_1")
    assert again.metrics["train/loss"] == first.metrics["train/loss"]


def test_the_same_seed_gives_the_same_run_and_another_one_does_not(workplace, small):
    losses = [fit(*small, ONE, f"--seed_everything={seed}").metrics["train/loss"] for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_resume_goes_on_in_the_same_folder_and_the_same_curves(workplace, small):
    whole = fit(*small, "--trainer.max_epochs=3")
    part = fit(*small, "--trainer.max_epochs=1")
    going_on = fit("--ckpt_path=last", "--trainer.max_epochs=3")
    assert going_on.folder == part.folder != whole.folder
    tables = [read(run.folder / "metrics.csv") for run in (whole, going_on)]
    assert tables[0] == tables[1]
    weights = [run.model.state_dict() for run in (whole, going_on)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_an_older_checkpoint_branches_off_into_a_new_run(workplace, small):
    run = fit(*small, "--trainer.max_epochs=1")
    older = workplace / "older.ckpt"
    older.write_bytes((run.folder / "checkpoints" / "last.ckpt").read_bytes())
    fit("--ckpt_path=last", "--trainer.max_epochs=2")
    before = (run.folder / "metrics.csv").read_text()
    branch = fit(f"--ckpt_path={older}", "--trainer.max_epochs=3")
    assert branch.folder != run.folder
    assert (run.folder / "metrics.csv").read_text() == before


def test_flags_beat_the_checkpoint_which_beats_the_recipe_and_it_is_said(workplace, small):
    fit(*small, ONE, "--model.dropout=0.25")
    run = evaluate("-c", "mlp_fashion_mnist", "--ckpt_path=last", "--data.eval_batch_size=10")
    assert run.model.hparams.dropout == 0.25
    assert run.datamodule.eval_batch_size == 10
    assert "data.eval_batch_size: 10 (flag) instead of 1000 (checkpoint)" in run.changes
    assert "model.dropout: 0.25 (checkpoint) instead of 0.3 (mlp_fashion_mnist)" in run.changes


def test_evaluation_needs_nothing_but_the_checkpoint(workplace, small):
    run = fit(*small, ONE)
    moved = workplace / "some where" / "网络.ckpt"
    moved.parent.mkdir()
    (run.folder / "checkpoints" / "best.ckpt").rename(moved)
    validated = validate(f"--ckpt_path={moved}", "--trainer.limit_val_batches=2")
    assert validated.output[0]["val/accuracy"] == pytest.approx(run.metrics["val/accuracy"])


def test_damaged_last_falls_back_to_the_best_and_says_so(workplace, small, capsys):
    run = fit(*small, ONE)
    last = run.folder / "checkpoints" / "last.ckpt"
    last.unlink()  # a link to the same file as best.ckpt
    last.write_bytes(b"half")
    assert fit("--ckpt_path=last", "--trainer.max_epochs=2").folder == run.folder
    assert "is cut short, damaged" in capsys.readouterr().out


def test_no_whole_checkpoint_is_an_error(workplace, small):
    run = fit(*small, ONE)
    for path in (run.folder / "checkpoints").iterdir():
        path.unlink()
        path.write_bytes(b"half")
    with pytest.raises(CheckpointError, match="expected a whole checkpoint, but there is none"):
        fit("--ckpt_path=last")


def test_predictions_are_those_of_the_model(workplace, small):
    run = fit(*small, ONE)
    given = predict("--ckpt_path=last")
    path, count = write_predictions(given)
    rows = read(path)
    assert path == run.folder / "predictions.csv"
    assert count == len(rows) == 200
    names = given.datamodule.facts()["class_names"]
    assert list(rows[0]) == ["index", "predicted", *(f"probability of {name}" for name in names), "target"]
    given.model.eval()
    part = given.datamodule.parts["test"]
    inputs = given.datamodule.transform(part.inputs[:5])
    expected = given.model(inputs).softmax(1)
    for number in range(5):
        row = rows[number]
        values = [float(row[f"probability of {name}"]) for name in names]
        assert values == pytest.approx(expected[number].tolist(), abs=1e-6)
        assert row["predicted"] == names[int(expected[number].argmax())]
        assert row["target"] == names[int(part.targets[number])]


def test_test_reports_metrics_and_confusion(workplace, small):
    run = fit(*small, ONE)
    tested = evaluate("--ckpt_path=best")
    paths = write_test_report(tested)
    report = json.loads(paths[0].read_text(encoding="utf-8"))
    rows = torch.tensor(report["confusion_matrix"]["rows_are_targets"])
    assert rows.sum() == 200
    assert report["test/accuracy"] == pytest.approx(rows.trace().item() / 200)
    assert [path.name for path in paths] == ["test.json", "confusion_matrix.png", "report.html"]
    assert run.folder == paths[0].parent


def test_fast_dev_run_leaves_nothing_behind(workplace):
    run = fit("--trainer.fast_dev_run=true", "--data.val_size=100")
    assert run.folder is None
    assert [path.name for path in workplace.iterdir()] == []


def test_without_a_logger_nothing_is_kept(workplace, small):
    assert fit(*small, ONE, "--trainer.logger=false").folder is None
    assert [path.name for path in workplace.iterdir()] == []


def test_runs_go_where_default_root_dir_says(workplace, small):
    run = fit(*small, ONE, "--trainer.default_root_dir=elsewhere")
    assert run.folder.relative_to(workplace / "elsewhere").parts[0] == "lightning_logs"


def test_clipping_and_accumulation_are_the_trainers(workplace, small):
    run = fit(*small, ONE, "--trainer.gradient_clip_val=0.5", "--trainer.accumulate_grad_batches=2")
    assert run.trainer.gradient_clip_val == 0.5
    assert run.trainer.global_step == 2


def test_a_class_of_ones_own(workplace, small, monkeypatch):
    (workplace / "own_model.py").write_text(
        "from dlcore.models import MLP\n"
        "class Wide(MLP):\n"
        "    def __init__(self, width: int = 3, in_features: int | None = None, num_classes: int | None = None):\n"
        "        super().__init__([width], in_features=in_features, num_classes=num_classes)\n"
    )
    monkeypatch.syspath_prepend(str(workplace))
    run = fit("--model=own_model.Wide", "--model.width=5", *small, ONE)
    assert run.model.network.linear_1.out_features == 5


def test_hyperparameters_and_final_metrics_are_in_tensorboard(workplace, small):
    run = fit(*small, ONE)
    events = EventAccumulator(str(run.folder))
    events.Reload()
    assert {"train/loss", "val/loss", "val/accuracy", "lr"} <= set(events.Tags()["scalars"])
    assert "hp_metric" not in events.Tags()["scalars"]
    assert events.Scalars("val/loss")[-1].value == pytest.approx(run.metrics["val/loss"])
    assert "weights/00_linear_1" in events.Tags()["histograms"]
    session = HParamsPluginData.FromString(
        events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    ).session_start_info
    assert session.hparams["model.dropout"].number_value == 0.3
    assert "not FashionMNIST" in session.hparams["data.source"].string_value
