"""Learning-rate schedules that torch.optim lacks, warm-up, and averages. Plain torch: no Lightning in here."""

from dlcore.optim.averages import exponential_average
from dlcore.optim.schedules import ExponentialDecayLR, InverseTimeDecayLR, PiecewiseConstantLR
from dlcore.optim.warmup import warmed_up, warmup_factor

__all__ = [
    "ExponentialDecayLR",
    "InverseTimeDecayLR",
    "PiecewiseConstantLR",
    "exponential_average",
    "warmed_up",
    "warmup_factor",
]
