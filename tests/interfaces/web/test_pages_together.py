"""Pages: declaring beside what runs, answering together, relating, merging, dismissing."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.application import Application
from holdfast.incident.incident import Status
from holdfast.incident.loading import load
from support.company import INES, MAYA, TOMAS
from support.pages import Reader, SetClock, open_company, signed_in


@pytest.fixture
def application(tmp_path: Path) -> Application:
    return open_company(tmp_path, SetClock())


@pytest.fixture
def maya(application: Application) -> Reader:
    return signed_in(application, MAYA)


def test_whoever_declares_sees_what_runs_and_can_join_it(application: Application, maya: Reader) -> None:
    """R-DET-15."""
    assert "Is it one of these?" not in maya.page("/declare").text
    maya.post("/declare", {"title": "Letters are wrong", "system": "loan-approval"})
    ines = signed_in(application, INES)
    form = ines.page("/declare").text
    assert "Is it one of these? They are running. INC-1 Letters are wrong" in form
    joined = ines.post("/declare", {"title": "Odd letters", "join": "INC-1"})
    assert joined.headers["location"] == "/incidents/INC-1"
    page = ines.page("/incidents/INC-1").text
    assert "Your report joined INC-1." in page
    assert "Report joined: Odd letters" in page
    refused = ines.post("/declare", {"title": "Odd letters", "join": "INC-9"})
    assert refused.status_code == 409
    assert "There is no incident INC-9" in refused.text
    assert ines.post("/declare", {"title": "Rude", "join": "new"}).headers["location"] == "/incidents/INC-2"
    page = ines.page("/incidents/INC-2").text
    assert "Running besides: INC-1 Letters are wrong." in page
    assert "merge INC-2 into it" in page


def test_all_that_runs_can_be_joined_from_the_page_also_without_a_system(maya: Reader) -> None:
    """R-DET-15."""
    for number in range(1, 13):
        maya.post("/declare", {"title": f"Letters {number}", "join": "new"})
    form = maya.page("/declare").html
    assert all(f'value="INC-{number}"' in form for number in range(1, 13))


def test_what_joins_names_the_system_or_is_refused(application: Application, maya: Reader) -> None:
    """R-DET-15."""
    maya.post("/declare", {"title": "Odd letters"})
    report = {"title": "Letters", "join": "INC-1", "system": "loan-approval"}
    assert maya.post("/declare", {**report, "system": "loan-aproval"}).status_code == 409
    assert maya.post("/declare", report).headers["location"] == "/incidents/INC-1"
    assert load(application.ledger, "INC-1").state.system == "loan-approval"
    refused = maya.post("/declare", {**report, "system": "customer-assistant"})
    assert refused.status_code == 409
    assert "one record speaks of one system. Declare it as an incident of its own" in refused.text


def test_whoever_acknowledges_second_is_told_who_was_first(application: Application, maya: Reader) -> None:
    maya.post("/declare", {"title": "Letters are wrong"})
    maya.post("/incidents/INC-1/acknowledgement")
    tomas = signed_in(application, TOMAS)
    tomas.post("/incidents/INC-1/acknowledgement")
    page = tomas.page("/incidents/INC-1").text
    assert "Maya Okafor acknowledged INC-1 first, 23 Nov 10:42:00 UTC." in page
    assert "The escalation has stopped." not in page


def test_two_are_related_or_merged_from_the_page(application: Application, maya: Reader) -> None:
    for title in ("Letters are wrong", "Odd letters"):
        maya.post("/declare", {"title": title, "join": "new"})
    related = {"other": "INC-2", "how": "relate", "why": "the same feed"}
    assert maya.post("/incidents/INC-1/together", related).status_code == 303
    assert "Related to INC-2" in maya.page("/incidents/INC-1").text
    refused = maya.post("/incidents/INC-2/together", {"other": "INC-1", "how": "merge", "why": " "})
    assert refused.status_code == 409
    assert "how it is known that the two are one" in refused.text
    merged = maya.post("/incidents/INC-2/together", {"other": "INC-1", "how": "merge", "why": "one feed"})
    assert merged.headers["location"] == "/incidents/INC-1"
    assert "Merged into this: INC-2" in maya.page("/incidents/INC-1").text
    assert "Merged into INC-1" in maya.page("/incidents/INC-2").text
    assert "INC-2" in maya.page("/incidents?show=merged").text


def test_a_false_alarm_is_dismissed_as_one(application: Application, maya: Reader) -> None:
    maya.post("/declare", {"title": "Letters are wrong"})
    maya.post("/incidents/INC-1/dismissal", {"reason": "a planned change", "false_alarm": "yes"})
    assert load(application.ledger, "INC-1").state.status is Status.DISMISSED
    assert "Dismissed as a false alarm" in maya.page("/incidents/INC-1").text
