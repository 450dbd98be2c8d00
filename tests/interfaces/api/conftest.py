"""The API over a real workspace of the starter's company, with tokens of its people."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from holdfast.application import Application
from holdfast.interfaces.api.resources import PREFIX, api
from holdfast.people import Actor, Permission, allowed
from holdfast.prepare import versions
from support.company import MAYA
from support.workspaces import HandClock, opened, with_log


@dataclass
class Caller:
    """Somebody with a token."""

    client: TestClient
    token: str

    def __call__(self, method: str, path: str, json: Any = None, **more: Any) -> Response:
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        if json is not None:
            more["json"] = json
        return self.client.request(method, f"{PREFIX}{path}", headers=headers, **more)

    def get(self, path: str) -> Any:
        """What is there; anything but an answer fails the test."""
        answer = self("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def done(self, method: str, path: str, json: Any = None, **more: Any) -> Any:
        answer = self(method, path, json, **more)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()


CallerFor = Callable[..., Caller]


@pytest.fixture
def clock(now: datetime) -> HandClock:
    return HandClock(now)


@pytest.fixture
def company(database_url: str, tmp_path: Path, clock: HandClock) -> Iterator[Application]:
    """The workspace opened, its playbook in force."""
    application = opened(tmp_path / "company", database_url, clock, settled=True)
    yield application
    application.ledger.database.close()


@pytest.fixture
def log(company: Application) -> None:
    """The loan model's log, wrong for the last days."""
    with_log(company.workspace, company.clock.now())


@pytest.fixture
def client(company: Application) -> TestClient:
    app = FastAPI()
    app.include_router(api(company))
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def caller(company: Application, client: TestClient) -> CallerFor:
    """Somebody's token: by default it may do all that they may."""

    def issued(
        person: Actor = MAYA,
        scope: Collection[Permission] | None = None,
        days: float = 30,
        kind: Any = "person",
    ) -> Caller:
        roster = versions.active_roster(company.ledger)
        assert roster is not None
        access = roster.model.access(person.id)
        wanted = scope or [one for one in Permission if allowed(access, one)]
        now = company.clock.now()
        until = now + timedelta(days=days)
        secret, _ = company.accounts.tokens.issue(person.id, "test", wanted, until, person, now, kind)
        return Caller(client, secret)

    return issued


@pytest.fixture
def maya(caller: CallerFor) -> Caller:
    """The incident commander."""
    return caller(MAYA)


@pytest.fixture
def incident(maya: Caller) -> str:
    declared = maya.done("POST", "/incidents", {"title": "Approvals fell", "system": "loan-approval"})
    number: str = declared["incident"]
    return number
