"""How columns and scores are cut into bins, and what can be estimated from scores: what is said of a metric
before anything is computed, and needs no arrays."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from holdfast.prepare.systems import Metric

FINE = 1024
GRID = 512
STRETCHED = 4
ESTIMABLE = frozenset({Metric.ACCURACY, Metric.PRECISION, Metric.RECALL, Metric.F1, Metric.AUC})


def as_probabilities(edges: Sequence[float]) -> tuple[float, ...]:
    """Chance by score bin when the scores are taken at their word: each bin's middle."""
    inner = [(low + high) / 2 for low, high in pairwise(edges)]
    return (0.0, *inner, 1.0)
