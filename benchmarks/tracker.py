"""Cost of a tracker to the training: epochs with one compared with epochs without, in turn.

Run: python benchmarks/tracker.py [--tracker mlflow|swanlab|wandb] [--epochs 4] [--batches 0.3] [--repeats 5]
Each repeat trains the MLP twice on FashionMNIST. The epochs after the first are timed, by wall clock: the tracker's
library is imported during the first. The tracker has its default place on this machine; MLFLOW_TRACKING_URI, WANDB_MODE
and SWANLAB_MODE choose another, also one that does not answer. Both must end with the same weights, bit for bit.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile

import torch
from watching import NETWORKS, train

from dlcore.config.tracker_kinds import KINDS


def main() -> None:
    """Time them in turn and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracker", choices=KINDS, default="mlflow")
    parser.add_argument("--epochs", type=int, default=4, help="at least 2: the first is not timed")
    parser.add_argument("--batches", type=float, default=0.3, help="share of an epoch that is trained")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    words = (
        *NETWORKS["mlp"],
        f"--trainer.max_epochs={arguments.epochs}",
        f"--trainer.limit_train_batches={arguments.batches}",
    )
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for _ in range(arguments.repeats):
            without, *_, weights = train(words, folder)
            beside, *_, same = train((*words, f"--tracker={arguments.tracker}"), folder)
            if not all(torch.equal(weights[name], same[name]) for name in weights):
                raise SystemExit("The weights differ.")
            ratios.append(beside / without)
            print(f"epoch {without:.2f} s, with {arguments.tracker} {beside:.2f} s: {ratios[-1]:.3f}", flush=True)
        os.chdir("/")
    print(f"median of {len(ratios)} turns: {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
