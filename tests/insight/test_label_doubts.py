"""Labels that were changed on purpose are found among a recipe's training samples."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

from dlcore.cli.main import main
from dlcore.data import fashion_mnist
from dlcore.errors import FitError
from dlcore.insight.label_doubts import doubted_labels
from dlcore.runs import fit, prepare

pytestmark = pytest.mark.process
SMALL = ("--data.val_size=100", "--data.batch_size=32")


def with_wrong_labels(share, size, *words):
    """Prepare the recipe with so many training samples, and this share of their labels changed; return those too."""
    changed = []

    def make():
        command = prepare("fit", "-c", "mlp_fashion_mnist", "--progress_display=off", *words)
        command.datamodule.setup("fit")
        part = command.datamodule.parts["train"]
        part = replace(part, indices=part.indices[:size], targets=part.targets.clone())
        generator = np.random.default_rng(0)
        chosen = generator.choice(part.indices.numpy(), int(share * len(part)), replace=False)
        part.targets[chosen] = (part.targets[chosen] + torch.from_numpy(generator.integers(1, 10, len(chosen)))) % 10
        command.datamodule.parts["train"], changed[:] = part, chosen
        return command

    return make, changed


@pytest.mark.outcome
@pytest.mark.real_data
@pytest.mark.skipif(not fashion_mnist.SYSTEM_FOLDER.is_dir(), reason="the system has no FashionMNIST")
def test_half_of_the_changed_labels_are_in_the_first_twentieth_of_the_list(tmp_path, monkeypatch, one_thread):
    monkeypatch.chdir(tmp_path)
    make, changed = with_wrong_labels(0.05, 6000, "--trainer.max_epochs=4")
    told = []
    doubts = doubted_labels(make, 3, told.append)
    first = doubts.indices[doubts.errors.places[: len(doubts.labels) // 20]]
    assert told == [1, 2, 3]
    assert len(doubts.labels) == len(doubts.part) == len(doubts.probabilities) == 6000
    assert np.isin(changed, first).mean() >= 0.5


def test_each_sample_is_judged_by_a_model_that_has_not_seen_it(workplace):
    make, _ = with_wrong_labels(0, 300, *SMALL, "--trainer.max_epochs=1")
    seen = []

    def watched():
        command = make()
        learn = command.trainer.fit
        held = lambda data: set(data.parts["test"].indices.tolist())  # noqa: E731
        kept = lambda data: set(data.parts["train"].indices.tolist())  # noqa: E731

        def fit(model, datamodule):
            seen.append((held(datamodule), kept(datamodule)))
            learn(model, datamodule=datamodule)

        command.trainer.fit = fit
        return command

    doubts = doubted_labels(watched, 3)
    assert all(not held & kept for held, kept in seen)
    assert set().union(*(held for held, _ in seen)) == set(doubts.indices.tolist())


def test_the_command_writes_a_table_and_a_picture(workplace, capsys):
    assert main(["mistakes", "--epochs=1", "--num=5", "--folds=2", "--data.val_size=100", "--data.batch_size=32"]) == 0
    said = capsys.readouterr().out
    assert "Cross-validation: 2 trainings (epochs: 1), each on 50% of the samples." in said
    table = workplace / "show" / "label_errors_mlp_fashion_mnist.csv"
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert len(rows) > 5
    assert all(row["given"] != row["likely"] for row in rows)
    assert (workplace / "show" / "label_errors_mlp_fashion_mnist.png").is_file()
    assert not (workplace / "lightning_logs").exists()


def test_a_checkpoint_judges_with_a_warning(workplace, small, capsys):
    run = fit(*small, "--trainer.max_epochs=1", "--progress_display=off")
    capsys.readouterr()
    assert main(["mistakes", "--ckpt_path", str(run.folder), "--num=3"]) == 0
    said = capsys.readouterr().out
    assert "what it has learned by heart it does not doubt" in " ".join(said.split())
    assert "training 1" not in said


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--folds=1"], "--folds: expected a whole number at least 2"),
        (["--epochs=x"], "--epochs: expected a whole number, got 'x'"),
        (["--ckpt_path=best", "--folds=3"], "--ckpt_path: expected nothing with --folds and --epochs"),
        (["-c", "mlp_table_regression", "--epochs=1"], "mistakes: expected one of dlcore's classifiers, got MLP"),
    ],
)
def test_what_cannot_be_done_is_said(workplace, words, why, capsys):
    assert main(["mistakes", *words]) == 2
    assert why in capsys.readouterr().err


def test_fewer_samples_than_folds_are_refused(workplace):
    (workplace / "two.csv").write_text("x,y\n1,a\n2,b\n3,a\n4,b\n5,a\n")
    make = lambda: prepare("fit", "-c", "mlp_table_binary", "--data.path=two.csv", "--data.target=y")  # noqa: E731
    with pytest.raises(FitError, match="expected at least 9 training samples"):
        doubted_labels(make, 9)
