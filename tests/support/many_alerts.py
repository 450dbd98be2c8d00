"""Many alerts of one monitor that wait for a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from holdfast.application import Application
from holdfast.detect.events import AlertRaised, AlertTriaged
from holdfast.ledger.ledger import Draft
from holdfast.people import SYSTEM
from holdfast.rehearse.lending import SYSTEM as LOANS
from support.alerted import alert_facts

NOW = datetime(2026, 11, 24, 9, 0, 0, 123456, tzinfo=UTC)


def raise_many(application: Application, count: int, first: int = 100) -> list[str]:
    """Alerts of one monitor that the playbook's triggers leave to a person, one for each column."""
    made = alert_facts(
        NOW,
        alert="",
        monitor="missing-values",
        monitor_name="Missing values",
        dimension="quality",
        metric="missing",
        value=0.4,
        lower=0.35,
        upper=0.45,
        limit=0.02,
        n=200,
        reason="Missing lies over the limit.",
    )
    drafts, names = [], []
    for number in range(first, first + count):
        alert, monitor = f"ALR-{number}", f"missing-values.c{number}"
        facts = replace(made, alert=alert, monitor=monitor, monitor_name=f"Missing values: c{number}")
        raised = AlertRaised(
            system=LOANS, series=f"{monitor}||missing", tells=("technical_lead",), alert=facts
        )
        left = AlertTriaged(alert=alert, outcome="none", reason="no trigger of the playbook applies")
        drafts.append(Draft(f"alert/{alert}", 0, [raised, left]))
        names.append(alert)
    application.ledger.append(*drafts, by=SYSTEM, at=NOW)
    return names
