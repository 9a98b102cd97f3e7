import pytest

from dlcore.errors import ArgumentError
from dlcore.studies.vary import Range, read_space, read_vary, variants_of


def space(*texts):
    return read_space([read_vary(text) for text in texts])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-5..1e-1", Range(1e-5, 0.1, log=True, whole=False)),
        ("0.001..0.1:log", Range(0.001, 0.1, log=True, whole=False)),
        ("0..0.5", Range(0, 0.5, log=False, whole=False)),
        ("-1..1", Range(-1, 1, log=False, whole=True)),
        ("16..1024:log", Range(16, 1024, log=True, whole=True)),
    ],
)
def test_ranges_are_read(text, expected):
    assert space(f"model.x={text}") == [("model.x", expected)]


def test_what_is_no_range_stays_a_list():
    assert space("model.x=0.1,0.2", "data.root=../photos") == [
        ("model.x", ["0.1", "0.2"]),
        ("data.root", ["../photos"]),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.5..0", "from a smaller to a greater number"),
        ("0..1e-1", "above 0, since it is logarithmic"),
        ("0..1,3", "one range, or a list of values"),
    ],
)
def test_what_is_no_range_of_numbers_is_refused(text, message):
    with pytest.raises(ArgumentError, match=message):
        space(f"model.x={text}")


def test_shares_of_a_range():
    assert [Range(1, 3, False, True).at(share) for share in (0, 0.34, 0.67, 1)] == ["1", "2", "3", "3"]
    assert [Range(1e-4, 1, True, False).at(share) for share in (0, 0.25, 0.5, 1)] == ["0.0001", "0.001", "0.01", "1"]
    assert Range(0, 0.5, False, False).at(1 / 3) == "0.1667"


def test_draws_from_ranges_are_the_same_each_time_and_differ_from_each_other():
    varied = space("model.optimizer.lr=1e-5..1e-1", "model.dropout=0..0.5", "data.batch_size=32,64")
    first, second = (variants_of("mlp_textbook", varied, 10) for _ in range(2))
    assert first == second
    assert len({variant.name for variant in first}) == 10
    for variant in first:
        assert 1e-5 <= variant.settings["model.optimizer.lr"] <= 0.1
        assert 0 <= variant.settings["model.dropout"] <= 0.5
        assert variant.settings["data.batch_size"] in (32, 64)
    assert len(variants_of("mlp_textbook", space("model.x=1..2"), 10)) == 2  # there are no more


def test_a_range_needs_a_number_of_draws():
    with pytest.raises(ArgumentError, match=r"Add --random 20 .* or --optuna 20"):
        variants_of("mlp_textbook", space("model.dropout=0..0.5"), None)
