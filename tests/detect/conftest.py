"""What the tests of detection share: small logs written as real files, and the real engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from holdfast.detect.engines.duckdb import DuckDB
from holdfast.prepare.systems import System

Rows = Sequence[Mapping[str, Any]]
Types = Mapping[str, str]

CAR_LOANS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "nannyml"


@pytest.fixture(scope="session")
def car_loans() -> Path:
    """The folder with NannyML's car loans: 50,000 reference rows, 50,000 later ones, labels apart."""
    if not (CAR_LOANS / "synthetic_car_loan_analysis.parquet").exists():
        pytest.skip("NannyML's car loans are not beside the repository (../shared/data/nannyml)")
    return CAR_LOANS


@pytest.fixture(scope="session")
def engine() -> Iterator[DuckDB]:
    with DuckDB(threads=2) as opened:
        yield opened


def write_table(path: Path, types: Types, rows: Rows) -> Path:
    """Write rows to Parquet or CSV with exactly these column types."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = ", ".join(f'"{name.replace(chr(34), chr(34) * 2)}" {kind}' for name, kind in types.items())
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE TABLE t ({columns})")
        if rows:
            places = ", ".join("?" for _ in types)
            values = [[row.get(name) for name in types] for row in rows]
            for start in range(0, len(values), 500):
                chunk = values[start : start + 500]
                many = ", ".join(f"({places})" for _ in chunk)
                connection.execute(f"INSERT INTO t VALUES {many}", [value for row in chunk for value in row])
        form = "csv, header" if path.suffix == ".csv" else "parquet"
        target = str(path).replace("'", "''")
        connection.execute(f"COPY t TO '{target}' (FORMAT {form})")
    return path


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Types, Rows], Path]:
    def write_here(name: str, types: Types, rows: Rows) -> Path:
        return write_table(tmp_path / name, types, rows)

    return write_here


def at(day: int, hour: float = 0) -> datetime:
    """A time in November 2026; day 2 is a Monday."""
    seconds = round(hour * 3600)
    return datetime(2026, 11, day, seconds // 3600, seconds // 60 % 60, seconds % 60, tzinfo=UTC)


def system_with(log: Mapping[str, Any], *monitors: Mapping[str, Any]) -> System:
    """A system around a log and monitors, with what the inventory asks for besides."""
    defaults = {"reason": "agreed with the business", "tells": ["technical_lead"]}
    return System.model_validate(
        {
            "id": "loans",
            "name": "Loans",
            "purpose": "Decides on loans",
            "owner": "wei.chen@example.com",
            "models": [{"name": "loan", "version": "1.0.0", "in_production_since": "2026-10-01"}],
            "data_used": ["applications"],
            "depends_on_it": ["branches"],
            "business_impact": "loans are refused",
            "compliance_risk": "unequal treatment",
            "priority": 1,
            "prediction_log": {"zone": "UTC", **log},
            "monitors": [{"name": str(monitor["id"]), **defaults, **monitor} for monitor in monitors],
        }
    )
