import warnings
from pathlib import Path

import pytest

from dlcore.cli.main import main
from dlcore.cli.study import carry_out
from dlcore.cli.study.study_command import SUBJECT
from dlcore.cli.study.study_request import read_study_request
from dlcore.errors import DlcoreError
from dlcore.studies import study_names


@pytest.fixture(autouse=True)
def _work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


def test_lists_each_study_with_its_purpose(capsys):
    assert main(["study"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in study_names())
    assert "Scaling: the same network on pixels from 0 to 1 and on pixels from 0 to 255." in " ".join(out.split())


def test_shows_and_copies_a_study(capsys):
    assert main(["study", "show", "scaling"]) == 0
    text = capsys.readouterr().out
    assert "claims:" in text
    assert main(["study", "copy", "scaling", "我的.yaml"]) == 0
    assert Path("我的.yaml").read_text(encoding="utf-8") == text
    assert "python -m dlcore study 我的.yaml" in capsys.readouterr().out
    assert main(["study", "copy", "scaling", "我的.yaml"]) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["scalling"], "Unknown study: 'scalling'. Did you mean 'scaling'?"),
        (["show"], "study show: expected one study (show NAME) after it, got nothing."),
        (["copy", "scaling", "x.txt"], "a study's file name ends in .yaml; call it x.yaml."),
        (["copy", "scaling", "."], "a folder; name a file in it, such as scaling.yaml"),
        (["copy", "scaling", "x" * 300 + ".yaml"], "cannot be written: File name too long"),
        (["copy", "scaling", "depth.yaml"], "a study of that name comes with dlcore"),
        (["nowhere.yaml"], "nowhere.yaml: there is no such file."),
        (["--seeds", "3"], "study: expected a study's name, or --vary, got nothing."),
        (["scaling", "--seeds", "x"], "--seeds: expected how many (3), or which (0,7), got 'x'."),
        (["scaling", "--jobs", "0"], "--jobs: expected a whole number at least 1, got '0'."),
        (["scaling", "--x", "steps"], "--x: expected epoch or samples or seconds, got 'steps'."),
        (["scaling", "--vary", "model.dropout=0,1"], "its variants are those of its file"),
        (["scaling", "--redu"], "Unknown option of `study`: 'redu'. Did you mean 'redo'?"),
        (["scaling", "--seed_everything", "1"], "Seeds are given by --seeds."),
        (["scaling", "--redo=1"], "--redo: expected no value behind it, got '1'."),
        (["--vary", "model.dropout"], "--vary: expected a setting and its values"),
        (["scaling", "more"], "study: expected flags, which begin with --, got 'more'."),
    ],
)
def test_what_cannot_be_carried_out_is_said_in_a_line(words, message, capsys):
    assert main(["study", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1


def test_flags_beat_variants_and_options_are_read():
    words = ["scaling", "--seeds", "0,7", "--x", "samples", "--redo", "--trainer.max_epochs", "2", "--data.scale=9"]
    request = read_study_request(SUBJECT, words)
    assert (request.study.seeds, request.study.x, request.redo, request.dry_run) == ((0, 7), "samples", True, False)
    assert {variant.settings["data.scale"] for variant in request.study.variants} == {"9"}


def test_variants_from_the_command_line():
    words = [
        "-c",
        "mlp_textbook",
        "--vary",
        "model.dropout=0,0.25",
        "--vary",
        "data.batch_size=32,256",
        "--random",
        "3",
    ]
    study = read_study_request(SUBJECT, words).study
    assert (study.name, study.title) == ("mlp_textbook_dropout_batch_size", "mlp_textbook: dropout × batch_size")
    assert len(study.variants) == 3


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["--model=my_package.MyNet"], "my_net_lr"),  # as `fit` names its run
        (["--data.scale=1"], "mlp_fashion_mnist_lr"),
        (["-c", "mlp_textbook", "--model=CNN"], "mlp_textbook_lr"),
    ],
)
def test_a_study_without_a_recipe_is_named_after_its_own_model(words, name):
    request = read_study_request(SUBJECT, [*words, "--vary", "model.optimizer.lr=0.1,0.01"])
    assert request.study.name == name


def test_words_of_other_programs_do_no_harm():
    with pytest.raises(DlcoreError):
        read_study_request(SUBJECT, ["../scaling"])


def test_a_warning_of_a_study_is_a_line_without_places_in_the_code(monkeypatch):
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)  # so that it is put back
    monkeypatch.setattr(carry_out, "dry_run", lambda request: 0)
    assert main(["study", "scaling", "--dry_run"]) == 0
    assert warnings.formatwarning("kept", UserWarning, "plan.py", 1) == "dlcore: warning: kept\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--backend", "slurm"], "--backend: expected local or ray or dask, got 'slurm'."),
        (["--backend-address", "host:1"], "--backend_address: expected nothing, without --backend ray"),
    ],
)
def test_a_cluster_that_cannot_be_is_said_in_a_line(words, message, capsys):
    assert main(["study", "scaling", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--folds", "1"], "--folds: expected a number of folds, at least 2, without --optuna, got 1"),
        (["--folds", "x"], "--folds: expected a whole number at least 1, got 'x'"),
        (["--folds", "3", "--optuna", "2", "--vary", "model.dropout=0..1"], "A search has no folds"),
    ],
)
def test_wrong_folds_are_refused(error, words, message):
    assert message in error("study", "-c", "mlp_table_binary", *words)
