"""The health check and the metrics: alive, silent and dead look different (R-XCT-07)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from holdfast.application import Application
from holdfast.detect.monitoring import AGAIN
from holdfast.interfaces.health import for_readers
from holdfast.interfaces.standing import standing_of
from holdfast.interfaces.worker.lanes import Lane
from holdfast.interfaces.worker.worker import Worker
from holdfast.ledger import outbox, pulse
from holdfast.ledger.events import STREAM, LedgerChecked
from holdfast.ledger.ledger import Draft
from holdfast.ledger.outbox import DeliveryFailed, QueuedMessage
from holdfast.ledger.pulse import Beat, Failure, Kind
from holdfast.ledger.sealing import RefusedToSeal
from holdfast.people import SYSTEM, Permission
from holdfast.prepare.versions import apply_workspace
from holdfast.prepare.workspace import load_workspace
from holdfast.problems import Fault, NotAllowed
from support.company import HELEN, MAYA, TOMAS, sign_changes
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
        "messages_given_up": 0,
        "alerts_untold": 0,
        "monitoring": "silent",
        "monitors": said["monitors"],
        "systems": {"watched": 0, "silent": 1, "not_watched": 1},
        "files_not_in_force": 0,
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
    sign_changes(company.ledger, clock.now())
    clock.pass_by(AGAIN)
    Worker(company).round(company.clock.now())
    assert health(client)[0] == 200, health(client)
    (company.workspace / "logs").rename(company.workspace / "elsewhere")
    status, said = health(client)
    assert (status, said["monitoring"], said["systems"]["silent"]) == (503, "silent", 1)


def test_a_log_that_nobody_writes_any_more_is_not_healthy(
    client: TestClient, company: Application, clock: HandClock
) -> None:
    """Its monitors run on time, find nothing new, and none of them fails."""
    with_log(company.workspace, clock.now(), wrong=False)
    clock.pass_by(AGAIN)
    Worker(company).round(clock.now())
    assert health(client)[0] == 200, health(client)
    clock.pass_by(timedelta(days=4))
    for _ in range(2):
        Worker(company).round(clock.now())
    status, said = health(client)
    assert (status, said["monitoring"], said["systems"]["silent"]) == (503, "silent", 1)
    assert said["monitors"]["measured_without_an_alarm"] <= 1, "only the volume is measured"
    assert said["monitors"]["not_heard_from"] >= 9, said["monitors"]
    (found,) = (v for k, v in samples(client, company.flags_token).items() if "monitoring_silent" in k)
    assert found == 1
    told = for_readers(standing_of(company)).silent[0].reason
    assert told.startswith("newest row of logs/loan-approval"), told


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
    # The incident's own, and the promise that its messages are sent in time.
    assert (status, said["worker"], said["clocks_late"]) == (503, "running", 5)


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
            assert status == 503, minute
            assert said["messages_late"] + said["messages_given_up"] > 0, minute


# Given up ----------------------------------------------------------------------------------------


class MailServer:
    """Takes mail but for one address."""

    def __init__(self) -> None:
        self.refuses = MAYA.id

    def deliver(self, message: QueuedMessage) -> str:
        if message.recipient == self.refuses:
            raise DeliveryFailed("550 nobody is here")
        return "250 taken"


class Mail:
    """A workspace in good order, with a worker that really sends."""

    def __init__(self, client: TestClient, company: Application, clock: HandClock, caller: Any) -> None:
        self.client, self.clock, self.server = client, clock, MailServer()
        self.company = replace(company, channels={"email": self.server})
        self.reader = caller(TOMAS)
        self.worker = Worker(self.company)
        with_log(company.workspace, clock.now(), wrong=False)
        clock.pass_by(AGAIN)
        self.worker.round(clock.now())

    def queue(self, to: str, incident: str = "") -> str:
        draft = outbox.queue("email", to, "Look", "Please look.", incident, zone="UTC")
        self.company.ledger.append(draft, by=SYSTEM, at=self.clock.now())
        return draft.stream.partition("/")[2]

    def send(self) -> None:
        """Half an hour in which it is tried as often as it ever is."""
        for _ in range(90):
            self.clock.pass_by(timedelta(seconds=60))
            self.worker.send(self.clock.now())
        self.worker.write_pulse(self.clock.now())

    def given_up(self) -> int:
        """As the health check, the metrics, the API and the list of messages say it alike."""
        said = health(self.client)[1]
        number = said["messages_given_up"]
        assert samples(self.client, self.company.flags_token)["holdfast_messages_given_up"] == number
        assert len(self.reader.done("GET", "/messages?unreached=true")["messages"]) == number
        assert not (number and said["healthy"])
        return int(number)


@pytest.fixture
def mail(client: TestClient, company: Application, clock: HandClock, caller: Any) -> Mail:
    return Mail(client, company, clock, caller)


def test_one_message_given_up_among_many_sent_stays_told(mail: Mail) -> None:
    """R-ESC-06: others that were sent since, and days, do not make it reach anybody."""
    for to in (TOMAS.id, MAYA.id, HELEN.id):
        mail.queue(to, "INC-1")
    mail.send()
    assert mail.given_up() == 1
    mail.queue(TOMAS.id, "INC-1")
    mail.clock.pass_by(timedelta(days=3))
    mail.send()
    assert mail.given_up() == 1


def test_it_is_told_until_the_same_person_was_reached_about_the_same_incident(mail: Mail) -> None:
    mail.queue(MAYA.id, "INC-1")
    mail.send()
    mail.server.refuses = ""
    for other in ((MAYA.id, "INC-2"), (MAYA.id, ""), (TOMAS.id, "INC-1")):
        mail.queue(*other)
    mail.send()
    assert mail.given_up() == 1
    mail.queue(MAYA.id, "INC-1")
    assert mail.given_up() == 1, "queued is not sent"
    mail.send()
    assert mail.given_up() == 0


def test_a_message_about_no_incident_is_told_until_it_is_sent_itself(mail: Mail) -> None:
    given_up = mail.queue(MAYA.id)
    mail.send()
    mail.server.refuses = ""
    mail.queue(MAYA.id)
    mail.send()
    assert mail.given_up() == 1
    mail.reader.done("PUT", f"/messages/{given_up}/retry")
    mail.send()
    assert mail.given_up() == 0


def test_a_person_sees_to_a_message_given_up_with_a_reason(mail: Mail) -> None:
    given_up, sent = mail.queue(MAYA.id), mail.queue(TOMAS.id)
    assert mail.reader("PUT", f"/messages/{given_up}/seen-to", {"reason": "rang her"}).status_code == 409
    mail.send()
    assert mail.given_up() == 1
    assert mail.reader("PUT", f"/messages/{given_up}/seen-to", {}).status_code == 422
    refused = mail.reader("PUT", f"/messages/{sent}/seen-to", {"reason": "x"})
    assert (refused.status_code, "was sent" in refused.json()["detail"]) == (409, True)
    seen = mail.reader.done("PUT", f"/messages/{given_up}/seen-to", {"reason": "rang her"})
    assert (seen["state"], seen["reason"]) == ("seen_to", "rang her")
    assert mail.given_up() == 0
    size = mail.company.ledger.size()
    mail.reader.done("PUT", f"/messages/{given_up}/seen-to", {"reason": "again"})
    mail.send()
    assert mail.company.ledger.size() == size, "nothing is recorded or sent twice"
    mail.server.refuses = ""
    assert mail.reader.done("PUT", f"/messages/{given_up}/retry")["state"] == "queued"
    mail.send()
    assert mail.reader.done("PUT", f"/messages/{given_up}/retry")["state"] == "sent"


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


SECRETS = (
    "the log of loan-approval (Loan approval) at /srv/secret/2026.parquet or log.csv cannot be read for "
    'Maya Okafor, maya.okafor@harbourstreet.example, by server at "db.inside" (10.0.0.7, fe80::1, '
    "db-7:5432), token hf_abc, password=hunter2, INC-12, of withdrawn-system and Somebody Gone\nSELECT 1"
)


def failing_in(company: Application, lane: str, error: Exception) -> None:
    now = company.clock.now()
    failure = Failure(str(error), Kind.of(error), now - timedelta(hours=1))
    failing = {"timer monitoring/loan-approval": failure}
    beat = Beat("elsewhere", lane, now, timedelta(minutes=1), failing=failing, ended_at=now)
    pulse.write(company.ledger, "elsewhere", [beat], now)


def strings(said: Any) -> Iterator[str]:
    if isinstance(said, dict):
        for value in said.values():
            yield from strings(value)
    elif isinstance(said, list):
        for value in said:
            yield from strings(value)
    elif isinstance(said, str):
        yield said


def test_without_a_token_health_says_nothing_but_words_of_the_program_and_times(
    client: TestClient, company: Application, maya: Any
) -> None:
    """R-XCT-07: whatever a reason says, and whatever a list of what is secret forgets."""
    failing_in(company, "monitors", OSError(SECRETS))
    status, said = health(client)
    now = company.clock.now()
    since = (now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert status == 503
    assert said["failing"] == [{"lane": "monitors", "kind": "outside", "since": since}]
    closed = {lane.name for lane in Worker(company).lanes} | {kind.value for kind in Kind}
    closed |= {"reachable", "running", "none", "silent", "there", "not refused", "not checked", "holds"}
    times = {since, said["last_turn"]}
    sentence = said["monitors"]["said"]
    assert {*strings(said)} - closed - times - {sentence} == set()
    assert re.fullmatch(r"[A-Za-z0-9 ,:;.]+", sentence)
    assert not any(word in sentence.lower() for word in ("loan", "maya", "srv"))
    metrics = client.get("/metrics", headers={"Authorization": f"Bearer {company.flags_token}"}).text
    for secret in ("srv", "Maya", "db.inside", "fe80", "hunter2", "Somebody Gone", "log.csv", "5432"):
        assert secret not in str(said) + metrics


def test_the_whole_reason_is_for_whoever_may_read(
    client: TestClient, company: Application, maya: Any, caller: Any
) -> None:
    failing_in(company, "monitors", OSError(SECRETS))
    assert client.get("/api/v1/health").status_code == 401
    flags = {"Authorization": f"Bearer {company.flags_token}"}
    assert client.get("/api/v1/health", headers=flags).status_code == 401, "it is an application's"
    declares_only = caller(MAYA, [Permission.DECLARE])
    assert declares_only("GET", "/health").status_code == 403
    found = maya.done("GET", "/health")
    assert found["reasons"] == [{"step": "timer monitoring/loan-approval", "reason": SECRETS}]
    assert (found["healthy"], found["failing"]) == (False, health(client)[1]["failing"])


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NotAllowed("no"), "refused"),
        (Fault("no"), "refused"),
        (ConnectionRefusedError("no"), "outside"),
        (TimeoutError("no"), "outside"),
        (FileNotFoundError("no"), "outside"),
        (OperationalError("SELECT", {}, Exception()), "database"),
        (KeyError("no"), "fault"),
        (AssertionError(), "fault"),
    ],
)
def test_a_failure_is_of_one_of_four_kinds(error: Exception, kind: str) -> None:
    assert Kind.of(error).value == kind


def test_a_failure_counts_from_when_it_failed_first_in_a_row(company: Application, now: datetime) -> None:
    errors: list[Exception | None] = [OSError("away"), KeyError("odd"), None, OSError("away")]

    def step(at: datetime) -> int:
        error = errors.pop(0)
        if error:
            raise error
        return 0

    lane = Lane("monitors", lambda at: [("step", step)], timedelta(minutes=1))
    since = []
    for minute in range(4):
        lane.turn(lambda minute=minute: now + timedelta(minutes=minute))  # type: ignore[misc]
        since += [one.since for one in lane.failing.values()]
    assert since == [now, now, now + timedelta(minutes=3)]


def test_metrics_say_which_lanes_fail(client: TestClient, company: Application) -> None:
    failing_in(company, "monitors", OSError(SECRETS))
    text = client.get("/metrics", headers={"Authorization": f"Bearer {company.flags_token}"}).text
    assert 'holdfast_lane_failing{lane="monitors",kind="outside"} 1' in text
    assert "holdfast_steps_failing 1" in text
    assert "holdfast_playbook_in_force 1" in text
