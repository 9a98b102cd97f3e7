"""A tracker gets all of a run, once, whatever fails in between."""

import pytest

from dlcore.errors import DataError, RunFileError, TrackerError
from dlcore.tracking.metrics_csv import MetricsCsv, read_rows
from dlcore.tracking.trackers import journal as journal_module
from dlcore.tracking.trackers.journal import Journal, journal_kinds, sole_sender
from dlcore.tracking.trackers.pending import pending, place_of, times_of, write_settings

ALL = {
    "train/loss": [(10, 0.1), (20, 0.05), (30, pytest.approx(1 / 30))],
    "epoch": [(10, 1.0), (20, 2.0), (30, 3.0)],
    "val/loss": [(30, 0.5)],
}


def only_run(server):
    assert len(server.runs) == 1
    return next(iter(server.runs))


def test_a_run_is_sent_with_settings_values_events_files_and_its_end(run, server, sender, finish):
    finish()
    sent = sender().send(ended=True)
    assert sent.words() == "7 values, 2 events, 3 files"
    got = server.runs[only_run(server)]
    assert got["open"][0][:2] == ("mlp", "version_3")
    assert got["settings"] == [{"model": "MLP", "model.dropout": 0.1}]
    assert server.points(only_run(server)) == ALL
    assert got["events"] == ["Started.", "The end."]
    assert got["files"] == ["curves.png", "config.yaml", "last.ckpt"]
    assert got["close"] == ["FINISHED"]
    lines = (run / "tracker" / "mlflow.jsonl").read_text().splitlines()
    assert len(set(lines)) == len(lines)


def test_nothing_is_sent_twice_by_another_process(server, sender, finish):
    finish()
    sender().send(ended=True)
    before = len(server.calls)
    assert not sender().send(ended=True)
    assert len(server.calls) == before


def test_while_it_trains_the_checkpoint_waits(server, sender):
    sender().send(ended=False)
    got = server.runs[only_run(server)]
    assert got["files"] == ["curves.png"]
    assert not got["close"]


@pytest.mark.parametrize("ended", [True, False])
def test_a_run_that_has_logged_nothing_is_not_begun(run, server, sender, ended):
    (run / "metrics.csv").unlink()
    sender().send(ended)
    assert server.calls == []


def test_values_that_come_later_are_sent_alone(run, server, sender):
    first = sender()
    first.send(ended=False)
    table = MetricsCsv(run / "metrics.csv")
    table.write({"train/accuracy": 0.9}, 30)  # a new column rewrites the table
    table.write({"train/loss": 0.01}, 40)
    first.send(ended=False)
    points = server.points(only_run(server))
    assert points["train/accuracy"] == [(30, 0.9)]
    assert points["train/loss"] == [*ALL["train/loss"], (40, 0.01)]


@pytest.mark.parametrize("call", ["open", "settings", "rows", "events", "files", "close"])
def test_what_failed_is_sent_by_the_next_attempt(server, sender, finish, call):
    finish()
    server.fails = [call]
    with pytest.raises(ConnectionError):
        sender().send(ended=True)
    sender().send(ended=True)
    run = only_run(server)
    assert server.points(run) == ALL
    got = server.runs[run]
    assert len(got["settings"]) == len(got["close"]) == 1
    assert sorted(got["files"]) == ["config.yaml", "curves.png", "last.ckpt"]
    assert got["events"] == ["Started.", "The end."]


def test_a_resumed_run_goes_on_in_the_same_run_and_its_old_values_are_not_repeated(run, server, sender, finish):
    sender().send(ended=False)
    table = MetricsCsv(run / "metrics.csv", last_step=10)  # a kill at 30, and a checkpoint at 10
    table.write({"epoch": 2.0, "train/loss": 1 / 20}, 20)  # exact resume: the same again
    table.write({"epoch": 3.0, "train/loss": 0.02}, 30)  # with another setting: a new value
    finish()
    sender().send(ended=True)
    points = server.points(only_run(server))
    assert points["train/loss"] == [*ALL["train/loss"], (30, 0.02)]
    assert points["epoch"] == ALL["epoch"]


@pytest.mark.parametrize(
    ("kinds", "status"),
    [
        (["finished"], "FINISHED"),
        (["failed"], "FAILED"),
        (["interrupted"], "KILLED"),
        ([], "KILLED"),  # killed at once: no event
        (["interrupted", "resumed"], "KILLED"),
        (["interrupted", "resumed", "finished", "text_memory"], "FINISHED"),
    ],
)
def test_the_status_says_how_the_run_ended(server, sender, finish, kinds, status):
    for kind in kinds:
        finish(kind)
    sender().send(ended=True)
    assert server.runs[only_run(server)]["close"] == [status]


def test_while_it_trains_the_config_is_not_sent_in_place_of_settings_that_are_to_come(run, server, sender):
    one = sender()
    one.send(ended=False)
    write_settings(run, {"lr": 0.1}, lambda path, content: path.write_bytes(content))
    one.send(ended=False)
    assert server.runs[only_run(server)]["settings"] == [{"lr": 0.1}]


def test_logged_settings_are_sent_in_place_of_the_whole_config(run, server, sender):
    write_settings(run, {"lr": 0.1}, lambda path, content: path.write_bytes(content))
    sender().send(ended=True)
    assert server.runs[only_run(server)]["settings"] == [{"lr": 0.1}]


def test_a_request_has_at_most_a_thousand_values(run, server, sender):
    rows = "".join(f"{step},,1,1,1\n" for step in range(1, 1001))
    (run / "metrics.csv").write_text(f"step,epoch,a,b,c\n{rows}")
    sender().send(ended=True)
    sizes = [sum(map(len, rows.values())) for rows in server.runs[only_run(server)]["rows"]]
    assert sum(sizes) == 3000
    assert max(sizes) <= 1000


# The journal


@pytest.mark.fault("a damaged tracker/mlflow.jsonl", "its file and line, and what to do")
def test_a_damaged_journal_is_an_error_that_names_it(run, sender):
    sender().send(ended=True)
    path = run / "tracker" / "mlflow.jsonl"
    path.write_bytes(b"{not JSON}\n" + path.read_bytes())
    with pytest.raises(DataError, match=r"mlflow\.jsonl, line 1: damaged.*Move the file away"):
        sender()
    path.unlink()
    sender().send(ended=True)  # as it says: all again


def test_an_incomplete_last_line_is_dropped_and_its_content_is_sent_again(run, server, sender):
    sender().send(ended=True)
    path = run / "tracker" / "mlflow.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    sender().send(ended=True)
    assert server.runs[only_run(server)]["close"] == ["KILLED", "KILLED"]
    Journal(run, "mlflow")


@pytest.mark.fault("no space for tracker/mlflow.jsonl", "the run is sent; what was sent is noted when there is space")
def test_without_space_for_the_journal_the_run_is_sent_and_noted_later(run, server, sender, monkeypatch):
    def full(path, content):
        raise RunFileError(path, "No space left on device")

    one = sender()
    with monkeypatch.context() as patch:
        patch.setattr(journal_module, "append", full)
        one.send(ended=False)
    assert "No space" in str(one.journal.unwritten)
    assert not Journal(run, "mlflow").rows
    one.send(ended=True)
    assert one.journal.unwritten is None
    assert set(Journal(run, "mlflow").rows) == {10, 20, 30}
    assert not pending(run, Journal(run, "mlflow"), ended=True)
    assert server.points(only_run(server)) == ALL


def test_a_run_folder_that_was_removed_is_not_made_again(run):
    import shutil

    journal = Journal(run, "mlflow")
    shutil.rmtree(run)
    journal.note(status="RUNNING")
    assert journal.unwritten.path == journal.path
    assert not run.exists()


def test_one_process_at_a_time_sends_a_run(run):
    said = "another process is sending this run to mlflow"
    with sole_sender(run, "mlflow"), sole_sender(run, "wandb"), pytest.raises(TrackerError, match=said):
        sole_sender(run, "mlflow").__enter__()
    with sole_sender(run, "mlflow"):
        pass


def test_the_trackers_of_a_run_are_those_with_a_journal(run, sender):
    assert journal_kinds(run) == []
    sender().send(ended=True)
    assert journal_kinds(run) == ["mlflow"]


# What is read of the run


def test_a_table_that_is_being_written_is_read_up_to_the_first_changing_line(run, monkeypatch):
    path = run / "metrics.csv"
    whole = path.read_bytes()
    readings = [whole.replace(b"30,3.0", b"30,3.9"), whole]
    monkeypatch.setattr(type(path), "read_bytes", lambda self: readings.pop(0))
    assert list(read_rows(path)) == [10, 20]


def test_a_table_that_is_not_there_yet_has_no_rows(tmp_path):
    assert read_rows(tmp_path / "metrics.csv") == {}


def test_the_experiment_is_the_recipe_or_the_study(tmp_path):
    logs = tmp_path / "lightning_logs"
    assert place_of(logs / "mlp" / "version_3") == ("mlp", "version_3")
    assert place_of(logs / "dropout" / "p_0.5" / "seed_1") == ("dropout", "p_0.5/seed_1")
    assert place_of(tmp_path / "mine" / "first") == ("mine", "first")


def test_times_lie_between_those_of_the_events(run):
    lines = [
        f'{{"time": "2026-01-01T00:00:{seconds}+00:00", "step": {step}, "kind": "started", "text": ""}}'
        for step, seconds in ((0, "00"), (100, "10"))
    ]
    (run / "events.jsonl").write_text("\n".join(lines) + "\n")
    (run / "metrics.csv").unlink()
    time_of = times_of(run)
    assert time_of(50) - time_of(0) == 5000
    assert time_of(0) == 1767225600000
    assert time_of(10_000) == time_of(100)
