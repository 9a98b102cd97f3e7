"""Cases of several arguments: a few in which each value occurs, and all others in another tier."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest


def crossed(*arguments: Sequence[Any], others: Any = pytest.mark.matrix) -> list[Any]:
    """All combinations of the values of these arguments, for ``parametrize``.

    Args:
        arguments: The values of each. Of the first tier is the n-th of each, the shorter ones from the beginning again.
        others: The mark of all other cases.
    """
    longest = max(map(len, arguments))
    chosen = {tuple(n % len(values) for values in arguments) for n in range(longest)}
    cases = []
    for places in product(*(range(len(values)) for values in arguments)):
        case = [values[place] for values, place in zip(arguments, places, strict=True)]
        cases.append(pytest.param(*case, marks=[] if places in chosen else [others]))
    return cases
