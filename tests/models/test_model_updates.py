"""Weights after training are those of a loop written by hand, bit for bit."""

import copy
import math
from functools import partial

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR, StepLR

from dlcore.data.batches import epoch_order
from dlcore.errors import ArgumentError
from dlcore.models import MLP

FUSED_ADAM = partial(Adam, lr=0.01, fused=True)
MOMENTUM = partial(SGD, lr=0.1, momentum=0.9, fused=True)


def make_model(optimizer=MOMENTUM, lr_scheduler=None):
    torch.manual_seed(1)
    return MLP([8], optimizer=optimizer, lr_scheduler=lr_scheduler, in_features=4, num_classes=3)


def batches(data, epoch):
    """An epoch's batches by hand: the order of (seed, epoch), cut every 16 samples; the last one has 7."""
    train = data.load()["train"]
    order = train.indices[epoch_order(len(train), seed=5, epoch=epoch)]
    return [(train.inputs[part], train.targets[part]) for part in order.split(16)]


def loop(model, data, epochs, optimizer, group=1, clip=None, schedule=None, per_batch=False):
    """Train a copy of the model's network by hand; gives the network and the rate of each step."""
    network = copy.deepcopy(model.network)
    optimizer = optimizer(network.parameters())
    schedule = schedule and schedule(optimizer)
    rates = []
    for epoch in range(epochs):
        cut = batches(data, epoch)
        for start in range(0, len(cut), group):
            optimizer.zero_grad()
            for inputs, targets in cut[start : start + group]:
                # The epoch's last group, which is smaller, is divided by as many all the same.
                (cross_entropy(network(inputs), targets) / group).backward()
            if clip:
                clip(list(network.parameters()))
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if schedule and per_batch:
                schedule.step()
        if schedule and not per_batch:
            schedule.step()
    return network, rates


def assert_equal(model, network):
    for (name, own), expected in zip(model.network.named_parameters(), network.parameters(), strict=True):
        assert torch.equal(own, expected), name


@pytest.mark.parametrize("optimizer", [FUSED_ADAM, MOMENTUM, partial(SGD, lr=0.1, foreach=True)])
def test_weights_are_those_of_a_loop_by_hand(optimizer, tiny_data, make_trainer):
    model, data = make_model(optimizer), tiny_data()
    network, _ = loop(model, data, 2, optimizer)
    trainer = make_trainer(max_epochs=2)
    trainer.fit(model, datamodule=data)
    assert_equal(model, network)
    assert trainer.global_step == 14  # 103 samples in batches of 16: seven steps an epoch


def test_a_batch_is_one_step_along_the_gradient_of_its_loss(tiny_data, make_trainer):
    model, data = make_model(), tiny_data()
    own, seen = model.training_step, []

    def training_step(batch, batch_idx):
        loss = own(batch, batch_idx)
        seen.append((model.trainer.global_step, copy.deepcopy(model.network), batch, loss.detach()))
        return loss

    model.training_step = training_step
    make_trainer().fit(model, datamodule=data)
    assert [step for step, *_ in seen] == list(range(7))
    _, network, (inputs, targets), loss = seen[0]
    optimizer = MOMENTUM(network.parameters())
    by_hand = cross_entropy(network(inputs), targets)
    assert torch.equal(loss, by_hand)
    network.zero_grad()
    by_hand.backward()
    optimizer.step()
    for own_weight, expected in zip(seen[1][1].parameters(), network.parameters(), strict=True):
        assert torch.equal(own_weight, expected)


@pytest.mark.parametrize(("group", "steps"), [(3, 3), (2, 4), (7, 1), (9, 1)])
def test_accumulated_gradients_are_lightnings(group, steps, tiny_data, make_trainer):
    model, data = make_model(), tiny_data()
    network, _ = loop(model, data, 2, MOMENTUM, group=group)
    trainer = make_trainer(max_epochs=2, accumulate_grad_batches=group)
    trainer.fit(model, datamodule=data)
    assert_equal(model, network)
    assert trainer.global_step == 2 * steps


def test_accumulation_in_an_epoch_that_is_cut_short(tiny_data, make_trainer):
    model, data = make_model(), tiny_data()
    network = copy.deepcopy(model.network)
    optimizer, by_hand = MOMENTUM(network.parameters()), batches(data, 0)[:4]
    for together in (by_hand[:3], by_hand[3:]):
        optimizer.zero_grad()
        for inputs, targets in together:
            (cross_entropy(network(inputs), targets) / 3).backward()
        optimizer.step()
    make_trainer(limit_train_batches=4, accumulate_grad_batches=3).fit(model, datamodule=data)
    assert_equal(model, network)


@pytest.mark.parametrize(
    ("algorithm", "clip"),
    [
        ("norm", lambda parameters: torch.nn.utils.clip_grad_norm_(parameters, 0.05)),
        ("value", lambda parameters: torch.nn.utils.clip_grad_value_(parameters, 0.05)),
    ],
)
def test_clipping_is_torchs(algorithm, clip, tiny_data, make_trainer):
    model, data = make_model(), tiny_data()
    network, _ = loop(model, data, 2, MOMENTUM, group=2, clip=clip)
    unclipped, _ = loop(model, data, 2, MOMENTUM, group=2)
    assert not torch.equal(network.output.weight, unclipped.output.weight)
    clipping = {"gradient_clip_val": 0.05, "gradient_clip_algorithm": algorithm}
    make_trainer(max_epochs=2, accumulate_grad_batches=2, **clipping).fit(model, datamodule=data)
    assert_equal(model, network)


@pytest.mark.parametrize("bound", [-1.0, math.nan])
def test_an_impossible_bound_on_gradients_is_named_before_the_first_step(bound, tiny_data, make_trainer):
    trainer = make_trainer(gradient_clip_val=bound)
    with pytest.raises(ArgumentError) as caught:
        trainer.fit(make_model(), datamodule=tiny_data())
    assert caught.value.argument == "trainer.gradient_clip_val"
    assert trainer.global_step == 0


@pytest.mark.parametrize(
    ("schedule", "per_batch"),
    [
        (partial(StepLR, step_size=2, gamma=0.5), False),
        (partial(CosineAnnealingLR, T_max=4), False),
        (partial(OneCycleLR, max_lr=0.2, total_steps=28), True),
    ],
    ids=["StepLR", "CosineAnnealingLR", "OneCycleLR"],
)
@pytest.mark.parametrize("group", [1, 2])
def test_rates_of_a_schedule_are_torchs(schedule, per_batch, group, tiny_data, make_trainer, memory_logger):
    model, data = make_model(lr_scheduler=schedule), tiny_data()
    network, rates = loop(model, data, 4, MOMENTUM, group=group, schedule=schedule, per_batch=per_batch)
    trainer = make_trainer(max_epochs=4, logger=memory_logger, accumulate_grad_batches=group)
    trainer.fit(model, datamodule=data)
    assert memory_logger.column("lr") == [(step, pytest.approx(rate)) for step, rate in enumerate(rates)]
    assert len(set(rates)) > 1
    assert_equal(model, network)


def test_a_schedule_shorter_than_the_training_is_named(tiny_data, make_trainer):
    model = make_model(lr_scheduler=partial(OneCycleLR, max_lr=0.2, total_steps=10))
    with pytest.raises(
        ArgumentError, match=r"^model\.lr_scheduler\.total_steps: expected at least the 14 steps of the run, got 10"
    ):
        make_trainer(max_epochs=2).fit(model, datamodule=tiny_data())


def test_gradients_of_the_last_step_are_there_at_validation_and_epoch_end(tiny_data, make_trainer):
    model, seen = make_model(), []
    model.on_validation_start = lambda: seen.append(model.network.output.weight.grad.norm().item())
    model.on_train_epoch_end = lambda: seen.append(model.network.output.weight.grad.norm().item())
    make_trainer(num_sanity_val_steps=0).fit(model, datamodule=tiny_data())
    assert seen[0] == seen[1] > 0
