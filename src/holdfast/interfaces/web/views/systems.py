"""AI systems: the inventory with its gaps, and one system with everything known of it (R-PRE-01)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Response
from sqlalchemy import Connection

from holdfast.contain import reading as containments
from holdfast.detect import records, watched
from holdfast.detect.blind import series_of
from holdfast.detect.bounds import Bounds, bounds_of
from holdfast.detect.records import Run
from holdfast.detect.silence import why_unheard
from holdfast.incident import register
from holdfast.incident.register import Filter
from holdfast.interfaces.web import gauges, lists
from holdfast.interfaces.web.access import Visit, takes, visit
from holdfast.interfaces.web.gauges import Coverage, Gauge
from holdfast.prepare import versions
from holdfast.prepare.systems import System
from holdfast.prepare.versions import Applied
from holdfast.steps import monitors as steps
from holdfast.wording import plural, sentence

router = APIRouter()

_COURSE = 30
"""Windows of a small line."""
_SHOWN_INCIDENTS = 5
_SHOWN_LATE = 3
"""Windows with late rows, or monitors without a value, that a notice names."""


@dataclass(frozen=True, slots=True)
class Row:
    """One system of the inventory."""

    system: System
    coverage: tuple[Coverage, ...]
    run: Run | None
    bounds: Bounds
    """What is known of its monitors."""
    incidents: int

    @property
    def gaps(self) -> tuple[Coverage, ...]:
        return tuple(one for one in self.coverage if one.is_gap)

    def covers(self, dimension: str) -> Coverage | None:
        return next((one for one in self.coverage if one.dimension.value == dimension), None)


@router.get("/systems")
def systems(visit: visit) -> Response:
    ledger = visit.application.ledger
    active = versions.active_playbook(ledger)
    playbook = active.playbook if active else None
    inventory = versions.active_systems(ledger)
    with ledger.reading() as conn:
        runs = records.runs(conn)
        watching = {name: watched.monitors_in(conn, applied.model) for name, applied in inventory.items()}
        rows = [
            Row(
                applied.model,
                gauges.coverage(playbook, applied.model, watching[name]),
                runs.get(name),
                bounds_of(ledger, [applied.model.id], visit.now),
                register.count(conn, Filter(system=name, running=True)),
            )
            for name, applied in inventory.items()
        ]
    dimensions = list(dict.fromkeys(one.dimension.value for row in rows for one in row.coverage))
    return visit.page(
        "pages/systems.html", "systems", rows=rows, dimensions=dimensions, playbook=active, state=state_said
    )


def state_said(run: Run | None, system: System, now: datetime) -> tuple[str, str]:
    """How monitoring of a system stands, as tone and word. "No alerts" and "dead" differ (R-XCT-07)."""
    if not system.is_covered:
        return "bad", "not watched"
    if run is None or (run.last_run is None and run.state == "scheduled"):
        return "idle", "not run yet"
    if run.state in ("failing", "partly failing"):
        return "bad", run.state
    if run.state == "stopped":
        return "bad", "stopped"
    silent = run.is_silent(now) or why_unheard(system, run.newest, now)
    return ("warn", "silent") if silent else ("good", "running")


@router.get("/systems/{system}")
def one_system(visit: visit, system: str, version: int = 0) -> Response:
    """One system; `version` counts back through the history of its file, 0 being the newest."""
    ledger = visit.application.ledger
    applied = require(visit, system)
    history = versions.system_history(ledger, system)
    active = versions.active_playbook(ledger)
    with ledger.reading() as conn:
        found = gauges_of(conn, applied.model)
        run = records.runs(conn).get(system)
        bounds = bounds_of(ledger, [applied.model.id], visit.now)
        standing = containments.active(conn, system)
        wanted = Filter(system=system)
        incidents = register.find(conn, wanted, _SHOWN_INCIDENTS)
        many = register.count(conn, wanted)
        false = records.false_alarms(conn, system)
    tone, word = state_said(run, applied.model, visit.now)
    return visit.page(
        "pages/system.html",
        "systems",
        system=applied.model,
        applied=applied,
        gauges=found,
        bounds=bounds,
        coverage=gauges.coverage(
            active.playbook if active else None, applied.model, [gauge.monitor for gauge in found]
        ),
        asked=active is not None,
        run=run,
        unheard=""
        if run is None or run.is_silent(visit.now)
        else why_unheard(applied.model, run.newest, visit.now),
        state=(tone, word),
        standing=standing,
        incidents=incidents,
        many=many,
        false_alarms=sum(wrong for wrong, _ in false.values()),
        alerts_so_far=sum(of for _, of in false.values()),
        history=history,
        chosen=min(max(version, 0), len(history) - 1),
        said=gauges,
        watched=watched,
    )


def require(visit: Visit, system: str) -> Applied[System]:
    """The system in force; there is no page for any other."""
    found = versions.active_systems(visit.application.ledger).get(system)
    if found is None:
        raise HTTPException(404)
    return found


def gauges_of(conn: Connection, system: System, windows: int = _COURSE) -> list[Gauge]:
    """Every monitor of a system with its newest windows, those out of bounds first."""
    alerts = lists.open_alerts(conn, system.id)
    found = [
        Gauge(
            monitor,
            lists.newest_windows(conn, system.id, series_of(monitor), windows),
            alerts.get((system.id, monitor.id), 0),
        )
        for monitor in watched.monitors_in(conn, system)
    ]
    return sorted(found, key=lambda gauge: gauge.alerts == 0)


@router.post("/systems/{system}/runs", **takes(steps.run))
def run(visit: visit, system: str) -> Response:
    """Run the system's monitors now."""
    ran = steps.run(visit.call, system)
    if ran.failed:
        visit.notice("Nothing could be measured.", ran.failed, "bad")
    elif ran.failing:
        said = " ".join(sentence(f"{name}: {reason}") for name, reason in ran.failing.items())
        visit.notice(f"{plural(len(ran.failing), 'monitor')} could not measure.", said, "bad")
    else:
        visit.notice(
            f"Monitors of {system} ran.",
            f"{plural(len(ran.measurements), 'measurement')} new or changed{_raised(ran.raised)}.",
        )
    if ran.late:
        said = " ".join(one.said for one in ran.late[:_SHOWN_LATE])
        visit.notice(f"Rows came late to {plural(len(ran.late), 'window')}.", said, "warn")
    without = {name: why for name, why in ran.not_computable.items() if name not in ran.failing}
    if without:
        said = " ".join(f"{name}: {why}" for name, why in list(without.items())[:_SHOWN_LATE])
        visit.notice(f"{plural(len(without), 'monitor')} could not compute the newest window.", said, "warn")
    return visit.back(f"/systems/{quote(system)}")


def _raised(alerts: Sequence[str]) -> str:
    return f", {plural(len(alerts), 'alert')} raised: {', '.join(alerts)}" if alerts else ", no alert raised"
