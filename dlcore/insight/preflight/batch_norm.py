"""Check: does batch normalisation get a batch of one sample, which has no variance?"""

from __future__ import annotations

from dlcore.data.array_data import ArrayData
from dlcore.insight.preflight.case import Case
from dlcore.insight.preflight.report import CheckResult
from dlcore.runs.batch_size import leaves_one_sample

_NOISY = 8  # samples: statistics of fewer are mostly noise


def check_batch_norm(case: Case, result: CheckResult) -> None:
    """Inspect the sizes of an epoch's batches."""
    data = case.datamodule
    if not case.normalizes or not isinstance(data, ArrayData):
        result.skip("the network has no batch normalisation" if not case.normalizes else "batches of unknown sizes")
        return
    samples, together = len(data.parts["train"]), data.batch_size * case.trainer.world_size
    rest = samples % together
    last = rest if rest and not data.drop_last else together
    result.numbers |= {"batch": together, "last": last}
    batches = getattr(case.schedule, "batches_per_epoch", len(case.loader))
    if leaves_one_sample(samples, data.batch_size, case.trainer.world_size, batches):
        size = data.batch_size + 1
        while leaves_one_sample(samples, size, case.trainer.world_size, samples):
            size += 1
        result.fail(
            f"{samples:,} samples in batches of {together:,} leave a batch of one sample, which has no variance",
            "--data.drop_last true: leaves it out" if data.batch_size > 1 else "",
            f"--data.batch_size {size if data.batch_size > 1 else max(size, 32)}",
        )
        return
    seen = f"batches of {together:,}, the last of {last:,}"
    if data.batch_size < _NOISY:
        result.warn(f"{seen}: mean and variance of so few samples are mostly chance", "--data.batch_size 32")
    else:
        result.ok(seen)
