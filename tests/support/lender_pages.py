"""The starter company's lender with its pages: a log that was measured, an alert, and an incident."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher

from holdfast.access.accounts import Accounts
from holdfast.app import open_workspace
from holdfast.application import Application
from holdfast.contain.probing import Answer, Question
from holdfast.contain.switches import Switches, evaluate
from holdfast.detect.events import AlertRaised, AlertTriaged
from holdfast.interfaces.worker.worker import Worker
from holdfast.ledger.ledger import Draft
from holdfast.people import SYSTEM
from holdfast.rehearse.lending import SYSTEM as LOANS
from holdfast.rehearse.lending import Lender, midnight
from support.alerted import alert_facts
from support.pages import START, SetClock, open_company

FAULT = date(2026, 11, 21)
DRIFT = "employment-years-drift"
MORNING = datetime(2026, 11, 23, 6, tzinfo=UTC)
"""When the monitors see it."""


@dataclass
class Inside:
    """A prober that asks the switches themselves, as the live endpoint does behind its address."""

    read: Callable[[], Switches]
    obeys: bool = True

    def ask(self, questions: Sequence[Question]) -> Sequence[Answer]:
        if not self.obeys:
            return [Answer(None, 5000, "no answer from http://testserver (ConnectError)") for _ in questions]
        switches = self.read()
        return [Answer(evaluate(switches, one.flag, one.context).value, 7) for one in questions]


def open_lender(folder: Path, clock: SetClock | None = None) -> Application:
    """Two weeks of predictions, measured; a broker's fault was seen, and INC-1 is open."""
    shutil.copytree(_measured(), folder, dirs_exist_ok=True)
    given = {"HOLDFAST_WEB_PUBLIC_URL": "http://testserver"}
    application = open_workspace(folder, given, clock or SetClock(START))
    application.containing.prober = Inside(application.read_switches)
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    return replace(application, accounts=Accounts(application.ledger, hasher=quick))


@cache
def _measured() -> Path:
    """A workspace made once and copied for each test."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-lender-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    application = open_company(folder)
    lender = Lender(folder, midnight(FAULT), midnight(FAULT) + timedelta(days=1))
    lender.write_model()
    lender.write_reference(date(2026, 10, 1), days=12)
    for days in range(14, -2, -1):
        lender.write_day(FAULT - timedelta(days=days))
    application.monitoring.run(LOANS, by=SYSTEM, at=MORNING)
    worker = Worker(application)
    worker.react(MORNING)
    worker.seal(MORNING)
    application.ledger.database.close()
    return folder


def waiting_alert(
    application: Application, number: int = 90, reason: str = "lies under the limit", monitor: str = "volume"
) -> str:
    """An alert that opened no incident by itself and waits for a person."""
    alert, at = f"ALR-{number}", application.clock.now()
    start = midnight(FAULT)
    facts = alert_facts(
        start + timedelta(days=1),
        alert=alert,
        monitor=monitor,
        monitor_name="Decisions a day",
        dimension="operations",
        metric="volume",
        value=41.0,
        lower=30.0,
        upper=55.0,
        limit=100.0,
        n=41,
        reason=reason,
    )
    raised = AlertRaised(system=LOANS, series=f"{monitor}||volume", tells=("technical_lead",), alert=facts)
    left = AlertTriaged(alert=alert, outcome="none", reason="no trigger of the playbook applies")
    application.ledger.append(Draft(f"alert/{alert}", 0, [raised, left]), by=SYSTEM, at=at)
    return alert
