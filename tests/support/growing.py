"""Alerts that go on, told by their facts; a worker's rounds between them."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from holdfast.application import Application
from holdfast.detect.events import PASS_ON_TIMER, AlertCleared, AlertContinued, AlertRaised
from holdfast.incident.events import AlertFacts
from holdfast.interfaces.worker.worker import Worker
from holdfast.ledger import timers
from holdfast.ledger.facts import Fact
from holdfast.ledger.ledger import AlreadyFired, Draft
from holdfast.ledger.outbox import MessageQueued
from holdfast.people import SYSTEM
from holdfast.prepare.starting import starter_files
from holdfast.prepare.versions import apply_workspace, approve_playbook, playbook_versions_of
from holdfast.prepare.workspace import load_workspace
from support.alerted import alert_facts
from support.company import HELEN, SIGNATURES
from support.workspaces import HandClock, opened, with_log

LOANS = "loan-approval"
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
_DRIFT = '"performance", "quality", "drift", "fairness", "explanation", "security"'


def company(folder: Path, url: str, now: datetime, above: float = 1.0) -> Application:
    """The starter's company, whose playbook opens an incident for drift from `above` on. No monitor of its
    own has cause for an alert."""
    application = opened(folder, url, HandClock(now), in_force=False)
    sign(application, now, above)
    with_log(application.workspace, now, days=4, wrong=False)
    return application


def sign(application: Application, at: datetime, above: float) -> None:
    """Another condition of the trigger comes into force."""
    file = application.workspace / "playbook.yaml"
    text = starter_files()["playbook.yaml"].decode()
    rule = f'alert.dimension in ["drift"] && alert.value >= {above}'
    changed = text.replace(f"alert.dimension in [{_DRIFT}]", rule)
    assert changed != text
    changed = re.sub(r"^version: .*$", f'version: "1.{above}"', changed, count=1, flags=re.MULTILINE)
    file.write_text(changed, encoding="utf-8")
    ledger = application.ledger
    apply_workspace(ledger, load_workspace(application.workspace), HELEN, at)
    content = next(one.content for one in playbook_versions_of(ledger) if one.state == "proposed")
    for function, signer in SIGNATURES.items():
        approve_playbook(ledger, content, function, signer, at)


def drift(at: datetime, value: float, number: int = 1, **said: Any) -> AlertFacts:
    usual = {"alert": f"ALR-{number}", "value": value, "reason": f"PSI {value}, limit 0.25"}
    return alert_facts(at, **{**usual, **said})


def raised(application: Application, alert: AlertFacts, at: datetime) -> None:
    tells = ("data_science_lead",)
    _tell(application, alert, AlertRaised(system=LOANS, series=alert.monitor, tells=tells, alert=alert), at)


def went_on(application: Application, alert: AlertFacts, at: datetime) -> None:
    _tell(application, alert, AlertContinued(system=LOANS, series=alert.monitor, alert=alert), at)


def cleared(application: Application, alert: AlertFacts, at: datetime) -> None:
    fact = AlertCleared(
        system=LOANS, series=alert.monitor, alert=alert.alert, window_end=at, reason="in bounds again"
    )
    _tell(application, alert, fact, at)


def _tell(application: Application, alert: AlertFacts, fact: Fact, at: datetime) -> None:
    stream, ledger = f"alert/{alert.alert}", application.ledger
    ledger.append(Draft(stream, ledger.length(stream), [fact]), by=SYSTEM, at=at)


def work(application: Application, at: datetime) -> None:
    """What follows, and what is told a minute later. No monitor runs."""
    worker = Worker(replace(application, channels={}))
    worker.react(at)
    for timer in timers.due(
        application.ledger, at + 2 * MINUTE, wanted=lambda one: one.kind == PASS_ON_TIMER
    ):
        with suppress(AlreadyFired):  # told with another
            application.handlers[timer.kind].fire(timer, SYSTEM, at + 2 * MINUTE)
    worker.react(at)
    assert not worker.failing, worker.failing


def messages(application: Application, since: int = -1) -> list[MessageQueued]:
    facts = (recorded.fact for recorded in application.ledger.facts(after=since))
    return [fact for fact in facts if isinstance(fact, MessageQueued)]
