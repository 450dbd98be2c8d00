"""From the alert to the archive: what the page of an incident asks for next, station by station."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from holdfast.application import Application
from holdfast.incident.events import Closed
from holdfast.incident.loading import load
from holdfast.incident.responding import Report
from holdfast.investigate import analysing, assessing
from holdfast.investigate.cause import Analysis
from holdfast.investigate.events import Factor, Happening, Statement, UserImpact
from holdfast.investigate.impact import Assessment
from holdfast.investigate.links import parse
from holdfast.learn import closing, remedying, reviewing
from holdfast.learn.events import Method
from holdfast.learn.remediation import Plan, Wanted
from holdfast.prepare.terms import FactorGroup, RemediationKind, ReviewQuestion
from support.company import HELEN, MAYA, PRIYA, TOMAS
from support.pages import Page, Reader, SetClock, open_company, signed_in


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def application(tmp_path: Path, clock: SetClock) -> Application:
    return open_company(tmp_path, clock)


@pytest.fixture
def maya(application: Application) -> Reader:
    return signed_in(application, MAYA)


@pytest.fixture
def incident(application: Application) -> str:
    report = Report("Refunds are invented", system="customer-assistant")
    return application.desk.open(report, by=PRIYA, at=application.clock.now())


@pytest.fixture
def on_loans(application: Application) -> str:
    """An incident of the system that has containment prepared."""
    report = Report("Loans are approved twice as often", system="loan-approval")
    return application.desk.open(report, by=PRIYA, at=application.clock.now())


def asked(reader: Reader, incident: str) -> list[str]:
    """The titles under Next, in order."""
    page = reader.page(f"/incidents/{incident}").html
    listed = re.search(r'<ol class="next">(.*?)</ol>', page, re.DOTALL)
    if listed is None:
        return []
    return [Page(title).text for title in re.findall(r"<li>\s*<div><p>(.*?)</p>", listed[1], re.DOTALL)]


def confirm(reader: Reader, incident: str, severity: str = "high") -> None:
    sent = {"severity": severity, "category": "unexpected_behaviour", "reason": "Seen by customers."}
    assert reader.post(f"/incidents/{incident}/classification", sent).status_code == 303


def test_the_page_asks_for_one_thing_after_another_until_the_record_is_archived(
    application: Application, maya: Reader, incident: str, clock: SetClock
) -> None:
    ledger, desk = application.ledger, application.desk
    start = asked(maya, incident)
    assert start[0] == "Acknowledge"
    assert start[1].startswith("Confirm SEV-3 medium")
    assert start[2:] == ["Decide on containment", "Say when it began", "Assess the impact"]

    maya.post(f"/incidents/{incident}/acknowledgement")
    confirm(maya, incident)
    assert asked(maya, incident) == [
        "Decide on containment",
        "Say when it began",
        "Assess the impact",
        "Establish the cause",
    ]
    began = {"began": "2026-11-23T08:00"}
    assert maya.post(f"/incidents/{incident}/beginning", began).status_code == 303
    assert asked(maya, incident) == ["Decide on containment", "Assess the impact", "Establish the cause"]

    now = clock.pass_(timedelta(minutes=5))
    application.containing.decide_against(incident, "Answers are labelled as unchecked.", by=MAYA, at=now)
    said = Assessment(users=UserImpact(effect="Promised a refund", stated=3))
    assessing.assess(ledger, incident, said, reassess=desk.noted, by=MAYA, at=now)
    assert asked(maya, incident) == ["Establish the cause"]
    assert "Customers affected 3" in maya.page(f"/incidents/{incident}").text

    cause = Statement("An old policy was left in the index.", (parse("EV-1"),))
    analysis = Analysis(
        facts=(cause,),
        sequence=(Happening(now - timedelta(hours=2), cause),),
        factors=(Factor(FactorGroup.DATA, cause),),
        root_cause=cause,
    )
    analysing.analyse(ledger, incident, analysis, monitors=(), by=PRIYA, at=now)
    assert asked(maya, incident) == ["Plan the remediation", "Resolve"]

    plan = Plan(
        action="Rebuild the index without it",
        kind=RemediationKind.DATA_CLEANING,
        responsible=TOMAS.id,
        deadline=now + timedelta(days=3),
        verification=Wanted(Method.TEST, "Ask the ten questions again"),
    )
    item = remedying.plan(desk, incident, plan, by=MAYA, at=now)
    assert asked(maya, incident) == ["Finish the remediation", "Resolve"]
    assert "0 of 1 verified, next due 26 Nov 2026." in maya.page(f"/incidents/{incident}").text

    now = clock.pass_(timedelta(hours=1))
    remedying.finish(desk, incident, item, "Rebuilt it.", by=TOMAS, at=now)
    remedying.verify(desk, incident, item, True, "All ten answers are right.", by=PRIYA, at=now)
    assert asked(maya, incident) == ["Resolve"]
    assert "The fix is verified." in maya.page(f"/incidents/{incident}").text

    assert (
        maya.post(f"/incidents/{incident}/resolution", {"resolution": "The index is clean."}).status_code
        == 303
    )
    assert asked(maya, incident) == ["Write the review", "Close and archive"]
    assert "Required before closing." in maya.page(f"/incidents/{incident}").text
    refused = maya.post(f"/incidents/{incident}/closure", {"summary": "Over."})
    assert "requires a completed review before closing" in Page(refused.text).text

    reviewing.draft(desk, incident, by=HELEN, at=now)
    answers = dict.fromkeys(ReviewQuestion, "Answered.")
    reviewing.edit(desk, incident, answers, ["Maya Okafor", "Helen Marsh"], by=HELEN, at=now)
    reviewing.complete(desk, incident, by=HELEN, at=now)
    assert asked(maya, incident) == ["Close and archive"]

    closer = maya if _may_close(application, incident, maya) else signed_in(application, HELEN)
    assert (
        closer.post(f"/incidents/{incident}/closure", {"summary": "Three customers were paid."}).status_code
        == 303
    )
    page = maya.page(f"/incidents/{incident}")
    assert asked(maya, incident) == []
    assert "The record still has the digest it was closed with" in page.text
    assert closing.digest_of_closed(ledger, incident)[:4] in page.text
    assert "Add note" not in page.text
    assert incident not in maya.page("/incidents").text
    assert incident in maya.page("/incidents?show=closed").text


def _may_close(application: Application, incident: str, reader: Reader) -> bool:
    return "How did it end?" in reader.page(f"/incidents/{incident}/closure").text


def test_a_step_that_another_role_decides_names_the_role_and_its_holder_r_esc_05(
    application: Application, on_loans: str
) -> None:
    maya, priya = signed_in(application, MAYA), signed_in(application, PRIYA)
    confirm(maya, on_loans)
    text = priya.page(f"/incidents/{on_loans}").text
    assert "Choose containment Fastest that fits: broker applications to human review, 1 min." in text
    assert "Approval: incident commander (Maya Okafor)" in text
    assert "You may approve it." in maya.page(f"/incidents/{on_loans}").text
    closure = priya.page(f"/incidents/{on_loans}/closure")
    assert "Closing needs the" in closure.text
    assert "<textarea" not in closure.html


def test_a_proposed_containment_waits_for_who_may_approve_it_r_con_08(
    application: Application, on_loans: str, clock: SetClock
) -> None:
    maya, priya = signed_in(application, MAYA), signed_in(application, PRIYA)
    offer = application.containing.offers(on_loans)[0]
    application.containing.propose(on_loans, offer.option, "Stop it.", by=PRIYA, at=clock.now())
    assert "Approve containment" in asked(maya, on_loans)
    assert (
        f'href="/incidents/{on_loans}/containment#{on_loans}-C1"' in maya.page(f"/incidents/{on_loans}").html
    )
    text = priya.page(f"/incidents/{on_loans}").text
    assert "needs incident commander (Maya Okafor)" in text
    assert "Choose containment" not in text


def test_without_a_system_containment_is_still_decided_because_its_clock_runs(
    application: Application, maya: Reader, clock: SetClock
) -> None:
    incident = application.desk.open(Report("Scores leak"), by=MAYA, at=clock.now())
    assert "No AI system is named: decide without, and say why." in maya.page(f"/incidents/{incident}").text
    answer = maya.post(f"/incidents/{incident}/containment/refusal", {"against": "Nothing to switch."})
    assert answer.status_code == 303, Page(answer.text).text
    assert "Decide on containment" not in asked(maya, incident)


def test_rules_that_see_something_graver_ask_to_look_again_r_cls_05(
    application: Application, maya: Reader, incident: str, clock: SetClock
) -> None:
    confirm(maya, incident, "low")
    assert not any("classification again" in title for title in asked(maya, incident))
    said = Assessment(users=UserImpact(stated=12_000))
    now = clock.pass_(timedelta(minutes=1))
    assessing.assess(application.ledger, incident, said, reassess=application.desk.noted, by=MAYA, at=now)
    assert "Look at the classification again" in asked(maya, incident)


def test_an_archive_that_was_changed_is_said_to_be_on_its_page_r_evd_10(
    application: Application, maya: Reader, incident: str, clock: SetClock
) -> None:
    """Closed with a digest that is not the record's: what a page shows after somebody edited a fact."""
    forged = Closed(incident=incident, summary="Over.", record_sha256="0" * 64)
    draft = load(application.ledger, incident).draft([forged])
    application.ledger.append(draft, by=MAYA, at=clock.now())
    assert "The archive does not match." in maya.page(f"/incidents/{incident}").text
