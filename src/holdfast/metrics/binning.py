"""How columns and scores are cut into bins: what is said before anything is computed, and needs no arrays."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from holdfast.metrics.items import Categories, Counts, Histogram, Item
from holdfast.metrics.metric import Found, Ground

COMPARED_VALUES = 50
"""Values of a category that are compared one by one; rarer ones count together."""
FINE = 1024
GRID = 512
STRETCHED = 4


def as_probabilities(edges: Sequence[float]) -> tuple[float, ...]:
    """Chance by score bin when the scores are taken at their word: each bin's middle."""
    inner = [(low + high) / 2 for low, high in pairwise(edges)]
    return (0.0, *inner, 1.0)


def bins(ground: Ground) -> tuple[Item]:
    """A column on its frozen bins: a category on its most frequent values."""
    if ground.values:
        return (Categories(ground.column, ground.values[:COMPARED_VALUES]),)
    return (Histogram(ground.column, ground.edges),)


def compared(found: Found) -> tuple[Counts, Counts]:
    """The reference on those bins, and the window."""
    (item,) = bins(found.ground)
    return found.reference(item), found.counted(item)
