"""Processes of a test's own that start in tenths of a second: forked off one that has imported torch already."""

import multiprocessing

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["dlcore.runs", "dlcore.cli.main", "torchvision", "matplotlib.pyplot"])
