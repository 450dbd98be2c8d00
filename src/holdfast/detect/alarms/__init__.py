"""When a measurement is an alarm. Rules are pure: values and the state so far in, a verdict out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from holdfast.metrics.intervals import Value


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says about one window."""

    alarm: bool
    in_bounds: bool
    """Whether the value itself is on the good side; a doubtful window is neither."""
    sentence: str
    """With numbers; starts with a verb: "lies under the limit 0.85"."""
    period: Period | None = None
    """What was judged, where that is not the window itself."""


@dataclass(frozen=True, slots=True)
class Period:
    """Several windows that end with the one measured, judged together."""

    start: datetime
    end: datetime
    value: Value
