"""Impact and cause."""

from __future__ import annotations

from fastapi import APIRouter

from holdfast.incident.loading import load
from holdfast.interfaces.api.access import App, Now, Reads, Responds
from holdfast.interfaces.api.addresses import IncidentId
from holdfast.investigate import analysing, assessing
from holdfast.shapes import investigation as shapes

router = APIRouter(prefix="/incidents/{incident}", tags=["impact and cause"])


@router.get("/impact", summary="What is counted and judged of the impact")
def impact(app: App, who: Reads, incident: IncidentId) -> shapes.ImpactShown:
    load(app.ledger, incident)
    return shapes.shown_impact(incident, assessing.impact_of(app.ledger, incident))


@router.post(
    "/impact/counts",
    status_code=201,
    summary="Count in the prediction log who was exposed and who is affected",
)
def count(
    app: App, who: Responds, now: Now, incident: IncidentId, said: shapes.CountAsked
) -> shapes.ImpactShown:
    assessing.count(
        app.ledger,
        app.counter,
        incident,
        said.start,
        said.end,
        said.where,
        because=said.because,
        reassess=app.desk.noted,
        by=who.actor,
        at=now,
    )
    return impact(app, who, incident)


@router.put("/impact", summary="The next version of the assessment in its five dimensions")
def assess(
    app: App, who: Responds, now: Now, incident: IncidentId, said: shapes.AssessmentAsked
) -> shapes.ImpactShown:
    assessing.assess(
        app.ledger,
        incident,
        said.assessment(),
        count=said.count,
        reassess=app.desk.noted,
        by=who.actor,
        at=now,
    )
    return impact(app, who, incident)


@router.get("/cause", summary="The root-cause analysis and its versions")
def cause(app: App, who: Reads, incident: IncidentId) -> shapes.CauseShown:
    load(app.ledger, incident)
    return shapes.shown_cause(incident, analysing.cause_of(app.ledger, incident))


@router.put("/cause", summary="The next version of the root-cause analysis")
def analyse(
    app: App, who: Responds, now: Now, incident: IncidentId, said: shapes.AnalysisAsked
) -> shapes.CauseShown:
    system = app.desk.ground_of(load(app.ledger, incident).state).system
    monitors = [monitor.id for monitor in system.monitors] if system else []
    analysing.analyse(app.ledger, incident, said.analysis(), monitors=monitors, by=who.actor, at=now)
    return cause(app, who, incident)
