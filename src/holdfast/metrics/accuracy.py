"""Accuracy: how often a prediction came true, whatever the number of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.metrics.intervals import Measured, NotComputable, wilson
from holdfast.metrics.items import CORRECT, Counts
from holdfast.metrics.metric import Dimension, Metric, Need

if TYPE_CHECKING:
    from holdfast.metrics.expected import Expected


def accuracy(correct: Counts, confidence: float) -> Measured:
    """`correct` is [right, wrong, unlabelled]."""
    right, wrong = int(correct[0]), int(correct[1])
    if right + wrong == 0:
        return NotComputable("not computable: no prediction is labelled")
    return wilson(right, right + wrong, confidence)


def estimate(expected: Expected) -> Measured:
    """One more positive label is one more mistake among negative predictions, one less among the others."""
    n = expected.rows
    return expected.value((expected.tp + expected.tn) / n, -1 / n, 1 / n)


METRIC = Metric(
    name="accuracy",
    words="accuracy",
    dimension=Dimension.PERFORMANCE,
    needs=(Need.LABELS, Need.PREDICTIONS),
    definition="Share of labelled predictions that equal their label.",
    source="Wilson's score interval, JASA 22 (1927)",
    worse="down",
    is_rate=True,
    wants=lambda _: (CORRECT,),
    read=lambda found: accuracy(found.counted(CORRECT), found.confidence),
    estimate=estimate,
    of_two_classes=True,
)
