"""What is frozen stays frozen, whoever of the others fails or comes back (R-DET-04, R-XCT-07)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from holdfast.detect.engines.duckdb import DuckDB
from holdfast.detect.frozen import Frozen
from holdfast.detect.log import open_log
from holdfast.detect.measurement import Measurement
from holdfast.detect.monitors import Evaluation, State, evaluate
from holdfast.prepare.systems import System

from .conftest import at, system_with

Write = Callable[..., Path]
FILE = {"path": "reference.parquet"}
COLUMNS = {"id": "id", "time": "at", "prediction": "said", "label": "truth", "score": "score"}
TYPES = {
    "id": "BIGINT",
    "at": "TIMESTAMP",
    "x": "DOUBLE",
    "y": "DOUBLE",
    "kind": "VARCHAR",
    "said": "BOOLEAN",
    "truth": "BOOLEAN",
    "score": "DOUBLE",
}
DRIFTS = [
    {"id": f"{column}-{method}", "metric": "drift", "method": method, "column": column, "window": "1d"}
    | {"limit": {"above": 0.5}}
    for column, method in (("x", "psi"), ("x", "wasserstein"), ("y", "psi"), ("kind", "psi"))
]
ACCURACY = {"id": "accuracy", "metric": "accuracy", "window": "1d", "limit": {"below": 0.1}} | {
    "maturity": {"share": 0.5}
}
MEAN = {"id": "y-mean", "metric": "mean", "column": "y", "window": "1d", "limit": {"above": 1000}}


def rows(days: Iterable[int], scale: float = 1) -> list[dict[str, Any]]:
    return [
        {"id": day * 100 + i, "at": at(day, i / 5).replace(tzinfo=None), "x": (i * 37 % 100) * scale}
        | {"y": i % 17 * scale, "kind": "abc"[i % 3], "said": i % 2 == 0, "truth": i % 3 == 0}
        | {"score": i / 100}
        for day in days
        for i in range(100)
    ]


def without(*columns: str) -> dict[str, str]:
    return {name: kind for name, kind in TYPES.items() if name not in columns}


class Days:
    """A system run day after day, with the log as it is then."""

    def __init__(self, base: Path, write: Write, engine: DuckDB, reference: Mapping[str, Any] = FILE) -> None:
        log = {"path": "log.parquet", "columns": COLUMNS, "reference": reference}
        self.base, self.write, self.engine = base, write, engine
        self.system: System = system_with(log, *DRIFTS, ACCURACY, MEAN)
        self.state: State | None = None

    def run(self, day: int, *broken: str) -> Evaluation:
        """The run on a day's morning; columns that are broken are not in the log."""
        self.write("log.parquet", without(*broken), rows(range(2, day)))
        assert self.system.prediction_log is not None
        now = at(day, 1)
        log = open_log(self.system.prediction_log, self.base, self.engine, now)
        found = evaluate(self.system, log, self.engine, now, self.state)
        self.state = found.state
        return found

    @property
    def frozen(self) -> Frozen:
        assert self.state is not None
        assert self.state.frozen is not None
        return self.state.frozen


def values(found: Iterable[Measurement]) -> dict[tuple[str, datetime], tuple[Any, ...]]:
    return {(one.series, one.window_start): (one.value, one.lower, one.upper, one.n) for one in found}


@pytest.mark.parametrize("broken", ["x", "y", "kind"])
def test_a_monitor_that_fails_and_comes_back_changes_nothing_for_the_others(
    engine: DuckDB, write: Write, tmp_path: Path, broken: str
) -> None:
    """R-DET-04: the reference's file is another one by then, so that a second freezing would show."""
    whole, hurt = Days(tmp_path, write, engine), Days(tmp_path, write, engine)
    write("reference.parquet", TYPES, rows([1]))
    for day in (3, 4):
        whole.run(day)
        hurt.run(day)
    first = hurt.frozen
    assert len(first.cells) > 5
    write("reference.parquet", TYPES, rows([1], scale=3))
    seen: dict[Any, Any] = {}
    for day in (5, 6, 7, 8):
        expected = values(whole.run(day).measurements)
        found = hurt.run(day, *([broken] if day < 7 else []))
        assert bool(found.failing) == (day < 7)
        assert hurt.frozen == first, day
        seen |= values(found.measurements)
        alone = {key: value for key, value in expected.items() if not key[0].startswith(f"{broken}-")}
        assert {key: seen.get(key) for key in alone} == alone
    assert whole.frozen == first


@pytest.mark.parametrize("reference", [FILE, {"from": "2026-11-02", "to": "2026-11-04"}])
def test_what_a_monitor_needs_is_frozen_when_it_first_can_be(
    engine: DuckDB, write: Write, tmp_path: Path, reference: Mapping[str, Any]
) -> None:
    whole, late = Days(tmp_path, write, engine, reference), Days(tmp_path, write, engine, reference)
    write("reference.parquet", TYPES, rows([1]))
    for day in (5, 6):
        whole.run(day)
        assert set(late.run(day, "y").failing) == {"y-psi", "y-mean"}
    before = late.frozen
    assert "y/10" not in before.edges
    assert not late.run(7).failing
    after = late.frozen
    assert {key: after.edges[key] for key in before.edges} == before.edges
    assert after.cells[: len(before.cells)] == before.cells
    assert after.edges == whole.frozen.edges
    assert sorted(cell.key[:2] for cell in after.cells) == sorted(cell.key[:2] for cell in whole.frozen.cells)
