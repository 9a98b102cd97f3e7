"""A validation of which one process has no sample: its metrics are those of one process with all samples."""

import json
import os
import time

import pytest
import torch
from forked import CONTEXT
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader
from world import by_torchrun, free_port

TASKS = {
    "multiclass": (3, torch.tensor([0, 1, 2, 2, 1, 0, 0])),
    "binary": (2, torch.tensor([0, 1, 1, 0, 1, 0, 0])),
    "regression": (2, torch.arange(14.0).reshape(7, 2).sin()),
}


def metrics_of(task, shares, **settings):
    """What a model logs of a fit with one training batch and with these validation batches."""
    from dlcore.models import MLP

    torch.manual_seed(0)
    num, targets = TASKS[task]
    model, inputs = MLP([4], in_features=3, num_classes=num, task=task, batch_norm=True), torch.randn(7, 3)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "max_epochs": 1}
    none = {"enable_model_summary": False, "num_sanity_val_steps": 0, "use_distributed_sampler": False}
    trainer = Trainer(accelerator="cpu", **quiet, **none, **settings)
    train, val = ([(inputs[share], targets[share]) for share in each] for each in ([slice(0, 7)], shares))
    trainer.fit(model, *(DataLoader(each, batch_size=None) for each in (train, val)))
    logged = {name: value.item() for name, value in trainer.callback_metrics.items()}
    return {name: value for name, value in logged.items() if name.startswith("val/")} | {"count": model.evaluated}


def one_of_two(rank, port, work):
    os.setsid()
    os.environ |= {**by_torchrun(rank, 2, port), "GLOO_SOCKET_IFNAME": "lo"}
    torch.set_num_threads(1)
    for task in TASKS:
        for full in (0, 1):
            shares = [slice(0, 3), slice(3, 7)] if rank == full else [slice(0, 0)] * 2
            found = metrics_of(task, shares, devices=2, strategy="ddp")
            (work / f"{task}.{full}.{rank}").write_text(json.dumps(found))
    os._exit(0)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.fault(
    "one of two processes has no sample of the validation",
    "nothing: both have the metrics of all samples",
)
def test_metrics_where_one_of_two_processes_has_no_sample(tmp_path, one_thread):
    port = free_port()
    processes = [CONTEXT.Process(target=one_of_two, args=(rank, port, tmp_path)) for rank in (0, 1)]
    for process in processes:
        process.start()
    end = time.monotonic() + 60
    for process in processes:
        process.join(max(0, end - time.monotonic()))
    ended = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
        process.join()
    assert ended == [0, 0], f"it hangs, or fails, after {sorted(path.name for path in tmp_path.iterdir())}"
    for task in TASKS:
        expected = metrics_of(task, [slice(0, 3), slice(3, 7)])
        assert expected["count"] == 7
        assert task != "binary" or 0 < expected["val/auroc"] < 1
        for full in (0, 1):
            for rank in (0, 1):
                found = json.loads((tmp_path / f"{task}.{full}.{rank}").read_text())
                assert found == pytest.approx(expected, rel=1e-5), (task, full, rank)
