"""Whoever is given a role hears once what is open for it (R-ESC-08, R-ESC-04)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from holdfast.application import Application
from holdfast.incident import asking
from holdfast.incident.asking import Asked
from holdfast.incident.incident import Incident
from holdfast.incident.loading import load
from holdfast.incident.responding import Report
from holdfast.learn import handing_over, remedying
from holdfast.learn.events import Method
from holdfast.learn.remediation import Plan, Wanted
from holdfast.ledger.outbox import MessageQueued
from holdfast.people import IncidentRole
from holdfast.prepare.terms import Category, RemediationKind, Severity
from support.company import AISHA, HELEN, INES, MAYA, PRIYA, TOMAS
from support.growing import DAY, LOANS, MINUTE, company, messages
from support.opened import tell

COMMANDER = IncidentRole.INCIDENT_COMMANDER
LEAD = IncidentRole.TECHNICAL_LEAD


@pytest.fixture
def lender(database_url: str, tmp_path: Path, now: datetime) -> Application:
    made = company(tmp_path / "company", database_url, now)
    report = Report("Letters are wrong", system=LOANS, severity=Severity.HIGH)
    made.desk.declare(report, by=INES, at=now)
    return made


def state(lender: Application) -> Incident:
    return load(lender.ledger, "INC-1").state


def hand_over(lender: Application, role: IncidentRole, to: str, at: datetime) -> list[MessageQueued]:
    before = lender.ledger.size()
    handing_over.hand_over(lender.desk, "INC-1", role, to, "the night shift", by=MAYA, at=at)
    return [one for one in messages(lender, before - 1) if one.about == handing_over.HANDED_ON]


def test_the_new_commander_hears_what_the_old_one_was_asked_for(lender: Application, now: datetime) -> None:
    offer = lender.containing.offers("INC-1")[0]
    lender.containing.propose("INC-1", offer.option, "to be safe", by=AISHA, at=now)
    (told,) = hand_over(lender, COMMANDER, PRIYA.id, now + MINUTE)
    assert told.to == PRIYA.id
    assert "open for its incident commander" in told.subject
    assert "- Nobody has acknowledged INC-1." in told.text
    assert f"- INC-1-C1 ({offer.name}) is proposed and waits for approval." in told.text
    due = state(lender).clocks["contain"]
    assert f"- {due.says}, due {due.due:%d %b}" in told.text
    assert hand_over(lender, COMMANDER, PRIYA.id, now + 2 * MINUTE) == [], "once"


def test_whoever_took_the_role_over_hears_when_what_was_asked_is_done(
    lender: Application, now: datetime
) -> None:
    """As whoever was asked does."""
    offer = lender.containing.offers("INC-1")[0]
    lender.containing.propose("INC-1", offer.option, "to be safe", by=AISHA, at=now)

    def asked() -> set[str]:
        return {one.person for one in asking.asked(lender.ledger, state(lender), Asked.CONTAINMENT)}

    before = asked()
    assert MAYA.id in before
    hand_over(lender, IncidentRole.COMMUNICATIONS_LEAD, HELEN.id, now)
    assert asked() == before, "nobody was asked as communications lead"
    hand_over(lender, COMMANDER, PRIYA.id, now)
    assert asked() == before | {PRIYA.id}


def test_remediation_of_the_old_holder_is_named_and_stays_theirs(lender: Application, now: datetime) -> None:
    lender.desk.acknowledge("INC-1", by=TOMAS, at=now)
    lender.desk.classify(
        "INC-1", Category.PERFORMANCE_DEGRADATION, Severity.HIGH, "as it looks", by=MAYA, at=now
    )
    tell(lender.ledger, "INC-1", *state(lender).establish_cause("a default"), at=now)
    wanted = Wanted(Method.TEST, "the feed test refuses months")
    plan = Plan("Check units", RemediationKind.CODE_FIX, TOMAS.id, now + 20 * DAY, wanted)
    remedying.plan(lender.desk, "INC-1", plan, by=TOMAS, at=now)
    (told,) = hand_over(lender, LEAD, AISHA.id, now + MINUTE)
    assert "INC-1-R1 stays with Tomas Lind, planned, until" in told.text
    assert "Nobody has acknowledged" not in told.text


def test_a_role_for_which_nothing_is_open_brings_no_second_mail(lender: Application, now: datetime) -> None:
    lender.desk.acknowledge("INC-1", by=TOMAS, at=now)
    assert hand_over(lender, IncidentRole.DATA_SCIENCE_LEAD, AISHA.id, now + MINUTE) == []
