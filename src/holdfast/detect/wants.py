"""What a monitor wants counted: what its metric is made of, on what is frozen of the reference."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.detect.frozen import NOT_YET, Frozen
from holdfast.detect.log import Log
from holdfast.metrics.items import VOLUME, Item, ScoreBins
from holdfast.prepare.systems import Monitor


def wants(monitor: Monitor, log: Log, frozen: Frozen) -> Iterator[tuple[tuple[str, ...], Item]]:
    """Pairs of grouping and item."""
    for item in items(monitor, log, frozen):
        yield monitor.group_by, item
        if monitor.group_by and not monitor.measures.adds_up:
            # What does not add up over groups is asked for of everybody as well.
            yield (), item
    if frozen.estimates(monitor):
        yield monitor.group_by, scores(frozen)


def items(monitor: Monitor, log: Log, frozen: Frozen) -> tuple[Item, ...]:
    """What the metric is computed from, chiefly the first; rows while there is no reference to count on."""
    if monitor.measures.needs_reference and frozen.ripe == NOT_YET:
        return (VOLUME,)
    return monitor.measures.wants(frozen.ground(monitor, log.table))


def scores(frozen: Frozen) -> ScoreBins:
    return ScoreBins(frozen.score_edges, "prediction")
