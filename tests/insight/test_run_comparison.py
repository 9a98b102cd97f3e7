import pytest
import yaml

from dlcore.cli.compare import SUBJECT
from dlcore.cli.main import main
from dlcore.errors import ArgumentError, DataError
from dlcore.insight.run_comparison import compare_runs, find_run
from dlcore.tracking import MetricsCsv


def write_run(folder, losses, dropout=0.0, step=10):
    folder.mkdir(parents=True)
    config = {"model": {"class_path": "dlcore.models.MLP", "init_args": {"dropout": dropout}}, "seed_everything": 0}
    (folder / "config.yaml").write_text("# 一次运行\n" + yaml.safe_dump(config))
    table = MetricsCsv(folder / "metrics.csv")
    for number, loss in enumerate(losses, start=1):
        table.write({"epoch": number, "train/loss_step": loss}, number * step)
        table.write({"val/loss": loss / 2, "val/accuracy": 1 - loss / 2}, number * step)
    return folder


def test_settings_metrics_and_the_step_where_curves_part(tmp_path):
    a = write_run(tmp_path / "a", [1.0, 0.5, 0.25])
    b = write_run(tmp_path / "b", [1.0, 0.5, 0.75], dropout=0.5)
    found = compare_runs([a, b])
    assert found.settings == (("model.dropout", ("0.0", "0.5")),)
    assert ("val/accuracy", "best", (0.875, 0.75)) in found.metrics
    assert ("val/loss", "last", (0.125, 0.375)) in found.metrics
    assert {parting.metric: parting.step for parting in found.partings} == {
        "train/loss_step": 30,
        "val/loss": 30,
        "val/accuracy": 30,
    }
    assert found.partings[0].values == (0.25, 0.75)


def test_the_best_auroc_is_the_highest(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        writer = MetricsCsv(tmp_path / name / "metrics.csv")
        for step, value in enumerate((0.5, 0.9, 0.7), start=1):
            writer.write({"epoch": step, "val/auroc": value}, step)
    assert ("val/auroc", "best", (0.9, 0.9)) in compare_runs([tmp_path / "a", tmp_path / "b"]).metrics


def test_equal_runs_part_nowhere_and_other_steps_are_not_common(tmp_path):
    a, b = write_run(tmp_path / "a", [1.0, 0.5]), write_run(tmp_path / "b", [1.0, 0.5])
    assert {parting.step for parting in compare_runs([a, b]).partings} == {None}
    c = write_run(tmp_path / "c", [1.0, 0.5], step=7)
    assert {parting.common for parting in compare_runs([a, c]).partings} == {0}


def test_runs_of_other_loggers_are_read(tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    csv_run, events = tmp_path / "csv", tmp_path / "events"
    csv_run.mkdir()
    (csv_run / "metrics.csv").write_text("epoch,step,train/loss,val/loss\n0,5,0.5,\n0,5,,0.25\n")
    with SummaryWriter(str(events)) as writer:
        writer.add_scalar("train/loss", 0.5, 5)
    found = compare_runs([csv_run, events])
    assert found.no_config == (0, 1)
    assert ("train/loss", "last", (0.5, 0.5)) in found.metrics


def test_a_run_is_found_by_its_end_or_by_a_file_in_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = write_run(tmp_path / "lightning_logs" / "mlp" / "version_0", [1.0])
    assert find_run("mlp/version_0").resolve() == folder
    assert find_run("mlp/version_0/metrics.csv").resolve() == folder
    with pytest.raises(DataError, match="there is no such run"):
        find_run("mlp/version_9")


def test_the_command_prints_tables_and_draws(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "lightning_logs" / "mlp" / "version_0", [1.0, 0.5])
    write_run(tmp_path / "lightning_logs" / "明月" / "version_0", [1.0, 0.25], dropout=0.5)
    assert main(["compare", "mlp/version_0", "明月/version_0"]) == 0
    out = capsys.readouterr().out
    for words in ("model.dropout", "明月/version_0", "best val/accuracy", "step 20: train/loss_step 0.5 there, 0.25"):
        assert words in out
    assert (tmp_path / "show" / "compare_mlp_version_0_明月_version_0.png").is_file()


def test_one_run_and_folders_without_runs_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError, match="two runs or more"):
        compare_runs([tmp_path])
    with pytest.raises(DataError, match="expected a run's folder"):
        compare_runs([tmp_path, tmp_path])
    assert main(["compare", "x"]) == 2
    assert "compare: expected two runs or more, got 'x'" in capsys.readouterr().err
    assert main(["compare", "x", "y"]) == 2
    assert "x: there is no such run" in capsys.readouterr().err


def test_the_example_of_the_help_names_runs_that_a_shell_finds(tmp_path, monkeypatch):
    """Here the runs of a study lie; what a shell does not find it hands over with its asterisk."""
    (tmp_path / "lightning_logs" / "study_scaling" / "a" / "seed_0").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    patterns = [word for example in SUBJECT.examples for word in example.split() if "*" in word]
    assert patterns
    assert all(list(tmp_path.glob(pattern)) for pattern in patterns)
