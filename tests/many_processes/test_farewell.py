"""A process that has done its work says so before it ends, however busy the machine is."""

import threading
import time
from types import SimpleNamespace

from dlcore.runs.distributed.watchdog import Watchdog


class SlowWire:
    """A wire whose thread gets no core for a while."""

    def __init__(self):
        self.state, self.sent, self.peers, self.busy = "alive", [], {}, threading.Event()

    def exchange(self, seconds):
        self.sent.append(self.state)
        self.busy.set()
        time.sleep(1.5)

    def close(self):
        self.sent.append(self.state)


def test_the_last_word_is_sent_before_the_process_ends():
    trainer = SimpleNamespace(world_size=2, strategy=SimpleNamespace(launcher=None))
    watchdog = Watchdog(trainer)
    watchdog._wire = wire = SlowWire()
    watchdog.start()
    assert wire.busy.wait(60)
    watchdog.leave()
    assert wire.sent[-1] == "parted"
