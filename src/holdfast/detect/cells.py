"""Cells: the small counts that everything is computed from.

One idea: a cell holds the counts of one plan item, in one window, one group and one period in which
labels became known. Two cells of the same key merge by adding; nothing is ever scanned again to answer a
question about the past.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from holdfast.metrics.items import Counts, Group

MISSING_GROUP = "(missing)"
ORIGIN = datetime(1, 1, 1, tzinfo=UTC)
"""Windows are numbered from here: a Monday, so that weeks begin on Mondays and no number is negative."""


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A stretch of the log: event times from `start` up to, not including, `end`.

    A window of rows ends with its last row.
    """

    start: datetime
    end: datetime
    index: int
    """Number of the window since the beginning of time, or of the log for windows of rows."""


def on_the_wall(moment: datetime, zone: str) -> datetime:
    """What the zone's clock shows at a moment, as if it were UTC: by this windows are cut."""
    return moment if zone == "UTC" else moment.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC)


def _first_moment(shown: datetime, zone: str) -> datetime:
    """The first moment at which the zone's clock shows this or later: an hour that is shown twice begins
    with its first, one that is skipped at the change."""
    if zone == "UTC":
        return shown
    place = ZoneInfo(zone)
    try:
        first, second = (shown.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1))
    except OverflowError:
        return shown
    if on_the_wall(first, zone) == shown:
        return first
    # Skipped: the change lies between the two readings.
    low, high = min(first, second), max(first, second)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (low, middle) if on_the_wall(middle, zone) >= shown else (middle, high)
    return high.replace(microsecond=0)


def window_number(moment: datetime, width: timedelta, zone: str = "UTC") -> int:
    """The number of the window that a moment lies in."""
    return (on_the_wall(moment, zone) - ORIGIN) // width


@lru_cache(maxsize=20_000)
def window_at(index: int, width: timedelta, zone: str = "UTC") -> Window:
    """A window by its number. Where a clock goes forward, windows may be shorter, or without length."""
    start, end = (_first_moment(ORIGIN + number * width, zone) for number in (index, index + 1))
    return Window(start, end, index)


WHOLE = Window(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), 0)
"""The one window of a scan over everything, such as the reference."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Counts of one item under one key."""

    scan: str
    item: str
    window: Window
    group: Group
    known_by: datetime | None
    """End of the period in which the labels counted here became known; None when they always were, or
    when there are none."""
    counts: Counts

    @property
    def key(self) -> tuple[str, str, Window, Group, datetime | None]:
        return (self.scan, self.item, self.window, self.group, self.known_by)


def add(first: Counts, second: Counts) -> Counts:
    """Counts of the union of two disjoint sets of rows."""
    return tuple(a + b for a, b in zip(first, second, strict=True))


def merge(cells: Iterable[Cell]) -> list[Cell]:
    """One cell per key; the counts of equal keys are added."""
    merged: dict[object, Cell] = {}
    for cell in cells:
        found = merged.get(cell.key)
        merged[cell.key] = cell if found is None else replace(found, counts=add(found.counts, cell.counts))
    return list(merged.values())


Hide = Callable[[Counts], Counts]


class Index:
    """Cells laid out for asking: what does an item count in these windows, for this group, at this time?"""

    def __init__(self, cells: Iterable[Cell]) -> None:
        self._cells: dict[tuple[str, str, Window], dict[Group, list[Cell]]] = {}
        self._windows: dict[str, set[Window]] = defaultdict(set)
        for cell in cells:
            by_group = self._cells.setdefault((cell.scan, cell.item, cell.window), {})
            by_group.setdefault(cell.group, []).append(cell)
            self._windows[cell.scan].add(cell.window)

    def windows(self, scan: str) -> list[Window]:
        """The windows that have rows, in order."""
        return sorted(self._windows.get(scan, ()))

    def has(self, scan: str, item: str, window: Window) -> bool:
        return (scan, item, window) in self._cells

    def groups(self, scan: str, item: str, windows: Iterable[Window]) -> list[Group]:
        found = {group for window in windows for group in self._cells.get((scan, item, window), ())}
        return sorted(found)

    def by_arrival(self, scan: str, item: str, window: Window) -> list[Cell]:
        """All cells of an item in a window, whatever the group."""
        groups: Mapping[Group, list[Cell]] = self._cells.get((scan, item, window), {})
        return [cell for cells in groups.values() for cell in cells]

    def total(
        self,
        scan: str,
        item: str,
        windows: Iterable[Window],
        size: int,
        hide: Hide,
        as_of: datetime | None = None,
        group: Group | None = None,
    ) -> Counts:
        """Added counts of `size` numbers; labels not yet known at `as_of` are hidden by `hide`."""
        total: Counts = (0,) * size
        for window in windows:
            for cell in self.by_arrival(scan, item, window):
                if group is not None and cell.group != group:
                    continue
                late = as_of is not None and cell.known_by is not None and cell.known_by > as_of
                total = add(total, hide(cell.counts) if late else cell.counts)
        return total

    def newest(
        self,
        scan: str,
        item: str,
        windows: Iterable[Window],
        size: int,
        as_of: datetime | None,
        group: Group | None,
    ) -> Counts:
        """Counts that do not add up, as they were known last at `as_of`."""
        known = [
            cell
            for window in windows
            for cell in self.by_arrival(scan, item, window)
            if cell.group == group and (as_of is None or cell.known_by is None or cell.known_by <= as_of)
        ]
        if not known:
            return (0,) * size
        return max(known, key=lambda cell: cell.known_by or ORIGIN).counts
