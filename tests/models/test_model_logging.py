"""What is logged is what a calculator would say: exact means over samples, at the right step, once.

A plain logger gets Lightning's numbers of steps: what is logged after the seventh step has step 6.
"""

import copy
from functools import partial

import pytest
import torch
from lightning.pytorch import Callback
from torch.nn.functional import cross_entropy
from torch.optim import SGD
from torch.optim.lr_scheduler import OneCycleLR

from dlcore.data.batches import epoch_order
from dlcore.models import MLP

OPTIMIZER = partial(SGD, lr=0.1, fused=True)
STEPS = 7  # an epoch of 103 samples: six batches of 16, and one of 7


class Calculator:
    """Trains a copy of the network by hand, and writes down each step's loss, hits and samples."""

    def __init__(self, model, data):
        self.network = copy.deepcopy(model.network)
        self.optimizer = OPTIMIZER(self.network.parameters())
        self.train, self.val = (data.load()[name] for name in ("train", "val"))
        self.losses, self.hits, self.sizes, self.validations = [], [], [], []

    def run(self, epochs):
        for epoch in range(epochs):
            order = self.train.indices[epoch_order(len(self.train), seed=5, epoch=epoch)]
            for part in order.split(16):
                inputs, targets = self.train.fetch(part)
                outputs = self.network(inputs)
                loss = cross_entropy(outputs, targets)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                self.losses.append(loss.item())
                self.hits.append((outputs.argmax(1) == targets).sum().item())
                self.sizes.append(len(targets))
                self.validations.append(self.validate())
        return self

    @torch.no_grad()
    def validate(self):
        inputs, targets = self.val.fetch(self.val.indices)
        outputs = self.network(inputs)
        return cross_entropy(outputs, targets).item(), (outputs.argmax(1) == targets).float().mean().item()

    def loss(self, after, until):
        """Mean loss over the samples of the steps after one until another."""
        steps = range(after, until)
        return sum(self.losses[i] * self.sizes[i] for i in steps) / sum(self.sizes[i] for i in steps)

    def accuracy(self, after, until):
        return sum(self.hits[after:until]) / sum(self.sizes[after:until])


@pytest.fixture
def trained(tiny_data, make_trainer, memory_logger):
    """Train for some epochs; give the calculator, and the logger with what was logged."""

    def train(epochs=2, **settings):
        torch.manual_seed(1)
        model, data = MLP([8], optimizer=OPTIMIZER, in_features=4, num_classes=3), tiny_data()
        by_hand = Calculator(model, data).run(epochs)
        trainer = make_trainer(max_epochs=epochs, logger=memory_logger, **settings)
        trainer.fit(model, datamodule=data)
        assert torch.equal(model.network.output.weight, by_hand.network.output.weight)
        return by_hand, memory_logger, trainer

    return train


def assert_training(logger, by_hand, spans):
    """train/loss and train/accuracy are the means over these spans of steps, logged at their ends."""
    for name, mean in (("train/loss", by_hand.loss), ("train/accuracy", by_hand.accuracy)):
        expected = [(until - 1, pytest.approx(mean(after, until), rel=1e-6)) for after, until in spans]
        assert logger.column(name) == expected


def assert_validation(logger, by_hand, steps):
    for name, index in (("val/loss", 0), ("val/accuracy", 1)):
        expected = [(step - 1, pytest.approx(by_hand.validations[step - 1][index], rel=1e-6)) for step in steps]
        assert logger.column(name) == expected


def test_metrics_of_an_epoch_are_exact_over_its_samples(trained):
    by_hand, logger, trainer = trained()
    assert_training(logger, by_hand, [(0, 7), (7, 14)])
    assert_validation(logger, by_hand, [7, 14])
    for name in ("train/loss", "val/loss", "val/accuracy"):
        assert float(trainer.callback_metrics[name]) == pytest.approx(logger.column(name)[-1][1])


def test_metrics_of_training_and_validation_are_one_row(trained):
    _, logger, _ = trained(epochs=1, log_every_n_steps=0)
    assert [(step, set(row)) for step, row in logger.rows] == [
        (6, {"epoch", "train/loss", "train/accuracy", "val/loss", "val/accuracy"})
    ]
    names = [name for name in logger.rows[0][1] if name.startswith("val/")]
    assert names == ["val/loss", "val/accuracy"]  # as the loss comes first wherever they are shown


@pytest.mark.parametrize("every", [1, 3, 5])
def test_loss_of_an_interval_is_the_mean_since_the_last_time_across_epochs(every, trained):
    by_hand, logger, trainer = trained(epochs=3, log_every_n_steps=every)
    steps = range(every, 3 * STEPS + 1, every)
    expected = [(step - 1, pytest.approx(by_hand.loss(step - every, step), rel=1e-6)) for step in steps]
    assert logger.column("train/loss_step") == expected
    assert logger.column("lr") == [(step - 1, pytest.approx(0.1)) for step in steps]
    assert trainer.callback_metrics["train/loss_step"] == logger.column("train/loss_step")[-1][1]


@pytest.mark.filterwarnings("ignore:The number of training batches .* is smaller than the logging interval")
def test_epochs_before_the_first_interval_has_ended_have_a_point_of_the_rate(trained):
    _, logger, _ = trained(epochs=3, log_every_n_steps=15)
    rate = pytest.approx(0.1)
    assert logger.column("lr") == [(6, rate), (13, rate), (14, rate)]


@pytest.mark.filterwarnings("ignore:The number of training batches .* is smaller than the logging interval")
def test_that_point_is_the_rate_of_the_step_that_was_taken(tiny_data, make_trainer, memory_logger):
    schedule = partial(OneCycleLR, max_lr=0.1, cycle_momentum=False)
    model = MLP([8], optimizer=OPTIMIZER, lr_scheduler=schedule, in_features=4, num_classes=3)
    make_trainer(max_epochs=1, logger=memory_logger, log_every_n_steps=15).fit(model, datamodule=tiny_data())
    assert memory_logger.column("lr") == [(6, pytest.approx(0.1 / 25 / 10_000))]


def test_log_every_0_steps_logs_no_interval(trained):
    _, logger, _ = trained(epochs=1, log_every_n_steps=0)
    assert logger.column("train/loss_step") == []
    assert len(logger.column("train/loss")) == 1


def test_validation_within_an_epoch_closes_a_part_of_the_training(trained):
    by_hand, logger, _ = trained(epochs=2, val_check_interval=0.5)
    # Seven batches: validation after the third and the sixth; the seventh belongs to the next part.
    assert_training(logger, by_hand, [(0, 3), (3, 6), (6, 10), (10, 13)])
    assert_validation(logger, by_hand, [3, 6, 10, 13])


def test_an_epoch_without_validation_logs_its_training(trained):
    by_hand, logger, _ = trained(epochs=3, check_val_every_n_epoch=2)
    assert_training(logger, by_hand, [(0, 7), (7, 14), (14, 21)])
    assert_validation(logger, by_hand, [14])


def test_a_run_without_validation_logs_its_training(trained):
    by_hand, logger, _ = trained(epochs=2, limit_val_batches=0)
    assert_training(logger, by_hand, [(0, 7), (7, 14)])
    assert_validation(logger, by_hand, [])


def test_validation_by_steps_alone(trained):
    # Every ten batches whatever the epoch: the first epoch has none, and so logs its training at its end.
    by_hand, logger, _ = trained(epochs=3, val_check_interval=10, check_val_every_n_epoch=None)
    assert_training(logger, by_hand, [(0, 7), (7, 10), (10, 20)])
    assert_validation(logger, by_hand, [10, 20])


def test_nothing_is_logged_before_the_training(trained):
    class Look(Callback):
        def on_train_start(self, trainer, pl_module):
            self.rows, self.metrics = list(trainer.logger.rows), dict(trainer.callback_metrics)

    look = Look()
    trained(epochs=1, callbacks=[look], num_sanity_val_steps=2)
    assert look.rows == []
    assert look.metrics == {}


def test_a_test_is_thorough(tiny_data, make_trainer, memory_logger):
    torch.manual_seed(1)
    model, data = MLP([8], in_features=4, num_classes=3), tiny_data()
    [metrics] = make_trainer(logger=memory_logger).test(model, data, verbose=False)
    part = data.load()["test"]
    inputs, targets = part.fetch(part.indices)
    with torch.no_grad():
        outputs = model(inputs)
    assert set(metrics) == {"test/loss", "test/accuracy", "test/f1"}
    assert metrics["test/loss"] == pytest.approx(cross_entropy(outputs, targets).item(), rel=1e-6)
    assert metrics["test/accuracy"] == pytest.approx((outputs.argmax(1) == targets).float().mean().item())
    [(_, logged)] = memory_logger.rows
    assert logged["test/f1"] == pytest.approx(metrics["test/f1"])


def test_validating_alone_logs_no_training(tiny_data, make_trainer):
    model = MLP([8], in_features=4, num_classes=3)
    [metrics] = make_trainer().validate(model, tiny_data(), verbose=False)
    assert set(metrics) == {"val/loss", "val/accuracy"}


def test_predictions_are_probabilities_in_the_order_of_the_set(tiny_data, make_trainer):
    model, data = MLP([8], in_features=4, num_classes=3), tiny_data()
    answers = torch.cat(make_trainer().predict(model, data))
    part = data.load()["test"]
    with torch.no_grad():
        expected = model(part.fetch(part.indices)[0]).softmax(dim=1)
    assert torch.allclose(answers, expected)
    assert torch.allclose(answers.sum(dim=1), torch.ones(47))


def test_numbers_of_a_regression_are_logged(tiny_data, make_trainer, memory_logger):
    data = tiny_data("regression")
    model = MLP([8], task="regression", **data.facts())
    make_trainer(logger=memory_logger).fit(model, datamodule=data)
    row = memory_logger.rows[-1][1]
    kinds = ("loss", "mae", "rmse", "r2")
    assert set(row) == {"epoch", *(f"{part}/{kind}" for part in ("train", "val") for kind in kinds)}
    assert row["val/rmse"] == pytest.approx(row["val/loss"] ** 0.5)


def test_weights_of_a_checkpoint_bring_nothing_of_its_epoch_along(tiny_data, make_trainer, memory_logger, tmp_path):
    model = MLP([8], optimizer=OPTIMIZER, in_features=4, num_classes=3)
    trainer = make_trainer(max_steps=3, max_epochs=-1)
    trainer.fit(model, datamodule=tiny_data())
    trainer.save_checkpoint(tmp_path / "third_step.ckpt")

    again = MLP.load_from_checkpoint(tmp_path / "third_step.ckpt", weights_only=True, optimizer=OPTIMIZER)
    random_state = torch.get_rng_state()
    by_hand = Calculator(again, tiny_data()).run(1)
    make_trainer(logger=memory_logger).fit(again, datamodule=tiny_data())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert_training(memory_logger, by_hand, [(0, 7)])
