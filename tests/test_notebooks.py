"""Notebooks in a real kernel: those of the documents run, and a fit that is interrupted goes on as if nothing was."""

import base64
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

pytestmark = [
    pytest.mark.process,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of jupyter_client and zmq
]
NOTEBOOKS = sorted((Path(__file__).parents[1] / "docs" / "notebooks").glob("*.ipynb"))
PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def apart(tmp_path_factory):
    """A working folder for kernels, which leave nothing elsewhere."""
    place = tmp_path_factory.mktemp("notebooks")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CACHE_HOME", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
            patch.setenv(name, str(place / name))
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
        yield place


def outputs(cell, *kinds):
    """Contents of a cell's outputs of these kinds, by MIME type."""
    return [output["data"] for output in cell.outputs if output.output_type in kinds]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_notebook_is_short_without_outputs_and_in_two_languages(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
            assert len(cell.source.splitlines()) <= 30
        else:
            heading, chinese = cell.source.splitlines()[:2]
            assert heading.startswith("#")
            assert any("\u4e00" <= sign <= "\u9fff" for sign in chinese) or chinese.startswith("FashionMNIST")


def test_there_is_one_for_each_document():
    assert [path.stem for path in NOTEBOOKS] == ["1_networks", "2_fashion_mnist", "3_images", "4_text"]


# The others are of -m matrix: the functions that they call have tests.
ALWAYS = "2_fashion_mnist"  # trains, tests, explains, compares, and calls the command line


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem, marks=[pytest.mark.matrix] * (path.stem != ALWAYS)) for path in NOTEBOOKS],
)
def test_each_notebook_runs_and_shows_its_pictures(path, apart):
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(apart)}}).execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [data for cell in code for data in outputs(cell, "display_data", "execute_result")]
    pictures = [data["image/png"] for data in shown if "image/png" in data]
    assert len(pictures) >= 2
    assert all(base64.b64decode(picture).startswith(PNG) for picture in pictures)
    fits = [cell for cell in code if cell.source.splitlines()[-1].startswith(("run = fit(", "fit("))]
    assert fits
    for cell in fits:  # one output, which has grown
        ((shown),) = outputs(cell, "display_data")
        assert "image/png" in shown
    summaries = [cell for cell in code if cell.source.startswith("run")]
    for cell in summaries:
        ((shown),) = outputs(cell, "execute_result")
        assert "data:image/png;base64," in shown["text/markdown"]


class Kernel:
    """A kernel, and what its cells say.

    Args:
        folder: Its working folder.
    """

    def __init__(self, folder):
        self.manager = KernelManager()
        self.manager.start_kernel(cwd=str(folder))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)

    def run(self, code, interrupt_at=""):
        """Run a cell, and interrupt the kernel once it has shown this text; return the messages of the cell."""
        sent, messages = self.client.execute(code), []
        while True:
            message = self.client.get_iopub_msg(timeout=200)
            if message["parent_header"].get("msg_id") != sent:
                continue
            messages.append((message["msg_type"], message["content"]))
            if messages[-1] == ("status", {"execution_state": "idle"}):
                return messages
            if interrupt_at and message["msg_type"] == "stream" and interrupt_at in message["content"]["text"]:
                interrupt_at = ""
                self.manager.interrupt_kernel()

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel(apart):
    kernel = Kernel(apart)
    yield kernel
    kernel.close()


def printed(messages):
    return "".join(content["text"] for kind, content in messages if kind == "stream")


SLOW = """
import time
from lightning.pytorch import Callback
from dlcore.runs import fit

class Slow(Callback):
    def __init__(self, hook="on_train_batch_start", step=6, seconds=5):
        self.step, self.seconds = step, seconds
        setattr(self, hook, self.wait)

    def wait(self, trainer, *args, **kwargs):
        if trainer.global_step == self.step:
            print("interrupt now", flush=True)
            time.sleep(self.seconds)

words = ("-c", "mlp_table_binary", "--trainer.accelerator=cpu", "--trainer.max_epochs=3", "--data.batch_size=100")
"""
SAME = """
import torch
pairs = zip(resumed.model.state_dict().values(), whole.model.state_dict().values(), strict=True)
print(resumed.metrics == whole.metrics, all(torch.equal(one, other) for one, other in pairs))
"""


def errors(messages):
    return [content for kind, content in messages if kind == "error"]


def test_an_interrupted_fit_is_saved_and_goes_on_and_the_kernel_lives(kernel):
    kernel.run(SLOW)
    messages = kernel.run('run = fit(*words, "--trainer.default_root_dir=a", callbacks=[Slow()])', "interrupt now")
    (error,) = errors(messages)
    (line,) = error["traceback"]  # no traceback
    assert line.startswith("Interrupted: Interrupted by SIGINT at step 7. The state is in ")
    assert printed(messages).count("finishing the step to save") == 1
    displays = [content for kind, content in messages if kind in ("display_data", "update_display_data")]
    assert len({content["transient"]["display_id"] for content in displays}) == 1
    assert "image/png" in displays[-1]["data"]
    go_on = line.partition("Go on: ")[2]
    assert go_on.startswith("fit(")
    assert errors(kernel.run(f"resumed = {go_on}")) == []
    assert errors(kernel.run("whole = fit(*words)")) == []
    assert printed(kernel.run(SAME)) == "True True\n"


def test_an_interrupt_before_the_first_step_leaves_no_run_and_a_living_kernel(kernel, apart):
    code = 'fit(*words, "--trainer.default_root_dir=b", callbacks=[Slow("setup", 0)])'
    (error,) = errors(kernel.run(SLOW + code, "interrupt now"))
    assert error["traceback"] == ["Interrupted: Interrupted at once: nothing was saved by that."]
    assert not list((apart / "b").rglob("version_*"))
    assert printed(kernel.run("print(6 * 7)")) == "42\n"
    forever = "print('interrupt now', flush=True)\nwhile True: time.sleep(0.1)"
    assert [error["ename"] for error in errors(kernel.run(forever, "interrupt now"))] == ["KeyboardInterrupt"]
