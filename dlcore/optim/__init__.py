"""Learning-rate schedules that torch.optim lacks, warm-up, averages, a short way to Adam. No Lightning in here."""

from dlcore.optim.averages import exponential_average
from dlcore.optim.direct_step import direct_step
from dlcore.optim.schedules import ExponentialDecayLR, InverseTimeDecayLR, PiecewiseConstantLR
from dlcore.optim.warmup import full_rate, warm_up, warmup_factor

__all__ = [
    "ExponentialDecayLR",
    "InverseTimeDecayLR",
    "PiecewiseConstantLR",
    "direct_step",
    "exponential_average",
    "full_rate",
    "warm_up",
    "warmup_factor",
]
