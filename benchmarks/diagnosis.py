"""Recall and false alarms of `explain`: train runs that are sick on purpose, and healthy ones, and read its findings.

Run: python benchmarks/diagnosis.py [--seeds 3] [--first_seed 0] [--only WORD] [--cures] [--jobs 2] [--json FILE]

The kinds of runs are in diagnosis_cases.py and diagnosis_healthy.py. A sickness counts as found if a rule that is right
is among the faults (of a sickness that may be meant, among the notes too). A healthy run is a false alarm if there is
any fault. The data are the real FashionMNIST (Debian's dataset-fashion-mnist) and dlcore's built-in tables, songs and
topics; runs are short, on one thread each.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from diagnosis_cases import SCALED, SICKNESSES, Case
from diagnosis_healthy import HEALTHY
from joblib import Parallel, delayed

MARGIN = 0.005  # by which a score must rise to count as better: of a loss's size, or in accuracy


class Result(NamedTuple):
    """What `explain` says of a run, and how good the run is."""

    faults: list[str]
    notes: list[str]
    flags: list[str]  # that the first fault names
    score: float  # the best validation accuracy; without one, the lowest validation loss, negative


def train(case: Case, seed: int) -> Result:
    """Train a run and read its findings."""
    import contextlib
    import io
    import warnings

    import numpy as np
    import torch

    sys.path.insert(0, str(Path(__file__).parent))
    from dlcore.diagnosis import diagnose
    from dlcore.diagnosis.run_evidence import read_evidence
    from dlcore.runs import fit

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        os.chdir(folder)
        fixed = ("--trainer.accelerator=cpu", "--progress_display=off", "--non_finite_loss=off", "--run_summary=off")
        run = fit(*case.flags, f"--seed_everything={seed}", *fixed)
        found, evidence = diagnose(run.folder), read_evidence(run.folder)
        os.chdir("/")
    flags = [] if found.first is None else [word for flag in found.first.flags for word in flag.split(" ", 1)]
    accuracies, losses = evidence.values("val/accuracy"), evidence.values("val/loss")
    score = float(np.nanmax(accuracies) if len(accuracies) else -np.nanmin(losses, initial=np.inf))
    return Result([each.name for each in found.faults], [each.name for each in found.notes], flags, score)


def is_right(case: Case, result: Result) -> bool:
    """Return whether the findings name the sickness, or no fault of a healthy run."""
    return bool({*result.faults, *result.notes} & {*case.right}) if case.right else not result.faults


def main() -> None:
    """Train all, and print a line for each kind of run, and both shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first_seed", type=int, default=0)
    parser.add_argument("--only", default="", help="kinds of run whose name has this in it")
    parser.add_argument("--cures", action="store_true", help="train each sick run once more, with the flags named")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    arguments = parser.parse_args()
    cases = [case for case in SICKNESSES + HEALTHY if arguments.only in case.name]
    began = time.perf_counter()

    def trained(cases: list[Case]) -> Iterator[tuple[Case, list[Result]]]:
        seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
        pairs = [(case, seed) for case in cases for seed in seeds]
        results = Parallel(n_jobs=arguments.jobs, return_as="generator")(delayed(train)(*pair) for pair in pairs)
        for case in cases:
            yield case, [next(results) for _ in range(arguments.seeds)]

    found: dict[str, list[Result]] = {}
    counts = {"sick": [0, 0], "healthy": [0, 0]}  # right, of
    for case, runs in trained(cases):
        found[case.name] = runs
        good = [is_right(case, run) for run in runs]
        kind = counts["sick" if case.right else "healthy"]
        kind[0], kind[1] = kind[0] + sum(good), kind[1] + len(good)
        said = "; ".join(sorted({", ".join(run.faults) or "nothing" for run in runs}))
        print(f"{sum(good)} of {len(good)}  {case.name}: {said}", flush=True)
    (right, sick), (silent, healthy) = counts["sick"], counts["healthy"]
    print(
        f"named right: {right} of {sick} sick runs; false alarms: {healthy - silent} of {healthy} healthy runs; "
        f"{(time.perf_counter() - began) / 60:.0f} min"
    )
    if arguments.cures:
        # A plugin sets the precision of some, which no flag can then change.
        sick = [case for case in cases if case.right and found[case.name][0].flags and not {*SCALED} & {*case.flags}]
        treated = [case._replace(flags=(*case.flags, *found[case.name][0].flags)) for case in sick]
        better = 0
        for case, runs in trained(treated):
            before, after = (sum(run.score for run in each) / len(each) for each in (found[case.name], runs))
            better += after - before > MARGIN * max(abs(before), 1) or (math.isinf(before) and math.isfinite(after))
            print(f"{before:.4g} -> {after:.4g}  {case.name}: {' '.join(found[case.name][0].flags)}", flush=True)
        print(f"better with the flags named: {better} of {len(treated)} kinds of sick runs whose finding names flags")
    if arguments.json:
        arguments.json.write_text(json.dumps({"counts": counts, "found": found}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
