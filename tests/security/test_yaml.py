"""YAML from anybody: plain values of a bounded size, or one line that says what is wrong."""

import time

import pytest

from dlcore.config import strict_yaml
from dlcore.errors import ConfigError

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

HOSTILE = {
    "a billion laughs (aliases of aliases)": (LAUGHS, "values, counting those that aliases (*name) repeat"),
    "sections 3,000 deep": ("a: " + "[" * 3000 + "]" * 3000, "sections within sections, more than 100 deep"),
    "a mapping 500 deep": ("\n".join(f"{' ' * n}a:" for n in range(500)), "more than 100 deep"),
    "a tag that makes a Python object": ("model: !!python/object/apply:os.system ['x']", "the tag !!python/object"),
    "a tag that names a module": ("model: !!python/module:evil_module", "the tag !!python/module:evil_module"),
    "a tag that names a function": ("model: !!python/name:os.system", "the tag !!python/name:os.system is refused"),
    "a local tag": ("model: !include /etc/passwd", "the tag !include is refused"),
    "a list that holds itself": ("model: &x [*x]", "recursive"),
    "a key given twice": ("model: MLP\nmodel: CNN\n", "the key 'model' is given twice"),
    "a number of 5,000 digits": ("model: " + "9" * 5000, "given.yaml"),
    "a control character": ("model: \x1b[2J", "a character that text cannot hold (U+001B)"),
    "200,000 values": ("model: [" + "1, " * 200_000 + "1]", "more than 20,000 values"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(*case, id=name, marks=pytest.mark.fault(f"a recipe with {name}", f"FILE: … {case[1]}"))
        for name, case in HOSTILE.items()
    ],
)
def test_a_hostile_recipe_is_a_line(text, said, refused, workplace):
    (workplace / "given.yaml").write_bytes(text.encode())
    line = refused("fit", "-c", "given.yaml")
    assert line.startswith("given.yaml")
    assert said in line
    assert len(line) < 400


@pytest.mark.parametrize("command", [["study"], ["fit", "-c"], ["recipes", "show"]])
@pytest.mark.fault("a YAML file of 100 MB", "FILE: expected a recipe of at most 8,000,000 bytes, got 100,000,000.")
def test_a_huge_file_is_not_read(command, refused, workplace):
    with (workplace / "huge.yaml").open("wb") as file:
        file.truncate(100_000_000)
    began = time.monotonic()
    assert "expected a recipe of at most 8,000,000 bytes, got 100,000,000." in refused(*command, "huge.yaml")
    assert time.monotonic() - began < 30  # to parse it takes minutes


@pytest.mark.fault("a study's file with aliases of aliases", "FILE: … more than 20,000 values")
def test_a_hostile_study_is_a_line(refused, workplace):
    (workplace / "given.yaml").write_text(LAUGHS)
    assert "values, counting those that aliases (*name) repeat" in refused("study", "given.yaml")


def test_a_text_longer_than_any_config_is_refused_before_it_is_read():
    with pytest.raises(ConfigError, match=r"x: expected at most 2,000,000 characters of YAML, got 2,000,003\."):
        strict_yaml.load("a: " + "b" * 2_000_000, "x")


def test_anchors_are_fine():
    text = "small: &small {lr: 0.1, sizes: [1, 2]}\nmodel: *small\nother: {<<: *small, lr: 0.2}\n"
    small = {"lr": 0.1, "sizes": [1, 2]}
    assert strict_yaml.load(text, "x") == {"small": small, "model": small, "other": {**small, "lr": 0.2}}


def test_a_hundred_sections_within_each_other_are_fine():
    assert strict_yaml.load("[" * 100 + "]" * 100, "x")
