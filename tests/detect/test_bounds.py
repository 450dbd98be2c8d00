"""What may be said of all monitors together: only what was computed (R-XCT-07)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.detect.bounds import Bounds, Known, known_of
from holdfast.detect.measurement import Measurement, WindowStatus
from holdfast.detect.records import OpenAlert
from holdfast.prepare.terms import COVERAGE

DAY = datetime(2026, 5, 4, tzinfo=UTC)


def one(
    status: WindowStatus = WindowStatus.MEASURED,
    *,
    alarm: bool = False,
    group: dict[str, str] | None = None,
    quantity: str = "accuracy",
) -> Measurement:
    value = None if status in (WindowStatus.PENDING, WindowStatus.NOT_COMPUTABLE) else 0.9
    return Measurement(
        monitor="accuracy",
        quantity=quantity,
        window_start=DAY,
        window_end=DAY + timedelta(days=1),
        group=group,
        value=value,
        lower=None,
        upper=None,
        n=10,
        labelled_share=None,
        status=status,
        alarm=alarm,
        reason="",
        as_of=DAY,
    )


def alert(series: str = "accuracy||accuracy", *, aside: bool = False) -> OpenAlert:
    return OpenAlert("loans", "accuracy", series, aside)


DEAD = alert("accuracy||cannot measure")
NORTH, SOUTH = {"region": "north"}, {"region": "south"}


@pytest.mark.parametrize(
    ("alerts", "newest", "silent", "known"),
    [
        ([], [one()], False, Known.MEASURED),
        ([], [one(WindowStatus.ESTIMATED)], False, Known.ESTIMATED),
        ([], [one(WindowStatus.PENDING)], False, Known.PENDING),
        ([], [one(WindowStatus.NOT_COMPUTABLE)], False, Known.NOT_COMPUTABLE),
        ([], [], False, Known.NOT_MEASURED),
        ([], [one()], True, Known.SILENT),
        ([], [], True, Known.SILENT),
        ([alert()], [one()], False, Known.OUT),
        ([alert()], [one()], True, Known.OUT),
        ([], [one(alarm=True)], False, Known.OUT),
        ([alert(aside=True)], [one()], False, Known.ASIDE),
        ([alert(aside=True)], [one(alarm=True)], False, Known.ASIDE),
        ([alert(aside=True), alert()], [one()], False, Known.OUT),
        ([DEAD], [one()], False, Known.FAILING),
        ([DEAD, alert(aside=True)], [one()], False, Known.FAILING),
        ([], [one(WindowStatus.NOT_COMPUTABLE, group=NORTH), one(group=SOUTH)], False, Known.MEASURED),
        ([], [one(WindowStatus.PENDING, group=NORTH), one(group=SOUTH)], False, Known.PENDING),
        ([], [one(WindowStatus.NOT_COMPUTABLE, group=NORTH)], False, Known.NOT_COMPUTABLE),
        ([], [one(), one(WindowStatus.NOT_COMPUTABLE, group=NORTH)], False, Known.MEASURED),
        ([], [one(quantity=COVERAGE)], False, Known.NOT_MEASURED),
    ],
)
def test_of_a_monitor_only_what_was_computed_is_known(
    alerts: list[OpenAlert], newest: list[Measurement], silent: bool, known: Known
) -> None:
    assert known_of(alerts, newest, silent) is known


NOT_KNOWN = "No monitor is known to be out of bounds"


@pytest.mark.parametrize(
    ("bounds", "title", "detail"),
    [
        (Bounds({}), "Nothing is monitored yet", ""),
        (
            Bounds({Known.MEASURED: 5}),
            "No monitor is out of bounds",
            "5 monitors by their newest window: 5 measured without an alarm.",
        ),
        (
            Bounds({Known.MEASURED: 1}),
            "No monitor is out of bounds",
            "1 monitor by its newest window: 1 measured without an alarm.",
        ),
        (
            Bounds({Known.MEASURED: 5}, working=False),
            NOT_KNOWN,
            "5 monitors by their newest window: 5 measured without an alarm. "
            "No worker runs, so nothing newer is measured.",
        ),
        (
            Bounds({Known.MEASURED: 3, Known.ESTIMATED: 1}),
            "No monitor is out of bounds",
            "4 monitors by their newest window: 1 estimated without an alarm, 3 measured without an alarm.",
        ),
        (
            Bounds({Known.MEASURED: 3, Known.PENDING: 1}),
            NOT_KNOWN,
            "4 monitors by their newest window: 1 pending, 3 measured without an alarm.",
        ),
        (
            Bounds({Known.NOT_COMPUTABLE: 1, Known.MEASURED: 1}),
            NOT_KNOWN,
            "2 monitors by their newest window: 1 not computable, 1 measured without an alarm.",
        ),
        (
            Bounds({Known.NOT_MEASURED: 2}),
            NOT_KNOWN,
            "2 monitors by their newest window: 2 not measured yet.",
        ),
        (Bounds({Known.SILENT: 2}), NOT_KNOWN, "2 monitors by their newest window: 2 not heard from."),
        (
            Bounds({Known.FAILING: 1, Known.MEASURED: 1}),
            NOT_KNOWN,
            "2 monitors by their newest window: 1 cannot measure, 1 measured without an alarm.",
        ),
        (
            Bounds({Known.ASIDE: 1, Known.MEASURED: 1}),
            "1 monitor is out of bounds and set aside",
            "2 monitors by their newest window: 1 out of bounds and set aside, 1 measured without an alarm.",
        ),
        (
            Bounds({Known.OUT: 2, Known.ASIDE: 1}),
            "3 monitors are out of bounds",
            "3 monitors by their newest window: 2 out of bounds, 1 out of bounds and set aside.",
        ),
    ],
)
def test_of_all_monitors_the_most_that_is_so_is_said(bounds: Bounds, title: str, detail: str) -> None:
    assert (bounds.title, bounds.detail) == (title, detail)


def test_every_word_for_a_monitor_is_counted_once() -> None:
    bounds = Bounds(dict.fromkeys(Known, 1))
    assert bounds.total == len(Known)
    assert all(f"1 {known}" in bounds.parts for known in Known)
    assert bounds.rest == (
        "2 without an alarm, 1 cannot measure, 1 not heard from, "
        "1 not computable, 1 pending, 1 not measured yet"
    )
