"""What the moments of a column say of its spread; they are taken about a centre near the data, so that the
variance does not vanish in rounding."""

from __future__ import annotations

from math import sqrt

from holdfast.metrics.items import Counts


def deviation(moments: Counts) -> float:
    """Standard deviation of a sample, with n − 1 below the line; 0 for a single value."""
    n = int(moments[0])
    if n < 2:
        return 0.0
    return sqrt(max(moments[2] - moments[1] ** 2 / n, 0.0) / (n - 1))


def pooled_deviation(one: Counts, other: Counts) -> float:
    """Standard deviation of two samples taken half and half; both are moments about the same centre."""
    if not one[0] or not other[0]:
        return 0.0
    mean_of = (one[1] / one[0] + other[1] / other[0]) / 2
    square = (one[2] / one[0] + other[2] / other[0]) / 2
    return sqrt(max(square - mean_of**2, 0.0))
