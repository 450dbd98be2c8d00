"""Who and what is affected, counted from the prediction log (R-IMP-02)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from holdfast.detect.engines import Engine
from holdfast.detect.log import open_log
from holdfast.detect.tables import LogError
from holdfast.prepare.systems import System

Engines = Callable[[], AbstractContextManager[Engine]]
"""Opens an engine for one question and closes it."""

MOST_GROUPS = 24
"""Groups told of at most; more would be a table, not a summary."""


@dataclass(frozen=True, slots=True)
class Group:
    group: dict[str, str]
    """Column and value."""
    inferences: int
    users: int | None


@dataclass(frozen=True, slots=True)
class Affected:
    """Exact counts over one period and segment."""

    inferences: int
    users: int | None
    """Distinct subjects; None where the log names no subject."""
    total: int
    """Rows of the period, whatever their segment."""
    groups: tuple[Group, ...]


def affected(
    system: System, base: Path, engines: Engines, start: datetime, end: datetime, where: Mapping[str, str]
) -> Affected:
    """Count predictions of [start, end) that match `where`. Raises LogError."""
    source = system.prediction_log
    if source is None:
        raise LogError(f"{system.name} has no prediction log", "add prediction_log to its file")
    bare = source.model_copy(update={"labels": None, "reference": None})
    by = tuple(dict.fromkeys(name for monitor in system.monitors for name in monitor.group_by))
    with engines() as engine:
        table = replace(open_log(bare, base, engine).table, since=start, until=end)
        for name in where:
            table.column(name)
        found = engine.affected(table, where, by)
    everybody = next((row for row in found if all(part is None for part in row[0])), None)
    if everybody is None:
        return Affected(0, 0 if source.columns.subject else None, 0, ())
    groups = [
        Group(_named(by, key), inferences, users)
        for key, inferences, _, users in found
        if inferences and any(part is not None for part in key)
    ]
    groups.sort(key=lambda group: (-group.inferences, tuple(group.group.items())))
    return Affected(everybody[1], everybody[3], everybody[2], tuple(groups[:MOST_GROUPS]))


def _named(by: tuple[str, ...], key: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, value in zip(by, key, strict=True) if value is not None}
