import inspect

import pytest

from dlcore.cli import help as short_help
from dlcore.cli.help import TRAINER_FLAGS, print_command_help, print_help
from dlcore.cli.main import main
from dlcore.errors import ConfigError, UnknownNameError
from dlcore.plain_text import without_markup

MODELS = '''
class Net(LightningModule):
    """A net of made-up layers. More.

    Args:
        width: Units in a layer.
        optimizer: Optimiser of torch.optim.
    """
    def __init__(self, width: int = 7, optimizer: OptimizerCallable = torch.optim.Adam): ...

class Other(LightningModule):
    """Another net.

    Args:
        height: Rows [0, 1].
    """
    def __init__(self, height: float | None = None): ...
'''
DATA = '''
class Photos(LightningDataModule):
    """Photos in a folder.

    Args:
        root: Folder of 照片.
        batch_size: Photos in a batch.
    """
    def __init__(self, root: str, batch_size: int = 32): ...
'''
CALLBACKS = '''
class EarlyStopping(Callback):
    """Ends a fit early. More."""
    def __init__(self, monitor: str = "val/loss", patience: int = 3): ...

class LRLog(Callback):
    """Logs the rate."""
    def __init__(self): ...
'''
RECIPE = """\
# 明月 in photos.
seed_everything: 42
model:
  class_path: Net
  init_args: {width: 99, optimizer: {class_path: torch.optim.SGD, init_args: {lr: 1e-1}}}
data: {class_path: Photos, init_args: {root: my photos}}
trainer: {max_epochs: 12}
early_stopping: {patience: 8}
lr_log: null
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with two recipes, in a terminal of 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    (tmp_path / "配方.yaml").write_text(RECIPE, encoding="utf-8")
    (tmp_path / "long.yaml").write_text("trainer: {max_epochs: 300}\n")
    return tmp_path


@pytest.fixture
def root(tmp_path):
    names = {"models": '["Net", "Other"]', "data": '["Photos"]', "callbacks": '["EarlyStopping", "LRLog"]'}
    for (package, exported), source in zip(names.items(), (MODELS, DATA, CALLBACKS), strict=True):
        (tmp_path / "src" / package).mkdir(parents=True)
        (tmp_path / "src" / package / "__init__.py").write_text(f"__all__ = {exported}\n")
        (tmp_path / "src" / package / "made_up.py").write_text(source, encoding="utf-8")
    return tmp_path / "src"


@pytest.fixture
def shown(root, capsys):
    """What the help of a command says, with each run of blanks as one."""

    def read(command, *argv):
        print_command_help(command, argv, root)
        return " ".join(capsys.readouterr().out.split())

    return read


def test_the_help_names_each_command_and_where_more_is(capsys):
    print_help()
    out = capsys.readouterr().out
    for word in ("fit ", "validate ", "test ", "predict ", "recipes ", "fit --help-all", "DLCORE_DEBUG"):
        assert word in out


def test_fit_shows_the_arguments_of_the_recipes_classes_with_their_present_values(shown):
    out = shown("fit", "-c", "配方.yaml")
    assert "明月 in photos." in out
    assert "Model: Net A net of made-up layers. --model Net One of: Net, Other;" in out
    assert "--model.width 99 Units in a layer." in out
    assert "--model.optimizer SGD Optimiser of torch.optim. --model.optimizer.lr 0.1 Learning rate." in out
    assert "--data.root 'my photos' Folder of 照片. --data.batch_size 32 Photos in a batch." in out
    assert "--seed_everything 42" in out
    assert "--trainer.max_epochs 12" in out
    assert "--trainer.devices auto" in out
    for flag in ("--ckpt_path", "--print_config", "--help-all"):
        assert flag in out


def test_fit_shows_each_callback_with_its_arguments_and_whether_it_is_off(shown):
    out = shown("fit", "-c", "配方.yaml")
    assert "--early_stopping null switches one off; --early_stopping.patience VALUE sets an argument" in out
    assert "--early_stopping Ends a fit early. (monitor val/loss, patience 8)" in out
    assert "--lr_log null Logs the rate. Trainer" in out


def test_a_callback_without_section_is_off(shown):
    out = shown("fit", "-c", "long.yaml")
    assert "--early_stopping null Ends a fit early. (monitor val/loss, patience 3)" in out


def test_fit_shows_the_class_that_the_command_line_chooses(shown):
    out = shown("fit", "-c", "配方.yaml", "--model", "Other")
    assert "Model: Other Another net." in out
    assert "--model.height null Rows [0, 1]. (float)" in out
    assert "--model.width" not in out


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        (
            "--model.optimizer SGD",
            ("--model.optimizer.lr 0.1 Learning rate.", "--model.optimizer.momentum 0 Momentum, in [0, 1)."),
        ),
        ("--model.optimizer AdamW", ("--model.optimizer.lr 0.001", "--model.optimizer.eps 1e-08 Term added")),
        ("--model.optimizer=my.Own", ("--model.optimizer my.Own Optimiser",)),
    ],
)
def test_a_class_that_the_command_line_chooses_has_all_its_arguments(words, rows, shown):
    out = shown("fit", "-c", "配方.yaml", *words.split())
    for row in rows:
        assert row in out


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        (
            "PiecewiseConstantLR",
            ("boundaries VALUE Epochs or steps", "values VALUE The learning rates", "interval epoch"),
        ),
        ("StepLR", ("step_size INT Period of learning rate decay. (must be given)", "gamma 0.1 Multiplicative factor")),
        ("CosineAnnealingLR", ("T_max INT", "eta_min 0.0 Minimum learning rate.")),
    ],
)
def test_a_schedule_has_its_arguments_whether_it_is_torchs_or_dlcores(name, rows, capsys):
    print_command_help("fit", ["--model.lr_scheduler", name])
    out = " ".join(capsys.readouterr().out.split())
    assert f"--model.lr_scheduler {name}" in out
    for row in rows:
        assert f"--model.lr_scheduler.{row}" in out
    assert "lr_scheduler.optimizer" not in out
    assert "last_epoch" not in out


def test_a_mistyped_schedule_is_named_before_anything_is_printed(capsys):
    with pytest.raises(UnknownNameError, match=r"schedule: 'StpLR'. Did you mean 'StepLR'\?"):
        print_command_help("fit", ["--model.lr_scheduler", "StpLR"])
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a :class:`datetime.timedelta`, or ``None``", "a datetime.timedelta, or None"),
        (":paramref:`~lightning.Trainer.callbacks`. Default: ``True``.", "callbacks. Default: True."),
        (":py:class:`a title <torch.nn.Module>` and `N` of them", "a title and N of them"),
        ("in `TensorBoard <https://x.org/a>`_ format", "in TensorBoard (https://x.org/a) format"),
        ("a ``wrapped\n   word``: 明月", "a wrapped\n   word: 明月"),
        ("10:30 and a:b stay; so does a ` alone", "10:30 and a:b stay; so does a ` alone"),
    ],
)
def test_markup_of_docstrings_is_left_out(text, plain):
    assert without_markup(text) == plain


@pytest.mark.process
@pytest.mark.parametrize("words", ["--help-all", "--trainer.logger.help TensorBoardLogger"])
def test_lightnings_own_help_is_plain_too(words, capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["fit", *words.split()])
    out = capsys.readouterr().out
    assert out.startswith("usage: python -m dlcore fit ")
    assert "`" not in out


def test_fit_shows_the_last_of_several_recipes(shown):
    out = shown("fit", "-c", "配方.yaml", "-c", "long.yaml")
    assert "from the recipe 配方 and long" in out
    assert "--trainer.max_epochs 300" in out
    assert "--model.width 99" in out


def test_the_examples_can_be_typed_as_they_stand(root, capsys):
    print_command_help("fit", ["-c", "配方.yaml"], root)
    line = "  python -m dlcore fit -c 配方.yaml --model.optimizer SGD --model.optimizer.lr 0.01"
    assert line in capsys.readouterr().out.splitlines()


def test_a_class_of_the_users_own_is_left_to_the_full_help(shown):
    out = shown("fit", "-c", "配方.yaml", "--model", "mine.Net")
    assert "Model: mine.Net Not one of dlcore's classes: --help-all shows its arguments." in out


def test_a_recipe_without_model_says_how_to_choose_one(shown):
    assert "Model --model NAME One of: Net, Other;" in shown("fit", "-c", "long.yaml")


@pytest.mark.parametrize(
    ("command", "limit"), [("validate", "val"), ("test", "test"), ("predict", "predict")]
)  # fmt: skip
def test_measuring_commands_show_checkpoint_and_data(shown, command, limit):
    out = shown(command, "-c", "配方.yaml")
    assert f"Usage: python -m dlcore {command} --ckpt_path best|last|FILE" in out
    assert "--data.root TEXT Folder of 照片. --data.batch_size INT" in out
    assert f"--trainer.limit_{limit}_batches" in out
    assert f"python -m dlcore {command} --help-all" in out
    assert "--model.width" not in out
    assert "--early_stopping" not in out


@pytest.mark.parametrize(
    ("argv", "error", "message"),
    [
        (["-c", "gone.yaml"], ConfigError, "there is no such file"),
        (["-c", "配方.yaml", "--model", "Nett"], UnknownNameError, "Unknown model: 'Nett'. Did you mean 'Net'"),
        (
            ["-c", "配方.yaml", "--data", "Photo"],
            UnknownNameError,
            "Unknown data class: 'Photo'. Did you mean 'Photos'",
        ),
    ],
)
def test_a_wrong_name_is_an_error_before_anything_is_printed(root, capsys, argv, error, message):
    with pytest.raises(error, match=message):
        print_command_help("fit", argv, root)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_help_keeps_to_the_terminals_width(folder, capsys, monkeypatch, columns):
    (folder / "real.yaml").write_text("model: MLP\ndata: FashionMNIST\n")
    monkeypatch.setenv("COLUMNS", str(columns))
    print_command_help("fit", ["-c", "real.yaml"])
    lines = capsys.readouterr().out.splitlines()
    examples = [line for line in lines if line.startswith("  python -m")]
    assert all(len(line) <= columns for line in lines if line not in examples)
    assert all(line == line.rstrip() for line in lines)


def test_odd_sections_are_shown_as_if_they_were_empty(folder, shown):
    (folder / "odd.yaml").write_text("model: 3\ndata: [1]\ntrainer: x\nearly_stopping: true\n")
    assert "--trainer.max_epochs 1000" in shown("fit", "-c", "odd.yaml")


def test_the_trainer_has_every_flag_that_the_help_names():
    from lightning.pytorch import Trainer

    parameters = inspect.signature(Trainer).parameters
    assert set(TRAINER_FLAGS) <= set(parameters)
    for name, (value, _) in TRAINER_FLAGS.items():
        # Where Lightning's signature says None, its documentation says the value.
        assert parameters[name].default in (None, value), name


def test_the_commands_are_described_once_each():
    names = ["fit", "validate", "test", "predict", "generate", "neighbors", "show", "check", "lr_find"]
    names += ["mistakes", "study", "sync", "explain", "why", "export", "try", "compare", "recipes"]
    assert list(short_help.COMMANDS) == names
