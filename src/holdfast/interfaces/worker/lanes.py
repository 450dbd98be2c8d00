"""A lane: one kind of work that waits for no other.

Each lane runs in a thread of its own, so that a log that cannot be read or a mail server that says nothing
holds up no clock. Within a lane one broken step does not stop the others: it is logged, waits, and is tried
again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import structlog

from holdfast.ledger.pulse import Beat, Failure, Kind
from holdfast.problems import NotAllowed, Waiting

_log = structlog.get_logger("holdfast.worker")
_PAUSE = timedelta(seconds=30)
"""How long a step that failed waits before it is tried again."""

Tell = Callable[[], datetime]
"""What time it is."""
Step = tuple[str, Callable[[datetime], int]]
"""What is done, and the doing of it at a moment; it returns how many things were done."""


class Lane:
    """Steps of one kind, taken one after another, a bounded number in a turn."""

    def __init__(self, name: str, steps: Callable[[datetime], Iterable[Step]], patience: timedelta) -> None:
        """`steps` says what is to do at a moment; a step that takes longer than `patience` hangs."""
        self.name = name
        self.patience = patience
        self.failing: dict[str, Failure] = {}
        """What keeps failing, and why."""
        self.waiting: dict[str, str] = {}
        """What waits until people have done something, and for what: it does not fail."""
        self.require_ready: Callable[[], None] = lambda: None
        """Raises what keeps anything from being done: a clock that jumped."""
        self._steps = steps
        self._not_before: dict[str, datetime] = {}
        self._began: tuple[str, datetime] | None = None
        self._ended: datetime | None = None

    def turn(self, tell: Tell) -> int:
        """Do what is due, each step at the moment it begins; returns how many things were done."""
        looking = f"{self.name}: finding what is due"
        if self.waits(looking, tell()):
            return 0
        did, taken = 0, {looking}
        self._began = (looking, tell())
        try:
            self.require_ready()
            for what, step in self._steps(tell()):
                taken.add(what)
                did += self._guarded(what, step, tell())
            self._recovered(looking)
        except Exception as error:
            self._failed(looking, error, tell())
        self._forget(taken, tell())
        self._began, self._ended = None, tell()
        return did

    def waits(self, what: str, now: datetime) -> bool:
        """Whether a step failed so lately that it is not tried yet."""
        # Never longer than the pause: a clock that ran ahead when it failed may have been set right.
        return timedelta() < self._not_before.get(what, now) - now <= _PAUSE

    def run(self, stop: threading.Event, tell: Tell, pause: float) -> None:
        """Turn after turn until `stop` is set."""
        while not stop.is_set():
            if not self.turn(tell):
                stop.wait(pause)

    def beat(self, worker: str, now: datetime) -> Beat:
        """What the lane is doing at the moment."""
        doing, began = self._began or ("", None)
        return Beat(worker, self.name, now, self.patience, began, doing, self._ended, dict(self.failing))

    def _guarded(self, what: str, step: Callable[[datetime], int], now: datetime) -> int:
        if self.waits(what, now):
            return 0
        self._began = (what, now)
        try:
            did = step(now)
        except Waiting as waits:
            self._held(what, str(waits), now)
            return 0
        except Exception as error:
            self._failed(what, error, now)
            return 0
        self._recovered(what)
        return did

    def _held(self, what: str, reason: str, now: datetime) -> None:
        if self.waiting.get(what) != reason:
            _log.info("a step waits for people", lane=self.name, step=what, reason=reason)
        self._recovered(what)
        self.waiting = {**self.waiting, what: reason}
        self._not_before[what] = now + _PAUSE

    def _failed(self, what: str, error: Exception, now: datetime) -> None:
        reason = str(error) or type(error).__name__
        before = self.failing.get(what)
        if before is None or before.reason != reason:
            # What is refused says why and what to do; where in the code it was is for faults.
            trace = None if isinstance(error, NotAllowed) else error
            _log.error("a step failed", lane=self.name, step=what, reason=reason, exc_info=trace)
        # New dictionaries each time: the pulse reads them from another thread.
        failure = Failure(reason, Kind.of(error), before.since if before else now)
        self.failing = {**self.failing, what: failure}
        self._not_before[what] = now + _PAUSE

    def _recovered(self, what: str) -> None:
        self.failing = {key: why for key, why in self.failing.items() if key != what}
        self.waiting = {key: why for key, why in self.waiting.items() if key != what}
        self._not_before.pop(what, None)

    def _forget(self, taken: set[str], now: datetime) -> None:
        """What failed or waited, and is not there to do any more: somebody else did or stopped it."""
        for what in (self.failing.keys() | self.waiting.keys()) - taken:
            if not self.waits(what, now):
                self._recovered(what)
