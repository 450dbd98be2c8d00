"""Whether a log is heard from: a log that nobody writes any more makes no monitor fail, and none can alarm.

A row lies in a window; when the window after it is over too, and its rows and the run that measures them have
had their time, a log that is written has a newer row. Where pauses are normal – nights, weekends – the system
says how long they are (`prediction_log.quiet`), and only a longer one is silence.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from holdfast import wording
from holdfast.prepare.systems import Monitor, PredictionLog, Rows, System

_WINDOWS = 2
BY_ROWS = timedelta(days=7)
"""How old the newest row may be for windows of rows, which state no length of time."""


def usual_pause(system: System) -> timedelta:
    """The longest pause between two rows of the log that is usual: a row lies in every window, or as
    `quiet` says. In a longer one rows were to be expected that are not there."""
    log = system.prediction_log
    quiet = log.quiet if log else None
    heard = [one.window for one in system.monitors if not one.measures.of_arrivals]
    rhythm = min((one for one in heard if not isinstance(one, Rows)), default=BY_ROWS)
    return max(rhythm, quiet or timedelta(0))


def patience(monitor: Monitor, log: PredictionLog) -> timedelta | None:
    """How old the newest row of the log may be for this monitor; None for one that counts what arrives: an
    empty window is what it measures."""
    if monitor.measures.of_arrivals:
        return None
    rhythm = BY_ROWS if isinstance(monitor.window, Rows) else _WINDOWS * monitor.window
    return max(rhythm, log.quiet or timedelta(0)) + (log.delay or timedelta(0)) + monitor.schedule


def is_unheard(monitor: Monitor, log: PredictionLog, newest: datetime | None, now: datetime) -> bool:
    """Whether the log is silent for longer than this monitor bears; not known before the first run."""
    longest = patience(monitor, log)
    return newest is not None and longest is not None and now - newest > longest


def why_unheard(system: System, newest: datetime | None, now: datetime) -> str:
    """Why a system is not heard from, although its log can be read; empty while it is."""
    log = system.prediction_log
    if log is None or newest is None:
        return ""
    waiting = [one.id for one in system.monitors if is_unheard(one, log, newest, now)]
    if not waiting:
        return ""
    whose = "" if len(waiting) == len(system.monitors) else f" for {', '.join(waiting)}"
    return (
        f"newest row of {log.path} {wording.utc(newest)}: nothing to measure since{whose}. Find out who "
        "writes it; if such a pause is normal, say how long with prediction_log.quiet"
    )
