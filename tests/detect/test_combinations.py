"""What a systems file accepts, a replay can judge: every metric with every kind of threshold (R-DET-08)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from holdfast.detect.backtest import backtest
from holdfast.detect.engines.duckdb import DuckDB
from holdfast.detect.log import open_log
from holdfast.detect.monitors import freeze
from holdfast.metrics import METRICS
from holdfast.prepare.systems import Monitor

from .conftest import at, system_with

THRESHOLDS: tuple[dict[str, Any], ...] = (
    {"limit": {"below": 0.5}},
    {"limit": {"above": 0.5}},
    *(
        {"relative": {side: 0.2, "against": to}}
        for side in ("down", "up")
        for to in ("reference", "previous", "1d")
    ),
    *(
        {"e_detector": {"direction": side, **base}}
        for side in ("down", "up")
        for base in ({}, {"baseline": 0.5})
    ),
)
WINDOWS: tuple[Any, ...] = ("1d", {"rows": 60})
COLUMNS = {"rate": "f", "unseen": "c"}
TYPES = {
    "id": "VARCHAR",
    "t": "TIMESTAMPTZ",
    "p": "BOOLEAN",
    "s": "DOUBLE",
    "y": "BOOLEAN",
    "g": "VARCHAR",
    "x": "DOUBLE",
    "f": "BOOLEAN",
    "c": "VARCHAR",
}


def combinations() -> Iterator[dict[str, Any]]:
    kinds = [(metric, None) for metric in METRICS] + [(one, one.name) for one in METRICS if one.family]
    for number, ((metric, method), threshold, window) in enumerate(product(kinds, THRESHOLDS, WINDOWS)):
        yield {
            "id": f"m{number}",
            "name": f"{metric.name} {threshold}",
            "metric": metric.written,
            "window": window,
            "reason": "agreed",
            "tells": ["technical_lead"],
            **({"method": method} if method else {}),
            **({"column": COLUMNS.get(metric.name, "x")} if metric.needs_column else {}),
            **({"group_by": ["g"]} if metric.compares_groups else {}),
            **threshold,
        }


def accepted() -> list[dict[str, Any]]:
    found = []
    for one in combinations():
        try:
            Monitor.model_validate(one)
        except ValidationError:
            continue
        found.append(one)
    return found


def test_what_the_file_accepts_the_replay_can_judge(write: Any, engine: DuckDB, tmp_path: Path) -> None:
    """A monitor that could never be judged would be refused at its line, not found out in production."""

    def rows(first: int, days: int) -> list[dict[str, Any]]:
        return [
            {
                "id": f"{day}-{n}",
                "t": at(day, n / 10),
                "p": n % 2 == 0,
                "s": (n % 10) / 10,
                "y": n % 3 == 0,
                "g": "a" if n % 4 < 2 else "b",
                "x": float(n % 17),
                "f": n % 5 == 0,
                "c": "uv"[n % 2],
            }
            for day in range(first, first + days)
            for n in range(240)
        ]

    reference = write("reference.parquet", TYPES, rows(1, 2))
    log = write("log.parquet", TYPES, rows(3, 4))
    monitors = accepted()
    assert {one["metric"] for one in monitors} == {metric.written for metric in METRICS}
    columns = {"id": "id", "time": "t", "prediction": "p", "score": "s", "label": "y"}
    system = system_with(
        {"path": str(log), "columns": columns, "reference": {"path": str(reference)}}, *monitors
    )
    assert system.prediction_log is not None
    opened = open_log(system.prediction_log, tmp_path, engine)
    made = backtest(system, opened, engine, freeze(system, opened, engine))
    judged = {one.monitor for one in made if one.status.is_known and one.value is not None}
    reasons = {one.monitor: one.reason for one in made}
    never = {one["id"]: (one["name"], one["window"], reasons.get(one["id"])) for one in monitors}
    assert not {name: why for name, why in never.items() if name not in judged}
