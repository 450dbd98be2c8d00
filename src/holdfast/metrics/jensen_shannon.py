"""Jensen–Shannon distance: how far the shares of a column's values or bins have moved from the reference."""

from __future__ import annotations

from math import log, sqrt

from holdfast.metrics import binning
from holdfast.metrics.intervals import Measured
from holdfast.metrics.metric import Dimension, Found, Freezes, Marks, Metric, Need, Takes


def read(found: Found) -> Measured:
    from holdfast.metrics import drift

    return drift.jensen_shannon(*binning.compared(found), found.confidence)


METRIC = Metric(
    name="jensen_shannon",
    family="drift",
    words="Jensen–Shannon distance",
    dimension=Dimension.DRIFT,
    needs=(Need.COLUMN, Need.REFERENCE),
    definition="Square root of the Jensen–Shannon divergence with the natural logarithm, over bins of equal "
    "mass in the reference, or over its values.",
    source="As scipy.spatial.distance.jensenshannon; interval by the delta method",
    range=(0.0, sqrt(log(2))),
    unit="",
    worse="up",
    digits=3,
    takes=Takes.NUMBERS_OR_VALUES,
    freezes=(Freezes.EDGES, Freezes.VALUES),
    wants=binning.bins,
    read=read,
    marks=Marks.OUTSIDE,
)
