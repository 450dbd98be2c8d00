"""When enough labels are in to judge a window (R-DET-02)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from holdfast.detect.cells import Cell
from holdfast.prepare import durations
from holdfast.prepare.systems import Maturity


def mature_at(
    window_end: datetime, delay: timedelta, labels: Iterable[Cell], rule: Maturity
) -> datetime | None:
    """The moment from which the window may be judged; None while too few of its labels are known.

    `labels` are the window's cells of `items.LABELS`. Share and time must both have been reached.
    """
    earliest = window_end + delay + (rule.after or timedelta(0))
    if rule.share is None:
        return earliest
    arrivals: list[tuple[datetime, float]] = []
    rows = 0.0
    for cell in labels:
        positive, other, unlabelled = cell.counts
        rows += positive + other + unlabelled
        arrivals.append((cell.known_by or earliest, positive + other))
    known = 0.0
    for moment, labelled in sorted(arrivals):
        known += labelled
        # A share of 90% means nine of ten, whatever rounding does to 0.9 × 10.
        if known + 1e-9 >= rule.share * rows:
            return max(earliest, moment)
    return None if rows else earliest


def waits_for(rule: Maturity) -> str:
    """What is waited for, in words: "90% labelled and 7 days after the window's end"."""
    parts = []
    if rule.share is not None:
        parts.append(f"{100 * rule.share:.4g}% labelled")
    if rule.after is not None:
        parts.append(f"{durations.spoken(rule.after)} after the window's end")
    return " and ".join(parts)
