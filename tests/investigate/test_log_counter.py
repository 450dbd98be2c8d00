"""The prediction log of a system in force as the counter of who is affected (R-IMP-02)."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from holdfast import wording
from holdfast.detect.counting import Asked
from holdfast.detect.engines.duckdb import DuckDB
from holdfast.incident.register import Register
from holdfast.investigate.counting import CannotCount
from holdfast.investigate.log_counter import LogCounter
from holdfast.ledger.database import Database
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.outbox import Outbox
from holdfast.ledger.timers import Timers
from holdfast.prepare.records import Preparation
from support.company import put_in_force
from support.counter import FileCounter

HOUR = timedelta(hours=1)
SYSTEM = "loan-approval"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def ledger(tmp_path: Path, folder: Path, now: datetime) -> Ledger:
    """On SQLite alone: what is counted is in the log, not in the ledger."""
    database = Database(f"sqlite:///{tmp_path / 'holdfast.db'}")
    made = Ledger(database, [Timers(), Outbox(), Preparation(), Register()])
    made.create("harbourstreet.example/test")
    put_in_force(made, folder, now)
    return made


@pytest.fixture
def log(folder: Path, ledger: Ledger, now: datetime) -> Path:
    """Forty applications, one an hour until now, by eleven applicants of two age bands and two channels."""
    path = folder / "logs" / "loan-approval" / "part-1.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    conn = duckdb.connect()
    conn.execute("SET TimeZone = 'UTC'")
    conn.execute(
        """
        CREATE TABLE log AS
        SELECT i AS id, CAST(? AS TIMESTAMPTZ) - to_hours(40 - i) AS timestamp, i % 2 AS approved,
               0.5 AS score, '3.2.0' AS model_version, 'a' || (i % 11) AS applicant_id,
               40000.0 AS income, 5.0 AS employment_years, 0.2 AS debt_to_income, 9000.0 AS loan_amount,
               1 AS previous_loans, if(i % 4 = 0, 'broker', 'online') AS channel,
               CASE i % 3 WHEN 0 THEN '18-25' WHEN 1 THEN '26-64' END AS age_band
        FROM range(40) AS numbers(i)
        """,
        [now],
    )
    conn.execute(f"COPY log TO '{path}' (FORMAT parquet)")
    return path


@pytest.fixture
def counter(ledger: Ledger, folder: Path, log: Path) -> LogCounter:
    return LogCounter(ledger, folder, DuckDB)


@pytest.mark.parametrize("where", [{}, {"channel": "broker"}, {"channel": "online", "age_band": "18-25"}])
@pytest.mark.parametrize(("first", "last"), [(40, 0), (17, 5), (30, 2)])
def test_it_counts_what_a_plain_query_on_the_file_counts(
    counter: LogCounter, log: Path, now: datetime, where: dict[str, str], first: int, last: int
) -> None:
    """R-IMP-02: counted exactly, over half-open periods and segments."""
    plain = FileCounter(log, "timestamp", "applicant_id", ["age_band"])
    start, end = now - first * HOUR, now - last * HOUR
    counted, expected = (one.count(SYSTEM, Asked(start, end, where)) for one in (counter, plain))
    assert (counted.exposed, counted.total) == (expected.exposed, expected.total)
    ours = {wording.group(group.group): (group.inferences, group.users) for group in counted.groups}
    theirs = {wording.group(group.group): (group.inferences, group.users) for group in expected.groups}
    assert {name: found for name, found in ours.items() if name in theirs} == theirs


def test_a_column_the_log_does_not_have_is_named(counter: LogCounter, now: datetime) -> None:
    with pytest.raises(CannotCount, match="chanel"):
        counter.count(SYSTEM, Asked(now - HOUR, now, {"chanel": "broker"}))


def test_a_system_without_a_log_cannot_be_counted(ledger: Ledger, counter: LogCounter, now: datetime) -> None:
    with pytest.raises(CannotCount, match="no AI system is called nothing"):
        counter.count("nothing", Asked(now - HOUR, now))


def test_a_log_that_is_not_there_says_so(ledger: Ledger, folder: Path, now: datetime) -> None:
    with pytest.raises(CannotCount, match="loan-approval"):
        LogCounter(ledger, folder, DuckDB).count(SYSTEM, Asked(now - HOUR, now))
