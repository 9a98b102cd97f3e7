"""NaN in one of two processes: both do the same, at the same step."""

import pytest
from test_exact_resume import Run, data  # noqa: F401
from trained_process import FAILED

pytestmark = pytest.mark.process


@pytest.mark.fault("NaN in the batch of one of two processes", "both end: The loss is NaN in step … , in one line")
def test_all_processes_stop_together(data, tmp_path):  # noqa: F811
    run = Run(data, tmp_path / "w", "mlp", 2)
    assert run.start(place="mid_epoch", fault="nan") == [FAILED - 1] * 2, run.said()
    assert run.said().count("The loss is NaN in step 6 (epoch 2, batch 5 of 5), before its update") == 2
    assert (run.folder / "said.0").read_text().count("that of another process, which says why.") == 1
    assert (run.folder / "said.1").read_text().count("the batch's inputs hold 192 numbers that are not finite.") == 1


def test_all_processes_leave_the_same_batch_out(data, tmp_path):  # noqa: F811
    run = Run(data, tmp_path / "w", "mlp", 2)
    assert run.start("--non_finite_loss.policy=skip", place="mid_epoch", fault="nan") == [0, 0], run.said()
    assert all(weight.isfinite().all() for weight in run.state("last.ckpt")["state_dict"].values())
    assert run.said().count("Batch left out") == 1
