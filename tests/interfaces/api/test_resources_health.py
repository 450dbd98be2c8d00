"""The health check and the metrics: alive, silent and dead look different (R-XCT-07)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from holdfast.application import Application
from holdfast.detect.monitoring import AGAIN
from holdfast.interfaces.worker.worker import Worker
from holdfast.ledger import pulse
from holdfast.ledger.events import STREAM, LedgerChecked
from holdfast.ledger.ledger import Draft
from holdfast.ledger.outbox import DeliveryFailed, QueuedMessage
from holdfast.ledger.pulse import Beat
from holdfast.ledger.sealing import RefusedToSeal
from holdfast.people import SYSTEM, Permission
from holdfast.prepare.versions import apply_workspace
from holdfast.prepare.workspace import load_workspace
from support.company import HELEN, MAYA
from support.workspaces import HandClock, with_log


def samples(client: TestClient, token: str) -> dict[str, float]:
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def health(client: TestClient) -> tuple[int, Any]:
    answer = client.get("/healthz")
    return answer.status_code, answer.json()


def test_health_needs_no_token_and_names_nobody(
    client: TestClient, company: Application, incident: str
) -> None:
    Worker(company).round(company.clock.now())
    status, said = health(client)
    assert said == {
        "healthy": False,
        "database": "reachable",
        "worker": "running",
        "hanging": [],
        "last_turn": said["last_turn"],
        "failing": [],
        "waiting_for": None,
        "sealing": "not refused",
        "ledger": "holds",
        "clocks_late": 0,
        "messages_late": 0,
        "alerts_untold": 0,
        "monitoring": "silent",
        "monitors": said["monitors"],
        "systems": {"watched": 0, "silent": 1, "not_watched": 1},
        "vault": "there",
    }
    assert status == 503, "the log of the starter's system is not there"


def test_a_log_that_is_there_makes_it_healthy(
    client: TestClient, company: Application, clock: HandClock
) -> None:
    with_log(company.workspace, clock.now())
    clock.pass_by(AGAIN)
    Worker(company).round(company.clock.now())
    status, said = health(client)
    assert (status, said["monitoring"]) == (200, "running"), said
    assert said["systems"] == {"watched": 1, "silent": 0, "not_watched": 1}
    (found,) = (v for k, v in samples(client, company.flags_token).items() if "monitoring_silent" in k)
    assert found == 0
    assert samples(client, company.flags_token)["holdfast_systems_not_watched"] == 1


@pytest.mark.parametrize("path", ["logs/loan-approval", "logs/loan-*/*.parquet"])
def test_a_log_that_goes_away_between_two_runs_is_told_at_once(
    client: TestClient, company: Application, clock: HandClock, path: str
) -> None:
    with_log(company.workspace, clock.now())
    file = company.workspace / "systems" / "loan-approval.yaml"
    file.write_text(file.read_text().replace("path: logs/loan-approval", f'path: "{path}"'))
    apply_workspace(company.ledger, load_workspace(company.workspace), HELEN, clock.now())
    clock.pass_by(AGAIN)
    Worker(company).round(company.clock.now())
    assert health(client)[0] == 200, health(client)
    (company.workspace / "logs").rename(company.workspace / "elsewhere")
    status, said = health(client)
    assert (status, said["monitoring"], said["systems"]["silent"]) == (503, "silent", 1)


def test_no_worker_anywhere_is_not_healthy(client: TestClient, company: Application) -> None:
    status, said = health(client)
    assert (status, said["worker"], said["last_turn"]) == (503, "none", None)


def test_a_worker_that_has_gone_silent_is_told(
    client: TestClient, company: Application, clock: HandClock
) -> None:
    Worker(company).round(clock.now())
    assert health(client)[1]["worker"] == "running"
    clock.pass_by(timedelta(minutes=2))
    status, said = health(client)
    assert (status, said["worker"]) == (503, "silent")


def test_a_ledger_that_is_not_sealed_any_more_is_told(client: TestClient, company: Application) -> None:
    company.anchor.path.write_text("")
    worker = Worker(company)

    def refuse(at: datetime) -> None:
        raise RefusedToSeal("the database was cut")

    worker.sealer.seal = refuse  # type: ignore[assignment]
    worker.round(company.clock.now())
    assert health(client)[1]["sealing"] == "refused"


@pytest.mark.parametrize("verdict", ["holds", "does not hold", "cannot say"])
def test_what_the_last_check_of_the_ledger_found_is_told(
    client: TestClient, company: Application, clock: HandClock, verdict: Any
) -> None:
    with_log(company.workspace, clock.now())
    clock.pass_by(AGAIN)
    checked = LedgerChecked(
        verdict=verdict,
        facts=1,
        sealed=1,
        checkpoints=1,
        anchored=1,
        elsewhere=0,
        projection_tables=1,
        inspected=(),
        problems=(),
        unknown=(),
    )
    stream = company.ledger.stream(STREAM)
    company.ledger.append(Draft(STREAM, stream.version, [checked]), by=SYSTEM, at=clock.now())
    Worker(company).round(clock.now())
    status, said = health(client)
    assert (status, said["ledger"]) == (200 if verdict == "holds" else 503, verdict)


def test_a_missing_vault_is_told(client: TestClient, company: Application, incident: str) -> None:
    company.settings.vault.path.rename(company.workspace / "moved away")
    status, said = health(client)
    assert (status, said["vault"]) == (503, "missing")


def test_clocks_that_nobody_keeps_are_told(
    client: TestClient, company: Application, clock: HandClock, incident: str
) -> None:
    """R-XCT-07/health."""
    clock.pass_by(timedelta(days=2))
    Worker(company).write_pulse(clock.now())  # it lives, and does not come to its clocks
    status, said = health(client)
    assert (status, said["worker"], said["clocks_late"]) == (503, "running", 1)


def test_messages_that_do_not_leave_are_told(
    client: TestClient, company: Application, clock: HandClock, incident: str
) -> None:
    clock.pass_by(timedelta(minutes=6))
    Worker(company).write_pulse(clock.now())
    status, said = health(client)
    assert (status, said["messages_late"] > 0) == (503, True)


class Refusing:
    """A mail server that answers at once, and takes nothing."""

    def __init__(self, *, for_good: bool) -> None:
        self.for_good = for_good

    def deliver(self, message: QueuedMessage) -> str:
        raise DeliveryFailed("550 nobody is here", refused=self.for_good)


@pytest.mark.parametrize("for_good", [False, True])
def test_a_server_that_refuses_every_try_is_told(
    client: TestClient, company: Application, clock: HandClock, incident: str, for_good: bool
) -> None:
    """Each try moves the next one on: what counts is when it was queued."""
    worker = Worker(replace(company, channels={"email": Refusing(for_good=for_good)}))
    for minute in range(1, 13):
        clock.pass_by(timedelta(minutes=1))
        worker.round(clock.now())
        status, said = health(client)
        if minute > 5:
            assert (status, said["messages_late"] > 0) == (503, True), minute


def test_a_database_that_is_away_is_told(
    client: TestClient, company: Application, maya: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(company.ledger.database, "reading", away)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["database"]) == (503, "not reachable")


def test_metrics_count_what_is_running(
    client: TestClient, company: Application, maya: Any, caller: Any, incident: str
) -> None:
    """R-XCT-07/metrics."""
    assert client.get("/metrics").status_code == 401
    declares_only = caller(MAYA, [Permission.DECLARE]).token
    assert client.get("/metrics", headers={"Authorization": f"Bearer {declares_only}"}).status_code == 401
    found = samples(client, company.flags_token)
    assert found == samples(client, maya.token)
    assert found["holdfast_facts"] == company.ledger.size() > found["holdfast_facts_sealed"] > 0
    assert found['holdfast_incidents_running{status="triage",severity="medium"}'] == 1
    assert found["holdfast_workers"] == found["holdfast_healthy"] == 0
    Worker(company).seal(company.clock.now())
    assert samples(client, maya.token)["holdfast_facts_sealed"] == found["holdfast_facts"]


def test_a_step_that_fails_is_named_with_its_reason_and_no_name_for_everybody(
    client: TestClient, company: Application
) -> None:
    """R-XCT-07: without a token nobody reads of a person, a system, a path or a machine."""
    now = company.clock.now()
    why = (
        "the log of loan-approval (Loan approval) at /srv/secret/2026.parquet cannot be read for "
        "Maya Okafor, "
        'maya.okafor@harbourstreet.example, by server at "db.inside" (10.0.0.7), token hf_abc, '
        "INC-12\nSELECT 1"
    )
    failing = {"reaction triage alerts": "the disk is full", "timer monitoring/loan-approval": why}
    beat = Beat("elsewhere", "clocks", now, timedelta(minutes=1), failing=failing, ended_at=now)
    pulse.write(company.ledger, "elsewhere", [beat], now)
    status, said = health(client)
    assert status == 503
    assert {"step": "reaction triage alerts", "reason": "the disk is full"} in said["failing"]
    (other,) = (one for one in said["failing"] if one["reason"] != "the disk is full")
    assert other["reason"].startswith("the log of … (…) at … cannot be read for …")
    for hidden in ("loan", "Maya", "maya", "srv", "db.inside", "10.0.0.7", "hf_", "INC-12", "SELECT"):
        assert hidden not in str(said["failing"])
    text = client.get("/metrics", headers={"Authorization": f"Bearer {company.flags_token}"}).text
    step, reason = "timer monitoring/loan-approval", why.replace('"', '\\"').replace("\n", "\\n")
    assert f'holdfast_step_failing{{step="{step}",reason="{reason}"}} 1' in text
    assert "holdfast_steps_failing 2" in text
    assert "holdfast_playbook_in_force 1" in text
