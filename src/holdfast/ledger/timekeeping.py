"""The clock that the ledger goes by: the machine's, watched.

Promises are judged by the time that set them, so time must not jump: a step of the machine's clock beyond a
bound is noticed, said, and recorded over by nothing until a person has confirmed it. It is noticed by the
count of seconds since the machine was started, which nobody can set, and by the newest fact.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from holdfast import clock
from holdfast.ledger.events import STREAM, ClockConfirmed
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.replacing import replace_file
from holdfast.people import Actor
from holdfast.problems import NotAllowed
from holdfast.wording import utc

BOUND = timedelta(minutes=2)
"""A larger difference is a step: clocks that are kept right by the network stand far closer."""
_BOOTS = 16
"""Machines, or starts of one, that are remembered."""


class ClockStepped(NotAllowed):
    """The machine's clock jumped and nobody has confirmed it; the message says how far, and what to do."""


@dataclass(frozen=True, slots=True)
class Ticks:
    """Seconds since the machine was started, also while it slept, and which start it was."""

    boot: str
    seconds: float


def ticks() -> Ticks:
    """Of this machine. The name of the start is empty where the system gives none."""
    counted = time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
    try:
        return Ticks(Path("/proc/sys/kernel/random/boot_id").read_text().strip(), counted)
    except OSError:
        return Ticks("", counted)


@dataclass(frozen=True, slots=True)
class Step:
    """A jump of the machine's clock."""

    machine: datetime
    """What it says."""
    expected: datetime
    """What it would say had it gone on, or what the newest fact says."""
    why: str

    @property
    def by(self) -> timedelta:
        return self.machine - self.expected

    def __str__(self) -> str:
        return (
            f"the machine's clock stepped by {_spoken(self.by)}: it says {utc(self.machine)}, {self.why} "
            f"{utc(self.expected)}. Nothing is recorded, sent or fired until it is set right, or confirmed "
            "with `holdfast ledger clock --confirm`; signing out and revoking a token go on"
        )


class LedgerClock:
    """Tells the machine's time, never behind the newest fact; `require_steady` refuses after a step."""

    def __init__(
        self,
        ledger: Ledger,
        path: Path,
        real: clock.Clock | None = None,
        ticks: Callable[[], Ticks] = ticks,
    ) -> None:
        """`path` holds what the clock said at a count of seconds, so that a step between two commands, or
        while nothing ran, is noticed as well. It is written by `keep`, never by looking."""
        self.ledger = ledger
        self.path = path
        self._real = real or clock.SystemClock()
        self._ticks = ticks
        self._known: tuple[int, dict[str, Any]] = (-1, {})
        self._last: tuple[float, datetime | None] = (float("-inf"), None)
        self._confirming = False
        self._opened: tuple[Ticks, datetime] | None = None
        if self._reference() is None:
            self._opened = (self._ticks(), self._real.now())

    def now(self) -> datetime:
        machine = self._real.now() + self._ahead
        last = self._newest()
        # A little behind the machine that recorded last: promises count from the recorded time.
        return max(machine, last) if last is not None and last - machine <= BOUND else machine

    @property
    def machine(self) -> datetime:
        """What the machine's clock says."""
        return self._real.now()

    @property
    def step(self) -> Step | None:
        """The jump that nobody has confirmed; None while the clock goes on evenly."""
        machine = self._real.now()
        reference = self._reference()
        if reference is not None and abs(machine - reference) > BOUND:
            return Step(machine, reference, "by the seconds that have passed it is")
        last = self._newest()
        if last is not None and last - (machine + self._ahead) > BOUND:
            return Step(machine + self._ahead, last, "the newest fact was recorded at")
        return None

    def require_steady(self) -> None:
        """Raises ClockStepped."""
        if self._confirming:
            return
        step = self.step
        if step is not None:
            raise ClockStepped(str(step))

    def evenly(self, at: datetime) -> datetime:
        """`at`, which this clock gave; while nobody has confirmed its step, what it would be without it."""
        if self.step is None:
            return at
        reference = self._reference()
        known = (None if reference is None else reference + self._ahead, self._newest())
        return max(filter(None, known), default=at)

    def confirm(self, reason: str, by: Actor) -> ClockConfirmed:
        """Go on from what the machine's clock says now, on the record.

        Where facts are of a later time already, the ledger's clock goes on from the newest and stays ahead
        of the machine's by that much: it never runs backwards, and what is due in ten minutes stays so.
        Raises NotAllowed where the clock did not step, or no reason is given.
        """
        step = self.step
        if step is None:
            raise NotAllowed("the machine's clock has not stepped; there is nothing to confirm")
        if not reason.strip():
            raise NotAllowed("say why the clock was set: whoever reads the times later will ask")
        machine = self._real.now()
        last = self._newest(fresh=True)
        ahead = max(timedelta(), last - machine) if last is not None else timedelta()
        told = ClockConfirmed(
            machine=machine,
            expected=step.expected,
            ahead_seconds=ahead.total_seconds(),
            reason=reason.strip(),
        )
        self._confirming = True
        try:
            self.ledger.tell(STREAM, told, by=by, at=machine + ahead)
        finally:
            self._confirming = False
        # A crash here leaves a confirmation that is asked for once more.
        self._remember(machine, ahead)
        return told

    # What is remembered ------------------------------------------------------------------------

    def keep(self) -> None:
        """Write down what the clock said when this process began, where no other one has since this start of
        the machine. What is refused never comes here: a refusal leaves every file as it was. Where it cannot
        be written, this process goes on watching by what it knows: nothing that was recorded is refused."""
        opened = self._opened
        if opened is None:
            return
        if self._written(opened[0].boot) is None:
            try:
                self._remember(opened[1], at=opened[0])
            except OSError:
                return
        self._opened = None

    @property
    def _ahead(self) -> timedelta:
        return timedelta(seconds=float(self._document().get("ahead_seconds", 0.0)))

    def _reference(self) -> datetime | None:
        """What the clock would say had it gone on since it was remembered; None on a new start."""
        now, opened = self._ticks(), self._opened
        known = self._written(now.boot) or opened
        if known is None or known[0].boot != now.boot:
            return None
        return known[1] + timedelta(seconds=now.seconds - known[0].seconds)

    def _written(self, boot: str) -> tuple[Ticks, datetime] | None:
        """What the file says of this start of the machine."""
        known = self._document().get("starts", {}).get(boot)
        return known and (Ticks(boot, float(known["seconds"])), clock.parse(known["clock"]))

    def _remember(self, machine: datetime, ahead: timedelta | None = None, at: Ticks | None = None) -> None:
        now, document = at or self._ticks(), self._document()
        starts = {name: one for name, one in document.get("starts", {}).items() if name != now.boot}
        starts[now.boot] = {"clock": clock.stamp(machine), "seconds": now.seconds}
        kept = dict(list(starts.items())[-_BOOTS:])
        seconds = self._ahead.total_seconds() if ahead is None else ahead.total_seconds()
        text = json.dumps({"ahead_seconds": seconds, "starts": kept}, indent=2) + "\n"
        replace_file(self.path, text.encode(), 0o644)

    def _document(self) -> dict[str, Any]:
        """The file, read again when it was written."""
        try:
            written = self.path.stat().st_mtime_ns
            if written != self._known[0]:
                self._known = (written, _read(self.path.read_text()))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            self._known = (-1, {})  # lost, or no longer readable: watched anew, the newest fact still tells
        return self._known[1]

    def _newest(self, fresh: bool = False) -> datetime | None:
        """When the newest fact was recorded; asked once a second at most."""
        asked = time.monotonic()
        if fresh or asked - self._last[0] >= 1.0:
            try:
                self._last = (asked, self.ledger.last_at())
            except Exception:  # a database that is away for a moment tells nothing about the clock
                self._last = (asked, self._last[1])
        return max(filter(None, (self._last[1], self.ledger.appended_at)), default=None)


def _read(text: str) -> dict[str, Any]:
    """The file's content. Raises ValueError, or what a shape it should not have leads to."""
    document = dict(json.loads(text))
    starts = {
        str(boot): {"clock": clock.stamp(clock.parse(one["clock"])), "seconds": float(one["seconds"])}
        for boot, one in document["starts"].items()
    }
    return {"ahead_seconds": float(document["ahead_seconds"]), "starts": starts}


def _spoken(by: timedelta) -> str:
    sign = "+" if by > timedelta() else "-"
    return f"{sign}{timedelta(seconds=round(abs(by).total_seconds()))}"
