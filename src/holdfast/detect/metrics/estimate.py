"""What performance probably is before the labels are in: confidence-based estimation (CBPE).

If a score of 0.8 means that eight in ten turn out positive, the expected confusion matrix follows from
the scores alone. Two assumptions, and a shown estimate says so: the scores are calibrated (they are made
so on the reference where it has labels), and what the scores mean has not changed (no concept drift).

NannyML, "How CBPE works"; the calibration is isotonic regression by pooling adjacent violators
(Ayer et al., Annals of Mathematical Statistics 26, 1955) on bins of equal mass.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from holdfast.detect.metrics.intervals import Measured, NotComputable, Value, normal_quantile, on_logit
from holdfast.prepare.systems import Metric

Floats = NDArray[np.float64]


def calibration(others: Sequence[float], positives: Sequence[float]) -> tuple[float, ...] | None:
    """Chance of a positive label in each score bin, never falling as the score rises.

    Counts of the reference by score bin. None when the reference does not know both classes. A bin
    without labels takes the nearest bin's chance.
    """
    hits, totals = np.asarray(positives, dtype=float), np.asarray(others, dtype=float) + positives
    if hits.sum() == 0 or hits.sum() == totals.sum():
        return None
    filled = np.flatnonzero(totals)
    pooled = _pool(hits[filled], totals[filled])
    nearest = np.abs(np.arange(len(totals))[:, None] - filled[None, :]).argmin(axis=1)
    return tuple(float(chance) for chance in pooled[nearest])


def _pool(hits: Floats, totals: Floats) -> Floats:
    """Pool adjacent violators, weighted by rows."""
    blocks: list[tuple[float, float, int]] = []
    for hit, total in zip(hits, totals, strict=True):
        block = (float(hit), float(total), 1)
        while blocks and blocks[-1][0] * block[1] > block[0] * blocks[-1][1]:
            last = blocks.pop()
            block = (last[0] + block[0], last[1] + block[1], last[2] + block[2])
        blocks.append(block)
    return np.concatenate([np.full(width, hit / total) for hit, total, width in blocks])


def estimate(
    metric: Metric, scores: Sequence[float], chances: Sequence[float], confidence: float
) -> Measured:
    """The expected value of a performance metric.

    `scores` counts rows by score bin, those predicted otherwise first, then those predicted positive.
    The interval is the spread of labels that follow the chances, by the delta method; it holds no doubt
    about the two assumptions.
    """
    half = len(scores) // 2
    other, positive = np.asarray(scores[:half], dtype=float), np.asarray(scores[half:], dtype=float)
    p = np.asarray(chances, dtype=float)
    n = int(other.sum() + positive.sum())
    if n == 0:
        return NotComputable("not computable: no row has a score")
    if metric is Metric.AUC:
        return _auc(other + positive, p, n, confidence)
    parts = _linear(metric, other, positive, p)
    if isinstance(parts, NotComputable):
        return parts
    value, slope_other, slope_positive = parts
    noise = p * (1 - p)
    variance = float(np.sum(noise * (other * slope_other**2 + positive * slope_positive**2)))
    reach = normal_quantile(confidence) * sqrt(variance)
    return Value(value, max(0.0, value - reach), min(1.0, value + reach), n)


def _linear(
    metric: Metric, other: Floats, positive: Floats, p: Floats
) -> tuple[float, float, float] | NotComputable:
    """The expected value, and how one more positive label among either kind of row would move it."""
    tp, fn = float(np.sum(positive * p)), float(np.sum(other * p))
    chosen, n = float(positive.sum()), float(positive.sum() + other.sum())
    if metric is Metric.ACCURACY:
        return (tp + float(np.sum(other * (1 - p)))) / n, -1 / n, 1 / n
    if metric is Metric.PRECISION:
        return (tp / chosen, 0.0, 1 / chosen) if chosen else NotComputable("not computable: none positive")
    if tp + fn == 0:
        return NotComputable("not computable: no positive label is expected")
    if metric is Metric.RECALL:
        value = tp / (tp + fn)
        return value, -value / (tp + fn), (1 - value) / (tp + fn)
    value = 2 * tp / (chosen + tp + fn)
    return value, -value / (chosen + tp + fn), (2 - value) / (chosen + tp + fn)


def _auc(rows: Floats, p: Floats, n: int, confidence: float) -> Measured:
    """Expected AUC; variance after Hanley and McNeil, Radiology 143 (1982)."""
    up, down = rows * p, rows * (1 - p)
    positives, negatives = float(up.sum()), float(down.sum())
    if positives < 1 or negatives < 1:
        return NotComputable("not computable: only one class is expected", n)
    below = np.cumsum(down) - down / 2
    value = float(np.sum(up * below)) / (positives * negatives)
    q1, q2 = value / (2 - value), 2 * value**2 / (1 + value)
    square = value**2
    variance = value * (1 - value) + (positives - 1) * (q1 - square) + (negatives - 1) * (q2 - square)
    if not 0 < value < 1:
        return NotComputable("not computable: the scores are all alike", n)
    return on_logit(value, variance / (positives * negatives), n, confidence)
