"""Learning-rate schedules that torch.optim lacks, warm-up, averages. Without Lightning."""

from dlcore.optim.schedules import (
    ExponentialDecayLR,
    InverseTimeDecayLR,
    PiecewiseConstantLR,
    exponential_average,
    full_rate,
    warm_up,
    warmup_factor,
)

__all__ = [
    "ExponentialDecayLR",
    "InverseTimeDecayLR",
    "PiecewiseConstantLR",
    "exponential_average",
    "full_rate",
    "warm_up",
    "warmup_factor",
]
