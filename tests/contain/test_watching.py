"""Counting what the model still answered, in real log files, by the engine of the monitors (R-CON-09)."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from holdfast.contain.containment import Containment, Deed
from holdfast.contain.effect import CannotCount
from holdfast.contain.events import Usual
from holdfast.contain.watching import LogWatch
from holdfast.detect.engines.duckdb import DuckDB
from holdfast.detect.measurement import Measurement, Transition, WindowStatus
from holdfast.prepare.systems import Columns, Labels, Model, Monitor, PredictionLog, System
from holdfast.prepare.terms import COVERAGE

APPLIED = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
HOUR = timedelta(hours=1)
BROKERS = Containment(
    id="INC-1-C1",
    incident="INC-1",
    segment={"channel": ("broker",)},
    expected=timedelta(minutes=2),
    applied=Deed("ana@example.com", "Ana Reyes", APPLIED),
)


def system(log: PredictionLog | None) -> System:
    return System(
        id="loans",
        name="Loans",
        purpose="x",
        owner="ana@example.com",
        models=(Model(name="m", version="1", in_production_since=date(2026, 1, 1)),),
        data_used=("x",),
        depends_on_it=("x",),
        business_impact="x",
        compliance_risk="x",
        priority=1,
        prediction_log=log,
    )


def log(**more: Any) -> PredictionLog:
    columns = Columns(id="id", time="time", prediction="approved", positive=1)
    return PredictionLog(path="log.csv", columns=columns, **more)


def write(
    folder: Path, rows: Iterable[tuple[datetime, str | None, int | None]], key: str = "channel"
) -> None:
    with (folder / "log.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "time", key, "approved"])
        for number, (time, channel, approved) in enumerate(rows):
            said = "" if channel is None else channel
            writer.writerow([number, time.isoformat(), said, "" if approved is None else approved])


def steady(channel: str | None, start: datetime, end: datetime, every: timedelta) -> list[Any]:
    return [(start + every * i, channel, i % 2) for i in range(int((end - start) / every))]


def steady_by_people(start: datetime, end: datetime) -> list[Any]:
    return [(time, "branch", None) for time, _, _ in steady("branch", start, end, HOUR)]


def watch(folder: Path, measured: Iterable[Measurement] = ()) -> LogWatch:
    return LogWatch(folder, DuckDB, lambda system, since: measured)


class TestTraffic:
    def test_rows_of_the_scope_are_told_from_others_and_from_those_under_way(self, tmp_path: Path) -> None:
        day_before = steady("broker", APPLIED - 24 * HOUR, APPLIED, HOUR / 2)
        under_way = [(APPLIED + timedelta(seconds=30), "broker", 1)]
        disobeyed = [(APPLIED + HOUR, "Broker ", 1), (APPLIED + HOUR, None, 1)]
        others = steady("branch", APPLIED - 24 * HOUR, APPLIED + 6 * HOUR, HOUR)
        write(tmp_path, [*day_before, *under_way, *disobeyed, *others])
        found = watch(tmp_path).traffic(BROKERS, system(log()), APPLIED + 6 * HOUR)
        assert (found.since, found.until) == (APPLIED + BROKERS.expected, APPLIED + 6 * HOUR)
        assert (found.answered, found.settling, found.others) == (2, 1, 5)
        assert found.usual == Usual(answered=11, others=5, by_people=0, times=1.0), (
            "the same hours of the day before"
        )
        assert found.expected == 11

    def test_rows_that_people_decided_are_no_answers_of_the_model(self, tmp_path: Path) -> None:
        before = steady("broker", APPLIED - 24 * HOUR, APPLIED, HOUR)
        write(tmp_path, [*before, (APPLIED + HOUR, "broker", None), (APPLIED + HOUR, "branch", 1)])
        found = watch(tmp_path).traffic(BROKERS, system(log()), APPLIED + 6 * HOUR)
        assert (found.answered, found.others) == (0, 1)

    def test_while_the_model_is_off_every_answer_counts(self, tmp_path: Path) -> None:
        write(tmp_path, steady("branch", APPLIED - 24 * HOUR, APPLIED + 3 * HOUR, HOUR))
        off = replace(BROKERS, segment={})
        found = watch(tmp_path).traffic(off, system(log()), APPLIED + 3 * HOUR)
        assert (found.answered, found.others) == (2, 0)

    def test_numbers_in_the_log_are_compared_as_numbers(self, tmp_path: Path) -> None:
        rows = [
            (time, str(float(i % 2)), 1)
            for i, (time, _, _) in enumerate(steady("", APPLIED, APPLIED + 9 * HOUR, HOUR))
        ]
        write(tmp_path, rows, key="branch")
        numbered = replace(BROKERS, segment={"branch": ("1",)}, expected=timedelta())
        found = watch(tmp_path).traffic(numbered, system(log()), APPLIED + 9 * HOUR)
        assert (found.answered, found.others) == (4, 5)

    def test_only_what_the_log_can_hold_by_now_is_judged(self, tmp_path: Path) -> None:
        write(tmp_path, steady("branch", APPLIED - 24 * HOUR, APPLIED + 3 * HOUR, HOUR))
        late = log(delay=timedelta(hours=2))
        found = watch(tmp_path).traffic(BROKERS, system(late), APPLIED + 3 * HOUR)
        assert found.until == APPLIED + HOUR
        early = watch(tmp_path).traffic(BROKERS, system(late), APPLIED + HOUR)
        assert (early.until, early.answered, early.expected) == (early.since, 0, 0.0)

    def test_a_night_is_compared_with_the_night_before_and_days_with_the_whole_day_before(
        self, tmp_path: Path
    ) -> None:
        by_day = [
            steady("branch", APPLIED - n * 24 * HOUR, APPLIED - (24 * n - 8) * HOUR, HOUR) for n in (2, 1)
        ]
        write(tmp_path, [*by_day[0], *by_day[1], (APPLIED + 30 * HOUR, "branch", 1)])
        seen = watch(tmp_path)
        late = replace(BROKERS, evidence_from=APPLIED + 9 * HOUR)
        night = seen.traffic(late, system(log()), APPLIED + 20 * HOUR)
        assert night.usual == Usual(0, 0, 0, 1.0)
        again = replace(BROKERS, evidence_from=APPLIED + 23 * HOUR)
        across = seen.traffic(again, system(log()), APPLIED + 32 * HOUR)
        assert across.usual == Usual(0, 8, 0, 1.0), "before applying, not the day before itself"
        days = seen.traffic(BROKERS, system(log()), APPLIED + BROKERS.expected + 48 * HOUR)
        assert days.usual == Usual(0, 8, 0, 2.0)

    def test_where_the_log_has_no_other_rows_none_of_the_scope_are_expected(self, tmp_path: Path) -> None:
        """Whoever answers after the log ended is not in it."""
        brokers = steady("broker", APPLIED - 24 * HOUR, APPLIED, HOUR)
        write(tmp_path, [*brokers, (APPLIED + HOUR, "branch", 1)])
        found = watch(tmp_path).traffic(BROKERS, system(log()), APPLIED + 20 * HOUR)
        assert (found.reaches, found.others) == (APPLIED + HOUR, 1)
        assert (found.usual, found.expected) == (Usual(19, 0, 0, 1.0), 0.0)

    def test_rows_without_a_prediction_show_that_the_log_goes_on(self, tmp_path: Path) -> None:
        before = steady("branch", APPLIED - 24 * HOUR, APPLIED, HOUR)
        write(tmp_path, before)
        off = replace(BROKERS, segment={})
        dead = watch(tmp_path).traffic(off, system(log()), APPLIED + 6 * HOUR)
        assert (dead.answered, dead.reaches, dead.expected) == (0, dead.since, 0.0)
        write(tmp_path, [*before, (APPLIED + 6 * HOUR, "branch", None)])
        alive = watch(tmp_path).traffic(off, system(log()), APPLIED + 6 * HOUR)
        assert (alive.answered, alive.reaches) == (0, APPLIED + 6 * HOUR)
        write(tmp_path, [*before, *steady_by_people(APPLIED + HOUR, APPLIED + 6 * HOUR)])
        counted = watch(tmp_path).traffic(off, system(log()), APPLIED + 6 * HOUR)
        assert (counted.answered, counted.others, counted.by_people) == (0, 0, 5)
        assert counted.usual == Usual(5, 0, 0, 1.0)

    def test_labels_that_are_not_there_do_not_stand_in_the_way(self, tmp_path: Path) -> None:
        write(tmp_path, steady("branch", APPLIED - 24 * HOUR, APPLIED + 3 * HOUR, HOUR))
        labelled = log(labels=Labels(path="nowhere.csv", id="id", label="repaid"))
        assert watch(tmp_path).traffic(BROKERS, system(labelled), APPLIED + 3 * HOUR).others == 2

    def test_a_log_that_cannot_answer_says_why(self, tmp_path: Path) -> None:
        with pytest.raises(CannotCount, match="Loans has no prediction log"):
            watch(tmp_path).traffic(BROKERS, system(None), APPLIED + HOUR)
        with pytest.raises(CannotCount, match=r"log\.csv is not there"):
            watch(tmp_path).traffic(BROKERS, system(log()), APPLIED + HOUR)
        write(tmp_path, steady("branch", APPLIED, APPLIED + 3 * HOUR, HOUR), key="route")
        with pytest.raises(CannotCount, match='has no column "channel"'):
            watch(tmp_path).traffic(BROKERS, system(log()), APPLIED + HOUR)


def measured(
    hours: int,
    alarm: bool = False,
    status: WindowStatus = WindowStatus.MEASURED,
    group: dict[str, str] | None = None,
    known: int = 30,
) -> Measurement:
    start = APPLIED + hours * HOUR
    return Measurement(
        monitor="accuracy",
        quantity="accuracy",
        window_start=start,
        window_end=start + HOUR,
        group=group,
        value=0.8,
        lower=None,
        upper=None,
        n=400,
        labelled_share=None,
        status=status,
        alarm=alarm,
        reason="",
        as_of=APPLIED + known * HOUR,
    )


class TestWindows:
    def see(self, folder: Path, *rows: Measurement) -> list[tuple[float, bool]]:
        at = APPLIED + 40 * HOUR
        found = watch(folder, rows).windows("loans", ["accuracy"], APPLIED, at, [])
        return [((window.window_start - APPLIED) / HOUR, window.alarm) for window in found]

    def test_only_windows_that_begin_after_the_effect_count(self, tmp_path: Path) -> None:
        assert self.see(tmp_path, measured(-1, alarm=True), measured(2), measured(0)) == [
            (0, False),
            (2, False),
        ]

    def test_what_was_known_last_counts(self, tmp_path: Path) -> None:
        first, later, future = (
            measured(1, alarm=True, known=2),
            measured(1, known=9),
            measured(1, True, known=41),
        )
        assert self.see(tmp_path, later, first, future) == [(1, False)]

    def test_what_is_not_measured_yet_says_nothing(self, tmp_path: Path) -> None:
        assert (
            self.see(
                tmp_path,
                measured(1, status=WindowStatus.PENDING),
                measured(2, group={"age": "18 to 25"}),
            )
            == []
        )

    def test_an_alarm_of_one_group_counts(self, tmp_path: Path) -> None:
        assert self.see(tmp_path, measured(1, alarm=True, group={"age": "18 to 25"})) == [(1, True)]

    def test_other_monitors_do_not(self, tmp_path: Path) -> None:
        assert self.see(tmp_path, replace(measured(1), monitor="recall")) == []


def rule(**more: Any) -> Monitor:
    said = {"id": "accuracy", "name": "Accuracy", "metric": "accuracy", "window": "1h", "reason": "Because."}
    return Monitor.model_validate({**said, "tells": ["technical_lead"], "limit": {"below": 0.5}, **more})


class TestInBounds:
    """R-CON-09: of a window it is said only where its whole interval is."""

    def see(self, folder: Path, *rows: Measurement, of: Monitor | None = None) -> list[bool]:
        rules = [of or rule()]
        found = watch(folder, rows).windows("loans", ["accuracy"], APPLIED, APPLIED + 40 * HOUR, rules)
        return [window.in_bounds for window in found]

    @pytest.mark.parametrize(
        ("value", "lower", "upper", "clear"),
        [
            (0.25, 0.05, 0.7, False),
            (0.55, 0.45, 0.65, False),
            (0.8, 0.5, 0.9, True),
            (0.8, None, None, False),
            (None, None, None, False),
        ],
        ids=["beyond the limit, not certainly", "within, not certainly", "within", "no interval", "no value"],
    )
    def test_the_whole_interval_counts(
        self, tmp_path: Path, value: float | None, lower: float | None, upper: float | None, clear: bool
    ) -> None:
        seen = replace(measured(1), value=value, lower=lower, upper=upper)
        assert self.see(tmp_path, seen) == [clear]

    def test_a_group_beyond_the_limit_is_not_hidden_by_everybody(self, tmp_path: Path) -> None:
        good = replace(measured(1), lower=0.7, upper=0.9)
        bad = replace(measured(1, group={"age": "18 to 25"}), value=0.3, lower=0.1, upper=0.6)
        assert self.see(tmp_path, good, bad) == [False]
        assert self.see(tmp_path, good, replace(bad, n=4)) == [True], "too small to judge"

    def test_what_a_monitor_without_a_limit_says_counts_where_it_was_judged_to_be_back(
        self, tmp_path: Path
    ) -> None:
        relative = rule(limit=None, relative={"down": 0.2, "against": "previous"})
        good = replace(measured(1), lower=0.7, upper=0.9)
        assert self.see(tmp_path, good, of=relative) == [False]
        assert self.see(tmp_path, replace(good, transition=Transition.RECOVERS), of=relative) == [True]

    def test_a_monitor_that_is_no_longer_in_the_file_and_the_coverage_of_groups_say_nothing(
        self, tmp_path: Path
    ) -> None:
        good = replace(measured(1), lower=0.7, upper=0.9)
        assert self.see(tmp_path, good, of=rule(id="other")) == [False]
        assert self.see(tmp_path, replace(good, quantity=COVERAGE)) == []
