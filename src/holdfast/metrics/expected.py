"""What labels may be expected while none are known: what the estimate of a metric is made of."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from holdfast.metrics.intervals import Value, normal_quantile

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Expected:
    """Rows by score bin, and the chance that their label is positive."""

    others: Floats
    """Rows by score bin that were predicted otherwise."""
    chosen_rows: Floats
    """Those that were predicted positive."""
    chances: Floats
    """By score bin: the chance of a positive label."""
    confidence: float

    @property
    def rows(self) -> int:
        return int(self.others.sum() + self.chosen_rows.sum())

    @property
    def chosen(self) -> float:
        return float(self.chosen_rows.sum())

    @property
    def tp(self) -> float:
        return float(np.sum(self.chosen_rows * self.chances))

    @property
    def tn(self) -> float:
        return float(np.sum(self.others * (1 - self.chances)))

    @property
    def positives(self) -> float:
        return float(np.sum((self.others + self.chosen_rows) * self.chances))

    @property
    def negatives(self) -> float:
        return float(np.sum((self.others + self.chosen_rows) * (1 - self.chances)))

    @property
    def pairs_in_order(self) -> float:
        """Pairs of a positive and a negative row in which the positive scores higher; half of those equal."""
        rows = self.others + self.chosen_rows
        up, down = rows * self.chances, rows * (1 - self.chances)
        return float(np.sum(up * (np.cumsum(down) - down / 2)))

    def value(self, value: float, of_other: float, of_chosen: float) -> Value:
        """A share with its interval: by how much one more positive label among either kind of row moves it.

        The interval is the spread of labels that follow the chances, by the delta method; it holds no doubt
        about the two assumptions.
        """
        noise = self.chances * (1 - self.chances)
        spread = noise * (self.others * of_other**2 + self.chosen_rows * of_chosen**2)
        reach = normal_quantile(self.confidence) * sqrt(float(np.sum(spread)))
        return Value(value, max(0.0, value - reach), min(1.0, value + reach), self.rows)
