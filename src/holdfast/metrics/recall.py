"""Recall, also the true positive rate: how many of the positives were found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.metrics.intervals import Measured, NotComputable, wilson
from holdfast.metrics.items import CONFUSION, Counts
from holdfast.metrics.metric import Dimension, Metric, Need

if TYPE_CHECKING:
    from holdfast.metrics.expected import Expected


def recall(confusion: Counts, confidence: float) -> Measured:
    """tp / (tp + fn); `confusion` is [tp, fp, fn, tn, unlabelled]."""
    tp, fn = int(confusion[0]), int(confusion[2])
    if tp + fn == 0:
        return NotComputable("not computable: nothing is labelled positive")
    return wilson(tp, tp + fn, confidence)


def estimate(expected: Expected) -> Measured:
    positives = expected.positives
    if positives == 0:
        return NotComputable("not computable: no positive label is expected")
    share = expected.tp / positives
    return expected.value(share, -share / positives, (1 - share) / positives)


METRIC = Metric(
    name="recall",
    words="recall",
    dimension=Dimension.PERFORMANCE,
    needs=(Need.LABELS, Need.PREDICTIONS),
    definition="Share of positive labels that were predicted positive.",
    source="Wilson's score interval, JASA 22 (1927)",
    worse="down",
    is_rate=True,
    wants=lambda _: (CONFUSION,),
    read=lambda found: recall(found.counted(CONFUSION), found.confidence),
    estimate=estimate,
)
