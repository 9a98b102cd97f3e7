"""Callbacks that show what they find, in a trainer without dlcore's logger: they say what they lack."""

import pytest
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from dlcore.callbacks import ParameterDistribution, RunSummary
from dlcore.models import MLP
from dlcore.tracking import RunLogger


@pytest.mark.parametrize("callback", [ParameterDistribution, RunSummary])
@pytest.mark.parametrize(
    ("loggers", "lacks"),
    [
        ((), "the trainer has no logger. Give it one: Trainer(logger=[RunLogger(name='mine')])."),
        ((CSVLogger,), "the trainer has only CSVLogger. Give it one: Trainer(logger=[…, RunLogger("),
        ((TensorBoardLogger, CSVLogger), "the trainer has only TensorBoardLogger, CSVLogger. Give it one"),
    ],
)
def test_says_in_a_line_what_it_lacks(tiny_data, make_trainer, tmp_path, capsys, callback, loggers, lacks):
    made = [logger(tmp_path, name=logger.__name__) for logger in loggers]
    make_trainer(callbacks=[callback()], logger=made).fit(MLP([8], in_features=4, num_classes=3), tiny_data())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"{callback.__name__} shows nothing: it writes through dlcore.tracking.RunLogger")
    assert lacks in lines[0]


def test_works_beside_another_logger_and_says_nothing(tiny_data, make_trainer, tmp_path, capsys):
    run = tmp_path / "mine" / "version_0"
    loggers = [CSVLogger(tmp_path, name="theirs"), RunLogger(run, "mine")]
    trainer = make_trainer(callbacks=[ParameterDistribution(), RunSummary()], logger=loggers)
    trainer.fit(MLP([8], in_features=4, num_classes=3), tiny_data())
    assert {path.name for path in run.iterdir()} >= {"layers.csv", "layers.png", "curves.png", "summary.md"}
    assert capsys.readouterr().out == ""
