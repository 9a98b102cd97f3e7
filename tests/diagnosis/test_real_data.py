"""The textbook's experiments on the real FashionMNIST: each fault is named first, and no fault where there is none.

Some here, the others of -m matrix: test_rules.py has each of these faults on pictures that dlcore draws.
"""

import warnings

import pytest

from dlcore.data import fashion_mnist
from dlcore.diagnosis import diagnose
from dlcore.runs import fit

pytestmark = [
    pytest.mark.outcome,
    pytest.mark.real_data,
    pytest.mark.skipif(not fashion_mnist.SYSTEM_FOLDER.is_dir(), reason="the system has no FashionMNIST"),
]
ADAM = "--model.optimizer=Adam"
CUT = ("--trainer.limit_train_batches=250", "--trainer.max_epochs=3", "--trainer.limit_val_batches=2")
RUNS = {
    "pixels 0 to 255": ("unscaled_input", ("--data.scale=1", *CUT)),
    "tiny pixels": ("tiny_input", ("--data.scale=2550000", *CUT)),
    "Adam 0.1": ("learning_rate_too_high", (ADAM, "--model.optimizer.lr=0.1", *CUT)),
    "Adam 0.00001": ("learning_rate_too_low", (ADAM, "--model.optimizer.lr=1e-5", *CUT)),
    "batches of 10,000": ("large_batch", (ADAM, "--model.optimizer.lr=0.01", "--data.batch_size=10000")),
    "zero weights": ("constant_initialization", ("--model.initializer=zeros", *CUT)),
    "six sigmoids": (
        "vanishing_gradients",
        ("--model.activation=Sigmoid", "--model.hidden_sizes=[100,100,100,100,100,100]", *CUT),
    ),
    "5,000 samples by heart": (
        "overfitting",
        (
            *(ADAM, "--model.optimizer.lr=0.001", "--data.val_size=58000", "--data.batch_size=128"),
            *("--trainer.max_epochs=40", "--trainer.limit_val_batches=5"),
        ),
    ),
    "the textbook's own": ("", CUT),
    "batch normalisation": ("", ("--model.batch_norm=true", *CUT)),
    "tanh": ("", ("--model.activation=Tanh", "--model.initializer=xavier_normal", *CUT)),
    "dropout": ("", ("--model.dropout=0.8", ADAM, "--model.optimizer.lr=0.001", *CUT)),
    "the default recipe": ("", ("-c", "mlp_fashion_mnist", *CUT)),
}
# Whose outcome hangs most on what the pictures are.
ALWAYS = {"Adam 0.1", "the default recipe"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.process if name in ALWAYS else pytest.mark.matrix) for name in RUNS]
)
def test_the_first_finding_is_what_was_done_to_the_run(name, tmp_path, monkeypatch, one_thread):
    expected, flags = RUNS[name]
    monkeypatch.chdir(tmp_path)
    recipe = () if "-c" in flags else ("-c", "mlp_textbook")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # dlcore warns of some of what is done wrong on purpose
        run = fit(*recipe, *flags, "--trainer.accelerator=cpu", "--progress_display=off")
    diagnosis = diagnose(run.folder)
    assert [fault.name for fault in diagnosis.faults[:1]] == [expected][: bool(expected)], diagnosis.lines()
    if name == "dropout":
        assert "validation_not_comparable" in [note.name for note in diagnosis.notes]
