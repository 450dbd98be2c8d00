"""From cells to readings: the value of a monitor in a window, before anything is judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from holdfast.detect import maturity, plan
from holdfast.detect.cells import WHOLE, Cell, Group, Index, Window, window_at, window_number
from holdfast.detect.frozen import Frozen
from holdfast.detect.log import Log
from holdfast.detect.measurement import Status
from holdfast.detect.metrics import drift, estimate, fairness, intervals, performance, quality
from holdfast.detect.metrics.intervals import Measured, NotComputable, Value
from holdfast.detect.plan import Counts, Item
from holdfast.detect.wants import main_item, moments, scores
from holdfast.prepare.systems import LABELS_WITHIN, DriftMethod, Metric, Monitor, Rows

MOST_SILENT = 1000
"""Windows after a log's last row that are still measured: that it stopped has been noticed by then."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found for one group (None: everybody) in one window."""

    quantity: str
    group: Group | None
    found: Measured
    status: Status
    rows: int
    """Rows of the group that minimum sizes are asked of: labelled ones where labels are needed."""
    labelled_share: float | None
    judged: bool = True
    """False for what is shown for comparison only."""


class Reader:
    """Reads measurements off the cells of a log; does no I/O."""

    def __init__(
        self,
        log: Log,
        frozen: Frozen,
        cells: Iterable[Cell],
        since: Mapping[str, datetime] | None = None,
        as_of: datetime | None = None,
    ) -> None:
        """`since` says for a scan from where on windows without rows are windows too. Without `as_of`
        nothing is known after the log's last row (a replay), so that its last window may be cut off."""
        self.log = log
        self.frozen = frozen
        self._index = Index(cells)
        self._reference = Index(frozen.cells)
        self._since = since or {}
        self._as_of = as_of

    # Windows

    def windows(self, monitor: Monitor) -> list[Window]:
        """The monitor's windows in order: full ones of rows, or all of time, those without rows included.

        Only volume is read after the log's last row: for all else there is nothing to read.
        """
        found = self._index.windows(self._scan(monitor))
        if isinstance(monitor.window, Rows):
            return [window for window in found if self.rows(monitor, window) == monitor.window.rows]
        since = self._since.get(self._scan(monitor))
        indexes = [window.index for window in found]
        if since is not None:
            indexes.append(window_number(since, monitor.window, self.log.table.zone))
        if self._as_of is not None and indexes and monitor.metric is Metric.VOLUME:
            now = window_number(self._as_of, monitor.window, self.log.table.zone) - 1
            indexes.append(min(now, max(indexes) + MOST_SILENT))
        if not found and not (indexes and monitor.metric is Metric.VOLUME):
            return []
        zone = self.log.table.zone
        every = (window_at(index, monitor.window, zone) for index in range(min(indexes), max(indexes) + 1))
        # Where a clock goes forward, its zone skips a window.
        return [window for window in every if window.start < window.end]

    def is_cut_off(self, monitor: Monitor, window: Window) -> bool:
        """Whether the log begins or ends inside the window, so that its volume says nothing."""
        if isinstance(monitor.window, Rows):
            return False
        slack = monitor.window / 20
        begins = window.start < self.log.first - slack
        ends = self._as_of is None and window.end > self.log.last + slack
        return (begins and self.log.first < window.end) or (ends and self.log.last >= window.start)

    def rows(self, monitor: Monitor, window: Window) -> int:
        return int(self._count(monitor, plan.VOLUME, [window])[0])

    def mature_at(self, monitor: Monitor, window: Window) -> datetime | None:
        """When the window may be judged; None while its labels are missing."""
        delay = self.log.config.delay or timedelta(0)
        if not monitor.metric.needs_labels:
            return window.end + delay
        labels = self._index.by_arrival(self._scan(monitor), plan.LABELS.id, window)
        return maturity.mature_at(window.end, delay, labels, monitor.maturity)

    def is_settled(self, monitor: Monitor, window: Window, as_of: datetime) -> bool:
        """Whether nothing that may still arrive can change the window, or has been waited for long enough."""
        delay = self.log.config.delay or timedelta(0)
        if window.end + delay > as_of:
            return False
        wait = self.log.config.labels.within if self.log.config.labels else LABELS_WITHIN
        if not monitor.metric.needs_labels or window.end + wait <= as_of:
            return True
        at = self.mature_at(monitor, window)
        *_, unlabelled = self._count(monitor, plan.LABELS, [window], as_of)
        return at is not None and at <= as_of and unlabelled == 0

    # Readings

    def read(self, monitor: Monitor, window: Window, as_of: datetime, mature: bool) -> list[Reading]:
        """Everybody first, then group by group."""
        if monitor.metric.compares_groups:
            return self._compare(monitor, window, as_of, mature)
        groups: list[Group | None] = [None]
        if monitor.group_by:
            groups += self._groups(monitor, [window])
        return [self._one(monitor, window, as_of, mature, group) for group in groups]

    def _one(
        self, monitor: Monitor, window: Window, as_of: datetime, mature: bool, group: Group | None
    ) -> Reading:
        quantity = monitor.metric.value
        if not monitor.metric.needs_labels:
            rows = int(self._count(monitor, plan.VOLUME, [window], group=group)[0])
            found: Measured
            if monitor.metric is Metric.VOLUME and self.is_cut_off(monitor, window):
                found = NotComputable("not computable: the log begins or ends inside this window", rows)
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
    ) -> tuple[Measured, Status]:
        """What can be said before the labels are in."""
        if monitor.metric in estimate.ESTIMABLE and self.frozen.score_edges:
            counts = self._count(monitor, scores(self.frozen), [window], group=group)
            found = estimate.estimate(monitor.metric, counts, self.frozen.chances, monitor.confidence)
            if isinstance(found, Value):
                return found, Status.ESTIMATED
        labelled, _ = self._labelled(monitor, window, as_of, group)
        return NotComputable("pending", labelled), Status.PENDING

    def measure(
        self, monitor: Monitor, windows: Sequence[Window], as_of: datetime | None, group: Group | None = None
    ) -> Measured:
        """The metric over these windows taken together, with the labels known at `as_of`."""
        if monitor.metric.needs_labels:
            labels = self._count(monitor, plan.LABELS, windows, as_of, group)
            if (lacking := performance.both_classes(labels)) is not None:
                return lacking
        item = main_item(monitor, self.log, self.frozen)
        counts = self._count(monitor, item, windows, as_of, group)
        if monitor.metric is Metric.DRIFT:
            return self._drift(monitor, item, counts, windows, group)
        if monitor.metric is Metric.MISSING:
            rows = self._count(monitor, plan.VOLUME, windows, as_of, group)
            return quality.share(counts[0], rows[0], "rows", monitor.confidence)
        return self._metric(monitor, counts)

    def measure_reference(self, monitor: Monitor, group: Group | None = None) -> Measured:
        """The metric over the reference; not computable where that has nothing to say."""
        if monitor.metric in (Metric.DRIFT, Metric.UNSEEN) or monitor.metric.compares_groups:
            return NotComputable("is itself compared with the reference")
        item = main_item(monitor, self.log, self.frozen)
        counts = self._of_reference(monitor, item, group)
        if monitor.metric is Metric.MISSING:
            rows = self._of_reference(monitor, plan.VOLUME, group)
            return quality.share(counts[0], rows[0], "rows", monitor.confidence)
        return self._metric(monitor, counts)

    def _metric(self, monitor: Monitor, counts: Counts) -> Measured:
        confidence = monitor.confidence
        match monitor.metric:
            case Metric.ACCURACY:
                return performance.accuracy(counts, confidence)
            case Metric.PRECISION:
                return performance.precision(counts, confidence)
            case Metric.RECALL:
                return performance.recall(counts, confidence)
            case Metric.F1:
                return performance.f1(counts, confidence)
            case Metric.AUC:
                return performance.auc(counts, confidence)
            case Metric.MEAN:
                return quality.mean(counts, moments(monitor, self.frozen).centre, confidence)
            case Metric.RATE:
                return quality.share(counts[0], counts[1], "values in the column", confidence)
            case Metric.SELECTION_RATE:
                return quality.share(counts[0], counts[1], "predictions", confidence)
            case Metric.VOLUME:
                return intervals.poisson(int(counts[0]), confidence)
            case Metric.UNSEEN:
                return quality.share(counts[-2], sum(counts[:-1]), "values in the column", confidence)
        raise AssertionError(f"{monitor.metric} is read elsewhere")

    def _drift(
        self, monitor: Monitor, item: Item, counts: Counts, windows: Sequence[Window], group: Group | None
    ) -> Measured:
        reference = self._of_reference(monitor, item, group)
        match monitor.drift_method:
            case DriftMethod.PSI:
                return drift.psi(reference, counts, monitor.confidence)
            case DriftMethod.JENSEN_SHANNON:
                return drift.jensen_shannon(reference, counts, monitor.confidence)
            case DriftMethod.KS:
                return drift.ks(reference, counts, monitor.confidence)
        edges = self.frozen.edges_of(monitor)
        tails = plan.Tails(monitor.column or "", edges[0], edges[-1])
        spread = self._of_reference(monitor, moments(monitor, self.frozen), group)
        return drift.wasserstein(
            reference,
            counts,
            edges,
            (self._of_reference(monitor, tails, group), self._count(monitor, tails, windows, group=group)),
            quality.deviation(spread),
            monitor.confidence,
        )

    # Groups compared

    def _compare(self, monitor: Monitor, window: Window, as_of: datetime, mature: bool) -> list[Reading]:
        item = main_item(monitor, self.log, self.frozen)
        labelled, rows = self._labelled(monitor, window, as_of, None) if item.labelled else (0, 0)
        share = labelled / rows if rows else None
        if item.labelled and not mature:
            pending = NotComputable("pending", labelled)
            return [Reading(monitor.metric.value, None, pending, Status.PENDING, labelled, share)]
        counts = {
            group: self._count(monitor, item, [window], as_of, group)
            for group in self._groups(monitor, [window])
        }
        size = {group: int(sum(own[:4]) if item.labelled else own[1]) for group, own in counts.items()}
        large = {group: own for group, own in counts.items() if size[group] >= monitor.min_group}
        found = _COMPARISONS[monitor.metric](large, monitor.confidence)
        readings = [Reading(monitor.metric.value, None, found, _status(found), sum(size.values()), share)]
        for group, own in counts.items():
            for quantity, rate in _rates(monitor.metric, own, monitor.confidence):
                readings.append(
                    Reading(quantity, group, rate, _status(rate), size[group], share, judged=False)
                )
        return readings

    # Counts

    def _scan(self, monitor: Monitor, labelled: bool | None = None, grouped: bool = True) -> str:
        labelled = monitor.metric.needs_labels if labelled is None else labelled
        return plan.scan_id(monitor.window, monitor.group_by if grouped else (), labelled)

    def _count(
        self,
        monitor: Monitor,
        item: Item,
        windows: Sequence[Window],
        as_of: datetime | None = None,
        group: Group | None = None,
    ) -> Counts:
        if item == plan.VOLUME:
            scan = self._scan(monitor)
        elif isinstance(item, plan.Ranks):
            scan = self._scan(monitor, grouped=group is not None)
            group = group or ()
        else:
            scan = self._scan(monitor, item.labelled)
        return self._index.total(scan, item.id, windows, item.size, item.hide, as_of, group)

    def _of_reference(self, monitor: Monitor, item: Item, group: Group | None) -> Counts:
        grouping = monitor.group_by if group is not None or not isinstance(item, plan.Ranks) else ()
        scan = plan.scan_id(None, grouping, item.labelled)
        return self._reference.total(scan, item.id, [WHOLE], item.size, item.hide, None, group)

    def has(self, monitor: Monitor, window: Window) -> bool:
        """Whether what the monitor is computed from was counted in the window."""
        item = main_item(monitor, self.log, self.frozen)
        scan = self._scan(monitor, item.labelled, grouped=not isinstance(item, plan.Ranks))
        return self._index.has(scan, item.id, window)

    def _groups(self, monitor: Monitor, windows: Sequence[Window]) -> list[Group]:
        return self._index.groups(self._scan(monitor), plan.VOLUME.id, windows)

    def _labelled(
        self, monitor: Monitor, window: Window, as_of: datetime, group: Group | None
    ) -> tuple[int, int]:
        """Labelled rows and all rows."""
        counts = self._count(monitor, plan.LABELS, [window], as_of, group)
        return int(counts[0] + counts[1]), int(sum(counts))


_COMPARISONS = {
    Metric.PARITY_DIFFERENCE: fairness.parity_difference,
    Metric.PARITY_RATIO: fairness.parity_ratio,
    Metric.EQUALISED_ODDS: fairness.equalised_odds,
}


def _rates(metric: Metric, counts: Counts, confidence: float) -> list[tuple[str, Measured]]:
    """The rates of one group that a fairness metric compares."""
    if metric is Metric.EQUALISED_ODDS:
        return [
            ("true_positive_rate", performance.recall(counts, confidence)),
            ("false_positive_rate", performance.false_positive_rate(counts, confidence)),
        ]
    return [("selection_rate", quality.share(counts[0], counts[1], "predictions", confidence))]


def _status(found: Measured) -> Status:
    return Status.MEASURED if isinstance(found, Value) else Status.NOT_COMPUTABLE
