"""Updates at the promised rhythm, and a resolution in time: warned of before, broken after. R-ESC-08."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from holdfast.incident.events import (
    CauseEstablished,
    ClockBreached,
    ClockWarned,
    ImpactNoted,
    Merged,
    Resolved,
    UpdatePosted,
)
from holdfast.incident.incident import ClockState, Incident, fold
from holdfast.incident.loading import load
from holdfast.incident.reaching import tell_of_overdue
from holdfast.incident.responding import Desk, Report
from holdfast.interfaces.cli.incident import _clock as told_at_the_terminal
from holdfast.interfaces.web.clocks import tiles
from holdfast.learn.measures import Kept, in_time, measures
from holdfast.ledger import timers
from holdfast.ledger.facts import declared, decode
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.ledger.outbox import MessageQueued, MessageSent, MessagesOverdue
from holdfast.people import IncidentRole
from holdfast.prepare import promises
from holdfast.prepare.promises import Promise
from holdfast.prepare.terms import Category, Severity
from holdfast.problems import NotAllowed
from holdfast.shapes.incidents import shown
from support.company import AISHA, HELEN, INES, MAYA, PRIYA, WORKER
from support.opened import tell

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CRITICAL, HIGH, MEDIUM, LOW = Severity
QUALITY = Category.DATA_QUALITY


@pytest.fixture
def critical(desk: Desk, ledger: Ledger, now: datetime) -> str:
    """An update is promised every hour, the resolution within five days."""
    report = Report("Letters are wrong", system="loan-approval", severity=CRITICAL)
    incident = desk.open(report, by=INES, at=now)
    desk.acknowledge(incident, by=MAYA, at=now)
    tell(ledger, incident, *load(ledger, incident).state.decide_containment("wait", "looking"), at=now)
    return incident


def clock(ledger: Ledger, promise: str, incident: str = "INC-1") -> ClockState:
    return load(ledger, incident).state.clocks[promise]


def work(desk: Desk, ledger: Ledger, at: datetime) -> None:
    """What the worker does about clocks that are due."""
    for timer in timers.due(ledger, at):
        if timer.kind == "clock.near":
            desk.warn_of_clock(timer, by=WORKER, at=at)
        elif timer.kind == "clock.breach":
            desk.breach_clock(timer, by=WORKER, at=at)


def mails(ledger: Ledger, subject: str) -> list[MessageQueued]:
    facts = (one.fact for one in ledger.facts())
    return [fact for fact in facts if isinstance(fact, MessageQueued) and subject in fact.subject]


def to(found: list[MessageQueued]) -> set[str]:
    return {one.to for one in found}


def test_every_promise_speaks_of_facts_that_are_declared() -> None:
    assert promises.spoken_of() <= set(declared())


class TestUpdates:
    def test_an_update_is_promised_from_the_opening_and_after_each_update(
        self, desk: Desk, ledger: Ledger, critical: str, now: datetime
    ) -> None:
        assert clock(ledger, "update").due == now + HOUR
        desk.post_update(critical, "Being looked into.", by=INES, at=now + 20 * MINUTE)
        found = clock(ledger, "update")
        assert (found.due, found.running, found.rounds) == (now + 80 * MINUTE, True, 1)

    def test_a_note_is_no_update(self, desk: Desk, ledger: Ledger, critical: str, now: datetime) -> None:
        desk.note(critical, "The broker called.", by=MAYA, at=now + 20 * MINUTE)
        assert clock(ledger, "update").due == now + HOUR

    def test_whoever_keeps_it_is_warned_once_with_a_quarter_left(
        self, desk: Desk, ledger: Ledger, critical: str, now: datetime
    ) -> None:
        work(desk, ledger, now + 44 * MINUTE)
        assert not mails(ledger, "waits: update")
        work(desk, ledger, now + 46 * MINUTE)
        work(desk, ledger, now + 47 * MINUTE)
        (warned,) = mails(ledger, "waits: update")
        assert warned.to == INES.id
        assert "Post an update is due by" in warned.text
        assert clock(ledger, "update").running

    def test_one_that_does_not_come_is_a_breach_that_its_mail_names(
        self, desk: Desk, ledger: Ledger, critical: str, now: datetime
    ) -> None:
        for minutes in (46, 61, 62, 180):
            work(desk, ledger, now + minutes * MINUTE)
        found = mails(ledger, "time is up for Post an update")
        assert len(to(found)) == len(found)
        assert {INES.id, MAYA.id, HELEN.id} <= to(found)
        assert all("Post an update was due" in one.text for one in found)
        assert [one.due for one in clock(ledger, "update").breaches] == [now + HOUR]

    def test_a_worker_that_slept_over_the_warning_breaks_the_promise_and_warns_of_nothing(
        self, desk: Desk, ledger: Ledger, critical: str, now: datetime
    ) -> None:
        work(desk, ledger, now + 3 * HOUR)
        kinds = [
            type(one.fact) for one in ledger.facts() if isinstance(one.fact, (ClockWarned, ClockBreached))
        ]
        assert kinds == [ClockBreached]

    def test_a_missed_update_stays_missed_and_the_next_one_counts_from_what_was_posted(
        self, desk: Desk, ledger: Ledger, critical: str, now: datetime
    ) -> None:
        work(desk, ledger, now + 61 * MINUTE)
        desk.post_update(critical, "Late, sorry.", by=INES, at=now + 90 * MINUTE)
        desk.post_update(critical, "In time.", by=INES, at=now + 120 * MINUTE)
        found = clock(ledger, "update")
        assert found.due == now + 180 * MINUTE
        assert (found.rounds, found.missed_rounds, found.breaches) == (2, (now + HOUR,), ())
        assert in_time([load(ledger, critical).state], "update", now + 121 * MINUTE) == Kept(1, 2)

    def test_one_posted_late_before_anybody_noticed_was_late(
        self, desk: Desk, ledger: Ledger, critical: str, now: datetime
    ) -> None:
        desk.post_update(critical, "Late.", by=INES, at=now + 61 * MINUTE)
        assert in_time([load(ledger, critical).state], "update", now + 62 * MINUTE) == Kept(0, 1)

    def test_it_is_written_to_the_team_and_whoever_heard_of_the_opening(
        self, desk: Desk, ledger: Ledger, critical: str, now: datetime
    ) -> None:
        desk.post_update(critical, "Broker letters are held back.", by=INES, at=now + MINUTE)
        found = mails(ledger, "has an update")
        assert all("Broker letters are held back." in one.text for one in found)
        opened = {one.to for one in mails(ledger, "") if one.about == "opened"}
        assert {MAYA.id, INES.id} <= opened <= to(found)
        assert len(to(found)) == len(found)

    @pytest.mark.parametrize("text", ["", "  \n"])
    def test_an_empty_one_is_refused(self, desk: Desk, critical: str, now: datetime, text: str) -> None:
        with pytest.raises(NotAllowed, match="how it stands"):
            desk.post_update(critical, text, by=INES, at=now)

    def test_the_rhythm_follows_the_severity_in_both_directions(
        self, desk: Desk, ledger: Ledger, critical: str, now: datetime
    ) -> None:
        desk.post_update(critical, "Looking.", by=INES, at=now + 10 * MINUTE)
        desk.classify(critical, QUALITY, HIGH, "fewer people", by=MAYA, at=now + 20 * MINUTE)
        assert clock(ledger, "update").due == now + 10 * MINUTE + DAY
        desk.classify(critical, QUALITY, LOW, "hardly any", by=MAYA, at=now + 30 * MINUTE)
        assert clock(ledger, "update").stopped
        desk.classify(critical, QUALITY, CRITICAL, "many", by=MAYA, at=now + 40 * MINUTE)
        assert clock(ledger, "update").due == now + 70 * MINUTE

    def test_one_that_was_broken_stays_so_when_a_lower_severity_promises_less(
        self, desk: Desk, ledger: Ledger, critical: str, now: datetime
    ) -> None:
        desk.classify(critical, QUALITY, HIGH, "fewer people", by=MAYA, at=now + 61 * MINUTE)
        found = clock(ledger, "update")
        assert [one.due for one in found.breaches] == [now + HOUR]
        assert found.due == now + DAY
        assert mails(ledger, "time is up for Post an update")


class TestResolving:
    def test_it_is_warned_of_broken_and_late_when_it_comes(
        self, desk: Desk, ledger: Ledger, critical: str, now: datetime
    ) -> None:
        assert clock(ledger, "resolve").due == now + 5 * DAY
        work(desk, ledger, now + 4 * DAY)
        assert to(mails(ledger, "waits: resolve")) == {MAYA.id, HELEN.id}
        work(desk, ledger, now + 5 * DAY)
        assert mails(ledger, "time is up for Resolve")
        resolved(desk, ledger, critical, now + 6 * DAY)
        found = clock(ledger, "resolve")
        assert (found.late_by, found.running) == (DAY, False)

    def test_in_time_it_is_kept_and_ends_the_promise_of_updates(
        self, desk: Desk, ledger: Ledger, critical: str, now: datetime
    ) -> None:
        resolved(desk, ledger, critical, now + 30 * MINUTE)
        assert clock(ledger, "resolve").kept
        assert clock(ledger, "update").stopped_because == "it was resolved before"
        work(desk, ledger, now + 3 * HOUR)
        assert not mails(ledger, "time is up")
        # Whoever posts one nevertheless promises no further one.
        desk.post_update(critical, "All is well.", by=INES, at=now + 40 * MINUTE)
        assert not clock(ledger, "update").running


def resolved(desk: Desk, ledger: Ledger, incident: str, at: datetime) -> None:
    state = load(ledger, incident).state
    desk.classify(incident, state.category, state.severity, "", by=MAYA, at=at)
    tell(ledger, incident, CauseEstablished(incident=incident, cause="a default"), at=at)
    state = load(ledger, incident).state
    assert state.severity is not None
    limits = desk.ground_of(state).limits(state.severity)
    tell(ledger, incident, *state.resolve("fixed", limits, at), at=at)


def test_two_that_break_in_the_same_moment_are_two_breaches_with_a_mail_each(
    desk: Desk, ledger: Ledger, now: datetime
) -> None:
    desk.open(Report("Letters", system="loan-approval", severity=CRITICAL), by=INES, at=now)
    work(desk, ledger, now + 15 * MINUTE)
    broken = [one.fact for one in ledger.facts() if isinstance(one.fact, ClockBreached)]
    assert [fact.clock for fact in broken] == ["acknowledge", "contain"]
    assert to(mails(ledger, "time is up for Acknowledge"))
    assert to(mails(ledger, "time is up for Acknowledge")) == to(mails(ledger, "time is up for Decide"))


@pytest.mark.parametrize(
    "ends",
    [
        lambda state, other, now: state.dismiss("a test", False, now),
        lambda state, other, now: state.merge_into(other, "the same", now),
    ],
    ids=["dismissed", "merged"],
)
def test_what_ends_an_incident_ends_every_promise(
    desk: Desk, ledger: Ledger, critical: str, now: datetime, ends: Callable[..., list[Merged | Resolved]]
) -> None:
    other = desk.open(Report("Letters", system="loan-approval"), by=AISHA, at=now)
    tell(
        ledger,
        critical,
        *ends(load(ledger, critical).state, load(ledger, other).state, now + MINUTE),
        at=now + MINUTE,
    )
    assert not any(one.running for one in load(ledger, critical).state.clocks.values())
    assert not timers.armed(ledger, f"{critical}/clock")
    with pytest.raises(NotAllowed):
        desk.post_update(critical, "still there", by=PRIYA, at=now + 2 * MINUTE)


def test_clocks_of_earlier_releases_warn_of_nothing(now: datetime) -> None:
    stored = {
        "incident": "INC-1",
        "clock": "contain",
        "due": "2026-11-23T10:42:00.000000Z",
        "limit_seconds": 900,
    }
    for name in ("clock.started", "clock.moved"):
        for version, data in ((1, stored), (2, {**stored, "missed": False})):
            by = {"id": "holdfast", "kind": "system", "name": "Holdfast"}
            _, fact = decode(name, {"by": by, "data": data, "v": version})
            (armed,) = fact.timers()
            assert armed.kind == "clock.breach"  # type: ignore[union-attr]


def test_a_promise_that_this_release_does_not_know_reads_as_its_id() -> None:
    state = Incident()
    assert promises.named("tell_the_regulator").due == "Tell the regulator"
    assert fold([]) == state


def test_an_update_reads_as_one() -> None:
    line = UpdatePosted(incident="INC-1", text="Held back.").line()
    assert (line.title, line.detail) == ("Update posted", "Held back.")


class TestMessagesInTime:
    """What the protocol says under `within` is a promise about each message. R-ESC-04."""

    def overdue(self, ledger: Ledger, at: datetime) -> int:
        """What the worker does about messages that were not sent in time; returns how often."""
        fired = 0
        for timer in timers.due(ledger, at):
            if timer.kind == "message.late" and timer in timers.due(ledger, at):
                tell_of_overdue(ledger, "UTC", timer, by=WORKER, at=at)
                fired += 1
        return fired

    def sent(self, ledger: Ledger, one: MessageQueued, at: datetime) -> None:
        stream = ledger.stream(f"message/{one.message}")
        fact = MessageSent(message=one.message, incident=one.incident, to=one.to, receipt="250 ok")
        ledger.append(Draft(stream.name, stream.version, [fact]), by=WORKER, at=at)

    def promised(self, ledger: Ledger) -> list[MessageQueued]:
        return [one for one in mails(ledger, "") if one.within_seconds]

    def test_those_that_are_not_sent_in_time_are_told_once_to_somebody_who_waits_for_none(
        self, desk: Desk, ledger: Ledger, critical: str, now: datetime
    ) -> None:
        queued = self.promised(ledger)
        assert {one.within_seconds for one in queued} == {300}
        waits = [one for one in queued if one.to != MAYA.id]
        for one in queued:
            if one not in waits:
                self.sent(ledger, one, now + MINUTE)
        assert self.overdue(ledger, now + 4 * MINUTE) == 0
        assert self.overdue(ledger, now + 5 * MINUTE) == 1
        assert self.overdue(ledger, now + 60 * MINUTE) == 0
        (told,) = mails(ledger, "not sent in time")
        assert told.to == MAYA.id
        assert all((one.name or one.to) in told.text for one in waits)
        (fact,) = [one.fact for one in ledger.facts() if isinstance(one.fact, MessagesOverdue)]
        assert set(fact.messages) == {one.message for one in waits}

    def test_those_that_are_sent_in_time_are_nobodys_business(
        self, desk: Desk, ledger: Ledger, critical: str, now: datetime
    ) -> None:
        for one in self.promised(ledger):
            self.sent(ledger, one, now + 4 * MINUTE)
        assert self.overdue(ledger, now + DAY) == 0

    def test_messages_of_earlier_releases_promise_no_time(self) -> None:
        data = {"message": "m", "channel": "email", "to": "a@example.com", "subject": "s", "text": "t"}
        by = {"id": "holdfast", "kind": "system", "name": "Holdfast"}
        _, fact = decode("message.queued", {"by": by, "data": data, "v": 2})
        assert not list(fact.timers())


def test_a_statutory_clock_is_one_row(
    desk: Desk, ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recipe of CONTRIBUTING.md: from the row come clock, warning, breach, mail, page, API, terminal and
    measures. R-ESC-07."""
    row = Promise(
        id="tell_the_authority",
        due="Notify the authority",
        done="Authority notified",
        short="notify",
        within=lambda playbook, severity: timedelta(hours=72),
        counts_from=("incident.impact_noted",),
        since="when it became known",
        met_by=("incident.note_added",),
        kept_by=IncidentRole.COMPLIANCE_LEAD,
        warns=True,
        basis="Regulation (EU) 2016/679, article 33(1)",
    )
    monkeypatch.setitem(promises.TABLE, row.id, row)
    incident = desk.open(Report("Letters", system="loan-approval", severity=HIGH), by=INES, at=now)
    assert row.id not in load(ledger, incident).state.clocks

    known = ImpactNoted(incident=incident, users=12, breach=True, by_person=True)
    aware = now + 2 * HOUR
    ledger.append(*desk.noted(load(ledger, incident), known, aware), by=HELEN, at=aware)
    assert clock(ledger, row.id).due == aware + 72 * HOUR

    work(desk, ledger, aware + 54 * HOUR)
    assert to(mails(ledger, "waits: notify")) == {HELEN.id}
    work(desk, ledger, aware + 73 * HOUR)
    broken = mails(ledger, "time is up for Notify the authority")
    assert HELEN.id in to(broken)

    state, later = load(ledger, incident).state, aware + 74 * HOUR
    (tile,) = [one for one in tiles(state, [], {}, later) if one.title == "Notify the authority"]
    assert (tile.state, "2016/679" in tile.detail) == ("late", True)
    (told,) = [one for one in shown(state).clocks if one.clock == row.id]
    assert (told.says, told.basis) == (row.due, row.basis)
    assert told_at_the_terminal(told, later)[0] == row.due

    desk.note(incident, "The authority was told by telephone.", by=HELEN, at=later)
    assert clock(ledger, row.id).late_by == 2 * HOUR
    assert measures([load(ledger, incident).state], 0, later).kept[row.id] == Kept(0, 1)
