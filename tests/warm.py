"""Imported by the process that the tests' own are forked off: it has carried out a command once, for all of them.

A first fit imports much more, and fills the parser's caches: half of what a short fit costs.
"""

import contextlib
import io
import os
import sys
import tempfile
import warnings
from unittest import mock

from blank_figures import blank

from dlcore.cli.main import main
from dlcore.runs.distributed import restart

SHORT = ("--trainer.max_steps=1", "--trainer.limit_val_batches=1", "--trainer.accelerator=cpu")

with (
    tempfile.TemporaryDirectory() as folder,
    contextlib.chdir(folder),
    mock.patch.dict(os.environ, XDG_CACHE_HOME=folder),
    contextlib.ExitStack() as stack,
    contextlib.redirect_stdout(io.StringIO()),
    contextlib.redirect_stderr(io.StringIO()) as said,
    warnings.catch_warnings(),
):
    warnings.simplefilter("ignore")
    blank(lambda *what: stack.enter_context(mock.patch.object(*what)))
    stack.enter_context(mock.patch.object(restart, "_commands", iter("x")))
    failed = main(["fit", "-c", "mlp_table_binary", *SHORT])
if failed:
    sys.exit(f"{__name__}: {said.getvalue()}")
