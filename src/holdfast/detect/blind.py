"""A monitor that has nothing to compute from for several windows is blind: no alarm can come from it.

Precision where nothing is predicted positive, recall where nothing is labelled so: each such window is no
fault, and many of them are a monitor that watches nothing. Then it is told like one that cannot measure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection

from holdfast.detect import records
from holdfast.detect.frozen import Frozen
from holdfast.detect.measurement import Measurement, WindowStatus, series_key
from holdfast.detect.monitors import Failure
from holdfast.prepare.systems import Monitor

AFTER = 3
"""Windows, one after another, that could not be computed."""


def blind(
    conn: Connection,
    system: str,
    monitors: Mapping[str, Monitor],
    new: Iterable[Measurement],
    frozen: Frozen | None,
    at: datetime,
) -> dict[str, Failure]:
    """The monitors whose newest windows could not be computed, `new` ones included, and why.

    One that waits until its reference is complete says so, and is not blind.
    """
    by_series: dict[str, list[Measurement]] = {}
    for one in new:
        by_series.setdefault(one.series, []).append(one)
    told = {one.facts.monitor for one in records.open_failures(conn, system)}
    found = {}
    for name, monitor in monitors.items():
        series = series_of(monitor)
        own = by_series.get(series, [])
        may_be = name in told or any(one.status is WindowStatus.NOT_COMPUTABLE for one in own)
        if not may_be or _waits(monitor, frozen, at):
            continue
        windows = {one.window_start: one for one in records.newest_of(conn, system, series, AFTER)}
        windows |= {one.window_start: one for one in own}
        newest = [windows[start] for start in sorted(windows)[-AFTER:]]
        if len(newest) == AFTER and all(one.status is WindowStatus.NOT_COMPUTABLE for one in newest):
            found[name] = Failure(monitor, f"blind for {AFTER} windows or more: {newest[-1].reason}")
    return found


def series_of(monitor: Monitor) -> str:
    """The series of a monitor that speaks for everybody."""
    return series_key(monitor.id, None, monitor.metric)


def _waits(monitor: Monitor, frozen: Frozen | None, at: datetime) -> bool:
    if not monitor.needs_reference or frozen is None:
        return False
    return bool(frozen.waits(at, labelled=monitor.measures.needs_labels))
