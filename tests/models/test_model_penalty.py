"""A penalty pulls at the weights and is logged apart: the losses of training and validation stay comparable."""

import copy
from functools import partial

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from dlcore.data.batches import epoch_order
from dlcore.errors import ArgumentError
from dlcore.models import MLP

OPTIMIZER = partial(SGD, lr=0.1, fused=True)


def make_model(**arguments):
    torch.manual_seed(1)
    return MLP([8], optimizer=OPTIMIZER, in_features=4, num_classes=3, **arguments)


def textbook(parameters):
    """The textbook's code: 0.0001 times the sum of 1-norms and 0.01 times the sum of 2-norms."""
    parameters = list(parameters)
    return 0.0001 * sum(p.norm(1) for p in parameters) + 0.01 * sum(p.norm(2) for p in parameters)


def loop(model, data, epochs, group=1):
    network, losses, penalties = copy.deepcopy(model.network), [], []
    optimizer = OPTIMIZER(network.parameters())
    train = data.load()["train"]
    for epoch in range(epochs):
        cut = [train.fetch(part) for part in train.indices[epoch_order(len(train), seed=5, epoch=epoch)].split(16)]
        for start in range(0, len(cut), group):
            optimizer.zero_grad()
            together = cut[start : start + group]
            parts = [cross_entropy(network(inputs), targets) for inputs, targets in together]
            penalty = textbook(network.parameters())
            # The epoch's last group is smaller and divided by as many all the same, with its share of the penalty.
            (sum(part + penalty for part in parts) / group).backward()
            losses += [part.item() for part in parts]
            penalties.append(penalty.item())
            optimizer.step()
    return network, losses, penalties


@pytest.mark.parametrize("group", [1, 3])
def test_weights_are_those_of_the_textbooks_loop(group, tiny_data, make_trainer, memory_logger):
    model = make_model(l1=0.0001, l2=0.01, l2_form="norms")
    network, losses, penalties = loop(model, tiny_data(), 2, group)
    trainer = make_trainer(max_epochs=2, logger=memory_logger, accumulate_grad_batches=group)
    trainer.fit(model, datamodule=tiny_data())
    for own, expected in zip(model.network.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(own, expected)
    steps = len(penalties)
    assert memory_logger.column("train/penalty_step") == [
        (step, pytest.approx(value, rel=1e-5)) for step, value in enumerate(penalties)
    ]
    assert memory_logger.column("train/penalty") == [
        (step - 1, pytest.approx(penalties[step - 1], rel=1e-5)) for step in (steps // 2, steps)
    ]
    if group == 1:  # the losses are the task's alone
        logged = [loss for _, loss in memory_logger.column("train/loss_step")]
        assert logged == pytest.approx(losses, rel=1e-5)


@pytest.mark.outcome
def test_a_penalty_makes_weights_smaller_and_is_none_of_validation(tiny_data, make_trainer, memory_logger):
    with_penalty, without = make_model(l2=0.1), make_model()
    make_trainer(max_epochs=5, logger=memory_logger).fit(with_penalty, datamodule=tiny_data())
    make_trainer(max_epochs=5).fit(without, datamodule=tiny_data())
    norms = [model.network.linear_1.weight.norm().item() for model in (with_penalty, without)]
    assert norms[0] < 0.7 * norms[1]
    part = tiny_data().load()["val"]
    inputs, targets = part.fetch(part.indices)
    with torch.no_grad():
        expected = cross_entropy(with_penalty(inputs), targets).item()
    assert memory_logger.column("val/loss")[-1][1] == pytest.approx(expected, rel=1e-5)


def test_only_the_chosen_parameters_are_pulled(tiny_data, make_trainer):
    penalised, free = make_model(l2=0.05, penalized="*.output.weight"), make_model()
    for model in (penalised, free):
        make_trainer(max_steps=1, max_epochs=-1).fit(model, datamodule=tiny_data())
    same = {
        name: torch.equal(one, other)
        for (name, one), other in zip(penalised.named_parameters(), free.parameters(), strict=True)
    }
    assert [name for name, equal in same.items() if not equal] == ["network.output.weight"]


def test_a_choice_that_fits_nothing_is_named_before_the_first_step(tiny_data, make_trainer):
    with pytest.raises(
        ArgumentError, match=r"^model\.penalized: expected all, weights, or a pattern .*, got 'conv\*'\."
    ):
        make_trainer().fit(make_model(l1=1.0, penalized="conv*"), datamodule=tiny_data())


def test_without_a_penalty_none_is_logged(tiny_data, make_trainer, memory_logger):
    make_trainer(logger=memory_logger).fit(make_model(), datamodule=tiny_data())
    assert not any("penalty" in name for _, row in memory_logger.rows for name in row)


def test_class_weights_make_the_logged_loss_the_weighted_mean(tiny_data, make_trainer, memory_logger):
    weights = [1.0, 0.1, 7.0]
    model, data = make_model(class_weights=weights), tiny_data()
    model.optimizer_factory = partial(SGD, lr=0.0)
    make_trainer(logger=memory_logger, log_every_n_steps=3).fit(model, datamodule=data)
    for name, part in (("train/loss", "train"), ("val/loss", "val")):
        inputs, targets = data.load()[part].fetch(data.load()[part].indices)
        with torch.no_grad():
            expected = cross_entropy(model(inputs), targets, torch.tensor(weights)).item()
        assert memory_logger.column(name)[-1][1] == pytest.approx(expected, rel=1e-5)
    train = data.load()["train"]
    inputs, targets = train.fetch(train.indices[epoch_order(len(train), seed=5, epoch=0)][48:96])
    with torch.no_grad():
        expected = cross_entropy(model(inputs), targets, torch.tensor(weights)).item()
    assert memory_logger.column("train/loss_step")[1] == (5, pytest.approx(expected, rel=1e-5))


def test_yes_or_no_is_validated_and_tested_with_auroc(tiny_data, make_trainer, memory_logger):
    data = tiny_data("binary")
    model = MLP([8], task="binary", **data.facts())
    trainer = make_trainer(logger=memory_logger)
    trainer.fit(model, datamodule=data)
    row = memory_logger.rows[-1][1]
    assert {name for name in row if name.endswith("auroc")} == {"val/auroc"}
    [metrics] = trainer.test(model, data, verbose=False)
    assert set(metrics) == {"test/loss", "test/accuracy", "test/f1", "test/auroc"}


def test_a_pattern_that_fits_nothing_is_refused_without_a_factor_too(tiny_data, make_trainer):
    with pytest.raises(ArgumentError, match=r"^model\.penalized: "):
        make_trainer().fit(make_model(penalized="conv*"), datamodule=tiny_data())
