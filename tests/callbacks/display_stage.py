"""A stage for the progress display: a model with scripted losses, a screen in memory, a fit that is watched."""

import io
import itertools
import re

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from rich.console import Console
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from dlcore.callbacks.progress_display import ProgressDisplay

QUIET = [
    pytest.mark.filterwarnings("ignore:`isinstance.treespec, LeafSpec.` is deprecated"),  # Lightning 2.6 on torch 2.15
    # What Lightning says of the tiny data and of the way in which the tests call it.
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:The number of training batches"),
    pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
    pytest.mark.filterwarnings("ignore:You defined a `validation_step` but have no `val_dataloader`"),
]

PAIR = (torch.zeros(4, 2), torch.zeros(4))
VAL_LOSSES = [0.9, 0.5, 0.7, 0.4]


class Linear(LightningModule):
    """Logs known numbers the way dlcore's models do: training's at the validation, or at the epoch's end without."""

    def __init__(self, step=lambda module, batch_idx: None, lr=0.1, val_losses=VAL_LOSSES, schedule=False):
        super().__init__()
        self.automatic_optimization = False
        self.layer = torch.nn.Linear(2, 1)
        self.step, self.lr, self.val_losses, self.schedule = step, lr, val_losses, schedule
        self.logged, self.trained = 0, 0

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=self.lr)
        if not self.schedule:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.1)}

    def training_step(self, batch, batch_idx):
        optimizer = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(self.layer(batch[0]).square().mean())
        optimizer.step()
        self.trained += 1
        self.trainer.callback_metrics["train/loss_step"] = 0.25
        self.step(self, batch_idx)

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        return batch[1]

    test_step = predict_step = validation_step

    def train_metrics(self):
        self.trained = 0
        return {"train/loss": 1.0 + self.logged, "train/accuracy": 0.5, "train/f1": 0.1}

    def on_validation_epoch_end(self):
        if not self.trainer.sanity_checking and self.trainer.state.fn == "fit":
            metrics = {"val/loss": self.val_losses[self.logged], "val/accuracy": 0.25, "val/f1": 0.1}
            self.log_dict(self.train_metrics() | metrics, logger=False)
            self.logged += 1

    def on_train_epoch_end(self):
        if self.trained:
            self.log_dict(self.train_metrics(), logger=False)
            if self.logged < len(self.val_losses) - 1:
                self.logged += 1

    def on_train_epoch_start(self):
        if self.schedule and self.trainer.current_epoch:
            self.lr_schedulers().step()


class Endless(IterableDataset):
    def __iter__(self):
        return itertools.repeat((torch.ones(2), torch.ones(1)))


def loader(batches=10, size=4):
    return DataLoader(TensorDataset(torch.ones(batches * size, 2), torch.ones(batches * size, 1)), size)


def console(terminal=False, width=80, **kwargs):
    kwargs = {"color_system": "truecolor" if terminal else None, "legacy_windows": False, "_environ": {}} | kwargs
    return Console(file=io.StringIO(), force_terminal=terminal, force_interactive=terminal, width=width, **kwargs)


def display_on(screen, refresh_per_second=60):
    display = ProgressDisplay(refresh_per_second)
    display.console = screen
    return display


def trainer_with(display, *callbacks, **kwargs):
    defaults = {"logger": False, "enable_checkpointing": False, "enable_model_summary": False, "accelerator": "cpu"}
    return Trainer(**(defaults | {"callbacks": [display, *callbacks], "max_epochs": 2} | kwargs))


def output(screen):
    """What was written, in lines, the column of seconds (which varies) replaced by an s."""
    return re.sub(r" +[\d.,]+$", " s", screen.file.getvalue(), flags=re.MULTILINE).splitlines()


def plain(screen):
    """What was written, without colours."""
    return re.sub(r"\x1b\[[\d;]*m", "", screen.file.getvalue())


def table_of(model=None, batches=10, val_batches=2, callbacks=(), screen=None, **kwargs):
    screen = screen or console()
    trainer = trainer_with(display_on(screen), *callbacks, **kwargs)
    trainer.fit(model or Linear(), loader(batches), loader(val_batches) if val_batches else None)
    return output(screen)


HEADER = " epoch  train loss  val loss  train accuracy  val accuracy        lr  seconds"


class Terminal(io.StringIO):
    def isatty(self):
        return True
