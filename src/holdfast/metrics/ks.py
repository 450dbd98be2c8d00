"""Kolmogorov–Smirnov distance: the largest gap between a column's cumulative shares and the reference's."""

from __future__ import annotations

from holdfast.metrics import binning
from holdfast.metrics.intervals import Measured
from holdfast.metrics.metric import Dimension, Found, Freezes, Marks, Metric, Need, Takes


def read(found: Found) -> Measured:
    from holdfast.metrics import drift

    return drift.ks(*binning.compared(found), found.confidence)


METRIC = Metric(
    name="ks",
    family="drift",
    words="Kolmogorov–Smirnov distance",
    dimension=Dimension.DRIFT,
    needs=(Need.COLUMN, Need.REFERENCE),
    definition=f"Largest difference of the two cumulative shares at the edges of {binning.FINE:,} bins of "
    "equal mass in the reference.",
    source="Dvoretzky–Kiefer–Wolfowitz with Massart's constant, Annals of Probability 18 (1990)",
    unit="",
    worse="up",
    digits=3,
    takes=Takes.ORDERED,
    freezes=(Freezes.FINE_EDGES,),
    wants=binning.bins,
    read=read,
    marks=Marks.OUTSIDE,
)
