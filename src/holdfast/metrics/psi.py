"""PSI: how far the shares of a column's values or bins have moved from the reference."""

from __future__ import annotations

from math import inf, log

from holdfast.metrics import binning
from holdfast.metrics.intervals import Measured
from holdfast.metrics.metric import MIN_N, Dimension, Found, Freezes, Marks, Metric, Need, Takes


def read(found: Found) -> Measured:
    from holdfast.metrics import drift

    return drift.psi(*binning.compared(found), found.confidence)


METRIC = Metric(
    name="psi",
    family="drift",
    words="PSI",
    title="population stability index (PSI)",
    dimension=Dimension.DRIFT,
    needs=(Need.COLUMN, Need.REFERENCE),
    definition="Sum of (q − p) ln(q / p) over bins of equal mass in the reference, or over its values; no "
    "share counts as less than 1 in 10,000.",
    source="Interval and bias after Yurdakul and Naranjo, Journal of Risk Model Validation 14 (2020)",
    range=(0.0, 2 * log(10_000)),
    reaches=(0.0, inf),
    unit="",
    worse="up",
    digits=3,
    takes=Takes.NUMBERS_OR_VALUES,
    freezes=(Freezes.EDGES, Freezes.VALUES),
    wants=binning.bins,
    read=read,
    # Its logarithms make much of a bin that chance left empty.
    rows_a_bin=10,
    fewer_rows=f"method: jensen_shannon needs {MIN_N}",
    marks=Marks.OUTSIDE,
)
