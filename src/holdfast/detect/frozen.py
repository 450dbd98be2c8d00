"""What is fixed once and carried along: the form in which the reference enters every comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from holdfast import wording
from holdfast.detect.cells import Cell
from holdfast.detect.tables import Table
from holdfast.metrics import binning
from holdfast.metrics.binning import FINE
from holdfast.metrics.metric import Freezes, Ground
from holdfast.prepare.systems import Monitor

ALWAYS = datetime.min.replace(tzinfo=UTC)
NOT_YET = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Frozen:
    """What is fixed when the reference is set. Serialisable; part of the state between runs."""

    identity: str
    """Digest of its place and of how it is read; another one means that it must be made again."""
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
    calibrated_as_of: datetime | None = None
    """`labels_ripe` when the chances were taken; None before."""
    cells: tuple[Cell, ...] = ()
    """The reference's own counts."""
    counted: tuple[tuple[str, str], ...] = ()
    """Scans and items that were counted of the reference: of one without rows no cell tells."""
    ripe: datetime = ALWAYS
    """When the reference is complete; a period of the log is once it is over."""
    labels_ripe: datetime = ALWAYS
    """When its labels are complete as well: what was frozen before would be the early labels' reference."""
    until: datetime | None = None
    """The end of the reference period."""
    two_classes: bool = True
    """Whether predictions are of two classes; of more, accuracy does not follow from one score."""

    @property
    def is_complete(self) -> bool:
        return NOT_YET not in (self.ripe, self.labels_ripe)

    def waits(self, as_of: datetime | None, *, labelled: bool) -> str:
        """Why nothing may be compared with the reference at a moment; empty when it may."""
        if as_of is None:
            return ""
        if self.ripe > as_of:
            ends = f" on {wording.utc(self.until)}" if self.until else ""
            return f"the reference period is not complete before it ends{ends}"
        if labelled and self.labels_ripe > as_of:
            return "the labels of the reference period are not complete yet"
        return ""

    def estimates(self, monitor: Monitor) -> bool:
        """Whether the monitor's metric follows from the scores before labels are known."""
        metric = monitor.measures
        follows = metric.estimate is not None and (self.two_classes or not metric.of_two_classes)
        return bool(self.score_edges) and follows

    def chances_at(self, as_of: datetime) -> tuple[float, ...]:
        """By score bin: the chance of a positive label, as it could be known at a moment."""
        if self.labels_ripe > as_of:
            return binning.as_probabilities(self.score_edges)
        return self.chances

    def ground(self, monitor: Monitor, table: Table) -> Ground:
        """What the monitor's metric is taken of."""
        column, parts = monitor.column or "", parts_of(monitor, table)
        return Ground(
            column,
            edges=() if parts is None else self.edges[edges_key(column, parts)],
            values=self.values[column] if lists_values(monitor, table) else (),
            centre=self.centres.get(column, 0.0),
        )


def edges_key(column: str, count: int) -> str:
    return f"{column}/{count}"


def parts_of(monitor: Monitor, table: Table) -> int | None:
    """Into how many bins of equal mass the monitor's column is cut; None where its values are listed, or
    nothing is frozen of it."""
    wanted = monitor.measures.freezes
    if Freezes.FINE_EDGES in wanted:
        return FINE
    is_cut = Freezes.EDGES in wanted and not table.is_category(monitor.column or "")
    return monitor.bins if is_cut else None


def lists_values(monitor: Monitor, table: Table) -> bool:
    """Whether the values of the monitor's column are frozen."""
    return Freezes.VALUES in monitor.measures.freezes and parts_of(monitor, table) is None
