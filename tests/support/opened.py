"""A running incident on a ledger, told by its facts alone."""

from __future__ import annotations

from datetime import datetime, timedelta

from holdfast.evidence import custody
from holdfast.evidence.events import EvidenceFrozen, Item, Kind
from holdfast.incident.events import (
    AlertFacts,
    Classified,
    IncidentFact,
    IncidentOpened,
    Member,
    TeamAssembled,
)
from holdfast.incident.loading import load, stream_of
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.people import Actor
from holdfast.prepare.terms import Category, Severity
from support.alerted import alert_facts

MAYA = Actor("maya@example.com", "Maya Okafor")
TOMAS = Actor("tomas@example.com", "Tomas Lind")
WORKER = Actor("holdfast/worker", "Holdfast", "system")
SYSTEM = "loans"
MONITOR = "accuracy"


def alert(window_end: datetime) -> AlertFacts:
    return alert_facts(
        window_end,
        alert="AL-1",
        monitor=MONITOR,
        monitor_name="Accuracy",
        dimension="performance",
        metric="accuracy",
        value=0.71,
        lower=0.66,
        upper=0.76,
        limit=0.8,
        n=500,
        drop=0.2,
        reason="accuracy 0.71 (0.66 to 0.76), limit 0.80",
    )


def item(number: int, kept_until: datetime) -> Item:
    return Item(
        item=f"EV-{number}",
        kind=Kind.DATA_SNAPSHOTS,
        title="Window of the prediction log",
        name="log.parquet",
        sha256=f"{number:064x}",
        size=10,
        media_type="application/vnd.apache.parquet",
        source="logs/loans.parquet",
        retain_until=kept_until,
    )


def open_incident(
    ledger: Ledger, at: datetime, *, number: int = 1, system: str = SYSTEM, playbook: str = "f" * 64
) -> str:
    """An open, classified incident of high severity with two evidence items; returns its number."""
    incident = f"INC-{number}"
    window_end = at - timedelta(hours=3)
    opened: list[IncidentFact] = [
        IncidentOpened(
            incident=incident,
            title="Loans are declined wrongly",
            source="monitor",
            system=system,
            began_at=window_end - timedelta(days=1),
            alert=alert(window_end),
            playbook=playbook,
            playbook_version="1.0",
        ),
        Classified(incident=incident, category=Category.PERFORMANCE_DEGRADATION, severity=Severity.HIGH),
        TeamAssembled(incident=incident, members=(Member("incident_commander", MAYA.id, MAYA.name),)),
    ]
    kept = at.replace(year=at.year + 3)
    frozen = EvidenceFrozen(incident=incident, items=(item(1, kept), item(2, kept)))
    ledger.append(
        Draft(stream_of(incident), 0, opened),
        Draft(custody.stream_of(incident), 0, [frozen]),
        by=WORKER,
        at=at,
    )
    return incident


def tell(ledger: Ledger, incident: str, *facts: IncidentFact, at: datetime, by: Actor = MAYA) -> None:
    """Append facts to the incident's own stream."""
    ledger.append(load(ledger, incident).draft(list(facts)), by=by, at=at)
