"""Remediation on a ledger: tracked, chased once, and proven by the monitor itself (R-REM-01 to R-REM-03)."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from holdfast.detect.measurement import Measurement
from holdfast.incident.responding import Desk
from holdfast.investigate.links import parse
from holdfast.learn import remedying, tracker
from holdfast.learn.events import Method, ProofLost, ProofReturned, RemediationDone, RemediationVerified
from holdfast.learn.remediation import Plan, Standing, Wanted
from holdfast.ledger import timers
from holdfast.ledger.facts import Fact
from holdfast.ledger.ledger import AlreadyFired, Draft, Ledger
from holdfast.ledger.outbox import MessageQueued
from holdfast.ledger.projections import Scratch, rebuild
from holdfast.prepare.events import SystemApplied, SystemWithdrawn
from holdfast.prepare.terms import RemediationKind
from holdfast.problems import NotAllowed
from support.company import AISHA, HELEN, MAYA, PRIYA, TOMAS, WORKER
from support.measured import DAY, measured

SYSTEM = "loan-approval"


class Record:
    """What detection has recorded so far; the same contract as its table of measurements."""

    def __init__(self, *found: Measurement) -> None:
        self.found = list(found)

    def __call__(self, system: str, monitor: str, since: datetime) -> Iterable[Measurement]:
        assert (system, monitor) == (SYSTEM, "accuracy")
        return [one for one in self.found if one.window_start >= since]


def plan(now: datetime, method: Method = Method.MONITOR) -> Plan:
    wanted = (
        Wanted(Method.MONITOR, monitor="accuracy") if method is Method.MONITOR else Wanted(method, "it shows")
    )
    return Plan("Retrain", RemediationKind.RETRAINING, AISHA.id, now + 10 * DAY, wanted)


def told(ledger: Ledger) -> list[tuple[str, str]]:
    """Recipient and subject of every message about a remediation, in order."""
    return [
        (fact.fact.to.partition("@")[0], fact.fact.subject)
        for fact in ledger.facts()
        if isinstance(fact.fact, MessageQueued) and "INC-1-R" in fact.fact.subject
    ]


@pytest.fixture
def later(now: datetime) -> datetime:
    return now + timedelta(hours=3)


@pytest.fixture
def item(desk: Desk, incident: str, later: datetime) -> str:
    return remedying.plan(desk, incident, plan(later), by=TOMAS, at=later)


def test_a_planned_item_is_told_to_its_person_and_listed_as_due(
    desk: Desk, ledger: Ledger, item: str, later: datetime
) -> None:
    """R-REM-01."""
    assert item == "INC-1-R1"
    assert told(ledger) == [("aisha.rahman", "INC-1: INC-1-R1 is yours, due 3 Dec 2026, 13:42 UTC")]
    with ledger.reading() as conn:
        (due,) = tracker.due_items(conn)
        assert tracker.due_items(conn, responsible=PRIYA.id) == []
        assert tracker.due_items(conn, until=later + 9 * DAY) == []
        assert tracker.due_items(conn, until=later + 11 * DAY, responsible=AISHA.id) == [due]
    assert due == remedying.remediations_of(ledger, "INC-1").items[item]
    assert (due.action, due.deadline, due.standing) == ("Retrain", later + 10 * DAY, Standing.PLANNED)


class TestChasing:
    """R-REM-03: overdue items are chased."""

    def test_a_reminder_leaves_before_the_deadline_and_once(
        self, desk: Desk, ledger: Ledger, item: str, later: datetime
    ) -> None:
        (reminder, deadline) = timers.armed(ledger, item)
        assert (reminder.due, deadline.due) == (later + 7 * DAY, later + 10 * DAY)
        remedying.remind(desk, reminder, by=WORKER, at=reminder.due)
        with pytest.raises(AlreadyFired):
            remedying.remind(desk, reminder, by=WORKER, at=reminder.due)
        assert told(ledger)[1:] == [("aisha.rahman", "INC-1: INC-1-R1 is due 3 Dec 2026, 13:42 UTC")]
        assert timers.armed(ledger, item) == [deadline]

    def test_an_overdue_item_is_told_to_its_person_and_the_commander_whoever_fires(
        self, desk: Desk, ledger: Ledger, item: str, later: datetime
    ) -> None:
        """R-REM-03/chased."""
        (timer,) = [one for one in timers.due(ledger, later + 11 * DAY) if one.kind == "remediation.overdue"]
        won: list[bool] = []

        def fire() -> None:
            try:
                remedying.chase_overdue(desk, timer, by=WORKER, at=later + 11 * DAY)
                won.append(True)
            except AlreadyFired:
                pass

        threads = [threading.Thread(target=fire) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        chased = "INC-1: INC-1-R1 is overdue: it was due 3 Dec 2026, 13:42 UTC"
        assert told(ledger)[1:] == [("aisha.rahman", chased), ("maya.okafor", chased)]
        assert timers.armed(ledger, item) == []
        found = remedying.remediations_of(ledger, "INC-1").items[item]
        assert (found.overdue_at, found.overdue(later + 11 * DAY)) == (later + 11 * DAY, True)
        with ledger.reading() as conn:
            assert tracker.count_overdue(conn, later + 9 * DAY) == 0
            assert tracker.count_overdue(conn, later + 11 * DAY) == 1

    def test_what_is_done_is_chased_no_more(
        self, desk: Desk, ledger: Ledger, item: str, later: datetime
    ) -> None:
        stale = timers.armed(ledger, item)
        remedying.finish(desk, "INC-1", item, "retrained", by=AISHA, at=later)
        assert timers.armed(ledger, item) == []
        for timer in stale:
            with pytest.raises(AlreadyFired):
                remedying.chase_overdue(desk, timer, by=WORKER, at=later + 11 * DAY)
        assert len(told(ledger)) == 1

    def test_the_timer_of_a_dismissed_incident_comes_to_rest(
        self, desk: Desk, ledger: Ledger, item: str, later: datetime
    ) -> None:
        desk.dismiss("INC-1", "the labels were wrong", by=MAYA, at=later)
        for timer in timers.due(ledger, later + 11 * DAY):
            if timer.kind == "remediation.overdue":
                remedying.chase_overdue(desk, timer, by=WORKER, at=later + 11 * DAY)
        assert timers.armed(ledger, item) == []
        found = remedying.remediations_of(ledger, "INC-1").items[item]
        assert (found.standing, found.result) == (Standing.WITHDRAWN, "INC-1 was dismissed")
        assert len(told(ledger)) == 1


class TestVerificationByMonitor:
    """R-REM-03: the metric back within bounds for the stated time, seen by the system itself."""

    @pytest.fixture
    def midnight(self, later: datetime) -> datetime:
        return (later + DAY).replace(hour=0, minute=0)

    @pytest.fixture
    def done(self, desk: Desk, item: str, later: datetime) -> str:
        remedying.finish(desk, "INC-1", item, "retrained as 3.2", by=AISHA, at=later)
        return item

    def look(self, desk: Desk, record: Record, at: datetime) -> list[str]:
        return remedying.verify_by_monitor(desk, SYSTEM, "accuracy", record, by=WORKER, at=at)

    def test_the_item_is_verified_when_the_last_window_comes_in_and_not_before(
        self, desk: Desk, ledger: Ledger, done: str, midnight: datetime
    ) -> None:
        record = Record()
        decided = []
        for number in range(3):
            record.found.append(measured(midnight + number * DAY))
            decided.append(self.look(desk, record, midnight + (number + 1) * DAY))
        assert decided == [[], [], [done]]
        (recorded,) = [one for one in ledger.facts() if isinstance(one.fact, RemediationVerified)]
        assert recorded.by == WORKER
        assert isinstance(recorded.fact, RemediationVerified)
        assert [window.n for window in recorded.fact.windows] == [400, 400, 400]
        assert "in bounds (not below 0.8) in 3 windows in a row over 3 d" in recorded.fact.proof
        found = remedying.remediations_of(ledger, "INC-1").items[done]
        assert (found.standing, found.result) == (Standing.VERIFIED, recorded.fact.proof)

    def test_being_handed_the_same_measurement_again_changes_nothing(
        self, desk: Desk, ledger: Ledger, done: str, midnight: datetime
    ) -> None:
        """R-XCT-05."""
        record = Record(*(measured(midnight + number * DAY) for number in range(3)))
        assert self.look(desk, record, midnight + 3 * DAY) == [done]
        with ledger.reading() as conn:
            assert tracker.waiting_for_monitor(conn, SYSTEM, "accuracy") == []
        before = ledger.size()
        assert self.look(desk, record, midnight + 3 * DAY) == []
        assert ledger.size() == before

    def test_an_alarm_opens_the_item_again_and_its_person_hears_why(
        self, desk: Desk, ledger: Ledger, done: str, midnight: datetime
    ) -> None:
        record = Record(measured(midnight, 0.6, alarm=True))
        assert self.look(desk, record, midnight + DAY) == [done]
        found = remedying.remediations_of(ledger, "INC-1").items[done]
        assert (found.standing, found.failed) == (Standing.STARTED, 1)
        assert told(ledger)[-1] == ("aisha.rahman", "INC-1: INC-1-R1 did not work")
        assert [timer.kind for timer in timers.armed(ledger, done)] == ["remediation.overdue"]
        remedying.finish(desk, "INC-1", done, "retrained as 3.3", by=AISHA, at=midnight + DAY)
        record.found += [measured(midnight + number * DAY) for number in (1, 2, 3)]
        assert self.look(desk, record, midnight + 4 * DAY) == [done]

    def test_a_person_cannot_tick_it_off(
        self, desk: Desk, ledger: Ledger, done: str, later: datetime
    ) -> None:
        before = ledger.size()
        with pytest.raises(NotAllowed, match="verified by the monitor accuracy, not by hand"):
            remedying.verify(desk, "INC-1", done, True, "looks fine", by=TOMAS, at=later)
        assert ledger.size() == before

    def test_what_took_effect_earlier_is_proven_by_what_was_measured_since(
        self, desk: Desk, ledger: Ledger, item: str, midnight: datetime
    ) -> None:
        record = Record(*(measured(midnight + number * DAY) for number in range(3)))
        late = midnight + 5 * DAY
        remedying.finish(
            desk, "INC-1", item, "retrained", done_at=midnight - timedelta(hours=1), by=AISHA, at=late
        )
        (done,) = [one.fact for one in ledger.facts() if isinstance(one.fact, RemediationDone)]
        assert isinstance(done, RemediationDone)
        assert remedying.verify_after_done(desk, done, record, by=WORKER, at=late) == [item]

    def test_a_dismissed_incident_takes_no_proof(
        self, desk: Desk, ledger: Ledger, done: str, midnight: datetime
    ) -> None:
        desk.dismiss("INC-1", "the labels were wrong", by=MAYA, at=midnight)
        record = Record(*(measured(midnight + number * DAY) for number in range(3)))
        before = ledger.size()
        assert self.look(desk, record, midnight + 3 * DAY) == []
        assert ledger.size() == before

    def test_other_monitors_are_not_asked(self, desk: Desk, done: str, later: datetime) -> None:
        def fails(system: str, monitor: str, since: datetime) -> Iterable[Measurement]:
            raise AssertionError("nothing waits for this monitor")

        assert remedying.verify_by_monitor(desk, SYSTEM, "volume", fails, by=WORKER, at=later) == []
        assert remedying.verify_by_monitor(desk, "other", "accuracy", fails, by=WORKER, at=later) == []


class TestVerificationByPeople:
    @pytest.fixture
    def tested(self, desk: Desk, incident: str, later: datetime) -> str:
        item = remedying.plan(desk, incident, plan(later, Method.TEST), by=TOMAS, at=later)
        remedying.finish(desk, incident, item, "the feed is checked", by=AISHA, at=later)
        return item

    def test_a_test_result_is_accepted_with_authority_and_its_proof_is_kept(
        self, desk: Desk, ledger: Ledger, tested: str, later: datetime
    ) -> None:
        """R-REM-03/test."""
        seen = (parse("monitor:accuracy"), parse("#0"))
        with pytest.raises(NotAllowed, match="entry #0 is not part of the record"):
            remedying.verify(desk, "INC-1", tested, True, "test 7 passes", seen, by=PRIYA, at=later)
        remedying.verify(desk, "INC-1", tested, True, "test 7 passes", seen[:1], by=PRIYA, at=later)
        found = remedying.remediations_of(ledger, "INC-1").items[tested]
        assert (found.standing, found.result) == (Standing.VERIFIED, "test 7 passes")
        with ledger.reading() as conn:
            assert tracker.waiting_for_verification(conn) == []

    def test_without_the_authority_it_is_refused(self, desk: Desk, tested: str, later: datetime) -> None:
        """R-ESC-05."""
        with pytest.raises(NotAllowed, match="Helen Marsh may not accept a remediation as verified"):
            remedying.verify(desk, "INC-1", tested, True, "fine", by=HELEN, at=later)
        with pytest.raises(NotAllowed, match="may not"):
            remedying.withdraw(desk, "INC-1", tested, "not needed", by=HELEN, at=later)
        remedying.withdraw(desk, "INC-1", tested, "not needed", by=TOMAS, at=later)

    def test_whoever_did_the_work_does_not_verify_it(
        self, desk: Desk, incident: str, later: datetime
    ) -> None:
        item = remedying.plan(desk, incident, plan(later, Method.REVIEW), by=TOMAS, at=later)
        remedying.finish(desk, incident, item, "instruction changed", by=TOMAS, at=later)
        with pytest.raises(NotAllowed, match="somebody who did not do the work"):
            remedying.verify(desk, incident, item, True, "fine", by=TOMAS, at=later)

    def test_a_review_by_somebody_else_verifies_it_and_its_word_is_kept(
        self, desk: Desk, ledger: Ledger, incident: str, later: datetime
    ) -> None:
        """R-REM-03/review."""
        item = remedying.plan(desk, incident, plan(later, Method.REVIEW), by=TOMAS, at=later)
        with pytest.raises(NotAllowed):
            remedying.verify(desk, incident, item, True, "not even done", by=PRIYA, at=later)
        remedying.finish(desk, incident, item, "instruction changed", by=AISHA, at=later)
        found = remedying.remediations_of(ledger, incident).items[item]
        assert found.standing is not Standing.VERIFIED
        remedying.verify(desk, incident, item, True, "read it with two teams", by=PRIYA, at=later)
        found = remedying.remediations_of(ledger, incident).items[item]
        assert (found.standing, found.result) == (Standing.VERIFIED, "read it with two teams")
        verified = [one for one in ledger.facts() if isinstance(one.fact, RemediationVerified)]
        assert [(one.by.id, one.fact.method) for one in verified] == [(PRIYA.id, Method.REVIEW)]  # type: ignore[attr-defined]


def test_the_tracker_rebuilds_to_the_same_rows(
    desk: Desk, ledger: Ledger, item: str, later: datetime
) -> None:
    remedying.start(desk, "INC-1", item, by=AISHA, at=later)
    remedying.plan(desk, "INC-1", plan(later, Method.TEST), by=TOMAS, at=later)
    remedying.finish(desk, "INC-1", item, "retrained", by=AISHA, at=later)
    scratch = Scratch([tracker.Tracker()])
    for recorded in ledger.facts():
        scratch.apply([recorded])
    with ledger.reading() as conn:
        assert list(scratch.differences(conn)) == []
        before = [tracker.get(conn, "INC-1-R1"), tracker.get(conn, "INC-1-R2")]
    scratch.close()
    rebuild(ledger)
    with ledger.reading() as conn:
        assert [tracker.get(conn, "INC-1-R1"), tracker.get(conn, "INC-1-R2")] == before
    assert all(before)


def test_planning_while_the_incident_closes_is_refused(
    desk: Desk, ledger: Ledger, incident: str, later: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-EVD-10: the step read a running incident; before it appends, the incident is over."""
    read_on = ledger.stream_after
    over: list[bool] = []

    def slow(name: str, version: int, last: bytes) -> object:
        found = read_on(name, version, last)
        if name == "remediation/INC-1" and not over:
            over.append(True)
            desk.dismiss(incident, "the labels were wrong", by=MAYA, at=later)
        return found

    monkeypatch.setattr(ledger, "stream_after", slow)
    with pytest.raises(NotAllowed, match="archived"):
        remedying.plan(desk, incident, plan(later), by=TOMAS, at=later)
    assert ledger.stream("remediation/INC-1").version == 0


def test_two_people_planning_at_once_get_two_numbers(
    desk: Desk, ledger: Ledger, incident: str, later: datetime
) -> None:
    def work(action: str) -> None:
        remedying.plan(desk, incident, replace(plan(later), action=action), by=TOMAS, at=later)

    threads = [threading.Thread(target=work, args=(f"action {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    items = remedying.remediations_of(ledger, incident).items
    assert list(items) == ["INC-1-R1", "INC-1-R2", "INC-1-R3", "INC-1-R4"]
    assert {item.action for item in items.values()} == {f"action {number}" for number in range(4)}


class TestAMonitorThatIsGone:
    """R-REM-03: what waits for a monitor that nobody watches any more is said at once, and does not wait."""

    def applied(self, desk: Desk, at: datetime, called: str = "accuracy") -> None:
        """The system's file comes into force again, its monitor called so."""
        (first,) = [one for one in desk.ledger.facts() if _is_of(one.fact)]
        assert isinstance(first.fact, SystemApplied)
        text = first.fact.text
        for place in ("id: accuracy\n", "watch: accuracy"):
            assert place in text
            text = text.replace(place, place.replace("accuracy", called))
        number = sum(isinstance(one.fact, SystemApplied) for one in desk.ledger.facts())
        anew = replace(first.fact, content=f"{number:064x}", text=text)
        self._append(desk, first.stream, anew, at)

    def withdrawn(self, desk: Desk, at: datetime) -> None:
        (first,) = [one for one in desk.ledger.facts() if _is_of(one.fact)]
        self._append(desk, first.stream, SystemWithdrawn(system=SYSTEM, title="Loan approval"), at)

    def _append(self, desk: Desk, stream: str, fact: Fact, at: datetime) -> None:
        ledger = desk.ledger
        ledger.append(Draft(stream, ledger.length(stream), [fact]), by=HELEN, at=at)
        remedying.look_for_monitors(desk, SYSTEM, by=WORKER, at=at)
        size = ledger.size()
        remedying.look_for_monitors(desk, SYSTEM, by=WORKER, at=at)
        assert ledger.size() == size  # said once

    @pytest.mark.parametrize("how", ["renamed", "withdrawn"])
    def test_its_people_hear_at_once_and_a_review_of_somebody_else_shows_it(
        self, desk: Desk, ledger: Ledger, item: str, later: datetime, how: str
    ) -> None:
        remedying.finish(desk, "INC-1", item, "retrained as 3.2", by=AISHA, at=later)
        with pytest.raises(NotAllowed, match="verified by the monitor accuracy, not by hand"):
            remedying.verify(desk, "INC-1", item, True, "seen", by=MAYA, at=later)
        if how == "renamed":
            self.applied(desk, later + DAY, "correctness")
        else:
            self.withdrawn(desk, later + DAY)
        assert ("aisha.rahman", "INC-1: nothing proves INC-1-R1 any more") in told(ledger)
        (lost,) = [one.fact for one in ledger.facts() if isinstance(one.fact, ProofLost)]
        assert "the monitor accuracy" in lost.reason or "no monitor accuracy any more" in lost.reason
        found = remedying.remediations_of(ledger, "INC-1").items[item]
        assert "somebody who did not do it reviews" in found.unprovable_said
        with pytest.raises(NotAllowed, match="somebody who did not do the work has to verify it"):
            remedying.verify(desk, "INC-1", item, True, "seen", by=AISHA, at=later + DAY)
        remedying.verify(desk, "INC-1", item, True, "100 decisions read", by=PRIYA, at=later + 2 * DAY)
        found = remedying.remediations_of(ledger, "INC-1").items[item]
        assert (found.standing, found.unprovable_said) == (Standing.VERIFIED, "")
        assert found.result.startswith("100 decisions read (Reviewed by a person, because no monitor proves")

    def test_a_monitor_that_is_watched_again_proves_it_and_nobody_else(
        self, desk: Desk, ledger: Ledger, item: str, later: datetime
    ) -> None:
        """Also an item that is not done yet is told of."""
        self.withdrawn(desk, later + DAY)
        self.applied(desk, later + 2 * DAY)
        assert [type(one.fact) for one in ledger.facts()][-1] is ProofReturned
        remedying.finish(desk, "INC-1", item, "retrained as 3.2", by=AISHA, at=later + 2 * DAY)
        with pytest.raises(NotAllowed, match="verified by the monitor accuracy, not by hand"):
            remedying.verify(desk, "INC-1", item, True, "seen", by=MAYA, at=later + 2 * DAY)


def _is_of(fact: Fact) -> bool:
    return isinstance(fact, SystemApplied) and fact.system == SYSTEM and fact.content[:40] != "0" * 40
