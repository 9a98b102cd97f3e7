import contextlib
import errno
import fcntl
from dataclasses import replace

import pytest

from dlcore.errors import ConfigError
from dlcore.studies.plan import clear_leftovers, digest_of, make_plan
from dlcore.studies.study import Study, Variant
from dlcore.studies.study_run_record import DONE, FAILED, RUNNING, Record
from dlcore.studies.study_runner import locked
from dlcore.studies.worker import train

STUDY = Study("s", "T", (Variant("a b", {"model.dropout": 0.1}, "mlp_textbook"),), seeds=(0, 1))


def leave(job, status, checkpoint=False):
    (job.folder / "checkpoints").mkdir(parents=True)
    if checkpoint:
        job.checkpoint.write_bytes(b"x")
    Record(job.variant, job.seed, job.digest, status).write(job.folder)


def test_a_run_a_variant_and_seed_in_folders_that_tensorboard_tells_apart(tmp_path):
    jobs = make_plan(STUDY, tmp_path).jobs
    assert [str(job.folder.relative_to(tmp_path)) for job in jobs] == ["study_s/a_b/seed_0", "study_s/a_b/seed_1"]
    assert jobs[0].words == ("-c", "mlp_textbook", "--model.dropout=0.1", "--seed_everything=0")


def test_what_is_done_is_not_done_again_unless_asked_for(tmp_path):
    for job in make_plan(STUDY, tmp_path).jobs:
        leave(job, DONE)
    assert make_plan(STUDY, tmp_path).jobs == []
    again = make_plan(STUDY, tmp_path, redo=True).jobs
    assert [job.folder.name for job in again] == ["seed_0_2", "seed_1_2"]


def test_other_settings_get_folders_beside_those_that_are_there(tmp_path):
    for job in make_plan(STUDY, tmp_path).jobs:
        leave(job, DONE)
    other = make_plan(STUDY.with_settings({"trainer.max_epochs": "1"}), tmp_path).jobs
    assert [job.folder.name for job in other] == ["seed_0_2", "seed_1_2"]


def test_an_interrupted_run_goes_on_and_a_failed_one_begins_anew(tmp_path):
    first, second = make_plan(STUDY, tmp_path).jobs
    leave(first, RUNNING, checkpoint=True)
    leave(second, FAILED, checkpoint=True)
    jobs = make_plan(STUDY, tmp_path).jobs
    assert [(job.folder.name, job.goes_on) for job in jobs] == [("seed_0", True), ("seed_1", False)]
    clear_leftovers(jobs)
    assert first.folder.is_dir()
    assert not second.folder.exists()


def test_the_digest_is_of_settings_and_not_of_their_order_or_the_display():
    variant = Variant("a", {"model.dropout": 0.1, "data.batch_size": 5}, "mlp_textbook")
    digest = digest_of(variant, 0, False)
    other = replace(variant, name="b", settings={"data.batch_size": 5, "model.dropout": 0.1, "progress_display": None})
    assert digest_of(other, 0, False) == digest
    assert digest_of(variant, 1, False) != digest
    assert digest_of(replace(variant, recipe="mlp_fashion_mnist"), 0, False) != digest


def test_a_setting_given_as_text_is_the_same_as_that_of_a_file():
    variant = Variant("a", {"trainer.max_epochs": 16, "model.optimizer.lr": 0.001}, "mlp_textbook")
    flags = replace(variant, settings={"trainer.max_epochs": "16", "model.optimizer.lr": "1e-3"})
    assert digest_of(flags, 0, False) == digest_of(variant, 0, False)
    other = replace(variant, settings={"trainer.max_epochs": "17", "model.optimizer.lr": "1e-3"})
    assert digest_of(other, 0, False) != digest_of(variant, 0, False)


@pytest.mark.parametrize("content", ['{"variant": "a", "se', '{"variant": "a", "renamed_later": 0}', None])
@pytest.mark.fault(
    "The record of a study's run is damaged between two starts",
    "“warning: …/study_run.json … is kept”; the run is done again beside it",
)
def test_a_run_with_checkpoints_whose_record_cannot_be_read_is_never_removed(tmp_path, content):
    first, second = make_plan(STUDY, tmp_path).jobs
    for job, name in ((first, "last.ckpt"), (second, "best.ckpt")):
        leave(job, DONE)
        (job.folder / "checkpoints" / name).write_bytes(b"x")
        record = job.folder / "study_run.json"
        record.unlink() if content is None else record.write_text(content)
    with contextlib.nullcontext() if content is None else pytest.warns(UserWarning, match=r"study_run\.json.* is kept"):
        jobs = make_plan(STUDY, tmp_path).jobs
    assert [job.folder.name for job in jobs] == ["seed_0_2", "seed_1_2"]
    clear_leftovers(jobs)
    assert train(replace(first, number=0)).status == FAILED
    assert first.checkpoint.is_file()
    assert (second.folder / "checkpoints" / "best.ckpt").is_file()


def test_a_folder_without_checkpoints_and_without_a_readable_record_is_used_again(tmp_path):
    first, second = make_plan(STUDY, tmp_path).jobs
    leave(first, RUNNING)
    (first.folder / "study_run.json").write_text("{")
    second.folder.mkdir(parents=True)
    with pytest.warns(UserWarning, match=r"study_run\.json"):
        jobs = make_plan(STUDY, tmp_path).jobs
    assert [job.folder.name for job in jobs] == ["seed_0", "seed_1"]
    clear_leftovers(jobs)
    assert not first.folder.exists()


def test_repeating_that_stopped_before_a_checkpoint_does_not_hide_what_was_done(tmp_path):
    for job in make_plan(STUDY, tmp_path).jobs:
        leave(job, DONE)
    again = make_plan(STUDY, tmp_path, redo=True).jobs
    leave(again[0], RUNNING)
    leave(again[1], RUNNING, checkpoint=True)
    plan = make_plan(STUDY, tmp_path)
    assert [folder.name for folder, _ in plan.done.values()] == ["seed_0"]
    assert [(job.folder.name, job.goes_on) for job in plan.jobs] == [("seed_1_2", True)]
    assert [job.folder.name for job in make_plan(STUDY, tmp_path, redo=True).jobs] == ["seed_0_2", "seed_1_3"]


def test_a_file_system_without_locks_is_no_obstacle(tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path / "s"):
        pass


@pytest.mark.fault(
    "A study is started while it is at work",
    "“…: another process (…) is running this study. Wait until it ends, or end it.”",
)
def test_a_second_process_is_kept_from_the_same_study(tmp_path):
    message = r"another process .* is running this study"
    with locked(tmp_path / "s"), pytest.raises(ConfigError, match=message), locked(tmp_path / "s"):
        pass
    with locked(tmp_path / "s"):
        pass
