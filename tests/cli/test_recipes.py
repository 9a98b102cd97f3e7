from pathlib import Path

import pytest

from dlcore.cli.recipes import run
from dlcore.config import recipe as recipe_module
from dlcore.errors import ConfigError, DlcoreError, UnknownNameError

TEXT = "# 一个网络 for pictures.\n#\n# python -m dlcore fit\nmodel:\n  class_path: MLP  # 明月\n"


@pytest.fixture(autouse=True)
def packaged(tmp_path, monkeypatch):
    folder = tmp_path / "packaged"
    folder.mkdir()
    (folder / "mlp.yaml").write_bytes(TEXT.encode())
    (folder / "cnn_images.yaml").write_text("# A CNN.\nmodel: {}\n")
    work = tmp_path / "工作"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(recipe_module, "recipes_folder", lambda: folder)
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.mark.parametrize("argv", [[], ["list"]])
def test_lists_each_recipe_with_its_purpose(argv, capsys):
    assert run(argv) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["  cnn_images  A CNN.", "  mlp         一个网络 for pictures."]
    assert any("recipes copy NAME FILE" in line for line in lines)


def test_shows_a_recipe_to_the_letter(capsys):
    assert run(["show", "mlp"]) == 0
    assert capsys.readouterr().out == TEXT


def test_shows_a_recipe_in_colour_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    run(["show", "mlp"])
    out = capsys.readouterr().out
    assert "\x1b[2m# python -m dlcore fit\x1b[0m" in out
    assert "\x1b[36mmodel\x1b[0m:" in out
    assert "\x1b[2m# 明月\x1b[0m" in out


def test_copies_a_recipe_and_says_what_to_type_next(capsys):
    assert run(["copy", "mlp", "我的 网络.yaml"]) == 0
    assert Path("我的 网络.yaml").read_bytes() == TEXT.encode()
    out = capsys.readouterr().out
    assert "python -m dlcore fit -c '我的 网络.yaml'\n" in out
    assert "lightning_logs/我的 网络/" in out


def test_a_copy_can_be_copied_from_a_file():
    run(["copy", "mlp", "a.yaml"])
    run(["copy", "a.yaml", "b.yml"])
    assert Path("b.yml").read_text(encoding="utf-8") == TEXT


def test_never_overwrites_a_file():
    Path("mine.yaml").write_text("precious")
    with pytest.raises(ConfigError, match=r"mine.yaml: exists already, and is left as it is. Choose another name"):
        run(["copy", "mlp", "mine.yaml"])
    assert Path("mine.yaml").read_text() == "precious"


def test_never_writes_through_a_dangling_link():
    Path("link.yaml").symlink_to("nowhere.yaml")
    with pytest.raises(ConfigError, match="exists already"):
        run(["copy", "mlp", "link.yaml"])
    assert not Path("nowhere.yaml").exists()


def test_makes_no_folders():
    with pytest.raises(ConfigError, match=r"its folder does not exist. Make it first: mkdir -p 'my exps/a'"):
        run(["copy", "mlp", "my exps/a/mine.yaml"])
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (".", r"a folder; name a file in it, such as mlp.yaml"),
        ("mine", r"ends in .yaml; call it mine.yaml"),
        ("", "a folder"),
        ("x" * 300 + ".yaml", "cannot be written: File name too long"),
    ],
)
def test_a_copy_needs_a_yaml_file_to_go_to(target, message):
    with pytest.raises(ConfigError, match=message):
        run(["copy", "mlp", target])
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["shwo", "mlp"], "Unknown action of `recipes`: 'shwo'. Did you mean 'show'?"),
        (["mlp"], "To see it: python -m dlcore recipes show mlp."),
        (["show"], "recipes show: expected one recipe (show NAME) after it, got nothing."),
        (["show", "a", "b"], "expected one recipe (show NAME) after it, got `a b`."),
        (["copy", "mlp"], "recipes copy: expected a recipe and a file (copy NAME FILE) after it, got `mlp`."),
        (["list", "x"], "recipes list: expected nothing after it, got `x`."),
        (["show", "mpl"], "Unknown recipe: 'mpl'. Did you mean 'mlp'?"),
        (["copy", "nothing.yaml", "x.yaml"], "nothing.yaml: there is no such file."),
    ],
)
def test_bad_usage_is_one_line_with_the_remedy(argv, message):
    with pytest.raises(DlcoreError) as caught:
        run(argv)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ConfigError | UnknownNameError)


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["show", "--help"]])
def test_help_names_the_three_forms(argv, capsys):
    assert run(argv) == 0
    out = capsys.readouterr().out
    for form in ("recipes ", "recipes show NAME", "recipes copy NAME FILE"):
        assert form in out
