"""Incidents: declare, answer, classify, note, hand over, end."""

from __future__ import annotations

from holdfast.incident import register
from holdfast.incident.loading import load
from holdfast.incident.responding import Answer, Declared, Report
from holdfast.investigate import assessing
from holdfast.learn import closing, handing_over
from holdfast.people import Permission
from holdfast.shapes import incidents as shapes
from holdfast.steps.addresses import IncidentId, Role
from holdfast.steps.step import Call, step


def shown(call: Call, incident: str, _: object) -> shapes.IncidentShown:
    """The incident as it stands."""
    return shapes.shown(load(call.ledger, incident).state)


def _declared(call: Call, _: str, what: Declared) -> shapes.DeclaredShown:
    return shapes.declared(load(call.ledger, what.incident).state, what)


@step("incident", "POST /incidents", may=Permission.DECLARE, agents=True, shows=_declared)
def declare(call: Call, said: shapes.Declaration) -> Declared:
    """Declare an incident. Only a title is required; what can be preserved is frozen at once.

    What a monitor has noticed on the same system already is joined, unless it is separate; without a
    system, the only incident that monitors have noticed within a day.
    """
    report = Report(
        title=said.title,
        description=said.description,
        system=said.system,
        model_version=said.model_version,
        began_at=said.began_at,
        severity=said.severity,
        category=said.category,
    )
    return call.desk.declare(report, said.join, said.separate, by=call.by, at=call.at)


def _acknowledged(call: Call, incident: str, answer: Answer) -> shapes.Acknowledged:
    return shapes.acknowledged(load(call.ledger, incident).state, answer)


@step("incident", "PUT /incidents/{incident}/acknowledgement", may=Permission.RESPOND, shows=_acknowledged)
def acknowledge(call: Call, incident: IncidentId) -> Answer:
    """Answer: somebody is on it. Stops the clock and the escalation."""
    return call.desk.acknowledge(incident, by=call.by, at=call.at)


@step("incident", "PUT /incidents/{incident}/classification", may=Permission.RESPOND, shows=shown)
def classify(call: Call, incident: IncidentId, said: shapes.Classification) -> None:
    """Confirm what the rules propose, or decide otherwise with a reason."""
    call.desk.classify(incident, said.category, said.severity, said.reason, by=call.by, at=call.at)


def _timeline(call: Call, incident: str, _: None) -> shapes.Timeline:
    return shapes.timeline(incident, register.timeline(register.record(call.ledger, incident)))


@step("incident", "POST /incidents/{incident}/notes", may=Permission.RESPOND, agents=True, shows=_timeline)
def note(call: Call, incident: IncidentId, said: shapes.NoteAsked) -> None:
    """Add to the timeline."""
    call.desk.note(
        incident, said.text, by=call.by, at=call.at, occurred_at=said.occurred_at, evidence=said.evidence
    )


@step("incident", "POST /incidents/{incident}/updates", may=Permission.RESPOND, shows=_timeline)
def update(call: Call, incident: IncidentId, said: shapes.UpdateAsked) -> None:
    """Say how it stands. The team and whoever the protocol names are written to; the next update counts
    from now."""
    call.desk.post_update(incident, said.text, by=call.by, at=call.at)


@step("incident", "PUT /incidents/{incident}/beginning", verb="began", may=Permission.RESPOND, shows=shown)
def state_beginning(call: Call, incident: IncidentId, said: shapes.Beginning) -> None:
    """Say when the harm began, or correct it. What was exposed since then is counted."""
    call.desk.state_beginning(incident, said.began_at, said.reason, by=call.by, at=call.at)


@step("incident", "PUT /incidents/{incident}/system", may=Permission.RESPOND, shows=shown)
def name_system(call: Call, incident: IncidentId, said: shapes.SystemAsked) -> None:
    """Say which AI system it is about, or correct it. What can be preserved is frozen, its log counted."""
    assessing.name_system(
        call.desk, incident, said.system, said.model_version, said.reason, by=call.by, at=call.at
    )


@step("incident", "PUT /incidents/{incident}/roles/{role}", may=Permission.RESPOND, shows=shown)
def hand_over(call: Call, incident: IncidentId, role: Role, said: shapes.HandOver) -> None:
    """Hand a role to somebody else, who is told what is open for it."""
    handing_over.hand_over(call.desk, incident, role, said.person, said.reason, by=call.by, at=call.at)


@step("incident", "PUT /incidents/{incident}/dismissal", may=Permission.RESPOND, shows=shown)
def dismiss(call: Call, incident: IncidentId, said: shapes.Dismissal) -> None:
    """It was not an incident, and why. The reason is kept, and its alerts are set aside with it."""
    closing.dismiss(call.desk, incident, said.reason, said.false_alarm, by=call.by, at=call.at)


@step("incident", "PUT /incidents/{incident}/relations/{other}", may=Permission.RESPOND, shows=shown)
def relate(call: Call, incident: IncidentId, other: IncidentId, said: shapes.Reason) -> None:
    """Two incidents have to do with one another, and how. It stands on both records."""
    call.desk.relate(incident, other, said.reason, by=call.by, at=call.at)


@step("incident", "PUT /incidents/{incident}/merger", may=Permission.RESPOND, shows=shown)
def merge(call: Call, incident: IncidentId, said: shapes.Merger) -> None:
    """Two incidents are one. The first ends, the response goes on in the second."""
    closing.merge(call.desk, incident, said.into, said.reason, by=call.by, at=call.at)


@step("incident", "PUT /incidents/{incident}/resolution", may=Permission.RESPOND, shows=shown)
def resolve(call: Call, incident: IncidentId, said: shapes.Resolution) -> None:
    """The harm is over and the fix verified."""
    closing.resolve(call.desk, incident, said.resolution, said.unverified_because, by=call.by, at=call.at)


def _closed(call: Call, incident: str, digest: str) -> shapes.Closed:
    return shapes.Closed(incident=incident, record_sha256=digest)


@step("incident", "PUT /incidents/{incident}/closure", may=Permission.RESPOND, shows=_closed)
def close(call: Call, incident: IncidentId, said: shapes.Closure) -> str:
    """Close and archive. Nothing can be added to the record afterwards."""
    return closing.close(call.desk, incident, said.summary, said.unverified_because, by=call.by, at=call.at)


STEPS = (
    declare,
    acknowledge,
    classify,
    note,
    update,
    state_beginning,
    name_system,
    hand_over,
    dismiss,
    relate,
    merge,
    resolve,
    close,
)
