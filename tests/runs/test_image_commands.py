"""Commands on a folder of pictures: trained, resumed with the same changes, and new pictures answered by name."""

import csv
import io
import os

import numpy as np
import pytest
import torch
from PIL import Image

from dlcore.cli.main import main
from dlcore.models import CNN

SMALL = ("--data.size=8", "--data.batch_size=16", "--model.hidden_sizes=[8]", "--early_stopping=null")


def write(folder, name, grey, count):
    (folder / name).mkdir(parents=True)
    for number in range(count):
        Image.fromarray(np.full((9, 9, 3), grey + number, dtype=np.uint8)).save(folder / name / f"{number}.png")


@pytest.fixture
def photos(workplace):
    """A folder with sixty dark and sixty light pictures."""
    write(workplace / "照片", "暗", 20, 60)
    write(workplace / "照片", "亮", 160, 60)
    return workplace / "照片"


def test_a_folder_of_ones_own_is_learned_and_new_pictures_are_answered_by_name(photos, workplace, capsys):
    assert main(["fit", "-c", "mlp_circles", "--data.root", str(photos), *SMALL, "--trainer.max_epochs=3"]) == 0
    run = workplace / "lightning_logs" / "mlp_circles" / "version_0"
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["ImageFolder"]["pictures"]["class_names"] == ["亮", "暗"]
    assert main(["test", "--ckpt_path=best"]) == 0
    write(workplace, "new", 30, 2)
    write(workplace, "new/deep", 200, 1)
    assert main(["predict", "--ckpt_path=last", str(workplace / "new")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "the folders deep are no classes of the training: pictures are predicted without targets" in said
    assert "deep/0.png 亮" in said
    assert main(["predict", "--ckpt_path=last", "--data.root", str(workplace / "new" / "deep")]) == 0
    rows = list(csv.DictReader(io.StringIO((run / "predictions_deep.csv").read_text(encoding="utf-8"))))
    assert [(row["file"], row["predicted"]) for row in rows] == [("0.png", "亮")]
    assert "target" not in rows[0]
    assert main(["predict", "--ckpt_path=last"]) == 0
    rows = list(csv.DictReader(io.StringIO((run / "predictions.csv").read_text(encoding="utf-8"))))
    assert len(rows) == 12
    assert {row["file"].split("/")[0] for row in rows} == {"亮", "暗"}
    assert all(row["file"].startswith(row["target"]) for row in rows)


def test_a_resumed_run_sees_the_same_changes(photos, workplace):
    changes = ("--data.flip=0.5", "--data.crop=0.4", "--data.color=0.3", "--data.mixup=0.3", "--data.cutmix=1")
    common = ("fit", "-c", "mlp_circles", "--data.root", str(photos), *SMALL, *changes, "--model.dropout=0")
    assert main([*common, "--trainer.max_epochs=2"]) == 0
    assert main([*common, "--trainer.max_epochs=1"]) == 0
    runs = workplace / "lightning_logs" / "mlp_circles"
    assert (
        main(["fit", "--ckpt_path", str(runs / "version_1" / "checkpoints" / "last.ckpt"), "--trainer.max_epochs=2"])
        == 0
    )
    whole, resumed = (
        torch.load(runs / version / "checkpoints" / "last.ckpt", weights_only=True)
        for version in ("version_0", "version_1")
    )
    assert whole["global_step"] == resumed["global_step"] == 12
    for name, weights in whole["state_dict"].items():
        assert torch.equal(weights, resumed["state_dict"][name]), name


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--data.root=absent"], "data.root: expected a folder with a folder of pictures for each class, got 'absent'"),
        (
            [f"--data.root=a/{os.fsdecode(bytes([0xB9, 0xB7]))}"],
            r"got a/\xb9\xb7. A file or folder of such a name needs",
        ),
        (["--data.flip=2"], "data.flip: expected a number at least 0 and at most 1, got 2"),
        (["--data.val_size=1000"], "data.val_size: expected at most"),
    ],
)
def test_errors_are_one_line(photos, flags, words, capsys):
    assert main(["fit", "-c", "mlp_circles", "--data.root", str(photos), *SMALL, *flags]) == 2
    error = capsys.readouterr().err
    assert words in " ".join(error.split())
    assert "Traceback" not in error


def test_a_broken_file_stops_a_fit_before_it_begins_and_leaves_no_run(photos, workplace, capsys):
    (photos / "暗" / "坏.jpg").write_bytes(b"\xff\xd8\xff")
    fit = ["fit", "-c", "mlp_circles", "--data.root", str(photos), *SMALL, "--trainer.max_epochs=1"]
    assert main(fit) == 2
    assert "暗/坏.jpg" in capsys.readouterr().err
    assert not list(workplace.glob("lightning_logs/mlp_circles/version_*"))
    assert main([*fit, "--data.skip_broken=true", "--data.drop_last=true"]) == 0
    assert "1 of 121 files cannot be decoded: 暗/坏.jpg" in " ".join(capsys.readouterr().out.split())


def test_an_evaluation_does_not_need_the_file_of_weights_that_a_run_began_with(photos, workplace):
    network = CNN(architecture="squeezenet1_1", image_shape=[3, 32, 32], num_classes=2).network
    torch.save(network.state_dict(), workplace / "weights.pth")
    words = ["--model.architecture=squeezenet1_1", f"--model.weights={workplace / 'weights.pth'}", "--data.size=32"]
    few = ["--trainer.max_steps=2", "--data.batch_size=8"]
    assert main(["fit", "--model=CNN", "--data=ImageFolder", f"--data.root={photos}", *words, *few]) == 0
    (workplace / "weights.pth").unlink()
    assert main(["test", "--ckpt_path=last"]) == 0


def test_an_evaluation_replaces_its_own_files_and_no_others(photos, workplace, capsys):
    few = ["--trainer.max_steps=2", "--data.batch_size=8"]
    assert main(["fit", "-c", "mlp_circles", "--data.root", str(photos), *SMALL, *few]) == 0
    run = workplace / "lightning_logs" / "mlp_circles" / "version_0"
    for name, count in (("shots/2024.01", 1), ("shots/2024.02", 2), ("other/2024.02", 3)):
        write(workplace, name, 30, count)

    def files(*words):
        before = {path: path.read_bytes() for path in run.glob("*_*") if path.suffix in (".csv", ".png", ".json")}
        assert main([*words]) == 0
        after = {path: path.read_bytes() for path in run.glob("*_*") if path.suffix in (".csv", ".png", ".json")}
        assert before.items() <= after.items()
        return sorted(path.name for path in after.keys() - before.keys())

    predict = ("predict", "--ckpt_path=last", "--data.root")
    assert files(*predict, "shots/2024.01") == ["predictions_2024.01.csv"]
    assert files(*predict, "shots/2024.02") == ["predictions_2024.02.csv"]
    assert files(*predict, str(workplace / "shots" / "2024.02")) == []  # the same again
    assert files(*predict, "other/2024.02") == ["predictions_2024.02_2.csv"]
    assert "predictions_2024.02_2.csv (3 answers)" in capsys.readouterr().out
    assert files(*predict, "shots/2024.02") == files(*predict, "other/2024.02") == []
    (run / "predictions_shots.csv").write_text("somebody's own")
    assert files("predict", "--ckpt_path=last", "--data.root=shots/2024.02", "--data.eval_batch_size=1") == [
        "predictions_2024.02_3.csv"
    ]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (["new/0.png"], {"0.png": "暗"}),
        (["new/0.png", "new/a/b/0.png"], {"0.png": "暗", "a/b/0.png": "亮"}),
        (["new/**/*.png"], {"0.png": "暗", "1.png": "暗", "a/b/0.png": "亮"}),
        (["new/a", "new/1.png"], {"a/b/0.png": "亮", "1.png": "暗"}),
    ],
)
def test_files_patterns_and_nested_folders_are_predicted(photos, workplace, capsys, inputs, expected):
    assert main(["fit", "-c", "mlp_circles", "--data.root", str(photos), *SMALL, "--trainer.max_epochs=3"]) == 0
    write(workplace, "new", 30, 2)
    write(workplace, "new/a/b", 200, 1)
    assert main(["predict", *inputs, "--ckpt_path=best"]) == 0
    rows = capsys.readouterr().out.splitlines()
    answers = dict(row.split()[:2] for row in rows if row.split()[:1] and row.split()[0].endswith(".png"))
    assert answers == expected


def test_a_model_of_fashion_mnist_reads_pictures_from_elsewhere(workplace, small, capsys):
    assert main(["fit", "-c", "mlp_fashion_mnist", *small, "--trainer.max_epochs=1"]) == 0
    write(workplace, "own", 20, 1)
    Image.new("L", (300, 200), 250).save("own/白.png")
    capsys.readouterr()
    assert main(["predict", "own", "own/0.png", "--ckpt_path=best"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "1 of 2 pictures have a bright background, those of the training a black one. --data.invert true" in said
    assert "2 answers" in said
    assert main(["predict", "own/白.png", "--ckpt_path=best"]) == 0
    [path] = workplace.rglob("predictions_白.csv")
    [row] = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    assert row["file"] == "白.png"
    (workplace / "empty.jpg").touch()
    for words, message in (
        (["predict", "empty.jpg"], "empty.jpg (it is empty). Repair or remove them."),
        (["predict", "gone.jpg"], "data.pictures: expected pictures: a file, a folder, a pattern or a list of these"),
        (["test", "--data.pictures=own"], "data.pictures: expected nothing, unless predict reads them, got 'own'"),
    ):
        assert main([*words, "--ckpt_path=best"]) == 2
        assert message in " ".join(capsys.readouterr().err.split())


def test_pictures_that_are_not_there_or_empty_are_named(photos, workplace, capsys):
    assert main(["fit", "-c", "mlp_circles", "--data.root", str(photos), *SMALL, "--trainer.max_epochs=1"]) == 0
    (workplace / "empty.jpg").touch()
    for words, message in (
        (["empty.jpg", "--data.root=x"], "--data.root: expected nothing beside empty.jpg, got 'x'. Leave one out."),
        (["nothing.png"], "got 'nothing.png'. There is nothing of that name."),
        (["empty.jpg"], "empty.jpg (it is empty)"),
        (["*.webp"], "got '*.webp'. There is nothing of that name."),
    ):
        assert main(["predict", *words, "--ckpt_path=best"]) == 2
        assert message in " ".join(capsys.readouterr().err.split())
