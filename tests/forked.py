"""Processes of a test's own that start in tenths of a second: forked off one that has carried out a command already."""

import os
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from unittest import mock


class _Process(ForkServerProcess):
    def start(self) -> None:
        paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        with mock.patch.dict(os.environ, PYTHONPATH=os.pathsep.join(paths)):
            forkserver.ensure_running()
        super().start()


class _Context(ForkServerContext):
    Process = _Process


CONTEXT = _Context()
CONTEXT.set_forkserver_preload(["dlcore.runs", "warm"])
