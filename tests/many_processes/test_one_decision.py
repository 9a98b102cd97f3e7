"""Two processes whose metrics differ decide as one: when to stop, when to cut, what is the best."""

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import CSVLogger
from plain_module import PlainModule, loaders

from dlcore.callbacks import Checkpoint, EarlyStopping, ReduceLROnPlateau

pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning")]


class Reports(Callback):
    """Writes down how each process has ended."""

    def __init__(self, folder):
        self.folder = folder

    def on_train_end(self, trainer, pl_module):
        said = {type(each).__name__: each.state_dict() for each in trainer.callbacks if hasattr(each, "monitor")}
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        torch.save((trainer.current_epoch, rate, said), self.folder / f"rank_{trainer.global_rank}")


class Apart(PlainModule):
    """Each process logs its own values, without saying that they are to be averaged."""

    def __init__(self, of_ranks, only=None):
        super().__init__(of_ranks[0])
        self.of_ranks, self.only = of_ranks, only

    def validation_step(self, batch, batch_idx):
        if self.only in (None, self.global_rank):
            self.log("val_loss", self.of_ranks[self.global_rank][self.current_epoch])

    def on_validation_epoch_end(self):
        pass


@pytest.mark.parametrize(
    ("of_ranks", "only", "epochs", "rate", "best"),
    [
        # Means: 0.5, 0.4, 0.5, 0.5, …: alone, the first would stop after 3 and the second never.
        ([[0.5, 0.6, 0.9, 1.0, 1.1, 1.2], [0.5, 0.2, 0.1, 0.0, -0.1, -0.2]], None, 4, 0.025, 0.4),
        ([[0.5, 0.4, 0.5, 0.5, 0.5, 0.5], [0.0] * 6], 0, 4, 0.025, 0.4),  # only one process logs
    ],
)
def test_all_stop_and_cut_at_once(of_ranks, only, epochs, rate, best, tmp_path, capfd):
    trainer = Trainer(
        accelerator="cpu", devices=2, strategy="ddp_fork", max_epochs=6, logger=CSVLogger(tmp_path),
        enable_progress_bar=False, enable_model_summary=False, log_every_n_steps=1,
        callbacks=[EarlyStopping("val_loss", patience=2), ReduceLROnPlateau("val_loss", patience=0),
                   Checkpoint("val_loss"), Reports(tmp_path)],
    )  # fmt: skip
    trainer.fit(Apart(of_ranks, only), *loaders())
    ends = [torch.load(tmp_path / f"rank_{rank}", weights_only=True) for rank in range(2)]
    assert ends[0] == ends[1]
    assert ends[0][:2] == (epochs, rate)
    assert ends[0][2]["Checkpoint"]["best"] == pytest.approx(best)
    assert trainer.checkpoint_callback.best_model_path.endswith("best.ckpt")
    assert ("val_loss differs between the processes; their mean counts" in capfd.readouterr().out) is (only is None)
