"""Rows that the tests of tables write, and what they look at."""

ROWS = [f"{number},{number % 7 / 2},{'红绿蓝'[number % 3]},{'yes' if number % 4 else 'no'}" for number in range(40)]


def samples(data, part):
    """Inputs and targets of a part, as a network gets them."""
    chosen = data.parts[part]
    inputs, targets = chosen.fetch(chosen.indices)
    return data.transform(inputs), targets
