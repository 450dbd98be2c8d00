"""What a monitor's measurements prove about a fix (R-REM-03)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.detect.measurement import Measurement, WindowStatus
from holdfast.learn.events import Method, Verification
from holdfast.learn.verification import Outcome, judge
from support.measured import DAY, measured

DONE = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
FIRST = datetime(2026, 11, 11, tzinfo=UTC)
"""The first midnight after the fix: where its first whole window begins."""
WANTED = Verification(
    method=Method.MONITOR,
    how="Accuracy back in bounds",
    monitor="accuracy",
    quantity="accuracy",
    below=0.8,
    windows=3,
    lasting_seconds=3 * 86_400,
    least_n=30,
    least_group_n=100,
)


def days(*found: Measurement | float) -> list[Measurement]:
    """Measurements day by day; a number is a value in bounds."""
    return [
        measured(FIRST + number * DAY, one) if isinstance(one, float) else one
        for number, one in enumerate(found)
    ]


def test_windows_in_a_row_that_last_long_enough_prove_it_and_the_proof_names_them() -> None:
    """R-REM-03/monitor."""
    judged = judge(WANTED, days(0.86, 0.87, 0.88), DONE)
    assert judged.outcome is Outcome.PROVEN
    assert judged.reason == (
        "accuracy was measured in bounds (not below 0.8) in 3 windows in a row over 3 d, all begun after "
        "10 Nov 2026, 09:00 UTC: "
        "11 Nov 2026, 00:00 UTC to 12 Nov 2026, 00:00 UTC 0.860 (0.830 to 0.890), n 400; "
        "12 Nov 2026, 00:00 UTC to 13 Nov 2026, 00:00 UTC 0.870 (0.840 to 0.900), n 400; "
        "13 Nov 2026, 00:00 UTC to 14 Nov 2026, 00:00 UTC 0.880 (0.850 to 0.910), n 400"
    )
    assert [window.value for window in judged.windows] == [0.86, 0.87, 0.88]


def test_a_window_that_began_before_the_fix_proves_nothing_and_disproves_nothing() -> None:
    before = measured(FIRST - DAY, 0.6, alarm=True)
    assert judge(WANTED, [before, *days(0.86, 0.87)], DONE).outcome is Outcome.OPEN
    assert judge(WANTED, [before, *days(0.86, 0.87, 0.88)], DONE).outcome is Outcome.PROVEN


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (measured(FIRST + DAY, None, status=WindowStatus.PENDING), "waits for its labels"),
        (measured(FIRST + DAY, 0.9, status=WindowStatus.ESTIMATED), "waits for its labels"),
        (measured(FIRST + DAY, None, status=WindowStatus.NOT_COMPUTABLE), "1 of 3 windows"),
        (measured(FIRST + DAY, 0.87, n=29), "1 of 3 windows"),
        (measured(FIRST + DAY, 0.79), "1 of 3 windows"),
        (measured(FIRST + 2 * DAY, 0.87), "1 of 3 windows"),
        (measured(FIRST + DAY, 0.87, monitor="recall"), "1 of 3 windows"),
    ],
    ids=[
        "pending",
        "estimated",
        "not computable",
        "too few rows",
        "doubtful",
        "a window twice",
        "another monitor",
    ],
)
def test_a_window_that_cannot_be_judged_breaks_the_run(second: Measurement, says: str) -> None:
    """R-DET-02: nothing but measured windows counts."""
    judged = judge(WANTED, [measured(FIRST, 0.87), second, measured(FIRST + 2 * DAY, 0.87)], DONE)
    assert judged.outcome is Outcome.OPEN
    assert says in judged.reason


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (
            measured(FIRST + 2 * DAY, None, status=WindowStatus.PENDING),
            "2 of 3 windows in a row in bounds so far, 2 d of 3 d, the window that ended "
            "14 Nov 2026, 00:00 UTC waits for its labels",
        ),
        (measured(FIRST + 2 * DAY, 0.79), "0 of 3 windows in a row in bounds so far, 0 s of 3 d"),
    ],
    ids=["labels may still prove it", "broken"],
)
def test_how_far_it_has_come_is_said(last: Measurement, reason: str) -> None:
    assert judge(WANTED, [*days(0.86, 0.87), last], DONE).reason == reason


def test_a_missing_window_breaks_the_run() -> None:
    with_gap = [measured(FIRST + number * DAY) for number in (0, 1, 3)]
    judged = judge(WANTED, with_gap, DONE)
    assert judged.outcome is Outcome.OPEN
    assert judged.reason == "1 of 3 windows in a row in bounds so far, 1 d of 3 d"


def test_one_alarm_after_the_fix_disproves_it_also_after_good_windows() -> None:
    judged = judge(WANTED, [*days(0.86, 0.87, 0.88), measured(FIRST + 3 * DAY, 0.6, alarm=True)], DONE)
    assert judged.outcome is Outcome.DISPROVEN
    assert judged.reason == (
        "accuracy alarmed in a window that began after the action was done, 14 Nov 2026, 00:00 UTC to "
        "15 Nov 2026, 00:00 UTC: 0.600 (0.570 to 0.630), n 400. lies under the limit 0.8 with its whole "
        "interval"
    )


def test_an_alarm_on_an_estimate_waits_for_the_labels() -> None:
    alarming = measured(FIRST + DAY, 0.6, alarm=True, status=WindowStatus.ESTIMATED)
    assert judge(WANTED, [measured(FIRST), alarming], DONE).outcome is Outcome.OPEN


def test_the_newest_word_on_a_window_counts() -> None:
    """Late labels turn an estimate into a measurement, or a good window into an alarm."""
    late = measured(FIRST, 0.87, known_after=timedelta(days=5))
    pending = measured(FIRST, None, status=WindowStatus.PENDING)
    assert judge(WANTED, [late, pending, *days(0.87, 0.87, 0.87)[1:]], DONE).outcome is Outcome.PROVEN
    worse = measured(FIRST, 0.6, alarm=True, known_after=timedelta(days=5))
    assert judge(WANTED, [worse, *days(0.87, 0.87, 0.87)], DONE).outcome is Outcome.DISPROVEN


def test_both_the_number_of_windows_and_the_time_must_be_reached() -> None:
    short = [measured(FIRST + number * DAY / 2, length=DAY / 2) for number in range(5)]
    assert judge(WANTED, short, DONE).outcome is Outcome.OPEN
    more = [*short, measured(FIRST + 5 * DAY / 2, length=DAY / 2)]
    assert judge(WANTED, more, DONE).outcome is Outcome.PROVEN
    few = replace(WANTED, windows=7)
    assert judge(few, more, DONE).outcome is Outcome.OPEN


def test_windows_of_a_number_of_rows_need_not_touch() -> None:
    """They end at their last row; the next begins at its first."""
    wanted = replace(WANTED, lasting_seconds=0)
    pause = timedelta(minutes=7)
    rows = [measured(FIRST + number * (DAY + pause)) for number in range(3)]
    assert judge(wanted, rows, DONE).outcome is Outcome.PROVEN


class TestGroups:
    def test_an_alarm_in_one_group_disproves_it(self) -> None:
        found = [measured(FIRST), measured(FIRST, 0.6, group={"region": "north"}, alarm=True)]
        judged = judge(WANTED, found, DONE)
        assert judged.outcome is Outcome.DISPROVEN
        assert "alarmed for region=north" in judged.reason

    def test_a_group_beyond_the_limit_breaks_the_run_unless_it_is_too_small_to_judge(self) -> None:
        good = days(0.86, 0.87, 0.88)
        assert judge(WANTED, [*good, measured(FIRST, 0.7, group={"g": "1"})], DONE).outcome is Outcome.OPEN
        small = measured(FIRST, 0.7, group={"g": "1"}, n=99)
        assert judge(WANTED, [*good, small], DONE).outcome is Outcome.PROVEN

    def test_rates_shown_for_comparison_are_not_held_against_the_limit(self) -> None:
        rate = measured(FIRST, 0.3, group={"g": "1"}, quantity="selection_rate")
        assert judge(WANTED, [*days(0.86, 0.87, 0.88), rate], DONE).outcome is Outcome.PROVEN


def test_a_long_proof_is_summed_up() -> None:
    wanted = replace(WANTED, windows=11, lasting_seconds=0)
    judged = judge(wanted, days(*(0.81 + number / 100 for number in range(11))), DONE)
    assert judged.reason.endswith(
        ": 11 Nov 2026, 00:00 UTC to 22 Nov 2026, 00:00 UTC, values 0.810 to 0.910, n 400 to 400"
    )
    assert len(judged.windows) == 11


@given(st.lists(st.sampled_from(["good", "pending", "doubtful", "missing"]), max_size=14))
def test_it_is_proven_exactly_when_enough_good_windows_stand_in_a_row(standings: list[str]) -> None:
    def made(word: str, start: datetime) -> list[Measurement]:
        if word == "missing":
            return []
        if word == "pending":
            return [measured(start, None, status=WindowStatus.PENDING)]
        return [measured(start, 0.87 if word == "good" else 0.79)]

    found = [one for number, word in enumerate(standings) for one in made(word, FIRST + number * DAY)]
    runs = "".join(word[0] for word in standings)
    assert (judge(WANTED, found, DONE).outcome is Outcome.PROVEN) == ("ggg" in runs)
