"""The number of threads is chosen by time; a clock and a number of threads of our own stand for the machine's."""

import math
import time

import pytest
import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader, TensorDataset

from dlcore.callbacks import ThreadTuning
from dlcore.errors import ArgumentError
from dlcore.models import MLP
from dlcore.tracking import RunLogger
from dlcore.tracking.timeline import read_events


@pytest.fixture
def machine(monkeypatch):
    """A machine on which a batch takes so many seconds with so many threads, and nothing else takes time."""

    class Machine:
        def __init__(self):
            self.threads, self.seconds, self.now, self.used = 4, {4: 0.008, 2: 0.003, 1: 0.005}, 0.0, []

        def work(self):
            self.used.append(self.threads)
            self.now += self.seconds[self.threads]

    machine = Machine()
    monkeypatch.setattr(torch, "get_num_threads", lambda: machine.threads)
    monkeypatch.setattr(torch, "set_num_threads", lambda n: setattr(machine, "threads", n))
    monkeypatch.setattr(time, "perf_counter", lambda: machine.now)
    return machine


@pytest.fixture
def train(machine, tmp_path):
    class Net(MLP):
        def training_step(self, batch, batch_idx):
            machine.work()
            return super().training_step(batch, batch_idx)

    def train(callback, epochs=1, batches=200, **settings):
        data = DataLoader(TensorDataset(torch.zeros(batches, 2), torch.zeros(batches, dtype=torch.int64)))
        trainer = Trainer(
            max_epochs=epochs, accelerator="cpu", logger=RunLogger(tmp_path), callbacks=[callback], limit_val_batches=0,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, **settings,
        )  # fmt: skip
        trainer.fit(Net(hidden_sizes=[], in_features=2, num_classes=2), data, data)
        return [event for event in read_events(tmp_path) if event["kind"] == "threads"]

    return train


def test_the_fastest_number_is_taken_and_reported(machine, train, capsys):
    (event,) = train(ThreadTuning(seconds=0.059))
    text = "Threads: 2 instead of 4: 3 ms a batch, 8 with 4."
    assert (event["threads"], event["text"], event["step"]) == (2, text, 54)
    assert text in capsys.readouterr().out
    # Blocks of four batches in turns, whose first does not count, until each number had its 0.059 s.
    assert machine.used[:16] == [4] * 4 + [2] * 4 + [1] * 4 + [4] * 4
    assert {n: machine.used[:54].count(n) for n in (4, 2, 1)} == {4: 11, 2: 27, 1: 16}
    assert machine.used[54:] == [2] * 146
    assert machine.threads == 4  # as before the training


def test_a_number_that_is_hardly_faster_is_not_taken(machine, train):
    machine.seconds = {4: 0.0050, 2: 0.0049, 1: 0.0048}
    assert train(ThreadTuning(seconds=0.01)) == []
    assert machine.used[-1] == 4


def test_a_machine_that_is_free_again_gets_all_threads_again(machine, train):
    class FreeAgain(ThreadTuning):
        def on_train_epoch_end(self, trainer, pl_module):
            machine.seconds = {4: 0.001, 2: 0.002, 1: 0.004}

    events = train(FreeAgain(seconds=0.01, interval=0), epochs=2)
    assert [event["threads"] for event in events] == [2, 4]
    assert machine.used[-1] == 4


def test_trials_keep_their_distance_and_only_theirs_are_steps_with_hooks(machine, train):
    callback = ThreadTuning(seconds=0.01, interval=1e6)
    assert callback.skippable_batches(None, None) == math.inf
    train(callback, epochs=2)
    assert machine.used[200:] == [2] * 200


def test_a_run_goes_on_with_the_number_of_its_checkpoint(machine, train):
    callback = ThreadTuning(seconds=1e6)
    callback.load_state_dict({"threads": 2})
    train(callback, batches=50)
    assert callback.state_dict() == {"threads": 2}
    callback.load_state_dict({"threads": 64})  # of a larger machine
    train(callback, batches=50)
    assert callback.state_dict() == {"threads": 4}


def test_after_an_error_torch_has_its_threads_again(machine, train):
    class Fails(ThreadTuning):
        def on_train_batch_end(self, trainer, *args):
            super().on_train_batch_end(trainer, *args)
            if trainer.global_step == 60:
                assert machine.threads == 2
                raise KeyError("a user's error")

    with pytest.raises(KeyError):
        train(Fails(seconds=0.059))
    assert machine.threads == 4


def test_where_there_is_nothing_to_choose_it_says_so(machine, train, capsys):
    machine.threads, machine.seconds = 1, {1: 0.001}
    assert train(ThreadTuning()) == []
    assert "Threads: not tuned, since torch has one thread (see OMP_NUM_THREADS)." in capsys.readouterr().out


@pytest.mark.parametrize("bad", [{"seconds": 0}, {"interval": -1}])
def test_what_is_out_of_range_is_refused(bad):
    with pytest.raises(ArgumentError, match=next(iter(bad))):
        ThreadTuning(**bad)
