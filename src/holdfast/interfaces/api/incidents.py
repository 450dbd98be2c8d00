"""Incidents: declare, answer, classify, note, hand over, end."""

from __future__ import annotations

from fastapi import APIRouter

from holdfast.incident import register
from holdfast.incident.incident import Status
from holdfast.incident.loading import load
from holdfast.interfaces.api.access import App, Reads
from holdfast.interfaces.api.addresses import Filter, IncidentId, Limit, Offset
from holdfast.prepare.terms import Severity
from holdfast.shapes import incidents as shapes

router = APIRouter(tags=["incidents"])


@router.get("/incidents", summary="List incidents, the most severe running ones first")
def list_incidents(
    app: App,
    who: Reads,
    status: Status | None = None,
    severity: Severity | None = None,
    system: Filter = "",
    text: Filter = "",
    running: bool = False,
    limit: Limit = 50,
    offset: Offset = 0,
) -> shapes.IncidentList:
    wanted = register.Filter(status or "", severity or "", system, text, running)
    with app.ledger.reading() as conn:
        found = register.find(conn, wanted, limit, offset)
        total = register.count(conn, wanted)
    return shapes.IncidentList(incidents=tuple(shapes.listed(one) for one in found), total=total)


@router.get("/incidents/{incident}", summary="One incident as it stands")
def show(app: App, who: Reads, incident: IncidentId) -> shapes.IncidentShown:
    return shapes.shown(load(app.ledger, incident).state)


@router.get("/incidents/{incident}/timeline", summary="The timeline that writes itself")
def timeline(app: App, who: Reads, incident: IncidentId) -> shapes.Timeline:
    load(app.ledger, incident)
    return shapes.timeline(incident, register.timeline(register.record(app.ledger, incident)))
