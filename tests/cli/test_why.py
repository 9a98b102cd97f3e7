"""``why`` as it is typed: pictures, mistakes, tables, texts, classes of one's own; its files, and its errors."""

import csv
import html
import os
import re

import numpy as np
import pytest
import torch
from PIL import Image

from dlcore.cli.main import main
from dlcore.insight import attribute, load_trained
from dlcore.runs import fit
from dlcore.tracking.figures import Bars, MapRow, attribution_bars, attribution_maps

QUIET = ("--progress_display=off", "--trainer.accelerator=cpu")
OWN = """
import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch.utils.data import DataLoader, TensorDataset


class Net(LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 3)

    def forward(self, inputs):
        return self.layer(inputs)

    def training_step(self, batch, batch_idx):
        return torch.nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


class Data(LightningDataModule):
    def train_dataloader(self):
        inputs = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
        return DataLoader(TensorDataset(inputs, (inputs[:, 1] > 0).long()), batch_size=16)

    test_dataloader = train_dataloader
"""


@pytest.fixture
def pictures(workplace, small):
    return fit("-c", "cnn_fashion_mnist", *small, *QUIET, "--trainer.max_epochs=1").folder


def said_of(capsys, *words):
    assert main(["why", *words]) == 0
    return capsys.readouterr().out


def test_a_picture_of_the_test_split_and_one_of_ones_own(pictures, capsys, monkeypatch):
    said = said_of(capsys, "--index", "3")
    assert "sample 3 of the test split" in said
    for name in ("Grad-CAM", "integrated gradients", "occlusion"):
        assert re.search(rf"{name} .*(yes|no)", said)
    with Image.open(pictures / "why" / "index_3.png") as drawn:
        assert drawn.width > 800
    page = (pictures / "why" / "index_3.html").read_text(encoding="utf-8")
    assert 'src="data:image/png;base64,' in page
    assert "http" not in re.sub(r"<!--.*?-->", "", page)
    pixels = np.full((90, 60), 255, np.uint8)
    Image.fromarray(pixels).save("照片.png")
    monkeypatch.setenv("DLCORE_LANG", "zh_CN")
    said = said_of(capsys, "照片.png", "--method=occlusion")
    assert "照片.png" in said
    assert "遮挡" in said
    assert "Grad-CAM" not in said
    assert "为什么是" in html.unescape((pictures / "why" / "picture_照片.html").read_text(encoding="utf-8"))


def test_mistakes_and_a_folder_that_is_read_only(pictures, capsys, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    said = said_of(capsys, "--mistakes")
    assert re.search(r"mistakes +[\d,]+ of [\d,]+ \(", said)
    assert (pictures.parents[2] / "why" / "mistakes.png").is_file()
    assert not (pictures / "why").exists()
    index = re.search(r"--index (\d+)", said)[1]
    trained = load_trained("--ckpt_path", "best")
    sample = trained.sample(int(index))
    assert trained.model(sample.inputs).argmax(1).item() != sample.target
    assert attribute(trained.model, sample.inputs)["integrated_gradients"].shape == (1, 28, 28)


def test_columns_of_a_table_and_of_a_row(workplace, capsys):
    draws = np.random.default_rng(0)
    values = draws.normal(size=(300, 4))
    names = draws.choice(["红", "绿", "蓝"], 300)
    with (workplace / "表.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [
            [*(f"{number:.4f}" for number in row), name, "甲" if row[1] + (name == "红") > 0 else "乙"]
            for row, name in zip(values, names, strict=True)
        ]
        csv.writer(file).writerows([["a", "要紧", "c", "d", "颜色", "类"], *rows])
    run = fit("-c", "mlp_table_binary", "--data.path=表.csv", *QUIET, "--trainer.max_epochs=15", "--model.dropout=0")
    said = said_of(capsys, "-c", "mlp_table_binary")
    assert re.search(r"──\n要紧 ", said)  # it has the first row of the table
    assert {path.name for path in (run.folder / "why").iterdir()} == {"columns.png", "columns.html"}
    said = said_of(capsys, "-c", "mlp_table_binary", "--index", "3")
    assert re.search(r"颜色 +[红绿蓝] +[+-]", said)
    assert "class" not in said
    answer = re.search(r"answer +(.) ", said)[1]
    assert answer in "甲乙"
    said = said_of(capsys, "-c", "mlp_table_binary", "--mistakes")
    index, target, answer = re.search(r"(\d+) +([甲乙]) +([甲乙]) +[\d.]+% ", said).groups()
    assert target != answer
    trained = load_trained("--ckpt_path", "best")
    sample = trained.sample(int(index))
    assert trained.named(sample.target) == target
    assert (trained.model(sample.inputs) > 0).item() == trained.names.index(answer)
    # The surest of them come first.
    shares = [float(share) for share in re.findall(r" ([\d.]+)% +\S+ = ", said)]
    assert shares == sorted(shares, reverse=True)


@pytest.mark.matrix
def test_a_regression_is_explained_by_its_number(workplace, capsys):
    fit("-c", "mlp_table_regression", *QUIET, "--trainer.max_epochs=3")
    assert "R² falls by" in said_of(capsys)
    assert "Δ " in said_of(capsys, "--index=0")
    rows = re.findall(r"^ *(\d+) +([\d.]+) +(-?[\d.]+) +([+-][\d.]+)", said_of(capsys, "--mistakes"), re.MULTILINE)
    assert len(rows) == 10
    errors = [float(error) for *_, error in rows]
    assert errors == sorted(errors, key=abs, reverse=True)
    for _, target, answer, error in rows:
        assert float(answer) - float(target) == pytest.approx(float(error), abs=0.2)


def test_the_words_that_mislead_a_text_classifier(workplace, capsys):
    """In the training texts 甲 goes with good; in the test texts it goes with bad."""
    rows = [(f"{word}字{number}", label) for number in range(60) for word, label in (("甲", "好"), ("乙", "坏"))]
    turned = [("甲字乙", "坏"), ("甲字", "坏"), ("乙字", "坏"), ("甲甲", "好")]
    for name, chosen in (("训练.csv", rows), ("测试.csv", turned)):
        with (workplace / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *chosen])
    data = ("--data.path=训练.csv", "--data.test_path=测试.csv", "--data.level=char")
    steps = ("--trainer.max_epochs=15", "--model.optimizer.lr=0.02", "--early_stopping=off")
    run = fit("-c", "cnn_topics", *data, *steps, *QUIET)
    said = said_of(capsys, "--mistakes")
    assert re.search(r"mistakes +[12] of 4", said)
    assert re.search(r"1 +坏 +好 +\S+% +甲字 +甲 \(\+", said)
    assert (run.folder / "why" / "mistakes.png").is_file()
    assert "\n甲字\n" in said_of(capsys, "--index=1")
    assert main(["why", "--mistakes", "--method=occlusion"]) == 2
    assert "--method: expected a model of pictures" in capsys.readouterr().err


def test_the_next_word_of_a_text_model(text_run, capsys, monkeypatch):
    monkeypatch.chdir(text_run.parents[2])
    said = said_of(capsys, "--text", "举头望明月，低头思故")
    assert re.search(r"next word +\S", said)
    assert "95% of the gradient comes from the last" in said
    assert said.startswith("举头望明月")
    assert (text_run / "why" / "text.html").is_file()
    assert main(["why"]) == 2
    assert "--text: expected a text, since TextRNN is a model of text, got nothing" in capsys.readouterr().err


def test_classes_of_ones_own(workplace, capsys, monkeypatch):
    (workplace / "mine.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(workplace))
    fit("--model=mine.Net", "--data=mine.Data", *QUIET, "--trainer.max_epochs=3", "--seed_everything=0")
    assert re.search(r"──\ninput 1 ", said_of(capsys, "--allow", "mine"))
    assert "input 1" in said_of(capsys, "--allow", "mine", "--index=5")


@pytest.mark.process
def test_errors_are_one_line_with_a_remedy(pictures, capsys):
    (pictures.parents[2] / "leer.png").write_bytes(b"")
    Image.new("1", (20_000, 10_000)).save("huge.png")
    for words, message in (
        (["leer.png"], "leer.png: expected a picture (JPEG, PNG, WebP, …), but it is empty."),
        (["huge.png"], "it has more than 89,478,485 pixels, the limit"),
        (["leere.png"], "Did you mean leer.png?"),
        (["--index=100000"], "the samples of the test split, got 100000"),
        (
            ["--text=明月", "-c", "cnn_fashion_mnist"],
            "expected a checkpoint of a model of text for --text, got one of CNN",
        ),
    ):
        assert main(["why", *words]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    fit("-c", "mlp_table_binary", *QUIET, "--trainer.max_epochs=1")
    capsys.readouterr()
    for words, message in (
        (
            ["huge.png"],
            "expected a model of pictures (ImageFolder, FashionMNIST) for a picture, got MLP trained on Table",
        ),
        (["--method=grad_cam"], "--method: expected a model of pictures"),
    ):
        assert main(["why", *words]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected a checkpoint among the runs"),
        (["gone.jpg"], "why: expected a picture's file, got 'gone.jpg (which is not there)'"),
        (["--method=gradcam"], "Unknown method: 'gradcam'. Did you mean 'grad_cam'?"),
        (["--indx=3"], "Did you mean 'index'?"),
        (["--index=x"], "--index: expected a whole number"),
        (["--index=3", "--mistakes"], "got '--index and --mistakes'"),
        (["--text= "], "--text: expected a text behind it"),
        (["--text=好", "--data.path=x.csv"], "--data.path=x.csv: expected --ckpt_path alone beside --text"),
        (["--text=好", "--method=occlusion"], "--method: expected a model of pictures"),
        (["--ckpt_path=nix"], "--ckpt_path: expected best, last, a run's folder or a file, got 'nix'"),
    ],
)
def test_what_is_wrong_without_a_checkpoint(words, message, error):
    assert message in error("why", *words)


# Figures


def test_small_pictures_are_enlarged_without_blur():
    row = MapRow(torch.eye(4).view(1, 4, 4).numpy(), [torch.eye(4).numpy()], ["照片", "地图"], [True])
    figure = attribution_maps([row], ["picture", "map"], "题")
    images = [image for axes in figure.axes for image in axes.images]
    assert [image.get_interpolation() for image in images] == ["nearest", "nearest"]
    strong, none = images[1].get_array()[0, 0], images[1].get_array()[0, 1]
    assert strong[0] > strong[2] + 0.5  # orange
    assert none[0] == pytest.approx(none[2])  # grey


def test_bars_are_ranked_by_size_or_stay_in_order():
    names, values = ["甲", "乙", "丙"], [0.1, -0.5, 0.3]
    ranked = attribution_bars(names, [Bars("a", "b", values)], "题").axes[0]
    assert [label.get_text() for label in ranked.get_yticklabels()] == ["乙", "丙", "甲"]
    plain = attribution_bars(names, [Bars("a", "b", values, ranked=False)], "题").axes[0]
    assert [label.get_text() for label in plain.get_yticklabels()] == names
