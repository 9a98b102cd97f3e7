"""The rules, root causes first. A new rule is a file here and its name in this list.

The report follows this order. Each rule's file lists the findings that the rule explains (`Rule.explains`).
"""

import importlib

from dlcore.diagnosis.rule import Rule

_NAMES = (
    # Inputs and initial settings
    "inputs_not_finite", "constant_input", "endless_warmup", "strong_momentum", "strong_decay", "strong_dropout",
    "unscaled_target", "unequal_targets", "process_unlike_others", "processes_share_samples", "unscaled_input",
    "mismatched_loss", "tiny_input", "other_class_shares", "single_class", "unused_class", "constant_initialization",
    "wide_initialization", "uneven_class_weights", "softmax_twice", "no_activation", "frozen_parameters",
    # Size of the steps
    "schedule_out_of_step", "strong_penalty", "tiny_norm_batch", "tight_clipping", "rate_cut_to_nothing",
    "skipped_steps", "exploding_gradients", "learning_rate_too_high", "not_finite", "exploding_gradients_through_time",
    # State of the units
    "exploding_cell_state", "saturated_units", "vanishing_gradients", "dead_units", "learning_rate_too_low",
    "large_batch",
    # Result
    "average_trails", "stale_norm_statistics", "validation_unlike_training", "validation_in_training_mode",
    "shared_metric", "copied_validation", "repeated_samples", "few_samples", "label_noise", "constant_output",
    "no_learning", "text_not_learned", "vanishing_gradients_through_time", "class_collapse", "underfitting",
    "overfitting", "copied_text", "worsening", "unsteady", "plateau", "stopped_too_early", "validation_not_comparable",
    # Duration
    "busy_machine",
)  # fmt: skip
RULES: tuple[Rule, ...] = tuple(importlib.import_module(f"{__name__}.{name}").RULE for name in _NAMES)
