"""Replaying a log through its monitors as if day by day: what would have alarmed, and when.

Each window is judged at the first step at which its labels are mature, with the labels that had arrived
by then and no others. The log is counted once: cells are kept apart by the step at which labels became
known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from holdfast.detect.cells import ORIGIN, Cell, Window
from holdfast.detect.engines import Engine
from holdfast.detect.frozen import Frozen
from holdfast.detect.judging import Due, judge
from holdfast.detect.log import Log
from holdfast.detect.measurement import Measurement
from holdfast.detect.monitors import freeze, monitors_of, ranks_of, scans_of
from holdfast.detect.reading import Reader
from holdfast.detect.tables import LogError
from holdfast.prepare.systems import Monitor, System

DAY = timedelta(days=1)


def backtest(
    system: System, log: Log, engine: Engine, frozen: Frozen | None = None, step: timedelta = DAY
) -> list[Measurement]:
    """One measurement for each monitor, window and group, in the order in which they became known.

    `step` is the time between two looks at the log. Windows whose labels never mature come last, as they
    stood when the log and its labels end. Monitors that the log cannot serve are left out.
    Raises LogError when it serves none.
    """
    able = monitors_of(system, log, engine)
    monitors = able.monitors
    if able.failing and not monitors:
        raise LogError(next(iter(able.failing.values())).reason)
    frozen = frozen or freeze(system, log, engine)
    cells: list[Cell] = []
    for scan in scans_of(monitors, log, frozen):
        cells += engine.count(log.table, scan, step=step)
    reader = Reader(log, frozen, cells)
    due = _schedule(reader, monitors, _end(log, cells, step), step)
    reader = Reader(log, frozen, cells + ranks_of(due, log, engine))
    measurements, _, _ = judge(reader, due, {}, {})
    return measurements


def _schedule(reader: Reader, monitors: Sequence[Monitor], end: datetime, step: timedelta) -> list[Due]:
    """Every window at the look that judges it, in the order of looks."""
    due: list[tuple[datetime, Window, int, Due]] = []
    for place, monitor in enumerate(monitors):
        for window in reader.windows(monitor):
            at = reader.mature_at(monitor, window)
            mature = at is not None and next_look(at, step) <= end
            look = next_look(at, step) if mature and at is not None else end
            due.append((look, window, place, Due(monitor, window, look, mature)))
    # What never matured is told last, though the last look may also judge something.
    due.sort(key=lambda entry: (not entry[3].mature, entry[0], entry[1].start, entry[2]))
    return [work for *_, work in due]


def next_look(moment: datetime, step: timedelta) -> datetime:
    """The first look at or after a moment."""
    return ORIGIN - ((ORIGIN - moment) // step) * step


def _end(log: Log, cells: Sequence[Cell], step: timedelta) -> datetime:
    """The last look: when the last window, and the last label, are in."""
    delay = log.config.delay or timedelta(0)
    ends = [cell.window.end + delay for cell in cells]
    arrivals = [cell.known_by for cell in cells if cell.known_by is not None]
    return next_look(max([log.last, *ends, *arrivals]), step)
