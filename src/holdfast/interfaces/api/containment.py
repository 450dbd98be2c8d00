"""Containment: what is offered, what was proposed, what is in force."""

from __future__ import annotations

from fastapi import APIRouter

from holdfast.contain import reading
from holdfast.incident.loading import load
from holdfast.interfaces.api.access import App, Reads
from holdfast.interfaces.api.addresses import ContainmentId, Filter, IncidentId
from holdfast.shapes import containment as shapes

router = APIRouter(tags=["containment"])


@router.get("/incidents/{incident}/containment-offers", summary="What fits, the fastest first")
def offers(app: App, who: Reads, incident: IncidentId) -> shapes.Offers:
    return shapes.offered(incident, app.containing.offers(incident))


@router.get("/incidents/{incident}/containments", summary="Its containments, in the order proposed")
def list_containments(app: App, who: Reads, incident: IncidentId) -> shapes.Containments:
    load(app.ledger, incident)
    with app.ledger.reading() as conn:
        found = reading.containments_of(conn, incident)
    return shapes.Containments(incident=incident, containments=tuple(shapes.shown(one) for one in found))


@router.get("/containments", summary="What is in force now, on every system")
def list_in_force(app: App, who: Reads, system: Filter = "") -> shapes.InForce:
    with app.ledger.reading() as conn:
        found = reading.active(conn, system)
    return shapes.InForce(containments=tuple(shapes.shown(one) for one in found))


@router.get("/containments/{containment}", summary="One containment")
def show(app: App, who: Reads, containment: ContainmentId) -> shapes.ContainmentShown:
    return shapes.shown(reading.load(app.ledger, containment).state)
