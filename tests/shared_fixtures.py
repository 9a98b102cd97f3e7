"""What tests that train share: a small set of made-up data, a trainer that writes nothing, a logger in memory."""

from __future__ import annotations

import math
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from blank_figures import blank
from few_clothes import draw_few
from filelock import FileLock
from lightning.pytorch import Trainer
from lightning.pytorch.loggers.logger import Logger
from tiny_data import TinyData

from dlcore.callbacks import run_events
from dlcore.data import fashion_mnist
from dlcore.data.images import circles
from dlcore.text.dictionary import Dictionary
from dlcore.text.word_tables import WordTables

WORD_TABLES_OF = WordTables.of


@pytest.fixture(scope="session", autouse=True)
def shifted_seeds(request: pytest.FixtureRequest) -> None:
    """Add what ``--shift-seeds`` says to each seed that torch is given."""
    if shift := request.config.getoption("--shift-seeds"):
        given = torch.manual_seed
        torch.manual_seed = lambda seed: given(int(seed) + shift)


@pytest.fixture(scope="session")
def once(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``once(name, make)``: a folder that `make` fills, given its path, once for all processes that run tests.

    The others read it only.
    """
    root = tmp_path_factory.getbasetemp()
    root = root.parent if hasattr(request.config, "workerinput") else root

    def folder(name: str, make: Callable[[Path], object]) -> Path:
        made = root / name
        with FileLock(f"{made}.lock"):
            if not made.exists():
                unfinished = root / f"{name}.unfinished"
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir()
                make(unfinished)
                unfinished.rename(made)
        return made

    return folder


class MemoryLogger(Logger):
    """Keeps what is logged: (step, metrics) in `rows`. It has no folder."""

    name, version = "memory", 0

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int, dict[str, float]]] = []

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        self.rows.append((step, dict(metrics)))

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        pass

    def column(self, name: str) -> list[tuple[int, float]]:
        """(step, value) of one metric."""
        return [(step, float(metrics[name])) for step, metrics in self.rows if name in metrics]


@pytest.fixture
def tiny_data() -> type[TinyData]:
    """A data module that trains in milliseconds: ``tiny_data(task="binary")``."""
    return TinyData


@pytest.fixture
def memory_logger() -> MemoryLogger:
    """A logger that keeps what it is given."""
    return MemoryLogger()


@pytest.fixture
def one_thread() -> Any:
    """Tiny tensors are slower on several threads; and sums are the same on all machines."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def make_trainer(one_thread: None, tmp_path: Any) -> Callable[..., Trainer]:
    """Lightning's Trainer on one CPU, quiet, with settings of the test's own."""

    def make(**settings: Any) -> Trainer:
        quiet = {"accelerator": "cpu", "devices": 1, "enable_progress_bar": False, "enable_model_summary": False}
        ours = {"logger": MemoryLogger(), "log_every_n_steps": 1, "enable_checkpointing": False, "max_epochs": 1}
        return Trainer(**{**quiet, **ours, "default_root_dir": tmp_path, **settings})

    return make


@pytest.fixture(autouse=True)
def blank_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fit ends with three figures: a second that hundreds of tests have no use for (see the mark `figures`)."""
    if request.node.get_closest_marker("figures") is None:
        blank(monkeypatch.setattr)


@pytest.fixture(scope="session", autouse=True)
def free_machine() -> Any:
    """No fit says that the machine is busy, however busy it is; tests of that say how long threads waited."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_events, "_WATCHED", math.inf)
        yield


# Commands


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """An empty working folder on a machine without FashionMNIST and without a network; the sample is small.

    The tables of jieba's dictionary are those of all tests, made when the first test cuts words.
    """

    def tables_of(dictionary: Dictionary) -> WordTables:
        if dictionary.words is not None or dictionary.user:
            return WORD_TABLES_OF(dictionary)
        made = request.getfixturevalue("word_tables")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_CACHE_HOME", str(made))
            return WORD_TABLES_OF(dictionary)

    monkeypatch.setattr(WordTables, "of", tables_of)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(fashion_mnist, "SYSTEM_FOLDER", tmp_path / "absent")
    monkeypatch.setattr(fashion_mnist.FashionMNIST, "prepare_data", lambda self: None)
    monkeypatch.setattr(fashion_mnist, "draw_clothing", draw_few)
    monkeypatch.setattr(circles, "COUNTS", {"train": 200, "val": 20, "test": 20})
    return tmp_path


@pytest.fixture
def small() -> tuple[str, ...]:
    """Flags that make any recipe on that sample a matter of a second."""
    return (
        "--data.val_size=100",
        "--data.batch_size=50",
        "--trainer.limit_train_batches=4",
        "--trainer.limit_val_batches=2",
        "--trainer.limit_test_batches=2",
        "--trainer.log_every_n_steps=2",
    )


# Text


@pytest.fixture(scope="session")
def word_tables(once: Callable[..., Path]) -> Path:
    """A cache folder that has the tables of jieba's dictionary: to make them takes seconds."""

    def make(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_CACHE_HOME", str(folder))
            WORD_TABLES_OF(Dictionary())

    return once("word_tables", make)


@pytest.fixture(scope="session")
def text_run(once: Callable[..., Path], word_tables: Path) -> Path:
    """The folder of a run that trained a text model for two epochs on a few hundred short poems, in seconds.

    Its working folder is three folders up; the corpus is gone.
    """
    from dlcore.runs import fit

    def make(place: Path) -> None:
        signs = random.Random(0)
        halves = ["春风又绿江南岸", "明月何时照我还", "不知细叶谁裁出", "二月春风似剪刀", "举头望明月", "低头思故乡"]
        poems = ["，\n".join(signs.sample(halves, 4)) + "。" for _ in range(300)]
        (place / "poems.txt").write_text("\n\n".join(poems), encoding="utf-8")
        (place / "cache" / "dlcore").mkdir(parents=True)
        (place / "cache" / "dlcore" / "words").symlink_to(word_tables / "dlcore" / "words")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(place)
            patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
            fit(
                *("-c", "rnn_lyrics", "--data.root=poems.txt", "--data.level=word", "--trainer.max_epochs=2"),
                "--trainer.accelerator=cpu",
                *("--model.embedding_dim=16", "--model.hidden_size=24", "--progress_display=off"),
                *("--text_samples.prompts=['', '明月', '*A* <b>|']", "--text_samples.length=20", "--token_loss=on"),
                "--word_embeddings=on",
            )
            (place / "poems.txt").unlink()
            shutil.rmtree(place / "cache")

    return once("text_run", make) / "lightning_logs" / "rnn_lyrics" / "version_0"
