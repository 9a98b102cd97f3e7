"""The parser's messages, said in words."""

import pytest

from dlcore.config.parse_errors import explain


@pytest.mark.parametrize("what", ["a function that returns", "a subclass of"])
@pytest.mark.parametrize(
    ("base", "setting", "kind"),
    [
        ("Optimizer", "model.optimizer", "an optimiser: SGD"),
        ("LRScheduler", "model.lr_scheduler", "a schedule: StepLR"),
    ],
)
def test_what_is_no_optimizer_or_schedule_is_answered_with_an_example(what, base, setting, kind):
    said = f"Type collections.abc.Callable[[x], y] expects a function: Expected 'a.b' to be {what} <class '{base}'>.."
    error = explain(ValueError(said), [("model.optimizer", "Adam"), (setting, "a.b")], {})
    assert str(error).startswith(f"{setting}: expected {kind}, or a class of your own, as in my_package.")
    assert str(error).endswith(", got 'a.b'.")
