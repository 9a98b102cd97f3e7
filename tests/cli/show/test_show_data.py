"""`show data` and `show config`: what they say and leave behind."""

import re
from pathlib import Path

import pytest
import yaml
from PIL import Image

from dlcore.cli.main import main

SMALL = ("--model.hidden_sizes=[8]", "--data.val_size=100", "--data.batch_size=50")


def is_picture(path):
    with Image.open(path) as image:
        return image.size[0] > 500 and image.info["Software"] == "dlcore"


def test_pictures_are_told_and_drawn(shown):
    out, code = shown("show", "data", *SMALL)
    assert code == 0
    assert "samples 900 train, 100 val, 200 test" in out
    assert "picture 1 × 28 × 28 (grey): 784 numbers" in out
    assert "stored uint8, 0 to 255" in out
    assert "network gets float32, 0 to 1" in out
    assert re.search(r"classes 10, (each )?with \d+ (to \d+ )?training samples", out)
    assert "Ankle boot" in out
    for kind in ("data", "array", "features"):
        assert is_picture(f"show/{kind}_mlp_fashion_mnist.png")
    assert not Path("show/augmentation_mlp_fashion_mnist.png").exists()  # FashionMNIST has none
    assert not Path("lightning_logs").exists()


def test_a_scale_shows_in_what_the_network_gets(shown):
    out, _ = shown("show", "data", *SMALL, "--data.scale=1", "--part=val", "--index=99", "--out=x.png")
    assert "network gets float32, 0 to 255" in out
    assert all(is_picture(name) for name in ("x.png", "x_array.png", "x_features.png"))


def test_augmentation_is_drawn_where_the_data_have_it(shown):
    shown("show", "data", *SMALL, "--data.flip=0.5", "--data.shift=0.1", "--data.erase=0.5")
    assert is_picture("show/augmentation_mlp_fashion_mnist.png")


def test_a_table_is_told_column_by_column(shown):
    out, code = shown("show", "data", "-c", "mlp_table_binary")
    assert code == 0
    assert "rows 569: 341 train, 114 val, 114 test" in out
    assert "target diagnosis, binary" in out
    assert "mean radius numbers 6.981 to 28.11 14.13 3.521" in out
    assert "diagnosis categories benign (357), malignant (212)" in out
    assert is_picture("show/data_mlp_table_binary.png")


def test_missing_values_are_counted(shown):
    Path("own.csv").write_text("x,town,y\n" + "1,,1.5\n,b,2.25\n3,a,9.75\n5,a,1.125\n" * 6)
    out, _ = shown("show", "data", "-c", "mlp_table_regression", "--data.path=own.csv", "--data.missing=mean")
    assert "x numbers 6 1 to 5" in out
    assert "town categories 6 a (12), b (6)" in out


def test_labelled_texts_are_told_class_by_class(shown):
    lines = [f"{'球赛很好看' if n % 2 else '股市又跌了'}{n},{'体育' if n % 2 else '财经'}" for n in range(40)]
    Path("news.csv").write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    words = ("show", "data", "-c", "cnn_topics", "--data.path=news.csv", "--data.level=char")
    out, code = shown(*words, "--index=1", "--part=test")
    assert code == 0
    assert "texts 28 train, 6 val, 6 test" in out
    assert "体育 14 3 3" in out
    assert "财经, text 1 of test: 股|市|又|跌|了|" in out
    assert main([*words, "--index=99"]) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("show data --part tset", "--part: expected train or val or test, got 'tset'."),
        ("show data --index x", "--index: expected a whole number, got 'x'."),
        ("show data --index -1", "--index: expected a number at least 0, got -1."),
        ("show data --indx 3", "Unknown option of `show data`: 'indx'. Did you mean 'index'?"),
        ("show data --data.val_size 100 --index 900", "--index: expected a whole number from 0 to 899, as train has"),
        ("show data --data.val_size 100 --part val --index 100", "from 0 to 99, as val has, got 100."),
        ("show data --data.val_size 100 --out x.jpg", "--out: expected a file name that ends in .png, got 'x.jpg'."),
        (
            "show data -c mlp_table_binary --part val",
            "--part: expected data that are pictures (a table is shown whole)",
        ),
        ("show data -c mlp_table_binary --index 3", "--index: expected data that are pictures"),
        ("show data -c mlp_table_binary --out no/x.png", "Make it: mkdir -p no"),
        ("show config --model.droput 0.1", "Did you mean 'dropout'?"),
        ("show config --al", "Unknown option of `show config`: 'al'. Did you mean 'all'?"),
        ("show config --all yes", "--all: expected no value behind it, got 'yes'."),
    ],
)
def test_what_is_said_of_bad_input(words, said, error):
    assert said in error(*words.split())


def test_config_is_a_recipe_with_the_source_behind_each_value(workplace, capsys):
    assert main(["show", "config", "--model.dropout=0.1", "--trainer.max_epochs=1"]) == 0
    text = capsys.readouterr().out
    assert "    dropout: 0.1                              # flag\n" in text
    assert "    batch_norm: true                          # mlp_fashion_mnist\n" in text
    assert "    in_features: 784                          # data\n" in text
    config = yaml.safe_load(text)
    assert config["trainer"] == {"max_epochs": 1}
    Path("mine.yaml").write_text(text, encoding="utf-8")
    assert main(["show", "config", "-c", "mine.yaml"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == config


def test_config_all_has_the_trainers_defaults(workplace, capsys):
    assert main(["show", "config", "--all"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["trainer"]["precision"] is None
