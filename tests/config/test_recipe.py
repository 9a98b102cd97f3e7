import os
from pathlib import Path

import pytest

from dlcore.config import recipe as module
from dlcore.config.recipe import find_recipe, read_recipe, recipe_header, recipe_name, recipe_names, recipe_text
from dlcore.errors import ConfigError, UnknownNameError

TEXT = """\
# A perceptron on pictures of clothing.
#
#   python -m dlcore fit
# 91% in a minute.
seed_everything: 42

# not the header
model:
  class_path: MLP
  init_args: {dropout: 1e-1, hidden_sizes: [512, 256]}
early_stopping: null
"""


@pytest.fixture
def packaged(tmp_path, monkeypatch):
    """A folder with two packaged recipes, and an empty folder to work in."""
    folder = tmp_path / "packaged"
    (folder / "studies").mkdir(parents=True)
    for name in ("mlp_fashion_mnist.yaml", "cnn_images.yaml", "notes.txt", "studies/depth.yaml"):
        (folder / name).write_text(TEXT, encoding="utf-8")
    work = tmp_path / "工作"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(module, "recipes_folder", lambda: folder)
    return folder


def test_every_packaged_recipe_is_strictly_readable_short_and_says_its_purpose():
    for name in recipe_names():
        path = find_recipe(name)
        assert recipe_name(path) == name
        assert {"model", "data"} <= set(read_recipe(path))
        assert recipe_header(path).partition("\n")[0].endswith("."), name
        assert len(recipe_text(path).splitlines()) <= 40, name


def test_recipes_lie_beside_the_package_and_within_an_installed_one(tmp_path, monkeypatch):
    package = Path(module.__file__).parents[1]
    assert module.recipes_folder() in (package / "configs", package.parent / "configs")
    monkeypatch.setattr(module, "_PACKAGE", tmp_path / "dlcore")
    (tmp_path / "dlcore/configs/__pycache__").mkdir(parents=True)  # as an older checkout leaves it
    assert module.recipes_folder() == tmp_path / "configs"
    (tmp_path / "dlcore/configs/mlp_fashion_mnist.yaml").write_text(TEXT)
    assert module.recipes_folder() == tmp_path / "dlcore/configs"


def test_a_recipe_in_a_folder_configs_of_ones_own_is_found_by_its_path_only(packaged):
    Path("configs").mkdir()
    for name in ("mine", "cnn_images"):
        Path(f"configs/{name}.yaml").write_text(TEXT)
    assert find_recipe("configs/mine.yaml") == Path("configs/mine.yaml")
    assert find_recipe("cnn_images") == packaged / "cnn_images.yaml"
    with pytest.raises(UnknownNameError, match=r"with its path: configs/mine.yaml$"):
        find_recipe("mine")


def test_lists_recipes_and_nothing_else(packaged):
    assert recipe_names() == ["cnn_images", "mlp_fashion_mnist"]


def test_finds_a_packaged_recipe_by_name(packaged):
    assert find_recipe("cnn_images") == packaged / "cnn_images.yaml"


def test_a_packaged_name_beats_a_file_of_that_name(packaged):
    Path("cnn_images").write_text(TEXT)
    assert find_recipe("cnn_images") == packaged / "cnn_images.yaml"
    assert find_recipe("./cnn_images") == Path("cnn_images")


@pytest.mark.parametrize("name", ["mine.yaml", "实验/明月.yml", "mine", "v1.2"])
def test_finds_a_file(packaged, name):
    Path("实验").mkdir()
    Path(name).write_text(TEXT, encoding="utf-8")
    assert find_recipe(name) == Path(name)
    assert find_recipe(Path(name).absolute()) == Path(name).absolute()


def test_expands_the_home_folder(packaged, monkeypatch):
    monkeypatch.setenv("HOME", str(Path.cwd()))
    monkeypatch.setenv("USERPROFILE", str(Path.cwd()))
    Path("mine.yaml").write_text(TEXT)
    assert find_recipe("~/mine.yaml") == Path.cwd() / "mine.yaml"


def test_an_unknown_name_gets_the_nearest_and_the_remedy(packaged):
    with pytest.raises(UnknownNameError, match=r"Unknown recipe: 'mlp_fashon_mnist'. Did you mean 'mlp_fashion_mnist'"):
        find_recipe("mlp_fashon_mnist")
    with pytest.raises(UnknownNameError, match=r"There are: cnn_images, mlp_fashion_mnist.*a file of your own"):
        find_recipe("xyz")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine.yaml", "mine.yaml: there is no such file.$"),
        ("other/mine.yaml", "there is no such file. Its folder 'other' cannot be read or does not exist."),
        ("cnn_images.yaml", "no such file. The recipe that comes with dlcore is named without suffix: cnn_images"),
        ("mein_experiment.yaml", "no such file. Did you mean 'mein_experimnt.yaml'"),
        (".", "a folder, where a recipe"),
        ("", "name is empty"),
        ("x" * 5000, "File name too long"),
        ("a\0b.yaml", "there is no such file"),
        ("pipe", "neither a file nor a folder"),
    ],
)
def test_a_path_without_a_file_is_an_error_that_helps(packaged, name, message):
    if name.startswith("mein"):
        Path("mein_experimnt.yaml").write_text(TEXT)
    if name == "pipe":
        os.mkfifo("pipe")
    with pytest.raises(ConfigError, match=message):
        find_recipe(name)


@pytest.mark.parametrize(("path", "name"), [("a/mlp.yaml", "mlp"), ("明月.yml", "明月"), ("mlp.v2.yaml", "mlp.v2")])
def test_a_recipe_is_named_after_its_file(path, name):
    assert recipe_name(path) == name


def test_reads_what_stands_in_the_file(packaged):
    assert read_recipe(find_recipe("cnn_images")) == {
        "seed_everything": 42,
        "model": {"class_path": "MLP", "init_args": {"dropout": 0.1, "hidden_sizes": [512, 256]}},
        "early_stopping": None,
    }


def test_reads_chinese_text_and_windows_files(tmp_path):
    path = tmp_path / "歌词.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + "# 明月几时有。\r\ndata:\r\n  提示: 明月\r\n".encode())
    assert read_recipe(path) == {"data": {"提示": "明月"}}
    assert recipe_header(path) == "明月几时有。"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the recipe is empty"),
        (b"# only a comment\n", "the recipe is empty"),
        (b"{}\n", "the recipe is empty"),
        (b"- a\n- b\n", "not of a list"),
        (b"model\n", "not of a piece of text"),
        (b"3\n", "not of a number"),
        (b"true\n", "not of a yes or no"),
        (b"1: a\n", "a section's name is a word such as `model`, not 1"),
        (b"a: 1\nb: \xff\n", r"not UTF-8: byte 8 \(line 2\) is 0xff. Save the file as UTF-8."),
        (b"\xef\xbb\xbfa: 1\nb: \xe6\x98\n", r"not UTF-8: byte 11 \(line 2\) is 0xe6"),
        ("a: 明月".encode("gbk"), r"not UTF-8: byte 3 \(line 1\)"),
        ("a: 1".encode("utf-16"), "not UTF-8: it looks like UTF-16"),
        (b"a: 1\na: 2\n", r":2:1: the key 'a' is given twice"),
    ],
)
def test_refuses_what_is_not_a_recipe(tmp_path, content, message):
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        read_recipe(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_a_named_error(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_recipe(tmp_path / "gone.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_recipe(tmp_path)


def test_the_header_is_the_first_comment_only(packaged):
    header = "A perceptron on pictures of clothing.\n\n  python -m dlcore fit\n91% in a minute."
    assert recipe_header(find_recipe("cnn_images")) == header


def test_a_recipe_without_header_has_an_empty_one(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("a: 1\n# b\n")
    assert recipe_header(path) == ""
