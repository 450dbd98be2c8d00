"""What the file beside the key keeps of the last check, and what the ledger has of it: where they disagree
nothing is called holding, on pages, in the health check and in the metrics alike (R-EVD-04)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient

from holdfast.access.accounts import Accounts
from holdfast.application import Application
from holdfast.clock import stamp
from holdfast.detect.monitoring import AGAIN
from holdfast.interfaces.worker.worker import Worker
from holdfast.ledger.events import STREAM, LedgerChecked
from holdfast.ledger.ledger import Draft
from holdfast.people import SYSTEM
from support.company import MAYA
from support.pages import PASSWORD, Reader, signed_in
from support.workspaces import HandClock, with_log


@pytest.fixture
def checked(company: Application, clock: HandClock) -> Application:
    """A company at work whose ledger was checked, and held."""
    with_log(company.workspace, clock.now())
    clock.pass_by(AGAIN)
    Worker(company).round(clock.now())
    last = company.checks.last()
    assert last is not None
    assert (last.found.verdict, last.unrecorded) == ("holds", "")
    return company


@pytest.fixture
def reader(checked: Application) -> Reader:
    quick = Accounts(checked.ledger, hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    quick.create(MAYA.id, PASSWORD, MAYA, checked.clock.now())
    made = replace(checked, accounts=quick)
    return signed_in(made, MAYA, checked.settings.web.public_url)


def found_by_another(application: Application) -> None:
    """A check on another machine, which has its own file, found something."""
    last = application.checks.last()
    assert last is not None
    failed = replace(last.found, verdict="does not hold", problems=("fact 3 was edited",))
    stream = application.ledger.stream(STREAM)
    at = application.clock.now() + timedelta(seconds=1)
    application.ledger.append(Draft(STREAM, stream.version, [failed]), by=SYSTEM, at=at)


def rewritten(change: Callable[[dict[str, Any]], object]) -> Callable[[Application], None]:
    def rewrite(application: Application) -> None:
        kept = json.loads(application.checks.path.read_text())
        change(kept)
        application.checks.path.write_text(json.dumps(kept))

    return rewrite


def dated(application: Application, hours: int) -> None:
    at = stamp(application.clock.now() + timedelta(hours=hours))
    rewritten(lambda kept: kept.update(at=at))(application)


DISAGREE: dict[str, tuple[Callable[[Application], object], str]] = {
    "the ledger has a newer one that failed": (found_by_another, "does not hold"),
    "the file has one that failed": (
        rewritten(lambda kept: kept["payload"]["data"].update(verdict="does not hold", problems=["x"])),
        "does not hold",
    ),
    "the file counts other facts": (
        rewritten(lambda kept: kept["payload"]["data"].update(facts=1)),
        "cannot say",
    ),
    "the file is of a later check than any": (lambda one: dated(one, 1), "cannot say"),
    "the file is gone": (lambda one: one.checks.path.unlink(), "cannot say"),
    "the file is a folder": (
        lambda one: (one.checks.path.unlink(), one.checks.path.mkdir()),
        "cannot say",
    ),
    "the file is no JSON": (lambda one: one.checks.path.write_text("holds"), "cannot say"),
    "the file is empty": (lambda one: one.checks.path.write_text(""), "cannot say"),
}


def doubt(client: TestClient, application: Application) -> float:
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {application.flags_token}"})
    lines = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    return float(lines["holdfast_ledger_in_doubt"])


def test_where_they_agree_nothing_is_red(checked: Application, client: TestClient, reader: Reader) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["ledger"]) == (200, "holds"), answer.text
    assert doubt(client, checked) == 0
    assert "the ledger does not check out" not in reader.page("/").text


@pytest.mark.parametrize("how", DISAGREE)
def test_where_they_disagree_page_health_and_metrics_say_so(
    checked: Application, client: TestClient, reader: Reader, how: str
) -> None:
    disagree, verdict = DISAGREE[how]
    disagree(checked)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["healthy"], answer.json()["ledger"]) == (503, False, verdict)
    assert doubt(client, checked) == 1
    for page in ("/", "/incidents", "/ledger"):
        assert "the ledger does not check out" in reader.page(page).text


def test_a_check_that_passed_elsewhere_since_takes_back_what_the_file_keeps(
    checked: Application, client: TestClient
) -> None:
    last = checked.checks.last()
    assert last is not None
    DISAGREE["the file has one that failed"][0](checked)
    assert client.get("/healthz").json()["ledger"] == "does not hold"
    stream = checked.ledger.stream(STREAM)
    at = checked.clock.now() + timedelta(seconds=1)
    checked.ledger.append(Draft(STREAM, stream.version, [last.found]), by=SYSTEM, at=at)
    assert client.get("/healthz").json()["ledger"] == "holds"
    assert doubt(client, checked) == 0


def test_a_failure_in_an_older_fact_stays_until_a_check_passes(
    checked: Application, client: TestClient, clock: HandClock
) -> None:
    found_by_another(checked)
    clock.pass_by(timedelta(minutes=1))
    checked.check_on_record(MAYA)
    assert client.get("/healthz").json()["ledger"] == "holds"
    assert doubt(client, checked) == 0
    facts = [one.fact for one in checked.ledger.facts() if isinstance(one.fact, LedgerChecked)]
    assert [fact.verdict for fact in facts] == ["holds", "does not hold", "holds"]
