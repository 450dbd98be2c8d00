"""How fast incidents are detected, answered, contained and resolved (R-AUD-08)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.incident.events import Contained, ContainmentLost
from holdfast.incident.incident import Breach, ClockState, Incident, Status
from holdfast.incident.responding import Desk, Report
from holdfast.learn import closing, remedying
from holdfast.learn.events import Method
from holdfast.learn.measures import Kept, Took, in_time, measures, measures_of
from holdfast.learn.remediation import Plan, Wanted
from holdfast.ledger import timers
from holdfast.ledger.ledger import Ledger
from holdfast.prepare.terms import RemediationKind
from support.company import AISHA, MAYA, TOMAS, WORKER
from support.measured import DAY
from support.opened import tell

NOW = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
OPENED = NOW - 10 * DAY
RUNNING = ClockState("acknowledge", OPENED, OPENED + 15 * MINUTE, 15 * MINUTE)
MET = replace(RUNNING, met_at=OPENED + 9 * MINUTE)
BREACH = Breach(RUNNING.due, RUNNING.due)
MET_LATE = replace(RUNNING, met_at=OPENED + 20 * MINUTE, breaches=(BREACH,))

MOVED = replace(RUNNING, breaches=(BREACH,), due=NOW + HOUR)
"""Broken, and then promised for later."""


def incident(clock: ClockState | None = None, number: int = 1, **changes: object) -> Incident:
    clocks = {clock.clock: clock} if clock else {}
    plain = Incident(id=f"INC-{number}", opened_at=OPENED, clocks=clocks)
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("clock", "kept"),
    [
        (MET, Kept(1, 1)),
        (replace(RUNNING, met_at=RUNNING.due), Kept(1, 1)),
        (MET_LATE, Kept(0, 1)),
        (RUNNING, Kept(0, 1)),
        (replace(RUNNING, due=NOW + MINUTE), Kept(0, 0)),
        (replace(RUNNING, stopped_because="dismissed"), Kept(0, 0)),
        (replace(RUNNING, breaches=(BREACH,), stopped_because="dismissed"), Kept(0, 1)),
        (replace(MOVED, met_at=OPENED + HOUR), Kept(0, 1)),
        (MOVED, Kept(0, 1)),
        (None, Kept(0, 0)),
    ],
    ids=[
        "in time",
        "at the last moment",
        "late",
        "still not, and past due",
        "still not, and not due",
        "stopped before it was due",
        "stopped after it had run out",
        "run out, then moved, and met in the new time",
        "run out, then moved, and not due again",
        "nothing promised",
    ],
)
def test_a_promise_counts_as_kept_broken_or_not_yet(clock: ClockState | None, kept: Kept) -> None:
    """R-AUD-08/share: share within response time."""
    assert in_time([incident(clock)], "acknowledge", NOW) == kept


def test_a_share_of_nothing_is_unknown() -> None:
    assert Kept(0, 0).share is None
    assert Kept(3, 4).share == 0.75


def test_times_are_medians_over_the_incidents_in_which_it_happened() -> None:
    """R-AUD-08/times."""
    began = OPENED - 2 * HOUR
    opened = [
        incident(MET, 1, began_at=began, acknowledged_at=OPENED + 9 * MINUTE, resolved_at=OPENED + DAY),
        incident(MET_LATE, 2, acknowledged_at=OPENED + 21 * MINUTE, held_from=OPENED + HOUR),
        incident(None, 3, acknowledged_at=OPENED + 90 * MINUTE),
    ]
    found = measures(opened, 2, NOW)
    assert found.detect == Took(1, 2 * HOUR, 2 * HOUR)
    assert found.acknowledge == Took(3, 21 * MINUTE, 90 * MINUTE)
    assert found.contain == Took(1, HOUR, HOUR)
    assert found.resolve == Took(1, DAY, DAY)
    assert (found.incidents, found.dismissed, found.overdue) == (3, 0, 2)
    assert found.kept["acknowledge"] == Kept(1, 2)
    assert found.kept["contain"] == Kept(0, 0)


def test_what_was_dismissed_has_no_times_but_was_answered() -> None:
    dismissed = incident(MET, status=Status.DISMISSED, acknowledged_at=OPENED + 9 * MINUTE)
    found = measures([dismissed], 0, NOW)
    assert (found.incidents, found.dismissed) == (0, 1)
    assert found.acknowledge == Took(0, None, None)
    assert found.kept["acknowledge"] == Kept(1, 1)


def test_the_period_counts_from_the_opening() -> None:
    found = measures([incident(MET)], 0, NOW, days=9)
    assert (found.incidents, found.since) == (0, NOW - 9 * DAY)
    assert measures([incident(MET)], 0, NOW, days=10).incidents == 1


@pytest.mark.parametrize(
    ("deliberate", "counts"),
    [
        ((), 1),
        ((True,), 1),
        ((False,), 2),
        ((True, False), 1),
        ((False, False), 3),
        ((False, True), 2),
    ],
    ids=[
        "it holds",
        "reverted, proven again",
        "disproven, proven again",
        "reverted, then a second one disproven",
        "disproven twice",
        "disproven, then reverted",
    ],
)
def test_the_first_containment_that_was_not_disproven_counts(
    ledger: Ledger, incident: str, now: datetime, deliberate: tuple[bool, ...], counts: int
) -> None:
    """R-AUD-08: nobody is fast for what turned out not to be so."""
    contained = Contained(incident=incident, containment="INC-1-C1", proof="the log shows it")
    tell(ledger, incident, contained, at=now + HOUR, by=TOMAS)
    for number, reverted in enumerate(deliberate, 1):
        lost = ContainmentLost(
            incident=incident, containment="INC-1-C1", reason="it goes on", deliberate=reverted
        )
        tell(ledger, incident, lost, at=now + number * HOUR + 30 * MINUTE, by=TOMAS)
        if not reverted:
            so_far = measures_of(ledger, now + DAY).contain
            assert so_far.n == (0 if counts > number else 1)
        tell(ledger, incident, contained, at=now + (number + 1) * HOUR, by=TOMAS)
    assert measures_of(ledger, now + DAY).contain == Took(1, counts * HOUR, counts * HOUR)


def test_measures_are_read_from_the_register_and_the_tracker(
    desk: Desk, ledger: Ledger, incident: str, now: datetime
) -> None:
    hour = now + HOUR
    later = now + 20 * DAY
    contained = Contained(incident=incident, containment="INC-1-C1", proof="probed")
    lost = ContainmentLost(incident=incident, containment="INC-1-C1", reason="reverted", deliberate=True)
    tell(ledger, incident, contained, at=hour, by=TOMAS)
    tell(ledger, incident, lost, at=hour + HOUR, by=TOMAS)
    tell(ledger, incident, contained, at=hour + 2 * HOUR, by=TOMAS)
    wanted = Wanted(Method.TEST, "a test")
    plan = Plan("Check units", RemediationKind.CODE_FIX, AISHA.id, now + 10 * DAY, wanted)
    remedying.plan(desk, incident, plan, by=TOMAS, at=hour + 2 * HOUR)
    closing.resolve(desk, incident, "Retrained.", "labels take a month", by=MAYA, at=now + 2 * DAY)
    desk.open(Report("Something else"), by=AISHA, at=later - HOUR)
    for timer in timers.due(ledger, later):
        if timer.kind == "remediation.overdue":
            remedying.chase_overdue(desk, timer, by=WORKER, at=later)
    found = measures_of(ledger, later)
    assert found.incidents == 2
    assert found.acknowledge == Took(1, 9 * MINUTE, 9 * MINUTE)
    assert found.contain == Took(1, HOUR, HOUR)
    assert found.resolve == Took(1, 2 * DAY, 2 * DAY)
    assert found.overdue == 1
    assert found.kept["acknowledge"] == Kept(1, 1)
    assert measures_of(ledger, later, days=1).incidents == 1
