"""What a monitor wants counted. The only place that knows which items a metric is made of."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.detect import plan
from holdfast.detect.frozen import NOT_YET, Frozen
from holdfast.detect.log import Log
from holdfast.detect.plan import Item
from holdfast.prepare.systems import Metric, Monitor

COMPARED_VALUES = 50
"""Values of a category that are compared one by one; rarer ones count together."""


def wants(monitor: Monitor, log: Log, frozen: Frozen) -> Iterator[tuple[tuple[str, ...], Item]]:
    """Pairs of grouping and item."""
    for item in items(monitor, log, frozen):
        yield monitor.group_by, item
        if isinstance(item, plan.Ranks) and monitor.group_by:
            # Ranks do not add up over groups: everybody's are asked for as well.
            yield (), item


def items(monitor: Monitor, log: Log, frozen: Frozen) -> Iterator[Item]:
    yield main_item(monitor, log, frozen)
    if monitor.measures_distance and not _waits(monitor, frozen):
        edges = frozen.edges_of(monitor)
        yield plan.Tails(monitor.column or "", edges[0], edges[-1])
        yield moments(monitor, frozen)
    if frozen.estimates(monitor):
        yield scores(frozen)


def main_item(monitor: Monitor, log: Log, frozen: Frozen) -> Item:
    """The item that the metric itself is computed from; rows while there is no reference to count on."""
    column = monitor.column or ""
    if _waits(monitor, frozen):
        return plan.VOLUME
    match monitor.metric:
        case Metric.ACCURACY:
            return plan.Correct()
        case Metric.PRECISION | Metric.RECALL | Metric.F1 | Metric.EQUALISED_ODDS:
            return plan.Confusion()
        case Metric.AUC:
            return plan.RANKS
        case Metric.MEAN:
            return moments(monitor, frozen)
        case Metric.RATE:
            return plan.Truth(column)
        case Metric.SELECTION_RATE | Metric.PARITY_DIFFERENCE | Metric.PARITY_RATIO:
            return plan.Selected()
        case Metric.VOLUME:
            return plan.VOLUME
        case Metric.MISSING:
            return plan.Missing(column)
        case Metric.UNSEEN:
            return plan.Categories(column, frozen.values[column])
        case Metric.DRIFT if log.table.is_category(column):
            return plan.Categories(column, frozen.values[column][:COMPARED_VALUES])
        case Metric.DRIFT:
            return plan.Histogram(column, frozen.edges_of(monitor))
    raise AssertionError(f"{monitor.metric} is not known here")


def _waits(monitor: Monitor, frozen: Frozen) -> bool:
    """Whether the bins or values that the metric counts on are not frozen yet."""
    return monitor.metric in (Metric.DRIFT, Metric.UNSEEN) and frozen.ripe == NOT_YET


def moments(monitor: Monitor, frozen: Frozen) -> plan.Moments:
    column = monitor.column or ""
    return plan.Moments(column, frozen.centres.get(column, 0.0))


def scores(frozen: Frozen) -> plan.ScoreBins:
    return plan.ScoreBins(frozen.score_edges, "prediction")
