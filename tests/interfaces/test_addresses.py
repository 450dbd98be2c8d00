"""Addresses that hold what no address can: refused as every other address that leads nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from holdfast.application import Application
from holdfast.people import Permission
from holdfast.serving import asgi
from support.company import MAYA
from support.pages import PASSWORD, open_company

ODD = ("%0A", "%0a/notes", "/%0A/x", "%0D%0A", "%00", "%00/x", "%01", "%C2%85", "%E2%80%A8", "%ff", "%c3%28")
"""Line breaks, controls, separators and bytes that are no UTF-8, at the end of an address and within."""


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Application]:
    application = open_company(tmp_path / "company")
    yield application
    application.ledger.database.close()


@pytest.fixture
def client(workspace: Application) -> TestClient:
    """Everything that is served, to somebody who is signed in."""
    client = TestClient(asgi(workspace), raise_server_exceptions=False, follow_redirects=False)
    now = workspace.clock.now()
    secret, _ = workspace.accounts.sessions.sign_in(MAYA.id, PASSWORD, "10.0.0.1", now)
    client.cookies.set("holdfast", secret)
    token, _ = workspace.accounts.tokens.issue(
        MAYA.id, "script", [Permission.READ], now + timedelta(days=1), MAYA, now
    )
    client.headers["Authorization"] = f"Bearer {token}"
    return client


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
def test_the_api_refuses_an_address_with_control_characters_as_a_problem_document(
    client: TestClient, method: str
) -> None:
    for path, odd in product(
        ("/api/v1/incidents/INC-1", "/api/v1/nothing", "/api/v1/", "/api/v1/systems/loan-approval"), ODD
    ):
        answer = client.request(method, path + odd)
        assert answer.status_code in (403, 404, 405), (path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json", path
        assert answer.json()["status"] == answer.status_code


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_pages_refuse_an_address_with_control_characters_as_a_page(client: TestClient, method: str) -> None:
    paths = ("/incidents/INC-1", "/nothing", "/", "/sign-in", "/healthz", "/metrics", "/static/app.css")
    for path, odd in product(paths, ODD):
        answer = client.request(method, path + odd)
        assert answer.status_code in (403, 404, 405), (path, answer.status_code)
        assert answer.headers["content-type"].startswith("text/html"), path
        assert "nosniff" in answer.headers["x-content-type-options"]


def test_a_page_refuses_a_question_with_a_character_that_no_database_holds_as_a_page(
    client: TestClient,
) -> None:
    for path in ("/incidents?q=%00", "/sign-in?next=%00", "/?%00=x"):
        answer = client.get(path)
        assert answer.status_code == 400
        assert answer.headers["content-type"].startswith("text/html"), path
        assert "NUL" in answer.text


@pytest.mark.parametrize("odd", ["%0A", "%00", "%0D%0A"])
def test_a_flag_is_not_answered_under_a_name_with_a_line_break(client: TestClient, odd: str) -> None:
    flag = "/ofrep/v1/evaluate/flags/loan-approval.enabled"
    assert client.post(flag, json={}).json()["key"] == "loan-approval.enabled"
    answer = client.post(flag + odd, json={})
    assert answer.status_code == 404
    assert answer.json()["errorCode"] == "FLAG_NOT_FOUND"


def test_whoever_has_no_token_is_refused_metrics_as_a_problem_document(workspace: Application) -> None:
    for path in ("/metrics", "/ofrep/v1/evaluate/flags"):
        answer = TestClient(asgi(workspace)).request("POST" if "ofrep" in path else "GET", path)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert "token" in answer.json()["detail"]
        assert answer.headers["www-authenticate"]
