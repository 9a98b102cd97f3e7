"""Bad input costs one line: it names the argument, what was expected, what came and the remedy, never a traceback."""

import contextlib
import logging
import signal
import sys

import pytest
import torch

from dlcore.cli import main as cli
from dlcore.cli.main import main


@pytest.mark.parametrize(
    ("words", "said"),
    [
        # A mistyped name, at each level: the nearest one is offered.
        ("tset", "Unknown command: 'tset'. Did you mean 'test'?"),
        ("fit --modle MLP", "Unknown flag: '--modle'. Did you mean --model?"),
        ("fit --model.droput 0.1", "Unknown argument of MLP (in --model.droput): 'droput'. Did you mean 'dropout'?"),
        ("fit --model.init_args.droput 0.1", "Did you mean 'dropout'?"),
        ("fit --data.batchsize 3", "Did you mean 'batch_size'?"),
        ("fit --trainer.max_epoch 1", "Did you mean 'max_epochs'?"),
        ("fit --early_stoping.patience 2", "Did you mean --early_stopping.patience?"),
        ("fit --early_stopping.patiens 2", "Did you mean 'patience'?"),
        (
            "fit -c rnn_lyrics --model.optimizer.lr 10",
            "model.optimizer.lr: expected none, since OneCycleLR sets the rate of every step, got '10'. Give the "
            "highest one: --model.lr_scheduler.max_lr 10",
        ),
        ("fit --model.optimizer.lrr 1", "Unknown argument of Adam (in --model.optimizer.lrr): 'lrr'"),
        ("fit --model MLPP", "Unknown model class (in --model): 'MLPP'. Did you mean 'MLP'?"),
        ("fit --data FashionMINST", "Did you mean 'FashionMNIST'?"),
        ("fit --model.optimizer Adamm", "Unknown optimizer (in --model.optimizer): 'Adamm'. Did you mean 'Adam'?"),
        ("fit --model.lr_scheduler CosineAnealingLR", "Did you mean 'CosineAnnealingLR'?"),
        ("fit --model.activation Relu7", "Unknown activation: 'Relu7'. Did you mean 'ReLU'?"),
        ("fit --model.initializer kaiming_norml", "Did you mean 'kaiming_normal'?"),
        ("fit -c mlp_fashion_mnit", "Unknown recipe: 'mlp_fashion_mnit'. Did you mean 'mlp_fashion_mnist'?"),
        # A flag without its section, a word that is no flag.
        ("fit --epochs 3", "Unknown flag: '--epochs'. Did you mean --trainer.max_epochs?"),
        ("fit --max_epochs 3", "Did you mean --trainer.max_epochs?"),
        ("fit --lr 0.1", "Did you mean --model.optimizer.lr?"),
        ("fit --resume x", "Unknown flag: '--resume'. Did you mean --ckpt_path?"),
        ("fit --seed 1", "Did you mean --seed_everything?"),
        ("fit --batchsize 3", "Did you mean --data.batch_size?"),
        ("fit --patience 3", "Did you mean --early_stopping.patience?"),
        ("fit --qwertz 3", "Unknown flag: '--qwertz'. See: python -m dlcore fit --help"),
        ("fit mlp_textbook", "got 'mlp_textbook'. A recipe stands behind -c: -c mlp_textbook"),
        ("fit mine.yaml", "A recipe stands behind -c: -c mine.yaml"),
        ("fit -model.dropout 0.2", "With two dashes: --model.dropout"),
        ("fit —model.dropout 0.2", "Type two hyphens: --model.dropout"),
        # A wrong type.
        (
            "fit --model.hidden_sizes null",
            "model.hidden_sizes: expected a list of whole numbers, as in [512, 256], got",
        ),
        ("fit --model.optimizer null", "model.optimizer: expected a class, got 'null'."),
        ("fit --data null", "data: expected a class, by flag or recipe, got nothing."),
        ("fit --trainer 5", "trainer: expected settings as in --trainer.max_epochs 5, got '5'."),
        ("fit --model.hidden_sizes abc", "model.hidden_sizes: expected a list of whole numbers"),
        ("fit --model.dropout x", "model.dropout: expected a number, got 'x'."),
        ("fit --model.batch_norm 3.5", "model.batch_norm: expected true or false, got '3.5'."),
        ("fit --model.task multi", "model.task: expected multiclass or binary or regression or null, got 'multi'."),
        ("fit --early_stopping.patience x", "early_stopping.patience: expected a whole number, got 'x'."),
        ("fit --early_stopping.mode up", "early_stopping.mode: expected auto or min or max, got 'up'."),
        ("fit --trainer.max_epochs x", "trainer.max_epochs: expected a whole number or null, got 'x'."),
        ("fit --model.optimizer.lr abc", "model.optimizer.lr: expected a number, got 'abc'."),
        ("fit --model.optimizer.lr nan", "model.optimizer.lr: expected a number, got 'nan'."),
        ("fit --model.optimizer.lr", "--model.optimizer.lr: expected a value behind it, got nothing."),
        ("fit --model.lr_scheduler CosineAnnealingLR", "model.lr_scheduler.T_max: expected a value"),
        # A value outside its range.
        ("fit --model.dropout 1.5", "model.dropout: expected a number at least 0 and below 1, got 1.5."),
        ("fit --model.dropout -0.1", "model.dropout: expected a number at least 0 and below 1, got -0.1."),
        ("fit --model.hidden_sizes [0]", "model.hidden_sizes[0]: expected a whole number at least 1, got 0."),
        ("fit --data.batch_size 0", "data.batch_size: expected a whole number at least 1, got 0."),
        ("fit --data.scale 0", "data.scale: expected a number above 0, got 0.0."),
        ("fit --data.val_size 60000", "data.val_size: expected a whole number at least 0 and below 60,000, got 60000."),
        ("fit --model.optimizer.lr -1", "model.optimizer.lr: expected a number at least 0, got -1.0."),
        ("fit --model.optimizer.betas [2,3]", "model.optimizer: expected settings that Adam accepts"),
        ("fit --early_stopping.patience 0", "early_stopping.patience: expected a whole number at least 1, got 0."),
        ("fit --reduce_lr_on_plateau.factor 1", "reduce_lr_on_plateau.factor: expected a number above 0 and below 1"),
        ("fit --trainer.devices 4096", "trainer.devices: expected 1 to "),
        ("fit --trainer.devices 0", "trainer.devices: expected 1 to "),
        # What cannot work together.
        ("fit --model.num_classes 7", "model.num_classes: expected 10, which FashionMNIST has, got 7."),
        ("fit --model.in_features 28", "model.in_features: expected 784, which FashionMNIST has, got 28."),
        ("fit --model.lr_scheduler ReduceLROnPlateau", "Use the callback: --reduce_lr_on_plateau"),
        ("fit --data.offline_sample false", "(1) Debian and Ubuntu: apt-get install dataset-fashion-mnist"),
        ("fit --data.root nowhere", "data.root: expected a folder with train-images-idx3-ubyte"),
        ("fit --model.task regression", "model.task: expected multiclass, which can be learned from FashionMNIST, got"),
        # Checkpoints.
        ("test", "--ckpt_path: expected the checkpoint to work with, got nothing."),
        ("test --ckpt_path best", "there is none. Train first: python -m dlcore fit."),
        ("fit --ckpt_path last", "there is none. Train first: python -m dlcore fit."),
        ("test --ckpt_path nowhere.ckpt", "got 'nowhere.ckpt', which is not there."),
        ("test --ckpt_path https://example.org/x.ckpt", "got the address 'https://example.org/x.ckpt'."),
        # What Lightning and the parser do not accept.
        ("fit --trainer.strategy foo", "trainer: "),
        ("fit --trainer.accelerator foo", "trainer: "),
        (
            "fit --data.val_size 100 --trainer.val_check_interval 5000",
            "trainer: `val_check_interval` (5000) must be less than or equal",
        ),
        ("fit --trainer.val_check_interval 0", "trainer.val_check_interval: expected a number above 0, got 0."),
        ("fit --trainer.devices abc", "trainer.devices: expected"),
        ("fit --seed_everything -1", "seed_everything: expected a whole number at least 0"),
        (
            "fit --steps_per_execution abc",
            "steps_per_execution: expected a whole number at least 1, or auto (as many as there are up to the next "
            "event), got 'abc'. 1 takes each step by itself.",
        ),
        ("fit --steps_per_execution 0", "up to the next event), got '0'. 1 takes each step by itself."),
        ("fit --steps_per_execution 1.5", "up to the next event), got '1.5'."),
        ("fit --early_stopping 5", "early_stopping: expected"),
        ("fit -c", "-c: expected a recipe's name or file behind it, got nothing."),
        ("fit --weights_only true", "Unknown flag: '--weights_only'"),
        ("fit --model.lr_scheduler LambdaLR --model.lr_scheduler.lr_lambda x", "lr_lambda"),
        (
            "fit --model.lr_scheduler OneCycleLR --model.lr_scheduler.max_lr 1 --model.lr_scheduler.total_steps 999 "
            "--data.val_size 100",
            "Switch one of them off: --reduce_lr_on_plateau off",
        ),
        ("fit stray", "expected flags, which begin with --, got 'stray'."),
    ],
)
def test_what_is_said(words, said, error):
    assert said in error(*words.split())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"model: [", "recipe.yaml:1:"),
        (b"- 1\n- 2\n", "list"),
        (b"model:\n  class_path: MLP\nmodel: x\n", "model"),
        (b"model: \xff\xfe", "UTF-8"),
        (b"modle: {}\n", "Unknown section (in recipe.yaml): 'modle'. Did you mean 'model'?"),
        (b"model: {class_path: MLP, dropout: 1}\n", "Arguments of the class stand in init_args."),
        (b"model: {class_path: MLP, init_args: {droput: 1}}\n", "Did you mean 'dropout'?"),
        ("model：MLP\n".encode(), "Its colons are full-width (：)"),
        (b"trainer: {max_epochs: 1}\n", "model: expected a class, by flag or recipe, got nothing."),
        (b"trainer: {max_epoch: 1}\n", "Did you mean 'max_epochs'?"),
        (b"early_stopping: {patiens: 1}\n", "Did you mean 'patience'?"),
        (b"steps_per_execution: -3\n", "steps_per_execution: expected a whole number at least 1, or auto"),
        (b"steps_per_execution: true\n", "up to the next event), got True. 1 takes each step by itself."),
        (b"early_stopping: 5\n", "early_stopping: expected settings"),
        (
            b"model: {class_path: MLP, init_args: {dropout: much}}\ndata: FashionMNIST\n",
            "model.dropout: expected a number",
        ),
    ],
)
def test_what_is_said_of_a_recipe(content, said, error, workplace):
    (workplace / "recipe.yaml").write_bytes(content)
    assert said in error("fit", "-c", "recipe.yaml")


def test_a_recipe_that_is_not_there(error):
    assert error("fit", "-c", "absent.yaml").startswith("absent.yaml: there is no such file.")


def test_a_monitor_that_nothing_logs_is_known_before_the_first_step(error, small):
    said = error("fit", *small, "--trainer.max_epochs=3", "--early_stopping.monitor=val/acc", "--progress_display=off")
    assert (
        "early_stopping.monitor: expected a metric that is logged, got 'val/acc'. Did you mean 'val/accuracy'?" in said
    )
    assert "Logged are: val/accuracy, val/loss." in said


def test_a_monitor_of_a_validation_that_there_is_not_is_known_before_the_first_step(error, small, workplace):
    said = error("fit", *small, "--trainer.limit_val_batches=0")
    assert said == (
        "early_stopping.monitor: expected a metric of the training (no validation), got 'val/loss'. "
        "Watch train/loss, or switch it off: --early_stopping off"
    )
    assert not list((workplace / "lightning_logs").rglob("version_*"))


@pytest.fixture
def trained(workplace, small, capsys):
    """A run of one epoch; gives its folder."""
    assert main(["fit", *small, "--trainer.max_epochs=1"]) == 0
    capsys.readouterr()
    return workplace / "lightning_logs" / "mlp_fashion_mnist" / "version_0"


def test_a_checkpoint_of_another_model(error, trained):
    said = error("test", "--ckpt_path=best", "--model.hidden_sizes=[10]")
    assert (
        "expected weights of this MLP, got those of another model: network.linear_1.weight has shape (10, 784)" in said
    )


def test_a_damaged_checkpoint(error, trained):
    path = trained / "checkpoints" / "best.ckpt"
    path.write_bytes(path.read_bytes()[:1000])
    assert "expected a checkpoint, but the file (1,000 bytes) is cut short, damaged" in error(
        "test", f"--ckpt_path={path}"
    )


def test_a_file_that_is_no_checkpoint(error, trained):
    torch.save({"some": "thing"}, "thing.ckpt")
    assert "expected a checkpoint with weights and counters" in error("test", "--ckpt_path=thing.ckpt")


@pytest.mark.parametrize("command", ["validate", "test", "predict"])
def test_nothing_to_evaluate(command, error, trained):
    limit = f"limit_{'val' if command == 'validate' else command}_batches"
    said = error(command, "--ckpt_path=best", f"--trainer.{limit}=0")
    assert said == f"trainer.{limit}: expected at least one batch, got 0."


def test_a_folder_of_checkpoints_that_cannot_be_written(error, workplace, small):
    (workplace / "file").write_text("")
    said = error("fit", *small, f"--checkpoint.dirpath={workplace / 'file' / 'below'}")
    assert "Check that the folder is there and may be written to." in said
    assert not list((workplace / "lightning_logs").rglob("version_*"))


def test_batch_norm_and_a_last_batch_of_one(error):
    said = error("fit", "--model.batch_norm=true", "--data.val_size=100", "--data.batch_size=899")
    assert said.startswith("data.batch_size: 900 samples in batches of 899 leave some process a batch of one sample")


def test_batch_norm_is_not_troubled_by_a_last_batch_that_is_not_reached(workplace):
    words = ("--data.val_size=100", "--data.batch_size=899", "--trainer.limit_train_batches=1")
    assert main(["fit", *words, "--trainer.max_epochs=1", "--trainer.limit_val_batches=1"]) == 0


def test_a_run_that_goes_on_keeps_its_seed(error, trained):
    said = error("fit", "--ckpt_path=last", "--seed_everything=77", "--trainer.max_epochs=2")
    assert said == "seed_everything: expected 0, with which the run began, got '77'. Leave it out."


def test_a_checkpoint_does_not_import_code(error, workplace, small, monkeypatch, capsys):
    (workplace / "foreign.py").write_text(
        "from dlcore.models import MLP\nopen('imported', 'w').close()\n"
        "class Net(MLP):\n"
        "    def __init__(self, in_features: int = 784, num_classes: int = 10):\n"
        "        super().__init__([3], in_features=in_features, num_classes=num_classes)\n"
    )
    monkeypatch.syspath_prepend(str(workplace))
    assert main(["fit", "--model=foreign.Net", *small, "--trainer.max_epochs=1"]) == 0
    (workplace / "imported").unlink()
    capsys.readouterr()
    sys.modules.pop("foreign")
    assert "was made with the class foreign.Net, which is not dlcore's" in error("test", "--ckpt_path=last")
    assert not (workplace / "imported").exists()
    assert main(["test", "--ckpt_path=last", "--model=foreign.Net", "--trainer.limit_test_batches=1"]) == 0


def test_a_run_that_never_began_leaves_no_folder(error, workplace):
    error("fit", "--data.offline_sample=false")
    assert not list((workplace / "lightning_logs").rglob("version_*"))


def test_debug_shows_the_traceback(monkeypatch, capsys, workplace):
    monkeypatch.setenv("DLCORE_DEBUG", "1")
    assert main(["fit", "--model.dropout", "7"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_matplotlib_says_nothing_of_a_cache_that_cannot_be_written(capsys, caplog):
    assert main(["--version"]) == 0
    log = logging.getLogger("matplotlib")
    log.warning("mkdir -p failed for path %s: %s", "/gone", "Not a directory")
    log.warning("Matplotlib created a temporary cache directory at %s because …", "/tmp/x")
    log.warning("findfont: Font family 'X' not found.")
    assert [record.message for record in caplog.records] == ["findfont: Font family 'X' not found."]


def test_an_error_that_follows_from_a_swallowed_ctrl_c_is_an_interruption(monkeypatch, capsys):
    """C code swallows the exception of a Ctrl-C (torch, while it imports numpy); what is half imported fails later."""

    def dispatch(argv):
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        raise AttributeError("module 'numpy' has no attribute 'matrix'")

    monkeypatch.setattr(cli, "_dispatch", dispatch)
    assert cli.main(["fit"]) == 130
    assert capsys.readouterr().err == "dlcore: Interrupted.\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
