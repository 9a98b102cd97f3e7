from types import SimpleNamespace

import pytest
import torch

from dlcore.callbacks import progress_lines as live_line
from dlcore.callbacks.progress_lines import LiveLine, count_samples


class Clock:
    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(live_line, "time", SimpleNamespace(monotonic=lambda: self.now))


def test_speed_and_time_left_have_known_answers(monkeypatch):
    clock = Clock(monkeypatch)
    line = LiveLine("epoch 3/20", 1719, 0, world_size=2)
    assert line.text(80, False).plain == "epoch 3/20 ──────────────────    0/1719"
    clock.now += 8
    line.done, line.samples, line.loss = 812, 812 * 32, 0.31234
    assert line.text(80, False).plain == (
        "epoch 3/20 ━━━━━━━━━─────────  812/1719  6,496 samples/s  loss 0.312  0:09 left"
    )


def test_speed_is_that_of_the_last_ten_seconds(monkeypatch):
    clock = Clock(monkeypatch)
    line = LiveLine("epoch 1/1", 10_000)
    for second in range(1, 41):
        clock.now += 1
        line.done += 1 if second <= 20 else 5
        line.samples = 2 * line.done
        speed = line.speed()
        if second == 20:
            assert speed == (1, 2)
    assert speed == (5, 10)
    clock.now += 60  # one batch of a minute
    line.done += 6
    line.samples += 12
    assert line.speed() == (0.1, 0.2)
    assert line.speed() == (0.1, 0.2)


@pytest.mark.parametrize("width", [1, 20, 40, 60, 80, 120])
@pytest.mark.parametrize("label", ["epoch 1/2", "epoch 1000/1000 validating"])
def test_never_longer_than_the_terminal_is_wide(width, label, monkeypatch):
    clock = Clock(monkeypatch)
    line = LiveLine(label, 100_000)
    clock.now += 1
    line.done, line.samples, line.loss = 12, 1_234_567, 1e-7
    text = line.text(width, False).plain
    assert len(text) <= width
    if width == 80:
        assert "12/100000" in text
        assert "left" in text


def test_batches_without_a_length_are_counted_as_batches(monkeypatch):
    clock = Clock(monkeypatch)
    line = LiveLine("predicting", 4)
    clock.now += 4
    line.done = 2
    assert line.text(80, True).plain == "predicting =========--------- 2/4  0.50 batches/s  0:04 left"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.4, "0:59"), (750, "12:30"), (3723, "1:02:03")])
def test_writes_durations_as_a_clock(seconds, text):
    assert live_line._clock(seconds) == text


PAIR = (torch.zeros(4, 2), torch.zeros(4))


@pytest.mark.parametrize(
    ("batch", "samples"),
    [
        (PAIR, 4),
        (list(PAIR), 4),
        ([PAIR, PAIR, (torch.zeros(3, 2), torch.zeros(3))], 11),
        (PAIR[0], 4),
        (((PAIR[0], PAIR[0]), PAIR[1]), 4),
        ({"inputs": PAIR[0], "targets": PAIR[1]}, 4),
        ((torch.zeros(0, 2), torch.zeros(0)), 0),
        ((), 0),
        (torch.zeros(()), 0),
        (None, 0),
    ],
)
def test_counts_samples(batch, samples):
    assert count_samples(batch) == samples


def test_a_pause_is_not_taken_for_slow_work(monkeypatch):
    clock = Clock(monkeypatch)
    line = LiveLine("epoch 1/1", 100)
    line.done, line.samples = 10, 10
    clock.now += 1
    assert line.speed() == (10, 10)
    clock.now += 100
    line.restart_clock()
    clock.now += 1
    line.done, line.samples = 20, 20
    assert line.speed() == (10, 10)
