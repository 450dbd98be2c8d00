"""Whoever relied on what an incident said hears when that changes (R-ESC-04)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from holdfast.audit import dossier
from holdfast.incident.events import Absorbed, ImpactNoted
from holdfast.incident.loading import load
from holdfast.incident.responding import Desk, Report
from holdfast.incident.triage import measured_for_tier, measured_of
from holdfast.learn import closing, reviewing
from holdfast.ledger import timers
from holdfast.ledger.facts import Fact, decode
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.outbox import MessageQueued
from holdfast.people import IncidentRole
from holdfast.prepare.terms import Severity
from support.alerted import alert_facts
from support.company import INES, MAYA, WORKER

HOUR = timedelta(hours=1)
LOANS, ASSISTANT = "loan-approval", "customer-assistant"


def queued(ledger: Ledger, about: str) -> list[MessageQueued]:
    facts: Iterator[Fact] = (one.fact for one in ledger.facts())
    return [one for one in facts if isinstance(one, MessageQueued) and one.about == about]


def climb(desk: Desk, ledger: Ledger, until: datetime) -> None:
    fire = {"clock.breach": desk.breach_clock, "escalation.step": desk.escalate}
    while ready := timers.due(ledger, until, limit=1, wanted=lambda timer: timer.kind in fire):
        fire[ready[0].kind](ready[0], by=WORKER, at=ready[0].due)


@pytest.fixture
def opened(desk: Desk, now: datetime) -> str:
    return desk.open(Report("Letters", system=LOANS, severity=Severity.HIGH), by=INES, at=now)


def test_whoever_the_ladder_called_hears_once_who_acknowledged(
    desk: Desk, ledger: Ledger, opened: str, now: datetime
) -> None:
    """R-ESC-03, R-ESC-04."""
    climb(desk, ledger, now + 12 * HOUR)
    called = {one.person for one in load(ledger, opened).state.called_above(0)}
    assert called
    for who in (MAYA, INES):
        desk.acknowledge(opened, by=who, at=now + 13 * HOUR)
    told = queued(ledger, "acknowledged")
    assert sorted(one.to for one in told) == sorted(called - {MAYA.id})
    assert all("Maya Okafor acknowledged it." in one.text for one in told)


def test_nobody_hears_of_an_acknowledgement_whom_nobody_called(
    desk: Desk, ledger: Ledger, now: datetime
) -> None:
    opened = desk.open(Report("Letters", system=LOANS, severity=Severity.LOW), by=INES, at=now)
    assert load(ledger, opened).state.called == {}
    desk.acknowledge(opened, by=MAYA, at=now)
    assert queued(ledger, "acknowledged") == []


def test_a_corrected_system_is_told_to_team_called_and_its_owner(
    desk: Desk, ledger: Ledger, opened: str, now: datetime
) -> None:
    climb(desk, ledger, now + 12 * HOUR)
    desk.name_system(opened, ASSISTANT, "", "the answers were wrong", by=MAYA, at=now + 13 * HOUR)
    state = load(ledger, opened).state
    told = queued(ledger, "corrected")
    expected = {one.person for one in (*state.team, *state.called_above(0))}
    assert expected <= {one.to for one in told}
    assert len({one.to for one in told}) == len(told)
    assert all(f"not about {LOANS}: the answers were wrong" in one.text for one in told)


def test_a_system_named_where_none_was_is_no_correction(desk: Desk, ledger: Ledger, now: datetime) -> None:
    opened = desk.open(Report("Letters"), by=INES, at=now)
    desk.name_system(opened, LOANS, "", by=MAYA, at=now)
    assert queued(ledger, "corrected") == []


class TestAlertsOfAnotherSystem:
    """R-DET-15: which alerts are another system's follows from what the incident is about now."""

    @pytest.fixture
    def noticed(self, desk: Desk, now: datetime) -> str:
        report = Report("Drift", system=LOANS, alert=alert_facts(now, alert="ALR-1"))
        return desk.open(report, by=WORKER, at=now)

    def correct(self, desk: Desk, incident: str, *systems: str, at: datetime) -> None:
        for system in systems:
            desk.name_system(incident, system, "", "looked again", by=MAYA, at=at)

    def own(self, ledger: Ledger, incident: str) -> list[str]:
        return [one.alert for one in load(ledger, incident).state.own_alerts]

    def test_it_is_its_own_again_once_the_system_is_corrected_back(
        self, desk: Desk, ledger: Ledger, noticed: str, now: datetime
    ) -> None:
        self.correct(desk, noticed, ASSISTANT, at=now)
        assert self.own(ledger, noticed) == []
        desk.join(noticed, alert_facts(now, alert="ALR-2"), system=ASSISTANT, by=WORKER, at=now)
        assert self.own(ledger, noticed) == ["ALR-2"]
        self.correct(desk, noticed, LOANS, at=now)
        assert self.own(ledger, noticed) == ["ALR-1"]
        self.correct(desk, noticed, ASSISTANT, at=now)
        assert self.own(ledger, noticed) == ["ALR-2"]

    def test_also_where_it_was_merged_into_another_meanwhile(
        self, desk: Desk, ledger: Ledger, noticed: str, now: datetime
    ) -> None:
        self.correct(desk, noticed, ASSISTANT, at=now)
        other = desk.open(Report("Answers", system=ASSISTANT), by=INES, at=now)
        closing.merge(desk, noticed, other, "the same", by=MAYA, at=now)
        assert self.own(ledger, other) == []
        self.correct(desk, other, LOANS, at=now)
        assert self.own(ledger, other) == ["ALR-1"]

    def test_rules_read_the_alerts_of_the_system_alone(
        self, desk: Desk, ledger: Ledger, noticed: str, now: datetime
    ) -> None:
        """R-CLS-03: what an alert of another system measured proposes nothing here, whatever its value."""
        alone = load(ledger, noticed).state
        assert [facts["alert.monitor"] for facts in measured_of(alone, None)] == ["employment-years-drift"]
        self.correct(desk, noticed, ASSISTANT, at=now)
        state = load(ledger, noticed).state
        assert [facts.get("alert.monitor") for facts in measured_of(state, None)] == [None]
        assert [facts.get("alert.monitor") for facts in measured_for_tier(state, None)] == [None]
        desk.join(noticed, alert_facts(now, alert="ALR-2"), system=ASSISTANT, by=WORKER, at=now)
        assert len(measured_of(load(ledger, noticed).state, None)) == 1

    def test_report_and_review_show_the_monitors_of_the_system_alone(
        self, desk: Desk, ledger: Ledger, noticed: str, now: datetime
    ) -> None:
        """R-CLS-03: a monitor of another system has no series under this one, and the report draws none."""
        assert [one.monitor for one in dossier.gather(ledger, noticed).watched] == ["employment-years-drift"]
        self.correct(desk, noticed, ASSISTANT, at=now)
        assert dossier.gather(ledger, noticed).watched == ()
        assert reviewing.material(ledger, load(ledger, noticed).state).measurements == []
        assert load(ledger, noticed).state.alerts_of(LOANS) != ()

    def test_a_mail_does_not_give_their_reasons(
        self, desk: Desk, ledger: Ledger, noticed: str, now: datetime
    ) -> None:
        reason = load(ledger, noticed).state.alerts[0].reason
        assert any(reason in one.text for one in queued(ledger, "opened"))
        self.correct(desk, noticed, ASSISTANT, at=now)
        size = len(queued(ledger, "handed_over"))
        desk.hand_over(noticed, IncidentRole.INCIDENT_COMMANDER, INES.id, "rest", by=MAYA, at=now)
        told = queued(ledger, "handed_over")[size:]
        assert told
        assert not any(reason in one.text for one in told)

    def test_what_older_releases_said_is_read_as_another_system_s(self) -> None:
        old = {
            "incident": "INC-2",
            "other": "INC-1",
            "title": "Drift",
            "severity": None,
            "category": None,
            "began_at": None,
            "alerts": [],
            "reason": "the same",
            "foreign_alerts": ["ALR-1"],
        }
        _, read = decode(
            "incident.absorbed", {"v": 3, "by": {"kind": "person", "id": "m", "name": "M"}, "data": old}
        )
        assert isinstance(read, Absorbed)
        assert read.alert_systems == {"ALR-1": ""}


@pytest.mark.parametrize("known_here", [False, True])
def test_the_impact_of_a_merged_incident_raises_the_tier_and_is_said(
    desk: Desk, ledger: Ledger, now: datetime, known_here: bool
) -> None:
    """R-ESC-02: the tier follows from the graver of the two, the record says what is counted where."""
    for _ in range(2):
        desk.open(Report("Letters", system=LOANS, severity=Severity.MEDIUM), by=INES, at=now)
    noted = ImpactNoted(incident="INC-1", users=4100, regulatory=True, by_person=True)
    ledger.append(*desk.noted(load(ledger, "INC-1"), noted, now), by=INES, at=now)
    if known_here:
        mild = ImpactNoted(incident="INC-2", users=3, by_person=True)
        ledger.append(*desk.noted(load(ledger, "INC-2"), mild, now), by=INES, at=now)
    before = load(ledger, "INC-2").state
    closing.merge(desk, "INC-1", "INC-2", "the same letters", by=MAYA, at=now)
    state = load(ledger, "INC-2").state
    assert before.tier == 1
    assert state.tier == load(ledger, "INC-1").state.tier > 1
    assert state.impact == before.impact, "a count of another record is not taken for one made here"
    (absorbed,) = (one.fact for one in ledger.facts() if isinstance(one.fact, Absorbed))
    line = absorbed.line()
    assert "4,100 people affected. It stands on INC-1 and is not added" in line.detail


@pytest.mark.parametrize("known_between", [False, True])
def test_the_impact_is_said_to_stand_where_it_was_noted_however_often_it_is_merged_on(
    desk: Desk, ledger: Ledger, now: datetime, known_between: bool
) -> None:
    """R-ESC-02: INC-4 is sent to the record that holds the number, not to the one it came through."""
    for _ in range(4):
        desk.open(Report("Letters", system=LOANS, severity=Severity.MEDIUM), by=INES, at=now)
    noted = ImpactNoted(incident="INC-2", users=4100, by_person=True)
    ledger.append(*desk.noted(load(ledger, "INC-2"), noted, now), by=INES, at=now)
    if known_between:
        mild = ImpactNoted(incident="INC-3", users=3, by_person=True)
        ledger.append(*desk.noted(load(ledger, "INC-3"), mild, now), by=INES, at=now)
    for source, target in (("INC-2", "INC-3"), ("INC-3", "INC-4")):
        closing.merge(desk, source, target, "the same letters", by=MAYA, at=now)
    lines = [one.fact.line() for one in ledger.facts() if isinstance(one.fact, Absorbed)]
    assert [line.title.split(" merged")[0] for line in lines] == ["INC-2", "INC-3"]
    assert all("4,100 people affected. It stands on INC-2 and is not added" in line.detail for line in lines)


def known(users: int, *, at_least: bool = False) -> ImpactNoted:
    return ImpactNoted(incident="INC-1", users=users, users_at_least=at_least)


def test_the_greater_number_is_at_least_so_many_where_it_was_counted_so() -> None:
    counted, stated = known(342, at_least=True), known(300)
    assert counted.or_graver(stated).people() == stated.or_graver(counted).people()
    assert counted.or_graver(stated).users_at_least
    assert not known(400).or_graver(counted).users_at_least


def test_of_the_exposed_too_the_greater_number_is_at_least_so_many_where_it_was_counted_so() -> None:
    part = ImpactNoted(incident="INC-1", exposed_users=800, exposed_at_least=True)
    whole = ImpactNoted(incident="INC-2", exposed_users=700)
    assert part.or_graver(whole).people() == whole.or_graver(part).people() == ["at least 800 people exposed"]
    assert replace(whole, exposed_users=900).or_graver(part).people() == ["900 people exposed"]
