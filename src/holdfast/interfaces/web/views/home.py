"""The first page: what is open, what runs out, what is out of bounds, what is due."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Response
from sqlalchemy import Connection

from holdfast import charts, wording
from holdfast.application import Application
from holdfast.detect import records
from holdfast.detect.measurement import Measurement
from holdfast.detect.records import Alert
from holdfast.incident import register
from holdfast.incident.incident import Incident, Phase
from holdfast.interfaces.standing import Standing, standing_of
from holdfast.interfaces.web import clocks
from holdfast.interfaces.web.access import visit
from holdfast.interfaces.web.rendering import Tone
from holdfast.learn import measures, tracker
from holdfast.ledger.ledger import Ledger
from holdfast.prepare import versions
from holdfast.prepare.promises import ACKNOWLEDGE

router = APIRouter()

_SHOWN = 8
"""Rows of each list on this page; the rest stands on its own page."""
_WINDOWS = 26
"""Windows in a small line."""
_RECENT = timedelta(days=365)
"""How far back a small line may reach: 26 windows are half a year at most."""


@router.get("/")
def home(visit: visit) -> Response:
    application, now = visit.application, visit.now
    standing = standing_of(application)
    systems = {name: applied.model for name, applied in versions.active_systems(application.ledger).items()}
    running = register.running(application.ledger)
    with application.ledger.reading() as conn:
        alerts = records.find_alerts(conn, state="open", limit=_SHOWN)
        failing = [_failing(conn, alert, now) for alert in alerts]
        open_alerts = records.count_alerts(conn, state="open")
    return visit.page(
        "pages/home.html",
        "home",
        greeting=_greeting(visit.actor.name, now, visit.zone),
        lead=_lead(running, visit.actor.id),
        rows=rows(running[:_SHOWN], application.ledger, now),
        running=running,
        pressing=_pressing(running, now),
        ticking=sum(clock.running for state in running for clock in state.clocks.values()),
        by_severity=_by_severity(running),
        failing=failing,
        further=_Further(open_alerts - len(failing), max(0, len(standing.not_watched) - _SHOWN)),
        shown=_SHOWN,
        standing=standing,
        heard=_heard(standing),
        answered=measures.measures_of(application.ledger, now).kept[ACKNOWLEDGE.id],
        due=_due(application, now)[:_SHOWN],
        failing_steps=sorted(standing.working.failing.items())[:_SHOWN],
        systems=systems,
    )


class _Further(NamedTuple):
    """What the list of monitors leaves to its own page."""

    alerts: int
    systems: int

    def __bool__(self) -> bool:
        return bool(self.alerts or self.systems)


# Incidents -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One incident of a list."""

    state: Incident
    clock: clocks.Next | None
    system: str
    """The system's name; empty where none is named."""

    @property
    def phase(self) -> str:
        """Where it stands, in a word."""
        return "Classify" if self.state.phase is Phase.DETECTION else self.state.phase.value

    @property
    def commander(self) -> str:
        member = self.state.holder_of("incident_commander")
        return member.name if member else ""


def rows(states: Iterable[Incident], ledger: Ledger, now: datetime) -> list[Row]:
    """Incidents as lists show them."""
    systems = versions.active_systems(ledger)

    def named(system: str) -> str:
        found = systems.get(system)
        return found.model.name if found else system

    return [Row(state, clocks.next_of(state, now), named(state.system)) for state in states]


def _greeting(name: str, now: datetime, zone: str | None) -> str:
    hour = now.astimezone(ZoneInfo(zone or "UTC")).hour
    part = "morning" if 4 <= hour < 12 else "afternoon" if 12 <= hour < 18 else "evening"
    return f"Good {part}, {name.split()[0]}"


def _lead(running: Sequence[Incident], person: str) -> str:
    if not running:
        return "No incident is open."
    mine = sum(bool(state.roles_of(person)) for state in running)
    unanswered = sum(state.acknowledged_at is None for state in running)
    said = [f"You are on the team of {wording.plural(mine, 'open incident')}." if mine else ""]
    if unanswered:
        said.append(f"{wording.plural(unanswered, 'incident')} not acknowledged yet.")
    return " ".join(filter(None, said)) or f"{wording.plural(len(running), 'incident')} open, none with you."


def _pressing(running: Iterable[Incident], now: datetime) -> list[tuple[Incident, clocks.Next]]:
    """Running clocks, the one that is due first in front."""
    found = [(state, clock) for state in running if (clock := clocks.next_of(state, now))]
    return sorted(found, key=lambda pair: pair[1].due)


def _by_severity(running: Iterable[Incident]) -> str:
    counted: dict[str, int] = {}
    for state in running:
        word = state.severity.value if state.severity else "not classified"
        counted[word] = counted.get(word, 0) + 1
    return ", ".join(f"{number} {word}" for word, number in counted.items())


# Monitors --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Failing:
    """A monitor that is out of bounds, with its recent course."""

    alert: Alert
    points: list[tuple[float | None, charts.Status]]
    newest: Measurement | None

    @property
    def course(self) -> str:
        """The small line in words."""
        known = [value for value, _ in self.points if value is not None]
        if not known:
            return "no values"
        return f"from {wording.figure(known[0])} to {wording.figure(known[-1])}"


def _failing(conn: Connection, alert: Alert, now: datetime) -> Failing:
    measured = records.measurements_of(conn, alert.system, alert.facts.monitor, now - _RECENT)
    course = [one for one in measured if one.series == alert.series][-_WINDOWS:]
    points: list[tuple[float | None, charts.Status]] = [(one.value, one.status.value) for one in course]
    newest = next((one for one in reversed(course) if one.value is not None), None)
    return Failing(alert, points, newest)


def _heard(standing: Standing) -> str:
    """What silence is worth: under the number of monitors out of bounds."""
    said = [
        standing.bounds.rest,
        wording.plural(len(standing.silent), "system") + " silent" if standing.silent else "",
        wording.plural(len(standing.not_watched), "system") + " not watched" if standing.not_watched else "",
        "" if standing.working.runs else "no worker runs",
    ]
    return ", ".join(filter(None, said)) or "nothing is watched"


# Due -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that somebody has to have done by a day."""

    what: str
    detail: str
    href: str
    at: datetime | None
    tone: Tone = "plain"


def _due(application: Application, now: datetime) -> list[Due]:
    with application.ledger.reading() as conn:
        items = tracker.due_items(conn, limit=_SHOWN)
        waiting = tracker.waiting_for_verification(conn)
    found = [
        Due(
            item.action,
            f"{item.item} · {item.responsible_name}",
            f"/incidents/{item.incident}/remediation",
            item.deadline,
            "bad" if item.overdue(now) else "plain",
        )
        for item in items
    ]
    found += [
        Due(
            item.action,
            f"{item.item} · waits for its verification",
            f"/incidents/{item.incident}/remediation",
            None,
        )
        for item in waiting
    ]
    found += _playbook_due(application, now)
    return sorted(found, key=lambda one: (one.at is None, one.at or now))


def _playbook_due(application: Application, now: datetime) -> list[Due]:
    found = []
    active = versions.active_playbook(application.ledger)
    if active and active.review_due:
        tone: Tone = "bad" if active.review_due < now else "plain"
        found.append(
            Due("Review of the playbook", f"version {active.version}", "/playbook", active.review_due, tone)
        )
    for version in versions.playbook_versions_of(application.ledger):
        if version.state == "proposed" and version.missing:
            names = ", ".join(function.label.lower() for function in version.missing)
            found.append(
                Due(f"Sign playbook {version.version}", f"missing: {names}", "/playbook", None, "warn")
            )
    for change in versions.changes_of(application.ledger):
        if change.state == "proposed":
            names = ", ".join(function.label.lower() for function in change.open)
            what = f"Sign {change.id}, {change.proposed.kind} of {change.subject.removeprefix('system/')}"
            found.append(Due(what, f"missing: {names}", "/playbook#changes", None, "warn"))
    return found
