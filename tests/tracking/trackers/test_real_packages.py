"""The trackers' own packages take what is sent to them; each of these tests needs its package."""

import math
import os
import subprocess
import sys
import time
from contextlib import suppress
from urllib.request import urlopen

import pytest

from dlcore.errors import TrackerError
from dlcore.tracking.metrics_csv import MetricsCsv
from dlcore.tracking.timeline import Timeline
from dlcore.tracking.trackers.journal import Journal
from dlcore.tracking.trackers.pending import write_settings
from dlcore.tracking.trackers.sending import Sender

pytestmark = [
    pytest.mark.process,
    pytest.mark.filterwarnings("ignore"),  # of other people's packages
]


@pytest.fixture
def here(run, monkeypatch):
    """The run, with a picture and values that are not finite, in its working folder."""
    monkeypatch.chdir(run.parents[2])
    for name in ("MLFLOW_TRACKING_URI", "WANDB_MODE", "SWANLAB_MODE", "WANDB_API_KEY", "SWANLAB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    from PIL import Image

    Image.new("RGB", (4, 4)).save(run / "curves.png")
    MetricsCsv(run / "metrics.csv").write({"train/loss": math.nan, "val/f1/衬衫 (1)": 0.5}, 40)
    return run


def resume(run):
    """The run goes on: another value, another setting."""
    Timeline(run / "events.jsonl").write("resumed", "Resumed.", 40, 4.0)
    MetricsCsv(run / "metrics.csv").write({"train/loss": 0.01}, 50)
    write_settings(run, {"lr": 0.2}, lambda path, content: path.write_bytes(content))
    Timeline(run / "events.jsonl").write("finished", "Finished.", 50, 5.0)


def check_mlflow(run, client):
    (found,) = client.search_runs([client.get_experiment_by_name("mlp").experiment_id])
    assert (found.info.run_name, found.info.status) == ("version_3", "FINISHED")
    points = client.get_metric_history(found.info.run_id, "train/loss")
    assert [point.step for point in points] == [10, 20, 30, 40, 50]
    assert math.isnan(points[3].value)
    assert client.get_metric_history(found.info.run_id, "val/f1/衬衫 _1_")
    assert found.data.params["lr"] == "0.1"
    assert found.data.tags["resumed.lr"] == "0.2"
    assert "Finished." in found.data.tags["mlflow.note.content"]
    paths = {each.path for each in client.list_artifacts(found.info.run_id)}
    assert paths == {"curves.png", "config.yaml", "checkpoints"}


def send_in_two_parts(run, **environment):
    write_settings(run, {"lr": 0.1}, lambda path, content: path.write_bytes(content))
    for ended in (False, True):
        if ended:
            resume(run)
        code = (
            "import sys; from pathlib import Path; from dlcore.tracking.trackers.sending import Sender\n"
            f"Sender(Path({str(run)!r}), 'mlflow').send({ended})"
        )
        subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, **environment}, timeout=200)


def test_mlflows_own_files_hold_the_run(here):
    mlflow = pytest.importorskip("mlflow")
    send_in_two_parts(here)
    check_mlflow(here, mlflow.MlflowClient(f"sqlite:///{here.parents[2]}/mlflow.db"))
    assert "--backend-store-uri sqlite:////" in Journal(here, "mlflow").run["address"]


@pytest.fixture
def mlflow_server(tmp_path):
    """A real server; what ends it is called with nothing."""
    pytest.importorskip("mlflow")
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    place = ["--backend-store-uri", f"sqlite:///{tmp_path}/server.db", "--artifacts-destination", str(tmp_path / "art")]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([*command, *place], start_new_session=True, **quiet)
    address = f"http://127.0.0.1:{port}"
    end = time.monotonic() + 120
    while time.monotonic() < end:
        with suppress(OSError), urlopen(f"{address}/health", timeout=5):
            break
        time.sleep(0.5)
    yield address
    os.killpg(server.pid, 9)
    server.wait()


def test_an_mlflow_server_holds_the_run_and_names_a_run_that_it_has_not(here, mlflow_server, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    send_in_two_parts(here, MLFLOW_TRACKING_URI=mlflow_server)
    client = mlflow.MlflowClient(mlflow_server)
    check_mlflow(here, client)
    run = Journal(here, "mlflow").run
    assert run["address"].startswith(f"{mlflow_server}/#/experiments/")
    client.delete_run(run["id"])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    MetricsCsv(here / "metrics.csv").write({"train/loss": 0.01}, 60)
    with pytest.raises(TrackerError, match=r"has no run .*deleted.*mlflow\.jsonl away"):
        Sender(here, "mlflow").send(ended=True)


def test_wandb_keeps_an_offline_run_that_a_resumed_one_continues(here):
    pytest.importorskip("wandb")
    Sender(here, "wandb").send(ended=True)
    resume(here)
    Sender(here, "wandb").send(ended=True)
    kept = [*here.glob("tracker/wandb/offline-run-*/*.wandb")]
    assert len({path.name for path in kept}) == 1
    assert any(b"train/loss" in path.read_bytes() for path in kept)
    assert Journal(here, "wandb").run["address"].endswith("tracker/wandb/offline-run-*")


def test_swanlab_keeps_an_offline_run_that_a_resumed_one_continues(here):
    pytest.importorskip("swanlab")
    Sender(here, "swanlab").send(ended=True)
    resume(here)
    Sender(here, "swanlab").send(ended=True)
    kept = [*here.glob("tracker/swanlog/run-*/*.swanlab")]
    assert len({path.name for path in kept}) == 1
    assert Journal(here, "swanlab").run["address"].endswith("tracker/swanlog/run-*")
