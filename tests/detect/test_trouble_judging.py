"""R-DET-01 to R-DET-05, R-DET-09: inputs on which a judgement once went wrong, with the right values.

Those of the shared set are read through `shared_data`; beside each stands a small one that makes its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance
from scipy.stats.contingency import relative_risk

from holdfast.detect.backtest import backtest
from holdfast.detect.engines.duckdb import DuckDB
from holdfast.detect.log import open_log
from holdfast.detect.measurement import Measurement, Transition, WindowStatus
from holdfast.detect.monitors import Evaluation, State, evaluate
from holdfast.metrics import drift, intervals
from holdfast.metrics.intervals import Value
from holdfast.prepare.documents import Unusable, read_document, understand
from holdfast.prepare.systems import System

from .conftest import at, system_with


class Case:
    """A system of the trouble set, or one made here, and the ways to ask its monitors."""

    def __init__(self, system: System, base: Path, engine: DuckDB) -> None:
        self.system, self.base, self.engine = system, base, engine

    @property
    def _log(self) -> Any:
        assert self.system.prediction_log is not None
        return open_log(self.system.prediction_log, self.base, self.engine)

    def backtest(self) -> list[Measurement]:
        return backtest(self.system, self._log, self.engine)

    def run(self, now: datetime, state: State | None = None) -> Evaluation:
        done = evaluate(self.system, self._log, self.engine, now, state)
        return replace(done, state=State.from_json(done.state.as_json()))

    def daily(self, first: datetime, last: datetime) -> dict[tuple[str, datetime], Measurement]:
        """What is on record after a run each day."""
        state, told = None, {}
        while first <= last:
            done = self.run(first, state)
            state = done.state
            told |= {(one.series, one.window_start): one for one in done.measurements}
            first += timedelta(days=1)
        return told


@pytest.fixture
def trouble(shared_data: Path, engine: DuckDB) -> Callable[[str], Case]:
    def read(name: str) -> Case:
        path = shared_data / "trouble" / f"{name}.yaml"
        return Case(understand(read_document(path.parent, path), System), path.parent, engine)

    return read


@pytest.fixture
def case(tmp_path: Path, write: Callable[..., Path], engine: DuckDB) -> Callable[..., Case]:
    """A log made of rows, with monitors."""

    def made(
        types: dict[str, str], rows: list[dict[str, Any]], *monitors: dict[str, Any], **log: Any
    ) -> Case:
        write("log.parquet", {"id": "BIGINT", "time": "TIMESTAMP", **types}, rows)
        roles = {"id": "id", "time": "time", **log.pop("columns", {})}
        return Case(
            system_with({"path": "log.parquet", "columns": roles, **log}, *monitors), tmp_path, engine
        )

    return made


def rows_of(day: int, n: int, start: int = 0, **columns: Callable[[int], Any]) -> list[dict[str, Any]]:
    return [
        {
            "id": start + place,
            "time": (at(day) + timedelta(seconds=86_000 * place // n)).replace(tzinfo=None),
            **{name: make(place) for name, make in columns.items()},
        }
        for place in range(n)
    ]


def only(measurements: list[Measurement], monitor: str, quantity: str | None = None) -> Measurement:
    found = [m for m in measurements if m.monitor == monitor and m.group is None]
    (one,) = [m for m in found if quantity is None or m.quantity == quantity]
    return one


# One class


@pytest.mark.parametrize("name", ["min/d2", "accuracy_zero_one_class/system"])
def test_all_wrong_is_an_accuracy_of_nothing_and_an_alarm(trouble: Callable[[str], Case], name: str) -> None:
    found = trouble(name).backtest()
    assert [(m.status, m.value, m.alarm) for m in found] == [(WindowStatus.MEASURED, 0.0, True)] * 2


# Groups in which nobody is selected


@pytest.mark.parametrize("name", ["min/d6", "parity_two_zero_groups/system", "parity_one_zero_group/system"])
def test_groups_in_which_nobody_is_selected_are_a_ratio_of_nothing(
    trouble: Callable[[str], Case], name: str
) -> None:
    found = [m for m in trouble(name).backtest() if m.quantity == "demographic_parity_ratio"]
    assert [(m.value, m.alarm) for m in found] == [(0.0, True)]


def test_a_group_without_positives_does_not_hide_a_gap(trouble: Callable[[str], Case]) -> None:
    found = only(trouble("min/d6b").backtest(), "eo")
    # Of true positives 0.5 and 0.1, of false positives 0.5 and 0.067.
    assert (found.value, found.alarm) == (pytest.approx(0.4333, abs=1e-4), True)
    assert "is at least 0.4333" in found.reason
    assert "It is a lower bound: grp=c has no true positive rate" in found.reason


def test_a_group_left_out_is_named_and_nothing_is_called_within(trouble: Callable[[str], Case]) -> None:
    found = only(trouble("min/d6c").backtest(), "dp")
    assert "is 0.202 with those left out" in found.reason
    assert "Left out, because 100 rows are needed: grp=b (n 99)." in found.reason


def test_rows_of_nobody_are_coverage_and_no_group(trouble: Callable[[str], Case]) -> None:
    found = trouble("min/d6d").backtest()
    ratio = only(found, "dp", "demographic_parity_ratio")
    assert (ratio.value, ratio.alarm) == (pytest.approx(0.98), False)
    coverage = only(found, "dp", "coverage")
    assert coverage.value == pytest.approx(2 / 3)
    assert "500 rows" in coverage.reason


RATIO = {
    "id": "ratio",
    "metric": "demographic_parity_ratio",
    "group_by": ["sex"],
    "window": "1d",
    "limit": {"below": 0.8},
}
GROUPED = {"said": "INTEGER", "sex": "VARCHAR"}


def test_the_reason_names_the_worst_group_its_rate_and_how_it_moved(case: Callable[..., Case]) -> None:
    """R-DET-05."""
    before = rows_of(2, 400, 0, said=lambda place: place // 2 % 2, sex=lambda place: "fm"[place % 2])
    after = rows_of(
        3,
        400,
        400,
        said=lambda place: int(place % 2 == 1 and place % 4 == 1),
        sex=lambda place: "fm"[place % 2],
    )
    found = case(GROUPED, before + after, RATIO, columns={"prediction": "said"}).backtest()
    second = [m for m in found if m.quantity == "demographic_parity_ratio"][1]
    assert second.alarm
    assert "lowest for sex=f with 0 (n 200), down from 0.5 in the window before" in second.reason
    assert "highest for sex=m with 0.5 (n 200), as in the window before" in second.reason


def test_a_group_that_is_gone_is_named(case: Callable[..., Case]) -> None:
    before = rows_of(2, 300, 0, said=lambda place: place // 3 % 2, sex=lambda place: "fmx"[place % 3])
    after = rows_of(3, 300, 300, said=lambda place: place // 2 % 2, sex=lambda place: "mx"[place % 2])
    one = case(GROUPED, before + after, RATIO, columns={"prediction": "said"})
    second = [m for m in one.backtest() if m.quantity == "demographic_parity_ratio"][1]
    assert "Left out, because 100 rows are needed: sex=f (n 0)." in second.reason
    # Day by day the same is said: the window before is remembered. That the log ends, only a replay says.
    told = one.daily(at(3), at(5))
    assert told["ratio||demographic_parity_ratio", at(3)].reason == second.reason.partition(" This window")[0]


def test_an_alert_does_not_close_because_the_harmed_group_shrank(case: Callable[..., Case]) -> None:
    def selected(place: int) -> int:
        return int(place % 10 < (1 if place % 2 == 0 else 6))

    rows = rows_of(2, 400, 0, said=selected, sex=lambda place: "fm"[place % 2])
    for day in (3, 4, 5, 6):
        rows += rows_of(
            day,
            300,
            1000 * day,
            said=selected,
            sex=lambda place: "f" if place % 2 == 0 and place < 180 else "m",
        )
    found = case(GROUPED, rows, RATIO, columns={"prediction": "said"}).backtest()
    ratio = [m for m in found if m.quantity == "demographic_parity_ratio"]
    assert ratio[0].transition is Transition.OPENS
    assert not any(m.transition in (Transition.RECOVERS, Transition.CLOSES) for m in ratio)


def test_coverage_is_judged_where_the_monitor_says_so(case: Callable[..., Case]) -> None:
    rows = rows_of(2, 600, said=lambda place: place // 3 % 2, sex=lambda place: ("f", "m", None)[place % 3])
    monitor = {**RATIO, "min_coverage": "90%"}
    found = case(GROUPED, rows, monitor, columns={"prediction": "said"}).backtest()
    assert not only(found, "ratio", "demographic_parity_ratio").alarm
    coverage = only(found, "ratio", "coverage")
    assert coverage.alarm
    assert "lies under the limit 0.9" in coverage.reason


# Windows and periods


def test_a_week_with_an_empty_day_is_a_complete_week(trouble: Callable[[str], Case]) -> None:
    """R-DET-03. The set's README asks for ten alarms as in its control. Nine is right: on the tenth day 60 of
    600 stand against 100 of 600, where the control has 70 of 700 against 150 of 700, and only the control's
    interval excludes a fall of 20%. scipy says the same of both, by another formula (Katz)."""
    with_gaps, control = (trouble(name).backtest() for name in ("min/d1", "min/d1c"))
    days = [f"{day}" for day in range(21, 30)]
    assert [f"{m.window_start:%d}" for m in with_gaps if m.alarm] == days
    assert [f"{m.window_start:%d}" for m in control if m.alarm] == [*days, "30"]
    assert relative_risk(60, 600, 100, 600).confidence_interval(0.95).high > 0.8
    assert relative_risk(70, 700, 150, 700).confidence_interval(0.95).high < 0.8


def test_a_window_without_rows_says_one_thing_and_is_no_alarm_of_a_value_that_is_not_known(
    trouble: Callable[[str], Case], case: Callable[..., Case]
) -> None:
    """R-DET-02, R-DET-05: under every rule, and of every metric but volume, which is a count of nothing."""
    empty = [m for m in trouble("min/d1").backtest() if m.n == 0]
    nothing = "Selection rate is not computable: no rows arrived in this window."
    assert empty[0].reason == nothing
    assert {(m.status, m.value, m.reason[: len(nothing)]) for m in empty} == {
        (WindowStatus.NOT_COMPUTABLE, None, nothing)
    }
    (weekly,) = [m for m in empty if m.alarm]
    assert (weekly.detail["period"], weekly.detail["period_n"]) == (0.1, 600), "the week's, which is known"
    assert "over 19 Oct 2026, 00:00 UTC to 26 Oct 2026, 00:00 UTC, 0.1" in weekly.reason
    rows = [
        row
        for day in (2, 4)
        for row in rows_of(day, 300, 1000 * day, x=lambda _: 1.0, said=lambda _: 1, truth=lambda _: 0)
    ]
    types = {"x": "DOUBLE", "said": "INTEGER", "truth": "INTEGER"}
    monitors: list[dict[str, Any]] = [
        {"id": "mean", "metric": "mean", "column": "x", "window": "1d", "limit": {"above": 5}},
        {"id": "missing", "metric": "missing", "column": "x", "window": "1d", "limit": {"above": 0.1}},
        {"id": "accuracy", "metric": "accuracy", "window": "1d", "limit": {"below": 0.8}},
        {
            "id": "chosen",
            "metric": "selection_rate",
            "window": "1d",
            "relative": {"down": "1%", "against": "1d"},
        },
        {"id": "volume", "metric": "volume", "window": "1d", "limit": {"below": 100}},
    ]
    roles = {"prediction": "said", "label": "truth"}
    done = case(types, rows, *monitors, columns=roles).run(at(5))
    found = {m.monitor: m for m in done.measurements if m.window_start == at(3)}
    assert set(found) == {str(one["id"]) for one in monitors}
    counted = found.pop("volume")
    assert (counted.status, counted.value, counted.alarm) == (WindowStatus.MEASURED, 0.0, True)
    for m in found.values():
        assert (m.status, m.value, m.n, m.alarm) == (WindowStatus.NOT_COMPUTABLE, None, 0, False)
        assert m.reason.endswith("is not computable: no rows arrived in this window.")


def test_value_change_and_interval_of_a_sentence_are_of_one_period(trouble: Callable[[str], Case]) -> None:
    alarms = [m for m in trouble("min/d15").backtest() if m.alarm]
    assert len(alarms) == 2
    first = alarms[0]
    assert first.reason.startswith(
        "Selection rate over 28 Sep 2026, 00:00 UTC to 5 Oct 2026, 00:00 UTC, 0.1714 (95% interval"
    )
    assert "n 700" in first.reason
    assert (first.detail["period"], first.detail["period_n"]) == (pytest.approx(0.1714, abs=1e-4), 700)


def test_a_log_that_falls_silent_is_measured_once(trouble: Callable[[str], Case]) -> None:
    one = trouble("min/d3")
    now, state, counts, opened = datetime(2026, 10, 12, tzinfo=UTC), None, [], 0
    for _ in range(5):
        done = one.run(now, state)
        state = done.state
        counts.append(len(done.measurements))
        opened += sum(m.transition is Transition.OPENS for m in done.measurements)
        now += timedelta(days=1)
    assert (counts, opened) == ([5, 0, 0, 0, 0], 1)


# Rows that come late


SAID = {"said": "INTEGER"}
MEAN = {"id": "mean", "metric": "mean", "column": "x", "window": "1d", "limit": {"above": 5}}


@pytest.mark.parametrize("days_late", [1, 40])
def test_rows_that_come_late_are_measured_and_told(case: Callable[..., Case], days_late: int) -> None:
    early = [row for day in range(2, 5) for row in rows_of(day, 400, 1000 * day, x=lambda _: 1.0)]
    one = case({"x": "DOUBLE"}, early, MEAN)
    first = one.run(at(5))
    assert {m.value for m in first.measurements} == {1.0}
    again = one.run(at(5) + timedelta(days=days_late), first.state)
    assert (again.measurements, again.late) == ([], ())
    one = case({"x": "DOUBLE"}, early + rows_of(3, 4000, 9000, x=lambda _: 9.0), MEAN)
    late = one.run(at(5) + timedelta(days=days_late), again.state)
    (told,) = late.late
    assert (told.window_start, told.rows, told.monitors, told.changed) == (at(3), 4000, ("mean",), ("mean",))
    assert told.said == (
        "4,000 rows came to the window 3 Nov 2026 after it had been judged: measured again by mean; "
        "changed: mean."
    )
    (told,) = late.measurements
    assert told.value == pytest.approx((400 + 9 * 4000) / 4400)
    assert told.alarm
    assert "Measured again: 4,000 rows came after it had been judged." in told.reason
    assert one.run(at(5) + timedelta(days=days_late + 1), late.state).measurements == []


def test_a_log_whose_old_files_are_archived_is_not_measured_again(case: Callable[..., Case]) -> None:
    rows = [row for day in range(2, 6) for row in rows_of(day, 100, 1000 * day, x=lambda _: 1.0)]
    first = case({"x": "DOUBLE"}, rows, MEAN).run(at(6))
    kept = [row for row in rows if row["time"] >= at(4).replace(tzinfo=None)]
    done = case({"x": "DOUBLE"}, kept, MEAN).run(at(7), first.state)
    assert (done.measurements, done.late) == ([], ())


# The reference, and what a backtest may see


def test_a_reference_is_not_used_before_its_labels_are_complete(trouble: Callable[[str], Case]) -> None:
    one = trouble("min/d7")
    now = datetime(2026, 10, 8, tzinfo=UTC)
    first = one.run(now)
    assert not any(m.alarm for m in first.measurements)
    judged = [m for m in first.measurements if m.value is not None]
    assert all("the labels of the reference period are not complete yet" in m.reason for m in judged)
    ripe = one.run(datetime(2026, 12, 16, tzinfo=UTC), first.state)
    assert not any(m.alarm for m in ripe.measurements)
    normal = {m.detail["reference"] for m in ripe.measurements if "reference" in m.detail}
    assert list(normal) == [pytest.approx(0.5, abs=0.05)]
    assert not any(m.alarm for m in one.backtest())


def test_a_backtest_is_what_production_would_have_on_record(trouble: Callable[[str], Case]) -> None:
    one = trouble("min/d8")
    (replayed,) = one.backtest()
    told = one.daily(datetime(2026, 10, 6, tzinfo=UTC), datetime(2026, 11, 10, tzinfo=UTC))
    (live,) = told.values()
    assert (replayed.value, replayed.alarm) == (live.value, live.alarm) == (0.9, True)
    assert replayed.as_of == live.as_of


def test_a_window_that_the_log_ends_or_begins_in_is_said_to_be_of_a_part(case: Callable[..., Case]) -> None:
    """Half a day is no drop: whatever is judged of it says of what it is, and volume says nothing."""
    rows = [row for day in (2, 3, 4) for row in rows_of(day, 240, 1000 * day, x=lambda place: place / 240)]
    cut = [row for row in rows if at(2, 6) <= row["time"].replace(tzinfo=UTC) < at(4, 12)]
    mean = {"id": "mean", "metric": "mean", "column": "x", "window": "1d", "limit": {"below": 0.4}}
    volume = {"id": "volume", "metric": "volume", "window": "1d", "limit": {"below": 200}}
    one = case({"x": "DOUBLE"}, cut, mean, volume)
    said = {(m.monitor, m.window_start): m for m in one.backtest()}
    assert said["mean", at(4)].alarm
    assert said["mean", at(4)].reason.endswith(
        "The log ends inside this window: this is of the part that is there, up to 4 Nov 2026, 11:56 UTC."
    )
    assert "The log begins inside this window" in said["mean", at(2)].reason
    assert "inside this window" not in said["mean", at(3)].reason
    assert said["volume", at(4)].reason == "Volume is not computable: the log ends inside this window."
    assert said["volume", at(2)].reason == "Volume is not computable: the log begins inside this window."
    assert not any(m.alarm for (monitor, _), m in said.items() if monitor == "volume")
    # A worker knows that the day is over: what did not come by then did not come.
    live = {(m.monitor, m.window_start): m for m in one.run(at(5)).measurements}
    assert "ends inside" not in live["mean", at(4)].reason
    assert live["volume", at(4)].alarm
    assert "reference" not in live["volume", at(4)].detail, "there is none, and none is not 0"
    whole = case({"x": "DOUBLE"}, rows, mean, volume)
    assert not any("inside this window" in m.reason for m in whole.backtest())


@pytest.mark.parametrize("metric", ["mean", "volume"])
@pytest.mark.parametrize("late", [False, True])
def test_a_window_that_may_lack_a_little_says_how_far_the_log_is_there(
    case: Callable[..., Case], metric: str, late: bool
) -> None:
    """R-DET-02: a twentieth of a day is 72 minutes. What is missing there is not told from a quiet hour."""
    rows = [row for day in (2, 3, 4) for row in rows_of(day, 240, 1000 * day, x=lambda place: place / 240)]
    first, last = at(2, 1 if late else 0), at(5) if late else at(4, 23)
    cut = [row for row in rows if first <= row["time"].replace(tzinfo=UTC) < last]
    column = {"column": "x"} if metric == "mean" else {}
    one = case(
        {"x": "DOUBLE"}, cut, {"id": "m", "metric": metric, "window": "1d", "limit": {"below": 0.25}} | column
    )
    said = {m.window_start: m for m in one.backtest()}
    edge, whole = (said[at(2)], said[at(4)]) if late else (said[at(4)], said[at(2)])
    where = "from 2 Nov 2026, 01:05 UTC" if late else "up to 4 Nov 2026, 22:59 UTC"
    assert edge.value is not None
    assert edge.reason.endswith(f" This window counts as whole; the log is there {where}.")
    assert "counts as whole" not in said[at(3)].reason
    # An even log whose last row of a day comes twelve minutes before midnight says so as well.
    assert ("up to 4 Nov 2026, 23:47 UTC" in whole.reason) is late
    live = {m.window_start: m for m in one.run(at(5)).measurements}
    assert "up to" not in live[at(4)].reason, "a worker knows that the day is over"


def test_drift_waits_until_the_reference_period_is_over(case: Callable[..., Case]) -> None:
    """What was frozen from half a period would be held against the other half for ever."""
    rows = [
        row
        for day in range(2, 12)
        for row in rows_of(day, 300, 1000 * day, x=lambda place, day=day: float(place % 50 + (day >= 5)))
    ]
    monitor = {
        "id": "ks",
        "metric": "drift",
        "method": "ks",
        "column": "x",
        "window": "1d",
        "limit": {"above": 0.1},
    }
    period = {"from": "2026-11-02", "to": "2026-11-08"}
    one = case({"x": "DOUBLE"}, rows, monitor, reference=period)
    early = one.run(at(5))
    assert {m.status for m in early.measurements} == {WindowStatus.NOT_COMPUTABLE}
    assert all("not complete before it ends on 8 Nov 2026" in m.reason for m in early.measurements)
    later = one.run(at(9), early.state)
    assert [m.status for m in later.measurements] == [WindowStatus.MEASURED] * 7
    told = one.daily(at(3), at(13))
    replayed = {(m.series, m.window_start): m for m in one.backtest()}
    assert {key: (m.value, m.alarm) for key, m in told.items()} == {
        key: (m.value, m.alarm) for key, m in replayed.items()
    }


# Drift


def test_a_method_fit_for_a_small_window_is_proposed(trouble: Callable[[str], Case]) -> None:
    psi, js = trouble("min/d12").backtest()
    assert "50 rows, and 60 are needed for PSI; method: jensen_shannon needs 30" in psi.reason
    assert psi.lower is not None
    assert psi.lower > 0.25
    assert js.alarm


def test_an_outlier_in_the_reference_does_not_move_a_distance(trouble: Callable[[str], Case]) -> None:
    one = trouble("min/d13")
    (found,) = one.backtest()
    reference, window = (
        np.loadtxt(one.base / name, delimiter=",", skiprows=1, usecols=2) for name in ("d13r.csv", "d13.csv")
    )
    true = wasserstein_distance(reference, window) / np.std(reference, ddof=1)
    assert true == pytest.approx(0.114, abs=0.001)
    assert found.value == pytest.approx(true, abs=0.005)
    assert "bins ±0.0" in found.reason
    assert not found.alarm


def test_movement_away_from_a_constant_is_measured(trouble: Callable[[str], Case]) -> None:
    (found,) = trouble("min/d13c").backtest()
    assert found.alarm
    assert found.value is not None


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["normal", "gap", "heavy", "few"]), st.floats(-3, 3))
def test_a_distance_is_within_its_stated_bin_error_or_not_shown(seed: int, kind: str, shift: float) -> None:
    """The oracle is scipy, on the rows themselves."""
    from holdfast.detect.reference import _fine

    random = np.random.default_rng(seed)
    drawn = {
        "normal": lambda n: random.normal(0, 1, n),
        "gap": lambda n: np.where(
            random.random(n) < 0.5, random.normal(0, 0.1, n), random.normal(50, 0.1, n)
        ),
        "heavy": lambda n: random.standard_t(2, n),
        "few": lambda n: random.integers(0, 4, n).astype(float),
    }[kind]
    reference, current = drawn(5000), drawn(1500) + shift
    cuts = np.quantile(reference, np.linspace(0, 1, 1025), method="inverted_cdf").tolist()
    edges = _fine(cuts)

    def counts(x: np.ndarray) -> list[float]:
        below = np.searchsorted(np.sort(x), edges, side="right")
        return [*np.diff([0, *below, len(x)]).astype(float), 0.0]

    def tails(x: np.ndarray) -> list[float]:
        return [float(np.maximum(edges[0] - x, 0).sum()), float(np.maximum(x - edges[-1], 0).sum())]

    deviation = float(np.std(reference, ddof=1))
    found = drift.wasserstein(
        counts(reference), counts(current), edges, (tails(reference), tails(current)), deviation, 0.95
    )
    if isinstance(found, Value):
        true = wasserstein_distance(reference, current) / deviation
        assert abs(found.value - true) <= found.bins + 1e-6


def test_an_empty_bin_of_a_small_window_does_not_hide_that_it_moved() -> None:
    """PSI's interval once reached from 0 to 18 here."""
    found = drift.psi([1000] * 6 + [0, 0], [50, 0, 0, 0, 0, 0, 0, 0], 0.95)
    assert isinstance(found, Value)
    assert found.lower > 5


def test_the_interval_of_psi_seldom_excludes_what_is_so() -> None:
    random = np.random.default_rng(5)
    p, q = np.full(10, 0.1), np.array([0.02, *[0.98 / 9] * 9])
    true = float(np.sum((q - p) * np.log(q / p)))
    outside = 0
    for _ in range(400):
        reference, window = random.multinomial(5000, p), random.multinomial(200, q)
        found = drift.psi([*reference, 0], [*window, 0], 0.95)
        assert isinstance(found, Value)
        outside += not found.lower <= true <= found.upper
    assert outside / 400 <= 0.08


# Estimates


def test_accuracy_of_many_classes_is_not_estimated_from_one_score(case: Callable[..., Case]) -> None:
    rows = rows_of(
        2,
        600,
        said=lambda place: "abc"[place % 3],
        truth=lambda place: "abc"[place % 3] if place % 10 else "x",
        came=lambda _: at(20).replace(tzinfo=None),
        score=lambda place: 0.9 if place % 3 == 0 else 0.05,
    )
    types = {"said": "VARCHAR", "truth": "VARCHAR", "came": "TIMESTAMP", "score": "DOUBLE"}
    roles = {
        "prediction": "said",
        "label": "truth",
        "label_arrived": "came",
        "score": "score",
        "positive": "a",
    }
    monitor = {"id": "accuracy", "metric": "accuracy", "window": "1d", "limit": {"below": 0.5}}
    one = case(types, rows, monitor, columns=roles)
    assert [m.status for m in one.run(at(3)).measurements] == [WindowStatus.PENDING]
    assert [m.value for m in one.run(at(21)).measurements] == [pytest.approx(0.9)]


# Intervals of ratios


@given(st.integers(0, 200), st.integers(1, 200), st.integers(1, 200), st.integers(1, 200))
def test_the_ratio_of_negatives_is_the_ratio_of_positives(a: int, n: int, b: int, m: int) -> None:
    first, second = intervals.wilson(min(a, n), n, 0.95), intervals.wilson(min(b, m), m, 0.95)
    plain, turned = intervals.ratio(first, second), intervals.ratio(intervals.times(first, -1), second)
    assert (turned.value, turned.lower, turned.upper) == pytest.approx(
        (-plain.value, -plain.upper, -plain.lower)
    )


# What is refused


@pytest.mark.parametrize(
    ("metric", "limit", "said"),
    [
        ("missing", "{above: 2}", "limit above 2 would never alarm: missing lies between 0 and 1"),
        ("accuracy", "{above: 80}", "limit above 80 would never alarm: accuracy lies between 0 and 1"),
        ("accuracy", "{below: 85}", "limit below 85 would always alarm"),
        ("auc", "{below: 0}", "limit below 0 would never alarm"),
        ("selection_rate", "{above: -0.1}", "limit above -0.1 would always alarm"),
        ("volume", "{below: 0}", "limit below 0 would never alarm: volume is never under 0"),
        ("drift", "{above: -1}", "psi lies between 0 and 18.42"),
    ],
)
def test_a_limit_that_cannot_be_meant_is_refused_with_the_range_and_its_line(
    tmp_path: Path, metric: str, limit: str, said: str
) -> None:
    with pytest.raises(Unusable) as refused:
        understand(_written(tmp_path, f"metric: {metric}", f"limit: {limit}", column=metric), System)
    (problem,) = refused.value.problems
    assert said in problem.sentence
    assert "limit" in problem.excerpt
    assert problem.path.startswith("monitors[0].limit.")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ("metric: selection_rate", "relative: {up: 20, against: 7d}"),
            "20 is a change of 2,000%; write 20%",
        ),
        (
            ("metric: selection_rate", "relative: {down: 20, against: 7d}"),
            "20 is a change of 2,000%; write 20%",
        ),
        (("metric: drift", "method: ks", "limit: {above: 1}"), "ks lies between 0 and 1"),
        (("metric: drift", "method: jensen_shannon", "limit: {above: 0.9}"), "between 0 and 0.8326"),
        (("metric: mean", "limit: {below: 1, above: 9}"), "add worse: down, worse: up, or worse: either"),
        (("metric: accuracy", "limit: {below: 0.8, above: 0.99}"), "in which direction the value gets worse"),
        (
            ("metric: selection_rate", "limit: {below: 0.2}", "relative: {up: 20%, against: 7d}"),
            "in which direction the value gets worse",
        ),
        (("metric: missing", "e_detector: {baseline: 0.02}"), "missing gets worse up; write direction: up"),
        (
            ("metric: selection_rate", "e_detector: {baseline: 0.9, direction: up, shifts: [0.2]}"),
            "leaves 0 to 1",
        ),
        (("metric: selection_rate", "e_detector: {baseline: 0.3, floor: 0.4}"), "leaves 0 to 1"),
    ],
)
def test_a_threshold_without_range_or_direction_is_refused(
    tmp_path: Path, lines: tuple[str, ...], said: str
) -> None:
    with pytest.raises(Unusable) as refused:
        understand(_written(tmp_path, *lines, column=lines[0].split()[1]), System)
    (problem,) = refused.value.problems
    assert said in problem.sentence
    assert problem.line > 0


def test_a_change_of_more_than_everything_is_taken_when_it_is_spelled_out(tmp_path: Path) -> None:
    found = understand(
        _written(tmp_path, "metric: selection_rate", "relative: {up: 200%, against: 7d}"), System
    )
    assert found.monitors[0].relative is not None
    assert found.monitors[0].relative.up == 2


@pytest.mark.parametrize(
    ("lines", "value", "normal", "worse"),
    [
        (("metric: accuracy", "limit: {below: 0.8}"), 0.72, 0.9, 0.2),
        (("metric: accuracy", "limit: {above: 0.95}"), 0.99, 0.9, -0.1),
        (("metric: missing", "limit: {above: 0.1}"), 0.3, 0.2, 0.5),
        (("metric: mean", "limit: {below: 1, above: 9}", "worse: up"), 6, 4, 0.5),
        (("metric: mean", "limit: {below: 1, above: 9}", "worse: down"), 6, 4, -0.5),
        (("metric: mean", "limit: {below: 1, above: 9}", "worse: either"), 2, 4, 0.5),
        (("metric: mean", "limit: {below: -9}"), -15, -10, 0.5),
    ],
)
def test_worse_by_never_turns_its_sign(
    tmp_path: Path, lines: tuple[str, ...], value: float, normal: float, worse: float
) -> None:
    (monitor,) = understand(_written(tmp_path, *lines, column=lines[0].split()[1]), System).monitors
    assert monitor.worse_by(value, normal) == pytest.approx(worse)


def _written(folder: Path, *lines: str, column: str = "") -> Any:
    """A system's file with one monitor of these lines."""
    named = ["column: x"] if column in ("missing", "mean", "drift") else []
    monitor = "\n".join(f"    {line}" for line in (*lines, *named))
    path = folder / "s.yaml"
    path.write_text(
        "id: s\nname: S\npurpose: p\nowner: a@b.example\n"
        "models: [{name: m, version: '1', in_production_since: '2026-01-01'}]\n"
        "data_used: [x]\ndepends_on_it: [x]\nbusiness_impact: x\ncompliance_risk: x\npriority: 1\n"
        "prediction_log:\n  path: log.csv\n"
        "  columns: {id: id, time: t, prediction: p, label: l, score: s}\n"
        "  reference: {path: r.csv}\n"
        "monitors:\n  - id: m\n    name: m\n    reason: r\n    tells: [technical_lead]\n    window: 1d\n"
        f"{monitor}\n"
    )
    return read_document(folder, path)
