"""Samples that do not divide among processes: nothing hangs, all are trained on, and each is evaluated once."""

import itertools
import json
import os
import time

import pytest
import torch
from forked import CONTEXT
from lightning.pytorch import Callback, Trainer
from tiny_data import TinyData
from world import World, free_port

from dlcore.data.array_data import Split

SIZES, BATCHES, GROUPS = range(1, 6), (1, 2, 4), (1, 2)


class Few(TinyData):
    """A few samples of each use; the validation has one fewer than the training, at least one."""

    def load(self):
        parts = super().load()
        chosen = torch.arange(max(1, self.size - 1))
        parts["val"] = Split(*parts["val"].fetch(chosen), chosen)
        return parts


class Seen(Callback):
    """Counts the samples of this process."""

    def __init__(self):
        self.trained = 0

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.trained += len(batch[1])


def train(size, batch_size, group, **settings):
    """What one training has: samples of this process and of the validation, its metrics, its steps."""
    from dlcore.models import MLP

    torch.manual_seed(0)
    data, model, seen = Few(size=size, batch_size=batch_size), MLP([4], in_features=4, num_classes=3), Seen()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    none = {"enable_model_summary": False, "num_sanity_val_steps": 0, "log_every_n_steps": 1}
    settings |= {"max_epochs": 2, "accumulate_grad_batches": group, "callbacks": [seen]}
    trainer = Trainer(accelerator="cpu", **quiet, **none, **settings)
    trainer.fit(model, data)
    (metrics,) = trainer.validate(model, data, verbose=False)
    weights = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    return {
        "trained": seen.trained, "evaluated": model.evaluated, "steps": trainer.global_step,
        "loss": metrics["val/loss"], "weights": weights.sum().item(),
    }  # fmt: skip


def all_cases(rank, world_size, port, work):
    os.setsid()
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(world_size), "RANK": str(rank),
        "LOCAL_RANK": str(rank), "TORCHELASTIC_RUN_ID": "none", "GLOO_SOCKET_IFNAME": "lo",
    }  # fmt: skip
    torch.set_num_threads(1)
    found = []
    for size, batch_size, group in itertools.product(SIZES, BATCHES, GROUPS):
        found.append(train(size, batch_size, group, devices=world_size, strategy="ddp"))
        (work / f"found.{rank}").write_text(json.dumps(found))
    os._exit(0)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.fault(
    "one to five samples over two and three processes: last batches in which some have none",
    "nothing: each sample is trained on and evaluated once",
)
@pytest.mark.matrix
@pytest.mark.parametrize("world_size", [2, 3])
def test_few_samples_over_several_processes(world_size, tmp_path, one_thread):
    port = free_port()
    arguments = [(rank, world_size, port, tmp_path) for rank in range(world_size)]
    processes = [CONTEXT.Process(target=all_cases, args=own) for own in arguments]
    for process in processes:
        process.start()
    end = time.monotonic() + 150
    for process in processes:
        process.join(max(0, end - time.monotonic()))
    ended = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
        process.join()
    found = [json.loads((tmp_path / f"found.{rank}").read_text()) for rank in range(world_size)]
    assert ended == [0] * world_size, f"it hangs, or fails, after {len(found[0])} cases"
    for case, *ranks in zip(itertools.product(SIZES, BATCHES, GROUPS), *found, strict=True):
        size, batch_size, group = case
        assert sum(rank["trained"] for rank in ranks) == 2 * size, case
        batches = -(-size // (batch_size * world_size))
        for rank in ranks:
            assert rank["evaluated"] == max(1, size - 1), case
            assert rank["steps"] == 2 * -(-batches // group), case
            assert rank["loss"] == ranks[0]["loss"], case
            assert rank["weights"] == ranks[0]["weights"], case


def test_a_few_poems_over_two_processes(tmp_path):
    poems = ["床前明月光疑是地上霜", "举头望明月低头思故乡", "白日依山尽黄河入海流", "欲穷千里目更上一层楼"]
    (tmp_path / "poems.txt").write_text("\n\n".join(poems), encoding="utf-8")
    words = ["fit", "-c", "rnn_lyrics", "--data.root=poems.txt", "--data.min_freq=1", "--trainer.accelerator=cpu"]
    words += ["--data.batch_size=1", "--data.sequence_length=4", "--data.val_size=1", "--data.test_size=1"]
    words += ["--model.embedding_dim=4", "--model.hidden_size=4", "--trainer.max_epochs=2", "--progress_display=off"]
    words += ["--run_summary=off", "--parameter_distribution=off", "--text_samples=off"]
    world = World(tmp_path, [words, words])
    assert world.end(60) == [0, 0], world.said()
    alone = World(tmp_path, [["validate", "--ckpt_path=last", "--trainer.accelerator=cpu"]])
    assert alone.end(60) == [0], alone.said()
    both = World(tmp_path, [["validate", "--ckpt_path=last", "--trainer.accelerator=cpu"]] * 2)
    assert both.end(60) == [0, 0], both.said()
    numbers = [[line for line in one.said(0).splitlines() if line.startswith("val/")] for one in (alone, both)]
    assert numbers[0] == numbers[1] != []
