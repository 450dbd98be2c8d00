"""R-IMP-02: exposed is who was served in a period, affected whom the alert's own condition marks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from holdfast.detect import counting
from holdfast.detect.counting import Asked, Found
from holdfast.detect.engines.duckdb import DuckDB
from holdfast.detect.marks import Tally
from holdfast.detect.tables import LogError
from holdfast.incident.events import AlertFacts
from support.alerted import alert_facts

from .conftest import at, system_with

TYPES = {
    "id": "BIGINT",
    "time": "TIMESTAMP",
    "who": "VARCHAR",
    "income": "DOUBLE",
    "channel": "VARCHAR",
    "failed": "BOOLEAN",
    "region": "VARCHAR",
    "said": "INTEGER",
    "truth": "INTEGER",
}
COLUMNS = {"id": "id", "time": "time", "subject": "who", "prediction": "said", "label": "truth"}
PAST = {"path": "past.parquet"}


def monitor(id_: str, metric: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "metric": metric, "window": "1d", "limit": {"above": 0.1}, **more}


MONITORS = (
    monitor("gaps", "missing", columns=["income", "channel"]),
    monitor("strange", "unseen", column="channel"),
    monitor("moved", "drift", column="income"),
    monitor("moved-channel", "drift", column="channel"),
    monitor("failures", "rate", column="failed", limit={"above": 0.1, "below": 0.01}, worse="either"),
    monitor("accuracy", "accuracy", limit={"below": 0.9}, group_by=["region"]),
    monitor("level", "mean", column="income", worse="up"),
)


def alert(name: str, group: Mapping[str, str] | None = None, value: float = 0.5) -> AlertFacts:
    return alert_facts(
        at(3),
        alert=f"ALR-{name}",
        monitor=name,
        monitor_name=name,
        dimension="quality",
        metric="missing",
        value=value,
        limit=0.1,
        n=100,
        group=dict(group or {}),
        reason="out of bounds",
    )


Write = Callable[..., Path]
Count = Callable[..., Found]


@pytest.fixture
def count(write: Write, tmp_path: Path) -> Count:
    """Ten rows of one day, each about somebody else; the past knew incomes of 10 to 90."""
    plain = {"who": "p", "income": 50.0, "channel": "web", "failed": False, "region": "north"}
    past = [{"id": n, "time": at(1), **plain, "income": float(n), "channel": "web"} for n in range(10, 91)]
    past[0]["channel"] = "branch"
    touched: Sequence[Mapping[str, Any]] = (
        {"income": None},
        {"income": float("nan"), "region": "Frankfurt, Main"},
        {"income": 600.0, "region": "Frankfurt, Main"},
        {"income": -999.0},
        {"channel": "fax"},
        {"channel": None, "region": None},
        {"failed": True, "region": "Frankfurt, Main"},
        {"income": 10.0, "channel": "branch"},
        {"income": 90.0},
        {},
    )
    rows = [
        {"id": n, "time": at(2, n), **plain, "who": f"p{n}", "said": 1, "truth": 0, **row}
        for n, row in enumerate(touched)
    ]
    write("past.parquet", TYPES, [{**row, "said": 1, "truth": 1} for row in past])
    write("log.parquet", TYPES, rows)
    system = system_with({"path": "log.parquet", "columns": COLUMNS, "reference": PAST}, *MONITORS)

    def counted(*alerts: AlertFacts, **asked: Any) -> Found:
        return counting.count(system, tmp_path, DuckDB, Asked(at(2), at(3), alerts=alerts, **asked))

    return counted


FRANKFURT = {"region": "Frankfurt, Main"}


@pytest.mark.parametrize(
    ("alerts", "affected", "complete", "rules"),
    [
        ([alert("gaps.income")], 2, True, ["income is missing"]),
        ([alert("gaps.channel")], 1, True, ["channel is missing"]),
        ([alert("gaps.income", FRANKFURT)], 1, True, ["income is missing, region=Frankfurt, Main"]),
        ([alert("strange")], 1, True, ["channel holds a value that the reference does not have"]),
        (
            [alert("moved")],
            2,
            False,
            ["income lies outside 10 to 90, the reference's smallest and largest value"],
        ),
        ([alert("moved", FRANKFURT)], 3, True, ["region=Frankfurt, Main"]),
        ([alert("moved-channel")], 1, False, ["channel holds a value that the reference does not have"]),
        ([alert("failures")], 1, True, ["failed is true"]),
        ([alert("failures", value=0.0)], 9, True, ["failed is false"]),
        ([alert("accuracy", FRANKFURT)], 3, True, ["region=Frankfurt, Main"]),
        ([alert("accuracy", {"region": "(missing)"})], 1, True, ["region=(missing)"]),
        ([alert("gaps.income"), alert("gaps.channel")], 3, True, ["income is missing", "channel is missing"]),
        ([alert("gaps.income"), alert("gaps.income")], 2, True, ["income is missing"]),
        ([alert("gaps.income"), alert("accuracy")], 2, False, ["income is missing"]),
        ([alert("gone", FRANKFURT)], 3, True, ["region=Frankfurt, Main"]),
    ],
)
def test_affected_are_the_rows_that_the_alerts_own_condition_marks(
    count: Count, alerts: list[AlertFacts], affected: int, complete: bool, rules: list[str]
) -> None:
    """R-IMP-02/affected: with the rule used, and whether more may have been touched."""
    found = count(*alerts)
    assert found.exposed == Tally(10, 10)
    assert found.affected == Tally(affected, affected)
    assert (found.complete, list(found.rules)) == (complete, rules)


@pytest.mark.parametrize("name", ["accuracy", "level", "gone"])
def test_where_no_row_is_marked_the_served_are_exposed_and_nobody_knows_how_many_are_affected(
    count: Count, name: str
) -> None:
    """R-IMP-02/exposed."""
    found = count(alert(name))
    assert (found.exposed.users, found.affected, found.rules) == (10, None, ())


def test_without_an_alert_the_served_are_exposed(count: Count) -> None:
    assert count().affected is None


def test_drift_that_marks_no_row_does_not_say_that_nobody_is_affected(count: Count) -> None:
    found = count(alert("moved"), where={"channel": "branch"})
    assert (found.exposed.users, found.affected) == (1, None)
    found = count(alert("gaps.income"), where={"channel": "branch"})
    assert found.affected == Tally(0, 0)


def test_a_person_says_that_all_of_a_segment_is_affected(count: Count) -> None:
    found = count(alert("gaps.income"), where=FRANKFURT, all_touched="its batch was swapped")
    assert (found.exposed, found.affected) == (Tally(3, 3), Tally(3, 3))
    assert found.rules == ("its batch was swapped",)


def test_groups_are_those_of_the_affected_or_else_of_the_exposed(count: Count) -> None:
    assert [(dict(group), own.inferences) for group, own in count().groups] == [
        ({"region": "north"}, 6),
        (FRANKFURT, 3),
        ({"region": "(missing)"}, 1),
    ]
    assert [(dict(group), own.inferences) for group, own in count(alert("gaps.income")).groups] == [
        (FRANKFURT, 1),
        ({"region": "north"}, 1),
    ]


# Unknown is not 0


def counted(folder: Path, where: Mapping[str, str] | None = None, **period: Any) -> Found:
    system = system_with({"path": "log.parquet", "columns": {"id": "id", "time": "time", "subject": "who"}})
    return counting.count(system, folder, DuckDB, replace(Asked(at(2), at(3), dict(where or {})), **period))


def log_of(write: Write, kind: str, values: Sequence[Any], column: str = "who") -> None:
    types = {
        "id": "BIGINT",
        "time": "TIMESTAMP",
        **({} if column == "who" else {"who": "INTEGER"}),
        column: kind,
    }
    write("log.parquet", types, [{"id": n, "time": at(2, n % 20), column: v} for n, v in enumerate(values)])


@pytest.mark.parametrize(("start", "end"), [(at(20), at(21)), (at(1), at(2)), (at(1), at(1, 5))])
def test_a_period_that_the_log_does_not_reach_is_refused_and_not_counted_as_nobody(
    write: Write, tmp_path: Path, start: Any, end: Any
) -> None:
    log_of(write, "INTEGER", range(40))
    with pytest.raises(LogError, match="says nothing of this period: it runs from 2 Nov 2026, 00:00"):
        counted(tmp_path, start=start, end=end)


def test_a_period_in_which_nothing_was_served_within_the_log_is_0(write: Write, tmp_path: Path) -> None:
    log_of(write, "INTEGER", range(40))
    found = counted(tmp_path, start=at(2, 5.1), end=at(2, 5.2))
    assert (found.exposed, found.total) == (Tally(0, 0), 0)


def test_how_far_the_log_reached_is_told(write: Write, tmp_path: Path) -> None:
    log_of(write, "INTEGER", range(5))
    assert counted(tmp_path).reaches == at(2, 4)


def test_rows_that_name_nobody_are_counted_apart(write: Write, tmp_path: Path) -> None:
    log_of(write, "DOUBLE", [1.0, 1.0, None, float("nan"), 2.0])
    assert counted(tmp_path).exposed == Tally(5, 2, 2)
    log_of(write, "VARCHAR", [None, None])
    assert counted(tmp_path).exposed == Tally(2, None)


def test_a_value_that_stands_nowhere_in_the_log_is_refused_with_the_one_meant(
    write: Write, tmp_path: Path
) -> None:
    log_of(write, "VARCHAR", ["broker", "branch"] * 5, "channel")
    with pytest.raises(LogError, match="no row of the log has channel=brocker; did you mean broker"):
        counted(tmp_path, {"channel": "brocker"})
    early = counted(tmp_path, {"channel": "branch"}, end=at(2, 1))
    assert (early.exposed.inferences, early.total) == (0, 1)


# Values compare exactly


def test_customer_numbers_of_18_digits_are_as_many_people_as_there_are(write: Write, tmp_path: Path) -> None:
    first = 987_654_321_012_345_000
    log_of(write, "BIGINT", [first + n % 2000 for n in range(4000)])
    assert counted(tmp_path).exposed == Tally(4000, 2000)


@pytest.mark.parametrize("kind", ["UBIGINT", "DECIMAL(18,0)", "DECIMAL(38,10)", "VARCHAR"])
def test_so_are_those_of_other_types(write: Write, tmp_path: Path, kind: str) -> None:
    first = 187_654_321_012_345_000
    log_of(write, kind, [str(first + n) for n in range(200)])
    assert counted(tmp_path).exposed.users == 200
    log_of(write, kind, [str(first + n) for n in range(200)], "branch")
    assert counted(tmp_path, {"branch": str(first + 7)}).exposed.inferences == 1


NUMBERS = ["INTEGER", "BIGINT", "UTINYINT", "HUGEINT", "DOUBLE", "FLOAT", "DECIMAL(8,2)", "DECIMAL(4,0)"]


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("said", ["12", "12.0", "12.00", " 12 ", "+12", "1.2e1"])
def test_12_and_12_0_are_one_number_whatever_the_column(
    write: Write, tmp_path: Path, kind: str, said: str
) -> None:
    log_of(write, kind, [12] * 400 + [13] * 100, "branch")
    assert counted(tmp_path, {"branch": said}).exposed.inferences == 400


@pytest.mark.parametrize(
    ("kind", "held", "said"),
    [
        ("INTEGER", 12, "12.4"),
        ("UTINYINT", 12, "-12"),
        ("UTINYINT", 12, "268"),
        ("INTEGER", 12, "99999999999999999999999999999999999999999"),
        ("DECIMAL(8,2)", 12, "12.001"),
        ("DECIMAL(4,0)", 12, "12.4"),
        ("DECIMAL(4,0)", 12, "100012"),
        ("BIGINT", 987654321012345001, "987654321012345002"),
        ("DOUBLE", 9007199254740992, "9007199254740993"),
        ("FLOAT", 16777216, "16777217"),
        ("VARCHAR", "12", "12.0"),
        ("VARCHAR", "012", "12"),
    ],
)
def test_what_a_column_does_not_hold_to_the_last_digit_is_not_found(
    write: Write, tmp_path: Path, kind: str, held: Any, said: str
) -> None:
    log_of(write, kind, [held] * 10, "branch")
    with pytest.raises(LogError, match="no row of the log has branch="):
        counted(tmp_path, {"branch": said})


@pytest.mark.parametrize(
    ("kind", "held", "said"),
    [
        ("DOUBLE", 0.1, "0.1"),
        ("FLOAT", 0.1, "0.1"),
        ("DECIMAL(4,2)", 0.1, "0.10"),
        ("DOUBLE", 1e23, "1e+23"),
        ("VARCHAR", "0.10", "0.10"),
        ("VARCHAR", "Frankfurt, Main", "Frankfurt, Main"),
        ("VARCHAR", "it's", "it's"),
        ("VARCHAR", "", ""),
        ("VARCHAR", None, "(missing)"),
        ("DOUBLE", float("nan"), "(missing)"),
        ("BOOLEAN", True, "true"),
        ("BOOLEAN", False, "no"),
        ("BOOLEAN", True, "1"),
        ("DATE", "2026-11-02", "2026-11-02"),
    ],
)
def test_a_value_is_found_as_it_is_written(
    write: Write, tmp_path: Path, kind: str, held: Any, said: str
) -> None:
    log_of(write, kind, [held] * 10, "branch")
    assert counted(tmp_path, {"branch": said}).exposed.inferences == 10


@pytest.mark.parametrize(
    ("kind", "held", "said", "sentence"),
    [
        ("INTEGER", 1, "north", '"branch" is a number, and never "north"'),
        ("INTEGER", 1, "inf", "is a number, and never"),
        ("BOOLEAN", True, "perhaps", "is true or false, and never"),
    ],
)
def test_what_a_column_can_never_hold_is_refused(
    write: Write, tmp_path: Path, kind: str, held: Any, said: str, sentence: str
) -> None:
    log_of(write, kind, [held], "branch")
    with pytest.raises(LogError, match=sentence):
        counted(tmp_path, {"branch": said})
