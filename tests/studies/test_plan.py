from dataclasses import replace

import pytest

from dlcore.errors import ConfigError
from dlcore.studies.outcome import locked
from dlcore.studies.plan import clear_leftovers, digest_of, make_plan
from dlcore.studies.record import DONE, FAILED, RUNNING, Record
from dlcore.studies.study import Study, Variant

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


def test_a_second_process_is_kept_from_the_same_study(tmp_path):
    message = r"another process .* is at work on this study"
    with locked(tmp_path / "s"), pytest.raises(ConfigError, match=message), locked(tmp_path / "s"):
        pass
    with locked(tmp_path / "s"):
        pass
