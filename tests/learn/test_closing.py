"""Resolved when the fix is shown to work, closed when all is done, and archived (R-EVD-10, R-PIR-02)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from holdfast.contain.events import ContainmentApplied, ContainmentProposed, ContainmentReverted
from holdfast.evidence import custody
from holdfast.evidence.capture import Found
from holdfast.evidence.events import Kind
from holdfast.incident.events import Resolved, Reviewed
from holdfast.incident.incident import Status
from holdfast.incident.loading import load
from holdfast.incident.responding import Desk
from holdfast.investigate import analysing, assessing
from holdfast.investigate.cause import Analysis
from holdfast.investigate.counting import Counted
from holdfast.investigate.events import Statement, UserImpact
from holdfast.investigate.impact import Assessment
from holdfast.investigate.links import parse
from holdfast.learn import closing, remedying, reviewing
from holdfast.learn.events import Method
from holdfast.learn.remediation import Plan, Wanted
from holdfast.ledger import tables, timers
from holdfast.ledger.facts import Fact
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.ledger.outbox import MessageQueued
from holdfast.prepare.terms import ContainmentKind, Moment, RemediationKind, ReviewQuestion
from holdfast.problems import NotAllowed
from support.company import AISHA, HELEN, MAYA, PRIYA, TOMAS, WORKER
from support.measured import DAY
from support.opened import tell

Step = Callable[[Desk, datetime], object]


def plan(now: datetime) -> Plan:
    wanted = Wanted(Method.TEST, "the feed test refuses months")
    return Plan("Check units", RemediationKind.CODE_FIX, AISHA.id, now + 10 * DAY, wanted)


@pytest.fixture
def later(now: datetime) -> datetime:
    return now + timedelta(hours=5)


@pytest.fixture
def verified(desk: Desk, incident: str, later: datetime) -> str:
    """The incident with one remediation verified by a test."""
    item = remedying.plan(desk, incident, plan(later), by=TOMAS, at=later)
    remedying.finish(desk, incident, item, "the feed is checked", by=AISHA, at=later)
    remedying.verify(desk, incident, item, True, "test 7 passes", by=PRIYA, at=later)
    return incident


@pytest.fixture
def reviewed(desk: Desk, verified: str, later: datetime) -> str:
    """Resolved and reviewed: ready to be closed."""
    closing.resolve(desk, verified, "Retrained.", by=MAYA, at=later)
    reviewing.draft(desk, verified, by=MAYA, at=later)
    rest = {
        ReviewQuestion.IMPACT: "none so far",
        ReviewQuestion.COULD_BE_BETTER: "we heard of the change too late",
        ReviewQuestion.WILL_CHANGE: "units are checked",
    }
    reviewing.edit(desk, verified, rest, ["Maya Okafor"], by=MAYA, at=later)
    reviewing.complete(desk, verified, by=MAYA, at=later)
    return verified


@pytest.fixture
def closed(desk: Desk, reviewed: str, later: datetime) -> str:
    closing.close(desk, reviewed, "Retrained, checked, reviewed.", by=MAYA, at=later)
    return reviewed


def messages(ledger: Ledger, about: Moment) -> list[MessageQueued]:
    facts = (recorded.fact for recorded in ledger.facts())
    return [fact for fact in facts if isinstance(fact, MessageQueued) and fact.about == about]


def test_a_resolution_is_told_to_the_team_in_the_words_of_who_resolved(
    desk: Desk, ledger: Ledger, verified: str, later: datetime
) -> None:
    closing.resolve(desk, verified, "Retrained.", by=MAYA, at=later)
    told = messages(ledger, Moment.RESOLVED)
    assert {one.to for one in told} >= {member.person for member in load(ledger, verified).state.team}
    assert all(one.subject.startswith(f"{verified} is resolved") and "Retrained." in one.text for one in told)


def test_a_resolution_without_proof_says_so_in_the_mail(
    desk: Desk, ledger: Ledger, incident: str, later: datetime
) -> None:
    closing.resolve(desk, incident, "Rolled back.", "labels take a month", by=MAYA, at=later)
    told = messages(ledger, Moment.RESOLVED)
    assert told
    assert all("(No remediation is verified: labels take a month)" in one.text for one in told)


def test_a_promise_found_broken_at_the_resolution_is_told_as_well(
    desk: Desk, ledger: Ledger, verified: str, later: datetime
) -> None:
    """No worker was there to find it before."""
    assert load(ledger, verified).state.clocks["contain"].running
    closing.resolve(desk, verified, "Retrained.", by=MAYA, at=later + 30 * DAY)
    assert any("contain" in one.subject.lower() for one in messages(ledger, Moment.CLOCK_BREACHED))


def test_a_closing_is_told_to_the_team(desk: Desk, ledger: Ledger, closed: str) -> None:
    told = messages(ledger, Moment.CLOSED)
    assert {one.to for one in told} >= {member.person for member in load(ledger, closed).state.team}


def put_in_force(ledger: Ledger, at: datetime) -> None:
    """The model is switched off, as the facts of containment tell it."""
    proposed = ContainmentProposed(
        incident="INC-1",
        containment="INC-1-C1",
        system="loan-approval",
        action="model-off",
        option="loan-approval-off",
        name="Model off",
        kind=ContainmentKind.MODEL_OFF,
        flag="loan-approval",
        segment={},
        does="nobody is decided on",
        undo="switch it on",
        expected_seconds=60,
        watch=None,
        reason="",
    )
    applied = ContainmentApplied(
        incident="INC-1",
        containment="INC-1-C1",
        name="Model off",
        system="loan-approval",
        kind=ContainmentKind.MODEL_OFF,
        flag="loan-approval",
        segment={},
    )
    ledger.append(Draft("containment/INC-1-C1", 0, [proposed, applied]), by=TOMAS, at=at)


class TestResolving:
    def test_it_needs_a_verified_remediation(
        self, desk: Desk, ledger: Ledger, incident: str, later: datetime
    ) -> None:
        with pytest.raises(NotAllowed, match=r"no remediation of INC-1 is verified yet \(none is planned\)"):
            closing.resolve(desk, incident, "Retrained.", by=MAYA, at=later)
        remedying.plan(desk, incident, plan(later), by=TOMAS, at=later)
        with pytest.raises(NotAllowed, match=r"\(INC-1-R1\)"):
            closing.resolve(desk, incident, "Retrained.", by=MAYA, at=later)
        assert load(ledger, incident).state.status is Status.OPEN

    def test_or_a_reason_to_go_without_that_is_kept(
        self, desk: Desk, ledger: Ledger, incident: str, later: datetime
    ) -> None:
        closing.resolve(desk, incident, "Rolled back. ", "labels take a month", by=MAYA, at=later)
        (resolved,) = [one.fact for one in ledger.facts() if one.fact.type == "incident.resolved"]
        line = resolved.line()
        assert line is not None
        assert line.detail == "Rolled back. (No remediation is verified: labels take a month)"

    def test_with_one_it_starts_the_clock_of_the_review(
        self, desk: Desk, ledger: Ledger, verified: str, later: datetime
    ) -> None:
        closing.resolve(desk, verified, "Retrained.", "not needed", by=MAYA, at=later)
        state = load(ledger, verified).state
        within = desk.ground_of(state).playbook.review_within(state.severity)  # type: ignore[arg-type]
        assert within is not None
        assert state.clocks["review"].due == later + within
        (resolved,) = [one.fact for one in ledger.facts() if one.fact.type == "incident.resolved"]
        line = resolved.line()
        assert line is not None
        assert line.detail == "Retrained."

    def test_a_second_time_nothing_happens(
        self, desk: Desk, ledger: Ledger, verified: str, later: datetime
    ) -> None:
        closing.resolve(desk, verified, "Retrained.", by=MAYA, at=later)
        before = ledger.size()
        closing.resolve(desk, verified, "Retrained.", by=MAYA, at=later)
        assert ledger.size() == before


class TestRefusingToClose:
    def test_without_the_review_the_playbook_requires(
        self, desk: Desk, verified: str, later: datetime
    ) -> None:
        """R-PIR-02."""
        closing.resolve(desk, verified, "Retrained.", by=MAYA, at=later)
        with pytest.raises(NotAllowed, match="requires a completed review before closing"):
            closing.close(desk, verified, "Done.", by=MAYA, at=later)

    def test_without_the_authority(self, desk: Desk, ledger: Ledger, reviewed: str, later: datetime) -> None:
        """R-ESC-05."""
        before = ledger.size()
        with pytest.raises(NotAllowed, match="Tomas Lind may not resolve or close an incident"):
            closing.close(desk, reviewed, "Done.", by=TOMAS, at=later)
        with pytest.raises(NotAllowed, match="a person must decide"):
            closing.close(desk, reviewed, "Done.", by=WORKER, at=later)
        assert ledger.size() == before
        closing.close(desk, reviewed, "Done.", by=HELEN, at=later)

    def test_while_a_remediation_is_open(self, desk: Desk, reviewed: str, later: datetime) -> None:
        item = remedying.plan(desk, reviewed, plan(later), by=TOMAS, at=later)
        with pytest.raises(NotAllowed, match=r"INC-1-R2 \(planned\) is open.*withdraw it with a reason"):
            closing.close(desk, reviewed, "Done.", by=MAYA, at=later)
        remedying.withdraw(desk, reviewed, item, "the feed is retired", by=TOMAS, at=later)
        closing.close(desk, reviewed, "Done.", by=MAYA, at=later)

    def test_while_a_containment_is_in_force(
        self, desk: Desk, ledger: Ledger, reviewed: str, later: datetime
    ) -> None:
        """After closing it could not be reverted in the record."""
        put_in_force(ledger, later)
        with pytest.raises(NotAllowed, match=r"INC-1-C1 \(Model off\) is still in force.*revert it"):
            closing.close(desk, reviewed, "Done.", by=MAYA, at=later)
        reverted = ContainmentReverted(
            incident="INC-1", containment="INC-1-C1", name="Model off", roles=(), reason="fixed"
        )
        stream = ledger.stream("containment/INC-1-C1")
        ledger.append(Draft(stream.name, stream.version, [reverted]), by=TOMAS, at=later)
        closing.close(desk, reviewed, "Done.", by=MAYA, at=later)

    def test_without_a_sentence(self, desk: Desk, reviewed: str, later: datetime) -> None:
        with pytest.raises(NotAllowed, match="say in a sentence how it ended"):
            closing.close(desk, reviewed, " ", by=MAYA, at=later)


class TestArchive:
    """R-EVD-10."""

    def test_closing_fixes_the_digest_of_everything_the_record_holds(
        self, desk: Desk, ledger: Ledger, reviewed: str, later: datetime
    ) -> None:
        recorded = [one for one in ledger.facts() if one.incident == reviewed]
        digest = closing.close(desk, reviewed, "Done.", by=MAYA, at=later)
        assert digest == closing.record_digest(recorded)
        assert {"impact", "cause", "review", "remediation", "evidence", "message", "incident"} >= {
            one.stream.partition("/")[0] for one in recorded
        }
        assert load(ledger, reviewed).state.status is Status.CLOSED
        assert closing.digest_of_closed(ledger, reviewed) == digest
        assert closing.archive_problem(ledger, reviewed) is None

    def test_the_digest_holds_where_closing_stopped_clocks_that_were_still_running(
        self, desk: Desk, ledger: Ledger, verified: str, later: datetime
    ) -> None:
        """As in a record of a release that let clocks run on after the resolution."""
        resolved = Resolved(incident=verified, resolution="Retrained.")
        tell(ledger, verified, resolved, Reviewed(incident=verified, review="review/INC-1"), at=later)
        clock = load(ledger, verified).state.clocks["contain"]
        assert clock.running
        closing.close(desk, verified, "Done.", by=MAYA, at=clock.due)
        assert closing.archive_problem(ledger, verified) is None
        closed = load(ledger, verified).state.clocks["contain"]
        assert not closed.running
        assert closed.missed == clock.due
        assert timers.armed(ledger, verified) == []

    def test_those_who_follow_it_are_told(
        self, desk: Desk, ledger: Ledger, reviewed: str, later: datetime
    ) -> None:
        """R-ESC-04."""
        before = ledger.size()
        closing.close(desk, reviewed, "Done.", by=MAYA, at=later)
        told = [one.fact.to for one in ledger.facts(after=before) if isinstance(one.fact, MessageQueued)]
        assert MAYA.id in told
        assert len(told) == len(set(told))

    def test_evidence_that_comes_in_while_it_closes_is_refused(
        self, desk: Desk, ledger: Ledger, reviewed: str, later: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Closed between reading and appending: nothing stands beside the archive."""
        append = ledger.append
        done: list[bool] = []

        def slow(*drafts: Draft, **how: object) -> object:
            if not done:
                done.append(True)
                closing.close(desk, reviewed, "Done.", by=MAYA, at=later)
            return append(*drafts, **how)  # type: ignore[arg-type]

        before = len(custody.items(ledger.stream(custody.stream_of(reviewed)).events))
        monkeypatch.setattr(ledger, "append", slow)
        found = Found(Kind.INVESTIGATION_NOTES, "Minutes", "minutes.txt", b"what was said", "uploaded")
        with pytest.raises(NotAllowed, match="archived"):
            desk.keep(reviewed, found, by=AISHA, at=later)
        assert len(custody.items(ledger.stream(custody.stream_of(reviewed)).events)) == before
        assert closing.archive_problem(ledger, reviewed) is None

    def test_a_fact_that_comes_in_while_it_closes_is_in_the_digest(
        self, desk: Desk, ledger: Ledger, reviewed: str, later: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever looks at evidence between reading and appending is not left out."""
        append = ledger.append
        done: list[bool] = []

        def slow(*drafts: Draft, **how: object) -> object:
            if not done:
                done.append(True)
                custody.refuse(ledger, reviewed, "EV-1", "no access", by=AISHA, at=later)
            return append(*drafts, **how)  # type: ignore[arg-type]

        monkeypatch.setattr(ledger, "append", slow)
        closing.close(desk, reviewed, "Done.", by=MAYA, at=later)
        monkeypatch.undo()
        assert closing.archive_problem(ledger, reviewed) is None
        record = [one for one in ledger.facts() if one.incident == reviewed]
        position = {one.fact.type: one.seq for one in record}
        assert position["evidence.accessed"] < position["incident.closed"]

    def test_what_happens_to_the_archive_is_still_recorded_and_leaves_it_whole(
        self, desk: Desk, ledger: Ledger, closed: str, later: datetime
    ) -> None:
        """R-EVD-06: every access is on the record, also after closing."""
        custody.refuse(ledger, closed, "EV-1", "no access", by=AISHA, at=later)
        assert closing.archive_problem(ledger, closed) is None

    def test_an_edited_fact_of_the_record_is_noticed(self, desk: Desk, ledger: Ledger, closed: str) -> None:
        """R-EVD-04, as far as this digest goes: the ledger's own check names the entry."""
        seq = next(one.seq for one in ledger.facts() if one.fact.type == "cause.analysed")
        facts = tables.facts
        with ledger.database.writing() as conn:
            conn.execute(update(facts).where(facts.c.seq == seq).values(leaf_hash=b"\x00" * 32))
        problem = closing.archive_problem(ledger, closed)
        assert problem is not None
        assert "is not the one that was closed" in problem

    @pytest.mark.parametrize("kind", ["cause.analysed", "incident.closed"])
    def test_an_edited_content_is_noticed_though_its_stored_hash_was_left(
        self, desk: Desk, ledger: Ledger, closed: str, kind: str
    ) -> None:
        """What a page shows green was computed from the content it shows, not read from beside it."""
        facts = tables.facts
        with ledger.database.writing() as conn:
            row = conn.execute(select(facts).where(facts.c.type == kind)).first()
            assert row is not None
            edited = bytes(row.payload).replace(b'"kind":"person"', b'"kind":"agent"')
            assert edited != bytes(row.payload)
            conn.execute(update(facts).where(facts.c.seq == row.seq).values(payload=edited))
        problem = closing.archive_problem(ledger, closed)
        assert problem is not None
        assert f"fact {row.seq}: its content is not what the header commits to" in problem

    def test_an_incident_that_is_not_closed_has_no_archive(
        self, desk: Desk, ledger: Ledger, incident: str
    ) -> None:
        with pytest.raises(NotAllowed, match="is not closed"):
            closing.archive_problem(ledger, incident)


def reassess(loaded: object, noted: Fact, at: datetime) -> list[Draft]:
    raise AssertionError("an archived incident is not assessed again")


class Counter:
    def count(self, system: str, start: datetime, end: datetime, where: object) -> Counted:
        raise AssertionError("an archived incident is not counted again")


AFTERWARDS: dict[str, Step] = {
    "note": lambda desk, at: desk.note("INC-1", "one more thing", by=MAYA, at=at),
    "acknowledge": lambda desk, at: desk.acknowledge("INC-1", by=MAYA, at=at),
    "dismiss": lambda desk, at: desk.dismiss("INC-1", "it was none", by=MAYA, at=at),
    "assess": lambda desk, at: assessing.assess(
        desk.ledger, "INC-1", Assessment(UserImpact("x")), reassess=reassess, by=MAYA, at=at
    ),
    "count": lambda desk, at: assessing.count(
        desk.ledger, Counter(), "INC-1", at - DAY, at, reassess=reassess, by=MAYA, at=at
    ),
    "analyse": lambda desk, at: analysing.analyse(
        desk.ledger,
        "INC-1",
        Analysis((Statement("x", (parse("monitor:accuracy"),)),)),
        monitors=["accuracy"],
        by=MAYA,
        at=at,
    ),
    "plan": lambda desk, at: remedying.plan(desk, "INC-1", plan(at), by=TOMAS, at=at),
    "start": lambda desk, at: remedying.start(desk, "INC-1", "INC-1-R1", by=TOMAS, at=at),
    "finish": lambda desk, at: remedying.finish(desk, "INC-1", "INC-1-R1", "x", by=TOMAS, at=at),
    "verify": lambda desk, at: remedying.verify(desk, "INC-1", "INC-1-R1", False, "x", by=PRIYA, at=at),
    "withdraw": lambda desk, at: remedying.withdraw(desk, "INC-1", "INC-1-R1", "x", by=TOMAS, at=at),
    "draft": lambda desk, at: reviewing.draft(desk, "INC-1", by=MAYA, at=at),
    "edit": lambda desk, at: reviewing.edit(desk, "INC-1", {ReviewQuestion.IMPACT: "other"}, by=MAYA, at=at),
    "complete": lambda desk, at: reviewing.complete(desk, "INC-1", [plan(at)], by=MAYA, at=at),
    "resolve": lambda desk, at: closing.resolve(desk, "INC-1", "again", by=MAYA, at=at),
    "close": lambda desk, at: closing.close(desk, "INC-1", "again", by=MAYA, at=at),
}


def test_every_step_on_a_closed_incident_is_refused(
    desk: Desk, ledger: Ledger, closed: str, later: datetime
) -> None:
    """R-EVD-10: nothing can be appended to any stream of the incident."""
    before = ledger.size()
    for name, step in AFTERWARDS.items():
        with pytest.raises(NotAllowed, match="archived"):
            step(desk, later)
        assert ledger.size() == before, name


def test_facts_told_here_are_of_the_incident(desk: Desk, ledger: Ledger, closed: str) -> None:
    """What the record is made of names the incident, so that nothing is told beside it."""
    ours = ("impact", "cause", "remediation", "review")
    told = [one for one in ledger.facts() if one.stream.partition("/")[0] in ours]
    assert told
    assert {one.incident for one in told} == {closed}
