"""AUC: how well scores put positives above negatives."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from holdfast.metrics.intervals import Measured, NotComputable, Value, on_logit, wilson
from holdfast.metrics.items import RANKS, Counts
from holdfast.metrics.metric import Dimension, Metric, Need

if TYPE_CHECKING:
    from holdfast.metrics.expected import Expected


def auc(ranks: Counts, confidence: float) -> Measured:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.

    `ranks` is [positives P, negatives N, U, sum over positives of the squared count of negatives below,
    sum over negatives of the squared count of positives above] as `items.Ranks` says. Variance of DeLong,
    DeLong and Clarke-Pearson, Biometrics 44 (1988), with the interval on the logit scale. Where the
    classes are separated perfectly that variance is 0, and Wilson's interval for the smaller class
    stands in, which is wider.
    """
    p, n = int(ranks[0]), int(ranks[1])
    if p == 0 or n == 0:
        return NotComputable(
            f"not computable until both classes are known: {p} positive and {n} negative scores are labelled",
            p + n,
        )
    value = ranks[2] / (p * n)
    variance = 0.0
    if p > 1 and n > 1:
        among_positives = (ranks[3] / n**2 - p * value**2) / (p - 1)
        among_negatives = (ranks[4] / p**2 - n * value**2) / (n - 1)
        variance = max(among_positives, 0.0) / p + max(among_negatives, 0.0) / n
    if not 0 < value < 1 or sqrt(variance) < 1e-9:
        few = min(p, n)
        around = wilson(round(value * few), few, confidence)
        return Value(value, min(around.lower, value), max(around.upper, value), p + n)
    return on_logit(value, variance, p + n, confidence)


def estimate(expected: Expected) -> Measured:
    """Variance after Hanley and McNeil, Radiology 143 (1982)."""
    positives, negatives = expected.positives, expected.negatives
    if positives < 1 or negatives < 1:
        return NotComputable("not computable: only one class is expected", expected.rows)
    value = expected.pairs_in_order / (positives * negatives)
    q1, q2 = value / (2 - value), 2 * value**2 / (1 + value)
    square = value**2
    variance = value * (1 - value) + (positives - 1) * (q1 - square) + (negatives - 1) * (q2 - square)
    if not 0 < value < 1:
        return NotComputable("not computable: the scores are all alike", expected.rows)
    return on_logit(value, variance / (positives * negatives), expected.rows, expected.confidence)


METRIC = Metric(
    name="auc",
    words="AUC",
    dimension=Dimension.PERFORMANCE,
    needs=(Need.LABELS, Need.SCORES),
    definition="Chance that a positive scores above a negative, ties counting half.",
    source="Variance of DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), on the logit scale",
    worse="down",
    wants=lambda _: (RANKS,),
    read=lambda found: auc(found.counted(RANKS), found.confidence),
    adds_up=False,
    estimate=estimate,
)
