"""FineTuning: what is frozen stays bit for bit, rates by depth, and runs that are resumed across an unfreezing."""

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, seed_everything
from lightning.pytorch.callbacks import Checkpoint
from torch import nn
from torch.optim import LBFGS, SGD, Adam
from torch.optim.lr_scheduler import CosineAnnealingLR, CyclicLR, LambdaLR, OneCycleLR, SequentialLR
from torch.utils.data import DataLoader, TensorDataset

from dlcore.callbacks import ExactResume, FineTuning, ReduceLROnPlateau, StepsPerExecution, WeightAveraging
from dlcore.errors import ArgumentError
from dlcore.optim import PiecewiseConstantLR

EPOCHS = 4


def layer(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.Tanh())


class Plain(LightningModule):
    """A module that knows nothing of dlcore, with a backbone of three layers."""

    def __init__(self, optimizer=Adam, schedule=None, interval="epoch", whole=True):
        super().__init__()
        self.backbone = nn.Sequential(layer(6, 8), layer(8, 8), layer(8, 8))
        self.output = nn.Linear(8, 3)
        self.make_optimizer, self.make_schedule, self.interval, self.whole = optimizer, schedule, interval, whole

    def training_step(self, batch, batch_idx):
        loss = nn.functional.cross_entropy(self.output(self.backbone(batch[0])), batch[1])
        self.log("train/loss", loss, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val/loss", nn.functional.cross_entropy(self.output(self.backbone(batch[0])), batch[1]))

    def configure_optimizers(self):
        optimizer = self.make_optimizer((self if self.whole else self.output).parameters(), lr=0.01)
        if self.make_schedule is None:
            return optimizer
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": self.make_schedule(optimizer), "interval": self.interval},
        }


def loader(shuffle=True):
    numbers = torch.Generator().manual_seed(1)
    inputs = torch.randn(40, 6, generator=numbers)
    return DataLoader(TensorDataset(inputs, inputs[:, :3].argmax(1)), 8, shuffle=shuffle)


class Watch(Callback):
    """Keeps weights, statistics, rates and what learns, at each epoch's end."""

    def __init__(self):
        self.weights, self.rates, self.learns, self.modes = [], [], [], []

    def on_train_epoch_end(self, trainer, pl_module):
        self.weights.append({name: value.clone() for name, value in pl_module.state_dict().items()})
        self.rates.append([group["lr"] for group in trainer.optimizers[0].param_groups])
        self.learns.append({name for name, each in pl_module.named_parameters() if each.requires_grad})

    def on_train_batch_end(self, trainer, pl_module, *args):
        self.modes.append({name for name, each in pl_module.named_modules() if each.training})


def trained(make_trainer, *callbacks, module=None, checkpoint=None, seed=0, epochs=EPOCHS, **settings):
    module = module or Plain()
    seed_everything(7, verbose=False)
    for part in module.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    seed_everything(seed, verbose=False)
    watch = Watch()
    keeps = any(isinstance(each, Checkpoint) for each in callbacks)
    trainer = make_trainer(
        max_epochs=epochs, callbacks=[*callbacks, watch], enable_checkpointing=keeps, log_every_n_steps=3, **settings
    )
    trainer.fit(module, loader(), loader(False), ckpt_path=checkpoint, weights_only=True)
    return watch, trainer


def same(first, second, names):
    return all(torch.equal(first[name], second[name]) for name in names)


# What is frozen


def test_a_frozen_backbone_stays_bit_for_bit_with_its_statistics(make_trainer):
    watch, _ = trained(make_trainer, FineTuning(freeze_epochs=2))
    backbone = [name for name in watch.weights[0] if name.startswith("backbone.")]
    seed_everything(7, verbose=False)
    first = Plain().state_dict()
    assert any("running_mean" in name for name in backbone)
    assert same(watch.weights[0], watch.weights[1], backbone)
    assert torch.equal(watch.weights[1]["backbone.0.1.running_mean"], first["backbone.0.1.running_mean"])
    assert not torch.equal(watch.weights[0]["output.weight"], watch.weights[1]["output.weight"])
    assert not any(torch.equal(watch.weights[2][name], watch.weights[1][name]) for name in backbone)
    assert all("backbone.0.1" not in names for names in watch.modes[:10])
    assert all("backbone.0.1" in names for names in watch.modes[10:])


def test_layers_come_free_from_the_head_down(make_trainer, capsys):
    watch, _ = trained(make_trainer, FineTuning(freeze_epochs=1, layers_per_epoch=1))
    learning = [sorted({name.rpartition(".")[0] for name in names}) for names in watch.learns]
    assert learning[0] == ["output"]
    assert learning[1] == ["backbone.2.0", "backbone.2.1", "output"]
    assert learning[2] == ["backbone.1.0", "backbone.1.1", "backbone.2.0", "backbone.2.1", "output"]
    assert len(learning[3]) == 7
    said = capsys.readouterr().out
    assert "3 layers, 248 parameters" in said
    assert "Epoch 2: 2.0 learn from now on (88 parameters)." in said


def test_null_freezes_for_good_and_the_module_is_left_as_it_was(make_trainer):
    module = Plain()
    watch, _ = trained(make_trainer, FineTuning(freeze_epochs=None), module=module)
    backbone = [name for name in watch.weights[0] if name.startswith("backbone.")]
    assert same(watch.weights[0], watch.weights[-1], backbone)
    assert all(each.requires_grad for each in module.parameters())
    assert all(each.training for each in module.backbone.modules())


def test_what_the_module_froze_itself_stays_frozen(make_trainer):
    module = Plain()
    module.backbone[0][0].requires_grad_(False)
    watch, _ = trained(make_trainer, FineTuning(freeze_epochs=1), module=module)
    assert same(watch.weights[0], watch.weights[-1], ["backbone.0.0.weight"])
    assert not same(watch.weights[0], watch.weights[-1], ["backbone.1.0.weight"])
    assert not module.backbone[0][0].weight.requires_grad


def test_an_optimiser_that_was_given_the_head_alone_gets_the_backbone_too(make_trainer):
    watch, trainer = trained(make_trainer, FineTuning(freeze_epochs=1, lr_factor=0.5), module=Plain(whole=False))
    assert not same(watch.weights[0], watch.weights[1], ["backbone.0.0.weight"])
    assert watch.rates[0] == [0.01, 0.005]
    assert [len(group["params"]) for group in trainer.optimizers[0].param_groups] == [2, 12]


# Rates by depth

SCHEDULES = {
    "none": (None, "epoch"),
    "cosine": (lambda optimizer: CosineAnnealingLR(optimizer, 6), "epoch"),
    "one cycle": (lambda optimizer: OneCycleLR(optimizer, 0.02, total_steps=20), "step"),
    "cyclic": (lambda optimizer: CyclicLR(optimizer, 0.001, 0.02, 3, cycle_momentum=False), "step"),
    "lambda": (lambda optimizer: LambdaLR(optimizer, lambda t: 0.9**t), "step"),
    "piecewise": (lambda optimizer: PiecewiseConstantLR(optimizer, [2], [0.02, 0.003]), "epoch"),
    "sequence": (
        lambda optimizer: SequentialLR(
            optimizer, [LambdaLR(optimizer, lambda t: (t + 1) / 4), CosineAnnealingLR(optimizer, 8)], [3]
        ),
        "step",
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_each_layer_has_its_share_of_the_rate_whatever_the_schedule(name, make_trainer):
    schedule, interval = SCHEDULES[name]
    usual, _ = trained(make_trainer, module=Plain(schedule=schedule, interval=interval))
    callback = FineTuning(freeze_epochs=1, lr_factor=0.1, layer_decay=0.5)
    watch, trainer = trained(make_trainer, callback, module=Plain(schedule=schedule, interval=interval))
    groups = trainer.optimizers[0].param_groups
    names = {id(each): name for name, each in trainer.lightning_module.named_parameters()}
    assert [names[id(group["params"][0])] for group in groups] == [
        *("output.weight", "backbone.2.0.weight", "backbone.1.0.weight", "backbone.0.0.weight")
    ]
    for rates, whole in zip(watch.rates, usual.rates, strict=True):
        assert rates == pytest.approx([whole[0] * factor for factor in (1, 0.1, 0.05, 0.025)], rel=1e-9)


def test_equal_rates_need_no_groups(make_trainer):
    _, trainer = trained(make_trainer, FineTuning(lr_factor=1.0), epochs=1)
    assert len(trainer.optimizers[0].param_groups) == 1


def test_a_cut_keeps_the_ratios(make_trainer):
    cut = ReduceLROnPlateau("val/loss", factor=0.5, patience=0, threshold=100.0)
    watch, _ = trained(make_trainer, FineTuning(lr_factor=0.1), cut)
    assert watch.rates[-1][0] < 0.01
    assert watch.rates[-1][1] == pytest.approx(0.1 * watch.rates[-1][0])


# The fast loop


@pytest.mark.parametrize("optimizer", [Adam, SGD])
@pytest.mark.parametrize("clip", [None, 0.5])
def test_steps_taken_together_give_the_same_weights(optimizer, clip, make_trainer):
    def run(*further):
        def make(parameters, lr):
            return optimizer(parameters, lr=lr, **({"fused": True} if optimizer is Adam else {"momentum": 0.9}))

        callbacks = [FineTuning(freeze_epochs=1, layers_per_epoch=2, layer_decay=0.5), WeightAveraging(0.9), *further]
        schedule = SCHEDULES["one cycle"]
        return trained(make_trainer, *callbacks, module=Plain(make, *schedule), gradient_clip_val=clip)

    plain, fast = run()[0], run(StepsPerExecution())[0]
    for first, second in zip(plain.weights, fast.weights, strict=True):
        assert first.keys() == second.keys()
        assert same(first, second, first)
    assert plain.rates == fast.rates


# Resume


class KeepAll(Checkpoint):
    """Keeps a checkpoint after each batch, validation and epoch."""

    def __init__(self, folder):
        self.folder, self.files = folder, []

    def keep(self, trainer, where):
        self.files.append(self.folder / f"{len(self.files):02}-{trainer.current_epoch}-{where}.ckpt")
        trainer.save_checkpoint(self.files[-1])

    def on_train_batch_end(self, trainer, *args):
        self.keep(trainer, "batch")

    def on_validation_end(self, trainer, *args):
        if not trainer.sanity_checking:
            self.keep(trainer, "validation")

    def on_train_epoch_end(self, trainer, *args):
        self.keep(trainer, "epoch")


@pytest.mark.parametrize("name", ["none", "one cycle", "cosine"])
def test_resumed_before_at_and_after_an_unfreezing_a_run_ends_the_same(name, make_trainer, tmp_path):
    def callbacks():
        return FineTuning(freeze_epochs=1, layers_per_epoch=2, layer_decay=0.5), ExactResume(), StepsPerExecution()

    def module():
        return Plain(lambda parameters, lr: Adam(parameters, lr=lr, fused=True), *SCHEDULES[name])

    keeper = KeepAll(tmp_path)
    whole, _ = trained(make_trainer, *callbacks(), keeper, module=module())
    chosen = [file for file in keeper.files[:-3] if file.stem.split("-")[1] in "012"]
    offset = list(SCHEDULES).index(name) % 2
    for file in chosen[offset::2]:
        resumed, _ = trained(make_trainer, *callbacks(), module=module(), checkpoint=file, seed=5)
        assert same(whole.weights[-1], resumed.weights[-1], whole.weights[-1]), file.stem
        assert whole.rates[-1] == resumed.rates[-1]


def test_a_checkpoint_with_other_groups_is_named(make_trainer, tmp_path):
    _, trainer = trained(make_trainer, FineTuning(), epochs=1)
    trainer.save_checkpoint(tmp_path / "tuned.ckpt")
    with pytest.raises(ArgumentError, match=r"fine_tuning.lr_factor: expected 0.1, with which the run began, got 0.2"):
        trained(make_trainer, FineTuning(lr_factor=0.2), checkpoint=tmp_path / "tuned.ckpt")
    _, trainer = trained(make_trainer, epochs=1)
    trainer.save_checkpoint(tmp_path / "whole.ckpt")
    with pytest.raises(ArgumentError, match=r"fine_tuning: expected off, as when the run began"):
        trained(make_trainer, FineTuning(), checkpoint=tmp_path / "whole.ckpt")


# Errors


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": "body"}, "fine_tuning.backbone: expected a submodule of Plain (backbone, output), got 'body'."),
        ({"head": "top"}, "fine_tuning.head: expected a submodule of Plain (backbone, output), got 'top'."),
    ],
)
def test_a_module_without_such_a_part_is_named(settings, message, make_trainer):
    with pytest.raises(ArgumentError) as caught:
        trained(make_trainer, FineTuning(**settings))
    assert str(caught.value).startswith(message)


def test_lbfgs_has_one_rate(make_trainer):
    module = Plain(lambda parameters, lr: LBFGS(parameters, lr=lr))
    with pytest.raises(ArgumentError, match="optimizer: expected one with a learning rate for each group"):
        trained(make_trainer, FineTuning(), module=module)
