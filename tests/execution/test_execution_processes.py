"""Executions in two processes: the same training as Lightning's, to the bit."""

import pytest
import torch
from side_by_side import assert_same
from two_processes import train, train_both_ways
from world import together


def check_same(folder):
    for rank in (0, 1):
        plain, quick = (torch.load(folder / f"{fast}.{rank}", weights_only=False) for fast in (False, True))
        assert plain["step"] > 5
        assert_same(plain, quick)


@pytest.mark.process
def test_two_processes_train_the_same(tmp_path):
    together(train_both_ways, tmp_path)
    check_same(tmp_path)


@pytest.mark.matrix
def test_two_processes_that_lightning_spawns_train_the_same(tmp_path):
    for fast in (False, True):  # the trainer and its callbacks are pickled on the way
        train(tmp_path / str(fast), fast, "ddp_spawn")
    check_same(tmp_path)
