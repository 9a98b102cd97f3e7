"""Few pictures: fine-tuning a network that knows other classes, against training from scratch.

A small_resnet learns five classes of FashionMNIST; then 10 pictures of each of the other five are all that there is to
learn from. Judged on the 5,000 held-out pictures of these classes: python -m benchmarks.fine_tuning [seeds]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from lightning.pytorch import Callback, Trainer, seed_everything
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader, TensorDataset

from dlcore.callbacks import FineTuning, StepsPerExecution
from dlcore.data import FashionMNIST
from dlcore.models import CNN

FIRST, SECOND = (0, 1, 2, 3, 4), (5, 6, 7, 8, 9)
NETWORK, SHOTS, EPOCHS, RATE = "small_resnet(blocks=1)", 10, 60, 0.003
SCRATCH_RATE = 0.01  # better for random weights than RATE, by 3 and 8 points with seeds 10 and 11


def pictures(part: str, classes: tuple[int, ...], data: FashionMNIST) -> tuple[Tensor, Tensor]:
    """Pictures (N, 1, 28, 28) of some classes, 0 to 1, and their places in the list of classes."""
    split = data.parts[part]
    inputs, targets = split.inputs[split.indices], split.targets[split.indices]
    chosen = torch.isin(targets, torch.tensor(classes))
    return data.transform(inputs[chosen]), targets[chosen] - classes[0]


def train(samples: tuple[Tensor, Tensor], epochs: int, batch_size: int, callbacks: list[Callback], **settings) -> CNN:
    model = CNN(
        architecture=NETWORK, image_shape=[1, 28, 28], num_classes=5,
        optimizer=partial(torch.optim.Adam, lr=settings.pop("lr", RATE)),
        lr_scheduler=partial(CosineAnnealingLR, T_max=epochs), **settings,
    )  # fmt: skip
    trainer = Trainer(
        accelerator="cpu", max_epochs=epochs, callbacks=[StepsPerExecution(), *callbacks], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(model, DataLoader(TensorDataset(*samples), batch_size, shuffle=True))
    return model


@torch.no_grad()
def accuracy(model: CNN, inputs: Tensor, targets: Tensor) -> float:
    model.eval()
    return torch.cat([model(some) for some in inputs.split(500)]).argmax(1).eq(targets).float().mean().item()


def main(seeds: int = 4) -> None:
    data = FashionMNIST()
    data.prepare_data()
    data.setup("fit")
    data.setup("test")
    inputs, targets = pictures("train", SECOND, data)
    held_out = pictures("test", SECOND, data)
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "first.pth")
        seed_everything(0, verbose=False)
        first = train(pictures("train", FIRST, data), 2, 128, [])
        print(f"first five classes: {accuracy(first, *pictures('test', FIRST, data)):.2%}")
        # Without the output layer: as many classes, but other ones.
        torch.save({key: each for key, each in first.network.state_dict().items() if "output" not in key}, file)
        found: dict[str, list[float]] = {}
        for seed in range(seeds):
            generator = torch.Generator().manual_seed(seed)
            places = [(targets == k).nonzero()[:, 0] for k in range(5)]
            few = torch.cat([each[torch.randperm(len(each), generator=generator)[:SHOTS]] for each in places])
            run = partial(train, (inputs[few], targets[few]), EPOCHS, 16)
            ways: dict[str, Callable[[], CNN]] = {
                "from scratch": lambda run=run: run([], lr=SCRATCH_RATE),
                "head alone": lambda run=run: run([FineTuning(freeze_epochs=None)], weights=file),
                "head first": lambda run=run: run([FineTuning(freeze_epochs=10, lr_factor=0.3)], weights=file),
                "all layers at once": lambda run=run: run([], weights=file),
            }
            for name, way in ways.items():
                seed_everything(seed, verbose=False)
                found.setdefault(name, []).append(accuracy(way(), *held_out))
                print(f"seed {seed}, {name}: {found[name][-1]:.2%}", flush=True)
    for name, values in found.items():
        each = ", ".join(f"{value:.1%}" for value in values)
        print(f"{name}: mean {statistics.mean(values):.1%} ({each})")
    print(f"{(time.process_time() - began) / 60:.1f} min of CPU")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
