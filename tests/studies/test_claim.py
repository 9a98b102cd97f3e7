import pytest

from dlcore.errors import ConfigError
from dlcore.studies.claim import Arithmetic, Comparison, Logic, Quantity, read_claim


def test_a_comparison_is_read():
    claim = read_claim('accuracy("lr 0.1") < 0.40')
    assert claim.condition == Comparison(
        "<", Quantity("accuracy", "lr 0.1", column=0), 0.4, 'accuracy("lr 0.1") < 0.40'
    )


def test_a_percentage_is_a_hundredth_and_quotes_may_be_single():
    comparison = read_claim("accuracy('批量 32') >= 85%").condition
    assert isinstance(comparison, Comparison)
    assert comparison.left == Quantity("accuracy", "批量 32", column=0)
    assert comparison.right == 0.85


def test_names_hold_any_sign_and_a_percentage_may_stand_apart():
    comparison = read_claim("accuracy('100% # \\n 批量') >= 85 %").condition
    assert comparison.left.variant == "100% # \\n 批量"
    assert (comparison.right, comparison.text) == (0.85, "accuracy('100% # \\n 批量') >= 85 %")


def test_and_binds_more_than_or_and_not_most():
    condition = read_claim("not 1 < 2 and 2 < 3 or 3 < 4").condition
    assert isinstance(condition, Logic)
    assert condition.word == "or"
    assert [getattr(part, "word", "") for part in condition.parts] == ["and", ""]
    assert condition.parts[0].parts[0].word == "not"


def test_brackets_hold_conditions_or_sums():
    assert read_claim("(1 < 2 or 2 < 1) and 3 < 4").condition.word == "and"
    comparison = read_claim("(1 + 2) * 3 < 10").condition
    assert comparison.left == Arithmetic("*", Arithmetic("+", 1, 2), 3)


def test_sums_bind_less_than_products():
    assert read_claim("1 + 2 * 3 < 8").condition.left == Arithmetic("+", 1, Arithmetic("*", 2, 3))


def test_a_chain_is_two_comparisons():
    claim = read_claim('0.82 < accuracy("a") <= 0.88')
    assert [each.text for each in claim.condition.parts] == ['0.82 < accuracy("a")', 'accuracy("a") <= 0.88']
    assert [str(each) for each in claim.quantities()] == ['accuracy("a")'] * 2


def test_any_metric_and_numbers_behind_the_variant():
    quantities = list(read_claim('last("val/rmse", "a") < epochs_to("b", 85%)').quantities())
    assert (quantities[0].metric, quantities[0].variant) == ("val/rmse", "a")
    assert (quantities[1].variant, quantities[1].at) == ("b", 0.85)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'claim, column 1: expected a comparison such as accuracy("A") > accuracy("B") + 0.02, got its end.'),
        ('accuracy("a")', "claim, column 14: expected <, <=, > or >=, got its end."),
        ('accuracy("a") < ', "column 16: expected a comparison such as"),
        ('acuracy("a") < 1', "column 1: expected accuracy, or another quantity, got 'acuracy'."),
        ("accuracy(a) < 1", "column 10: expected the variant's name in quotes, got 'a'."),
        ('accuracy("a" < 1', "('(' was never closed), got '('."),
        ('accuracy("a") == 1', "Two measured numbers are never equal: give a range"),
        (
            'accuracy("a") < 1 accuracy("b") < 2',
            'column 19: expected a comparison such as accuracy("A") > accuracy("B") + 0.02, got \'accuracy\'.',
        ),
        ('epochs_to("a") < 3', 'column 1: expected epochs_to("NAME", NUMBER), got epochs_to("a").'),
        ('epochs_to("a", "b") < 3', "column 16: expected a number, got '\"b\"'."),
        ('last("a") < 3', 'column 1: expected last("METRIC", "NAME"), got last("a").'),
        ('accuracy("a) < 1', "(unterminated string literal (detected at line 1)), got '\"'."),
        ("__import__('os').system('x') < 1", "column 1: expected one of accuracy"),
        ("1 < 2; 3", 'column 6: expected a comparison such as accuracy("A") > accuracy("B") + 0.02, got \';\'.'),
        ("not", "column 4: expected a comparison such as"),
        ("(1 < 2", "('(' was never closed), got '('."),
        ("40j < 1", "column 1: expected a number or a quantity such as accuracy(\"NAME\"), got '40j'."),
        ("1_0 < 1", "column 1: expected a number or a quantity such as accuracy(\"NAME\"), got '1_0'."),
        ("True < 1", "column 1: expected a number or a quantity such as accuracy(\"NAME\"), got 'True'."),
        ("1 < 2 # 3", 'column 7: expected a comparison such as accuracy("A") > accuracy("B") + 0.02, got \'#\'.'),
        ('accuracy("批量") 》 1', "column 16: expected a comparison such as"),
    ],
)
def test_what_is_no_claim_is_refused_at_its_place(text, message):
    with pytest.raises(ConfigError, match="column") as caught:
        read_claim(text)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["(" * 400 + "1" + ")" * 400 + " < 2", "not " * 400 + "1 < 2", "-" * 400 + "1 < 2"])
def test_depth_and_length_are_bounded(text):
    with pytest.raises(ConfigError, match="at most 50 brackets in each other, or signs"):
        read_claim(text)
    with pytest.raises(ConfigError, match="at most 2,000 characters, got 3,002"):
        read_claim(" " * 3000 + "ab")
