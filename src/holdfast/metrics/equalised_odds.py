"""Equalised odds: whether a model errs as often about one group as about another."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.metrics import fairness
from holdfast.metrics.intervals import Measured, NotComputable, wilson
from holdfast.metrics.items import CONFUSION, Counts, Group
from holdfast.metrics.metric import Comparing, Dimension, Metric, Need, Rate
from holdfast.metrics.recall import recall


def false_positive_rate(confusion: Counts, confidence: float) -> Measured:
    """fp / (fp + tn); `confusion` is [tp, fp, fn, tn, unlabelled]."""
    fp, tn = int(confusion[1]), int(confusion[3])
    if fp + tn == 0:
        return NotComputable("not computable: nothing is labelled negative")
    return wilson(fp, fp + tn, confidence)


ODDS = (Rate("true_positive_rate", recall), Rate("false_positive_rate", false_positive_rate, harms="highest"))


def equalised_odds(confusions: Mapping[Group, Counts], confidence: float) -> Measured:
    """Values are [tp, fp, fn, tn, unlabelled]."""
    return fairness.largest_gap(confusions, ODDS, confidence)


METRIC = Metric(
    name="equalised_odds",
    words="equalised odds",
    title="largest difference of errors between groups",
    dimension=Dimension.FAIRNESS,
    needs=(Need.LABELS, Need.PREDICTIONS, Need.GROUPS),
    definition="The larger of the largest gaps in true and in false positive rate, as fairlearn's "
    "equalized_odds_difference takes it.",
    source='Hardt, Price and Srebro, "Equality of opportunity in supervised learning" (2016); Newcombe\'s '
    "interval for all pairs at once (Bonferroni)",
    worse="up",
    wants=lambda _: (CONFUSION,),
    compares=Comparing(ODDS, equalised_odds),
)
