"""Check: what fine-tuning freezes, and whether all of it comes free."""

from __future__ import annotations

from dlcore.callbacks.fine_tuning import fine_tuning_of, may_be_pretrained
from dlcore.insight.preflight.case import Case
from dlcore.insight.preflight.report import CheckResult
from dlcore.translation import _


def check_fine_tuning(case: Case, result: CheckResult) -> None:
    """Count the parameters that learn at first and at last."""
    callback = fine_tuning_of(case.trainer)
    if callback is None:
        result.skip(_("no fine-tuning"))
        return
    plan = callback.plan(case.model)
    total = sum(each.numel() for each in case.model.parameters())
    learning = sum(each.numel() for each in case.model.parameters() if each.requires_grad)
    late = [layer for layer in plan if layer.epoch != 0]
    at_first = learning - sum(layer.size for layer in late)
    result.numbers |= {"at_first": at_first, "parameters": total}
    seen = _("{at_first:,} of {total:,} parameters learn at first").format(at_first=at_first, total=total)
    last = max((layer.epoch for layer in late if layer.epoch is not None), default=None)
    if last is not None:
        result.numbers["free"] = last + 1
        seen = _("{seen}, all {learning:,} from epoch {epoch} on").format(seen=seen, learning=learning, epoch=last + 1)
    elif late:
        seen = _("{seen}, and no others: the backbone is always frozen").format(seen=seen)
    epochs = case.trainer.max_epochs
    problems = False
    if not case.trained and not may_be_pretrained(case.model):
        problems = True
        result.warn(
            _("{seen}; the backbone's weights are drawn by chance: they are of little use frozen").format(seen=seen),
            _("--model.weights FILE: begin from trained weights"),
            _("--fine_tuning off: train all layers alike"),
        )
    if last is not None and epochs is not None and 0 <= epochs <= last:
        problems = True
        result.warn(
            _("the run ends after {epochs} epochs, before all layers learn (epoch {epoch})").format(
                epochs=epochs, epoch=last + 1
            ),
            f"--trainer.max_epochs {2 * (last + 1)}",
            f"--fine_tuning.freeze_epochs {max(1, epochs // 3)}" if callback.layers_per_epoch is None else "",
        )
    if not problems:
        result.ok(seen)
