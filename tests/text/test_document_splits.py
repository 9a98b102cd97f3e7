"""Which documents are held out."""

import numpy as np
import pytest

from dlcore.errors import ArgumentError
from dlcore.text.token_store import part_of_each


def test_held_out_documents_are_spread_evenly():
    parts = part_of_each(45, 0.05, 0.05)
    assert np.flatnonzero(parts == 2).tolist() == [19, 39]
    assert np.flatnonzero(parts == 1).tolist() == [20, 41]  # the 20th and 40th of those that do not test
    parts = part_of_each(200, 10, 5)
    assert np.flatnonzero(parts == 2).tolist() == [39, 79, 119, 159, 199]
    assert (parts == 1).sum() == 10
    assert (part_of_each(3, 0.05, 0.05) == [0, 1, 2]).all()
    assert (part_of_each(3, 0, 0) == 0).all()


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((0.05, 3), "test_size: .* at most 2 of 3"),
        ((1, 2), "val_size: .* 0 of 1"),
        ((-1, 0), "val_size: expected a share"),
        ((0, 1.5), "test_size: expected a share"),
    ],
)
def test_sizes_that_leave_nothing(sizes, message):
    with pytest.raises(ArgumentError, match=message):
        part_of_each(3, *sizes)
