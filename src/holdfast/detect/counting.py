"""Who and what was exposed and affected, counted from the prediction log (R-IMP-02)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from holdfast import wording
from holdfast.detect import silence, touched
from holdfast.detect.engines import Engine
from holdfast.detect.log import Log, open_log
from holdfast.detect.marks import Answer, Hole, Mark, Tally
from holdfast.detect.tables import LogError, Table
from holdfast.detect.touched import Touched
from holdfast.incident.events import AlertFacts
from holdfast.prepare.systems import System
from holdfast.problems import nearest

Engines = Callable[[], AbstractContextManager[Engine]]
"""Opens an engine for one question and closes it."""

MOST_GROUPS = 24
"""Groups told of at most; more would be a table, not a summary."""
_SPELLINGS = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rows are asked about, and what tells the touched ones among them."""

    start: datetime
    end: datetime
    """The period is [start, end)."""
    where: Mapping[str, str] = field(default_factory=dict)
    """Only this segment: column and value."""
    alerts: Sequence[AlertFacts] = ()
    """Whose conditions mark the touched rows."""
    all_touched: str = ""
    """Why every one of these rows is touched, as a person says; instead of the alerts' marks."""


@dataclass(frozen=True, slots=True)
class Found:
    """Exact counts over one period and segment."""

    exposed: Tally
    affected: Tally | None
    """None where nothing tells which rows were touched."""
    complete: bool
    """False when more rows may have been touched than those that are marked."""
    rules: tuple[str, ...]
    """By which rules rows count as touched."""
    total: int
    """Rows of the period, whatever their segment."""
    reaches: datetime
    """Time of the newest row of the log: nothing is known beyond it."""
    missing: tuple[Hole, ...]
    """Times of the period of which the log says nothing."""
    groups: tuple[tuple[Mapping[str, str], Tally], ...]
    """The touched rows, or where nothing tells them the exposed ones, by the groups of the monitors."""


def count(system: System, base: Path, engines: Engines, asked: Asked) -> Found:
    """Count the exposed and the touched. Raises LogError.

    A period that the log does not reach, or has no row of where it should, is refused, as is a segment that
    no row of the log is of: what is not known is not 0.
    """
    source = system.prediction_log
    if source is None:
        raise LogError(f"{system.name} has no prediction log", "add prediction_log to its file")
    without = {"labels": None}
    if not touched.needs_reference(system, asked.alerts):
        without["reference"] = None
    by = tuple(dict.fromkeys(name for monitor in system.monitors for name in monitor.group_by))
    with engines() as engine:
        log = open_log(source.model_copy(update=without), base, engine)
        for name in asked.where:
            log.table.column(name)
        _require_reach(log, asked)
        missing = holes(system, log, engine, asked.start, asked.end)
        by = tuple(name for name in by if name in log.table.columns)
        found = _touched(system, log, engine, asked)
        table = replace(log.table, since=asked.start, until=asked.end)
        everybody, *groups = engine.affected(table, asked.where, found.marks, by)
        _require_known(everybody, missing, asked)
        if asked.where and not everybody.exposed.inferences:
            _require_occurs(log.table, engine, asked.where)
    return _found(everybody, groups, found, log.last, missing)


def _touched(system: System, log: Log, engine: Engine, asked: Asked) -> Touched:
    if asked.all_touched:
        return Touched((Mark(asked.all_touched),))
    return touched.by_alerts(system, log, engine, asked.alerts)


def holes(system: System, log: Log, engine: Engine, start: datetime, end: datetime) -> tuple[Hole, ...]:
    """The times of a period of which the log says nothing: before its first row, and where a pause, also
    the one after its last row, is longer than is usual for the system."""
    usual = silence.usual_pause(system)
    empty = [(start, log.first), *engine.pauses(log.table, usual)]
    if end - log.last > usual + (log.config.delay or timedelta(0)):
        empty.append((log.last, end))
    within = (Hole(max(one, start), min(other, end)) for one, other in empty)
    return tuple(hole for hole in within if hole.start < hole.end)


def _found(
    everybody: Answer, groups: Sequence[Answer], by: Touched, reaches: datetime, missing: tuple[Hole, ...]
) -> Found:
    tally = everybody.affected
    if tally is not None and not tally.inferences and (missing or not by.complete):
        tally = None  # none of the rows looks touched, and others may be: that is not nobody
    told = [(one.group, one.exposed if tally is None else one.affected or Tally(0, None)) for one in groups]
    told = [(group, own) for group, own in told if own.inferences]
    told.sort(key=lambda one: (-one[1].inferences, tuple(one[0].items())))
    return Found(
        exposed=everybody.exposed,
        affected=tally,
        complete=by.complete,
        rules=() if tally is None else tuple(mark.says for mark in by.marks),
        total=everybody.total,
        reaches=reaches,
        missing=missing,
        groups=tuple(told[:MOST_GROUPS]),
    )


def _require_reach(log: Log, asked: Asked) -> None:
    if asked.start > log.last or asked.end <= log.first:
        raise LogError(
            f"the log says nothing of this period: it runs from {wording.utc(log.first)} to "
            f"{wording.utc(log.last)}",
            "give a period within it, or wait until the predictions are written",
        )


def _require_known(everybody: Answer, missing: Sequence[Hole], asked: Asked) -> None:
    """No row where rows were to be expected is not nobody."""
    if missing and not everybody.total:
        raise LogError(
            f"the log says nothing of this period: it has no row from {wording.utc(asked.start)} to "
            f"{wording.utc(asked.end)}, where rows were to be expected",
            "bring the missing rows back; if such a pause is normal, say how long with prediction_log.quiet",
        )


def _require_occurs(table: Table, engine: Engine, where: Mapping[str, str]) -> None:
    """A value that stands nowhere in the log is a slip of the pen, not a segment of nobody."""
    for name, value in where.items():
        (anywhere, *_) = engine.affected(table, {name: value}, (), ())
        if not anywhere.exposed.inferences:
            near = nearest(value, engine.values(table, name, _SPELLINGS))
            fix = f"did you mean {near}?" if near else "write the value as it stands in the log"
            raise LogError(f"no row of the log has {name}={value}", fix)
