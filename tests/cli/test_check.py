"""`check`: what it says of recipes that are healthy, and of such that are not; and how it ends."""

from pathlib import Path

import pytest

from dlcore.cli.main import main
from dlcore.data import fashion_mnist
from dlcore.insight import check_recipe
from dlcore.insight.preflight import cost, one_batch

pytestmark = pytest.mark.usefixtures("briefly")
SMALL = ("--data.val_size=100", "--data.batch_size=50", "--model.hidden_sizes=[32]", "--trainer.accelerator=cpu")


@pytest.fixture
def briefly(monkeypatch):
    """Half a second of timed training is enough here."""
    monkeypatch.setattr(cost, "_SECONDS", 0.5)
    monkeypatch.setattr(one_batch, "_SECONDS", 100.0)  # a busy machine takes its steps all the same
    monkeypatch.setattr(one_batch, "_TRIAL_SECONDS", 30.0)


def test_a_healthy_recipe_is_ready_and_nothing_is_left_behind(shown):
    out, code = shown("check", "-c", "mlp_textbook", *SMALL, "--trainer.max_epochs=20")
    assert code == 0
    assert "dlcore check: mlp_textbook" in out
    assert "✓ first loss" in out
    assert "guessing among 10 classes costs (ln 10 = 2.3)" in out
    assert "– batch norm the network has no batch normalisation" in out
    assert "✓ updates 18 an epoch, 360 in the run of 20 epochs" in out
    assert "built-in sample" in out
    assert out.endswith(
        "ready: python -m dlcore fit -c mlp_textbook --data.val_size=100 --data.batch_size=50 "
        "'--model.hidden_sizes=[32]' --trainer.accelerator=cpu --trainer.max_epochs=20"
    )
    assert not list(Path().iterdir())


def test_unscaled_pixels_end_with_1_and_the_flag(shown):
    out, code = shown("check", "-c", "mlp_textbook", *SMALL, "--data.scale=1", "--trainer.max_epochs=20")
    assert code == 1
    assert "! inputs warning: not scaled: mean" in out
    assert "→ --data.scale 255: pixels from 0 to 1" in out
    assert "not ready: " in out
    assert "first loss" in out.rpartition("not ready")[2]


def test_warnings_alone_end_with_0(shown):
    out, code = shown("check", "-c", "mlp_textbook", *SMALL, "--trainer.max_epochs=2")
    assert code == 0
    assert "! updates warning: few: 18 an epoch, 36 in the run of 2 epochs (expected: 200 or more in the run)" in out
    assert "ready, 1 warning: python -m dlcore fit" in out


def test_constant_weights_are_said_once_and_by_the_check(shown):
    out, code = shown("check", *SMALL, "--model.initializer=zeros", "--model.hidden_sizes=[32,16]")
    assert code == 1
    assert "✗ layers failed: all units of linear_1, linear_2 have the same weights" in out


def test_bad_input_ends_with_2_as_everywhere(error):
    assert error("check", "-c", "mlp_textbok").startswith("Unknown recipe: 'mlp_textbok'")
    assert "data.batch_size: expected a whole number at least 1" in error("check", "--data.batch_size=0")


def test_a_checkpoint_is_no_beginning(workplace, capsys):
    assert main(["fit", *SMALL, "--trainer.max_epochs=1", "--progress_display=off"]) == 0
    capsys.readouterr()
    assert main(["check", "--ckpt_path=last", "--trainer.max_epochs=20"]) == 0
    assert "– first loss  the weights are those of a checkpoint" in capsys.readouterr().out


@pytest.mark.parametrize("recipe", ["linear_regression", "mlp_table_binary", "mlp_table_regression", "rnn_lyrics"])
def test_recipes_that_need_no_files_are_healthy(recipe, workplace, one_thread):
    report = check_recipe("-c", recipe, "--trainer.accelerator=cpu")
    assert (report.failed, report.warnings) == ([], [])


@pytest.mark.parametrize("recipe", ["mlp_circles", "cnn_circles", "cnn_images"])
def test_recipes_of_circles_are_healthy(recipe, workplace, one_thread):
    report = check_recipe("-c", recipe, "--trainer.accelerator=cpu", "--trainer.max_epochs=60")  # a small sample
    assert (report.failed, report.warnings) == ([], [])


@pytest.mark.parametrize(
    "recipe", ["mlp_fashion_mnist", "mlp_textbook", pytest.param("cnn_fashion_mnist", marks=pytest.mark.matrix)]
)
def test_recipes_of_clothing_are_healthy_on_the_sample(recipe, workplace, one_thread):
    small = ("--data.val_size=100", "--trainer.max_epochs=40", "--trainer.accelerator=cpu")
    report = check_recipe("-c", recipe, *small)
    assert (report.failed, report.warnings) == ([], [])


def test_a_text_of_ones_own(workplace, one_thread):
    poems = [f"春风{'又绿江南岸'[i % 5]}明月{'何时照我还'[i % 7 % 5]}第{i}首" for i in range(300)]
    Path("poems.txt").write_text("\n\n".join(poems), encoding="utf-8")
    small = (
        "--model.embedding_dim=32",
        "--model.hidden_size=32",
        "--trainer.accelerator=cpu",
        "--trainer.max_epochs=90",
    )
    words = ("-c", "rnn_corpus", "--data.root=poems.txt", *small)
    report = check_recipe(*words, "--data.sequence_length=16")
    assert report.failed == []
    unknown = check_recipe(*words, "--data.rare=unknown", "--data.min_freq=200")["inputs"]
    assert unknown.numbers["unknown"] > 0.1
    assert unknown.findings[0].remedies[0] == "--data.rare split: a rare word becomes its characters"


# On the real pictures: some here, the others of -m matrix (tests/insight/preflight has each of these faults).

real = [
    pytest.mark.real_data,
    pytest.mark.skipif(
        not fashion_mnist.SYSTEM_FOLDER.is_dir(),
        reason=f"no {fashion_mnist.SYSTEM_FOLDER} (Debian and Ubuntu: apt-get install {fashion_mnist.SYSTEM_PACKAGE})",
    ),
]
ALWAYS, ELSE = [pytest.mark.process, *real], [pytest.mark.matrix, *real]
FAULTS = [
    pytest.param(("--data.scale=1",), {"first loss", "one batch"}, marks=ALWAYS),
    pytest.param(("--data.scale=2550000",), {"one batch"}, marks=ELSE),
    pytest.param(("--model.initializer=zeros",), {"layers", "one batch"}, marks=ELSE),
    pytest.param(("--model.initializer=normal(std=10)",), {"first loss"}, marks=ELSE),
    pytest.param(
        ("--model.activation=Sigmoid", "--model.hidden_sizes=[100,100,100,100,100,100]"), {"one batch"}, marks=ELSE
    ),
    pytest.param(("--model.optimizer.lr=10",), {"one batch"}, marks=ELSE),
    pytest.param(("--model.optimizer.lr=1e-9",), {"one batch"}, marks=ELSE),
    pytest.param(("--model.batch_norm=true", "--data.batch_size=59999"), {"batch norm"}, marks=ELSE),
]


@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param("mlp_fashion_mnist", marks=ALWAYS),
        pytest.param("mlp_textbook", marks=ELSE),
        pytest.param("cnn_fashion_mnist", marks=ELSE),
    ],
)
def test_recipes_are_healthy_on_the_real_pictures(recipe, one_thread):
    report = check_recipe("-c", recipe, "--trainer.accelerator=cpu")
    assert (report.failed, report.warnings) == ([], [])
    assert report["overlap"].numbers["share"] == 0


@pytest.mark.filterwarnings("ignore:initializer")
@pytest.mark.parametrize(("flags", "failed"), FAULTS)
def test_faults_are_found_on_the_real_pictures(flags, failed, one_thread):
    report = check_recipe("-c", "mlp_textbook", *flags, "--trainer.accelerator=cpu")
    assert set(report.failed) == failed


@pytest.mark.parametrize("scale", [pytest.param(scale, marks=ELSE) for scale in (1, 2550000)])
def test_the_scale_is_warned_of_though_batch_normalisation_mends_it(scale, one_thread):
    report = check_recipe("-c", "mlp_fashion_mnist", f"--data.scale={scale}", "--trainer.accelerator=cpu")
    assert (report.failed, report.warnings) == ([], ["inputs"])
    assert report["inputs"].findings[0].remedies == ("--data.scale 255: pixels from 0 to 1",)
