"""Optimisers and schedules by name, torch's and dlcore's, with their arguments, from flag to model."""

import pytest
import torch
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from dlcore.config.short_names import factory_classes
from dlcore.errors import ArgumentError, UnknownNameError
from dlcore.optim import InverseTimeDecayLR, PiecewiseConstantLR
from dlcore.runs import fit
from dlcore.runs.run import prepare


def test_schedules_are_torchs_and_dlcores():
    schedules = factory_classes("model.lr_scheduler")
    assert {"StepLR", "CosineAnnealingLR", "ExponentialDecayLR", "InverseTimeDecayLR"} <= set(schedules)
    assert all(issubclass(kind, LRScheduler) for kind in schedules.values())
    assert LRScheduler.__name__ not in schedules
    assert schedules["InverseTimeDecayLR"] is InverseTimeDecayLR
    assert "InverseTimeDecayLR" not in factory_classes("model.optimizer")


def test_an_own_schedule_is_chosen_by_flag(workplace, small):
    flags = ("--model.lr_scheduler=PiecewiseConstantLR", "--model.lr_scheduler.boundaries=[3]",
             "--model.lr_scheduler.values=[0.5,0.25]", "--model.lr_scheduler.interval=step", "--model.warmup_steps=2",
             "--reduce_lr_on_plateau=off", "--trainer.max_epochs=1")  # fmt: skip
    run = fit(*small, *flags)
    schedule = run.trainer.lr_scheduler_configs[0].scheduler
    assert isinstance(schedule, PiecewiseConstantLR)
    assert schedule.get_last_lr() == [0.25]


def test_one_cycle_without_a_length_lasts_the_run(workplace, small):
    flags = ("--model.lr_scheduler=OneCycleLR", "--model.lr_scheduler.max_lr=0.1", "--reduce_lr_on_plateau=off")
    run = fit(*small, *flags, "--trainer.max_epochs=2")
    schedule = run.trainer.lr_scheduler_configs[0].scheduler
    assert isinstance(schedule, OneCycleLR)
    assert schedule.total_steps == run.trainer.global_step == 8


def test_arguments_in_brackets_are_chosen_by_flag(workplace):
    flags = ("--model.activation=leaky_relu(negative_slope=0.2)", "--model.initializer=normal(std=0.02)")
    model = prepare("fit", *flags, "--model.loss=cross_entropy(label_smoothing=0.1)").model
    assert model.network.activation_1.negative_slope == 0.2
    assert model.network.linear_1.weight.std().item() == pytest.approx(0.02, rel=0.01)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--model.optimizer=null"], "model.optimizer: expected a class, got"),
        (["--model.optimizer=SparseAdam"], "model.optimizer: expected an optimiser for gradients that are not sparse"),
        (["--model.lr_scheduler=InverseTimDecayLR"], "Unknown lr_scheduler (in --model.lr_scheduler): 'InverseTimDec"),
        (["--model.lr_scheduler=InverseTimeDecayLR"], "model.lr_scheduler.decay_rate: expected a value, which Inverse"),
        (
            ["--model.lr_scheduler=InverseTimeDecayLR", "--model.lr_scheduler.decay_rat=1"],
            "Unknown argument of InverseTimeDecayLR (in --model.lr_scheduler.decay_rat): 'decay_rat'. Did you mean",
        ),
        (
            ["--model.lr_scheduler=InverseTimeDecayLR", "--model.lr_scheduler.decay_rate=-1"],
            "model.lr_scheduler.decay_rate: expected a number at least 0, got -1.0.",
        ),
        (
            ["--model.class_weights=[1,2]"],
            "model.class_weights: expected 10 numbers, one for each class, got [1.0, 2.0].",
        ),
        (["--model.loss=mse"], "Unknown loss of task 'multiclass': 'mse'."),
    ],
)
def test_a_mistake_is_named(flags, message, workplace):
    with pytest.raises((ArgumentError, UnknownNameError)) as caught:
        prepare("fit", *flags)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("by", ["flag", "recipe"])
@pytest.mark.parametrize("name", ["AdamW", "Adagrad", "Adadelta", "RMSprop", "SGD", "torch.optim.NAdam"])
def test_what_is_not_said_of_an_optimizer_is_its_own_default_not_that_of_adam(name, by, workplace):
    (workplace / "mine.yaml").write_text(
        f"model: {{class_path: MLP, init_args: {{optimizer: {{class_path: {name}, init_args: {{maximize: true}}}}}}}}\n"
        "data: FashionMNIST\n"
    )
    flags = (f"--model.optimizer={name}", "--model.optimizer.maximize=true")
    words = flags if by == "flag" else ("-c", "mine.yaml")
    made = prepare("fit", *words).model.optimizer_factory([torch.nn.Parameter(torch.zeros(1))])
    kind = getattr(torch.optim, name.rpartition(".")[2])
    assert type(made) is kind
    assert made.defaults == kind([torch.nn.Parameter(torch.zeros(1))], maximize=True).defaults


def test_an_optimiser_of_ones_own_has_its_own_defaults(workplace, monkeypatch):
    code = "import torch\n\nclass Steady(torch.optim.AdamW):\n"
    code += "    def __init__(self, params, lr=0.02, eps=1e-5, weight_decay=0.3):\n"
    code += "        super().__init__(params, lr=lr, eps=eps, weight_decay=weight_decay)\n"
    (workplace / "steady_optimizer.py").write_text(code)
    monkeypatch.syspath_prepend(workplace)
    model = prepare("fit", "--model.optimizer=steady_optimizer.Steady", "--model.optimizer.lr=0.5").model
    made = model.optimizer_factory(model.parameters())
    assert type(made).__name__ == "Steady"
    assert {name: made.defaults[name] for name in ("lr", "eps", "weight_decay")} == {
        "lr": 0.5,
        "eps": 1e-5,
        "weight_decay": 0.3,
    }
