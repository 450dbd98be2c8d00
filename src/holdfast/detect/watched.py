"""What watches a system, for all who list, count or name it: page, API, terminal, report and evidence.

A monitor of several columns measures and alarms once for each, so it is as many monitors as it has columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import Connection, select, union

from holdfast import wording
from holdfast.detect.alarms.relative import compared_with
from holdfast.detect.records import alerts, measurements
from holdfast.prepare import durations
from holdfast.prepare.systems import Monitor, Rows, System

_LENGTHS = {timedelta(hours=1): "hourly", timedelta(days=1): "daily", timedelta(weeks=1): "weekly"}


def monitors_in(conn: Connection, system: System) -> list[Monitor]:
    """A system's monitors as they measure: one for each column where the file speaks of several.

    Which columns all features are is known once they measured or alarmed; until then the monitor is one.
    """
    heard = _heard(conn, system.id) if any(one.columns == "features" for one in system.monitors) else []
    return [each for monitor in system.monitors for each in _each(monitor, heard)]


def named(conn: Connection, system: System | None) -> list[str]:
    """Every name by which one can rest on a system's monitors: their own, and of one for several columns also
    its name in the file; none without a system."""
    each = [*monitors_in(conn, system), *system.monitors] if system else []
    return list(dict.fromkeys(monitor.id for monitor in each))


def _each(monitor: Monitor, heard: list[str]) -> list[Monitor]:
    if monitor.columns is None:
        return [monitor]
    if monitor.columns != "features":
        return [monitor.of(column) for column in monitor.columns]
    start = f"{monitor.id}."
    columns = [name.removeprefix(start) for name in heard if name.startswith(start)]
    return [monitor.of(column) for column in columns] or [monitor]


def _heard(conn: Connection, system: str) -> list[str]:
    """Every monitor of a system that ever measured or alarmed, by the id it does so under."""
    told = (select(table.c.monitor).where(table.c.system == system) for table in (measurements, alerts))
    return sorted(row.monitor for row in conn.execute(union(*told)))


def measured_said(monitor: Monitor) -> str:
    """What is measured: `Accuracy`, `PSI of income`."""
    of = f" of {monitor.column}" if monitor.column else ""
    return wording.capital(f"{monitor.measures.words}{of}")


def window_said(monitor: Monitor) -> str:
    """`daily windows`, `windows of 6 hours`, `windows of 5,000 rows`."""
    window = monitor.window
    if isinstance(window, Rows):
        return f"windows of {window.rows:,} rows"
    named = _LENGTHS.get(window)
    return f"{named} windows" if named else f"windows of {durations.spoken(window)}"


def limits_said(monitor: Monitor) -> str:
    """What raises the alarm: `limit below 0.80`, `20% down against the 7 days before`; joined by `; `."""
    return "; ".join(_limits(monitor))


def _limits(monitor: Monitor) -> Iterator[str]:
    if limit := monitor.limit:
        sides = [("below", limit.below), ("above", limit.above)]
        said = [f"{side} {bound_said(monitor, bound)}" for side, bound in sides if bound is not None]
        yield f"limit{'s' * (len(said) > 1)} {' and '.join(said)}"
    if relative := monitor.relative:
        change = f"{relative.down or relative.up:.0%} {'down' if relative.down else 'up'}"
        yield f"{change} {compared_with(relative)}"
    if rule := monitor.e_detector:
        good = "the reference" if rule.baseline == "reference" else f"{rule.baseline:g}"
        yield f"a lasting {'fall below' if rule.direction == 'down' else 'rise above'} {good}"


def bound_said(monitor: Monitor, bound: float) -> str:
    """A limit as it was written: `0.80`, `0.025`, `100`."""
    written = len(f"{bound:.4f}".rstrip("0").partition(".")[2])
    return wording.figure(bound, max(min(monitor.measures.digits, 2), written))
