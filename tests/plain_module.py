"""Somebody else's LightningModule: automatic optimisation, names of its own, values given beforehand."""

import torch
from lightning.pytorch import LightningModule
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import BinaryAccuracy


class PlainModule(LightningModule):
    """Says what it was told to say, each epoch's in its turn; steps a weight by the rate.

    Args:
        values: ``val_loss`` of each epoch (``val_acc`` is the same), ``train_loss`` likewise.
        schedule: Makes a schedule from the optimiser.
        late: Whether ``late_score`` is logged at the end of an epoch, by the module's own hook.
    """

    def __init__(self, values, schedule=None, late=False):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.grade = BinaryAccuracy()
        self.values, self.schedule, self.late, self.rates = values, schedule, late, []

    def training_step(self, batch, batch_idx):
        self.rates.append(self.optimizers().param_groups[0]["lr"])
        self.log("train_loss", torch.tensor(self.values[self.current_epoch]), on_step=True, on_epoch=True)
        return self.weight.sum() + 0 * batch[0].sum()

    def validation_step(self, batch, batch_idx):
        value = self.values[self.current_epoch]
        self.log_dict({"val_loss": value, "val_acc": value, "val/odd": value})
        self.grade.update(torch.tensor([1.0, 0.0]), torch.tensor([1, int(value > 0.5)]))
        self.log("val_grade", self.grade)
        self.log("val/apart", value + self.global_rank)

    def on_validation_epoch_end(self):
        if not self.trainer.sanity_checking:
            self.log("val_guarded_loss", torch.tensor(self.values[self.current_epoch]))

    def on_train_epoch_end(self):
        if self.late:
            self.log("late_accuracy", torch.tensor(self.values[self.current_epoch]))

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        return optimizer if self.schedule is None else ([optimizer], [self.schedule(optimizer)])


def loaders():
    """Training and validation: two batches each."""
    data = TensorDataset(torch.zeros(4, 1))
    return DataLoader(data, batch_size=2), DataLoader(data, batch_size=2)
