"""Every optimiser of torch.optim, by name: those that can train these networks do, the others say why not."""

import copy
from functools import partial
from unittest import mock

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.optim import LBFGS, Adam, Muon, SparseAdam
from torch.optim.lr_scheduler import StepLR

from dlcore.config.short_names import factory_classes
from dlcore.data.batches import epoch_order
from dlcore.errors import ArgumentError
from dlcore.models import MLP
from dlcore.optim.optimizer_factory import check_optimization

OPTIMIZERS = factory_classes("model.optimizer")
NEEDS_OTHER_PARAMETERS = {"Muon", "SparseAdam"}
LINE_SEARCH = partial(LBFGS, line_search_fn="strong_wolfe", max_iter=5)


def make_model(optimizer, **arguments):
    torch.manual_seed(1)
    return MLP([8], optimizer=optimizer, in_features=4, num_classes=3, **arguments)


def batches(data, epoch):
    train = data.load()["train"]
    return [train.fetch(part) for part in train.indices[epoch_order(len(train), seed=5, epoch=epoch)].split(16)]


def test_torch_has_the_lessons_optimizers():
    lesson = {"SGD", "Adagrad", "Adadelta", "RMSprop", "Adam", "AdamW", "LBFGS"}
    assert lesson | {"Adamax", "NAdam", "RAdam", "Rprop", "ASGD", "Adafactor"} <= set(OPTIMIZERS)


@pytest.mark.outcome
@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - NEEDS_OTHER_PARAMETERS))
def test_trains_and_counts_each_update_once(name, tiny_data, make_trainer, memory_logger):
    trainer = make_trainer(max_epochs=5, logger=memory_logger)
    # L-BFGS takes the curvature from differences of gradients, which batches that differ would make up.
    data = tiny_data(batch_size=103 if name == "LBFGS" else 16)
    lr = 1.0 if name in ("Adadelta", "LBFGS") else 0.02
    trainer.fit(make_model(partial(OPTIMIZERS[name], lr=lr)), datamodule=data)
    assert trainer.global_step == (5 if name == "LBFGS" else 35)
    losses = [loss for _, loss in memory_logger.column("train/loss")]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (Muon, "model.optimizer: expected an optimiser that also trains biases, kernels and scales, which are no"),
        (partial(Muon, lr=0.1), "model.optimizer: expected an optimiser that also trains biases"),
        (SparseAdam, "optimizer: expected an optimiser for gradients that are not sparse, as all of dlcore's are, got"),
        (None, "optimizer: expected an optimiser of torch.optim, by name, got nothing. For example: --model.optimizer"),
        ("Adam", "optimizer: expected an optimiser of torch.optim, by name, got 'Adam'."),
    ],
)  # fmt: skip
def test_one_that_cannot_train_these_networks_says_why(optimizer, message, tiny_data, make_trainer):
    with pytest.raises(ArgumentError) as caught:
        make_trainer().fit(make_model(optimizer), datamodule=tiny_data())
    assert str(caught.value).startswith(message)


# L-BFGS


def lbfgs_loop(model, data, epochs, clip=None):
    network = copy.deepcopy(model.network)
    optimizer = LINE_SEARCH(network.parameters())
    for epoch in range(epochs):
        for inputs, targets in batches(data, epoch):

            def closure(inputs=inputs, targets=targets):
                optimizer.zero_grad()
                loss = cross_entropy(network(inputs), targets)
                loss.backward()
                if clip:
                    torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
                return loss

            optimizer.step(closure)
    return network


@pytest.mark.parametrize("clip", [None, 0.5])
def test_lbfgs_is_a_loop_by_hand(clip, tiny_data, make_trainer):
    model, data = make_model(LINE_SEARCH), tiny_data()
    network = lbfgs_loop(model, data, 2, clip)
    trainer = make_trainer(max_epochs=2, gradient_clip_val=clip)
    trainer.fit(model, datamodule=data)
    for own, expected in zip(model.network.parameters(), network.parameters(), strict=True):
        assert torch.equal(own, expected)
    assert trainer.global_step == 14


def test_lbfgs_counts_a_batch_once_with_its_loss_before_the_step(tiny_data, make_trainer, memory_logger):
    model, data = make_model(LINE_SEARCH), tiny_data()
    inputs, targets = batches(data, 0)[0]
    first = cross_entropy(model.network(inputs), targets).item()
    make_trainer(logger=memory_logger, limit_train_batches=1).fit(model, datamodule=data)
    assert memory_logger.column("train/loss") == [(0, pytest.approx(first, rel=1e-6))]


def test_lbfgs_goes_on_where_it_stopped(tiny_data, make_trainer, tmp_path):
    whole = make_model(LINE_SEARCH)
    make_trainer(max_epochs=2).fit(whole, datamodule=tiny_data())
    trainer = make_trainer(max_epochs=1)
    trainer.fit(make_model(LINE_SEARCH), datamodule=tiny_data())
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    again = make_model(LINE_SEARCH)
    make_trainer(max_epochs=2).fit(again, datamodule=tiny_data(), ckpt_path=tmp_path / "half.ckpt", weights_only=True)
    for own, expected in zip(again.parameters(), whole.parameters(), strict=True):
        assert torch.equal(own, expected)


def test_lbfgs_with_accumulated_gradients_is_refused(tiny_data, make_trainer):
    with pytest.raises(ArgumentError, match=r"^trainer\.accumulate_grad_batches: expected 1 with LBFGS"):
        make_trainer(accumulate_grad_batches=2).fit(make_model(LINE_SEARCH), datamodule=tiny_data())


def test_lbfgs_may_have_a_schedule():
    check_optimization(LBFGS, partial(StepLR, step_size=2))


# Warm-up


def loop(model, data, epochs, schedule=None, warmup=0):
    """By hand: the rate is set before each step to the schedule's times the factor."""
    network, rates, step = copy.deepcopy(model.network), [], 0
    optimizer = Adam(network.parameters(), lr=0.05, fused=True)
    for epoch in range(epochs):
        for inputs, targets in batches(data, epoch):
            rate = 0.05 * (schedule(epoch) if schedule else 1) * (min(1, (step + 1) / warmup) if warmup else 1)
            optimizer.param_groups[0]["lr"] = rate
            rates.append(rate)
            optimizer.zero_grad()
            cross_entropy(network(inputs), targets).backward()
            optimizer.step()
            step += 1
    return network, rates


@pytest.mark.parametrize("warmup", [1, 5, 10, 100])
@pytest.mark.parametrize("lr_scheduler", [None, partial(StepLR, step_size=1, gamma=0.5)])
def test_warm_up_multiplies_what_the_schedule_says(warmup, lr_scheduler, tiny_data, make_trainer, memory_logger):
    model = make_model(partial(Adam, lr=0.05), lr_scheduler=lr_scheduler, warmup_steps=warmup)
    by_hand = (lambda epoch: 0.5**epoch) if lr_scheduler else None
    network, rates = loop(model, tiny_data(), 2, by_hand, warmup)
    trainer = make_trainer(max_epochs=2, logger=memory_logger)
    trainer.fit(model, datamodule=tiny_data())
    assert [rate for _, rate in memory_logger.column("lr")] == pytest.approx(rates)
    for own, expected in zip(model.network.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(own, expected)
    # What others see is the schedule's rate.
    assert trainer.optimizers[0].param_groups[0]["lr"] == 0.05 * (0.25 if lr_scheduler else 1)


def test_warm_up_goes_on_where_it_stopped(tiny_data, make_trainer, memory_logger, tmp_path):
    def fit(logger=None, **settings):
        model = make_model(partial(Adam, lr=0.05), warmup_steps=12)
        path = settings.pop("ckpt_path", None)
        trainer = make_trainer(**({"logger": logger} if logger else {}), **settings)
        trainer.fit(model, datamodule=tiny_data(), ckpt_path=path, weights_only=True)
        return trainer

    fit(max_epochs=1).save_checkpoint(tmp_path / "part.ckpt")
    fit(memory_logger, max_epochs=2, ckpt_path=tmp_path / "part.ckpt")
    assert memory_logger.column("lr") == [(step - 1, pytest.approx(0.05 * min(1, step / 12))) for step in range(8, 15)]


def test_a_negative_warm_up_is_named():
    with pytest.raises(ArgumentError, match=r"^warmup_steps: expected a whole number at least 0, got -1\."):
        make_model(Adam, warmup_steps=-1)


def test_the_line_searches_of_all_processes_go_by_the_mean_of_their_losses(make_trainer):
    model, trainer = make_model(LINE_SEARCH), make_trainer(max_epochs=1)
    reduce = mock.Mock(return_value=torch.tensor(5.0))
    model.trainer = trainer
    with mock.patch.object(type(trainer), "world_size", 2), mock.patch.object(trainer.strategy, "reduce", reduce):
        optimizer = model.configure_optimizers()
        assert optimizer.step(closure=lambda: torch.tensor(1.0, requires_grad=True)) == 5
    assert reduce.call_args == mock.call(torch.tensor(1.0), reduce_op="mean")
