"""Demographic parity as a difference: how far apart groups are in how often they are selected."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.metrics import fairness
from holdfast.metrics.intervals import Measured
from holdfast.metrics.items import SELECTED, Counts, Group
from holdfast.metrics.metric import Comparing, Dimension, Metric, Need
from holdfast.metrics.selection_rate import SELECTION


def parity_difference(selected: Mapping[Group, Counts], confidence: float) -> Measured:
    """Values are [positive, with a prediction]."""
    return fairness.largest_gap(selected, (SELECTION,), confidence)


METRIC = Metric(
    name="demographic_parity_difference",
    words="demographic parity difference",
    title="difference of approval between groups",
    dimension=Dimension.FAIRNESS,
    needs=(Need.PREDICTIONS, Need.GROUPS),
    definition="Largest minus smallest share of positive predictions of any group.",
    source="Newcombe's interval, Statistics in Medicine 17 (1998), for all pairs at once (Bonferroni)",
    worse="up",
    wants=lambda _: (SELECTED,),
    compares=Comparing((SELECTION,), parity_difference),
)
