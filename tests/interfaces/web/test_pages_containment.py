"""The containment console: offered, proposed, approved, carried out, seen to hold, undone."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from holdfast.application import Application
from holdfast.contain import reading
from holdfast.contain.containment import Containment, Stage
from holdfast.incident.loading import load
from holdfast.incident.responding import Report
from holdfast.learn import closing
from support.company import AISHA, INES, MAYA, VICTOR
from support.lender_pages import Inside, open_lender
from support.pages import Page, Reader, SetClock, signed_in

CONSOLE = "/incidents/INC-1/containment"
FIRST = "INC-1-C1"


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def lender(tmp_path: Path, clock: SetClock) -> Application:
    return open_lender(tmp_path, clock)


@pytest.fixture
def maya(lender: Application) -> Reader:
    """Incident commander: she has the authority to contain and to undo it."""
    return signed_in(lender, MAYA)


def state(application: Application, containment: str = FIRST) -> Containment:
    return reading.load(application.ledger, containment).state


def propose(reader: Reader, option: str = "broker-to-review", reason: str = "Only brokers.") -> None:
    answer = reader.post(f"{CONSOLE}/proposals", {"option": option, f"reason-{option}": reason})
    assert answer.headers["location"] == CONSOLE


def step(reader: Reader, name: str, **typed: str) -> None:
    answer = reader.post(f"{CONSOLE}/{FIRST}/{name}", typed)
    assert answer.status_code == 303, Page(answer.text).text


def contain(reader: Reader) -> None:
    propose(reader)
    step(reader, "approval")
    step(reader, "application")


def test_what_the_playbook_offers_stands_there_fastest_first_with_effect_authority_and_undo_r_con_07(
    lender: Application, maya: Reader
) -> None:
    """R-CON-07/offered."""
    page = maya.page(CONSOLE)
    offers = lender.containing.offers("INC-1")
    assert len(offers) == 3
    places = [page.text.index(offer.name) for offer in offers]
    assert places == sorted(places)
    for offer in offers:
        assert offer.does in page.text
        assert " ".join(offer.undo.split()) in page.text
    assert "incident commander (Maya Okafor)" in page.text
    assert "about 1 min" in page.text


def test_a_containment_goes_from_proposal_to_switched_and_the_page_claims_no_more_r_con_09(
    lender: Application, maya: Reader
) -> None:
    propose(maya)
    assert f"{FIRST} is proposed. It waits for approval; nothing is switched yet." in maya.page(CONSOLE).text
    step(maya, "approval")
    assert "approved, not switched" in maya.page(CONSOLE).text
    step(maya, "application")
    page = maya.page(CONSOLE).text
    assert f"{FIRST} is switched. Holdfast's own address answers by it." in page
    assert "no request of the application is known" in page
    assert "Contained no the log does not show it" in page
    assert "loan-approval.review for channel=broker human_review human_review as expected" in page
    assert state(lender).stage is Stage.SWITCHED
    assert not load(lender.ledger, "INC-1").state.contained_at
    assert "switched, not known to be obeyed" in maya.page("/containment").text
    assert "Broker applications to human review" in maya.page("/containment").text


def test_a_switch_that_is_not_answered_by_is_not_called_switched_r_con_09(
    lender: Application, maya: Reader
) -> None:
    lender.containing.prober = Inside(lender.read_switches, obeys=False)
    contain(maya)
    page = maya.page(CONSOLE).text
    assert f"{FIRST} is not proven." in page
    assert "not as expected" in page
    assert "no answer from http://testserver" in page
    assert state(lender).stage is Stage.FAILED
    assert not load(lender.ledger, "INC-1").state.contained_at
    lender.containing.prober = Inside(lender.read_switches)
    step(maya, "probe")
    assert state(lender).stage is Stage.SWITCHED


def test_the_effect_is_shown_as_counted_and_unknown_is_said_r_con_09(
    lender: Application, maya: Reader
) -> None:
    contain(maya)
    step(maya, "effect")
    page = maya.page(CONSOLE).text
    assert "not known yet" in page
    assert "too early" in page.lower()


def test_undoing_needs_a_reason_and_is_seen_to_be_back_r_con_07(lender: Application, maya: Reader) -> None:
    contain(maya)
    refused = maya.post(f"{CONSOLE}/{FIRST}/reversal", {f"revert-{FIRST}": " "})
    assert refused.status_code == 409
    page = Page(refused.text)
    assert "may be undone; the reason is part of the record." in page.text
    assert re.search(r'<details class="confirm"[^>]* open>', page.html)
    step(maya, "reversal", **{f"revert-{FIRST}": "The feed is in years again."})
    assert state(lender).stage is Stage.RELEASED
    assert "Reverted because: The feed is in years again." in maya.page(CONSOLE).text
    assert "No switch is set" in maya.page("/containment").text


def test_who_has_no_authority_is_told_whose_decision_it_is_and_what_was_typed_stays_r_esc_05(
    lender: Application, maya: Reader
) -> None:
    propose(maya)
    ines = signed_in(lender, INES)
    assert "Ines Carvalho may not approve containment" in ines.page(CONSOLE).text
    assert f"{CONSOLE}/{FIRST}/approval" not in ines.page(CONSOLE).html
    typed = {f"approve-{FIRST}": "The desk asked me to do this at once."}
    answer = ines.post(f"{CONSOLE}/{FIRST}/approval", typed)
    assert answer.status_code in (403, 409)
    page = Page(answer.text).text
    assert "Ines Carvalho may not approve containment" in page
    assert "The desk asked me to do this at once." in page
    assert state(lender).stage is Stage.PROPOSED


def test_deciding_against_it_is_a_decision_with_a_reason_r_con_08(lender: Application, maya: Reader) -> None:
    refused = maya.post(f"{CONSOLE}/refusal", {"against": ""})
    assert refused.status_code == 409
    assert "the reason is part of the record" in Page(refused.text).text
    assert maya.post(f"{CONSOLE}/refusal", {"against": "The harm is over."}).status_code == 303
    assert load(lender.ledger, "INC-1").state.containment_decided


def test_an_option_that_is_not_offered_is_refused_with_those_that_are(
    lender: Application, maya: Reader
) -> None:
    answer = maya.post(f"{CONSOLE}/proposals", {"option": "<b>off</b>", "reason-<b>off</b>": "x"})
    assert answer.status_code == 409
    assert "offered are: broker-to-review" in Page(answer.text).text
    assert "<b>off</b>" not in answer.text


def test_a_containment_is_no_part_of_another_incident(lender: Application, maya: Reader) -> None:
    propose(maya)
    other = lender.desk.open(Report("Another"), by=AISHA, at=lender.clock.now())
    before = lender.ledger.size()
    answer = maya.post(f"/incidents/{other}/containment/{FIRST}/approval")
    assert answer.status_code == 404
    assert lender.ledger.size() == before


def test_an_auditor_reads_the_console_and_is_offered_nothing_r_aud_07(
    lender: Application, maya: Reader
) -> None:
    contain(maya)
    auditor = signed_in(lender, VICTOR)
    page = auditor.page(CONSOLE)
    assert f'action="{CONSOLE}' not in page.html
    before = lender.ledger.size()
    for name in ("approval", "application", "probe", "effect", "reversal"):
        assert auditor.post(f"{CONSOLE}/{FIRST}/{name}", {f"revert-{FIRST}": "x"}).status_code == 403
    assert auditor.post(f"{CONSOLE}/proposals", {"option": "loan-approval-off"}).status_code == 403
    assert auditor.post(f"{CONSOLE}/refusal", {"against": "x"}).status_code == 403
    assert lender.ledger.size() == before


def test_without_a_system_there_is_nothing_to_switch_and_the_page_says_so(
    lender: Application, maya: Reader
) -> None:
    other = lender.desk.open(Report("Something odd"), by=AISHA, at=lender.clock.now())
    page = maya.page(f"/incidents/{other}/containment").text
    assert f"{other} names no AI system of the inventory, so there is nothing to switch." in page


def test_reasons_of_people_cannot_become_markup(lender: Application, maya: Reader) -> None:
    propose(maya, reason='"><script>alert(1)</script>')
    html = maya.page(CONSOLE).html
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_a_closed_containment_shows_dates_not_hours(
    lender: Application, maya: Reader, clock: SetClock
) -> None:
    """R-CON-09: what is over is not counted in hours from now; it reads the same on every later day."""
    contain(maya)
    lender.containing.observe_effect(FIRST, by=MAYA, at=clock.pass_(timedelta(minutes=30)))
    lender.containing.revert(FIRST, "over", by=MAYA, at=clock.pass_(timedelta(minutes=1)))
    now = clock.pass_(timedelta(minutes=5))
    closing.dismiss(lender.desk, "INC-1", "a test", by=MAYA, at=now)

    def shown() -> str:
        """From the containment on, without what stands around every page."""
        page = signed_in(lender, MAYA).page(CONSOLE).text
        return page[page.index(FIRST) :].rpartition("Ledger")[0]

    card = shown()
    assert not re.search(r"\b(ago|just now|left|min ago|h ago)\b", card)
    assert f"{now.day} {now:%b %Y}" in card
    clock.pass_(timedelta(days=40))
    assert shown() == card
