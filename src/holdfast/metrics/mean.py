"""Mean of a column of numbers."""

from __future__ import annotations

from math import inf

from holdfast.metrics import intervals
from holdfast.metrics.intervals import Measured, NotComputable
from holdfast.metrics.items import Counts, Item, Moments
from holdfast.metrics.metric import Dimension, Found, Freezes, Ground, Metric, Need, Takes
from holdfast.metrics.moments import deviation


def mean(moments: Counts, centre: float, confidence: float) -> Measured:
    """`moments` is [n, sum of x − centre, sum of (x − centre)²]."""
    n = int(moments[0])
    if n == 0:
        return NotComputable("not computable: the column has no values")
    return intervals.mean(n, centre + moments[1] / n, deviation(moments) ** 2, confidence)


def wants(ground: Ground) -> tuple[Item, ...]:
    return (Moments(ground.column, ground.centre),)


def read(found: Found) -> Measured:
    (item,) = wants(found.ground)
    return mean(found.counted(item), found.ground.centre, found.confidence)


METRIC = Metric(
    name="mean",
    words="mean",
    dimension=Dimension.PERFORMANCE,
    needs=(Need.COLUMN,),
    definition="Mean of a column's numbers; infinities are left out.",
    source="Student's t interval",
    range=(-inf, inf),
    unit="of the column",
    takes=Takes.NUMBERS,
    freezes=(Freezes.CENTRE,),
    wants=wants,
    read=read,
)
