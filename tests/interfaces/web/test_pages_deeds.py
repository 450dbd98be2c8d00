"""The palette does what it finds: the form of a page, sent from wherever one is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from holdfast.application import Application
from holdfast.incident.loading import load
from holdfast.incident.responding import Report
from holdfast.prepare.terms import Severity
from holdfast.prepare.versions import apply_workspace
from holdfast.prepare.workspace import load_workspace
from support.company import AISHA, HELEN, MAYA, VICTOR
from support.pages import Reader, SetClock, open_company, signed_in


@pytest.fixture
def application(tmp_path: Path) -> Application:
    return open_company(tmp_path, SetClock())


@pytest.fixture
def maya(application: Application) -> Reader:
    return signed_in(application, MAYA)


def declared(application: Application, title: str = "Loans are declined") -> str:
    return application.desk.open(
        Report(title, system="loan-approval", severity=Severity.HIGH), by=MAYA, at=application.clock.now()
    )


def found(reader: Reader, q: str, on: str = "") -> str:
    """What the palette answers, opened on a page."""
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{on}"}
    return reader.get("/find", params={"q": q}, headers=headers).text


def deeds(reader: Reader, q: str, on: str = "") -> dict[str, tuple[str, dict[str, str]]]:
    """By what they say: where each form is sent, and with what."""
    made = {}
    for action, body in re.findall(
        r'<form method="post" action="([^"]+)">(.*?)</form>', found(reader, q, on), re.DOTALL
    ):
        (said,) = re.findall(r"<button[^>]*><span>(.*?)</span>", body)
        fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', body))
        made[said] = (action, {name: value for name, value in fields.items() if name != "csrf"})
    return made


def test_an_incident_is_acknowledged_from_any_page(application: Application, maya: Reader) -> None:
    incident = declared(application)
    address, sent = deeds(maya, "ack")[f"Acknowledge {incident}"]
    assert maya.post(address, sent).status_code == 303
    assert load(application.ledger, incident).state.acknowledged_at
    assert f"Acknowledge {incident}" not in found(maya, "ack")


def test_on_the_page_of_an_incident_its_own_steps_are_offered(application: Application, maya: Reader) -> None:
    first, second = declared(application), declared(application, "Letters are wrong")
    offered = deeds(maya, "", on=f"/incidents/{second}/evidence")
    assert f"Acknowledge {second}" in offered
    assert f"Acknowledge {first}" not in offered
    assert f"Acknowledge {first}" in deeds(maya, f"acknowledge {first.lower()}", on=f"/incidents/{second}")


def test_a_note_is_typed_behind_the_word(application: Application, maya: Reader) -> None:
    incident = declared(application)
    assert "Note on INC-1\u2026" in found(maya, "note")
    address, sent = deeds(maya, "note The broker confirms it")["Note on INC-1: The broker confirms it"]
    assert maya.post(address, sent).headers["location"] == f"/incidents/{incident}"
    assert "The broker confirms it" in maya.page(f"/incidents/{incident}").text


def test_a_number_within_a_sentence_belongs_to_the_sentence(application: Application, maya: Reader) -> None:
    first, second = declared(application), declared(application, "Letters are wrong")
    on = f"/incidents/{second}"
    address, sent = deeds(maya, f"note see {first} for the  same", on=on)[
        f"Note on {second}: see {first} for the  same"
    ]
    assert (address, sent) == (f"{on}/notes", {"note": f"see {first} for the  same"})
    assert f"Note on {first}: seen" in deeds(maya, f"{first} note seen", on=on)
    titles = [sent["title"] for _, sent in deeds(maya, f"declare Same as {first} again", on=on).values()]
    assert titles == [f"Same as {first} again"]


def test_nothing_is_offered_on_an_incident_that_is_not_there(application: Application, maya: Reader) -> None:
    declared(application)
    assert "Note on" not in found(maya, "INC-99 note hello")
    assert "Acknowledge" not in found(maya, "ack INC-99")


def test_an_incident_is_declared_with_a_sentence(application: Application, maya: Reader) -> None:
    (address, sent), *_ = deeds(maya, "declare The assistant invents fees").values()
    assert maya.post(address, sent).headers["location"] == "/incidents/INC-1"
    assert load(application.ledger, "INC-1").state.title == "The assistant invents fees"


def test_a_containment_is_proposed_on_its_page_and_approved_from_the_palette(
    application: Application, maya: Reader
) -> None:
    incident = declared(application)
    assert f'href="/incidents/{incident}/containment"' in found(maya, "contain")
    option = re.search(r'name="option" value="([^"]+)"', maya.page(f"/incidents/{incident}/containment").html)
    assert option
    proposed = {"option": option[1], f"reason-{option[1]}": "All batches are wrong"}
    assert maya.post(f"/incidents/{incident}/containment/proposals", proposed).status_code == 303
    assert f"Approve {incident}-C1" not in deeds(signed_in(application, AISHA), "contain"), "it is not hers"
    assert "Undone: " in found(maya, "contain")
    address, sent = deeds(maya, "contain")[f"Approve {incident}-C1"]
    assert maya.post(address, sent).status_code == 303
    assert f"Carry out {incident}-C1" in deeds(maya, "contain")


def test_who_has_to_sign_signs_from_the_palette(tmp_path: Path, application: Application) -> None:
    playbook = tmp_path / "playbook.yaml"
    playbook.write_text(playbook.read_text().replace('version: "1.0"', 'version: "1.1"'))

    apply_workspace(application.ledger, load_workspace(tmp_path), HELEN, application.clock.now())
    maya = signed_in(application, MAYA)
    address, sent = deeds(maya, "sign")["Sign version 1.1 for engineering"]
    assert maya.post(address, sent).status_code == 303
    assert not deeds(maya, "sign")


def test_an_auditor_is_offered_nothing_to_do(application: Application) -> None:
    declared(application)
    assert not deeds(signed_in(application, VICTOR), "")
