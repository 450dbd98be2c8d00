"""The worker: hands facts to the next step, fires timers, sends messages, seals.

Each kind of work is a lane of its own, and no lane waits for another: a hung mail server or a log that
cannot be read holds up no clock. Any number of workers may run; each piece of work is taken by a conditional
update, and whoever loses a race does nothing.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

import structlog

from holdfast.application import CLOCKS, Application, Upkeep
from holdfast.interfaces.worker.lanes import Lane, Step
from holdfast.ledger import outbox, pulse, timers
from holdfast.ledger.ledger import Conflict, Timer
from holdfast.ledger.reactions import Reaction, react
from holdfast.people import SYSTEM
from holdfast.prepare.addresses import address_book

_log = structlog.get_logger("holdfast.worker")
SENDERS = 4
"""How many messages are sent at the same time: a server that says nothing holds up that many."""
_TURN = 20
"""How many things of a kind are done before the clock is asked again and others get their turn."""
_HANDED = 5
"""Facts handed to a reaction in one step; each may freeze evidence."""
_PULSE_SECONDS = 5.0
_FAREWELL_SECONDS = 30.0
"""How long a worker that is told to stop waits for the steps it is in."""

_PROMPT = timedelta(minutes=1)
_PATIENT = timedelta(minutes=10)
_LONG = timedelta(hours=1)


class Worker:
    """All lanes: side by side until told to stop, or one after another for one round."""

    def __init__(self, application: Application) -> None:
        self.ledger = application.ledger
        self.sealer = application.sealer
        self.clock = application.clock
        self.handlers = application.handlers
        self.channels = application.channels
        self.addresses = address_book(application.ledger)
        self.poll_seconds = application.settings.worker.poll_seconds
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._reacting = [self._reaction_lane(reaction) for reaction in application.reactions]
        self._firing = [self._timer_lane(lane) for lane in self._timer_lanes()]
        self._sending = [Lane(f"messages {n + 1}", self._messages, _PROMPT) for n in range(SENDERS)]
        self._keeping = [_upkeep_lane(upkeep) for upkeep in application.upkeep]
        self._sealing = Lane("sealing", lambda now: [("sealing", self._seal)], _PROMPT)
        for lane in self.lanes:
            # After a step of the machine's clock nothing is fired, and nothing sent and not recorded.
            lane.require_ready = self.ledger.require_steady

    @property
    def lanes(self) -> list[Lane]:
        """Sealing last: what a round appended is sealed within it."""
        return [*self._reacting, *self._firing, *self._sending, *self._keeping, self._sealing]

    @property
    def failing(self) -> dict[str, str]:
        """What keeps failing, and why; sealing apart."""
        lanes = (lane for lane in self.lanes if lane is not self._sealing)
        return {what: one.reason for lane in lanes for what, one in lane.failing.items()}

    @property
    def waiting(self) -> dict[str, str]:
        """What waits until people have done something, and for what."""
        return {what: why for lane in self.lanes for what, why in lane.waiting.items()}

    @property
    def refused_to_seal(self) -> str:
        """Why nothing is sealed; empty while it is."""
        return next((one.reason for one in self._sealing.failing.values()), "")

    # Working -----------------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; each lane finishes the step it is in, if it ends in time."""
        pulse.prepare(self.ledger)
        self.ledger.keep_time()
        threads = [self._thread(lane.name, lane.run, stop) for lane in self.lanes]
        try:
            while not stop.is_set():
                self._beat()
                stop.wait(_PULSE_SECONDS)
        finally:
            stop.set()
            self._say_goodbye(threads)

    def _thread(self, name: str, run: Callable[..., None], stop: threading.Event) -> threading.Thread:
        # A daemon: what hangs on something outside must not keep the process from ending. Whatever it was
        # doing is in no transaction yet, or is rolled back.
        arguments = (stop, self.clock.now, self.poll_seconds)
        thread = threading.Thread(target=run, args=arguments, name=name, daemon=True)
        thread.start()
        return thread

    def _beat(self) -> None:
        try:
            self.write_pulse(self.clock.now())
        except Exception as error:  # the database is away: what nobody reads anew goes silent by itself
            _log.error("the pulse could not be written", reason=str(error))

    def _say_goodbye(self, threads: Iterable[threading.Thread]) -> None:
        until = time.monotonic() + _FAREWELL_SECONDS
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        try:
            pulse.write(self.ledger, self.name, [], self.clock.now())
        except Exception as error:  # its rows go silent instead
            _log.error("the pulse could not be ended", reason=str(error))

    def write_pulse(self, now: datetime) -> None:
        """Write where every lane stands, for other processes to read."""
        pulse.write(self.ledger, self.name, [lane.beat(self.name, now) for lane in self.lanes], now)

    def round(self, now: datetime) -> int:
        """One turn of every lane, one after another; returns how many things were done."""
        did = sum(lane.turn(lambda: now) for lane in self.lanes)
        self.write_pulse(now)
        return did

    def react(self, now: datetime) -> int:
        """Hand new facts to the next step until nobody has anything left to do."""
        return self._until_quiet(self._reacting, now)

    def fire(self, now: datetime) -> int:
        """Fire what is due."""
        return sum(lane.turn(lambda: now) for lane in self._firing)

    def send(self, now: datetime) -> int:
        """Send what waits in the outbox."""
        return self._until_quiet(self._sending, now)

    def seal(self, now: datetime) -> int:
        """Put what was appended under a signed checkpoint; refuses to sign a second history."""
        return self._sealing.turn(lambda: now)

    def _until_quiet(self, lanes: Iterable[Lane], now: datetime) -> int:
        done = 0
        while did := sum(lane.turn(lambda: now) for lane in lanes):
            done += did
        return done

    # Lanes -------------------------------------------------------------------------------------

    def _reaction_lane(self, reaction: Reaction) -> Lane:
        name = f"reaction {reaction.name}"

        def hand(now: datetime) -> int:
            return react(self.ledger, [reaction], now, limit=_HANDED)

        return Lane(name, lambda now: [(name, hand)], _PATIENT)

    def _timer_lanes(self) -> list[str]:
        named = {handler.lane for handler in self.handlers.values()}
        return [CLOCKS, *sorted(named - {CLOCKS})]

    def _timer_lane(self, name: str) -> Lane:
        """Timers of the kinds that belong to this lane; clocks also say which nothing handles."""

        def lane_of(timer: Timer) -> str:
            return self.handlers[timer.kind].lane if timer.kind in self.handlers else CLOCKS

        def steps(now: datetime) -> Iterator[Step]:
            def wanted(timer: Timer) -> bool:
                return lane_of(timer) == name and not lane.waits(_step_name(timer), now)

            for timer in timers.due(self.ledger, now, limit=_TURN, wanted=wanted):
                yield _step_name(timer), self._firing_of(timer)

        lane = Lane(name, steps, _PROMPT if name == CLOCKS else _LONG)
        return lane

    def _firing_of(self, timer: Timer) -> Callable[[datetime], int]:
        def fire(now: datetime) -> int:
            handler = self.handlers.get(timer.kind)
            if handler is None:
                raise LookupError(f"nothing handles timers of kind {timer.kind}")
            try:
                handler.fire(timer, SYSTEM, now)
            except Conflict:
                return 0  # another worker fired it, or the decision moved on: the next turn sees
            return 1

        return fire

    def _messages(self, now: datetime) -> Iterator[Step]:
        for _ in range(_TURN):
            leased = outbox.lease(self.ledger, now, limit=1)
            if not leased:
                return
            yield f"message {leased[0].message}", self._delivery_of(leased[0])

    def _delivery_of(self, leased: outbox.QueuedMessage) -> Callable[[datetime], int]:
        def deliver(now: datetime) -> int:
            outbox.deliver(self.ledger, self.channels, leased, SYSTEM, now, self.addresses)
            return 1

        return deliver

    def _seal(self, now: datetime) -> int:
        self.sealer.seal(now)
        return 0  # nothing new follows from it


def _step_name(timer: Timer) -> str:
    return f"timer {timer.timer}"


def _upkeep_lane(upkeep: Upkeep) -> Lane:
    """Every so often, counted in this process: more often than said is harmless."""
    done: list[datetime] = []

    def do(now: datetime) -> int:
        did = upkeep.do(now)
        done[:] = [now]
        return did

    def steps(now: datetime) -> Iterator[Step]:
        if not done or now - done[-1] >= upkeep.every:
            yield upkeep.name, do

    return Lane(upkeep.name, steps, upkeep.patience)
