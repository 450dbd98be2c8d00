"""The aggregation plan: what is counted together, in as few passes over the log as there can be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from holdfast.metrics.items import LABELS, VOLUME, Item
from holdfast.prepare import durations
from holdfast.prepare.systems import Rows


@dataclass(frozen=True, slots=True)
class Scan:
    """One pass over the log: one way of cutting windows, one way of grouping, and all that is counted so."""

    window: timedelta | Rows | None
    """None for everything at once."""
    group_by: tuple[str, ...]
    labelled: bool
    """Whether counts are kept apart by when the label became known; needs the labels joined."""
    items: tuple[Item, ...] = ()

    @property
    def id(self) -> str:
        return scan_id(self.window, self.group_by, self.labelled)


def scan_id(window: timedelta | Rows | None, group_by: Sequence[str], labelled: bool) -> str:
    """`1d`, `5000 rows by gender, labelled`: what makes two monitors share a pass."""
    width = "whole"
    if isinstance(window, Rows):
        width = f"{window.rows} rows"
    elif window is not None:
        width = durations.show(window)
    groups = f" by {', '.join(group_by)}" if group_by else ""
    return f"{width}{groups}{' labelled' if labelled else ''}"


def scans(wants: Iterable[tuple[timedelta | Rows | None, tuple[str, ...], Item]]) -> tuple[Scan, ...]:
    """The fewest passes that serve every wish: those that cut and group alike share one.

    Every pass counts its rows, and every labelled one its labels.
    """
    items: dict[Scan, dict[Item, None]] = {}
    for window, group_by, item in wants:
        scan = Scan(window, group_by, item.labelled)
        found = items.setdefault(scan, {VOLUME: None})
        if item.labelled:
            found[LABELS] = None
        if item.adds_up:
            found[item] = None
    return tuple(Scan(s.window, s.group_by, s.labelled, tuple(found)) for s, found in items.items())
