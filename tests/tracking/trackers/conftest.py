"""A run's folder with known content, and a tracker in memory that can be made to fail."""

from collections import defaultdict

import pytest

from dlcore.tracking.metrics_csv import MetricsCsv
from dlcore.tracking.timeline import Timeline
from dlcore.tracking.trackers.client import Client
from dlcore.tracking.trackers.sending import Sender


class Server:
    """What a tracker has. `fails` lists the calls that raise, by name: each call takes one away."""

    def __init__(self):
        self.runs, self.fails, self.calls = defaultdict(lambda: defaultdict(list)), [], []

    def call(self, name, run, *content):
        self.calls.append(name)
        if name in self.fails:
            self.fails.remove(name)
            raise ConnectionError(f"{name} refused: http://me:hunter22@example.org")
        self.runs[run][name] += content

    def points(self, run):
        """Sent values by metric: step and value."""
        found = defaultdict(list)
        for rows in self.runs[run]["rows"]:
            for step, values in rows.items():
                for name, value in values.items():
                    found[name].append((step, value))
        return dict(found)


class FakeClient(Client):
    """A client of that server."""

    def __init__(self, server, *place):
        super().__init__(*place)
        self.server = server

    def open(self, run, began):
        self.run = run["token"]
        self.server.call("open", self.run, (self.experiment, self.name, began))
        return {"id": f"id of {self.run}", "address": "http://example.org/run"}

    def send_settings(self, settings):
        self.server.call("settings", self.run, settings)

    def send_rows(self, rows, time_of):
        self.server.call("rows", self.run, rows)
        self.server.call("times", self.run, *(time_of(step) for step in rows))

    def send_events(self, new, all_):
        self.server.call("events", self.run, *(event["text"] for event in new))

    def send_file(self, path, step):
        self.server.call("files", self.run, path.name)

    def close(self, status):
        self.server.call("close", self.run, status)


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def run(tmp_path):
    """A run's folder: three rows, a start, a figure, settings and a checkpoint."""
    folder = tmp_path / "lightning_logs" / "mlp" / "version_3"
    (folder / "checkpoints").mkdir(parents=True)
    table = MetricsCsv(folder / "metrics.csv")
    for step in (10, 20, 30):
        table.write({"epoch": step / 10, "train/loss": 1 / step}, step)
    table.write({"val/loss": 0.5}, 30)
    Timeline(folder / "events.jsonl").write("started", "Started.", 0, 0.0)
    (folder / "config.yaml").write_text("model: {class_path: dlcore.models.MLP, init_args: {dropout: 0.1}}\n")
    (folder / "curves.png").write_bytes(b"PNG")
    (folder / "checkpoints" / "last.ckpt").write_bytes(b"ckpt")
    return folder


@pytest.fixture
def sender(run, server):
    """Make a sender of the run, as each new process does."""
    return lambda: Sender(run, "mlflow", lambda kind, *place: FakeClient(server, *place))


@pytest.fixture
def finish(run):
    """End the run."""
    return lambda kind="finished": Timeline(run / "events.jsonl").write(kind, "The end.", 30, 3.0)
