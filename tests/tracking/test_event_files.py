import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from dlcore.tracking import hparams
from dlcore.tracking.event_files import drop_events_after, find_event_files


@pytest.fixture
def folder(tmp_path):
    writer = SummaryWriter(str(tmp_path))
    writer.file_writer.add_summary(hparams.session_start({"lr": 0.1}), 0)
    for step in range(0, 100, 10):
        writer.add_scalar("loss", step, step)
    writer.add_scalar("late", 1, 90)
    writer.file_writer.add_summary(hparams.session_end(False), 0)
    writer.add_scalar("last", 1, 10)
    writer.close()
    return tmp_path


def read(folder):
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}, purge_orphaned_data=False).Reload()
    return {tag: [event.step for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}, events


def test_later_points_vanish_and_the_step_itself_stays(folder):
    drop_events_after(folder, 50)
    assert read(folder)[0] == {"loss": [0, 10, 20, 30, 40, 50], "last": [10]}


def test_old_begin_and_end_of_the_session_vanish(folder):
    assert read(folder)[1].PluginTagToContent("hparams")
    drop_events_after(folder, 1000)
    steps, events = read(folder)
    assert steps == {"loss": list(range(0, 100, 10)), "late": [90], "last": [10]}
    with pytest.raises(KeyError):
        events.PluginTagToContent("hparams")


def test_file_of_which_all_stays_is_not_touched(folder):
    drop_events_after(folder, 1000)
    (path,) = find_event_files(folder)
    before = path.stat()
    drop_events_after(folder, 1000)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [file.name for file in folder.iterdir()] == [path.name]


@pytest.mark.parametrize("cut", [1, 5, 20])
@pytest.mark.fault(
    "SIGKILL while a record of TensorBoard's file is written",
    "the half record is left out, all others stay",
)
def test_record_that_a_kill_cut_off_is_left_out(folder, cut):
    drop_events_after(folder, 95)
    (path,) = find_event_files(folder)
    path.write_bytes(path.read_bytes()[:-cut])
    size = path.stat().st_size
    drop_events_after(folder, 95)
    assert path.stat().st_size < size
    assert read(folder)[0] == {"loss": list(range(0, 100, 10)), "late": [90]}


def test_runs_in_folders_inside_are_left_alone(folder):
    inner = SummaryWriter(str(folder / "inner"))
    inner.add_scalar("loss", 1, 99)
    inner.close()
    drop_events_after(folder, 50)
    assert len(find_event_files(folder)) == 1
    assert read(folder / "inner")[0] == {"loss": [99]}
