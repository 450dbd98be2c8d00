"""AI systems, monitors and what they measured, alerts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from holdfast.application import Application
from holdfast.detect import records, watched
from holdfast.detect.records import Run
from holdfast.interfaces.api.access import App, Reads
from holdfast.interfaces.api.addresses import AlertId, Filter, Limit, Name
from holdfast.prepare import versions
from holdfast.problems import NotThere, did_you_mean
from holdfast.shapes import detection as shapes
from holdfast.shapes.base import Time

router = APIRouter()


@router.get("/systems", tags=["AI systems"], summary="The inventory in force, the highest priority first")
def list_systems(app: App, who: Reads) -> shapes.SystemList:
    runs = _runs(app)
    found = versions.active_systems(app.ledger).items()
    with app.ledger.reading() as conn:
        counted = {name: len(watched.monitors_in(conn, applied.model)) for name, applied in found}
    return shapes.SystemList(
        systems=tuple(shapes.listed_system(one, counted[name], runs.get(name)) for name, one in found)
    )


@router.get("/systems/{system}", tags=["AI systems"], summary="One AI system")
def show_system(app: App, who: Reads, system: Name) -> shapes.SystemShown:
    applied = versions.require_system(app.ledger, system)
    with app.ledger.reading() as conn:
        counted = len(watched.monitors_in(conn, applied.model))
    return shapes.shown_system(applied, counted, _runs(app).get(system))


@router.get("/systems/{system}/monitors", tags=["monitors"], summary="Its monitors and what they said last")
def list_monitors(app: App, who: Reads, system: Name) -> shapes.MonitorList:
    model = versions.require_system(app.ledger, system).model
    with app.ledger.reading() as conn:
        newest, wrong = records.newest(conn, system), records.false_alarms(conn, system)
        monitors = watched.monitors_in(conn, model)
    return shapes.monitors_of(model, monitors, newest, wrong, _runs(app).get(system))


@router.get(
    "/systems/{system}/monitors/{monitor}/measurements",
    tags=["monitors"],
    summary="What a monitor measured, window by window, the oldest first",
)
def measurements(
    app: App,
    who: Reads,
    system: Name,
    monitor: Name,
    since: Annotated[Time | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> shapes.Measurements:
    """The newest `limit` of those since `since`. A monitor of several columns is asked as `id.column`."""
    known = versions.require_system(app.ledger, system).model.monitors
    if not any(shapes.belongs(monitor, one) for one in known):
        raise NotThere(
            f"{system} has no monitor {monitor}; {did_you_mean(monitor, [one.id for one in known])}"
        )
    with app.ledger.reading() as conn:
        found = records.measurements_of(conn, system, monitor, since)
    shown = tuple(shapes.MeasurementShown.model_validate(one) for one in found[-limit:])
    return shapes.Measurements(system=system, monitor=monitor, measurements=shown)


@router.get("/alerts", tags=["alerts"], summary="Alerts, the newest first")
def list_alerts(
    app: App, who: Reads, outcome: Filter = "", system: Filter = "", state: Filter = "", limit: Limit = 50
) -> shapes.AlertList:
    with app.ledger.reading() as conn:
        found = records.find_alerts(conn, outcome=outcome, system=system, state=state, limit=limit)
    return shapes.alert_list(found)


@router.get(
    "/alert-groups", tags=["alerts"], summary="Alerts by monitor, one entry for many, the newest first"
)
def list_alert_groups(
    app: App, who: Reads, outcome: Filter = "none", system: Filter = ""
) -> shapes.AlertGroups:
    """Of the newest 2,000; `none` are those that wait for a person."""
    inventory = {name: applied.model for name, applied in versions.active_systems(app.ledger).items()}
    with app.ledger.reading() as conn:
        found = records.find_alerts(conn, outcome=outcome, system=system, limit=2_000)
    return shapes.alert_groups(found, inventory)


@router.get("/alerts/{alert}", tags=["alerts"], summary="One alert")
def show_alert(app: App, who: Reads, alert: AlertId) -> shapes.AlertShown:
    with app.ledger.reading() as conn:
        return shapes.alert(records.require_alert(conn, alert))


def _runs(app: Application) -> dict[str, Run]:
    with app.ledger.reading() as conn:
        return records.runs(conn)
