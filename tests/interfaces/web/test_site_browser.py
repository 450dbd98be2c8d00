"""The way through an incident in a real browser: by keyboard, without scripts, live, and on a phone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from holdfast.application import Application
from holdfast.clock import SystemClock
from holdfast.incident.events import NoteAdded
from holdfast.incident.responding import Report
from holdfast.interfaces.web.site import site
from holdfast.people import Actor
from support.company import MAYA, PRIYA
from support.live import serving
from support.pages import PASSWORD, open_company

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PAGES = (
    "/",
    "/incidents",
    "/incidents/INC-1",
    "/incidents/INC-1/classification",
    "/incidents/INC-1/resolution",
    "/incidents/INC-1/closure",
    "/declare",
    "/find?q=a",
    "/incidents/INC-404",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine, so the pages are not driven in a browser here")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def application(tmp_path: Path) -> Application:
    return open_company(tmp_path, SystemClock())


@pytest.fixture
def address(application: Application) -> Iterator[str]:
    with serving(site(application)) as served:
        yield served


@pytest.fixture
def enter(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Opens a browser for somebody and signs them in; every complaint of the browser fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def entered(person: Actor = MAYA, **settings: object) -> Page:
        context = browser.new_context(base_url=address, **settings)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto("/")
        page.get_by_label("E-mail address").fill(person.id)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{address}/")
        return page

    yield entered
    for context in contexts:
        context.close()
    expected = [said for said in complaints if "404" not in said and "409" not in said]
    assert expected == [], "pages must run without errors under the policy"


def test_from_the_first_sentence_to_a_note_by_keyboard_alone_r_xct_02(
    application: Application, enter: Callable[..., Page]
) -> None:
    page = enter(timezone_id="Europe/Berlin")
    page.keyboard.press("d")
    page.wait_for_url("**/declare")
    page.keyboard.type("Broker loans are approved too often")
    page.keyboard.press("Enter")
    page.wait_for_url("**/incidents/INC-1")
    expect(page.get_by_role("status").filter(has_text="INC-1 is open.")).to_be_visible()
    expect(page.locator("#clocks")).to_contain_text(re.compile(r"(23 h 59 min|1 d) left"))

    page.keyboard.press("a")
    expect(page.locator("#timeline")).to_contain_text("Acknowledged by Maya Okafor")

    page.get_by_role("button", name="Confirm").click()
    expect(page.locator("#timeline")).to_contain_text(re.compile("Confirmed SEV-3 medium, .* by Maya Okafor"))
    expect(page.locator("#head")).not_to_contain_text("proposed")

    page.keyboard.press("n")
    page.keyboard.type("Asked the broker desk, at d, a and n, to hold the next batch.")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator("#timeline")).to_contain_text(
        "Asked the broker desk, at d, a and n, to hold the next batch."
    )
    notes = [r.fact for r in application.ledger.facts() if isinstance(r.fact, NoteAdded)]
    assert [note.text for note in notes] == ["Asked the broker desk, at d, a and n, to hold the next batch."]


def test_reading_and_declaring_work_without_scripts(enter: Callable[..., Page]) -> None:
    page = enter(java_script_enabled=False)
    page.get_by_role("link", name="Declare incident").click()
    page.get_by_label("What is going wrong?").fill("Refunds are invented")
    page.get_by_label("AI system").select_option("customer-assistant")
    page.get_by_role("button", name="Declare incident").click()
    expect(page.get_by_role("heading", name="Refunds are invented")).to_be_visible()
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#timeline")).to_contain_text("Acknowledged by Maya Okafor")
    page.get_by_text("Hand over a role").click()
    page.get_by_label("Role").select_option("incident_commander")
    page.get_by_label("To", exact=True).select_option("Tomas Lind")
    page.get_by_role("button", name="Hand over", exact=True).click()
    expect(page.locator("#team")).to_contain_text("Tomas Lind")


def test_what_one_person_does_appears_on_the_others_page_r_xct_02(
    application: Application, enter: Callable[..., Page]
) -> None:
    incident = application.desk.open(Report("Loans"), by=MAYA, at=application.clock.now())
    priya = enter(PRIYA)
    priya.goto(f"/incidents/{incident}")
    expect(priya.locator("#next")).to_contain_text("Acknowledge")
    priya.keyboard.press("n")
    priya.get_by_role("textbox", name="Note").fill("Half a sentence")
    maya = enter(MAYA)
    maya.goto(f"/incidents/{incident}")
    maya.keyboard.press("a")
    expect(priya.locator("#timeline")).to_contain_text("Acknowledged by Maya Okafor")
    expect(priya.locator("#next")).not_to_contain_text("You answer")
    expect(priya.get_by_role("textbox", name="Note")).to_have_value("Half a sentence")


def test_a_refused_note_stays_in_its_form_on_a_page_that_stays_live(
    application: Application, enter: Callable[..., Page], address: str
) -> None:
    incident = application.desk.open(Report("Loans"), by=MAYA, at=application.clock.now())
    page = enter()
    page.goto(f"/incidents/{incident}")
    page.keyboard.press("n")
    page.keyboard.type("Half of it is true.")
    page.get_by_label("When did it happen?").fill("2199-01-01T10:00:00")
    page.get_by_role("button", name="Add note").click()
    expect(page.get_by_role("alert")).to_contain_text("which is in the future")
    expect(page.get_by_role("textbox", name="Note")).to_have_value("Half of it is true.")
    expect(page.get_by_role("textbox", name="Note")).to_be_visible()
    assert page.url == f"{address}/incidents/{incident}", "reloading must not send the note again"
    application.desk.acknowledge(incident, by=PRIYA, at=application.clock.now())
    expect(page.locator("#timeline")).to_contain_text("Acknowledged by Priya Raman")
    expect(page.get_by_role("textbox", name="Note")).to_have_value("Half of it is true.")
    page.get_by_label("When did it happen?").fill("")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator("#timeline")).to_contain_text("Half of it is true.")


def test_the_palette_leads_to_an_incident(application: Application, enter: Callable[..., Page]) -> None:
    incident = application.desk.open(Report("Loans are declined"), by=MAYA, at=application.clock.now())
    page = enter()
    page.keyboard.press("Control+k")
    page.keyboard.type("declined")
    expect(page.locator("#found [aria-selected=true]")).to_contain_text(f"{incident} Loans are declined")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/incidents/{incident}")


def test_the_palette_acts_on_the_incident_that_is_open(
    application: Application, enter: Callable[..., Page]
) -> None:
    incident = application.desk.open(Report("Loans are declined"), by=MAYA, at=application.clock.now())
    page = enter()
    page.goto(f"/incidents/{incident}")
    page.keyboard.press("Control+k")
    page.keyboard.type("note Brokers confirm it")
    expect(page.locator("#found [aria-selected=true]")).to_contain_text("Brokers confirm it")
    page.keyboard.press("Enter")
    expect(page.locator("#timeline")).to_contain_text("Brokers confirm it")


def test_the_palette_does_nothing_before_a_word_is_typed(
    application: Application, enter: Callable[..., Page]
) -> None:
    application.desk.open(Report("Loans are declined"), by=MAYA, at=application.clock.now())
    page = enter()
    page.keyboard.press("Control+k")
    expect(page.locator("#found")).to_contain_text("Acknowledge INC-1")
    expect(page.locator("#found [aria-selected=true]")).to_have_count(1)
    assert page.locator("#found [aria-selected=true]").evaluate("hit => hit.tagName") == "A"


def test_dismissing_asks_once_in_place(application: Application, enter: Callable[..., Page]) -> None:
    incident = application.desk.open(Report("Loans are declined"), by=MAYA, at=application.clock.now())
    page = enter()
    page.goto(f"/incidents/{incident}")
    page.get_by_text("Dismiss…").click()
    expect(page.get_by_text("It was not an incident.")).to_be_visible()
    page.get_by_label("Why is it no incident?").fill("A replayed batch.")
    page.get_by_role("button", name=f"Dismiss {incident}").click()
    expect(page.locator("#head")).to_contain_text("dismissed")
    expect(page.locator("#timeline")).to_contain_text("A replayed batch.")


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_no_page_is_wider_than_its_window_and_each_has_one_heading_r_xct_02(
    application: Application, enter: Callable[..., Page], width: int
) -> None:
    long = "Überprüfung " + "x" * 120
    at = application.clock.now()
    application.desk.open(Report(long, long * 3, system="loan-approval"), by=MAYA, at=at)
    application.desk.note("INC-1", long * 3, by=MAYA, at=at)
    page = enter(viewport={"width": width, "height": 900})
    for path in PAGES:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.locator("h1").count() == 1, path
        assert page.locator("main").count() == 1, path


NAMELESS = """() => [...document.querySelectorAll("input, select, textarea, button, a, summary")]
    .filter((one) => one.type !== "hidden")
    .filter((one) => !(one.labels?.length || one.getAttribute("aria-label") || one.textContent.trim()))
    .map((one) => one.outerHTML)"""
DOUBLED = """() => [...document.querySelectorAll("[id]")].map((one) => one.id)
    .filter((id, at, ids) => ids.indexOf(id) !== at)"""


def test_every_field_has_a_name_for_screen_readers_r_xct_02(
    application: Application, enter: Callable[..., Page]
) -> None:
    application.desk.open(Report("Loans", system="loan-approval"), by=MAYA, at=application.clock.now())
    page = enter()
    for path in PAGES:
        page.goto(path)
        assert page.evaluate(NAMELESS) == [], path
        assert page.evaluate(DOUBLED) == [], path
