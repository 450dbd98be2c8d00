"""F1: precision and recall in one number, their harmonic mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.metrics.intervals import Measured, NotComputable, Value, wilson
from holdfast.metrics.items import CONFUSION, Counts
from holdfast.metrics.metric import Dimension, Metric, Need

if TYPE_CHECKING:
    from holdfast.metrics.expected import Expected


def f1(confusion: Counts, confidence: float) -> Measured:
    """2tp / (2tp + fp + fn).

    F1 = 2j / (1 + j) with Jaccard's j = tp / (tp + fp + fn), which given its denominator is a binomial
    share; the map is monotone, so Wilson's interval for j carries over exactly.
    """
    tp, wrong = int(confusion[0]), int(confusion[1]) + int(confusion[2])
    if tp + wrong == 0:
        return NotComputable("not computable: nothing is positive, neither predicted nor labelled")
    jaccard = wilson(tp, tp + wrong, confidence)
    value, lower, upper = (2 * j / (1 + j) for j in (jaccard.value, jaccard.lower, jaccard.upper))
    return Value(value, lower, upper, tp + wrong)


def estimate(expected: Expected) -> Measured:
    if expected.positives == 0:
        return NotComputable("not computable: no positive label is expected")
    both = expected.chosen + expected.positives
    value = 2 * expected.tp / both
    return expected.value(value, -value / both, (2 - value) / both)


METRIC = Metric(
    name="f1",
    words="F1",
    dimension=Dimension.PERFORMANCE,
    needs=(Need.LABELS, Need.PREDICTIONS),
    definition="Harmonic mean of precision and recall: 2tp / (2tp + fp + fn).",
    source="Wilson's score interval of tp / (tp + fp + fn), carried over",
    worse="down",
    wants=lambda _: (CONFUSION,),
    read=lambda found: f1(found.counted(CONFUSION), found.confidence),
    estimate=estimate,
)
