import math

import pytest
import yaml

from dlcore.config.strict_yaml import load
from dlcore.errors import ConfigError


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text, "我的.yaml")
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("1e-3", 0.001),
        ("1E5", 100000.0),
        ("-2e+4", -20000.0),
        ("1.5e-3", 0.0015),
        (".5", 0.5),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("1_000.5", 1000.5),
        ("-.inf", -math.inf),
    ],
)
def test_reads_every_common_way_to_write_a_float(written, number):
    value = load(f"lr: {written}", "x")["lr"]
    assert type(value) is float
    assert value == number


def test_a_nan_is_a_number():
    assert math.isnan(load("lr: .nan", "x")["lr"])


@pytest.mark.parametrize(("written", "number"), [("3", 3), ("-3", -3), ("2_550_000", 2550000), ("0x10", 16)])
def test_keeps_whole_numbers_whole(written, number):
    value = load(f"n: {written}", "x")["n"]
    assert type(value) is int
    assert value == number


@pytest.mark.parametrize("written", ["2024-01-31", "1e", "e3", "1.2.3", "1-3", "10:30.5", "val/loss", "明月"])
def test_keeps_text_text(written):
    assert load(f"t: {written}", "x")["t"] == written


def test_quoted_numbers_stay_text():
    assert load("t: '1e-3'", "x")["t"] == "1e-3"


def test_does_not_change_the_loader_of_others():
    load("a: 1e-3", "x")
    assert yaml.safe_load("a: 1e-3") == {"a": "1e-3"}


def test_refuses_a_key_given_twice_and_names_both_lines():
    assert refusal("model: 1\ndata: 2\nmodel: 3\n") == (
        "我的.yaml:3:1: the key 'model' is given twice, in line 1 and line 3: keep one of the two"
    )


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a:\n  b:\n    lr: 1\n    lr: 1\n", "4:5"),
        ("a: [{lr: 1, lr: 2}]\n", "1:13"),
        ("a:\n- x: 1\n  'x': 2\n", "3:3"),
        ("? a\n: 1\na: 2\n", "3:1"),
    ],
)
def test_refuses_a_key_given_twice_at_any_depth(text, where):
    assert refusal(text).startswith(f"我的.yaml:{where}: the key ")


def test_the_same_key_in_two_sections_is_fine():
    assert load("a: {lr: 1}\nb: {lr: 2}", "x") == {"a": {"lr": 1}, "b": {"lr": 2}}


def test_a_merged_key_may_be_set_again():
    text = "base: &base {lr: 1, n: 2}\nouter:\n  inner: &inner\n    <<: *base\n    lr: 3\nlast:\n  <<: *inner\n  n: 4\n"
    config = load(text, "x")
    assert config["outer"]["inner"] == {"lr": 3, "n": 2}
    assert config["last"] == {"lr": 3, "n": 4}


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system", "!!python/name:os.system", "!mine", "!!str", "!!binary", "!!set", "!"]
)
def test_refuses_tags(tag):
    message = refusal(f"model: 1\ndata: {tag} [ls]\n")
    assert message.startswith(f"我的.yaml:2:7: the tag {tag} is refused")


@pytest.mark.parametrize(
    ("text", "beginning", "hint"),
    [
        ("a: b: c\n", "1:5: mapping values are not allowed here", "quotes"),
        ("a:\n\tb: 1\n", "2:1: found character '\\t' that cannot start any token", "spaces"),
        ("a: 1\nb\nc: 2\n", "2:1: could not find expected ':'", "key: value"),
        ("a: @x\n", "1:4: found character '@' that cannot start any token", "quotes"),
        ("a: 1\n  b: 2\n", "2:4: mapping values are not allowed here", "indented"),
        ("a:\n    b: 1\n  c: 2\n", "3:3: expected <block end>", "indentation"),
        ("a: 1\nb: 'open\n", "2:4: found unexpected end of stream", "closed"),
        ("a: [1, 2\nb: 3\n", "2:2: expected ',' or ']'", "closed"),
        ("a: {b: 1\nc: 2\n", "2:2: expected ',' or '}'", "closed"),
        ("a: *there\n", "1:4: found undefined alias 'there'", ""),
        ("a: 1\n---\nb: 2\n", "2:1: expected a single document", "one document"),
        ("a: &x [*x]\n", "1:4: found unconstructable recursive node", ""),
        ("? [a, b]\n: 1\n", "1:3: a key must be one word", ""),
        ("? {a: b}\n: 1\n", "1:3: a key must be one word", ""),
        ("a: 1\nb: \x07\n", "2:4: a character that text cannot hold (U+0007)", ""),
    ],
)
def test_says_in_one_line_where_and_what_is_wrong(text, beginning, hint):
    message = refusal(text)
    assert message.startswith(f"我的.yaml:{beginning}")
    assert hint in message


@pytest.mark.parametrize("text", ["a: " + "9" * 5000, "[" * 3000])
def test_monstrous_documents_end_in_a_named_error(text):
    assert refusal(text).startswith("我的.yaml: ")
