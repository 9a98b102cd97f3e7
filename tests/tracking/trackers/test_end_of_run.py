"""The end of a run waits for its tracker some seconds, but kills nothing that makes a database on this machine."""

import subprocess
import sys

import pytest

from dlcore.tracking.trackers import tracker_logger
from dlcore.tracking.trackers.journal import FOLDER, is_unbroken, unbroken


@pytest.mark.process
@pytest.mark.fault(
    "MLflow makes its local database when a short run ends", "the end waits for it; else it would stay half made"
)
@pytest.mark.parametrize(("makes", "code"), [(True, 0), (False, -9)])
def test_a_sender_is_killed_unless_it_makes_a_database(makes, code, tmp_path, monkeypatch):
    (tmp_path / FOLDER).mkdir()
    monkeypatch.setattr(tracker_logger, "_PATIENCE", 0.2)
    words = "import sys, time; sys.stdin.readline(); time.sleep(2 if sys.argv[1] == 'makes' else 600)"
    command = [sys.executable, "-c", words, "makes" if makes else "hangs"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    if makes:
        with unbroken(tmp_path):
            tracker_logger._end(process, tmp_path)
    else:
        tracker_logger._end(process, tmp_path)
    assert process.returncode == code
    assert not is_unbroken(tmp_path)
