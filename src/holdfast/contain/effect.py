"""Effect: whether the harm stopped, told from what the model still answered and what the monitors measured.

The verdict is pure and cautious. Silence proves something only where speech was to be expected, and only in
a log that is seen to go on. Both are read off the *witnesses*: the other requests that the model answered
since, or where it answers no others, the requests that people decided. They are compared with the day
before applying by the conditional test of two Poisson counts (Przyborowski and Wilenski, Biometrika 31
(1940)): given the sum of two counts, the first is binomial.

- The log goes on as usual: the witnesses are shown to be at least half of what their own pace lets one
  expect, by Wilson's interval for the binomial share. One late row, or a log that stopped, shows nothing.
- The silence is no chance: with the witnesses given, the probability that all rows of the scope fall before
  is below 5% (hypergeometric, Fisher's exact test). A hole in the log has no witnesses, and so lets one
  expect nothing.

Anything less is *unknown*, and is said with what is waited for. Where the log cannot be counted, monitors can
still show it: with their whole intervals in bounds, and with requests of the application that the switch
answered. That nothing alarms shows nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import exp, lgamma
from typing import Protocol

from holdfast.contain.containment import Containment
from holdfast.contain.events import Effect, SeenWindow, Traffic, Usual
from holdfast.metrics.intervals import wilson
from holdfast.prepare.systems import Monitor, System
from holdfast.wording import utc

CHANCE = 0.05
"""Silence that is more probable than this by chance shows nothing."""
AS_USUAL = 0.5
"""The share of its own pace that a log must be shown to keep: days differ, and rarely by more."""
CONFIDENCE = 0.95


class CannotCount(Exception):
    """The prediction log cannot say what the model still answered; the message says why."""


class Watch(Protocol):
    """Where the effect is seen: the prediction log and the monitors' measurements."""

    def traffic(self, containment: Containment, system: System, at: datetime) -> Traffic:
        """Rows of the contained scope that the model answered since applying. Raises CannotCount."""
        ...

    def windows(
        self,
        system: str,
        monitors: Sequence[str],
        since: datetime,
        at: datetime,
        rules: Sequence[Monitor],
    ) -> Sequence[SeenWindow]:
        """What these monitors measured in windows that begin at or after `since`, as known at `at`. `rules`:
        the system's monitors, which say what is in bounds."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a containment, beside what log and monitors say."""

    since: datetime | None
    """From here on nothing of the scope should be answered."""
    targeted: bool
    """Only a segment is contained, so others must still be answered by the model."""
    switched: bool
    """The switch was seen to be answered by: by a probe, or by a request of the application."""
    requests: int
    """How many requests of the application the switch is known to have answered."""
    monitors: Sequence[str] = ()
    """Those that alarmed, and the one that the action names to be watched."""


@dataclass(frozen=True, slots=True)
class Verdict:
    effect: Effect
    sentence: str


def judge(traffic: Traffic | CannotCount, windows: Sequence[SeenWindow], known: Known) -> Verdict:
    """Whether the harm stopped.

    Continuing as soon as anything says so; stopped only on evidence; else unknown, with what is missing.
    """
    seen = _windows(windows) + _asked(known.requests)
    counted = isinstance(traffic, Traffic)
    said = _counted(traffic) if isinstance(traffic, Traffic) else str(traffic)
    if isinstance(traffic, Traffic) and traffic.answered:
        obeys = "not every request obeys" if known.requests else "the application does not obey"
        return Verdict(Effect.CONTINUING, f"{_still(traffic)}: {obeys} the switch{seen}")
    if any(window.alarm for window in windows):
        return Verdict(Effect.CONTINUING, f"{said}{seen}")
    missing = _missing(traffic, known) if isinstance(traffic, Traffic) else _undecided(windows, known)
    if missing:
        return Verdict(Effect.UNKNOWN, f"{missing if counted else f'{said}; {missing}'}{seen}")
    return Verdict(Effect.STOPPED, f"{said}{seen}")


def _missing(traffic: Traffic, known: Known) -> str:
    """Why no answer in the scope proves nothing yet; empty when it does."""
    if traffic.until <= traffic.since:
        return f"too early: nothing can be told before {utc(traffic.since)}"
    usual, since = traffic.usual, utc(traffic.since)
    if not traffic.others and not (traffic.reaches and traffic.reaches > traffic.since):
        return (
            f"the prediction log holds nothing at all since {since}: either nothing was "
            "asked, or it is not being written" + ("" if known.targeted else _ASKED)
        )
    if usual is None or not usual.answered:
        return (
            f"the model answered no request of the contained scope since {since}, and none in the same hours "
            "of the day before: more of the log is waited for"
        )
    seen = witnesses(traffic.others, traffic.by_people, usual)
    if not seen.as_usual:
        return f"the prediction log is not seen to go on as usual since {since}: {seen.said}"
    if seen.chance(usual.answered) >= CHANCE:
        return (
            f"the model answered no request of the contained scope since {since}, but only "
            f"{_about(traffic.expected)} were to be expected{_as_far(traffic)}, going by the day before: "
            "that may be chance, and more of the log is waited for"
        )
    if not known.switched:
        return f"{_counted(traffic)}; but the switch is not known to be answered by, so it may be chance"
    return ""


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Rows that show that the log goes on, beside those of the day before."""

    since: int
    before: int
    times: float
    """How often the stretch of before fits into the one since."""
    people: bool
    """They are requests that people decided: the model answers no others."""

    @property
    def as_usual(self) -> bool:
        """Whether they are shown to be at least half of what their own pace lets one expect."""
        if not self.since:
            return False
        ratio = AS_USUAL * self.times
        return wilson(self.since, self.since + self.before, CONFIDENCE).lower >= ratio / (1 + ratio)

    def chance(self, answered: int) -> float:
        """How probable it is that of `answered` rows of the scope none falls since, were it answered as
        before: all of them are drawn from before, C(b + s, s) / C(b + w + s, s)."""
        both = answered + self.before
        log = lgamma(both + 1) - lgamma(self.before + 1)
        return exp(log + lgamma(self.before + self.since + 1) - lgamma(both + self.since + 1))

    def expect(self, answered: int) -> float:
        """How many rows of the scope these let one expect, where before it were `answered`."""
        return answered * self.since / self.before if self.before else 0.0

    @property
    def said(self) -> str:
        expected = f"{_about(self.before * self.times)} were to be expected, going by the day before"
        if self.people:
            held = f"of requests that people decided it holds {self.since:,}, where {expected}{_OFF}"
        else:
            held = f"of other requests the model answered {self.since:,}, where {expected}"
        return f"{held}; more than half of that is waited for"


def witnesses(others: int, by_people: int, usual: Usual) -> Witnesses:
    """Others that the model answered; where it never answered others, requests that people decided."""
    if usual.others:
        return Witnesses(others, usual.others, usual.times, people=False)
    return Witnesses(by_people, usual.answered + usual.by_people, usual.times, people=True)


_ASKED = "; requests that people decide show that it is: log them without a prediction"
_OFF = " (where the model answers nobody else, these show that it is written: log them without a prediction)"


def _undecided(windows: Sequence[SeenWindow], known: Known) -> str:
    """Why the monitors alone do not show that the harm stopped; empty when they do."""
    newest = {window.monitor: window for window in windows}  # windows come in the order of time
    after = f" that began after {utc(known.since)}" if known.since else ""
    silent = [name for name in known.monitors if name not in newest]
    doubtful = [name for name, window in newest.items() if not window.in_bounds]
    if not newest:
        return f"no monitor has measured a window{after}"
    if silent:
        return f"{', '.join(silent)} measured no window{after}"
    if doubtful:
        return f"{', '.join(doubtful)}: no alarm since, but not clearly in bounds"
    if not known.requests:
        return "what the monitors show may have come by itself: nobody is known to have asked the switch"
    return ""


def _as_far(traffic: Traffic) -> str:
    """Where the log ends before it should."""
    if traffic.reaches is None or traffic.reaches >= traffic.until:
        return ""
    return f" up to its newest row, {utc(traffic.reaches)}"


def _still(traffic: Traffic) -> str:
    return (
        f"the model still answered {traffic.answered:,} request{'s' * (traffic.answered != 1)} of the "
        f"contained scope between {utc(traffic.since)} and {utc(traffic.until)}"
    )


def _counted(traffic: Traffic) -> str:
    others = f"; of other requests it answered {traffic.others:,}" if traffic.others else ""
    expected = f"{_about(traffic.expected)} were to be expected{_as_far(traffic)}"
    return (
        f"the model answered 0 requests of the contained scope between {utc(traffic.since)} and "
        f"{utc(traffic.until)}, where {expected}{others}"
    )


def _windows(windows: Sequence[SeenWindow]) -> str:
    """`; accuracy: 2 windows since, 2 in bounds`; empty when none was measured."""
    told = []
    for monitor in dict.fromkeys(window.monitor for window in windows):
        own = [window for window in windows if window.monitor == monitor]
        inside = sum(window.in_bounds for window in own)
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
