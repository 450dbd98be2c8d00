"""From cells to readings: the value of a monitor in a window, before anything is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise

from holdfast.detect import comparing, maturity, plan
from holdfast.detect.cells import MISSING_GROUP, WHOLE, Cell, Index, Window, window_at, window_number
from holdfast.detect.comparing import Comparison
from holdfast.detect.frozen import Frozen
from holdfast.detect.log import Log
from holdfast.detect.measurement import WindowStatus
from holdfast.detect.wants import items, scores
from holdfast.metrics.fairness import size
from holdfast.metrics.intervals import Measured, NotComputable, Value, share
from holdfast.metrics.items import LABELS, VOLUME, Categories, Counts, Group, Item
from holdfast.metrics.metric import Comparing, Found, Ground
from holdfast.prepare.systems import LABELS_WITHIN, Monitor, Rows
from holdfast.prepare.terms import COVERAGE

MOST_SILENT = 1000
"""Windows without rows, one after another, that are measured: by then it has been noticed."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found for one group (None: everybody) in one window."""

    quantity: str
    group: Group | None
    found: Measured
    status: WindowStatus
    rows: int
    """Rows of the group that minimum sizes are asked of: labelled ones where labels are needed."""
    labelled_share: float | None
    judged: bool = True
    """False for what is shown for comparison only."""
    unknown: int = 0
    """Of coverage: rows whose group is not known."""
    comparison: Comparison | None = None
    """Of a metric that compares groups: who was compared with whom, and who was left out."""

    @property
    def is_unnamed(self) -> bool:
        """Whether these are the rows whose group is not known: they are nobody's group."""
        return self.group is not None and MISSING_GROUP in self.group


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the log goes inside a window; None at an edge it does not have there."""

    begins: datetime | None = None
    ends: datetime | None = None

    def within(self, window: Window, least: timedelta) -> Reach:
        """Only edges that lie so far inside that they can be seen."""
        begins, ends = self.begins, self.ends
        return Reach(
            begins if begins and begins - window.start >= least else None,
            ends if ends and window.end - ends >= least else None,
        )


class Reader:
    """Reads measurements off the cells of a log; does no I/O."""

    def __init__(
        self,
        log: Log,
        frozen: Frozen,
        cells: Iterable[Cell],
        since: Mapping[str, datetime] | None = None,
        as_of: datetime | None = None,
        known: Mapping[str, datetime] | None = None,
    ) -> None:
        """`since` says for a scan from where on windows without rows are windows too, `known` from where on
        a window without cells is one without rows. Without `as_of` nothing is known after the log's last
        row (a replay), so that its last window may be cut off."""
        self.log = log
        self.frozen = frozen
        self._index = Index(cells)
        self._reference = Index(frozen.cells)
        self._since = since or {}
        self._as_of = as_of
        self._known = known or {}
        self._grounds: dict[str, Ground] = {}
        self._items: dict[str, Item] = {}

    # Windows

    def windows(self, monitor: Monitor) -> list[Window]:
        """The monitor's windows in order: full ones of rows, or all of time, those without rows included.

        Only volume is read after the log's last row: for all else there is nothing to read.
        """
        found = self._index.windows(self._scan(monitor))
        if isinstance(monitor.window, Rows):
            return [window for window in found if self.rows(monitor, window) == monitor.window.rows]
        since, zone = self._since.get(self._scan(monitor)), self.log.table.zone
        indexes = {window.index for window in found}
        if since is not None:
            indexes.add(window_number(since, monitor.window, zone))
        if self._as_of is not None and indexes and monitor.measures.of_arrivals:
            now = window_number(self._as_of, monitor.window, zone) - 1
            indexes.add(min(now, max(indexes) + MOST_SILENT))
        if not found and not (indexes and monitor.measures.of_arrivals):
            return []
        every = (window_at(index, monitor.window, zone) for index in _without_gaps(sorted(indexes)))
        # Where a clock goes forward, its zone skips a window.
        return [window for window in every if window.start < window.end]

    def at(self, monitor: Monitor, index: int) -> Window | None:
        """The window of a number; None for one of rows that is not full."""
        if isinstance(monitor.window, Rows):
            return next((window for window in self.windows(monitor) if window.index == index), None)
        return window_at(index, monitor.window, self.log.table.zone)

    def cut(self, monitor: Monitor, window: Window) -> str:
        """What the log does inside the window: `begins`, `ends` or both; empty where it does neither.

        Then its volume says nothing, and all else is of the part that is there. Rows do not come at the very
        edge: what is missing of a twentieth of the window or less is not told from a log with few rows, and
        is said by `reaches`.
        """
        if isinstance(monitor.window, Rows):
            return ""
        slack = monitor.window / 20
        found = self.reaches(monitor, window)
        begins = found.begins is not None and found.begins > window.start + slack
        ends = found.ends is not None and found.ends < window.end - slack
        return " and ".join(does for does, so in (("begins", begins), ("ends", ends)) if so)

    def reaches(self, monitor: Monitor, window: Window) -> Reach:
        """Where in the window the log begins and ends, if it does."""
        if isinstance(monitor.window, Rows):
            return Reach()
        first, last = self.log.first, self.log.last
        return Reach(
            begins=first if window.start < first < window.end else None,
            ends=last if self._as_of is None and window.start <= last < window.end else None,
        )

    def rows(self, monitor: Monitor, window: Window) -> int:
        return int(self._count(monitor, VOLUME, [window])[0])

    def least_rows(self, monitor: Monitor) -> int:
        """How many rows a window must have to be judged."""
        item = self._main_item(monitor)
        return monitor.least_rows(len(item.values)) if isinstance(item, Categories) else monitor.least_n

    def mature_at(self, monitor: Monitor, window: Window) -> datetime | None:
        """When the window may be judged; None while its labels are missing."""
        delay = self.log.config.delay or timedelta(0)
        if not monitor.measures.needs_labels:
            return window.end + delay
        labels = self._index.by_arrival(self._scan(monitor), LABELS.id, window)
        return maturity.mature_at(window.end, delay, labels, monitor.maturity)

    def is_settled(self, monitor: Monitor, window: Window, as_of: datetime) -> bool:
        """Whether nothing that may still arrive can change the window, or has been waited for long enough."""
        delay = self.log.config.delay or timedelta(0)
        if window.end + delay > as_of or self.waits(monitor, as_of):
            return False
        wait = self.log.config.labels.within if self.log.config.labels else LABELS_WITHIN
        if not monitor.measures.needs_labels or window.end + wait <= as_of:
            return True
        at = self.mature_at(monitor, window)
        *_, unlabelled = self._count(monitor, LABELS, [window], as_of)
        return at is not None and at <= as_of and unlabelled == 0

    def changes(self, monitor: Monitor, window: Window) -> list[datetime]:
        """When something that a window is judged by becomes known: its rows, its labels, the reference."""
        delay = self.log.config.delay or timedelta(0)
        complete = window.end + delay
        moments = [complete]
        if monitor.needs_reference:
            moments.append(self.frozen.labels_ripe if monitor.measures.needs_labels else self.frozen.ripe)
        if monitor.measures.needs_labels:
            wait = self.log.config.labels.within if self.log.config.labels else LABELS_WITHIN
            last = window.end + wait
            labels = self._index.by_arrival(self._scan(monitor), LABELS.id, window)
            at = maturity.mature_at(window.end, delay, labels, monitor.maturity)
            known = [cell.known_by for cell in labels if cell.known_by is not None]
            moments += [min(moment, last) for moment in (*known, at or last)]
        return sorted({max(moment, complete) for moment in moments})

    def waits(self, monitor: Monitor, as_of: datetime | None) -> str:
        """Why the reference cannot be compared with yet; empty when it can, or is not needed."""
        if not monitor.needs_reference:
            return ""
        return self.frozen.waits(as_of, labelled=monitor.measures.needs_labels)

    # Readings

    def read(self, monitor: Monitor, window: Window, as_of: datetime, mature: bool) -> list[Reading]:
        """Everybody first, then group by group. Of a window without rows there is one thing to say."""
        if not monitor.measures.of_arrivals and not self.rows(monitor, window):
            nothing = NotComputable("not computable: no rows arrived in this window")
            return [Reading(monitor.metric, None, nothing, WindowStatus.NOT_COMPUTABLE, 0, None)]
        if (by := monitor.measures.compares) is not None:
            return [*self._compare(monitor, by, window, as_of, mature), *self._coverage(monitor, window)]
        groups: list[Group | None] = [None]
        if monitor.group_by:
            groups += self._groups(monitor, [window])
        found = [self._one(monitor, window, as_of, mature, group) for group in groups]
        return [*found, *self._coverage(monitor, window)]

    def _coverage(self, monitor: Monitor, window: Window) -> Iterable[Reading]:
        """Of how many rows the group is known: said wherever it is not all, or where a monitor asks."""
        sizes = {group: self._rows_of(monitor, window, group) for group in self._groups(monitor, [window])}
        rows = sum(sizes.values())
        unknown = sum(n for group, n in sizes.items() if MISSING_GROUP in group)
        if not monitor.group_by or (not unknown and monitor.min_coverage is None):
            return
        found = share(rows - unknown, rows, "rows", monitor.confidence)
        judged = monitor.min_coverage is not None
        yield Reading(COVERAGE, None, found, _status(found), rows, None, judged, unknown)

    def _rows_of(self, monitor: Monitor, window: Window, group: Group | None) -> int:
        return int(self._count(monitor, VOLUME, [window], group=group)[0])

    def _one(
        self, monitor: Monitor, window: Window, as_of: datetime, mature: bool, group: Group | None
    ) -> Reading:
        quantity = monitor.metric
        if not monitor.measures.needs_labels:
            rows = int(self._count(monitor, VOLUME, [window], group=group)[0])
            found: Measured
            cut = self.cut(monitor, window)
            if monitor.measures.of_arrivals and cut:
                found = NotComputable(f"not computable: the log {cut} inside this window", rows)
            else:
                found = self.measure(monitor, [window], as_of, group)
            return Reading(quantity, group, found, _status(found), rows, None)
        labelled, rows = self._labelled(monitor, window, as_of, group)
        share = labelled / rows if rows else None
        if not mature:
            found, status = self._meanwhile(monitor, window, as_of, group)
            n = found.n if isinstance(found, Value) else labelled
            return Reading(quantity, group, found, status, n, share)
        found = self.measure(monitor, [window], as_of, group)
        return Reading(quantity, group, found, _status(found), labelled, share)

    def _meanwhile(
        self, monitor: Monitor, window: Window, as_of: datetime, group: Group | None
    ) -> tuple[Measured, WindowStatus]:
        """What can be said before the labels are in."""
        from holdfast.metrics import estimate

        if self.frozen.estimates(monitor) and not self.frozen.waits(as_of, labelled=False):
            counts = self._count(monitor, scores(self.frozen), [window], group=group)
            chances = self.frozen.chances_at(as_of)
            found = estimate.estimate(monitor.measures, counts, chances, monitor.confidence)
            if isinstance(found, Value):
                return found, WindowStatus.ESTIMATED
        labelled, _ = self._labelled(monitor, window, as_of, group)
        return NotComputable("pending", labelled), WindowStatus.PENDING

    def measure(
        self, monitor: Monitor, windows: Sequence[Window], as_of: datetime | None, group: Group | None = None
    ) -> Measured:
        """The metric over these windows taken together, with the labels known at `as_of`."""
        if monitor.measures.needs_reference and (waits := self.waits(monitor, as_of)):
            rows = self._count(monitor, VOLUME, windows, as_of, group)
            return NotComputable(f"not computable: {waits}", int(rows[0]))
        return self._measured(monitor, lambda item: self._count(monitor, item, windows, as_of, group), group)

    def measure_reference(
        self, monitor: Monitor, group: Group | None = None, as_of: datetime | None = None
    ) -> Measured:
        """The metric over the reference; not computable where that has nothing to say, or not yet."""
        if monitor.measures.is_comparison:
            return NotComputable("is itself compared with the reference")
        if monitor.measures.of_arrivals:
            return NotComputable("the rows of a reference say nothing of those of a window")
        if waits := self.frozen.waits(as_of, labelled=monitor.measures.needs_labels):
            return NotComputable(waits)
        return self._measured(monitor, lambda item: self._of_reference(monitor, item, group), group)

    def _measured(self, monitor: Monitor, counted: Callable[[Item], Counts], group: Group | None) -> Measured:
        """The metric as it reads what was counted."""
        assert monitor.measures.read is not None, "who compares groups is read by them"
        if (ground := self._grounds.get(monitor.id)) is None:
            ground = self._grounds[monitor.id] = self.frozen.ground(monitor, self.log.table)
        reference = partial(self._of_reference, monitor, group=group)
        return monitor.measures.read(Found(ground, monitor.confidence, counted, reference))

    # Groups compared

    def _compare(
        self, monitor: Monitor, by: Comparing, window: Window, as_of: datetime, mature: bool
    ) -> list[Reading]:
        item = self._main_item(monitor)
        labelled, rows = self._labelled(monitor, window, as_of, None) if item.labelled else (0, 0)
        known = labelled / rows if rows else None
        if item.labelled and not mature:
            pending = NotComputable("pending", labelled)
            return [Reading(monitor.metric, None, pending, WindowStatus.PENDING, labelled, known)]
        counts = self._by_group(monitor, item, window, as_of)
        found, comparison = comparing.compare(
            monitor,
            by,
            counts,
            self._reference_by_group(monitor, item, as_of),
            self._before(monitor, item, window, as_of),
        )
        rows = sum(size(own) for own in comparison.compared.values())
        readings = [Reading(monitor.metric, None, found, _status(found), rows, known, comparison=comparison)]
        for group, own in counts.items():
            for rate in by.rates:
                measured, n = rate.read(own, monitor.confidence), size(own)
                readings.append(
                    Reading(rate.name, group, measured, _status(measured), n, known, judged=False)
                )
        return readings

    def _by_group(
        self, monitor: Monitor, item: Item, window: Window, as_of: datetime | None
    ) -> dict[Group, Counts]:
        groups = self._groups(monitor, [window])
        return {group: self._count(monitor, item, [window], as_of, group) for group in groups}

    def _reference_by_group(
        self, monitor: Monitor, item: Item, as_of: datetime | None
    ) -> dict[Group, Counts]:
        if self.frozen.waits(as_of, labelled=item.labelled):
            return {}
        scan = plan.scan_id(None, monitor.group_by, item.labelled)
        groups = self._reference.groups(scan, item.id, [WHOLE])
        return {group: self._of_reference(monitor, item, group) for group in groups}

    def _before(
        self, monitor: Monitor, item: Item, window: Window, as_of: datetime | None
    ) -> dict[Group, Counts]:
        """The window before, by group; nothing where it is not known."""
        before = self.at(monitor, window.index - 1)
        if before is None or not self.has(monitor, before):
            return {}
        return self._by_group(monitor, item, before, as_of)

    # Counts

    def _main_item(self, monitor: Monitor) -> Item:
        """What the metric itself is computed from."""
        if (item := self._items.get(monitor.id)) is None:
            item = self._items[monitor.id] = items(monitor, self.log, self.frozen)[0]
        return item

    def _scan(self, monitor: Monitor, labelled: bool | None = None, grouped: bool = True) -> str:
        labelled = monitor.measures.needs_labels if labelled is None else labelled
        return plan.scan_id(monitor.window, monitor.group_by if grouped else (), labelled)

    def _count(
        self,
        monitor: Monitor,
        item: Item,
        windows: Sequence[Window],
        as_of: datetime | None = None,
        group: Group | None = None,
    ) -> Counts:
        if item == VOLUME:
            scan = self._scan(monitor)
        elif not item.adds_up:
            scan = self._scan(monitor, grouped=group is not None)
            group = group or ()
        else:
            scan = self._scan(monitor, item.labelled)
        if not item.adds_up:
            return self._index.newest(scan, item.id, windows, item.size, as_of, group)
        return self._index.total(scan, item.id, windows, item.size, item.hide, as_of, group)

    def _of_reference(self, monitor: Monitor, item: Item, group: Group | None) -> Counts:
        grouping = monitor.group_by if group is not None or item.adds_up else ()
        scan = plan.scan_id(None, grouping, item.labelled)
        return self._reference.total(scan, item.id, [WHOLE], item.size, item.hide, None, group)

    def has(self, monitor: Monitor, window: Window) -> bool:
        """Whether what the monitor is computed from is known of the window: it was counted, or there was
        nothing to count. A day without rows is a complete day."""
        item = self._main_item(monitor)
        scan = self._scan(monitor, item.labelled, grouped=item.adds_up)
        if self._index.has(scan, item.id, window):
            return True
        known = self._known.get(self._scan(monitor))
        is_known = window.end > self.log.first and (known is None or window.start >= known)
        return is_known and not self._index.has(self._scan(monitor), VOLUME.id, window)

    def _groups(self, monitor: Monitor, windows: Sequence[Window]) -> list[Group]:
        return self._index.groups(self._scan(monitor), VOLUME.id, windows)

    def _labelled(
        self, monitor: Monitor, window: Window, as_of: datetime, group: Group | None
    ) -> tuple[int, int]:
        """Labelled rows and all rows."""
        counts = self._count(monitor, LABELS, [window], as_of, group)
        return int(counts[0] + counts[1]), int(sum(counts))


def _without_gaps(indexes: Sequence[int]) -> Iterable[int]:
    """All numbers from the first to the last; of a longer silence only its beginning."""
    for index, following in pairwise(indexes):
        yield from range(index, min(following, index + 1 + MOST_SILENT))
    yield from indexes[-1:]


def _status(found: Measured) -> WindowStatus:
    return WindowStatus.MEASURED if isinstance(found, Value) else WindowStatus.NOT_COMPUTABLE
