"""Opening at once and closing late: one alert while a thing is wrong, however often it is measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

from holdfast.detect.measurement import Transition


@dataclass(frozen=True, slots=True)
class Series:
    """What is remembered of one monitor and group between windows."""

    open: bool = False
    good: int = 0
    """Windows in bounds since the last alarm, one after another."""
    evidence: tuple[float, ...] = ()
    """The e-detector's."""


def advance(
    series: Series, alarm: bool, in_bounds: bool, close_after: int
) -> tuple[Series, Transition | None]:
    """The state after one judged window, and what it does to the alert.

    A doubtful window (no alarm, not in bounds) neither closes nor starts the count again.
    """
    if alarm:
        return replace(series, open=True, good=0), Transition.JOINS if series.open else Transition.OPENS
    if not series.open:
        return series, None
    if not in_bounds:
        return series, None
    good = series.good + 1
    if good >= close_after:
        return replace(series, open=False, good=0), Transition.CLOSES
    return replace(series, good=good), Transition.RECOVERS
