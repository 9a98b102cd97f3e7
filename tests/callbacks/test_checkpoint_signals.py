"""Ctrl-C and SIGTERM: the state is saved, the run ends with the signal's exit code, and goes on as if nothing was."""

import os
import signal
import sys
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import Callback

from dlcore.callbacks import Checkpoint, ExactResume
from dlcore.errors import Interrupted
from dlcore.execution.per_batch_hooks import Position
from dlcore.models import MLP
from dlcore.runs.checkpoint_file import AtomicCheckpointIO

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Sends(Callback):
    """Sends signals to its own process at a place of the run.

    Args:
        hook: Name of the hook in which it does.
        at_step: Optimiser steps that are done by then.
        numbers: The signals.
    """

    def __init__(self, hook, at_step, *numbers):
        self.at_step, self.numbers, self.exceptions = at_step, numbers, []
        setattr(self, hook, self.send)

    def send(self, trainer, *args, **kwargs):
        if trainer.global_step == self.at_step and not trainer.sanity_checking:
            numbers, self.numbers = self.numbers, ()
            for number in numbers:
                os.kill(os.getpid(), number)

    def on_exception(self, trainer, pl_module, exception):
        self.exceptions.append(exception)


@pytest.fixture(autouse=True)
def handlers():
    """The test's own handlers, which a run must give back."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield before
    after = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        signal.signal(number, handler)
    assert after == before


@pytest.fixture
def train(tiny_data, make_trainer, tmp_path):
    """Train two epochs of seven steps; give the model."""

    def train(*callbacks, ckpt_path=None, folder="kept", dirpath=True, group=1, **settings):
        torch.manual_seed(1)
        model = MLP([8], in_features=4, num_classes=3, dropout=0.2)
        monitor = "train/loss" if settings.get("limit_val_batches") == 0 else "val/loss"
        checkpoint = Checkpoint(monitor, dirpath=str(tmp_path / folder) if dirpath else None)
        trainer = make_trainer(
            enable_checkpointing=True,
            max_epochs=2,
            callbacks=[ExactResume(), *callbacks, checkpoint],
            accumulate_grad_batches=group,
            plugins=[AtomicCheckpointIO()],
            **settings,
        )
        trainer.fit(model, tiny_data(), ckpt_path=ckpt_path, weights_only=True)
        return model

    return train


@pytest.mark.parametrize(
    ("hook", "at_step", "saved_at", "settings"),
    [
        ("on_train_batch_start", 2, 3, {}),  # the step that runs is finished
        ("on_train_batch_end", 3, 3, {}),
        ("on_before_optimizer_step", 3, 4, {}),
        ("on_train_batch_end", 7, 7, {}),  # the last batch: its validation belongs to it
        ("on_validation_batch_end", 7, 7, {}),
        ("on_validation_end", 7, 7, {}),
        ("on_train_epoch_end", 7, 8, {}),  # after the checkpoint of the epoch
        ("on_train_batch_end", 3, 3, {"val_check_interval": 0.5}),
        ("on_train_batch_end", 7, 7, {"val_check_interval": 0.5}),
        ("on_train_batch_end", 7, 7, {"limit_val_batches": 0}),
        ("on_train_batch_end", 7, 7, {"check_val_every_n_epoch": 2}),
        ("on_train_batch_end", 14, 14, {}),
        ("on_train_batch_start", 1, 1, {"group": 3}),  # gradients that wait are kept too
    ],
)
def test_a_run_that_a_signal_ended_goes_on_as_if_nothing_was(hook, at_step, saved_at, settings, train, tmp_path):
    last = tmp_path / "kept" / "last.ckpt"
    with pytest.raises(Interrupted) as caught:
        train(Sends(hook, at_step, signal.SIGINT), **settings)
    assert caught.value.exit_code == 130
    assert str(caught.value) == f"Interrupted by SIGINT at step {saved_at}. The state is in {last}."
    assert torch.load(last, weights_only=True)["global_step"] == saved_at

    resumed, whole = train(ckpt_path=last, **settings), train(folder="whole", **settings)
    for one, other in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert torch.equal(one, other)


def test_sigterm_ends_the_run_as_sigint_does(train, tmp_path):
    with pytest.raises(Interrupted, match="Interrupted by SIGTERM at step 3") as caught:
        train(Sends("on_train_batch_end", 3, signal.SIGTERM))
    assert caught.value.exit_code == 143
    assert torch.load(tmp_path / "kept" / "last.ckpt", weights_only=True)["global_step"] == 3


def test_the_first_signal_is_answered_at_once(train, capsys):
    heard = []

    class Listens(Callback):
        def on_train_batch_end(self, trainer, *args):
            heard.append(capsys.readouterr().out)

    with pytest.raises(Interrupted):
        train(Sends("on_train_batch_start", 2, signal.SIGINT), Listens())
    assert heard[2] == "\nSIGINT: finishing the step to save; Ctrl-C again leaves at once.\n"


@pytest.mark.parametrize("second", SIGNALS)
@pytest.mark.fault(
    "Ctrl-C twice while a run trains",
    "it leaves at once; last.ckpt is the one before",
)
def test_a_second_signal_leaves_at_once(second, train, tmp_path):
    sends = Sends("on_before_optimizer_step", 3, signal.SIGINT, second)
    with pytest.raises(SystemExit):  # what Lightning makes of a KeyboardInterrupt
        train(sends)
    assert [type(exception) for exception in sends.exceptions] == [KeyboardInterrupt]
    assert not (tmp_path / "kept" / "last.ckpt").exists()


@pytest.mark.fault(
    "Ctrl-C while a run without a folder trains",
    "“Interrupted by SIGINT at step 3. Nothing was kept: the run has no folder.”",
)
def test_a_run_without_a_folder_says_that_nothing_was_kept(train, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Interrupted, match=r"at step 3\. Nothing was kept: the run has no folder\.$") as caught:
        train(Sends("on_train_batch_end", 3, signal.SIGINT), dirpath=False)
    assert caught.value.exit_code == 130
    assert list(tmp_path.iterdir()) == []


def test_handlers_are_given_back_after_a_run_and_at_an_error(train, handlers, memory_logger, monkeypatch):
    class Fails(Callback):
        def on_train_batch_end(self, trainer, *args):
            assert signal.getsignal(signal.SIGINT) != handlers[signal.SIGINT]
            if trainer.global_step == 9:
                raise RuntimeError("on purpose")

    at_error = []
    monkeypatch.setattr(memory_logger, "finalize", lambda status: at_error.append(signal.getsignal(signal.SIGINT)))
    with pytest.raises(RuntimeError, match="on purpose"):
        train(Fails(), logger=memory_logger)
    assert at_error == [handlers[signal.SIGINT]]  # a figure may be drawn there for long
    train()  # the fixture looks afterwards


def test_steps_taken_together_end_where_processes_ask_each_other():
    keeper, place = Checkpoint(every_n_steps=10), Position(batch_idx=3, batches=100, step=3)
    one, two = SimpleNamespace(world_size=1), SimpleNamespace(world_size=2, checkpoint_callbacks=[keeper])
    assert keeper.skippable_batches(one, place) == 6
    keeper._asks_at = 7
    assert keeper.skippable_batches(two, place) == 3


class Forks(Callback):
    """Forks a process as a data loader does for a worker, and sends it the signal."""

    def on_train_batch_start(self, trainer, *args):
        if trainer.global_step == 2:
            if not (worker := os.fork()):
                os.kill(os.getpid(), signal.SIGINT)
                sys.stdout.flush()
                os._exit(0)
            os.waitpid(worker, 0)


@pytest.mark.process
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_data_worker_says_nothing_of_a_signal(train, capfd):
    train(Forks())
    assert "finishing the step" not in capfd.readouterr().out
