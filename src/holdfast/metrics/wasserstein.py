"""Wasserstein distance: how far a column's values have moved on average, in standard deviations."""

from __future__ import annotations

from math import inf

from holdfast.metrics import binning
from holdfast.metrics.intervals import Measured
from holdfast.metrics.items import Item, Moments, Tails
from holdfast.metrics.metric import Dimension, Found, Freezes, Ground, Marks, Metric, Need, Takes
from holdfast.metrics.moments import deviation, pooled_deviation


def wants(ground: Ground) -> tuple[Item, ...]:
    tails = Tails(ground.column, ground.edges[0], ground.edges[-1])
    return (*binning.bins(ground), tails, Moments(ground.column, ground.centre))


def read(found: Found) -> Measured:
    from holdfast.metrics import drift

    _, tails, moments = wants(found.ground)
    return drift.wasserstein(
        *binning.compared(found),
        found.ground.edges,
        (found.reference(tails), found.counted(tails)),
        _unit(found, moments),
        found.confidence,
    )


def _unit(found: Found, moments: Item) -> float:
    """What distances are measured in: the reference's standard deviation, where it has one."""
    reference = found.reference(moments)
    own = deviation(reference)
    # Of one value only, rounding may leave a trace.
    if own > 1e-9 * max(1.0, abs(found.ground.centre)):
        return own
    return pooled_deviation(reference, found.counted(moments))


METRIC = Metric(
    name="wasserstein",
    family="drift",
    words="Wasserstein distance (in standard deviations)",
    title="Wasserstein distance, in standard deviations",
    dimension=Dimension.DRIFT,
    needs=(Need.COLUMN, Need.REFERENCE),
    definition="Area between the two cumulative shares, divided by the reference's standard deviation.",
    source="Order 1; bias after Bobkov and Ledoux, Memoirs of the AMS 1259 (2019), theorem 3.2",
    range=(0.0, inf),
    unit="standard deviations",
    worse="up",
    digits=3,
    takes=Takes.ORDERED,
    freezes=(Freezes.FINE_EDGES, Freezes.CENTRE),
    wants=wants,
    read=read,
    marks=Marks.OUTSIDE,
)
