"""Replaying a log through its monitors as if day by day: what would have alarmed, and when.

Each window is judged at every look at which production would have judged it: when its labels are mature,
and again whenever more of them have arrived, as long as they are waited for. The log is counted once:
cells are kept apart by the step at which labels became known, and nothing that came after a look is seen
by it, the reference included.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby

from holdfast.detect.cells import ORIGIN, Cell, Window
from holdfast.detect.engines import Engine
from holdfast.detect.frozen import Frozen
from holdfast.detect.judging import Due, judge, place
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
    """What production would have on record of each monitor, window and group, in the order in which it
    became known: an alarm as it was raised, else the window as it was measured last. A window has two
    lines only where an alarm did not last once more labels were in.

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
    return _on_record(measurements)


def _schedule(reader: Reader, monitors: Sequence[Monitor], end: datetime, step: timedelta) -> list[Due]:
    """Every window at every look that production would take at it, in the order of looks."""
    due: list[tuple[datetime, Window, int, Due]] = []
    for order, monitor in enumerate(monitors):
        for window in reader.windows(monitor):
            at = reader.mature_at(monitor, window)
            moments = reader.changes(monitor, window)
            looks = sorted({min(next_look(moment, step), end) for moment in moments})
            for look in looks:
                mature = at is not None and at <= look
                due.append((look, window, order, Due(monitor, window, look, mature)))
    due.sort(key=lambda entry: (entry[0], entry[1].start, entry[2]))
    return [work for *_, work in due]


def _on_record(measurements: Iterable[Measurement]) -> list[Measurement]:
    """Of all that was said about a window: each alarm as it was raised, and the last word."""
    numbered = sorted(enumerate(measurements), key=lambda entry: (place(entry[1]), entry[0]))
    kept: list[tuple[bool, int, Measurement]] = []
    for _, about in groupby(numbered, key=lambda entry: place(entry[1])):
        runs = [list(run) for _, run in groupby(about, key=lambda entry: entry[1].alarm)]
        for run in runs:
            is_alarm = run[0][1].alarm
            if is_alarm or run is runs[-1]:
                number, told = run[0] if is_alarm else run[-1]
                moved = next((one.transition for _, one in run if one.transition is not None), None)
                told = replace(told, transition=moved)
                kept.append((not told.status.is_known, number, told))
    return [told for *_, told in sorted(kept, key=lambda entry: entry[:2])]


def next_look(moment: datetime, step: timedelta) -> datetime:
    """The first look at or after a moment."""
    return ORIGIN - ((ORIGIN - moment) // step) * step


def _end(log: Log, cells: Sequence[Cell], step: timedelta) -> datetime:
    """The last look: when the last window, and the last label, are in."""
    delay = log.config.delay or timedelta(0)
    ends = [cell.window.end + delay for cell in cells]
    arrivals = [cell.known_by for cell in cells if cell.known_by is not None]
    return next_look(max([log.last, *ends, *arrivals]), step)
