"""R-IMP-02: a time of which the log says nothing bounds a count from below; nobody is counted as 0 for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from holdfast.detect import counting
from holdfast.detect.counting import Asked, Found
from holdfast.detect.engines.duckdb import DuckDB
from holdfast.detect.marks import Hole, Tally
from holdfast.detect.tables import LogError
from support.alerted import alert_facts

from .conftest import at, system_with

Write = Callable[..., Path]
MONITOR = {
    "id": "level",
    "metric": "mean",
    "column": "said",
    "worse": "up",
    "window": "1d",
    "limit": {"above": 9},
}


def log_of(write: Write, times: Sequence[datetime]) -> None:
    rows = [{"id": n, "time": time, "who": f"p{n}", "said": 1} for n, time in enumerate(times)]
    write("log.parquet", {"id": "BIGINT", "time": "TIMESTAMP", "who": "VARCHAR", "said": "INTEGER"}, rows)


def counted(folder: Path, start: datetime, end: datetime, **log: Any) -> Found:
    columns = {"id": "id", "time": "time", "subject": "who"}
    system = system_with({"path": "log.parquet", "columns": columns, **log}, MONITOR)
    return counting.count(system, folder, DuckDB, Asked(start, end, all_touched="every one of them"))


@pytest.fixture
def gone(write: Write, tmp_path: Path) -> Path:
    """Rows of every hour of 2 to 8 November, but for the 5th."""
    log_of(write, [at(day, hour) for day in range(2, 9) if day != 5 for hour in range(24)])
    return tmp_path


HOLE = Hole(at(4, 23), at(6))


def test_a_day_missing_within_the_period_is_named(gone: Path) -> None:
    assert counted(gone, at(2), at(9)).missing == (HOLE,)


def test_the_hole_is_cut_at_the_edges_of_the_period(gone: Path) -> None:
    assert counted(gone, at(5, 12), at(7)).missing == (Hole(at(5, 12), at(6)),)
    assert counted(gone, at(4), at(5, 12)).missing == (Hole(at(4, 23), at(5, 12)),)


@pytest.mark.parametrize("end", [at(6), at(5, 12)])
def test_a_period_that_lies_in_a_hole_is_refused_and_not_0(gone: Path, end: datetime) -> None:
    with pytest.raises(LogError, match="no row from 5 Nov 2026, 00:00 UTC"):
        counted(gone, at(5), end)


def test_a_pause_that_is_said_to_be_usual_is_no_hole(gone: Path) -> None:
    found = counted(gone, at(5), at(6), quiet="3d")
    assert (found.missing, found.exposed.inferences) == ((), 0)


def test_a_period_without_a_hole_knows_all(gone: Path) -> None:
    assert counted(gone, at(6), at(9)).missing == ()


def test_a_log_that_begins_within_the_period_says_nothing_of_before(gone: Path) -> None:
    assert counted(gone, at(1), at(3)).missing == (Hole(at(1), at(2)),)


def test_a_log_that_ends_within_the_period_says_nothing_of_after(gone: Path) -> None:
    assert counted(gone, at(7), at(12)).missing == (Hole(at(8, 23), at(12)),)


GAPS = {"id": "gaps", "metric": "missing", "columns": ["said"], "window": "1d", "limit": {"above": 0.1}}


@pytest.mark.parametrize(("start", "affected"), [(at(4), None), (at(6), Tally(0, 0))])
def test_none_touched_beside_a_hole_is_not_nobody(
    gone: Path, start: datetime, affected: Tally | None
) -> None:
    columns = {"id": "id", "time": "time", "subject": "who"}
    system = system_with({"path": "log.parquet", "columns": columns}, GAPS)
    raised = alert_facts(at(3), monitor="gaps.said", dimension="quality", metric="missing", group={})
    asked = Asked(start, start + timedelta(days=2), alerts=(raised,))
    assert counting.count(system, gone, DuckDB, asked).affected == affected


def test_rows_beside_a_hole_that_are_touched_are_counted(gone: Path) -> None:
    found = counted(gone, at(4), at(6))
    assert found.affected is not None
    assert (found.affected.inferences, found.missing) == (24, (HOLE,))
