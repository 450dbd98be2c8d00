"""Missing and unseen values, rates, means and volume, from counts."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from holdfast.detect.metrics import intervals
from holdfast.detect.metrics.intervals import Measured, NotComputable, wilson


def share(hits: float, n: float, of: str, confidence: float) -> Measured:
    """A count out of a count, with Wilson's interval; `of` words what there is none of when n is 0."""
    if int(n) == 0:
        return NotComputable(f"not computable: there are no {of}")
    return wilson(int(hits), int(n), confidence)


def mean(moments: Sequence[float], centre: float, confidence: float) -> Measured:
    """Mean of a column; `moments` is [n, sum of x − centre, sum of (x − centre)²].

    The centre is near the data, so that the variance does not vanish in rounding.
    """
    n = int(moments[0])
    if n == 0:
        return NotComputable("not computable: the column has no values")
    return intervals.mean(n, centre + moments[1] / n, deviation(moments) ** 2, confidence)


def deviation(moments: Sequence[float]) -> float:
    """Standard deviation of a sample, with n − 1 below the line; 0 for a single value."""
    n = int(moments[0])
    if n < 2:
        return 0.0
    return sqrt(max(moments[2] - moments[1] ** 2 / n, 0.0) / (n - 1))


def pooled_deviation(one: Sequence[float], other: Sequence[float]) -> float:
    """Standard deviation of two samples taken half and half; both are moments about the same centre."""
    if not one[0] or not other[0]:
        return 0.0
    mean_of = (one[1] / one[0] + other[1] / other[0]) / 2
    square = (one[2] / one[0] + other[2] / other[0]) / 2
    return sqrt(max(square - mean_of**2, 0.0))
