"""``try``: the page answers as `predict` does, to this machine only, and says in a line what it cannot answer."""

import csv
import json
import os
import signal
import time
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import pytest
from forked import CONTEXT
from forked_command import run as run_command
from PIL import Image

from dlcore.cli.main import main
from dlcore.cli.try_page.try_command import HOST, free_port
from dlcore.runs import fit

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]
QUICK = ("--trainer.accelerator=cpu", "--progress_display=off", "--early_stopping=off", "--parameter_distribution=off",
         "--run_summary=off")  # fmt: skip


class Client:
    """Asks a page as its own script does.

    Args:
        address: The page's address.
    """

    def __init__(self, address):
        self.address = address

    def open(self, path="/", content=None, headers=None):
        request = urllib.request.Request(self.address + path, content, headers or {})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.read().decode(), answer.headers

    def ask(self, name, *values):
        """The answers of an event; a RuntimeError with the page's message."""
        content = json.dumps({"data": values}).encode()
        said, _ = self.open(f"/gradio_api/call/{name}", content, {"Content-Type": "application/json"})
        said, _ = self.open(f"/gradio_api/call/{name}/{json.loads(said)['event_id']}")
        kind, _, data = said.strip().splitlines()[-2].partition("event: ")[2], None, said.strip().splitlines()[-1]
        if kind == "error":
            raise RuntimeError(data)
        return json.loads(data.removeprefix("data: "))

    def upload(self, path):
        head = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{path.name}"\r\n\r\n'
        content = head.encode() + path.read_bytes() + b"\r\n--x--\r\n"
        said, _ = self.open("/gradio_api/upload", content, {"Content-Type": "multipart/form-data; boundary=x"})
        return {"path": json.loads(said)[0], "meta": {"_type": "gradio.FileData"}}


@pytest.fixture
def opened():
    """Run ``try`` in a process of its own, on the newest run below the working folder; return a client."""
    processes = []

    def open_page(ckpt_path="last"):
        port, work = free_port(7900, False), Path.cwd()
        words = ["try", "--ckpt_path", ckpt_path, "--port", str(port)]
        out = work / "said"
        process = CONTEXT.Process(target=run_command, args=(words, work, out, work / "errors", (), (), {}))
        process.start()
        processes.append((process, work))
        client, end = Client(f"http://{HOST}:{port}"), time.monotonic() + 120
        while time.monotonic() < end:
            assert process.is_alive(), (work / "errors").read_text()
            try:
                client.open()
                return client
            except OSError:
                time.sleep(0.2)
        raise TimeoutError(out.read_text())

    yield open_page
    for process, work in processes:
        os.kill(process.pid, signal.SIGINT)
        process.join(20)
        ended = process.exitcode
        process.kill()
        process.join()
        assert ended == 0, (work / "errors").read_text()
        assert "Traceback" not in (work / "errors").read_text()


def first_row(path):
    return next(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def check_label(label, row):
    """The page's label is the row of `predict`."""
    assert label["label"] == row["predicted"]
    shares = {each["label"]: each["confidence"] for each in label["confidences"]}
    for name, share in shares.items():
        assert share == pytest.approx(float(row[f"probability of {name}"]), abs=1e-5)


@pytest.fixture
def clothes(workplace, small):
    return fit("-c", "mlp_fashion_mnist", *small, *QUICK, "--trainer.max_epochs=1", "--model.hidden_sizes=[8]")


def test_a_picture_is_answered_to_this_machine_only(clothes, workplace, opened):
    page = opened()
    Image.new("L", (40, 60), 90).save("图.png")
    label, maps = page.ask("picture", page.upload(Path("图.png")))
    assert label["label"] in clothes.datamodule.facts()["class_names"]
    assert maps["path"].endswith(".png")
    Path("empty.png").touch()
    Path("text.png").write_text("no picture")
    for name, message in (("empty.png", "it is empty"), ("text.png", "its content is no picture of a kind")):
        with pytest.raises(RuntimeError, match=message):
            page.ask("picture", page.upload(Path(name)))
    with pytest.raises(RuntimeError, match="picture: expected a picture: drop one, got nothing"):
        page.ask("picture", None)
    with pytest.raises(HTTPError, match="421"):
        page.open(headers={"Host": "stranger.example:7900"})
    assert "default-src 'self'" in page.open()[1]["content-security-policy"]
    assert Path("said").read_text().count(f"http://{HOST}:") == 1


@pytest.mark.matrix
def test_a_row_is_answered_as_by_predict(workplace, opened):
    rows = "\n".join(f"{20 + n % 50},{['no', 'yes'][n % 2]},{['well', 'sick'][n % 50 > 20]}" for n in range(100))
    Path("人.csv").write_text("年龄,smokes,state\n" + rows, encoding="utf-8")
    run = fit("-c", "mlp_table_binary", "--data.path=人.csv", "--data.target=state", *QUICK, "--trainer.max_epochs=2")
    page = opened()
    label, _ = page.ask("row", 55, "yes")
    Path("new.csv").write_text("年龄,smokes\n55,yes\n", encoding="utf-8")
    assert main(["predict", "--ckpt_path=last", "--data.path=new.csv"]) == 0
    check_label(label, first_row(run.folder / "predictions_new.csv"))
    with pytest.raises(RuntimeError, match="expected a value, got nothing"):
        page.ask("row", None, "yes")


@pytest.mark.matrix
def test_a_text_is_classified(workplace, opened):
    run = fit("-c", "rnn_topics", *QUICK, "--trainer.max_epochs=1", "--trainer.limit_train_batches=5",
              "--model.hidden_size=8", "--model.embedding_dim=8")  # fmt: skip
    page = opened()
    text = "今天的股票又涨了"
    label, words = page.ask("text", text)
    assert main(["predict", "--ckpt_path=last", "--text", text]) == 0
    check_label(label, first_row(run.folder / "predictions_text.csv"))
    assert "".join(each["token"] for each in words) == text
    for wrong, message in ((" ", "expected a text with at least one word"), ("长" * 2001, "expected at most 2,000")):
        with pytest.raises(RuntimeError, match=message):
            page.ask("text", wrong)


def test_a_text_model_writes_as_generate(text_run, monkeypatch, opened):
    from dlcore.runs import generate

    monkeypatch.chdir(text_run.parents[2])
    (written,) = opened().ask("write", "明月", 20, 1.0, 7)
    assert written == generate("明月", "last", seed=7, length=20, unit="tokens")[0].text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ckpt_path", "best"], "Train first"),
        (["--port", "0"], "--port: expected a number from 1 to 65535, got 0"),
        (["--prot", "80"], "Unknown option of `try`: 'prot'. Did you mean 'port'?"),
    ],
)
def test_what_cannot_be_is_said(workplace, capsys, words, message):
    assert main(["try", *words]) == 2
    assert message in capsys.readouterr().err
