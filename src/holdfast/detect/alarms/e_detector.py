"""The Shiryaev–Roberts e-detector: watches a rate window after window, and states how rarely it errs.

    M ← (M + 1) · L,   L = (p1/p0)^k · ((1 − p1)/(1 − p0))^(n − k),   one M for each p1; their mean decides

k hits of n in a window, p0 the rate that is still good, p1 a few worse ones. While the conditional chance
of a hit stays at p0 or better, L has expectation at most 1, so M − t is a supermartingale for each p1 and
for their mean, and the mean number of windows until that first reaches A is at least A: the average run
length to a false alarm is *guaranteed*, whatever the dependence between windows (Shin, Ramdas and Rinaldo,
"E-detectors: a nonparametric framework for sequential change detection", arXiv 2203.03532).
The guarantee rests on p0: take a cautious one. `holdfast` uses the end of the reference's interval that
lies further from alarm.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

from holdfast.detect.alarms import Verdict
from holdfast.detect.measurement import shown
from holdfast.metrics.intervals import Value
from holdfast.prepare.systems import EDetector

LARGEST = 1e300
"""M is kept representable; it has long alarmed by then."""
Evidence = tuple[float, ...]
"""M for each alternative; empty before the first window."""


@dataclass(frozen=True, slots=True)
class Step:
    """The detector after one window."""

    evidence: Evidence
    """To carry to the next window; empty after an alarm, so that it starts afresh."""
    reached: float
    """The mean of M as this window left it."""
    verdict: Verdict


def average_run_length(monitors: int, horizon: float, allowed: float) -> float:
    """Windows between false alarms of one monitor, so that of so many monitors over a horizon (in windows)
    at most `allowed` are expected to alarm falsely."""
    return monitors * horizon / allowed


def likelihood(hits: int, n: int, good: float, worse: float) -> float:
    """L of one window for one alternative, at most `LARGEST`."""
    logarithm = hits * log(worse / good) + (n - hits) * log((1 - worse) / (1 - good))
    return exp(min(logarithm, log(LARGEST)))


def alternatives(good: float, rule: EDetector) -> list[float]:
    """The rates to look for: `good` moved by each shift, kept inside 0 to 1."""
    sign = -1 if rule.direction == "down" else 1
    moved = [good + sign * shift for shift in rule.shifts]
    inside = [rate for rate in moved if 0 < rate < 1]
    return inside or [good / 2 if rule.direction == "down" else (1 + good) / 2]


def advance(evidence: Evidence, value: Value, good: float, arl: float, rule: EDetector) -> Step:
    """Take in one window; `value.hits` must be known. Evidence for other alternatives starts afresh."""
    assert value.hits is not None
    worse = alternatives(good, rule)
    if len(evidence) != len(worse):
        evidence = (0.0,) * len(worse)
    after = tuple(
        min((m + 1) * likelihood(value.hits, value.n, good, rate), LARGEST)
        for m, rate in zip(evidence, worse, strict=True)
    )
    reached = sum(m / len(after) for m in after)
    shift = good - value.value if rule.direction == "down" else value.value - good
    expected = f"{shown(good)} is expected {'at least' if rule.direction == 'down' else 'at most'}"
    strength = f"evidence of a lasting change is {shown(reached)} of {shown(arl)}"
    if reached < arl:
        sentence = f"gives no alarm ({strength}; {expected})"
        return Step(after, reached, Verdict(False, shift <= rule.floor, sentence))
    if shift < rule.floor:
        sentence = f"has changed, but by less than {shown(rule.floor)} ({strength}; {expected})"
        return Step(after, reached, Verdict(False, True, sentence))
    sentence = f"has changed for longer than chance explains: {strength}, and {expected}"
    return Step((), reached, Verdict(True, False, sentence))
