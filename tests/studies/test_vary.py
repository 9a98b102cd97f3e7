import pytest

from dlcore.errors import ArgumentError, ConfigError
from dlcore.studies.vary import grid, read_vary


def test_commas_within_brackets_and_quotes_belong_to_a_value():
    assert read_vary("model.hidden_sizes=[100],[512,256]") == ("model.hidden_sizes", ["[100]", "[512,256]"])
    assert read_vary("--model.activation=relu,'leaky_relu(a=1,b=2)'")[1] == ["relu", "'leaky_relu(a=1,b=2)'"]


@pytest.mark.parametrize("text", ["model.dropout", "=1,2", "model.dropout=", "model.dropout=1,,2", "model.dropout=1,1"])
def test_what_is_no_setting_with_values_is_refused(text):
    with pytest.raises(ArgumentError, match="--vary: expected a setting and its values"):
        read_vary(text)


def test_a_grid_is_every_combination():
    variants = grid("mlp_textbook", [("model.dropout", ["0", "0.5"]), ("data.batch_size", ["32", "256"])])
    assert [variant.name for variant in variants] == [
        *("dropout 0, batch_size 32", "dropout 0, batch_size 256"),
        *("dropout 0.5, batch_size 32", "dropout 0.5, batch_size 256"),
    ]
    assert variants[3].settings == {"model.dropout": 0.5, "data.batch_size": 256}


def test_settings_with_the_same_last_word_keep_what_stands_before_it():
    varied = [("early_stopping.patience", ["1"]), ("reduce_lr_on_plateau.patience", ["2"])]
    assert grid("r", varied)[0].name == "early_stopping.patience 1, reduce_lr_on_plateau.patience 2"


def test_random_draws_are_different_combinations_and_always_the_same():
    varied = [("model.dropout", [f"0.{digit}" for digit in range(10)]), ("data.batch_size", ["32", "64", "128"])]
    drawn = grid("r", varied, draws=7)
    assert len({variant.name for variant in drawn}) == 7
    assert drawn == grid("r", varied, draws=7)
    assert len(grid("r", varied, draws=100)) == 30


def test_too_many_variants_a_setting_twice_and_names_that_meet_are_refused():
    numbers = [str(number) for number in range(100)]
    with pytest.raises(ArgumentError, match=r"at most 1,000 variants, got '10,000'\. Take some by chance"):
        grid("r", [("a.b", numbers), ("a.c", numbers)])
    with pytest.raises(ArgumentError, match=r"each setting once, got 'a\.b'"):
        grid("r", [("a.b", ["1"]), ("a.b", ["2"])])
    with pytest.raises(ConfigError, match="would share the folder"):
        grid("r", [("a.b", ["x/y", "x:y"])])
