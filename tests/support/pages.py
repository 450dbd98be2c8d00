"""The starter company's workspace with its pages: opened, signed in, and asked like a browser would."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from httpx import Response

from holdfast.access.accounts import Accounts
from holdfast.app import initialise, open_workspace
from holdfast.application import Application
from holdfast.interfaces.web.site import site
from holdfast.people import Actor
from holdfast.prepare.starting import write_workspace
from holdfast.prepare.versions import apply_workspace, approve_playbook, playbook_versions_of
from holdfast.prepare.workspace import load_workspace
from holdfast.settings import Settings
from support.company import AISHA, HELEN, INES, MAYA, PRIYA, SIGNATURES, TOMAS, VICTOR

PASSWORD = "plain words do nicely"
START = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)


@dataclass
class SetClock:
    """A clock that stands until it is moved."""

    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def pass_(self, span: timedelta) -> datetime:
        self.at += span
        return self.at


def open_company(folder: Path, clock: Any = None, environ: dict[str, str] | None = None) -> Application:
    """The starter company in `folder`: playbook in force, and an account for each person tests use."""
    given = {"HOLDFAST_WEB_PUBLIC_URL": "http://testserver", **(environ or {})}
    shutil.copytree(_company(), folder, dirs_exist_ok=True)
    application = open_workspace(folder, given, clock or SetClock())
    return replace(application, accounts=_accounts(application))


@cache
def _company() -> Path:
    """A workspace made once and copied for each test."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-company-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_workspace(folder)
    initialise(Settings.load(folder, {}))
    application, at = open_workspace(folder, {}), START - timedelta(hours=1)
    ledger, accounts = application.ledger, _accounts(application)
    apply_workspace(ledger, load_workspace(folder), HELEN, at)
    content = playbook_versions_of(ledger)[0].content
    for function, signer in SIGNATURES.items():
        approve_playbook(ledger, content, function, signer, at)
    for person in (MAYA, TOMAS, AISHA, PRIYA, HELEN, INES, VICTOR):
        accounts.create(person.id, PASSWORD, person, at)
    ledger.database.close()
    return folder


def _accounts(application: Application) -> Accounts:
    """With hashes that are quick to make: what slow ones are for is tested where they are made."""
    return Accounts(application.ledger, hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


class Page(HTMLParser):
    """What a reader sees of a page, and what its forms would send."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self._said: list[str] = []
        self._silent = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._said.append(data)

    @property
    def text(self) -> str:
        """Everything it says, on one line."""
        return " ".join(" ".join(self._said).split())

    @property
    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.html)
        assert found, "the page holds no form"
        return found[1]


@dataclass
class Reader:
    """Somebody at a browser."""

    client: TestClient
    csrf: str = ""
    origin: str = "http://testserver"

    def get(self, path: str, **more: Any) -> Response:
        return self.client.get(path, **more)

    def page(self, path: str) -> Page:
        """A page that must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[-2000:])
        return Page(answer.text)

    def post(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> Response:
        """Send a form the way our own pages do; redirects are not followed."""
        headers = {"Origin": self.origin, **more.pop("headers", {})}
        sent = {"csrf": self.csrf, **(data or {})}
        return self.client.post(path, data=sent, headers=headers, follow_redirects=False, **more)


def stranger(application: Application, base_url: str = "http://testserver") -> Reader:
    """Somebody who has not signed in."""
    return Reader(TestClient(site(application), base_url=base_url), origin=base_url)


def signed_in(application: Application, person: Actor, base_url: str = "http://testserver") -> Reader:
    """Somebody who signed in through the page."""
    reader = stranger(application, base_url)
    reader.csrf = reader.page("/sign-in").csrf
    answer = reader.post("/sign-in", {"person": person.id, "password": PASSWORD})
    assert answer.status_code == 303, answer.text
    reader.csrf = reader.page("/").csrf
    return reader
