"""What is fixed once and carried along: the form in which the reference enters every comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.detect.cells import Cell
from holdfast.detect.metrics.drift import FINE
from holdfast.prepare.systems import DriftMethod, Monitor


@dataclass(frozen=True, slots=True)
class Frozen:
    """What is fixed when the reference is set. Serialisable; part of the state between runs."""

    identity: str
    """Digest of what it was made from; another one means that it must be made again."""
    edges: Mapping[str, tuple[float, ...]]
    """By column and number of parts: `car_value/10`."""
    values: Mapping[str, tuple[str, ...]]
    """By column: the reference's categories, most frequent first."""
    centres: Mapping[str, float]
    """By column: a value near its mean."""
    score_edges: tuple[float, ...] = ()
    chances: tuple[float, ...] = ()
    """By score bin: the chance of a positive label."""
    calibrated: bool = False
    """Whether the chances come from labels of the reference, not from the scores themselves."""
    cells: tuple[Cell, ...] = ()
    """The reference's own counts."""

    def edges_of(self, monitor: Monitor) -> tuple[float, ...]:
        """The bin edges of a drift monitor's column."""
        return self.edges[edges_key(monitor.column or "", parts(monitor))]


def edges_key(column: str, count: int) -> str:
    return f"{column}/{count}"


def parts(monitor: Monitor) -> int:
    """Into how many bins of equal mass a drift monitor cuts its column."""
    fine = monitor.drift_method in (DriftMethod.KS, DriftMethod.WASSERSTEIN)
    return FINE if fine else monitor.bins
