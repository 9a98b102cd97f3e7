"""The table of the progress display: one line an epoch."""

import io
import math
import time

import torch
from display_stage import HEADER, QUIET, Endless, Linear, console, display_on, loader, output, table_of, trainer_with
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch.utils.data import DataLoader

from dlcore.models import MLP

pytestmark = QUIET

# The table


def test_prints_one_aligned_line_an_epoch_under_one_header():
    assert table_of(max_epochs=4) == [
        HEADER,
        "     1      1.0000    0.9000★         0.5000        0.2500       0.1 s",
        "     2      2.0000    0.5000★         0.5000        0.2500       0.1 s",
        "     3      3.0000    0.7000          0.5000        0.2500       0.1 s",
        "     4      4.0000    0.4000★         0.5000        0.2500       0.1 s",
    ]


def test_lines_of_the_table_are_as_long_as_the_header_and_fit_80_columns():
    screen = console()
    table_of(screen=screen)
    assert {len(line) for line in screen.file.getvalue().splitlines()} == {len(HEADER)}
    assert len(HEADER) <= 80


def test_of_very_many_epochs_those_with_a_validation_have_a_line():
    lines = table_of(Linear(val_losses=[0.5] * 205), max_epochs=205, check_val_every_n_epoch=100)
    assert [line.split()[0] for line in lines] == ["epoch", "100", "200", "205"]


def test_stars_what_the_checkpoints_monitor_and_shows_it(tmp_path):
    class Keeper(ModelCheckpoint):
        pass

    keeper = Keeper(tmp_path, monitor="val/f1", mode="max")
    lines = table_of(callbacks=[keeper], enable_checkpointing=True)
    assert lines[0] == " epoch  train loss  val loss  train f1    val f1        lr  seconds"
    assert lines[1].split() == ["1", "1.0000", "0.9000", "0.1000", "0.1000★", "0.1", "s"]
    assert lines[2].split() == ["2", "2.0000", "0.5000", "0.1000", "0.1000", "0.1", "s"]


def test_nan_is_never_the_best_and_does_not_hide_a_later_best():
    lines = table_of(Linear(val_losses=[math.nan, 0.5]))
    assert "nan " in lines[1]
    assert "0.5000★" in lines[2]


def test_shows_the_learning_rate_that_the_epoch_used():
    class Cut(Callback):
        def on_validation_end(self, trainer, pl_module):
            trainer.optimizers[0].param_groups[0]["lr"] *= 0.5

    assert [line.split()[-2] for line in table_of(callbacks=[Cut()], num_sanity_val_steps=0)] == ["lr", "0.1", "0.05"]


def test_shows_the_learning_rate_of_a_warm_up(tiny_data):
    screen = console()
    model = MLP([4], in_features=4, num_classes=3, optimizer=lambda p: torch.optim.SGD(p, lr=0.1), warmup_steps=100)
    trainer_with(display_on(screen), max_epochs=2).fit(model, tiny_data())  # 7 steps an epoch
    assert [line.split()[-2] for line in output(screen) if "0." in line] == ["0.007", "0.014"]


def test_shows_the_learning_rate_of_a_schedule_and_of_a_tensor():
    assert [line.split()[-2] for line in table_of(Linear(schedule=True))] == ["lr", "0.1", "0.01"]

    class Cut(Callback):
        def on_validation_end(self, trainer, pl_module):
            trainer.optimizers[0].param_groups[0]["lr"].mul_(0.5)

    model = Linear(lr=torch.tensor(0.1))
    lines = table_of(model, callbacks=[Cut()], num_sanity_val_steps=0)
    assert [line.split()[-2] for line in lines] == ["lr", "0.1", "0.05"]


def test_without_validation_shows_what_the_model_logs_at_the_end_of_each_epoch():
    assert table_of(val_batches=0) == [
        " epoch  train loss  train accuracy        lr  seconds",
        "     1      1.0000          0.5000       0.1 s",
        "     2      2.0000          0.5000       0.1 s",
    ]
    assert table_of(limit_val_batches=0) == table_of(val_batches=0)


def test_epochs_without_a_validation_leave_its_columns_blank():
    lines = table_of(check_val_every_n_epoch=2, max_epochs=3)
    assert [" ".join(line.split()) for line in lines] == [
        "epoch train loss train accuracy lr seconds",
        "1 1.0000 0.5000 0.1 s",
        "epoch train loss val loss train accuracy val accuracy lr seconds",
        "2 2.0000 0.5000★ 0.5000 0.2500 0.1 s",
        "3 3.0000 0.5000 0.1 s",
    ]
    assert lines[-1] == "     3      3.0000" + " " * 20 + "0.5000" + " " * 21 + "0.1 s"


def test_each_validation_within_an_epoch_gets_a_line_and_the_rest_of_the_epoch_one():
    lines = table_of(Linear(val_losses=[0.4] * 9), val_check_interval=0.3, max_epochs=1)
    assert [line.split()[0] for line in lines] == ["epoch", "0.30", "0.60", "0.90", "1"]
    assert lines[-1].split()[1:] == ["4.0000", "0.5000", "0.1", "s"]
    lines = table_of(Linear(val_losses=[0.4] * 9), val_check_interval=0.5)
    assert [line.split()[0] for line in lines] == ["epoch", "0.50", "1", "1.50", "2"]


def test_no_line_where_nothing_new_is_known_at_the_end_of_an_epoch():
    class Stop(Callback):
        def on_validation_end(self, trainer, pl_module):
            trainer.should_stop = not trainer.sanity_checking

    lines = table_of(val_check_interval=0.3, callbacks=[Stop()])
    assert [line.split()[0] for line in lines] == ["epoch", "0.30"]


def test_counts_steps_where_epochs_have_no_length():
    screen = console()
    trainer = trainer_with(display_on(screen), max_epochs=-1, max_steps=6, val_check_interval=3)
    trainer.fit(Linear(), DataLoader(Endless(), 4), loader(1))
    lines = output(screen)
    assert [line.split()[:3] for line in lines[1:]] == [["step", "3", "1.0000"], ["step", "6", "2.0000"]]
    assert lines[0].startswith("       epoch  train loss")


def test_max_steps_may_end_an_epoch_early():
    lines = table_of(max_epochs=-1, max_steps=14)
    assert [line.split()[0] for line in lines] == ["epoch", "1", "1.40"]


def test_a_model_that_logs_nothing_gets_its_time_shown():
    class Silent(Linear):
        def on_validation_epoch_end(self): ...

        def on_train_epoch_end(self): ...

    lines = table_of(Silent())
    assert lines == [" epoch        lr  seconds", "     1       0.1 s", "     2       0.1 s"]


def test_metrics_of_lightning_s_own_averaging_are_complete():
    class Averaging(LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def training_step(self, batch, batch_idx):
            self.log("train/loss", float(batch_idx), on_step=True, on_epoch=True, logger=False)
            return self.layer(batch[0]).sum()

        def validation_step(self, batch, batch_idx):
            self.log("val/loss", float(batch_idx), logger=False)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    lines = table_of(Averaging(), max_epochs=1)
    assert [line.split() for line in lines] == [
        ["epoch", "train", "loss", "val", "loss", "lr", "seconds"],
        ["1", "4.5000", "0.5000★", "0.1", "s"],
    ]


def test_keeps_to_ascii_where_the_output_does():
    class Ascii(io.StringIO):
        encoding = "ascii"

    for terminal in (False, True):
        screen = console(terminal)
        screen.file = Ascii()
        table_of(Linear(step=lambda *_: time.sleep(0.02)), screen=screen)
        assert screen.file.getvalue().isascii()
        assert "0.9000*" in screen.file.getvalue()


def test_colours_follow_no_color():
    for environ, coloured in ({}, True), ({"NO_COLOR": "1"}, False):
        screen = console(True, _environ=environ)
        table_of(screen=screen)
        assert ("\x1b[1;32m" in screen.file.getvalue()) == coloured
        assert ("\x1b[32m" in screen.file.getvalue() or "36m" in screen.file.getvalue()) == coloured


def test_notebooks_get_plain_lines():
    screen = console(force_jupyter=True)
    assert table_of(screen=screen)[0] == HEADER
