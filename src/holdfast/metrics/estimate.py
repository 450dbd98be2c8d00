"""What performance probably is before the labels are in: confidence-based estimation (CBPE).

If a score of 0.8 means that eight in ten turn out positive, the expected confusion matrix follows from
the scores alone. Two assumptions, and a shown estimate says so: the scores are calibrated (they are made
so on the reference where it has labels), and what the scores mean has not changed (no concept drift).

NannyML, "How CBPE works"; the calibration is isotonic regression by pooling adjacent violators
(Ayer et al., Annals of Mathematical Statistics 26, 1955) on bins of equal mass.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from holdfast.metrics.expected import Expected, Floats
from holdfast.metrics.intervals import Measured, NotComputable
from holdfast.metrics.metric import Metric


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
    """The expected value of a metric.

    `scores` counts rows by score bin, those predicted otherwise first, then those predicted positive.
    """
    if metric.estimate is None:
        return NotComputable(f"not computable: {metric.words} does not follow from scores")
    half = len(scores) // 2
    others, chosen = np.asarray(scores[:half], dtype=float), np.asarray(scores[half:], dtype=float)
    expected = Expected(others, chosen, np.asarray(chances, dtype=float), confidence)
    return metric.estimate(expected) if expected.rows else NotComputable("not computable: no row has a score")
