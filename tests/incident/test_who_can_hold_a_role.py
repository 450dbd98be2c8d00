"""R-ESC-05, R-XCT-01: a role or a task goes to people whose access lets them do what it asks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from holdfast.application import Application
from holdfast.incident.loading import load
from holdfast.incident.responding import Report
from holdfast.learn.events import Method
from holdfast.learn.remediation import Plan, Remediations, Wanted
from holdfast.people import IncidentRole
from holdfast.prepare.documents import Unusable
from holdfast.prepare.starting import write_workspace
from holdfast.prepare.terms import RemediationKind, Severity
from holdfast.prepare.workspace import load_workspace
from holdfast.problems import NotAllowed
from support.company import MAYA, TOMAS, person
from support.growing import DAY, LOANS, company

NADIA = person("Nadia Petrov")
"""IT administrator: she may apply files and manage accounts, and cannot respond."""


@pytest.fixture
def lender(database_url: str, tmp_path: Path, now: datetime) -> Application:
    made = company(tmp_path / "company", database_url, now)
    made.desk.declare(Report("Letters are wrong", system=LOANS, severity=Severity.HIGH), by=MAYA, at=now)
    return made


@pytest.mark.parametrize("role", IncidentRole)
def test_no_role_is_handed_to_somebody_who_may_not_respond(
    lender: Application, now: datetime, role: IncidentRole
) -> None:
    before = load(lender.ledger, "INC-1").state.team
    with pytest.raises(NotAllowed, match=r"^Nadia Petrov may not respond to an incident \(access: admini"):
        lender.desk.hand_over("INC-1", role, NADIA.id, "", by=MAYA, at=now)
    assert load(lender.ledger, "INC-1").state.team == before


def test_no_remediation_is_given_to_somebody_who_may_not_respond(lender: Application, now: datetime) -> None:
    state = replace(load(lender.ledger, "INC-1").state, cause="a changed schema")
    ground = lender.desk.ground_of(state)
    plan = Plan("mend it", RemediationKind.CODE_FIX, NADIA.id, now + DAY, Wanted(Method.MONITOR))
    with pytest.raises(NotAllowed, match=r"^Nadia Petrov may not respond .*can hold no task"):
        Remediations("INC-1").plan(plan, state, ground.playbook, ground.roster, ground.system, now)
    assert NADIA.id not in {one.id for one in ground.roster.actors()}, "nor does the page offer her"


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        ("holder: maya.okafor@", "holder: nadia.petrov@", "roles.incident_commander.holder"),
        ("deputies: [jonas.keller@", "deputies: [nadia.petrov@", "roles.data_science_lead.deputies[0]"),
        ("  - aisha.rahman@", "  - nadia.petrov@", "on_call[0]"),
        ("access: [administrator]", "access: [administrator]\n    functions: [security]", "functions"),
    ],
)
def test_a_roster_that_gives_a_role_to_somebody_who_may_not_respond_is_told_at_its_line(
    tmp_path: Path, before: str, after: str, where: str
) -> None:
    write_workspace(tmp_path)
    path = tmp_path / "roster.yaml"
    text = path.read_text()
    at = text.rindex(before)
    path.write_text(text[:at] + after + text[at + len(before) :])
    with pytest.raises(Unusable) as refused:
        load_workspace(tmp_path)
    (problem,) = [one for one in refused.value.problems if "may not respond to an incident" in one.cause]
    assert where in str(problem)
    assert "add responder to their access" in problem.fix


# Confirming ----------------------------------------------------------------------------------------


def test_without_values_what_the_rules_propose_is_confirmed(lender: Application, now: datetime) -> None:
    """R-CLS-03. Lowered by a person, the rules go on proposing what they did."""
    lender.desk.classify("INC-1", None, Severity.LOW, "a test feed", by=MAYA, at=now)
    state = load(lender.ledger, "INC-1").state
    assert state.severity is Severity.LOW
    assert state.proposed
    assert state.proposed.severity is not Severity.LOW
    later = now + timedelta(minutes=1)
    lender.desk.classify("INC-1", None, None, "", by=TOMAS, at=later)
    state = load(lender.ledger, "INC-1").state
    assert state.proposed
    assert (state.severity, state.category) == (state.proposed.severity, state.proposed.category)
    with pytest.raises(NotAllowed, match="there is nothing to confirm"):
        lender.desk.classify("INC-1", None, None, "", by=TOMAS, at=later)


def test_confirming_what_is_milder_needs_what_lowering_needs(lender: Application, now: datetime) -> None:
    lender.desk.classify("INC-1", None, Severity.CRITICAL, "grave", by=MAYA, at=now)
    with pytest.raises(NotAllowed, match="write the reason for lowering"):
        lender.desk.classify("INC-1", None, None, "", by=MAYA, at=now)
    assert load(lender.ledger, "INC-1").state.severity is Severity.CRITICAL
