"""R-DET-01 to R-DET-05, R-DET-09: a system's monitors over a log, labels late, runs repeated."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from holdfast.detect.backtest import backtest
from holdfast.detect.engines.duckdb import DuckDB
from holdfast.detect.log import open_log
from holdfast.detect.measurement import Measurement, Transition, WindowStatus
from holdfast.detect.monitors import State, evaluate, monitors_of
from holdfast.detect.plan import scan_id
from holdfast.detect.tables import LogError
from holdfast.prepare.systems import System

from .conftest import at, system_with

TYPES = {
    "id": "BIGINT",
    "time": "TIMESTAMP",
    "income": "DOUBLE",
    "region": "VARCHAR",
    "sex": "VARCHAR",
    "clicked": "BOOLEAN",
    "said": "INTEGER",
    "score": "DOUBLE",
}
LABELS = {"id": "BIGINT", "truth": "INTEGER", "came": "TIMESTAMP"}
LOG: dict[str, Any] = {
    "path": "log.parquet",
    "columns": {
        "id": "id",
        "time": "time",
        "prediction": "said",
        "score": "score",
        "features": ["income", "region"],
    },
    "labels": {"path": "labels.parquet", "id": "id", "label": "truth", "arrived": "came"},
}
REFERENCE = {"path": "reference.parquet"}

Row = dict[str, Any]


class Loans:
    """Writes a log of loans and its labels, day by day, and runs monitors over it."""

    def __init__(self, folder: Path, write: Callable[..., Path], engine: DuckDB) -> None:
        self.folder, self.write, self.engine = folder, write, engine
        self.rows: list[Row] = []
        self.labels: list[Row] = []
        self.random = np.random.default_rng(77)

    def day(self, day: int, n: int = 200, right: float = 0.9, late: float = 0.0, **columns: Any) -> None:
        """A day of `n` predictions of which a share turns out right, `late` days after being made."""
        hits = round(n * right)
        order = self.random.permutation(n)
        for place in range(n):
            positive = place % 2
            correct = order[place] < hits
            time = at(day) + timedelta(seconds=86_400 * place // n)
            row: Row = {
                "id": len(self.rows),
                "time": time.replace(tzinfo=None),
                "income": float(self.random.normal(50, 10)),
                "region": "north" if place % 3 else "south",
                "sex": "fm"[place // 2 % 2],
                "clicked": bool(place % 5 == 0),
                "said": positive,
                "score": 0.9 if positive else 0.1,
            }
            row |= {name: made(place) if callable(made) else made for name, made in columns.items()}
            self.rows.append(row)
            truth = row["said"] if correct else 1 - row["said"]
            came = time + timedelta(days=late)
            self.labels.append({"id": row["id"], "truth": truth, "came": came.replace(tzinfo=None)})

    def save(self, reference: bool = False) -> None:
        if reference:
            known = {row["id"]: row["truth"] for row in self.labels}
            rows = [{**row, "truth": known[row["id"]]} for row in self.rows]
            self.write("reference.parquet", {**TYPES, "truth": "INTEGER"}, rows)
            self.rows, self.labels = [], []
        else:
            self.write("log.parquet", TYPES, self.rows)
            self.write("labels.parquet", LABELS, self.labels)

    def system(self, *monitors: Row, **log: Any) -> System:
        return system_with({**LOG, **log}, *monitors)

    def run(
        self, system: System, now: datetime, state: State | None = None
    ) -> tuple[list[Measurement], State]:
        assert system.prediction_log is not None
        log = open_log(system.prediction_log, self.folder, self.engine)
        done = evaluate(system, log, self.engine, now, state)
        return done.measurements, done.state

    def replay(self, system: System) -> list[Measurement]:
        assert system.prediction_log is not None
        log = open_log(system.prediction_log, self.folder, self.engine)
        return backtest(system, log, self.engine)


@pytest.fixture
def loans(tmp_path: Path, write: Callable[..., Path], engine: DuckDB) -> Loans:
    return Loans(tmp_path, write, engine)


def daily(metric: str, **more: Any) -> Row:
    return {"id": metric, "metric": metric, "window": "1d", **more}


ACCURACY = daily("accuracy", limit={"below": 0.85})


# Late labels (R-DET-02)


def test_a_window_is_estimated_until_its_labels_are_mature_and_then_measured(loans: Loans) -> None:
    """R-DET-02/waits."""
    loans.day(2, late=3)
    loans.save()
    system = loans.system({**ACCURACY, "maturity": {"share": "90%"}})
    (first,), state = loans.run(system, at(3))
    assert first.status is WindowStatus.ESTIMATED
    assert first.value == pytest.approx(0.9, abs=0.01)
    assert first.labelled_share == 0
    assert not first.alarm
    assert "is an estimate until 90% labelled" in first.reason
    again, state = loans.run(system, at(4), state)
    assert again == []
    (second,), state = loans.run(system, at(5, 23.5), state)
    assert (second.status, second.n) == (WindowStatus.MEASURED, 196)
    assert second.labelled_share == pytest.approx(0.98)
    (third,), state = loans.run(system, at(7), state)
    assert (third.value, third.n, third.labelled_share) == (0.9, 200, 1.0)
    assert third.as_of == at(7)
    assert loans.run(system, at(9), state)[0] == []


def test_without_scores_a_window_is_pending_and_says_how_much_is_labelled(loans: Loans) -> None:
    """R-DET-02/share."""
    loans.day(2, n=100, late=1)
    loans.save()
    columns = {**LOG["columns"]}
    del columns["score"]
    (found,), _ = loans.run(loans.system(ACCURACY, columns=columns), at(3, 12))
    assert (found.status, found.value, found.n) == (WindowStatus.PENDING, None, 51)
    assert found.reason == "Accuracy is pending: 51% of the window is labelled; judged once 90% labelled."


def test_a_bad_estimate_raises_no_alarm_unless_that_is_asked_for(loans: Loans) -> None:
    loans.day(2, late=5, score=lambda place: 0.6 if place % 2 else 0.4)
    loans.save()
    (quiet,), _ = loans.run(loans.system(ACCURACY), at(3))
    (loud,), _ = loans.run(loans.system({**ACCURACY, "estimate_alarms": True}), at(3))
    assert (quiet.status, loud.status) == (WindowStatus.ESTIMATED, WindowStatus.ESTIMATED)
    assert quiet.value == loud.value == pytest.approx(0.6, abs=0.01)
    assert (quiet.alarm, loud.alarm) == (False, True)


def test_one_class_is_judged_once_the_window_is_mature(loans: Loans) -> None:
    """R-DET-02: only missing labels hold a rate back; an area between two classes needs both."""
    loans.day(2, right=0.0, said=1, n=50)
    loans.save()
    metrics = ["accuracy", "precision", "f1", "recall", "auc"]
    found, _ = loans.run(loans.system(*(daily(metric, limit={"below": 0.5}) for metric in metrics)), at(3))
    told = {m.monitor: m for m in found}
    assert all((told[metric].value, told[metric].alarm) == (0.0, True) for metric in metrics[:3])
    assert "nothing is labelled positive" in told["recall"].reason
    assert "until both classes are known" in told["auc"].reason


def test_maturity_may_also_wait_for_days(loans: Loans) -> None:
    loans.day(2)
    loans.save()
    system = loans.system({**ACCURACY, "maturity": {"after": "2d"}})
    (early,), state = loans.run(system, at(4, 23))
    (later,), _ = loans.run(system, at(5), state)
    assert (early.status, later.status) == (WindowStatus.ESTIMATED, WindowStatus.MEASURED)


def test_labels_that_never_come_are_not_waited_for_for_ever(loans: Loans) -> None:
    loans.day(2, late=100)
    loans.save()
    system = loans.system(ACCURACY, labels={**LOG["labels"], "within": "10d"})
    scan = scan_id(timedelta(days=1), (), labelled=True)
    _, state = loans.run(system, at(12, 23))
    assert state.since[scan] == at(2)
    _, state = loans.run(system, at(13), state)
    assert state.since[scan] == at(3)


# Rules


def test_an_alert_opens_goes_on_and_closes_with_hysteresis(loans: Loans) -> None:
    """R-DET-09/hysteresis."""
    for day, right in enumerate([0.92, 0.7, 0.7, 0.92, 0.92, 0.7, 0.92, 0.92, 0.92], start=2):
        loans.day(day, right=right)
    loans.save()
    found, state = loans.run(loans.system({**ACCURACY, "close_after": 3}), at(11))
    opens, joins, recovers, closes = Transition
    assert [m.alarm for m in found] == [False, True, True, False, False, True, False, False, False]
    assert [m.transition for m in found] == [
        None, opens, joins, recovers, recovers, joins, recovers, recovers, closes,
    ]  # fmt: skip
    assert not state.series


def test_day_by_day_a_monitor_says_what_it_says_of_the_whole_log(loans: Loans) -> None:
    """State goes through JSON between runs; nothing is judged twice, nothing is forgotten."""
    for day in range(2, 16):
        loans.day(day, right=0.7 if 7 <= day < 10 else 0.9, late=1.5)
    loans.save()
    system = loans.system(
        {**ACCURACY, "group_by": ["sex"]},
        {**ACCURACY, "id": "e", "e_detector": {"baseline": 0.88, "arl": 500}},
        daily("auc", limit={"below": 0.8}, relative={"down": "5%", "against": "previous"}),
        daily("f1", relative={"down": "8%", "against": "3d"}),
        daily("volume", limit={"below": 100}),
    )
    state: State | None = None
    told: dict[tuple[str, datetime], Measurement] = {}
    order = []
    for day in range(3, 20):
        found, state = loans.run(system, at(day), state)
        state = State.from_json(state.as_json())
        for m in found:
            if m.transition is not None and m.window_start < at(16):  # later the log has stopped
                order.append((m.series, m.window_start, m.transition))
            told[m.series, m.window_start] = m
    replayed = loans.replay(system)
    for m in replayed:
        live = told[m.series, m.window_start]
        if m.labelled_share in (None, 1.0):
            assert (live.value, live.n, live.alarm) == (m.value, m.n, m.alarm), m
        assert live.alarm == m.alarm
    assert [(m.series, m.window_start, m.transition) for m in replayed if m.transition] == order
    assert any(m.alarm for m in replayed if m.monitor == "e")
    assert any(m.alarm for m in replayed if m.monitor == "f1")


def test_a_week_is_compared_only_with_a_complete_week(loans: Loans) -> None:
    """R-DET-01/relative: 20% down week over week."""
    for day in range(2, 17):
        if day != 12:
            loans.day(day, n=300, clicked=lambda place, worse=day >= 9: place % (10 if worse else 5) == 0)
    loans.save()
    clicks = daily("rate", column="clicked", relative={"down": "20%", "against": "7d"}, min_n=10)
    found, _ = loans.run(loans.system(clicks), at(17))
    by_day = {m.window_start.day: m for m in found}
    # A day without rows is a complete day.
    assert by_day[15].alarm
    assert "against the 7 days before" in by_day[15].reason
    assert "n 1,800" in by_day[15].reason
    # Days 2 to 8 against 9 to 15; before that, a week reaches back to where the log began.
    assert "not complete" in by_day[14].reason


def test_a_change_against_the_reference_counts_from_there(loans: Loans) -> None:
    loans.day(1, n=2000, right=0.95)
    loans.save(reference=True)
    loans.day(2, n=500, right=0.93)
    loans.day(3, n=500, right=0.80)
    loans.save()
    system = loans.system(
        daily("accuracy", relative={"down": "10%", "against": "reference"}), reference=REFERENCE
    )
    found, _ = loans.run(system, at(4))
    assert [m.alarm for m in found] == [False, True]
    assert all(m.detail["reference"] == pytest.approx(0.95) for m in found)


def test_the_e_detector_takes_a_cautious_baseline_from_the_reference(loans: Loans) -> None:
    loans.day(1, n=500, right=0.9)
    loans.save(reference=True)
    for day in range(2, 8):
        loans.day(day, right=0.90 if day < 5 else 0.78)
    loans.save()
    system = loans.system(daily("accuracy", e_detector={}), reference=REFERENCE)
    found, _ = loans.run(system, at(8))
    assert [m.alarm for m in found[:3]] == [False] * 3
    assert any(m.alarm for m in found[3:])
    assert "0.8706 is expected at least" in found[0].reason


# Sizes (R-DET-09)


def test_too_few_rows_are_shown_and_not_judged(loans: Loans) -> None:
    """R-DET-09/samples."""
    loans.day(2, n=20, right=0.1)
    loans.save()
    (found,), _ = loans.run(loans.system(ACCURACY), at(3))
    assert (found.status, found.value, found.alarm) == (WindowStatus.MEASURED, 0.1, False)
    assert "20 rows, and 30 are needed" in found.reason


def test_small_groups_are_shown_and_not_judged(loans: Loans) -> None:
    """R-DET-05/small, R-DET-05/performance."""
    loans.day(2, n=400, right=0.5, sex=lambda place: "x" if place < 20 else "fm"[place // 2 % 2])
    loans.save()
    found, _ = loans.run(loans.system({**ACCURACY, "group_by": ["sex"]}), at(3))
    by_sex = {m.group["sex"] if m.group else None: m for m in found}
    assert set(by_sex) == {None, "f", "m", "x"}
    assert by_sex["f"].alarm
    assert not by_sex["x"].alarm
    assert "the group has 20 rows, and 100 are needed" in by_sex["x"].reason
    assert by_sex[None].n == sum(m.n for sex, m in by_sex.items() if sex)


def test_parity_is_judged_between_large_groups_and_shown_for_all(loans: Loans) -> None:
    """R-DET-05."""
    loans.day(
        2,
        n=1000,
        sex=lambda place: "x" if place < 50 else "fm"[place // 2 % 2],
        said=lambda place: int(place % 10 < (7 if place // 2 % 2 else 4)),
    )
    loans.save()
    monitor = {"group_by": ["sex"], "window": "1d"}
    found, _ = loans.run(
        loans.system(
            {"id": "gap", "metric": "demographic_parity_difference", "limit": {"above": 0.1}, **monitor},
            {"id": "ratio", "metric": "demographic_parity_ratio", "limit": {"below": 0.8}, **monitor},
            {"id": "odds", "metric": "equalised_odds", "limit": {"above": 0.1}, **monitor},
        ),
        at(3),
    )
    told = {(m.monitor, m.quantity, m.group["sex"] if m.group else None): m for m in found}
    gap = told["gap", "demographic_parity_difference", None]
    rates = [told["gap", "selection_rate", sex].value or 0 for sex in "fm"]
    assert gap.value == pytest.approx(abs(rates[0] - rates[1]))
    assert gap.alarm
    ratio = told["ratio", "demographic_parity_ratio", None]
    assert ratio.value == pytest.approx(min(rates) / max(rates))
    assert ratio.alarm
    assert not any(m.alarm for key, m in told.items() if key[2] is not None)
    assert told["gap", "selection_rate", "x"].value is not None
    assert {quantity for monitor, quantity, _ in told if monitor == "odds"} == {
        "equalised_odds",
        "true_positive_rate",
        "false_positive_rate",
    }


# Data quality and drift (R-DET-03)


def test_missing_and_unseen_values_are_shares_of_what_they_should_be(loans: Loans) -> None:
    """R-DET-03/missing, R-DET-03/unseen."""
    loans.day(1, n=500)
    loans.save(reference=True)
    loans.day(2, income=lambda place: None if place % 4 == 0 else float("nan") if place % 4 == 1 else 1.0)
    loans.day(3, region=lambda place: "mars" if place % 5 == 0 else None if place % 5 == 1 else "north")
    loans.save()
    system = loans.system(
        {
            "id": "missing",
            "metric": "missing",
            "columns": "features",
            "window": "1d",
            "limit": {"above": 0.1},
        },
        {"id": "unseen", "metric": "unseen", "columns": "features", "window": "1d", "limit": {"above": 0.02}},
        reference=REFERENCE,
    )
    found, _ = loans.run(system, at(4))
    told = {(m.monitor, m.window_start.day): (m.value, m.alarm) for m in found}
    assert told["missing.income", 2] == (0.5, True)
    assert told["missing.income", 3] == (0.0, False)
    assert told["missing.region", 3] == (0.2, True)
    assert told["unseen.region", 2] == (0.0, False)
    assert told["unseen.region", 3] == (0.25, True)
    assert {m.monitor for m in found} == {"missing.income", "missing.region", "unseen.region"}


@pytest.mark.parametrize("method", ["psi", "ks", "jensen_shannon", "wasserstein"])
def test_drift_is_seen_in_the_window_in_which_it_happens(loans: Loans, method: str) -> None:
    """R-DET-03/distribution."""
    loans.day(1, n=3000)
    loans.save(reference=True)
    for day in (2, 3):
        loans.day(
            day, n=800, income=lambda place, shift=15 * (day == 3): 35 + (place * 7919 % 800) / 26 + shift
        )
    loans.day(4, n=800)
    loans.save()
    monitor = {"metric": "drift", "window": "1d", "method": method, "limit": {"above": 0.15}}
    system = loans.system({"id": "drift", "column": "income", **monitor}, reference=REFERENCE)
    found, _ = loans.run(system, at(5))
    assert [m.alarm for m in found] == [False, True, False]


def test_a_period_of_the_log_can_be_the_reference(loans: Loans) -> None:
    for day in (2, 3):
        loans.day(day, n=500)
    loans.day(4, n=500, region=lambda place: "south" if place % 3 else "north")
    loans.save()
    system = loans.system(
        {"id": "drift", "metric": "drift", "column": "region", "window": "1d", "limit": {"above": 0.2}},
        reference={"from": "2026-11-02", "to": "2026-11-04"},
    )
    found, _ = loans.run(system, at(5))
    assert [m.alarm for m in found] == [False, False, True]


def test_the_frozen_reference_does_not_move_with_the_log(loans: Loans) -> None:
    loans.day(1, n=1000)
    loans.save(reference=True)
    loans.day(2, n=500)
    loans.save()
    monitor = {"id": "drift", "metric": "drift", "column": "income", "window": "1d", "limit": {"above": 0.2}}
    system = loans.system(monitor, reference=REFERENCE)
    _, state = loans.run(system, at(3))
    # The reference's file is overwritten by something else: what was frozen still stands.
    rows = loans.rows, loans.labels
    loans.rows, loans.labels = [], []
    loans.day(1, n=1000, income=9000.0)
    loans.save(reference=True)
    loans.rows, loans.labels = rows
    loans.day(3, n=500)
    loans.save()
    (found,), after = loans.run(system, at(4), state)
    assert not found.alarm
    assert after.frozen == state.frozen


def test_a_log_that_stops_is_noticed_by_its_volume(loans: Loans) -> None:
    """R-DET-03/stale, R-DET-06/throughput."""
    loans.day(2)
    loans.day(3)
    loans.save()
    system = loans.system(daily("volume", limit={"below": 50}, min_n=1), ACCURACY)
    _, state = loans.run(system, at(4))
    found, _ = loans.run(system, at(6), state)
    assert [(m.monitor, m.value, m.alarm) for m in found] == [("volume", 0.0, True), ("volume", 0.0, True)]


def test_a_day_without_rows_is_a_day(loans: Loans) -> None:
    loans.day(2)
    loans.day(4)
    loans.save()
    system = loans.system(daily("volume", limit={"below": 50}), ACCURACY)
    found, _ = loans.run(system, at(5))
    told = {(m.monitor, m.window_start.day): m for m in found}
    assert told["volume", 3].alarm
    assert told["accuracy", 3].status is WindowStatus.NOT_COMPUTABLE


def test_a_window_in_which_the_log_begins_says_nothing_of_volume(loans: Loans) -> None:
    loans.day(2, time=lambda place: at(2, 18 + place / 100).replace(tzinfo=None))
    loans.day(3)
    loans.save()
    found, _ = loans.run(loans.system(daily("volume", limit={"below": 50})), at(4))
    assert [m.status for m in found] == [WindowStatus.NOT_COMPUTABLE, WindowStatus.MEASURED]


def test_rows_written_late_are_waited_for(loans: Loans) -> None:
    loans.day(2)
    loans.save()
    system = loans.system(ACCURACY, delay="6h")
    assert loans.run(system, at(3, 5))[0] == []
    assert len(loans.run(system, at(3, 6))[0]) == 1


# What cannot be done is said


@pytest.mark.parametrize(
    ("monitor", "sentence"),
    [
        (daily("missing", column="incme", limit={"above": 0.1}), 'no column "incme"'),
        (daily("mean", column="region", limit={"above": 0.1}), "a mean needs numbers"),
        (daily("rate", column="region", limit={"above": 0.1}), "a rate needs true or false"),
        (daily("drift", column="region", method="ks", limit={"above": 0.1}), "ks needs numbers"),
        (daily("drift", column="time", limit={"above": 0.1}), "no distribution to compare"),
        ({**ACCURACY, "group_by": ["gender"]}, 'no column "gender"'),
        ({**ACCURACY, "group_by": ["id"]}, "groups; at most 200 are compared"),
    ],
)
def test_a_monitor_that_its_log_cannot_serve_says_why(loans: Loans, monitor: Row, sentence: str) -> None:
    loans.day(1, n=500)
    loans.save(reference=True)
    loans.day(2, n=500)
    loans.save()
    with pytest.raises(LogError, match=sentence):
        loans.run(loans.system(monitor, reference=REFERENCE), at(3))


def test_a_reference_that_lacks_what_a_monitor_needs_is_named(loans: Loans) -> None:
    loans.day(1)
    loans.write("reference.parquet", TYPES, loans.rows)
    loans.save()
    system = loans.system(daily("accuracy", e_detector={}), reference=REFERENCE)
    with pytest.raises(LogError, match="monitor accuracy compares with the reference"):
        loans.run(system, at(3))


def test_measurements_are_plain_json_with_the_agreed_keys(loans: Loans) -> None:
    loans.day(2)
    loans.save()
    (found,), _ = loans.run(loans.system(ACCURACY), at(3))
    line = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    agreed = "monitor window_start window_end group value lower upper n labelled_share status alarm reason"
    assert set(agreed.split()) <= set(line)
    assert line["window_start"] == "2026-11-02T00:00:00.000000Z"


def test_monitors_over_many_columns_become_one_for_each(loans: Loans) -> None:
    loans.day(2)
    loans.save()
    system = loans.system(daily("missing", columns=["income", "sex"], limit={"above": 0.1}))
    assert system.prediction_log is not None
    log = open_log(system.prediction_log, loans.folder, loans.engine)
    found = monitors_of(system, log, loans.engine).monitors
    assert [(m.id, m.column) for m in found] == [("missing.income", "income"), ("missing.sex", "sex")]
