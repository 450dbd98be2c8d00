"""app.js in a real browser, under the strict policy: clocks, keys, live regions, finding."""

from __future__ import annotations

import mimetypes
import queue
import re
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from jinja2 import ChoiceLoader, DictLoader
from playwright.sync_api import Browser, Page, expect, sync_playwright

from holdfast import wording
from holdfast.interfaces.web import rendering
from holdfast.interfaces.web.rendering import Reader, Seal, Shell

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
PAGE = """
{% extends "base.html" %}
{% block title %}Test{% endblock %}
{% block main %}
{{ ui.clock("Contain", "running", due|left(now), "limit", due=due, soon_at=soon) }}
{{ ui.copyable("9f3c71ae", "the hash") }}
{% call ui.card("Count", id="count", live="incident/INC-1") %}<p>seen {{ seen }}</p>{% endcall %}
{% call ui.card("Written", id="written", live="incident/INC-1") %}
<p>round {{ seen }}</p>
{% call ui.reveal("Add note", key="n") %}
{% call ui.form("/notes", "t") %}{{ ui.area("note", "Note") }}{% endcall %}
{% endcall %}
{% endcall %}
{% call ui.table("Incidents", (("Incident", ""),), list=true) %}
<tr><td><a data-go href="/one">INC-1</a></td></tr>
<tr><td><a data-go href="/two">INC-2</a></td></tr>
{% endcall %}
{% endblock %}
"""


class _Site:
    """Serves the page with its static files and its stream of events, as the product does."""

    def __init__(self) -> None:
        self.seen = 0
        self.due_in = timedelta(minutes=20)
        self.streams: list[queue.Queue[str | None]] = []
        self.listening = threading.Event()
        self.templates = rendering.environment()
        assert self.templates.loader is not None
        self.templates.loader = ChoiceLoader([DictLoader({"test.html": PAGE}), self.templates.loader])

    def page(self) -> str:
        self.seen += 1
        now = datetime.now(UTC)
        shell = Shell(
            now=now,
            here="home",
            reader=Reader(id="ana@bank.example", name="Ana Reyes", may=frozenset({"declare an incident"})),
            seal=Seal(facts=1, sealed_at=now),
            csrf="token",
        )
        due = now + self.due_in
        return rendering.page(
            self.templates, "test.html", shell, due=due, soon=due - timedelta(minutes=5), seen=self.seen
        )

    def found(self) -> str:
        groups = [("Incidents", [("INC-1 Loans", "SEV-1", "/one"), ("INC-2 Churn", "SEV-4", "/two")])]
        return self.templates.from_string("{{ ui.found(groups) }}").render(groups=groups)

    def tell(self, topics: str) -> None:
        """Send an event once the page listens."""
        assert self.listening.wait(10), "the page never asked for events"
        for stream in self.streams:
            stream.put(topics)


def _handler(site: _Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/events":
                return self._stream()
            if path.startswith("/static/"):
                name = path.removeprefix("/static/")
                kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
                return self._answer(kind, rendering.static_folder().joinpath(name).read_bytes())
            body = site.found() if path == "/find" else site.page() if path == "/" else f"<h1>{path}</h1>"
            return self._answer("text/html; charset=utf-8", body.encode())

        def _answer(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Security-Policy", POLICY)
            self.end_headers()
            self.wfile.write(body)

        def _stream(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            events: queue.Queue[str | None] = queue.Queue()
            self.wfile.write(b"retry: 100\n\n")
            self.wfile.flush()
            site.streams.append(events)
            site.listening.set()
            while (topics := events.get()) is not None:
                self.wfile.write(f"data: {topics}\n\n".encode())
                self.wfile.flush()

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine, so the pages' script is not tested here")
    with sync_playwright() as playwright:
        flags = [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
        ]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def site() -> Iterator[tuple[_Site, str]]:
    served = _Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(served))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield served, f"http://127.0.0.1:{server.server_port}/"
    for stream in served.streams:
        stream.put(None)
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser: Browser, site: tuple[_Site, str]) -> Iterator[Page]:
    context = browser.new_context(timezone_id="Australia/Sydney")
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    opened.goto(site[1])
    yield opened
    context.close()
    assert complaints == [], "the page must run without errors under the policy"


def test_the_script_words_times_exactly_as_the_server_does(page: Page) -> None:
    now = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
    spans = [0, 0.4, -0.4, 1, 1.9, 59, 60, 261.9, 3599, 3600, 7500, 86399, 86400, 90000, 1292399]
    for seconds in (*spans, *(-span for span in spans)):
        moment = now + timedelta(seconds=seconds)
        assert page.evaluate(f"holdfast.left({seconds})") == wording.left(moment, now)
        assert page.evaluate(f"holdfast.ago({-seconds})") == wording.ago(moment, now)


def test_a_clock_turns_to_near_and_breached_by_itself(browser: Browser, site: tuple[_Site, str]) -> None:
    served, address = site
    served.due_in = timedelta(seconds=3)
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(address)
    expect(opened.locator(".clock")).to_have_class(re.compile("soon"))
    expect(opened.locator(".clock-word")).to_have_text("near")
    expect(opened.locator(".clock")).to_have_class(re.compile("late"), timeout=8000)
    expect(opened.locator(".clock-figure")).to_have_text(re.compile(r"^breached by \d s$"), timeout=8000)
    expect(opened.locator(".clock-word")).to_have_text("breached")
    context.close()


def test_the_local_time_stands_beside_utc_r_xct_10(page: Page) -> None:
    expect(page.locator("[data-now]")).to_have_text(re.compile(r"^\d+ \w{3} \d{4}, \d\d:\d\d UTC$"))
    expect(page.locator("[data-now-local]")).to_have_text(re.compile(r"^· \d\d:\d\d Sydney$"))
    assert {
        cookie["name"]: cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "zone"
    } == {"zone": "Australia/Sydney"}


def test_a_region_refreshes_when_its_topic_changes(page: Page, site: tuple[_Site, str]) -> None:
    expect(page.locator("#count")).to_contain_text("seen 1")
    site[0].tell("alert/3 incident/INC-1")
    expect(page.locator("#count")).to_contain_text("seen 2")
    expect(page.locator("#written")).to_contain_text("round 2")


def test_another_topic_leaves_the_page_alone(page: Page, site: tuple[_Site, str]) -> None:
    site[0].tell("incident/INC-2")
    page.wait_for_timeout(600)
    expect(page.locator("#count")).to_contain_text("seen 1")
    assert site[0].seen == 1


def test_a_lost_stream_is_said_and_what_was_missed_is_fetched(page: Page, site: tuple[_Site, str]) -> None:
    assert site[0].listening.wait(10)
    site[0].streams[0].put(None)
    expect(page.locator("#count")).to_contain_text("seen 2")
    expect(page.locator("body")).not_to_have_class(re.compile("offline-now"))
    assert len(site[0].streams) == 2


def test_nobody_loses_a_half_written_note(page: Page, site: tuple[_Site, str]) -> None:
    page.keyboard.press("n")
    page.keyboard.type("Decided at d, a and n?")
    site[0].tell("incident/INC-1")
    expect(page.locator("#count")).to_contain_text("seen 2")
    expect(page.locator("#written")).to_contain_text("round 1")
    expect(page.locator("#field-note")).to_have_value("Decided at d, a and n?")
    assert page.url == site[1]


def test_d_declares_and_question_mark_lists_the_keys(page: Page, site: tuple[_Site, str]) -> None:
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("d")
    assert page.url == site[1], "keys rest while a dialogue is open"
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    page.wait_for_url("**/declare")


def test_single_letters_can_be_turned_off_r_xct_02(page: Page, site: tuple[_Site, str]) -> None:
    """WCAG 2.2, 2.1.4: character key shortcuts can be turned off."""
    page.keyboard.press("?")
    page.get_by_label("Single-letter keys are on").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    page.wait_for_timeout(200)
    assert page.url == site[1]


def test_arrows_move_in_a_list_and_enter_opens(page: Page) -> None:
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("a[data-go]").nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.locator("a[data-go]").nth(0)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/one")


def test_control_k_finds_and_opens_by_keyboard_alone(page: Page) -> None:
    page.keyboard.press("Control+k")
    expect(page.locator("#found [role=option]")).to_have_count(2)
    expect(page.locator("#found [aria-selected=true]")).to_contain_text("INC-1")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#palette-q")).to_have_attribute("aria-activedescendant", "hit-1-2")
    page.keyboard.press("Enter")
    page.wait_for_url("**/two")


def test_without_scripts_the_page_reads_and_the_forms_are_there(
    browser: Browser, site: tuple[_Site, str]
) -> None:
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(site[1])
    expect(opened.locator(".clock-figure")).to_have_text(re.compile(r"(19|20) min left"))
    opened.get_by_text("Add note").click()
    expect(opened.locator("#field-note")).to_be_visible()
    expect(opened.get_by_role("link", name="Declare incident")).to_have_attribute("href", "/declare")
    expect(opened.locator(".copy")).to_be_hidden()
    context.close()
