"""Precision: how often a positive prediction came true."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.metrics.intervals import Measured, NotComputable, wilson
from holdfast.metrics.items import CONFUSION, Counts
from holdfast.metrics.metric import Dimension, Metric, Need

if TYPE_CHECKING:
    from holdfast.metrics.expected import Expected


def precision(confusion: Counts, confidence: float) -> Measured:
    """tp / (tp + fp); `confusion` is [tp, fp, fn, tn, unlabelled]."""
    tp, fp = int(confusion[0]), int(confusion[1])
    if tp + fp == 0:
        return NotComputable("not computable: nothing labelled was predicted positive")
    return wilson(tp, tp + fp, confidence)


def estimate(expected: Expected) -> Measured:
    chosen = expected.chosen
    if not chosen:
        return NotComputable("not computable: none positive")
    return expected.value(expected.tp / chosen, 0.0, 1 / chosen)


METRIC = Metric(
    name="precision",
    words="precision",
    dimension=Dimension.PERFORMANCE,
    needs=(Need.LABELS, Need.PREDICTIONS),
    definition="Share of positive predictions whose label is positive.",
    source="Wilson's score interval, JASA 22 (1927)",
    worse="down",
    is_rate=True,
    wants=lambda _: (CONFUSION,),
    read=lambda found: precision(found.counted(CONFUSION), found.confidence),
    estimate=estimate,
)
