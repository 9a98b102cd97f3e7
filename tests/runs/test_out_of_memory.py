"""A machine whose memory ends in the midst of a run: the batch's size is named, and what there was is kept."""

import os
import resource

import pytest
from forked import CONTEXT

from dlcore.errors import FitError

pytestmark = pytest.mark.process


def _fit_with_little_memory(folder, words, room, said):
    from lightning.pytorch import Callback

    from dlcore.runs import fit

    class Limit(Callback):
        """Lets the process have so much more from the first batch on."""

        def on_train_start(self, trainer, pl_module):
            size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()  # noqa: PTH123, SIM115
            resource.setrlimit(resource.RLIMIT_AS, (size + room, resource.RLIM_INFINITY))

    os.chdir(folder)
    try:
        fit(*words, callbacks=[Limit()])
    except FitError as error:
        said.put(str(error))
    except BaseException as error:
        said.put(repr(error))
    else:
        said.put("no error")


def said_of(folder, *words, room=300e6):
    said = CONTEXT.Queue()
    process = CONTEXT.Process(target=_fit_with_little_memory, args=(folder, words, int(room), said))
    process.start()
    text = said.get(timeout=90)
    process.join(20)
    return text


WORDS = (
    *("-c", "mlp_table_binary", "--trainer.max_epochs=1", "--trainer.accelerator=cpu", "--model.hidden_sizes=[400000]"),
    *("--progress_display=off", "--parameter_distribution=off", "--run_summary=off", "--trainer.limit_train_batches=1"),
    "--trainer.num_sanity_val_steps=0",
)


@pytest.mark.fault(
    "a training batch for which there is not enough memory",
    "Out of memory (training, step 1): a batch of data.batch_size 300 needs more than this machine has …",
)
def test_a_training_batch_too_large_is_named(tmp_path):
    said = said_of(tmp_path, *WORDS, "--data.batch_size=300")
    assert said.startswith("Out of memory (training, step 1): a batch of data.batch_size 300 needs more than this")
    assert "Try --data.batch_size 150; with --trainer.accumulate_grad_batches 2, steps stay as large" in said


@pytest.mark.fault(
    "a validation batch for which there is not enough memory",
    "Out of memory (validation): a batch of data.eval_batch_size 2,000 needs more than this machine has …",
)
def test_a_validation_batch_too_large_is_named(tmp_path):
    said = said_of(tmp_path, *WORDS, "--data.batch_size=4", "--data.eval_batch_size=2000", room=350e6)
    assert said.startswith("Out of memory (validation): a batch of data.eval_batch_size 2,000 needs more than this")
    assert "Try --data.eval_batch_size 1000." in said
