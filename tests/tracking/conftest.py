"""A run folder, and a logger that writes into it."""

import pytest

from dlcore.tracking import RunLogger


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "logs" / "recipe" / "version_3"


@pytest.fixture
def logger(folder):
    logger = RunLogger(folder, "recipe")
    yield logger
    logger.finalize("success")
