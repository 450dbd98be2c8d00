"""The other ways an incident can go, and the other ways to get about: nobody answers, no mouse, no script."""

from __future__ import annotations

import time
from email.message import EmailMessage

from playwright.sync_api import Page, expect

from holdfast.evidence import custody
from holdfast.incident.events import ClockBreached, Escalated
from holdfast.incident.loading import load
from holdfast.incident.register import record
from support.browsing import PHONE, press
from support.company import AISHA, MAYA, TOMAS
from support.office import SEEN, Office, give_accounts, pages, sign_in

INCIDENT = "INC-1"
TEAM = {"maya.okafor", "tomas.lind", "priya.raman", "helen.marsh"}
DEPUTIES = {"tomas.lind", "aisha.rahman", "jonas.keller", "david.osei"}
EXECUTIVES = {"eleanor.voss", "niamh.byrne", "david.osei", "ines.carvalho"}


def test_nobody_answers_and_the_ladder_is_climbed_by_the_clock(office: Office) -> None:
    """R-ESC-03: deputies when the time is up, then tier 2 and tier 3 every half hour, each once."""
    give_accounts(office, TOMAS)
    office.morning(SEEN)
    assert told(office.letters(), "INC-1 SEV-2 high") >= TEAM
    before = len(office.letters())
    office.pass_by(hours=1, minutes=59)
    escalated = [one for one in office.letters()[before:] if "escalated" in str(one["subject"])]
    assert escalated == [], "there is time left"
    before = len(office.letters())

    office.pass_by(minutes=1)
    first = office.letters()[before:]
    assert told(first, "is escalated to you") >= DEPUTIES
    assert told(first, "time is up for") >= {"maya.okafor", "tomas.lind"}
    assert all(office.address in letter.get_content() for letter in first), "every mail leads to the incident"
    assert rungs(office) == [("deputies", 1)]

    office.pass_by(minutes=30)
    assert rungs(office) == [("deputies", 1), ("tier 2", 2)]
    office.pass_by(minutes=29)
    assert len(rungs(office)) == 2
    before = len(office.letters())
    office.pass_by(minutes=1)
    assert rungs(office)[-1] == ("tier 3", 3)
    assert told(office.letters()[before:], "is escalated to you") >= EXECUTIVES

    page = office.see(TOMAS, f"/incidents/{INCIDENT}")
    expect(page.get_by_text("Tier 3", exact=True)).to_be_visible()
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("Escalated to tier 3")
    office.windows.picture(page, "nobody answered")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("The escalation has stopped.")).to_be_visible()
    before = len(office.letters())
    office.pass_by(minutes=40)
    later = office.letters()[before:]
    assert TOMAS.id.partition("@")[0] not in told(later, ""), "who answered is left in peace"
    assert told(later, "") == told(later, "is acknowledged"), "whoever was called hears that, and no more"
    assert len(later) == len(told(later, ""))
    state = load(office.application.ledger, INCIDENT).state
    assert state.acknowledged_at is not None
    assert breaches(office) == ["acknowledge"]


def told(letters: list[EmailMessage], subject: str) -> set[str]:
    """Who got a mail with this in its subject, by the name before the at sign."""
    return {str(letter["To"]).partition("@")[0] for letter in letters if subject in str(letter["Subject"])}


def rungs(office: Office) -> list[tuple[str, int]]:
    facts = [one.fact for one in record(office.application.ledger, INCIDENT)]
    words = {1: "deputies", 2: "tier 2", 3: "tier 3"}
    return [(words[fact.rung], fact.tier) for fact in facts if isinstance(fact, Escalated)]


def breaches(office: Office) -> list[str]:
    facts = [one.fact for one in record(office.application.ledger, INCIDENT)]
    return [fact.clock for fact in facts if isinstance(fact, ClockBreached)]


def test_a_person_declares_in_under_a_minute_with_the_keyboard_alone(office: Office) -> None:
    """R-DET-11: D, one sentence, Enter; the evidence is frozen with it. R-XCT-02/keyboard."""
    give_accounts(office, AISHA)
    page = office.windows.open()
    page.goto("/")
    expect(page.get_by_label("E-mail address")).to_be_focused()
    began = time.monotonic()
    page.keyboard.type(AISHA.id)
    page.keyboard.press("Tab")
    page.keyboard.type("harbour-lights-at-four")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Aisha")
    press(page, "d")
    expect(page.get_by_label("What is going wrong?")).to_be_focused()
    page.keyboard.type("Two branches say that every second applicant is refused")
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"{INCIDENT} is open.")).to_be_visible()
    assert time.monotonic() - began < 60
    office.windows.picture(page, "declared by keyboard")
    press(page, "a")
    expect(page.get_by_text("The escalation has stopped.")).to_be_visible()
    press(page, "n")
    page.keyboard.type("Branch 12 and branch 40, since this morning.")
    press(page, "Control+k")
    page.keyboard.press("Escape")
    expect(page.get_by_role("textbox", name="Note", exact=True)).to_have_value(
        "Branch 12 and branch 40, since this morning."
    )
    state = load(office.application.ledger, INCIDENT).state
    assert (state.title, state.source) == (
        "Two branches say that every second applicant is refused",
        "person",
    )
    held = custody.items(office.application.ledger.stream(custody.stream_of(INCIDENT)).events)
    assert [item.name for item in held] == ["playbook.yaml"], (
        "no system was named, so there is no log to freeze"
    )


def test_everything_reads_and_an_incident_is_declared_without_scripts(office: Office) -> None:
    """R-XCT-02/phone: also on a phone, where nothing may stick out of the screen."""
    give_accounts(office, MAYA)
    office.morning(SEEN)
    page = office.windows.open(scripts=False)
    page.goto("/")
    sign_in(page, MAYA)
    for path in pages(INCIDENT):
        reads(page, path)
        office.windows.picture(page, f"no script {path}")
    page.goto("/declare")
    page.get_by_label("What is going wrong?").fill("The assistant promises payment holidays")
    page.get_by_label("Something else").check()
    page.get_by_role("button", name="Declare incident").click()
    expect(page.get_by_text("INC-2 is open.")).to_be_visible()
    page.goto(f"/incidents/{INCIDENT}")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("The escalation has stopped.")).to_be_visible()


def reads(page: Page, path: str) -> None:
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == 200, path
    heading = page.get_by_role("main").get_by_role("heading", level=1)
    expect(heading).to_be_visible()
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"], f"{path} is {wide} pixels wide on a phone"
