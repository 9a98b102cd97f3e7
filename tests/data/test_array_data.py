from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from dlcore.data.array_data import ArrayData, Split
from dlcore.data.batches import epoch_order
from dlcore.errors import ArgumentError

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),  # Lightning 2.6 with torch 2.15
    pytest.mark.filterwarnings("ignore:.*does not have many workers.*"),  # needs none
]


class Numbers(ArrayData):
    """Samples are bytes, 0 to 99; the first 50 train, 20 validate, 30 test. Targets are the same numbers."""

    def __init__(self, batch_size: int = 8, eval_batch_size: int = 16, drop_last: bool = False) -> None:
        super().__init__(batch_size, eval_batch_size, drop_last)
        self.loads = 0

    def load(self) -> dict[str, Split]:
        self.loads += 1
        everything = torch.arange(100)
        train, val, test = everything.split([50, 20, 30])
        inputs = everything.to(torch.uint8)[:, None]
        return {
            name: Split(inputs, everything, part) for name, part in (("train", train), ("val", val), ("test", test))
        }

    def transform(self, inputs: Tensor) -> Tensor:
        return inputs.float() / 100

    def facts(self) -> dict[str, Any]:
        return {"in_features": 1}


class Recorder(LightningModule):
    """Keeps the targets of each batch, and what its inputs were like."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.trained: list[list[int]] = []
        self.validated: list[int] = []
        self.dtypes: set[torch.dtype] = set()

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        inputs, targets = batch
        torch.testing.assert_close(inputs.double().flatten(), targets / 100.0, atol=0.01, rtol=0, check_dtype=False)
        self.trained.append(targets.tolist())
        self.dtypes.add(inputs.dtype)
        return self.layer(inputs).mean()

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self.layer(batch[0])
        self.validated += batch[1].tolist()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def _trainer(**settings: Any) -> Trainer:
    settings = {"max_epochs": 3, "num_sanity_val_steps": 0, "accelerator": "cpu", "logger": False} | settings
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    return Trainer(**settings, **quiet)


def _seeded(seed: int, **arguments: Any) -> Numbers:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Numbers(**arguments)


def test_a_fit_visits_each_sample_once_an_epoch_in_the_order_of_seed_and_epoch():
    model = Recorder()
    _trainer().fit(model, datamodule=_seeded(5))
    assert [len(batch) for batch in model.trained] == [8, 8, 8, 8, 8, 8, 2] * 3
    visited = [sample for batch in model.trained for sample in batch]
    for epoch in range(3):
        assert visited[50 * epoch : 50 * (epoch + 1)] == epoch_order(50, 5, epoch).tolist()
    assert model.validated == list(range(50, 70)) * 3


class SaveAt(Callback):
    """Saves when a batch has been trained on, as a run that is interrupted does."""

    def __init__(self, step: int, path: Path) -> None:
        self.step, self.path = step, path

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)


# In the middle of the first epoch, at its end, at the begin of the second, within it, before the very last batch.
@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended")
@pytest.mark.parametrize("step", [1, 3, 7, 8, 10, 13, 14, 20])
def test_a_resumed_fit_goes_on_with_the_very_next_batch(tmp_path, step):
    whole, path = Recorder(), tmp_path / "kept.ckpt"
    _trainer(callbacks=[SaveAt(step, path)]).fit(whole, datamodule=_seeded(5))
    resumed = Recorder()
    # Another seed in the new process: the order is that of the run that goes on.
    _trainer().fit(resumed, datamodule=_seeded(6), ckpt_path=path, weights_only=True)
    assert len(whole.trained) == 21
    assert resumed.trained == whole.trained[step:]


@pytest.mark.parametrize(
    ("precision", "dtype"), [("32-true", torch.float32), ("bf16-true", torch.bfloat16), ("64-true", torch.float64)]
)
def test_batches_have_the_precision_of_the_weights(precision, dtype):
    model = Recorder()
    _trainer(max_epochs=1, precision=precision).fit(model, datamodule=Numbers())
    assert model.dtypes == {dtype}


def test_the_seed_of_the_run_decides_the_order():
    orders = []
    for seed in (1, 1, 2):
        data = _seeded(seed)
        data.setup()
        orders.append([targets.tolist() for _, targets in data.train_dataloader()])
    assert orders[0] == orders[1] != orders[2]


def test_evaluation_visits_its_samples_in_order():
    data = Numbers()
    data.setup()
    for loader, expected in (
        (data.val_dataloader(), range(50, 70)),
        (data.test_dataloader(), range(70, 100)),
        (data.predict_dataloader(), range(70, 100)),
    ):
        batches = [targets for _, targets in loader]
        assert torch.cat(batches).tolist() == list(expected)
        assert {len(batch) for batch in batches[:-1]} == {16}


def test_batches_come_as_stored_and_are_transformed_where_they_are_used():
    data = Numbers()
    data.setup()
    inputs, targets = next(iter(data.train_dataloader()))
    assert (inputs.shape, inputs.dtype) == ((8, 1), torch.uint8)
    transformed, same = data.on_after_batch_transfer((inputs, targets), 0)
    assert transformed.dtype == torch.float32
    assert torch.equal(transformed.flatten(), targets / 100)
    assert same is targets


def test_data_are_read_once():
    data = Numbers()
    data.setup("fit")
    data.setup("test")
    _trainer(max_epochs=1).fit(Recorder(), datamodule=data)
    assert data.loads == 1


def test_leaves_out_a_smaller_last_batch_when_asked():
    model = Recorder()
    _trainer(max_epochs=1).fit(model, datamodule=Numbers(drop_last=True))
    assert [len(batch) for batch in model.trained] == [8] * 6
    assert len(model.validated) == 20  # an evaluation leaves out nothing


def test_a_batch_larger_than_the_set_is_refused_with_drop_last():
    data = Numbers(batch_size=51, drop_last=True)
    data.setup()
    with pytest.raises(ArgumentError) as caught:
        data.train_dataloader()
    assert str(caught.value) == (
        "batch_size: expected at most 50 with drop_last (50 training samples, processes: 1), got 51."
    )
    data = Numbers(batch_size=51)
    data.setup()
    assert [len(targets) for _, targets in data.train_dataloader()] == [50]


def test_the_batches_of_all_processes_together_must_fit_with_drop_last():
    class OfThree:
        overfit_batches = 0.0
        world_size, global_rank = 3, 1
        strategy = SimpleNamespace(root_device=torch.device("cpu"))

    data = Numbers(batch_size=17, drop_last=True)
    data.setup()
    data.trainer = OfThree()
    with pytest.raises(ArgumentError, match="at most 16 with drop_last"):
        data.train_dataloader()
    data.batch_size = 16
    assert len(data.train_dataloader()) == 1


@pytest.mark.parametrize("argument", ["batch_size", "eval_batch_size"])
@pytest.mark.parametrize("value", [0, -1])
def test_refuses_batches_without_samples(argument, value):
    with pytest.raises(ArgumentError, match=f"^{argument}: expected a whole number at least 1, got {value}"):
        Numbers(**{argument: value})
