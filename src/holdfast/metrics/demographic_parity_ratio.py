"""Demographic parity as a ratio: the four-fifths rule asks for 0.8."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from holdfast.metrics import fairness
from holdfast.metrics.intervals import Measured
from holdfast.metrics.items import SELECTED, Counts, Group
from holdfast.metrics.metric import Comparing, Dimension, Metric, Need
from holdfast.metrics.selection_rate import SELECTION


def parity_ratio(selected: Mapping[Group, Counts], confidence: float) -> Measured:
    """Values are [positive, with a prediction]."""
    return fairness.smallest_ratio(selected, SELECTION, confidence)


METRIC = Metric(
    name="demographic_parity_ratio",
    words="demographic parity ratio",
    title="lowest rate of any group by the highest",
    dimension=Dimension.FAIRNESS,
    needs=(Need.PREDICTIONS, Need.GROUPS),
    definition="Smallest share of positive predictions of any group, divided by the largest.",
    source="29 CFR 1607.4 D; MOVER-R interval of Donner and Zou (2012), for all pairs at once (Bonferroni)",
    # Of two shares that are much the same, either may be the smaller one.
    reaches=(0.0, inf),
    worse="down",
    wants=lambda _: (SELECTED,),
    compares=Comparing((SELECTION,), parity_ratio),
)
