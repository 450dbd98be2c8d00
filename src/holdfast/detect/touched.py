"""What alerts mark: the rows that meet the condition of the alert itself (R-IMP-02).

A monitor of missing values marks the rows without a value, one of unseen values those with a strange one, a
rate those that count against it; drift marks what lies outside anything the reference knew; an alert of a
group marks the group. A lower accuracy of everybody marks no row: nobody can tell which of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from holdfast import wording
from holdfast.detect.engines import Engine
from holdfast.detect.log import Log
from holdfast.detect.marks import Mark, Test
from holdfast.detect.reference import MOST_VALUES
from holdfast.detect.tables import Table
from holdfast.incident.events import AlertFacts
from holdfast.metrics.metric import Marks
from holdfast.prepare.systems import Monitor, System


@dataclass(frozen=True, slots=True)
class Touched:
    """What the alerts of an incident mark."""

    marks: tuple[Mark, ...] = ()
    complete: bool = True
    """False when the fault may have touched more rows, which no alert can tell from the others."""


def needs_reference(system: System, alerts: Iterable[AlertFacts]) -> bool:
    """Whether a mark of these alerts is told from the reference."""
    monitors = (system.monitor(alert.monitor) for alert in alerts)
    return any(one is not None and one.measures.needs_reference for one in monitors)


def by_alerts(system: System, log: Log, engine: Engine, alerts: Sequence[AlertFacts]) -> Touched:
    """The marks of these alerts, each once, and whether they are all that was touched."""
    marks: dict[str, Mark] = {}
    complete = True
    for alert in alerts:
        if alert.cannot_measure:  # nothing was measured, so nothing tells which rows are touched
            complete = False
            continue
        monitor = system.monitor(alert.monitor)
        mark = _mark(monitor, alert, log, engine) if monitor else _of_group(alert)
        if mark is not None:
            marks.setdefault(mark.says, mark)
        complete = complete and mark is not None and (monitor is None or not _is_partial(monitor, mark))
    return Touched(tuple(marks.values()), complete)


def _is_partial(monitor: Monitor, mark: Mark) -> bool:
    """Drift also moves values to where they may lie; those rows look like any other."""
    return monitor.measures.marks is Marks.OUTSIDE and mark.test is not None


def _mark(monitor: Monitor, alert: AlertFacts, log: Log, engine: Engine) -> Mark | None:
    column = monitor.column or ""
    match monitor.measures.marks:
        case Marks.MISSING:
            return _within(alert, Mark(f"{column} is missing", test=Test.MISSING, column=column))
        case Marks.HITS:
            return _of_rate(monitor, alert, column)
        case Marks.UNSEEN:
            return _within(alert, _unseen(column, log.reference, engine))
        case Marks.OUTSIDE if not alert.group:
            category = log.table.is_category(column)
            told = _unseen if category else _outside
            return told(column, log.reference, engine)
    return _of_group(alert)


def _of_group(alert: AlertFacts) -> Mark | None:
    return Mark(wording.group(alert.group), alert.group) if alert.group else None


def _within(alert: AlertFacts, mark: Mark | None) -> Mark | None:
    """The mark among the rows of the alert's group."""
    if mark is None or not alert.group:
        return mark
    says = f"{mark.says}, {wording.group(alert.group)}"
    return Mark(says, alert.group, mark.test, mark.column, mark.values, mark.low, mark.high)


def _of_rate(monitor: Monitor, alert: AlertFacts, column: str) -> Mark | None:
    """Above its limit a rate marks the rows where it is true, below it those where it is not."""
    above = _is_above(monitor, alert)
    if above is None:
        return _of_group(alert)
    return _within(
        alert,
        Mark(
            f"{column} is {'true' if above else 'false'}",
            test=Test.TRUE if above else Test.FALSE,
            column=column,
        ),
    )


def _is_above(monitor: Monitor, alert: AlertFacts) -> bool | None:
    """Whether the alert says too much or too little; None where the monitor looks both ways."""
    limit, relative, value = monitor.limit, monitor.relative, alert.value
    if value is not None and limit is not None and limit.above is not None and value > limit.above:
        return True
    if value is not None and limit is not None and limit.below is not None and value < limit.below:
        return False
    if relative is not None and (relative.up is None) != (relative.down is None):
        return relative.up is not None
    return monitor.e_detector.direction == "up" if monitor.e_detector else None


def _unseen(column: str, reference: Table | None, engine: Engine) -> Mark | None:
    if reference is None:
        return None
    values = engine.values(reference, column, MOST_VALUES + 1)
    if not values or len(values) > MOST_VALUES:
        return None
    says = f"{column} holds a value that the reference does not have"
    return Mark(says, test=Test.UNSEEN, column=column, values=tuple(values))


def _outside(column: str, reference: Table | None, engine: Engine) -> Mark | None:
    ends = engine.ends(reference, column) if reference else None
    if ends is None:
        return None
    low, high = ends
    says = f"{column} lies outside {low:g} to {high:g}, the reference's smallest and largest value"
    return Mark(says, test=Test.OUTSIDE, column=column, low=low, high=high)
