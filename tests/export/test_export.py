"""``export``: the files give the answers of `predict` in programs that have neither dlcore nor torch."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dlcore.cli.main import main
from dlcore.export import export_model, exporter
from dlcore.runs import fit, generate

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

QUICK = ("--trainer.accelerator=cpu", "--progress_display=off", "--early_stopping=off", "--parameter_distribution=off",
         "--run_summary=off")  # fmt: skip
WITHOUT_TORCH = """
import runpy, sys
sys.modules["torch"] = sys.modules["dlcore"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_script(folder, name, *words):
    """What a script beside an export prints, in a process that has no torch."""
    line = [sys.executable, "-I", "-c", WITHOUT_TORCH, folder / name, folder / "model.onnx", *words]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, cwd=folder, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows_of(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def share(row):
    """The probability of the predicted class."""
    return float(row["probability of " + row["predicted"]])


@pytest.fixture
def pictures(workplace):
    """Pictures of two classes: bright and dark, of several sizes."""
    random = np.random.default_rng(0)
    for name, light in (("亮", 200), ("暗", 50)):
        (workplace / "照片" / name).mkdir(parents=True)
        for number in range(24):
            pixels = random.integers(light - 50, light + 50, (20 + number, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(workplace / "照片" / name / f"{number}.png")
    return workplace


@pytest.fixture(autouse=True)
def quick_times(monkeypatch):
    """Speed is measured, but hardly."""
    monkeypatch.setattr(exporter, "_SECONDS", 0.001)
    monkeypatch.setattr(exporter, "_ROUNDS", 1)


@pytest.mark.parametrize(
    "resize", ["crop", *(pytest.param(each, marks=pytest.mark.matrix) for each in ("pad", "squash"))]
)
def test_a_picture_gets_the_answer_of_predict(pictures, capsys, resize):
    fit("-c", "cnn_images", "--data.root=照片", "--data.size=[16,24]", f"--data.resize={resize}", *QUICK,
        "--model.channels=[4]", "--model.kernel_size=3", "--trainer.max_epochs=1")  # fmt: skip
    assert main(["export", "--int8"]) == 0
    said = capsys.readouterr().out
    assert "(N, 3, 16, 24)" in said
    assert "model.int8.onnx" in said
    folder = Path("lightning_logs/cnn_images/version_0/export").resolve()
    assert b"dlcore/export" not in (folder / "model.onnx").read_bytes()  # no line of this machine's sources
    (pictures / "新").mkdir()
    Image.new("RGB", (50, 31), (250, 90, 10)).save(pictures / "新" / "a.png")
    assert main(["predict", "--ckpt_path=best", "--data.root=新"]) == 0
    (row,) = rows_of(folder.parent / "predictions_新.csv")
    printed = run_script(folder, "classify_pictures.py", pictures / "新" / "a.png").splitlines()
    assert len(printed) == 2
    assert printed[0].endswith(f"{row['predicted']} {share(row):.1%}")


@pytest.fixture(scope="module")
def table_run(tmp_path_factory):
    """A run on a table with numbers and names; whoever is above 40 and smokes is sick."""
    random, place = np.random.default_rng(0), tmp_path_factory.mktemp("people")
    rows = [["年龄", "smokes", "sick"]]
    for _ in range(120):
        age, smokes = int(random.integers(20, 70)), ["no", "yes"][random.integers(2)]
        rows.append([age, smokes, "yes" if age > 40 and smokes == "yes" else "no"])
    with (place / "人.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    words = ("-c", "mlp_table_binary", "--data.path=人.csv", "--data.target=sick", *QUICK, "--trainer.max_epochs=3")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        fit(*words)
    return place


@pytest.fixture
def people(table_run, workplace):
    """The run's folder, in a working folder of the test's own."""
    shutil.copytree(table_run, workplace, dirs_exist_ok=True)
    return workplace / "lightning_logs" / "mlp_table_binary" / "version_0"


@pytest.mark.parametrize("format", ["onnx", "torch", "safetensors"])
def test_rows_get_the_answers_of_predict(people, format):
    made = export_model(format=format, out="out")
    assert made.difference <= 1e-5
    assert made.compared == 24
    assert made.score == "accuracy"
    if format != "onnx":
        return
    assert {speed.name for speed in made.speeds} == {"torch", "model.onnx"}
    assert len({speed.score for speed in made.speeds}) == 1
    Path("new.csv").write_text("smokes,年龄\nyes,50\nno,21\nperhaps,30\n", encoding="utf-8")
    assert main(["predict", "--ckpt_path=best", "--data.path=new.csv"]) == 0
    rows = rows_of(people / "predictions_new.csv")
    expected = [f"{row['predicted']} {share(row):.1%}" for row in rows]
    assert run_script(Path("out").resolve(), "predict_rows.py", Path("new.csv").resolve()).splitlines() == expected


def test_without_its_data_a_model_is_compared_on_random_samples(people, capsys):
    assert main(["export", "--data.path=gone.csv"]) == 0
    assert "64 random samples, since the test samples are not here" in " ".join(capsys.readouterr().out.split())


def test_a_text_gets_the_answer_of_predict(workplace, capsys):
    run = fit("-c", "rnn_topics", *QUICK, "--trainer.max_epochs=1", "--trainer.limit_train_batches=20",
              "--model.hidden_size=8", "--model.embedding_dim=8")  # fmt: skip
    assert main(["export"]) == 0
    text = "今天的股票又涨了，北京队也赢了"
    assert main(["predict", "--text", text]) == 0
    (row,) = rows_of(run.folder / "predictions_text.csv")
    printed = run_script(run.folder / "export", "classify_texts.py", text)
    assert printed.startswith(f"{text}: {row['predicted']} {share(row):.1%}")


@pytest.mark.matrix
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_a_text_model_writes_what_generate_writes(workplace, cell):
    fit("-c", "rnn_lyrics", f"--model.cell={cell}", *QUICK, "--trainer.max_steps=30", "--model.hidden_size=32",
        "--model.embedding_dim=32", "--text_samples=off", "--text_memory=off")  # fmt: skip
    made = export_model("last")
    assert made.compared == 50
    # The longest that greedy decoding of both allows alike: without the end of a document.
    expected = generate("明月", "last", length=12, unit="tokens", do_sample=False)[0].text
    printed = run_script(made.path.parent, "write_text.py", "明月", "12", "0").rstrip("\n")
    assert printed.startswith(expected.partition("\n\n")[0])


@pytest.mark.parametrize("format", ["onnx", pytest.param("torch", marks=pytest.mark.matrix)])
def test_a_module_of_somebody_else(workplace, format):
    Path("own_net.py").write_text(
        "import torch\nfrom lightning.pytorch import LightningModule\n"
        "class Net(LightningModule):\n"
        "    def __init__(self, in_features: int, num_classes: int):\n"
        "        super().__init__()\n"
        "        self.layer = torch.nn.Linear(in_features, num_classes)\n"
        "    def forward(self, x):\n        return self.layer(x.flatten(1))\n"
        "    def training_step(self, batch, batch_idx):\n"
        "        return torch.nn.functional.cross_entropy(self(batch[0]), batch[1])\n"
        "    def validation_step(self, batch, batch_idx):\n        self.log('val_loss', self.training_step(batch, 0))\n"
        "    def configure_optimizers(self):\n        return torch.optim.SGD(self.parameters(), 0.1)\n",
        encoding="utf-8",
    )
    sys.path.insert(0, str(workplace))
    try:
        fit("--model=own_net.Net", "--data=Table", "--data.builtin=breast_cancer", "--trainer.max_epochs=1",
            "--trainer.accelerator=cpu")  # fmt: skip
        made = export_model(format=format, words=["--allow", "own_net"])
    finally:
        sys.path.remove(str(workplace))
        sys.modules.pop("own_net", None)
    assert made.exported.about["model"] == "own_net.Net"
    assert made.difference <= 1e-5


@pytest.mark.parametrize("answer", [0.5, float("nan")])
def test_a_file_with_other_answers_is_refused_and_not_kept(people, monkeypatch, capsys, answer):
    monkeypatch.setattr(exporter, "opened", lambda *_: lambda *inputs: (torch.full((len(inputs[0]), 2), answer),))
    assert main(["export"]) == 2
    assert "model.onnx: expected answers that agree to 1e-05, got a difference of" in capsys.readouterr().err
    assert list((people / "export").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "onxx"], "--format: expected onnx or torch or safetensors, got 'onxx'"),
        (["--format", "torch", "--int8"], "--int8: expected nothing with another format than onnx"),
        (["--ckpt_path", "nothing.ckpt"], "expected best, last, a run's folder or a file, got 'nothing.ckpt'"),
        (["--ckpt_path", "人.csv"], "expected a checkpoint, but the file"),
        (["--outt", "x"], "Unknown option of `export`: 'outt'"),
        (["--out", "人.csv"], "could not be written"),
    ],
)
def test_bad_input_gets_its_line(people, capsys, words, message):
    assert main(["export", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_missing_package_is_named(people, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert main(["export"]) == 2
    assert "--format onnx: expected the package onnxscript, which is not installed" in capsys.readouterr().err


def test_the_file_says_what_it_is(people):
    import onnx

    made = export_model()
    kept = {each.key: each.value for each in onnx.load(made.path).metadata_props}
    about = json.loads(kept["dlcore"])
    assert about["classes"] == ["no", "yes"]
    assert about["columns"] == {"年龄": None, "smokes": ["no", "yes"]}
    assert about["checkpoint"] == "best.ckpt"
    assert not any("/" in str(value) for key, value in about.items() if key != "encoding")


def test_without_a_run_the_command_that_trains_is_named(workplace, capsys):
    assert main(["export"]) == 2
    assert "Train first: python -m dlcore fit." in capsys.readouterr().err
