"""Impact and cause."""

from __future__ import annotations

from fastapi import APIRouter

from holdfast.incident.loading import load
from holdfast.interfaces.api.access import App, Reads
from holdfast.interfaces.api.addresses import IncidentId
from holdfast.investigate import analysing, assessing
from holdfast.shapes import investigation as shapes

router = APIRouter(prefix="/incidents/{incident}", tags=["impact and cause"])


@router.get("/impact", summary="What is counted and judged of the impact")
def impact(app: App, who: Reads, incident: IncidentId) -> shapes.ImpactShown:
    state = load(app.ledger, incident).state
    return shapes.shown_impact(incident, assessing.impact_of(app.ledger, incident), state)


@router.get("/cause", summary="The root-cause analysis and its versions")
def cause(app: App, who: Reads, incident: IncidentId) -> shapes.CauseShown:
    load(app.ledger, incident)
    return shapes.shown_cause(incident, analysing.cause_of(app.ledger, incident))
