"""A run that was interrupted anywhere and resumed ends bit for bit like one that was not.

In CI a part of the matrix (`cases.covering`); all of it: ``python -m pytest tests/resume -m matrix``.
"""

import shutil

import numpy as np
import pytest
import torch
from cases import Case, covering, matrix
from PIL import Image
from trained_process import FAILED, train

CODES = {"SIGTERM": 143, "SIGINT": 130, "SIGKILL": -9, "exception": FAILED}
ROOTS = {"mlp": "shapes", "cnn": "shapes", "rnn": "poems.txt", "texts": "texts"}
COMMON = ("--trainer.max_epochs=3", "--trainer.log_every_n_steps=3", "--checkpoint.every_n_steps=2")
WORDS = {
    "mlp": (
        *("-c", "mlp_fashion_mnist", "--data=ImageFolder", "--data.size=8", "--data.flip=0.5"),
        *("--data.batch_size=12", "--data.eval_batch_size=6", "--model.hidden_sizes=[12,8]", "--model.dropout=0.3"),
        *("--trainer.accumulate_grad_batches=2", "--reduce_lr_on_plateau.patience=0", "--model.warmup_steps=5"),
    ),
    "cnn": (
        *("-c", "cnn_images", "--data.size=12", "--data.batch_size=12", "--data.val_size=0.2"),
        *("--data.shift=0.2", "--data.rotate=10", "--data.erase=0.3", "--data.mixup=0.2", "--model.channels=[4,6]"),
        *("--model.kernel_size=3", "--model.dropout=0.3", "--data.eval_batch_size=10"),
        *("--feature_maps=off", "--input_samples=off", "--mistakes=off"),
    ),
    "rnn": (
        *("-c", "rnn_lyrics", "--model.embedding_dim=6", "--model.hidden_size=6"),
        *("--data.batch_size=8", "--data.sequence_length=12", "--data.eval_batch_size=4", "--data.min_freq=1"),
        *("--data.val_size=0.2", "--data.test_size=0.1", "--text_samples.every_n_epochs=1"),
    ),
    "texts": (
        *("-c", "rnn_topics", "--model.embedding_dim=6", "--model.hidden_size=6", "--model.num_layers=2"),
        *("--model.layer_dropout=0.2", "--model.word_dropout=0.2", "--data.level=char", "--data.batch_size=12"),
        *("--data.eval_batch_size=8", "--reduce_lr_on_plateau.patience=0"),
    ),
}


@pytest.fixture(scope="session")
def data(once):
    """A folder with data of all kinds."""
    return once("resume_data", write_data)


def write_data(folder):
    random = np.random.default_rng(0)
    for name in ("圆", "方"):
        (folder / "shapes" / name).mkdir(parents=True)
        for n in range(75):
            pixels = random.integers(0, 256, (14, 14, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "shapes" / name / f"{n}.png")
    words = "春江潮水连海平明月共生滟随波千万里何处无照人"
    poems = ("".join(random.choice(list(words), 30)) for _ in range(60))
    (folder / "poems.txt").write_text("\n\n".join(poems), encoding="utf-8")
    for number in range(150):
        (folder / "texts" / "春秋"[number % 2]).mkdir(parents=True, exist_ok=True)
        text = "".join(random.choice(list(words), random.integers(1, 20)))
        (folder / "texts" / "春秋"[number % 2] / f"{number}.txt").write_text(text, encoding="utf-8")


class Run:
    """A run in a folder of its own, with all that is compared."""

    def __init__(self, data, folder, network, world_size):
        folder.mkdir(exist_ok=True)
        self.folder, self.world_size = folder, world_size
        self.words = (*WORDS[network], f"--data.root={data / ROOTS[network]}", *COMMON)

    def start(self, *words, **fault):
        return train((*self.words, *words), self.folder, self.world_size, **fault)

    def resume(self):
        return self.start(f"--ckpt_path={self.run_folder}")

    @property
    def run_folder(self):
        (folder,) = (self.folder / "lightning_logs").glob("*/version_*")
        return folder

    def said(self):
        return "".join(path.read_text(encoding="utf-8") for path in sorted(self.folder.glob("said.*")))

    def state(self, name):
        return torch.load(self.run_folder / "checkpoints" / name, weights_only=True)

    def batches(self):
        """Digest of each batch of each process: the last time that it was trained on."""
        return {
            (path.name, *line.split()[:2]): line.split()[2]
            for path in sorted(self.folder.glob("batches.*"))
            for line in path.read_text().splitlines()
        }

    def table(self, name):
        return (self.run_folder / name).read_text()


def differences(one, two, path=""):
    """Where two nested states differ, in words."""
    if isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor):
        same = one.dtype == two.dtype and torch.equal(one, two)
        return [] if same else [path]
    if isinstance(one, dict) and isinstance(two, dict):
        found = [f"{path}.{key} in one only" for key in one.keys() ^ two.keys()]
        return found + [d for key in one.keys() & two.keys() for d in differences(one[key], two[key], f"{path}.{key}")]
    if isinstance(one, (list, tuple)) and isinstance(two, (list, tuple)) and len(one) == len(two):
        return [d for n, pair in enumerate(zip(one, two, strict=True)) for d in differences(*pair, f"{path}[{n}]")]
    return [] if type(one) is type(two) and (one == two or one != one) else [f"{path}: {one!r} != {two!r}"]


@pytest.fixture(scope="session")
def whole(data, once):
    """Runs that nothing interrupts, one a network and number of processes."""

    def get(network, world_size):
        def make(place):
            run = Run(data, place / "w", network, world_size)
            assert run.start() == [0] * world_size, run.said()

        return Run(data, once(f"whole_{network}_{world_size}", make) / "w", network, world_size)

    return get


def interrupted(case, data, folder, *words):
    run = Run(data, folder, case.network, case.world_size)
    codes = run.start(*words, place=case.place, fault=case.fault)
    assert CODES[case.fault] in codes, (codes, run.said())
    return run


def check_equal(run, whole):
    for name in ("last.ckpt", "best.ckpt"):
        assert differences(run.state(name), whole.state(name)) == []
    assert run.batches() == whole.batches()
    for name in ("metrics.csv", "layers.csv"):
        assert run.table(name) == whole.table(name)


def check(case, data, whole, folder):
    run = interrupted(case, data, folder)
    assert run.resume() == [0] * case.world_size, run.said()
    check_equal(run, whole(case.network, case.world_size))


# What a checkpoint must hold; without any one of it the run ends otherwise, or the tests above would show nothing.


def forget(state, name):
    """Make one component of a state as if it had not been kept."""
    if name == "optimizer":
        for kept in state["optimizer_states"][0]["state"].values():
            kept["exp_avg"].zero_()
    elif name == "schedule":
        state["lr_schedulers"][0]["last_epoch"] -= 1
        state["lr_schedulers"][0]["_step_count"] -= 1
    elif name == "plateau":
        (key,) = (key for key in state["callbacks"] if key.startswith("ReduceLROnPlateau"))
        del state["callbacks"][key]
    elif name == "averaged weights":
        state["averaging_state"] = {}
        state["state_dict"] = state["current_model_state"]
    elif name == "place":
        progress = state["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]
        for count in progress:
            progress[count] -= 1
    elif name in state:
        del state[name]
    else:
        for kept in state["exact_resume"]:  # of each process
            kept[name] = type(kept[name])()


@pytest.mark.process
@pytest.mark.parametrize(
    ("network", "world_size", "names"),
    [
        ("mlp", 1, ("random", "metrics", "attributes", "optimizer", "plateau", "place")),
        ("mlp", 1, ("gradients",)),
        pytest.param("mlp", 2, ("metrics", "random"), marks=pytest.mark.matrix),
        ("cnn", 1, ("schedule", "averaged weights")),
        pytest.param("cnn", 2, ("statistics",), marks=pytest.mark.matrix),
        pytest.param("cnn", 2, ("statistics_are_given", "averaging_statistics"), marks=pytest.mark.matrix),
        ("rnn", 1, ("attributes",)),
        pytest.param("rnn", 2, ("attributes",), marks=pytest.mark.matrix),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else None,
)
def test_each_component_of_a_checkpoint_is_needed(network, world_size, names, data, whole, tmp_path):
    # Several processes end by SIGTERM at a step that they agree on; what SIGKILL leaves lies in the midst of an epoch.
    # There the first process's running statistics are given to all; after a validation each goes on with its own.
    place = "epoch_end" if "statistics" in names else "mid_epoch"
    case = Case(network, place, "SIGTERM" if world_size == 1 else "SIGKILL", world_size)
    # Steps that are taken together leave no gradients waiting.
    single = ["--steps_per_execution=1"] if "gradients" in names else []
    run = interrupted(case, data, tmp_path / "w", *single)
    shutil.copytree(run.folder, tmp_path / "interrupted")
    for name in names:  # each from the same interruption, at the same place
        shutil.rmtree(run.folder)
        shutil.copytree(tmp_path / "interrupted", run.folder)
        state = run.state("last.ckpt")
        forget(state, name)
        torch.save(state, run.run_folder / "checkpoints" / "last.ckpt")
        if run.resume() == [0] * world_size:  # else it could not even go on
            try:
                check_equal(run, whole(network, world_size))
            except AssertionError:
                continue
            pytest.fail(f"without {name} it ends as if never interrupted")


@pytest.mark.process
@pytest.mark.fault(
    "SIGTERM, SIGINT, SIGKILL or an error: within an epoch, at its last batch, at its end, while it validates, in one "
    "process or two",
    "resumed, the run ends bit for bit as if never interrupted",
)
@pytest.mark.parametrize("case", covering(), ids=lambda case: "-".join(map(str, case)))
def test_a_resumed_run_ends_as_if_never_interrupted(case, data, whole, tmp_path):
    check(case, data, whole, tmp_path / "w")


@pytest.mark.matrix
@pytest.mark.parametrize("case", sorted({*matrix()} - {*covering()}), ids=lambda case: "-".join(map(str, case)))
def test_the_whole_matrix(case, data, whole, tmp_path):
    check(case, data, whole, tmp_path / "w")
