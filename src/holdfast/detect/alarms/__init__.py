"""When a measurement is an alarm. Rules are pure: values and the state so far in, a verdict out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says about one window."""

    alarm: bool
    in_bounds: bool
    """Whether the value itself is on the good side; a doubtful window is neither."""
    sentence: str
    """With numbers; starts with a verb: "lies under the limit 0.85"."""
