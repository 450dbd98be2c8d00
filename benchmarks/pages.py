"""Pages of a busy workspace, under eight readers at once, beside a page that reads nothing.

The ledger holds 1,000 incidents, 10,000 alerts and some 52,000 facts, of which one incident has 1,500 notes.
Printed are the milliseconds within which half, and 95 in a hundred, of the requests were answered. `/healthz`
of the same server at the same time is the floor; a step of an incident is timed at the stream's beginning
and at its end.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx

from holdfast.app import initialise, open_workspace
from holdfast.application import Application
from holdfast.detect.events import AlertRaised, AlertTriaged
from holdfast.incident.events import AlertFacts, AlertJoined, IncidentOpened, NoteAdded
from holdfast.ledger.check import check
from holdfast.ledger.ledger import Draft
from holdfast.people import SYSTEM
from holdfast.prepare.starting import write_workspace
from holdfast.prepare.versions import (
    active_systems,
    apply_workspace,
    approve_playbook,
    playbook_versions_of,
    require_playbook,
)
from holdfast.prepare.workspace import load_workspace
from holdfast.serving import Service
from holdfast.settings import Settings

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.alerted import alert_facts
from support.company import HELEN, MAYA, SIGNATURES

INCIDENTS, ALERTS, NOTES, LONG = 1_000, 10_000, 29_500, 1_500
CLIENTS, EACH = 8, 12
PATHS = ("/healthz", "/", "/incidents", "/incidents/INC-7", "/monitors", "/alerts")
BASE = "http://127.0.0.1:18573"
PASSWORD = "plain words do nicely"


def company(folder: Path) -> Application:
    """The starter's company, its playbook signed, served on a free port."""
    write_workspace(folder)
    environ = {"HOLDFAST_WEB_PORT": "18573", "HOLDFAST_WEB_PUBLIC_URL": BASE}
    initialise(Settings.load(folder, environ))
    application = open_workspace(folder, environ)
    now = datetime.now(UTC)
    apply_workspace(application.ledger, load_workspace(folder), HELEN, now)
    version = playbook_versions_of(application.ledger)[0]
    for function, signer in SIGNATURES.items():
        approve_playbook(application.ledger, version.content, function, signer, now)
    application.accounts.create(MAYA.id, PASSWORD, MAYA, now)
    return application


def alert(number: int, at: datetime) -> AlertFacts:
    column = f"c{number % 40}"
    return alert_facts(
        at,
        alert=f"ALR-{number}",
        monitor=f"missing-values.{column}",
        monitor_name=f"Missing values: {column}",
        dimension="quality",
        metric="missing",
        value=0.4,
        lower=0.35,
        upper=0.45,
        limit=0.02,
        n=200,
        reason="Missing lies over the limit.",
    )


def drafts(application: Application) -> Iterator[Draft]:
    """Incidents of ten alerts and some thirty notes each; the first one is long."""
    ledger, at = application.ledger, datetime.now(UTC)
    pinned, system = require_playbook(ledger), next(iter(active_systems(ledger)))
    for number in range(1, INCIDENTS + 1):
        incident, first = f"INC-{number}", (number - 1) * 10 + 1
        alerts = [alert(first + place, at) for place in range(10)]
        for one in alerts:
            raised = AlertRaised(system=system, series=f"{one.monitor}||missing", tells=(), alert=one)
            led = AlertTriaged(
                alert=one.alert, outcome="opened", reason="a trigger applies", incident=incident
            )
            yield Draft(f"alert/{one.alert}", 0, [raised, led])
        opened = IncidentOpened(
            incident=incident,
            title=f"Missing values {number}",
            source="alert",
            system=system,
            alert=alerts[0],
            playbook=pinned.content,
            playbook_version=pinned.version,
        )
        joined = [AlertJoined(incident=incident, alert=one) for one in alerts[1:]]
        notes = [NoteAdded(incident=incident, text=f"Looked at part {n}.") for n in range(_notes(number))]
        yield Draft(f"incident/{incident}", 0, [opened, *joined, *notes])


def _notes(number: int) -> int:
    return LONG if number == 1 else (NOTES - LONG) // (INCIDENTS - 1)


def fill(application: Application) -> None:
    waiting: list[Draft] = []
    for draft in drafts(application):
        waiting.append(draft)
        if len(waiting) >= 200:
            application.ledger.append(*waiting, by=SYSTEM, at=datetime.now(UTC))
            waiting = []
    application.ledger.append(*waiting, by=SYSTEM, at=datetime.now(UTC))


def load(cookies: httpx.Cookies, path: str) -> None:
    """Eight readers ask for one page at once."""

    def reader(_: int) -> list[float]:
        took = []
        with httpx.Client(base_url=BASE, cookies=cookies, timeout=60) as client:
            for _ in range(EACH):
                start = time.perf_counter()
                answer = client.get(path)
                took.append((time.perf_counter() - start) * 1000)
                assert answer.status_code in (200, 503), (path, answer.status_code, answer.text[:200])
        return took

    reader(0)
    with ThreadPoolExecutor(CLIENTS) as pool:
        took = sorted(ms for each in pool.map(reader, range(CLIENTS)) for ms in each)
    print(f"  {path:<40} {statistics.median(took):>7,.0f} ms {took[int(len(took) * 0.95)]:>7,.0f} ms")


def stepping(application: Application) -> None:
    """One note more, on a short incident and on one of 1,500."""
    for incident in ("INC-2", "INC-1"):
        took = []
        for _ in range(15):
            start = time.process_time()
            application.desk.note(incident, "One more.", by=MAYA, at=datetime.now(UTC))
            took.append((time.process_time() - start) * 1000)
        print(
            f"  a note on {incident}: first {took[0]:,.1f} ms of CPU, "
            f"then {statistics.median(took[1:]):,.1f} ms"
        )


def pages(application: Application) -> None:
    service = Service(application, with_worker=False)
    with service.in_background(), httpx.Client(base_url=BASE) as client:
        csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', client.get("/sign-in").text)
        assert csrf is not None
        form = {"csrf": csrf[1], "person": MAYA.id, "password": PASSWORD}
        assert client.post("/sign-in", data=form, headers={"Origin": BASE}).status_code == 303
        print("Pages for eight readers at once: half within, 95 in a hundred within")
        for path in PATHS:
            load(client.cookies, path)


def checking(application: Application) -> None:
    start = time.process_time()
    report = check(application.ledger, application.verifier_key, application.anchor)
    took = time.process_time() - start
    print(f"  check of {report.facts:,} facts: {took:,.1f} s of CPU, {report.verdict}")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        application = company(folder)
        start = time.perf_counter()
        fill(application)
        size = application.ledger.size()
        print(f"  filled with {size:,} facts in {time.perf_counter() - start:,.1f} s")
        checking(application)
        stepping(application)
        pages(application)


if __name__ == "__main__":
    main()
