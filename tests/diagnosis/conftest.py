"""Real short runs, each trained once for all tests that look at it."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from few_clothes import draw_few

from dlcore.data import fashion_mnist

# Runs whose loss is lost go on to their end: what is wrong with them is to be found, not prevented.
QUIET = ("--trainer.accelerator=cpu", "--progress_display=off", "--non_finite_loss=off")


@pytest.fixture(scope="session")
def trained(once: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Train on 1,000 pictures that dlcore draws (or on data of a test's own); give the run's folder."""
    from dlcore.runs import fit

    cache = tmp_path_factory.mktemp("cache")

    def train(*flags: str) -> Path:
        def make(place: Path) -> None:
            threads = torch.get_num_threads()
            torch.set_num_threads(1)
            with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # dlcore warns of some of what is done wrong on purpose
                patch.chdir(place)
                patch.setenv("XDG_CACHE_HOME", str(cache))
                patch.setattr(fashion_mnist, "SYSTEM_FOLDER", place / "absent")
                patch.setattr(fashion_mnist.FashionMNIST, "prepare_data", lambda self: None)
                patch.setattr(fashion_mnist, "draw_clothing", draw_few)
                fit(*(flags if "-c" in flags else ("-c", "mlp_textbook", *flags)), *QUIET)
            torch.set_num_threads(threads)

        place = once(f"trained_{hashlib.sha256(repr(flags).encode()).hexdigest()[:16]}", make)
        (folder,) = place.glob("lightning_logs/*/version_0")
        return folder

    return train
