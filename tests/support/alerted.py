"""What an alert says, with everything a test does not care about."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from holdfast.incident.events import AlertFacts


def alert_facts(window_end: datetime, **said: Any) -> AlertFacts:
    """A drift beyond its limit in the day that ends then; `said` is what is otherwise."""
    usual = AlertFacts(
        alert="ALR-1",
        monitor="employment-years-drift",
        monitor_name="Drift of employment years",
        dimension="drift",
        metric="psi",
        value=1.9,
        lower=None,
        upper=None,
        limit=0.25,
        n=402,
        drop=None,
        group={},
        window_start=window_end - timedelta(days=1),
        window_end=window_end,
        reason="PSI 1.9",
    )
    return replace(usual, **said)
