"""R-ESC-05, R-ESC-08: the roles of a running incident follow the roster that is in force."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from holdfast.application import Application
from holdfast.incident import roles
from holdfast.incident.events import RoleHandedOver
from holdfast.incident.incident import Incident
from holdfast.incident.loading import load
from holdfast.incident.responding import Report
from holdfast.interfaces.worker.worker import Worker
from holdfast.learn import handing_over
from holdfast.people import IncidentRole
from holdfast.prepare.terms import Severity
from holdfast.prepare.versions import apply_workspace
from holdfast.prepare.workspace import load_workspace
from support.company import HELEN, INES, MAYA, PRIYA, TOMAS, sign_changes
from support.growing import LOANS, MINUTE, company, messages

COMMANDER = IncidentRole.INCIDENT_COMMANDER.value


@pytest.fixture
def lender(database_url: str, tmp_path: Path, now: datetime) -> Application:
    made = company(tmp_path / "company", database_url, now)
    made.desk.declare(Report("Letters are wrong", system=LOANS, severity=Severity.HIGH), by=INES, at=now)
    Worker(made).react(now)
    return made


def state(lender: Application) -> Incident:
    return load(lender.ledger, "INC-1").state


def without_maya(lender: Application, at: datetime) -> None:
    """Maya leaves; Tomas is incident commander and signs for engineering."""
    file = lender.workspace / "roster.yaml"
    text = file.read_text()
    gone = text[text.index("  - id: maya.okafor") : text.index("  - id: tomas.lind")]
    text = text.replace(gone, "").replace(f"holder: {MAYA.id}", f"holder: {TOMAS.id}")
    text = text.replace(f"deputies: [{TOMAS.id}, ", "deputies: [")
    title = "titles: [Lead Machine Learning Engineer"
    also = f"{title}, Head of Platform Engineering]\n    functions: [engineering]"
    file.write_text(text.replace(f"{title}]", also))
    for name in lender.workspace.rglob("*.yaml"):
        if name != file:
            name.write_text(name.read_text().replace(MAYA.id, TOMAS.id))
    apply_workspace(lender.ledger, load_workspace(lender.workspace), HELEN, at)
    sign_changes(lender.ledger, at)


def test_who_left_the_roster_holds_no_role_and_is_written_to_no_more(
    lender: Application, now: datetime
) -> None:
    assert state(lender).holder_of(COMMANDER).person == MAYA.id  # type: ignore[union-attr]
    later = now + MINUTE
    without_maya(lender, later)
    before = lender.ledger.size()
    Worker(lender).react(later)
    assert state(lender).holder_of(COMMANDER).person == TOMAS.id  # type: ignore[union-attr]
    assert MAYA.id not in {one.person for one in state(lender).team}
    sent = messages(lender, before - 1)
    assert MAYA.id not in {one.to for one in sent}
    open_ = [one.to for one in sent if one.about == handing_over.HANDED_ON]
    assert open_ == [TOMAS.id], "the new commander hears once what is open"
    (fact,) = [one.fact for one in lender.ledger.facts() if isinstance(one.fact, RoleHandedOver)]
    assert fact.by_roster
    assert fact.line().detail == "The roster changed: Maya Okafor held it before"
    size = lender.ledger.size()
    handing_over.follow_roster(lender.desk, by=HELEN, at=later)
    assert lender.ledger.size() == size, "nothing the second time"
    lender.desk.dismiss("INC-1", "a drill", by=TOMAS, at=later + MINUTE)


def test_a_role_handed_over_stays_with_whoever_is_still_there(lender: Application, now: datetime) -> None:
    role = IncidentRole.INCIDENT_COMMANDER
    handing_over.hand_over(lender.desk, "INC-1", role, PRIYA.id, "the night shift", by=MAYA, at=now)
    without_maya(lender, now + MINUTE)
    Worker(lender).react(now + MINUTE)
    assert state(lender).holder_of(COMMANDER).person == PRIYA.id  # type: ignore[union-attr]
    assert roles.moved(lender.desk.ground_of(state(lender)).roster, state(lender)) == []
