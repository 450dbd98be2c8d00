"""Names in a system's file that its prediction log lacks.

A key of a segment that is no column sends everybody to review and nobody sees whether it helps; a monitor of
a column that is not there fails alone. Both are found here before anything runs, at their place in the file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from holdfast.detect.counting import Engines
from holdfast.detect.log import find
from holdfast.detect.tables import LogError
from holdfast.prepare.documents import Read, Way
from holdfast.prepare.systems import PredictionLog, System
from holdfast.problems import Problem, nearest, shown

_LISTED = 20
"""Columns named to whoever looks for the right one."""


def columns_of(log: PredictionLog | None, base: Path, engines: Engines) -> tuple[str, ...] | None:
    """The columns of a log as its files stand now; None where there is none that can be read."""
    if log is None:
        return None
    try:
        source = find(log.path, base, "the prediction log")
        with engines() as engine:
            return tuple(engine.names(source))
    except LogError:
        return None


def unknown_columns(read: Read[System], columns: Collection[str]) -> list[Problem]:
    """Every place of a system's file that names a column which the log does not have."""
    there = {name.lower() for name in columns}
    return [
        read.document.problem(
            way,
            f"{shown(name)} is no column of the prediction log",
            fix_of(name, columns),
            at_key="segment" in way,
        )
        for way, name in _named(read.model)
        if name.lower() not in there
    ]


def fix_of(name: str, columns: Collection[str]) -> str:
    """The nearest column, and which there are."""
    near = nearest(name, columns)
    first = ", ".join(list(columns)[:_LISTED])
    more = f" and {len(columns) - _LISTED} more" if len(columns) > _LISTED else ""
    return f"{f'did you mean {near}? ' if near else ''}its columns are {first}{more}"


def _named(system: System) -> Iterator[tuple[Way, str]]:
    yield from _roles(system.prediction_log)
    for number, monitor in enumerate(system.monitors):
        way: Way = ("monitors", number)
        if monitor.column:
            yield (*way, "column"), monitor.column
        if monitor.columns and monitor.columns != "features":
            yield from (((*way, "columns", index), name) for index, name in enumerate(monitor.columns))
        yield from (((*way, "group_by", index), name) for index, name in enumerate(monitor.group_by))
    for number, option in enumerate(system.containment):
        yield from ((("containment", number, "segment", key), key) for key in option.segment)


def _roles(log: PredictionLog | None) -> Iterator[tuple[Way, str]]:
    if log is None:
        return
    way: Way = ("prediction_log", "columns")
    # Labels may stand apart, or in the reference alone.
    own = ("label", "label_arrived") if log.labels is None and log.reference is None else ()
    for role in ("id", "time", "prediction", "score", "model_version", "subject", *own):
        if name := getattr(log.columns, role):
            yield (*way, role), name
    for role in ("features", "categorical"):
        named = getattr(log.columns, role) or ()
        yield from (((*way, role, index), name) for index, name in enumerate(named))
