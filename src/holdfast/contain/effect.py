"""Effect: whether the harm stopped, told from what the model still answered and what the monitors measured.

The verdict is pure and cautious. Silence proves something only where speech was to be expected: with no
answer where `e` were expected, a Poisson count of 0 has the probability exp(−e), which is below 5% from
e = 3 on (the "rule of three"). Anything less is *unknown*, and so is a log that says nothing at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from holdfast.contain.containment import Containment
from holdfast.contain.events import Effect, SeenWindow, Traffic
from holdfast.prepare.systems import System
from holdfast.wording import utc

ENOUGH = 3.0
"""Expected answers from which on none is evidence (exp(−3) < 0.05)."""


class CannotCount(Exception):
    """The prediction log cannot say what the model still answered; the message says why."""


class Watch(Protocol):
    """Where the effect is seen: the prediction log and the monitors' measurements."""

    def traffic(self, containment: Containment, system: System, at: datetime) -> Traffic:
        """Rows of the contained scope that the model answered since applying. Raises CannotCount."""
        ...

    def windows(
        self, system: str, monitors: Sequence[str], since: datetime, at: datetime
    ) -> Sequence[SeenWindow]:
        """What these monitors measured in windows that begin at or after `since`, as known at `at`."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    effect: Effect
    sentence: str


def judge(
    traffic: Traffic | CannotCount, windows: Sequence[SeenWindow], requests: int, targeted: bool
) -> Verdict:
    """Whether the harm stopped. `requests`: how many of the application the switch is known to have
    answered. `targeted`: only a segment is contained, so others must still be answered by the model; where
    none are to be expected, requests to the switch are the sign that anybody asks at all.

    Continuing as soon as anything says so; stopped only on evidence; else unknown, with what is missing.
    """
    alarms = [window for window in windows if window.alarm]
    seen = _windows(windows) + _asked(requests)
    if isinstance(traffic, Traffic) and traffic.answered:
        obeys = "not every request obeys" if requests else "the application does not obey"
        return Verdict(Effect.CONTINUING, f"{_still(traffic)}: {obeys} the switch{seen}")
    if alarms:
        rows = _counted(traffic) if isinstance(traffic, Traffic) else str(traffic)
        return Verdict(Effect.CONTINUING, f"{rows}{seen}")
    if isinstance(traffic, CannotCount):
        if any(window.n and not window.alarm for window in windows):
            return Verdict(Effect.STOPPED, f"{traffic}{seen}")
        return Verdict(Effect.UNKNOWN, f"{traffic}; no monitor has measured a row since either{seen}")
    missing = _missing(traffic, requests, targeted)
    if missing:
        return Verdict(Effect.UNKNOWN, f"{missing}{seen}")
    return Verdict(Effect.STOPPED, f"{_counted(traffic)}{seen}")


def _missing(traffic: Traffic, requests: int, targeted: bool) -> str:
    """Why no answer in the scope proves nothing yet; empty when it does."""
    if traffic.until <= traffic.since:
        return f"too early: nothing can be told before {utc(traffic.since)}"
    if traffic.expected < ENOUGH:
        return (
            f"the model answered no request of the contained scope since {utc(traffic.since)}, but only "
            f"{_about(traffic.expected)} were to be expected, going by the day before"
        )
    if not traffic.others and (targeted or not requests):
        return (
            f"the prediction log holds nothing at all since {utc(traffic.since)}: either nothing was "
            "asked, or it is not being written"
        )
    return ""


def _still(traffic: Traffic) -> str:
    return (
        f"the model still answered {traffic.answered:,} request{'s' * (traffic.answered != 1)} of the "
        f"contained scope between {utc(traffic.since)} and {utc(traffic.until)}"
    )


def _counted(traffic: Traffic) -> str:
    others = f"; of other requests it answered {traffic.others:,}" if traffic.others else ""
    return (
        f"the model answered 0 requests of the contained scope between {utc(traffic.since)} and "
        f"{utc(traffic.until)}, where {_about(traffic.expected)} were to be expected{others}"
    )


def _windows(windows: Sequence[SeenWindow]) -> str:
    """`; accuracy: 2 windows since, 2 in bounds`; empty when none was measured."""
    told = []
    for monitor in dict.fromkeys(window.monitor for window in windows):
        own = [window for window in windows if window.monitor == monitor]
        inside = sum(not window.alarm for window in own)
        told.append(f"; {monitor}: {len(own)} window{'s' * (len(own) != 1)} since, {inside} in bounds")
    return "".join(told)


def _asked(requests: int) -> str:
    """What is known of the application's own requests to the switch."""
    if not requests:
        return "; no request of the application to the switch is known"
    said = f"request{'s' * (requests != 1)} of the application"
    return f"; the switch answered at least {requests:,} {said}"


def _about(expected: float) -> str:
    return f"about {expected:,.0f}" if expected >= 1 else "fewer than one"
