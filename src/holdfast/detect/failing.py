"""A monitor that cannot measure is an alert of its own: one, until it measures again.

"No alerts" and "monitoring is dead" never look alike (R-XCT-07): whoever a monitor's file says is told of
its alarms is told that there can be none for now.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from holdfast.detect import records
from holdfast.detect.events import AlertCleared, AlertContinued, AlertRaised
from holdfast.detect.measurement import series_key
from holdfast.detect.monitors import Failure
from holdfast.detect.records import Alert
from holdfast.incident import register
from holdfast.incident.events import AlertFacts
from holdfast.ledger.facts import Fact
from holdfast.prepare.systems import System
from holdfast.prepare.terms import CANNOT_MEASURE, MONITORING

WHOLE_SYSTEM = ""
"""In place of a monitor's id, when none of a system's monitors can measure."""

Told = tuple[str, Fact]
"""An alert and what is recorded of it."""


@dataclass(frozen=True, slots=True)
class Why:
    """Why something cannot be measured, and the roles that are told."""

    reason: str
    tells: tuple[str, ...]


def told(
    conn: Connection,
    system: System,
    failing: Mapping[str, Why],
    at: datetime,
    number: int,
) -> list[Told]:
    """What is recorded of the alerts of monitors that cannot measure; new ones are numbered from `number`.

    A new failure raises its alert, another reason continues it, and what measures again clears it; what goes
    on as before is nothing new.
    """
    open_ = {one.facts.monitor: one for one in records.open_failures(conn, system.id)}
    found: list[Told] = []
    for monitor, why in failing.items():
        known = open_.pop(monitor, None)
        if known is not None and _kind(known.facts.reason) == _kind(why.reason):
            continue
        alert = known.alert if known else f"ALR-{number}"
        number += known is None
        facts = _facts(alert, system, monitor, why.reason, at)
        series = series_key(monitor, None, CANNOT_MEASURE)
        fact: Fact = (
            AlertContinued(system=system.id, series=series, alert=facts)
            if known
            else AlertRaised(system=system.id, series=series, tells=why.tells, alert=facts)
        )
        found.append((alert, fact))
    return found + [(one.alert, _cleared(conn, one, at)) for one in open_.values()]


def _kind(reason: str) -> str:
    """A reason without its numbers: more rows of one fault are no other fault."""
    return re.sub(r"[0-9][0-9,.:]*", "#", reason)


def of_monitors(failing: Mapping[str, Failure]) -> dict[str, Why]:
    """Monitors that cannot measure, each with whom its file says."""
    return {
        name: Why(one.reason, tuple(role.value for role in one.monitor.tells))
        for name, one in failing.items()
    }


def of_system(system: System, reason: str) -> dict[str, Why]:
    """A system none of whose monitors can measure; told is whom any of them tells."""
    everybody = dict.fromkeys(role.value for monitor in system.monitors for role in monitor.tells)
    return {WHOLE_SYSTEM: Why(reason, tuple(everybody))}


def _facts(alert: str, system: System, monitor: str, reason: str, at: datetime) -> AlertFacts:
    names = {one.id: one.name for one in system.monitors}
    name = names.get(monitor) or names.get(monitor.partition(".")[0]) or monitor
    return AlertFacts(
        alert=alert,
        monitor=monitor,
        monitor_name=f"{name}: cannot measure" if monitor else f"Monitoring of {system.name}: cannot measure",
        dimension=MONITORING,
        metric=CANNOT_MEASURE,
        value=None,
        lower=None,
        upper=None,
        limit=None,
        n=0,
        drop=None,
        group={},
        window_start=at,
        window_end=at,
        reason=reason,
    )


def _cleared(conn: Connection, alert: Alert, at: datetime) -> AlertCleared:
    incident = register.incident_of_alert(conn, alert.alert) or ""
    if incident and register.get(conn, incident).status.over:
        incident = ""  # an archived record takes nothing more
    return AlertCleared(
        system=alert.system,
        series=alert.series,
        alert=alert.alert,
        incident=incident,
        window_end=at,
        reason="It measures again." if alert.facts.monitor else "The log can be measured again.",
    )
