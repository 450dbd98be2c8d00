"""Hearing: which requests of applications were answered by a switch that is set.

Holdfast asking its own address shows that the switch answers; only a request that somebody else sent shows
that anybody asks. Requests are counted in the memory of the process that answers them, so that an answer
stays one small read, and what was counted becomes a fact: the first request at once, and again whenever the
number has grown tenfold. Nothing in between is stored anywhere: a number in a table would be believed whoever
wrote it. What is not on the record yet is missing, so every count is said to be *at least* so many.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from holdfast.contain.containment import worth_a_fact
from holdfast.contain.probing import TARGET
from holdfast.contain.switches import Context, Evaluation

EVERY = 1.0
"""Seconds after which what could not be recorded is tried again."""
_log = structlog.get_logger("holdfast.hearing")


@dataclass(frozen=True, slots=True)
class Requests:
    """At least so many requests of applications were answered by one switch, from the first to the last."""

    requests: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What the ledger says after it was told of requests."""

    requests: int
    """How many are on the record, of every process."""
    taken: bool
    """Whether those that were told are among them."""


class Hearing:
    """Counts what applications were answered. May be called from any thread.

    `tell` is called with what was heard and is not on the record yet, and says what is.
    """

    def __init__(self, now: Callable[[], datetime], tell: Callable[[str, Requests], OnRecord]) -> None:
        self.now = now
        self.tell = tell
        self._lock = threading.Lock()
        self._waiting: dict[str, Requests] = {}
        self._on_record: dict[str, int] = {}
        self._soon: threading.Timer | None = None

    def heard(self, answers: Iterable[Evaluation], context: Context) -> None:
        """Count one request with what it was answered."""
        if context.get("targetingKey") == TARGET:
            return  # Holdfast itself asked
        obeyed = {containment for answer in answers for containment in answer.by}
        if not obeyed:
            return
        at = self.now()
        with self._lock:
            for containment in obeyed:
                one = self._waiting.get(containment, Requests(0, at, at))
                self._waiting[containment] = replace(one, requests=one.requests + 1, last_at=at)
            if any(map(self._is_due, obeyed)):
                self._wake(0)

    def _is_due(self, containment: str) -> bool:
        waiting = self._waiting[containment].requests
        return worth_a_fact(self._on_record.get(containment, 0), waiting)

    def _wake(self, seconds: float) -> None:
        if self._soon is None:
            self._soon = threading.Timer(seconds, self._tell_all)
            self._soon.daemon = True
            self._soon.start()

    def _tell_all(self) -> None:
        with self._lock:
            due = {name: self._waiting[name] for name in sorted(self._waiting) if self._is_due(name)}
        failed = [containment for containment, heard in due.items() if not self._told(containment, heard)]
        with self._lock:
            self._soon = None
            if any(map(self._is_due, self._waiting)):  # what was heard meanwhile, or could not be recorded
                self._wake(EVERY if failed else 0)

    def _told(self, containment: str, heard: Requests) -> bool:
        try:
            known = self.tell(containment, heard)
        except Exception:  # it stays counted, and is told again
            _log.exception("what applications asked could not be recorded")
            return False
        with self._lock:
            self._on_record[containment] = known.requests
            if known.taken:
                now = self._waiting[containment]
                self._waiting[containment] = replace(
                    now, requests=now.requests - heard.requests, first_at=heard.last_at
                )
        return True
