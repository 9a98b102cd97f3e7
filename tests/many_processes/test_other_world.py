"""A run that goes on in another number of processes, within an epoch: each of its samples is seen once."""

from collections import Counter

import pytest
from world import TABLE, World, free_port, same

TRAIN = 341  # rows that the built-in table trains on


def trained(work, words, steps=None):
    """Train in as many forked processes as there are words for; write down each sample."""
    return World(work, words, before=Note(work))


class Note:
    """Writes down each sample that a process trains on."""

    def __init__(self, work):
        self.work = work

    def __call__(self, rank):
        from world import Samples

        from dlcore.cli import trainer_commands
        from dlcore.runs import Command

        def with_samples(request, callbacks, before):
            return Command(request, [*callbacks, Samples(self.work / f"samples.{rank}.{free_port()}")], before)

        trainer_commands.Command = with_samples


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_each_sample_of_the_epoch_is_seen_once(tmp_path, before, after):
    batch = 24 // before
    first = trained(tmp_path, same(before, f"--data.batch_size={batch}", "--trainer.max_steps=5"))
    assert first.end() == [0] * before, first.said()
    more = ["fit", "--ckpt_path=last", "--trainer.accelerator=cpu", "--trainer.max_steps=-1", "--trainer.max_epochs=1"]
    again = trained(tmp_path, [[*more, f"--trainer.devices={after}"]] * after)
    assert again.end() == [0] * after, again.said()
    line = f"data.batch_size: {24 // after} in each of {after} processes (before: {batch} in each of {before})"
    assert line in again.said(0)
    seen = Counter(line for path in tmp_path.glob("samples.*") for line in path.read_text().splitlines())
    assert len(seen) == TRAIN
    assert set(seen.values()) == {1}


@pytest.mark.fault(
    "going on within an epoch with another number of processes and a batch size of one's own",
    "data.batch_size: expected 24 in all processes together, as in the run that continues within an epoch, got 20. …",
)
def test_another_step_within_an_epoch_is_refused(tmp_path):
    first = World(tmp_path, same(1, "--data.batch_size=24", "--trainer.max_steps=5"))
    assert first.end() == [0], first.said()
    again = World(tmp_path, [["fit", "--ckpt_path=last", "--trainer.max_epochs=1", "--data.batch_size=10"]] * 2)
    assert again.end() == [2, 2], again.said()
    assert "data.batch_size: expected 24 in all processes together" in again.said()
    assert len(again.errors()) == 1


def test_the_strategies_that_cut_a_network_are_refused(tmp_path):
    from dlcore.errors import ArgumentError
    from dlcore.runs import prepare

    for name in ("fsdp", "FSDPStrategy", "deepspeed", "ModelParallelStrategy"):
        with pytest.raises(ArgumentError, match=r"trainer.strategy: expected ddp"):
            prepare("fit", *TABLE, f"--trainer.strategy={name}")
