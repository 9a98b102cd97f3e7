"""Check: whether what callbacks watch will be logged, by a validation of one batch."""

from __future__ import annotations

from lightning.pytorch import Trainer
from lightning.pytorch.loggers.logger import DummyLogger

from dlcore.callbacks.monitor_callback import MonitorCallback
from dlcore.insight.preflight.case import Case
from dlcore.insight.preflight.report import CheckResult


def check_monitors(case: Case, result: CheckResult) -> None:
    """Validate a copy of the model, and ask each callback that watches a metric whether it has been logged."""
    watching = [each for each in case.trainer.callbacks if isinstance(each, MonitorCallback)]  # type: ignore[attr-defined]
    if not watching:
        result.skip("no callback watches a metric")
        return
    if not case.trainer.limit_val_batches:
        result.skip("the run does not validate")
        return
    model, before = case.fresh_model(), case.datamodule.trainer
    trainer = Trainer(
        accelerator=case.device.type, devices=1, logger=DummyLogger(), callbacks=[], limit_val_batches=1,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, inference_mode=False,
    )  # fmt: skip
    try:
        trainer.validate(model, datamodule=case.datamodule, verbose=False)
        for callback in watching:
            callback.check_logged(trainer, model)
    finally:
        case.datamodule.trainer = before
    names = dict.fromkeys(f"{callback.monitor} ({callback.mode})" for callback in watching)
    result.ok(f"watched: {', '.join(names)}")
