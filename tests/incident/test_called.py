"""Whoever was called for an incident hears what became of it (R-ESC-02, R-ESC-03, R-ESC-04)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from holdfast.incident import roles
from holdfast.incident.events import (
    Escalated,
    ImpactNoted,
    Resolved,
    TierLowered,
    TierRaised,
)
from holdfast.incident.loading import load
from holdfast.incident.responding import Desk, Report
from holdfast.learn import closing
from holdfast.ledger import timers
from holdfast.ledger.facts import Fact, decode
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.outbox import MessageQueued
from holdfast.prepare.terms import Category, Moment, Severity
from support.company import HELEN, INES, MAYA, PRIYA, WORKER

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
CRITICAL, HIGH, MEDIUM, LOW = Severity
LENDING_HEAD, RISK, PRIVACY, SECURITY = "rosa.lindqvist", "niamh.byrne", "david.osei", "samuel.adeyemi"


def told(ledger: Ledger, about: str, after: int = 0) -> set[str]:
    return {
        one.fact.to.partition("@")[0]
        for one in ledger.facts(after=after - 1)
        if isinstance(one.fact, MessageQueued) and one.fact.about == about
    }


def of(ledger: Ledger, kind: type[Fact]) -> list[Fact]:
    return [one.fact for one in ledger.facts() if isinstance(one.fact, kind)]


def note(desk: Desk, ledger: Ledger, incident: str, at: datetime, **impact: object) -> None:
    noted = ImpactNoted(incident=incident, by_person=True, **impact)  # type: ignore[arg-type]
    ledger.append(*desk.noted(load(ledger, incident), noted, at), by=INES, at=at)


def pass_by(ledger: Ledger, desk: Desk, until: datetime) -> None:
    fire = {"clock.breach": desk.breach_clock, "escalation.step": desk.escalate}
    while ready := timers.due(ledger, until, limit=1, wanted=lambda timer: timer.kind in fire):
        fire[ready[0].kind](ready[0], by=WORKER, at=ready[0].due)


@pytest.fixture
def medium(desk: Desk, now: datetime) -> str:
    incident = desk.open(Report("Wrong letters", system="loan-approval"), by=INES, at=now)
    desk.classify(incident, Category.DATA_QUALITY, MEDIUM, "looked", by=MAYA, at=now)
    return incident


class TestTiers:
    """R-ESC-02: nobody is passed over on the way up, and nobody forgotten on the way down."""

    def test_a_jump_to_the_third_tier_calls_the_second_as_well(
        self, desk: Desk, ledger: Ledger, medium: str, now: datetime
    ) -> None:
        note(desk, ledger, medium, now, external_notice=True)
        (raised,) = of(ledger, TierRaised)
        assert isinstance(raised, TierRaised)
        assert raised.tier == 3
        names = {member.person.partition("@")[0] for member in raised.told}
        assert {LENDING_HEAD, SECURITY, RISK, PRIVACY} <= names
        assert names <= told(ledger, "escalated")

    def test_a_step_from_the_second_tier_to_the_third_calls_the_third_alone(
        self, desk: Desk, ledger: Ledger, medium: str, now: datetime
    ) -> None:
        note(desk, ledger, medium, now, regulatory=True)
        before = ledger.size()
        note(desk, ledger, medium, now + MINUTE, regulatory=True, external_notice=True)
        again = told(ledger, "escalated", before)
        assert RISK in again
        assert LENDING_HEAD not in again

    def test_whoever_any_tier_called_hears_that_it_is_left(
        self, desk: Desk, ledger: Ledger, medium: str, now: datetime
    ) -> None:
        note(desk, ledger, medium, now, regulatory=True)
        note(desk, ledger, medium, now + MINUTE, regulatory=True, external_notice=True)
        before = ledger.size()
        note(desk, ledger, medium, now + HOUR, regulatory=False, external_notice=False)
        left = told(ledger, "tier left", before)
        assert {LENDING_HEAD, SECURITY, RISK, PRIVACY} <= left
        (lowered,) = of(ledger, TierLowered)
        assert isinstance(lowered, TierLowered)
        assert {member.person.partition("@")[0] for member in lowered.told} == left
        assert "Rosa Lindqvist" in lowered.line().detail

    def test_whoever_belongs_to_the_tier_that_is_left_to_is_not_told_that_theirs_is_left(
        self, desk: Desk, ledger: Ledger, medium: str, now: datetime
    ) -> None:
        note(desk, ledger, medium, now, regulatory=True, external_notice=True)
        before = ledger.size()
        note(desk, ledger, medium, now + MINUTE, regulatory=True, external_notice=False)
        left = told(ledger, "tier left", before)
        assert {RISK, PRIVACY} <= left
        assert not {LENDING_HEAD, SECURITY, "helen.marsh"} & left
        before = ledger.size()
        note(desk, ledger, medium, now + HOUR, regulatory=False, external_notice=False)
        left = told(ledger, "tier left", before)
        assert LENDING_HEAD in left
        assert not {RISK, PRIVACY} & left, "they heard it before"

    def test_whoever_was_called_hears_of_it_though_the_roster_has_changed_since(
        self, desk: Desk, ledger: Ledger, medium: str, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        note(desk, ledger, medium, now, external_notice=True)
        before, known = ledger.size(), roles.members
        monkeypatch.setattr(
            roles,
            "members",
            lambda roster, who: tuple(one for one in known(roster, who) if RISK not in one.person),
        )
        note(desk, ledger, medium, now + MINUTE, external_notice=False)
        assert RISK in told(ledger, "tier left", before)

    def test_a_lowering_of_an_older_record_is_read(self) -> None:
        data = {"incident": "INC-1", "tier": 1, "reason": "none"}
        stored = {"by": {"id": "a", "name": "A", "kind": "person"}, "data": data, "v": 1}
        assert decode("incident.tier_lowered", stored)[1] == TierLowered(
            incident="INC-1", tier=1, reason="none"
        )


class TestTheEnd:
    """Whoever was called for more than the team's own work hears how it ended (R-ESC-04)."""

    @pytest.fixture
    def called(self, desk: Desk, ledger: Ledger, medium: str, now: datetime) -> str:
        """At the third tier, under a severity whose protocol and team name no executive."""
        note(desk, ledger, medium, now, external_notice=True)
        assert not {RISK, PRIVACY} & {one.person.partition("@")[0] for one in load(ledger, medium).state.team}
        return medium

    def test_that_it_was_dismissed(self, desk: Desk, ledger: Ledger, called: str, now: datetime) -> None:
        desk.dismiss(called, "a test message", True, by=MAYA, at=now + HOUR)
        assert {RISK, PRIVACY} <= told(ledger, Moment.DISMISSED)

    def test_that_it_was_merged(self, desk: Desk, ledger: Ledger, called: str, now: datetime) -> None:
        other = desk.open(Report("The same", system="loan-approval"), by=INES, at=now)
        closing.merge(desk, called, other, "one cause", by=MAYA, at=now + HOUR)
        assert {RISK, PRIVACY} <= told(ledger, Moment.MERGED)

    def test_that_it_was_resolved(self, desk: Desk, ledger: Ledger, called: str, now: datetime) -> None:
        loaded = load(ledger, called)
        ground = desk.ground_of(loaded.state)
        ended = Resolved(incident=called, resolution="the letters are right again")
        drafts = desk.told(loaded.state, [ended], ground, now + HOUR, "")
        receivers = {draft.facts[0].to.partition("@")[0] for draft in drafts}  # type: ignore[attr-defined]
        assert {RISK, PRIVACY} <= receivers

    def test_that_it_is_reclassified_while_the_tier_stays(
        self, desk: Desk, ledger: Ledger, called: str, now: datetime
    ) -> None:
        before = ledger.size()
        desk.classify(called, Category.DATA_QUALITY, LOW, "few letters", by=MAYA, at=now + HOUR)
        assert load(ledger, called).state.tier == 3
        assert {RISK, PRIVACY} <= told(ledger, Moment.RECLASSIFIED, before)

    def test_whom_the_ladder_called_hears_it_as_well(self, desk: Desk, ledger: Ledger, now: datetime) -> None:
        incident = desk.open(Report("Wrong letters", system="loan-approval"), by=INES, at=now)
        pass_by(ledger, desk, now + timedelta(days=9))
        names = {m.person.partition("@")[0] for one in of(ledger, Escalated) for m in one.told}  # type: ignore[attr-defined]
        desk.dismiss(incident, "a test message", True, by=MAYA, at=now + timedelta(days=10))
        assert names <= told(ledger, Moment.DISMISSED)


class TestTheLadder:
    """R-ESC-03."""

    def test_a_step_that_names_nobody_is_passed_over_at_once_and_said(
        self, desk: Desk, ledger: Ledger, medium: str, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(roles, "deputies", lambda roster, state: ())
        due = load(ledger, medium).state.clocks
        first = min(clock.due for clock in due.values())
        pass_by(ledger, desk, first)
        (escalated,) = of(ledger, Escalated)
        assert isinstance(escalated, Escalated)
        assert (escalated.rung, escalated.tier) == (2, 2)
        assert escalated.told
        assert "no deputy" in escalated.reason

    def test_where_no_step_names_anybody_the_record_says_so(
        self, desk: Desk, ledger: Ledger, medium: str, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(roles, "deputies", lambda roster, state: ())
        monkeypatch.setattr(roles, "members", lambda roster, who: ())
        pass_by(ledger, desk, now + timedelta(days=9))
        (escalated,) = of(ledger, Escalated)
        assert isinstance(escalated, Escalated)
        assert escalated.next_due is None
        assert "nobody" in escalated.line().detail

    def test_a_ladder_that_begins_with_the_second_tier_does_not_speak_of_a_deputy(self) -> None:
        first = Escalated(incident="INC-1", rung=1, tier=2, told=(), reason="late", next_due=None)
        assert first.line().title == "Escalated to tier 2"


class TestAGraverReport:
    """What a reporter states below or above a person's decision decides nothing, and reaches who decides."""

    def test_whoever_may_raise_it_is_told(
        self, desk: Desk, ledger: Ledger, medium: str, now: datetime
    ) -> None:
        before = ledger.size()
        report = Report("All branches", system="loan-approval", severity=CRITICAL)
        desk.join_report(medium, report, by=HELEN, at=now + HOUR)
        assert load(ledger, medium).state.severity is MEDIUM
        assert "maya.okafor" in told(ledger, "proposal", before)
        (message,) = [
            one.fact
            for one in ledger.facts(after=before - 1)
            if isinstance(one.fact, MessageQueued) and one.fact.to == MAYA.id
        ]
        assert "SEV-1" in message.subject
        assert "Helen Marsh" in message.text
        assert "SEV-3" in message.text
        assert "the rules" not in message.subject + message.text

    def test_a_milder_one_asks_nobody(self, desk: Desk, ledger: Ledger, medium: str, now: datetime) -> None:
        before = ledger.size()
        desk.join_report(medium, Report("One", severity=LOW), by=HELEN, at=now + HOUR)
        assert not told(ledger, "proposal", before)

    def test_what_was_stated_of_an_incident_that_is_merged_goes_with_it(
        self, desk: Desk, ledger: Ledger, medium: str, now: datetime
    ) -> None:
        graver = Report("All branches", system="loan-approval", severity=CRITICAL)
        other = desk.open(graver, by=PRIYA, at=now)
        before = ledger.size()
        closing.merge(desk, other, medium, "one cause", by=MAYA, at=now + HOUR)
        state = load(ledger, medium).state
        assert (state.severity, state.classified_at) == (CRITICAL, None)
        assert state.stated_severity is CRITICAL
        assert "maya.okafor" in told(ledger, "proposal", before)
