"""``try``: the page answers as `predict` does, to this machine only, and says in a line what it cannot answer."""

import csv
import os
from pathlib import Path

import pytest
from PIL import Image

from dlcore.cli.main import main
from dlcore.runs import fit

os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
pytestmark = [
    pytest.mark.process,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),  # of gradio and its server
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
QUICK = ("--trainer.accelerator=cpu", "--progress_display=off", "--early_stopping=off", "--parameter_distribution=off",
         "--run_summary=off")  # fmt: skip


@pytest.fixture
def opened():
    """Open the page of the newest run; return a client of it, and its address."""
    from gradio_client import Client

    from dlcore.cli.try_page.pages import page_of
    from dlcore.cli.try_page.try_command import HOST, free_port, launch

    pages = []

    def open_page(ckpt_path="last"):
        port = free_port(7900, False)
        pages.append(page_of(ckpt_path, None, ()))
        launch(pages[-1], port)
        return Client(f"http://{HOST}:{port}", verbose=False), f"http://{HOST}:{port}"

    yield open_page
    for page in pages:
        page.blocks.close(verbose=False)


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
    import httpx
    from gradio_client import handle_file

    client, address = opened()
    Image.new("L", (40, 60), 90).save("图.png")
    label, maps = client.predict(handle_file("图.png"), api_name="/picture")
    assert label["label"] in clothes.datamodule.facts()["class_names"]
    assert Image.open(maps if isinstance(maps, str) else maps["path"]).size[0] > 300
    Path("empty.png").touch()
    Path("text.png").write_text("no picture")
    for name in ("empty.png", "text.png"):
        with pytest.raises(Exception, match=r"(?i)picture|image|error"):
            client.predict(handle_file(name), api_name="/picture")
    assert httpx.get(address, headers={"Host": "stranger.example:7900"}).status_code == 421
    policy = httpx.get(address).headers["content-security-policy"]
    assert "default-src 'self'" in policy


def test_a_row_is_answered_as_by_predict(workplace, opened):
    rows = "\n".join(f"{20 + n % 50},{['no', 'yes'][n % 2]},{['well', 'sick'][n % 50 > 20]}" for n in range(100))
    Path("人.csv").write_text("年龄,smokes,state\n" + rows, encoding="utf-8")
    run = fit("-c", "mlp_table_binary", "--data.path=人.csv", "--data.target=state", *QUICK, "--trainer.max_epochs=2")
    client, _ = opened()
    label, _ = client.predict(55, "yes", api_name="/row")
    Path("new.csv").write_text("年龄,smokes\n55,yes\n", encoding="utf-8")
    assert main(["predict", "--ckpt_path=last", "--data.path=new.csv"]) == 0
    check_label(label, first_row(run.folder / "predictions_new.csv"))
    with pytest.raises(Exception, match="年龄: expected a value, got nothing"):
        client.predict(None, "yes", api_name="/row")


def test_a_text_is_classified(workplace, opened):
    run = fit("-c", "rnn_topics", *QUICK, "--trainer.max_epochs=1", "--trainer.limit_train_batches=5",
              "--model.hidden_size=8", "--model.embedding_dim=8")  # fmt: skip
    client, _ = opened()
    text = "今天的股票又涨了"
    label, words = client.predict(text, api_name="/text")
    assert main(["predict", "--ckpt_path=last", "--text", text]) == 0
    check_label(label, first_row(run.folder / "predictions_text.csv"))
    assert "".join(each["token"] for each in words) == text
    for wrong, message in ((" ", "expected a text with at least one word"), ("长" * 3000, "at most 2,000 characters")):
        with pytest.raises(Exception, match=message):
            client.predict(wrong, api_name="/text")


def test_a_text_model_writes_as_generate(text_run, monkeypatch, opened):
    from dlcore.runs import generate

    monkeypatch.chdir(text_run.parents[2])
    client, _ = opened()
    written = client.predict("明月", 20, 1.0, 7, api_name="/write")
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
