"""The starter's company with one incident whose cause is known."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from holdfast.contain.reading import Containments
from holdfast.incident.events import AlertFacts
from holdfast.incident.register import Register
from holdfast.incident.responding import Desk, Report
from holdfast.integrations.folder.vault import FolderVault
from holdfast.investigate import analysing
from holdfast.investigate.cause import Analysis
from holdfast.investigate.events import Factor, Happening, Statement
from holdfast.investigate.links import parse
from holdfast.learn.tracker import Tracker
from holdfast.ledger.database import Database
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.outbox import Outbox
from holdfast.ledger.timers import Timers
from holdfast.prepare.records import Preparation
from holdfast.prepare.starting import write_workspace
from holdfast.prepare.terms import Category, FactorGroup, Severity
from holdfast.prepare.workspace import Workspace, load_workspace
from support.alerted import alert_facts
from support.company import MAYA, PRIYA, WORKER, put_in_force

CAUSE = "the employment feed changed from years to months"


@pytest.fixture
def ledger(database: Database, tmp_path: Path, now: datetime) -> Ledger:
    made = Ledger(database, [Timers(), Outbox(), Preparation(), Register(), Containments(), Tracker()])
    made.create("harbourstreet.example/test")
    put_in_force(made, tmp_path / "workspace", now - timedelta(days=30))
    return made


@pytest.fixture
def desk(ledger: Ledger, tmp_path: Path) -> Desk:
    return Desk(
        ledger, FolderVault(tmp_path / "vault"), [], lambda incident: f"https://holdfast.example/{incident}"
    )


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The starter's files, for decisions that need no ledger."""
    folder = tmp_path_factory.mktemp("starter")
    write_workspace(folder)
    return load_workspace(folder)


def alert(window_end: datetime) -> AlertFacts:
    return alert_facts(
        window_end,
        alert="AL-1",
        monitor="accuracy",
        monitor_name="Accuracy",
        dimension="performance",
        metric="accuracy",
        value=0.71,
        lower=0.66,
        upper=0.76,
        limit=0.8,
        drop=0.19,
        reason="accuracy 0.71 (0.66 to 0.76), limit 0.80, n 402",
    )


@pytest.fixture
def incident(desk: Desk, now: datetime) -> str:
    """Opened by an alert, answered, classified as high, its cause established."""
    report = Report("Accuracy fell", system="loan-approval", alert=alert(now.replace(hour=0, minute=0)))
    incident = desk.open(report, by=WORKER, at=now)
    desk.acknowledge(incident, by=MAYA, at=now + timedelta(minutes=9))
    desk.classify(
        incident,
        Category.PERFORMANCE_DEGRADATION,
        Severity.HIGH,
        "as measured",
        by=MAYA,
        at=now + timedelta(minutes=12),
    )
    seen = (parse("monitor:accuracy"),)
    analysis = Analysis(
        (Statement("accuracy fell to 0.71", seen),),
        (Happening(now - timedelta(days=2), Statement("the feed was changed", seen)),),
        (Factor(FactorGroup.DATA, Statement("nobody checked the unit", (), assumption=True)),),
        Statement(CAUSE, seen),
    )
    analysing.analyse(
        desk.ledger, incident, analysis, monitors=["accuracy"], by=PRIYA, at=now + timedelta(hours=1)
    )
    return incident
