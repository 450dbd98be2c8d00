"""Incidents: declare, answer, classify, note, hand over, end."""

from __future__ import annotations

from fastapi import APIRouter

from holdfast.application import Application
from holdfast.incident import register
from holdfast.incident.incident import Status
from holdfast.incident.loading import load
from holdfast.incident.responding import Report
from holdfast.interfaces.api.access import App, Declares, Notes, Now, Reads, Responds
from holdfast.interfaces.api.addresses import Filter, IncidentId, Limit, Offset
from holdfast.investigate import assessing
from holdfast.learn import closing
from holdfast.people import IncidentRole
from holdfast.prepare.terms import Severity
from holdfast.shapes import incidents as shapes

router = APIRouter(prefix="/incidents", tags=["incidents"])


@router.get("", summary="List incidents, the most severe running ones first")
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


@router.post("", status_code=201, summary="Declare an incident; only a title is required")
def declare(app: App, who: Declares, now: Now, said: shapes.Declaration) -> shapes.DeclaredShown:
    report = Report(
        title=said.title,
        description=said.description,
        system=said.system,
        model_version=said.model_version,
        began_at=said.began_at,
        severity=said.severity,
        category=said.category,
    )
    what = app.desk.declare(report, said.join, said.separate, by=who.actor, at=now)
    return shapes.declared(load(app.ledger, what.incident).state, what)


@router.get("/{incident}", summary="One incident as it stands")
def show(app: App, who: Reads, incident: IncidentId) -> shapes.IncidentShown:
    return _shown(app, incident)


@router.get("/{incident}/timeline", summary="The timeline that writes itself")
def timeline(app: App, who: Reads, incident: IncidentId) -> shapes.Timeline:
    load(app.ledger, incident)
    return shapes.timeline(incident, register.timeline(register.record(app.ledger, incident)))


@router.put("/{incident}/acknowledgement", summary="Answer: somebody is on it")
def acknowledge(app: App, who: Responds, now: Now, incident: IncidentId) -> shapes.Acknowledged:
    answer = app.desk.acknowledge(incident, by=who.actor, at=now)
    return shapes.acknowledged(load(app.ledger, incident).state, answer)


@router.put("/{incident}/classification", summary="Confirm the proposal, or decide otherwise with a reason")
def classify(
    app: App, who: Responds, now: Now, incident: IncidentId, said: shapes.Classification
) -> shapes.IncidentShown:
    app.desk.classify(incident, said.category, said.severity, said.reason, by=who.actor, at=now)
    return _shown(app, incident)


@router.post("/{incident}/notes", status_code=201, summary="Add to the timeline")
def note(app: App, who: Notes, now: Now, incident: IncidentId, said: shapes.NoteAsked) -> shapes.Timeline:
    app.desk.note(
        incident, said.text, by=who.actor, at=now, occurred_at=said.occurred_at, evidence=said.evidence
    )
    return timeline(app, who, incident)


@router.put("/{incident}/beginning", summary="Say when the harm began, or correct it")
def state_beginning(
    app: App, who: Responds, now: Now, incident: IncidentId, said: shapes.Beginning
) -> shapes.IncidentShown:
    app.desk.state_beginning(incident, said.began_at, said.reason, by=who.actor, at=now)
    return _shown(app, incident)


@router.put("/{incident}/system", summary="Say which AI system it is about, or correct it")
def name_system(
    app: App, who: Responds, now: Now, incident: IncidentId, said: shapes.SystemAsked
) -> shapes.IncidentShown:
    assessing.name_system(
        app.desk, incident, said.system, said.model_version, said.reason, by=who.actor, at=now
    )
    return _shown(app, incident)


@router.put("/{incident}/roles/{role}", summary="Hand a role to somebody else")
def hand_over(
    app: App, who: Responds, now: Now, incident: IncidentId, role: IncidentRole, said: shapes.HandOver
) -> shapes.IncidentShown:
    app.desk.hand_over(incident, role, said.person, said.reason, by=who.actor, at=now)
    return _shown(app, incident)


@router.put("/{incident}/dismissal", summary="It was not an incident, and why")
def dismiss(
    app: App, who: Responds, now: Now, incident: IncidentId, said: shapes.Dismissal
) -> shapes.IncidentShown:
    closing.dismiss(app.desk, incident, said.reason, said.false_alarm, by=who.actor, at=now)
    return _shown(app, incident)


@router.put("/{incident}/relations/{other}", summary="It has to do with another incident, and how")
def relate(
    app: App, who: Responds, now: Now, incident: IncidentId, other: IncidentId, said: shapes.Reason
) -> shapes.IncidentShown:
    app.desk.relate(incident, other, said.reason, by=who.actor, at=now)
    return _shown(app, incident)


@router.put("/{incident}/merger", summary="It is the same as another incident, in which the response goes on")
def merge(
    app: App, who: Responds, now: Now, incident: IncidentId, said: shapes.Merger
) -> shapes.IncidentShown:
    closing.merge(app.desk, incident, said.into, said.reason, by=who.actor, at=now)
    return _shown(app, incident)


@router.put("/{incident}/resolution", summary="The harm is over and the fix verified")
def resolve(
    app: App, who: Responds, now: Now, incident: IncidentId, said: shapes.Resolution
) -> shapes.IncidentShown:
    closing.resolve(app.desk, incident, said.resolution, said.unverified_because, by=who.actor, at=now)
    return _shown(app, incident)


@router.put("/{incident}/closure", summary="Close and archive")
def close(app: App, who: Responds, now: Now, incident: IncidentId, said: shapes.Closure) -> shapes.Closed:
    digest = closing.close(app.desk, incident, said.summary, by=who.actor, at=now)
    return shapes.Closed(incident=incident, record_sha256=digest)


def _shown(app: Application, incident: str) -> shapes.IncidentShown:
    return shapes.shown(load(app.ledger, incident).state)
