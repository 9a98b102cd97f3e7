import random

import pytest

from dlcore.text.copied_text import distinct, joined, longest_copy, text_statistics

TRAINING = joined(["山上有一棵松\n松下有人", "江水向东流"])


@pytest.mark.parametrize(
    ("documents", "copied"),
    [
        (["我在松\n松下有酒", "东流"], "松\n松下有"),
        (["水向"], "水向"),
        (["人江水"], "江水"),  # not over the border of two documents
        (["东", "流"], "东"),
        (["猫"], ""),
        ([""], ""),
        ([], ""),
    ],
)
def test_the_longest_span_that_is_shared_with_the_training_text(documents, copied):
    found = longest_copy(documents, TRAINING)
    assert len(found) == len(copied)
    assert found in TRAINING
    assert len(documents) > 1 or found == copied


def test_a_long_copy_is_found_in_a_long_text():
    signs = random.Random(0)
    training = "".join(signs.choices("abcdefgh", k=50_000))
    sample = f"xyz{training[30_000:30_500]}xyz"
    assert longest_copy([sample], training) == training[30_000:30_500]


def test_distinct_ngrams_lie_within_documents():
    assert distinct(["雨雨雨", "雨\n雪"], 2) == pytest.approx(2 / 3)
    assert distinct(["雨雨雨", "雨\n雪"], 1) == pytest.approx(2 / 5)
    assert distinct(["雨"], 2) == 0
    assert text_statistics(["江水江"], TRAINING).distinct == pytest.approx((2 / 3, 1, 1))
