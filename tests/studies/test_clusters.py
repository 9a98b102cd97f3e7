"""Studies on Ray and Dask: the same numbers as on this machine, as they come, and clear words where it cannot be."""

import sys

import pytest

from dlcore.errors import ConfigError
from dlcore.studies.executor import InPlace, import_library, open_executor, share_out_cluster
from dlcore.studies.study import Study
from dlcore.studies.study_runner import Listener, run_study
from dlcore.studies.vary import grid, read_vary

COMMON = {
    "trainer.max_epochs": 2, "trainer.accelerator": "cpu", "early_stopping": "off", "parameter_distribution": "off",
}  # fmt: skip


def study(name, *vary):
    return Study(name, "T", grid("mlp_table_binary", [read_vary(text) for text in vary])).with_settings(COMMON)


def metrics(outcome):
    """The numbers of each run, to the last digit."""
    return {run.record.variant: (run.folder / "metrics.csv").read_text() for run in outcome.results.runs}


@pytest.mark.process
@pytest.mark.filterwarnings("ignore")  # of the libraries
@pytest.mark.parametrize("backend", ["ray", "dask"])
def test_a_cluster_gives_the_numbers_of_this_machine(backend, tmp_path, monkeypatch):
    library = {"ray": "ray", "dask": "distributed"}[backend]
    pytest.importorskip(library, reason=f"{library} is not installed: pip install 'dlcore[{backend}]'")
    monkeypatch.chdir(tmp_path)
    eight = study("eight", "model.dropout=0,0.1,0.3,0.5", "model.optimizer.lr=0.01,0.001")
    local = run_study(eight, tmp_path / "local", 2)
    ended = []
    listener = Listener(ended=lambda job, record: ended.append(record.variant))
    with open_executor(backend, wanted=2) as executor:
        there = run_study(eight, tmp_path / "there", 2, listener=listener, executor=executor)
        assert len(metrics(local)) == 8
        assert metrics(there) == metrics(local)
        assert sorted(ended) == sorted(variant.name for variant in eight.variants)
        # What is done is not done again.
        ended.clear()
        run_study(eight, tmp_path / "there", 2, listener=listener, executor=executor)
        assert ended == []


@pytest.mark.process
@pytest.mark.filterwarnings("ignore")  # of the library
@pytest.mark.fault(
    "SIGKILL of the process of one run of a study on Dask", "“Its process died …” of that run; the others end well"
)
def test_a_run_whose_process_dies_on_dask_is_lost_alone(tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="distributed is not installed: pip install 'dlcore[dask]'")
    code = "import os, signal\nfrom dlcore.models import MLP\n\n\nclass Deadly(MLP):\n"
    code += "    def on_train_epoch_start(self):\n"
    code += "        if self.trainer.current_epoch == 1 and len(self.hparams.hidden_sizes) == 2:\n"
    (tmp_path / "deadly_on_dask.py").write_text(f"{code}            os.kill(os.getpid(), signal.SIGKILL)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    two = Study("two", "T", grid("mlp_table_binary", [read_vary("model.hidden_sizes=[8],[4,4]")]))
    own = {"model": "deadly_on_dask.Deadly", "allow": "deadly_on_dask"}
    with open_executor("dask", wanted=2) as executor:
        results = run_study(two.with_settings(COMMON | own), tmp_path / "there", 2, executor=executor).results
    assert [run.record.status for run in results.runs] == ["done"]
    assert [error for _, _, error in results.failures] == [
        "Its process died (killed by the system, for want of memory?)."
    ]


@pytest.mark.parametrize(("backend", "library"), [("ray", "ray"), ("dask", "distributed")])
def test_a_library_that_is_not_installed_is_a_line_with_the_remedy(backend, library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    message = rf"the library {library} is not installed. Install it: pip install 'dlcore\[{backend}\]'"
    with pytest.raises(ConfigError, match=message), open_executor(backend):
        pass


def test_a_machine_that_does_not_see_the_folder_says_so(tmp_path):
    with pytest.raises(ConfigError, match="All machines of the cluster must see the working folder"):
        InPlace(print, tmp_path / "absent")(None)


def test_a_cluster_has_as_many_runs_at_once_as_it_has_room_for():
    assert share_out_cluster(100, None, 16) == (16, 1)
    assert share_out_cluster(100, 4, 16) == (4, 1)
    assert share_out_cluster(3, None, 16) == (3, 1)
    assert import_library("json", "x").loads("1") == 1


@pytest.mark.process
@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_that_does_not_answer_is_named():
    pytest.importorskip("distributed", reason="distributed is not installed: pip install 'dlcore[dask]'")
    with (
        pytest.raises(ConfigError, match="no Dask scheduler answers at nonsense"),
        open_executor("dask", "nonsense://x"),
    ):
        pass
