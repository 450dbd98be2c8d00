"""The health check and the metrics: alive, silent and dead look different (R-XCT-07)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from holdfast.interfaces.application import Application
from holdfast.interfaces.worker.worker import Worker
from holdfast.people import Permission
from support.company import MAYA
from support.workspaces import HandClock


def samples(client: TestClient, token: str) -> dict[str, float]:
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_health_needs_no_token_and_names_nobody(client: TestClient, incident: str) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {
        "healthy": True,
        "database": "reachable",
        "worker": "not in this process",
        "last_round": None,
        "refused_to_seal": "",
        "failing": 0,
    }


def test_a_worker_that_has_gone_silent_is_told(
    client: TestClient, company: Application, clock: HandClock
) -> None:
    Worker(company).round(clock.now())
    assert client.get("/healthz").json()["worker"] == "running"
    clock.pass_by(timedelta(minutes=6))
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["worker"]) == (503, "silent")


def test_a_ledger_that_is_not_sealed_any_more_is_told(client: TestClient, company: Application) -> None:
    company.health.refused_to_seal = "the database was cut"
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["refused_to_seal"]) == (503, "the database was cut")


def test_a_database_that_is_away_is_told(
    client: TestClient, company: Application, maya: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> int:
        raise OSError("no route to host")

    monkeypatch.setattr(company.ledger, "size", away)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["database"]) == (503, "not reachable")


def test_metrics_count_what_is_running(
    client: TestClient, company: Application, maya: Any, caller: Any, incident: str
) -> None:
    assert client.get("/metrics").status_code == 401
    declares_only = caller(MAYA, [Permission.DECLARE]).token
    assert client.get("/metrics", headers={"Authorization": f"Bearer {declares_only}"}).status_code == 401
    found = samples(client, company.flags_token)
    assert found == samples(client, maya.token)
    assert found["holdfast_facts"] == company.ledger.size() > found["holdfast_facts_sealed"] > 0
    assert found['holdfast_incidents_running{status="triage",severity="medium"}'] == 1
    assert found["holdfast_seal_refused"] == 0
    Worker(company).seal(company.clock.now())
    assert samples(client, maya.token)["holdfast_facts_sealed"] == found["holdfast_facts"]
