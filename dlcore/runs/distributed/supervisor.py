"""Supervisor of a distributed training: join the process group, compare settings, start and stop the watchdog."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from collections.abc import Callable, Mapping
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from dlcore.errors import DlcoreError, Interrupted
from dlcore.lightning_compat import answer_no_signals, callbacks_of, data_module_of, runs_whole_scripts
from dlcore.runs.distributed.agreement import PLACES, check_agreement, data_facts, network_facts
from dlcore.runs.distributed.restart import meet_apart
from dlcore.runs.distributed.watchdog import Watchdog

_LONGEST = 200


class Together(Callback):
    """Compare settings after the processes have joined, and data after setup; watch that all processes live.

    Args:
        trainer: The trainer; with a single process nothing is done.
        facts: This process's settings (`dlcore.runs.distributed.agreement.settings_facts`).
        remedy: Returns a sentence on how to continue after a process is lost.
        met: Called after the processes have joined.
    """

    def __init__(
        self,
        trainer: Trainer,
        facts: Mapping[str, str],
        remedy: Callable[[], str],
        met: Callable[[], None] | None = None,
    ) -> None:
        self._facts = dict(facts)
        self._met = met
        self._handler: Any = None  # the previous handler of SIGTERM
        # Copies of this process (ddp_fork, ddp_spawn) do not have its threads.
        many = trainer.world_size > 1 and runs_whole_scripts(trainer)
        self._watchdog = Watchdog(trainer, remedy) if many else None
        if self._watchdog is not None:
            callbacks_of(trainer).append(self)
            self._follow_meeting(trainer, self._watchdog)
            self._watchdog.start()

    def _follow_meeting(self, trainer: Trainer, watchdog: Watchdog) -> None:
        """Wrap `setup_environment`: Lightning has no hook after the processes have joined and before data are read."""
        meet: Any = trainer.strategy.setup_environment

        def meet_and_compare() -> None:
            meet_apart(trainer)
            meet()
            watchdog.meet()
            if self._met is not None:
                self._met()
            check_agreement(self._facts | network_facts(trainer.lightning_module))

        trainer.strategy.setup_environment = meet_and_compare  # type: ignore[method-assign]
        # Lightning answers SIGTERM with an all-reduce in the middle of other work. During training dlcore's checkpoint
        # callback answers it; before and after, there is nothing to save.
        answer_no_signals(trainer)
        if threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGTERM, self._end_at_once)

    def _end_at_once(self, number: int, frame: Any) -> None:
        """End by SIGTERM, unless this process will report a lost one: torchrun sends SIGTERM as soon as one dies."""
        if self._watchdog is None or not self._watchdog.ends():
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Compare the data, which are set up by now for a fit."""
        if stage == "fit":
            places = {name: value for name, value in self._facts.items() if name in PLACES}
            check_agreement(places | data_facts(data_module_of(trainer)))

    def part(self) -> None:
        """Stop the watchdog after a successful run."""
        if self._watchdog is not None:
            self._watchdog.leave()
            self._give_back()

    def failed(self, error: BaseException, named: BaseException) -> BaseException:
        """Stop the watchdog after an error.

        Returns:
            The exception to raise: `ProcessLost` if a lost process was the cause, else `named`.
        """
        if self._watchdog is None:
            return named
        lost = None if isinstance(named, DlcoreError) else self._watchdog.explained(error)
        if lost is not None:
            return lost  # keep the SIGTERM handler: the reason is not printed yet
        if isinstance(named, (Interrupted, KeyboardInterrupt, SystemExit)):
            self._watchdog.leave()
        elif isinstance(named, DlcoreError):
            state = f"said: {hashlib.sha256(str(named).encode()).hexdigest()}"
            named.spoken = self._watchdog.first_says(state)
            self._watchdog.leave(state)
        else:
            text = " ".join(f"{type(error).__name__}: {error}".split())
            self._watchdog.leave(f"failed: {text[:_LONGEST]}")
        self._give_back()
        return named

    def _give_back(self) -> None:
        if self._handler is not None:
            signal.signal(signal.SIGTERM, self._handler)
            self._handler = None
