"""Saying on the incident's page which system it is about, or correcting it."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.application import Application
from holdfast.evidence import custody
from holdfast.incident.events import SystemNamed
from holdfast.incident.incident import Incident
from holdfast.incident.loading import load
from support.company import MAYA, VICTOR
from support.lender_pages import LOANS, open_lender
from support.pages import Page, Reader, signed_in

ASSISTANT = "customer-assistant"
WHERE = "/incidents/INC-2"


@pytest.fixture
def lender(tmp_path: Path) -> Application:
    return open_lender(tmp_path)


@pytest.fixture
def maya(lender: Application) -> Reader:
    reader = signed_in(lender, MAYA)
    reader.post("/declare", {"title": "Letters are wrong", "join": "new"})
    assert state(lender).system == ""
    return reader


def state(application: Application) -> Incident:
    return load(application.ledger, "INC-2").state


def named(application: Application) -> list[SystemNamed]:
    return [one.fact for one in application.ledger.facts() if isinstance(one.fact, SystemNamed)]


def test_naming_the_system_is_a_fact_and_freezes_its_evidence(lender: Application, maya: Reader) -> None:
    before = state(lender)
    assert "Name the system…" in maya.page(f"{WHERE}/impact").text
    said = {"system": LOANS, "model-version": "3.2.0", "system-reason": "the letters quote its scores"}
    answer = maya.post(f"{WHERE}/system", said)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{WHERE}/impact")
    (fact,) = named(lender)
    assert (fact.system, fact.model_version, fact.before) == (LOANS, "3.2.0", "")
    assert fact.reason == "the letters quote its scores"
    after = state(lender)
    assert (after.system, after.model_version) == (LOANS, "3.2.0")
    assert after.opened_at == before.opened_at
    assert set(before.clocks) <= set(after.clocks)
    held = custody.held(lender.ledger, "INC-2")
    assert any(item.name.startswith("loan-approval") for item in held.items)
    page = maya.page(f"{WHERE}/impact").text
    assert "The system is on the record." in page
    assert "Correct the system…" in page
    assert f"AI system {LOANS}" in page


def test_a_correction_needs_a_reason_and_what_was_typed_stays(lender: Application, maya: Reader) -> None:
    maya.post(f"{WHERE}/system", {"system": LOANS})
    size = lender.ledger.size()
    answer = maya.post(f"{WHERE}/system", {"system": ASSISTANT, "model-version": "2 (beta)"})
    assert answer.status_code == 409
    page = Page(answer.text)
    assert f"INC-2 is about {LOANS} so far; say why it is {ASSISTANT} instead" in page.text
    assert 'value="2 (beta)"' in page.html
    assert f'<option value="{ASSISTANT}" selected' in page.html
    assert lender.ledger.size() == size
    said = {"system": ASSISTANT, "system-reason": "the letters come from the assistant"}
    assert maya.post(f"{WHERE}/system", said).status_code == 303
    corrected = named(lender)[-1]
    assert (corrected.system, corrected.before) == (ASSISTANT, LOANS)
    assert state(lender).system == ASSISTANT
    assert "the letters come from the assistant" in maya.page(WHERE).text


def test_a_system_that_is_not_known_is_refused_with_those_that_are(lender: Application, maya: Reader) -> None:
    empty = maya.post(f"{WHERE}/system", {"system": ""})
    assert empty.status_code == 422
    assert "Is empty; say what belongs here" in Page(empty.text).text
    for unknown in ("toaster", "<script>"):
        answer = maya.post(f"{WHERE}/system", {"system": unknown})
        assert answer.status_code == 409
        assert f"known here: {ASSISTANT}, {LOANS}" in Page(answer.text).text
    assert named(lender) == []
    assert state(lender).system == ""


def test_whoever_may_not_respond_sees_no_form_and_names_nothing(lender: Application, maya: Reader) -> None:
    auditor = signed_in(lender, VICTOR)
    assert f'action="{WHERE}/system"' not in auditor.page(f"{WHERE}/impact").html
    assert f'action="{WHERE}/system"' in maya.page(f"{WHERE}/impact").html
    assert auditor.post(f"{WHERE}/system", {"system": LOANS}).status_code == 403
    assert named(lender) == []


def test_an_incident_that_is_over_takes_no_other_system(lender: Application, maya: Reader) -> None:
    maya.post(f"{WHERE}/dismissal", {"dismissal-reason": "a trial", "reason": "a trial"})
    assert state(lender).status.over
    assert f'action="{WHERE}/system"' not in maya.page(f"{WHERE}/impact").html
    assert maya.post(f"{WHERE}/system", {"system": LOANS}).status_code == 409
    assert named(lender) == []
