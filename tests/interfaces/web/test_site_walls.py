"""The walls around every page: who gets in, what is refused, and that refused means nothing was written."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from holdfast.access.events import SessionRefused
from holdfast.application import Application
from holdfast.incident.responding import Report
from holdfast.interfaces.web.site import LARGEST_POST, VIEWS, site
from holdfast.ledger.ledger import Conflict
from support.company import HELEN, MAYA, VICTOR
from support.pages import PASSWORD, Page, Reader, SetClock, open_company, signed_in, stranger

FORGERIES: dict[str, dict[str, Any]] = {
    "no token": {"data": {"csrf": ""}},
    "a wrong token": {"data": {"csrf": "0" * 64}},
    "another site's form": {"headers": {"Origin": "https://evil.example"}},
    "a sandboxed frame": {"headers": {"Origin": "null"}},
    "a subdomain": {"headers": {"Origin": "http://evil.testserver"}},
    "a browser that says cross-site": {"headers": {"Sec-Fetch-Site": "cross-site"}},
    "a browser that says same-site": {"headers": {"Sec-Fetch-Site": "same-site"}},
}


@pytest.fixture
def application(tmp_path: Path) -> Application:
    return open_company(tmp_path)


@pytest.fixture
def incident(application: Application) -> str:
    return application.desk.open(Report("Loans are declined"), by=MAYA, at=application.clock.now())


@pytest.fixture
def maya(application: Application) -> Reader:
    return signed_in(application, MAYA)


@pytest.fixture
def auditor(application: Application) -> Reader:
    return signed_in(application, VICTOR)


# Signing in ------------------------------------------------------------------------------------


def test_nobody_reads_a_page_without_signing_in_and_everybody_comes_back_to_where_they_were(
    application: Application,
) -> None:
    reader = stranger(application)
    answer = reader.get("/incidents?severity=high", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/sign-in?next=/incidents%3Fseverity%3Dhigh",
    )
    page = reader.page(answer.headers["location"])
    signed = reader.post(
        "/sign-in",
        {
            "csrf": page.csrf,
            "person": MAYA.id,
            "password": PASSWORD,
            "next": re.findall(r'name="next" value="([^"]*)"', page.html)[0],
        },
    )
    assert signed.headers["location"] == "/incidents?severity=high"


@pytest.mark.parametrize("header", ["HX-Request", "X-Live"])
def test_a_script_is_told_to_sign_in_and_gets_no_page(application: Application, header: str) -> None:
    answer = stranger(application).get("/incidents", headers={header: "true"}, follow_redirects=False)
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"].startswith("/sign-in?next=")


def test_who_comes_back_too_late_is_told_why_they_sign_in_again(tmp_path: Path) -> None:
    clock = SetClock()
    reader = signed_in(open_company(tmp_path, clock), MAYA)
    clock.pass_(timedelta(hours=13))
    assert "Your session had ended." in reader.page("/incidents").text


def test_events_are_for_those_who_signed_in(application: Application) -> None:
    assert stranger(application).get("/events", headers={"Accept": "text/event-stream"}).status_code == 401


@pytest.mark.parametrize(
    ("person", "password"),
    [(MAYA.id, "not the password at all"), ("nobody@harbourstreet.example", PASSWORD), ("\x00", "\x00")],
)
def test_a_refused_sign_in_says_the_same_whatever_was_wrong_and_is_on_the_ledger_r_xct_01(
    application: Application, person: str, password: str
) -> None:
    reader = stranger(application)
    reader.csrf = reader.page("/sign-in").csrf
    answer = reader.post("/sign-in", {"person": person, "password": password})
    assert answer.status_code == 403
    assert "E-mail address and password do not belong together" in Page(answer.text).text
    assert password not in answer.text
    assert isinstance(list(application.ledger.facts())[-1].fact, SessionRefused)


@pytest.mark.parametrize(
    "address",
    [
        "//evil.example",
        "///evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/ok\r\nX-Injected: 1",
        "",
    ],
)
def test_signing_in_never_leads_to_another_site(application: Application, address: str) -> None:
    reader = stranger(application)
    reader.csrf = reader.page("/sign-in").csrf
    sent = {"person": MAYA.id, "password": PASSWORD, "next": address}
    answer = reader.post("/sign-in", sent)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "x-injected" not in answer.headers
    again = reader.get("/sign-in", params={"next": address}, follow_redirects=False)
    assert again.headers["location"] == "/"


def test_a_planted_session_is_worth_nothing_after_signing_in(application: Application) -> None:
    """Session fixation: the browser comes with a cookie that an attacker chose or holds."""
    attacker = signed_in(application, HELEN)
    planted = attacker.client.cookies["holdfast"]
    victim = stranger(application)
    victim.csrf = victim.page("/sign-in").csrf
    victim.client.cookies.set("holdfast", planted)
    victim.post("/sign-in", {"person": MAYA.id, "password": PASSWORD})
    given = victim.client.cookies.get("holdfast", domain="testserver.local") or ""
    assert given
    assert given != planted
    # The session that came with the browser ended with it.
    assert attacker.get("/", follow_redirects=False).status_code == 303


def test_nobody_can_be_signed_in_to_another_account_by_a_foreign_form(application: Application) -> None:
    """Login CSRF: without the token of this browser's own form there is no session."""
    reader = stranger(application)
    answer = reader.post("/sign-in", {"csrf": "", "person": MAYA.id, "password": PASSWORD})
    assert answer.status_code == 403
    assert "holdfast" not in reader.client.cookies
    other = stranger(application).page("/sign-in").csrf
    reader.page("/sign-in")
    assert (
        reader.post("/sign-in", {"csrf": other, "person": MAYA.id, "password": PASSWORD}).status_code == 403
    )


def test_signing_out_ends_the_session_also_for_who_kept_the_cookie(application: Application) -> None:
    reader = signed_in(application, MAYA)
    kept = reader.client.cookies["holdfast"]
    answer = reader.post("/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    reader.client.cookies.set("holdfast", kept)
    assert reader.get("/", follow_redirects=False).status_code == 303


def test_the_session_cookie_is_for_the_browser_alone(application: Application, tmp_path: Path) -> None:
    reader = stranger(application)
    reader.csrf = reader.page("/sign-in").csrf
    answer = reader.post("/sign-in", {"person": MAYA.id, "password": PASSWORD})
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("holdfast="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie


def test_over_https_cookies_are_secure_bound_to_the_host_and_the_browser_stays_on_https(
    tmp_path: Path,
) -> None:
    application = open_company(tmp_path, environ={"HOLDFAST_WEB_PUBLIC_URL": "https://testserver"})
    reader = stranger(application, "https://testserver")
    page = reader.get("/sign-in")
    assert page.headers["strict-transport-security"] == "max-age=31536000"
    reader.csrf = Page(page.text).csrf
    answer = reader.post("/sign-in", {"person": MAYA.id, "password": PASSWORD})
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("__Host-holdfast="))
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert reader.get("/").status_code == 200


# Forged requests -------------------------------------------------------------------------------


@pytest.mark.parametrize("forged", FORGERIES)
def test_a_forged_request_changes_nothing(
    application: Application, maya: Reader, incident: str, forged: str
) -> None:
    before = application.ledger.size()
    answer = maya.post(f"/incidents/{incident}/acknowledgement", **FORGERIES[forged])
    assert answer.status_code == 403
    assert "Nothing was recorded" in Page(answer.text).text
    assert application.ledger.size() == before


def test_the_token_of_another_session_does_not_count(
    application: Application, maya: Reader, incident: str
) -> None:
    helen = signed_in(application, HELEN)
    assert maya.post(f"/incidents/{incident}/acknowledgement", {"csrf": helen.csrf}).status_code == 403


def test_htmx_may_send_the_token_in_its_header(application: Application, maya: Reader, incident: str) -> None:
    sent = maya.client.post(
        f"/incidents/{incident}/acknowledgement",
        headers={"X-CSRF-Token": maya.csrf, "Origin": "http://testserver"},
        follow_redirects=False,
    )
    assert sent.status_code == 303


def test_who_is_not_signed_in_learns_that_nothing_was_recorded(
    application: Application, incident: str
) -> None:
    answer = stranger(application).post(
        f"/incidents/{incident}/notes",
        {"note": "x"},
        headers={"Referer": f"http://testserver/incidents/{incident}"},
    )
    assert answer.headers["location"] == f"/sign-in?next=/incidents/{incident}&because=lost"
    assert "Nothing was recorded" in stranger(application).page(answer.headers["location"]).text


def unsafe_paths(incident: str) -> list[str]:
    """Every address of the site that something can be sent to."""
    routes = [route for view in VIEWS for route in view.routes if isinstance(route, APIRoute)]
    return [
        re.sub(r"\{[^}]*\}", "X-1", route.path.replace("{incident}", incident))
        for route in routes
        if route.methods - {"GET", "HEAD"}
    ]


AUDITORS = {"/sign-in", "/sign-out", "/ledger/checks"}
"""What an auditor may send: they verify and take packs, and never change what is recorded (R-AUD-07)."""


def test_an_auditor_changes_nothing_anywhere_r_aud_07(
    application: Application, auditor: Reader, incident: str
) -> None:
    """R-AUD-07/read-only."""
    theirs = AUDITORS | {f"/incidents/{incident}/evidence/verification", f"/incidents/{incident}/pack"}
    paths = unsafe_paths(incident)
    assert theirs < set(paths)
    before = application.ledger.size()
    for path in set(paths) - theirs:
        answer = auditor.post(path, {"title": "x", "note": "x", "reason": "x"})
        assert answer.status_code in (403, 404, 422), (path, answer.status_code)
        assert application.ledger.size() == before, path


def test_an_auditor_is_told_why_and_offered_no_button(auditor: Reader, incident: str) -> None:
    answer = auditor.post(f"/incidents/{incident}/notes", {"note": "I was here"})
    assert answer.status_code == 403
    assert "Victor Chen may not respond to an incident" in Page(answer.text).text
    page = auditor.page(f"/incidents/{incident}")
    assert f'action="/incidents/{incident}' not in page.html
    assert "needs responder access" in page.text
    assert auditor.get("/declare").status_code == 403


def test_every_unsafe_address_refuses_what_carries_no_token(
    application: Application, maya: Reader, incident: str
) -> None:
    before = application.ledger.size()
    for path in unsafe_paths(incident):
        answer = maya.post(path, {"csrf": ""})
        assert answer.status_code == 403, (path, answer.status_code)
    assert application.ledger.size() == before


# Answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/sign-in", "/nowhere", "/static/app.css", "/incidents/INC-1/notes"])
def test_every_answer_says_what_a_browser_may_do_with_it(maya: Reader, path: str) -> None:
    headers = maya.get(path, follow_redirects=False).headers
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_pages_are_kept_in_no_cache_and_hashed_files_for_ever(maya: Reader) -> None:
    page = maya.get("/")
    assert page.headers["cache-control"] == "no-store"
    sheet = re.findall(r'href="(/static/app\.css\?v=[0-9a-f]{10})"', page.text)[0]
    assert "immutable" in maya.get(sheet).headers["cache-control"]
    assert "immutable" not in maya.get("/static/app.css").headers["cache-control"]
    assert maya.get("/static/../site.py").status_code == 404


@pytest.mark.parametrize("number", ["INC-999", "INC-0", "inc-1", "INC-1%27", "INC-" + "9" * 40])
@pytest.mark.parametrize("page", ["", "/classification", "/resolution", "/closure"])
def test_an_incident_that_does_not_exist_is_not_found(maya: Reader, number: str, page: str) -> None:
    answer = maya.get(f"/incidents/{number}{page}")
    assert answer.status_code == 404
    assert "Traceback" not in answer.text


def test_sending_to_an_incident_that_does_not_exist_is_not_found_and_writes_nothing(
    application: Application, maya: Reader
) -> None:
    before = application.ledger.size()
    assert maya.post("/incidents/INC-999/acknowledgement").status_code == 404
    assert maya.post("/incidents/INC-999/notes", {"note": "x"}).status_code == 404
    assert application.ledger.size() == before


def test_a_body_larger_than_any_form_is_not_read(application: Application, maya: Reader) -> None:
    before = application.ledger.size()
    answer = maya.post("/declare", {"title": "x" * LARGEST_POST})
    assert answer.status_code == 413
    assert application.ledger.size() == before


def test_an_address_that_no_database_could_hold_is_refused(maya: Reader) -> None:
    assert maya.get("/incidents?q=%00").status_code == 400
    assert maya.get("/incidents/INC-1%00").status_code == 400


def test_a_failure_shows_no_inside_and_keeps_its_walls(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = signed_in(application, MAYA)
    client = TestClient(site(application), raise_server_exceptions=False, cookies=reader.client.cookies)

    def broken(*_: Any, **__: Any) -> str:
        raise RuntimeError("secret path /var/lib/holdfast")

    monkeypatch.setattr(type(application.desk), "open", broken)
    sent = {"csrf": reader.csrf, "title": "x"}
    answer = client.post("/declare", data=sent, headers={"Origin": "http://testserver"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Something in Holdfast failed" in answer.text
    assert "content-security-policy" in answer.headers


def test_whoever_was_slower_learns_that_nothing_was_changed_and_keeps_their_words(
    application: Application, incident: str, maya: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def beaten(*_: Any, **__: Any) -> None:
        raise Conflict("incident/INC-1 has 9 facts, the decision was based on 8")

    monkeypatch.setattr(type(application.desk), "note", beaten)
    words = "Broker batches hold months where the model expects years."
    answer = maya.post(f"/incidents/{incident}/notes", {"note": words})
    assert answer.status_code == 409
    page = Page(answer.text)
    assert "Somebody was faster" in page.text
    assert "Nothing was recorded" in page.text
    assert words in page.text
    assert "decision was based on" not in page.text


def test_a_notice_that_nobody_signed_is_not_shown(maya: Reader) -> None:
    maya.client.cookies.set("holdfast-notice", "W1siUHduZWQiLCAiIiwgImdvb2QiXV0=.00")
    assert "Pwned" not in maya.page("/").text


def test_a_notice_is_shown_once(maya: Reader, incident: str) -> None:
    maya.post(f"/incidents/{incident}/acknowledgement")
    assert "The escalation has stopped." in maya.page(f"/incidents/{incident}").text
    assert "The escalation has stopped." not in maya.page(f"/incidents/{incident}").text


def test_a_time_zone_that_is_none_is_ignored(maya: Reader) -> None:
    for told in ("../../etc/passwd", "Nowhere/City", "<b>", "A" * 5000):
        maya.client.cookies.set("zone", told)
        assert maya.page("/").text
