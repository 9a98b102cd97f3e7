"""Run all checks of a recipe."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer

from dlcore.errors import DlcoreError
from dlcore.insight.preflight.case import Case
from dlcore.insight.preflight.class_order import check_class_order
from dlcore.insight.preflight.cost import check_cost
from dlcore.insight.preflight.fine_tuning import check_fine_tuning
from dlcore.insight.preflight.first_loss import check_first_loss
from dlcore.insight.preflight.inputs import check_inputs
from dlcore.insight.preflight.labels import check_labels
from dlcore.insight.preflight.layers import check_layers
from dlcore.insight.preflight.one_batch import check_one_batch
from dlcore.insight.preflight.overlap import check_overlap
from dlcore.insight.preflight.report import CheckResult, PreflightReport
from dlcore.insight.preflight.run_checks import (
    check_averaging,
    check_batch_norm,
    check_monitors,
    check_optimizer,
    check_updates,
)
from dlcore.insight.preflight.schedule_units import check_schedule
from dlcore.insight.preflight.validation_set import check_validation
from dlcore.runs import prepare
from dlcore.translation import N_, _

# In this order: cheap checks that explain others come first; the cost uses up the trainer and comes last.
CHECKS: dict[str, Callable[[Case, CheckResult], object]] = {
    N_("inputs"): check_inputs,
    N_("labels"): check_labels,
    N_("order"): check_class_order,
    N_("validation"): check_validation,
    N_("overlap"): check_overlap,
    N_("first loss"): check_first_loss,
    N_("layers"): check_layers,
    N_("one batch"): check_one_batch,
    N_("batch norm"): check_batch_norm,
    N_("updates"): check_updates,
    N_("optimizer"): check_optimizer,
    N_("schedule"): check_schedule,
    N_("averaging"): check_averaging,
    N_("freezing"): check_fine_tuning,
    N_("monitors"): check_monitors,
    N_("cost"): check_cost,
}

_TRAINED = ("first loss", "layers", "one batch")  # use passes forward and backward outside of a training


def check_recipe(*words: str) -> PreflightReport:
    """Check a recipe before a long run: its data, its network, its learning rate, its cost.

    ``check_recipe("-c", "mlp_textbook", "--data.scale", "1").failed``

    Args:
        words: The words after ``fit`` on the command line.

    Raises:
        DlcoreError: A setting is invalid.
    """
    command = prepare("fit", *words)
    if command.settings.checkpoint:
        command.model.load_state_dict(command.settings.checkpoint["state_dict"])
    return check_training(command.model, command.datamodule, command.trainer, trained=bool(command.settings.checkpoint))


def check_training(
    model: LightningModule,
    datamodule: LightningDataModule,
    trainer: Trainer,
    trained: bool = False,
    tell: Callable[[CheckResult], None] | None = None,
) -> PreflightReport:
    """Check model, data and trainer. Weights and random state are restored; no file is written.

    Args:
        model: Any LightningModule.
        datamodule: The data.
        trainer: The trainer. It cannot be used again: create another for a training.
        trained: Whether the model's weights are trained already.
        tell: Called with each result as soon as it is known.

    Raises:
        DlcoreError: The data cannot be read.
    """
    random_state = torch.get_rng_state()
    try:
        case = Case(model, datamodule, trainer, trained)
        for name, check in CHECKS.items():
            torch.manual_seed(0)
            result = case.earlier[name] = _carried_out(name, check, case)
            if tell is not None:
                tell(result)
        return PreflightReport(list(case.earlier.values()))
    finally:
        torch.set_rng_state(random_state)


def _carried_out(name: str, check: Callable[[Case, CheckResult], object], case: Case) -> CheckResult:
    result = CheckResult(name)
    try:
        if name in _TRAINED and not case.model.automatic_optimization:
            why = _("needs a loss from training_step: {model} optimises by hand")
            result.skip(why.format(model=type(case.model).__name__))
        else:
            check(case, result)
    except DlcoreError as error:
        result.fail(str(error))
    except Exception as error:
        # The user's own model or data: an error here is one in the training.
        if os.environ.get("DLCORE_DEBUG"):
            raise
        said = " ".join(str(error).split())
        seen = _("ended with {error}: {said}").format(error=type(error).__name__, said=said[:300])
        result.fail(seen, _("DLCORE_DEBUG=1 shows where"))
    return result
