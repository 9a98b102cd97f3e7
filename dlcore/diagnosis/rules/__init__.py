"""The rules, root causes first. A new rule is a file here and its name in this list.

The report follows this order. Each rule's file lists the findings that the rule explains (`Rule.explains`).
"""

from __future__ import annotations

from dlcore.diagnosis.rule import Rule
from dlcore.diagnosis.rules import (
    average_trails,
    busy_machine,
    class_collapse,
    constant_initialization,
    dead_units,
    exploding_gradients,
    few_samples,
    inputs_not_finite,
    large_batch,
    learning_rate_too_high,
    learning_rate_too_low,
    no_learning,
    not_finite,
    overfitting,
    plateau,
    rate_cut_to_nothing,
    saturated_units,
    single_class,
    stopped_too_early,
    strong_penalty,
    tight_clipping,
    tiny_input,
    underfitting,
    uneven_class_weights,
    unscaled_input,
    unscaled_target,
    unsteady,
    validation_not_comparable,
    vanishing_gradients,
    wide_initialization,
    worsening,
)

RULES: tuple[Rule, ...] = tuple(
    module.RULE
    for module in (
        # Inputs and initial settings
        inputs_not_finite,
        unscaled_target,
        unscaled_input,
        tiny_input,
        single_class,
        constant_initialization,
        wide_initialization,
        uneven_class_weights,
        # Size of the steps
        strong_penalty,
        tight_clipping,
        rate_cut_to_nothing,
        exploding_gradients,
        learning_rate_too_high,
        not_finite,
        # State of the units
        saturated_units,
        vanishing_gradients,
        dead_units,
        learning_rate_too_low,
        large_batch,
        # Result
        average_trails,
        few_samples,
        no_learning,
        class_collapse,
        underfitting,
        overfitting,
        worsening,
        unsteady,
        plateau,
        stopped_too_early,
        validation_not_comparable,
        # Duration
        busy_machine,
    )
)
