"""Passwords and keys are used, and are in no file of a run; the environment is never recorded."""

import pytest
import torch

from dlcore.cli.main import main
from dlcore.config.request import read_request
from dlcore.config.secrets import HIDDEN, forget_hidden, is_secret, without_secrets
from dlcore.runs import fit

KEY, VARIABLE = "sk-0123456789abcdef", "hunter2-of-the-environment"
ONE = ("--trainer.max_epochs=1", "--trainer.accelerator=cpu", "--progress_display=off")
LOGGER = (
    "from lightning.pytorch.loggers import CSVLogger\n"
    "class Sending(CSVLogger):\n"
    "    used = []\n"
    "    def __init__(self, save_dir: str = 'sent', api_key: str = '', url: str = ''):\n"
    "        super().__init__(save_dir)\n"
    "        self.used.append((api_key, url))\n"
    "from lightning.pytorch import Callback\n"
    "class Calling(Callback):\n"
    "    def __init__(self, password: str = '', token: str = ''):\n"
    "        self.password, self.token = password, token\n"
)


@pytest.fixture
def own_logger(workplace, monkeypatch):
    (workplace / "own_logger.py").write_text(LOGGER)
    monkeypatch.syspath_prepend(str(workplace))
    monkeypatch.setenv("WANDB_API_KEY", VARIABLE)
    monkeypatch.setenv("MY_SECRET", VARIABLE)
    return workplace


def kept_in(folder, text):
    """Files below a folder that hold a text."""
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


@pytest.mark.figures
@pytest.mark.fault(
    "a logger's api_key and a callback's password, by flag", "<hidden> in config.yaml, summary.md, checkpoints, events"
)
def test_no_file_of_a_run_holds_a_key(own_logger, small):
    callback = f'{{"class_path": "own_logger.Calling", "init_args": {{"password": "{KEY}", "token": "{KEY}"}}}}'
    run = fit(*small, *ONE, f"--trainer.callbacks=[{callback}]")
    (calling,) = (each for each in run.trainer.callbacks if type(each).__name__ == "Calling")
    assert (calling.password, calling.token) == (KEY, KEY)
    assert "password: <hidden>" in (run.folder / "config.yaml").read_text()
    assert HIDDEN in (run.folder / "events.jsonl").read_text()
    assert kept_in(own_logger / "lightning_logs", KEY) == []
    assert kept_in(own_logger / "lightning_logs", VARIABLE) == []


@pytest.mark.fault("a logger's api_key and an address with a password, in a recipe", "<hidden> in all that is kept")
def test_a_logger_gets_its_key_and_nobody_else(own_logger, small):
    (own_logger / "key.yaml").write_text(
        "trainer:\n  logger:\n    class_path: own_logger.Sending\n"
        f"    init_args: {{api_key: {KEY}, url: 'https://me:{KEY}@example.org/x'}}\n"
    )
    run = fit("-c", "mlp_fashion_mnist", "-c", "key.yaml", "--allow=own_logger", *small, *ONE)
    logger = run.trainer.loggers[1]  # beside the run's own
    assert logger.used[-1] == (KEY, f"https://me:{KEY}@example.org/x")
    assert [path.name for path in kept_in(own_logger, KEY)] == ["key.yaml"]
    (checkpoint,) = own_logger.rglob("last.ckpt")
    kept = torch.load(checkpoint, weights_only=True)["dlcore"]["config"]["trainer"]["logger"]["init_args"]
    assert kept["api_key"] == HIDDEN
    assert kept["url"] == f"https://{HIDDEN}@example.org/x"


def test_a_key_that_was_hidden_is_not_taken_for_one_when_the_run_goes_on(own_logger, small):
    callback = f'{{"class_path": "own_logger.Calling", "init_args": {{"password": "{KEY}"}}}}'
    fit(*small, *ONE, f"--trainer.callbacks=[{callback}]")
    run = fit("--ckpt_path=last", "--trainer.max_epochs=2", "--allow=own_logger", "--trainer.accelerator=cpu")
    (calling,) = (each for each in run.trainer.callbacks if type(each).__name__ == "Calling")
    assert calling.password == ""


@pytest.mark.parametrize(
    "name",
    [
        *("api_key", "apikey", "trainer.logger.init_args.api_key", "hf_token", "token", "password", "client_secret"),
        *("API_KEY", "access_key", "private_key", "auth_token", "credentials", "db_passwd", "wandb-api-key"),
    ],
)
def test_such_names_hold_secrets(name):
    assert is_secret(name)


@pytest.mark.parametrize(
    "name", ["token_loss", "num_tokens", "tokens", "monitor", "key", "kernel_size", "keep", "unknown"]
)
def test_such_names_hold_none(name):
    assert not is_secret(name)


def test_no_setting_of_dlcores_own_is_taken_for_a_secret():
    from dlcore.config.catalogue import class_arguments, class_names

    for package in ("models", "data", "callbacks"):
        for name in class_names(package):
            assert [argument for argument in class_arguments(package, name) if is_secret(argument)] == []


def test_the_command_line_that_is_kept_has_no_key():
    inner = '{"class_path": "x.Y", "init_args": {"api_key": "k1", "name": "n"}}'
    words = ["fit", "--trainer.logger.api_key=k2", f"--trainer.logger={inner}", "--data.root=https://u:k3@host/x"]
    line = read_request(words).line()
    for secret in ("k1", "k2", "k3"):
        assert secret not in line
    assert '"name": "n"' in line


def test_a_config_without_secrets_is_as_it_was():
    config = {"a": [1, {"b": None}], "c": "https://example.org/x", "password": None}
    assert without_secrets(config) == config
    assert forget_hidden({"a": HIDDEN, "b": [HIDDEN, {"c": 1, "d": HIDDEN}]}) == {"b": [{"c": 1}]}


def test_print_config_shows_what_was_given(own_logger, capsys):
    """What a user asks to see on his own terminal is not kept, and is whole."""
    with pytest.raises(SystemExit):
        main(["fit", "--print_config"])
    assert VARIABLE not in capsys.readouterr().out
