"""The worker: seals, hands facts to the next step, fires timers, sends messages.

Any number of workers may run; each piece of work is taken by a conditional update, and whoever loses a
race does nothing. One broken step does not stop the others: it is logged, waits, and is tried again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from holdfast.interfaces.application import Application
from holdfast.ledger import outbox, timers
from holdfast.ledger.ledger import Conflict, Timer
from holdfast.ledger.reactions import Reaction, react
from holdfast.ledger.sealing import RefusedToSeal
from holdfast.people import SYSTEM

_log = structlog.get_logger("holdfast.worker")
_TIDY = timedelta(minutes=5)
_PAUSE = timedelta(seconds=30)
"""How long a step that failed waits before it is tried again."""


class Worker:
    """One round after another until it is told to stop."""

    def __init__(self, application: Application) -> None:
        self.ledger = application.ledger
        self.sealer = application.sealer
        self.clock = application.clock
        self.handlers = application.handlers
        self.reactions = application.reactions
        self.channels = application.channels
        self.poll_seconds = application.settings.worker.poll_seconds
        self.health = application.health
        self.accounts = application.accounts
        self._not_before: dict[str, datetime] = {}
        self._sessions_ended: datetime | None = None

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; finishes the round it is in."""
        while not stop.is_set():
            did = self.round(self.clock.now())
            if not did:
                stop.wait(self.poll_seconds)

    def round(self, now: datetime) -> int:
        """One round; returns how many things were done."""
        did = self.react(now)
        did += self._guarded("firing timers", now, lambda: self.fire(now))
        did += self._guarded("sending messages", now, lambda: self.send(now))
        did += self._guarded("ending sessions", now, lambda: self.end_sessions(now))
        # Sealing last: what the round appended is sealed within it.
        self._guarded("sealing", now, lambda: self.seal(now))
        self.health.last_round = now
        return did

    def react(self, now: datetime) -> int:
        """Hand new facts to the next step, reaction by reaction."""
        return sum(self._react(reaction, now) for reaction in self.reactions)

    def _react(self, reaction: Reaction, now: datetime) -> int:
        return self._guarded(f"reaction {reaction.name}", now, lambda: react(self.ledger, [reaction], now))

    def fire(self, now: datetime) -> int:
        """Fire what is due, the longest overdue first."""
        return sum(self._fire(timer, now) for timer in timers.due(self.ledger, now))

    def _fire(self, timer: Timer, now: datetime) -> int:
        handler = self.handlers.get(timer.kind)
        if handler is None:
            self._failed(f"timer {timer.timer}", now, f"nothing handles timers of kind {timer.kind}")
            return 0

        def fire() -> int:
            try:
                handler(timer, SYSTEM, now)
            except Conflict:
                return 0  # another worker fired it, or the decision moved on: the next round sees
            return 1

        return self._guarded(f"timer {timer.timer}", now, fire)

    def send(self, now: datetime) -> int:
        """Send what waits in the outbox."""
        leased = outbox.lease(self.ledger, now)
        for message in leased:
            outbox.deliver(self.ledger, self.channels, message, SYSTEM, now)
        return len(leased)

    def end_sessions(self, now: datetime) -> int:
        """End sessions that ran out, every few minutes: their end belongs on the record too."""
        if self._sessions_ended and now - self._sessions_ended < _TIDY:
            return 0
        self._sessions_ended = now
        return self.accounts.end_expired(now)

    def seal(self, now: datetime) -> int:
        """Put what was appended under a signed checkpoint; refuses to sign a second history."""
        try:
            sealed = self.sealer.seal(now)
            self.health.refused_to_seal = ""
            return 1 if sealed else 0
        except RefusedToSeal as refused:
            if str(refused) != self.health.refused_to_seal:
                _log.error("refused to seal", reason=str(refused))
            self.health.refused_to_seal = str(refused)
            return 0

    def _guarded(self, what: str, now: datetime, step: Callable[[], int]) -> int:
        if self._not_before.get(what, now) > now:
            return 0
        try:
            did = step()
        except Exception as error:
            self._failed(what, now, str(error) or type(error).__name__)
            _log.exception("a step failed", step=what)
            return 0
        self.health.failing.pop(what, None)
        self._not_before.pop(what, None)
        return did

    def _failed(self, what: str, now: datetime, reason: str) -> None:
        self.health.failing[what] = reason
        self._not_before[what] = now + _PAUSE
