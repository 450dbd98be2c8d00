"""What watches a system, for all who list, count or name it: page, API, terminal, report and evidence.

A monitor of several columns measures and alarms once for each, so it is as many monitors as it has columns.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, select, union

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


def window_said(monitor: Monitor) -> str:
    """`daily windows`, `windows of 6 hours`, `windows of 5,000 rows`."""
    window = monitor.window
    if isinstance(window, Rows):
        return f"windows of {window.rows:,} rows"
    named = _LENGTHS.get(window)
    return f"{named} windows" if named else f"windows of {durations.spoken(window)}"
