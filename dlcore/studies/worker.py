"""One run of a study, in a process of its own. Heavy modules are imported only when it starts."""

from __future__ import annotations

import contextlib
import io
import math
import socket
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from dlcore.cache import locked
from dlcore.config.allow_list import AllowList
from dlcore.config.merge import flatten, stacked_recipes
from dlcore.config.request import read_request
from dlcore.errors import ArgumentError, DlcoreError, Interrupted, RunFileError
from dlcore.studies.plan import Job, can_go_on, clear
from dlcore.studies.study import folder_name
from dlcore.studies.study_run_record import DONE, FAILED, LOG, Record, read_record
from dlcore.studies.vary import parsed


@contextlib.contextmanager
def taken_device(job: Job) -> Iterator[list[str]]:
    """Lock a GPU for a run, and release it at the end.

    Each GPU has a lock file in the folder of all runs. Runs end in any order, so assigning GPUs by job number alone
    could put two runs on one GPU while another is idle. Runs beyond the number of GPUs are assigned by number.

    Yields:
        The flag for the GPU; nothing if there is no GPU, or if the run or its recipe chooses its devices itself.
    """
    gpus, host = _gpus(job), folder_name(socket.gethostname())  # machines of a cluster share the folder
    with contextlib.ExitStack() as held:
        for gpu in gpus:
            if held.enter_context(locked(job.folder.parents[2] / f".gpu_{host}_{gpu}.lock", wait=False)):
                yield _flag(gpu)
                return
        yield device_by_number(job)


def device_by_number(job: Job) -> list[str]:
    """Return the flag that `taken_device` yields if all GPUs are free; lock nothing."""
    gpus = _gpus(job)
    return _flag(gpus[0]) if gpus else []


def _flag(gpu: int) -> list[str]:
    return [f"--trainer.devices=[{gpu}]"]


def _gpus(job: Job) -> list[int]:
    """Return the GPUs for a run, its own by number first."""
    import torch

    if _says_itself(job) or not torch.cuda.is_available():
        return []
    gpus = torch.cuda.device_count()
    return [(job.number + place) % gpus for place in range(gpus)]


def _says_itself(job: Job) -> bool:
    """Return whether the settings choose devices, or an accelerator other than a GPU."""
    request = read_request(["fit", *job.words])
    settings: dict[str, Any] = dict(flatten(stacked_recipes(request.recipes)))
    settings |= parsed({flag.name: flag.value for flag in request.flags})
    chosen = settings.get("trainer.devices") not in (None, "auto", -1)
    return chosen or settings.get("trainer.accelerator") not in (None, "auto", "gpu", "cuda")


_BINS = 81


def train(job: Job) -> Record:
    """Train one variant with one seed.

    Its output goes to ``log.txt`` in its folder. The record in the folder holds its state.

    Args:
        job: The run.

    Returns:
        Its record: done, failed with the error, or still ``running`` if it was interrupted.
    """
    record = Record(job.variant, job.seed, job.digest, folds=job.folds)
    try:
        goes_on = can_go_on(job)
        record = (read_record(job.folder) if goes_on else None) or record
        if not goes_on and job.folder.is_dir():
            clear(job.folder)  # a run that ended before its first checkpoint
        job.folder.mkdir(parents=True, exist_ok=True)
        record.write(job.folder)
    except (DlcoreError, OSError) as error:  # write nothing into a folder that belongs to another run
        record.status, record.error = FAILED, _said(error)
        return record
    with (job.folder / LOG).open("a", encoding="utf-8", buffering=1) as log, _output_to(log):
        try:
            _fit(job, record, goes_on)
            record.status = DONE
        except Interrupted as interrupted:
            print(interrupted)
        except Exception as error:
            import traceback

            traceback.print_exc()
            record.status, record.error = FAILED, _said(error)
    try:
        record.write(job.folder)
    except RunFileError as error:  # the folder says "running": the same command repeats the run
        record.status, record.error = FAILED, _said(error)
    return record


def inspect(job: Job) -> dict[str, Any]:
    """Build a run's objects; return their description, or the error with which it would end; train nothing.

    What is printed or warned of meanwhile goes to standard error, a line each, with the variant's name.

    Returns:
        ``parameters``, ``model`` and ``data``, or ``error``.
    """
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", UserWarning)
        try:
            from dlcore.runs import prepare

            command = prepare("fit", *job.words, *device_by_number(job))
            _check_one_device(command.trainer)
        except Exception as error:
            return {"error": _said(error)}
    for line in [*printed.getvalue().splitlines(), *(" ".join(str(each.message).split()) for each in warned)]:
        print(f"{job.variant}: {line}", file=sys.stderr)
    numbers = sum(parameter.numel() for parameter in command.model.parameters())
    model, data = type(command.model).__name__, type(command.datamodule).__name__
    return {"parameters": numbers, "model": model, "data": data}


def _said(error: Exception) -> str:
    """Return an error in one line; an unexpected one with its type."""
    text = " ".join(str(error).split())
    return text if isinstance(error, DlcoreError) else f"{type(error).__name__}: {text}"


def _fit(job: Job, record: Record, goes_on: bool) -> None:
    from dlcore.runs import fit, predict, test
    from dlcore.runs.predictions import write_predictions
    from dlcore.studies.watch import RunWatch

    watch = RunWatch(job.folder, record)
    from_here = ["--ckpt_path", str(job.checkpoint), *_trusting(job.words)]
    # A variant that diverges goes on to its end like the others, unless the study sets that.
    to_the_end = [] if any("non_finite_loss" in word for word in job.words) else ["--non_finite_loss=off"]
    words = from_here if goes_on else [*to_the_end, *job.words]
    with taken_device(job) as device:
        # The process that shows all runs has the progress display.
        common = [*device, "--progress_display=off"]
        command = fit(*words, *common, callbacks=[watch], folder=job.folder)
        record.weights = _weights(command.model)
        if job.test:
            best = job.folder / "checkpoints" / "best.ckpt"
            tested = str(best if best.is_file() else job.checkpoint)
            output = test("--ckpt_path", tested, *_trusting(job.words), *common).output
            record.test = {name: float(value) for name, value in output[0].items()}
            if job.folds:
                try:
                    write_predictions(predict("--ckpt_path", tested, *_trusting(job.words), *common))
                except DlcoreError as error:  # a module that cannot predict; what was trained and tested stands
                    record.note = _said(error)


def _trusting(words: Sequence[str]) -> list[str]:
    """Return flags with which a resumed run may load the classes that its first words named and admitted."""
    request = read_request(["fit", *words])
    allowed = AllowList.of(request.flags)
    trusted = [*allowed.packages, *allowed.typed]
    return [f"--allow={','.join(trusted)}"] if trusted else []


def _check_one_device(trainer: Any) -> None:
    """Refuse several devices: such a run starts its command line again, here that of the whole study."""
    number = trainer.num_devices * trainer.num_nodes
    if number > 1:
        remedy = "Give --trainer.devices 1 --trainer.num_nodes 1, or train it outside a study: python -m dlcore fit …"
        raise ArgumentError("trainer.devices", "one device a run, in a study", number, remedy)


def _weights(model: Any) -> dict[str, Any]:
    """Return the distribution of a model's weights (no biases, no scales of batch norm)."""
    import torch

    tensors = [each.detach().flatten().float().cpu() for each in model.parameters() if each.dim() >= 2]
    values = torch.cat(tensors) if tensors else torch.zeros(0)
    values = values[values.isfinite()]
    if not len(values):
        return {}
    # Index into sorted values, since torch.quantile refuses more than 16 million.
    reach = values.abs().sort().values[math.ceil(0.95 * len(values)) - 1].item()
    widest = 3 * reach or 1.0
    counts = torch.histc(values.clamp(-widest, widest), _BINS, -widest, widest)
    edges = torch.linspace(-widest, widest, _BINS + 1)
    std = values.std().item() if len(values) > 1 else 0.0
    return {"std": std, "reach": reach, "edges": edges.tolist(), "counts": counts.tolist()}


@contextlib.contextmanager
def _output_to(log: Any) -> Iterator[None]:
    """Redirect output and warnings to a file."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *_: f"dlcore: warning: {message}\n"
    try:
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            yield
    finally:
        warnings.formatwarning = before
