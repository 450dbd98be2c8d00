"""Containment: what is offered, proposed, approved, applied, proven, seen to work, undone."""

from __future__ import annotations

from fastapi import APIRouter

from holdfast.application import Application
from holdfast.contain import reading
from holdfast.incident.loading import load
from holdfast.interfaces.api.access import App, Contains, Now, Proposes, Reads
from holdfast.interfaces.api.addresses import ContainmentId, Filter, IncidentId
from holdfast.shapes import containment as shapes
from holdfast.shapes import incidents

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


@router.post("/incidents/{incident}/containments", status_code=201, summary="Put an offer up for approval")
def propose(
    app: App, who: Proposes, now: Now, incident: IncidentId, said: shapes.Proposal
) -> shapes.ContainmentShown:
    number = app.containing.propose(incident, said.option, said.reason, by=who.actor, at=now)
    return _shown(app, number)


@router.put(
    "/incidents/{incident}/decision-against-containment", summary="Decide not to contain, with a reason"
)
def decide_against(
    app: App, who: Contains, now: Now, incident: IncidentId, said: incidents.Reason
) -> incidents.IncidentShown:
    app.containing.decide_against(incident, said.reason, by=who.actor, at=now)
    return incidents.shown(load(app.ledger, incident).state)


@router.get("/containments", summary="What is in force now, on every system")
def list_in_force(app: App, who: Reads, system: Filter = "") -> shapes.InForce:
    with app.ledger.reading() as conn:
        found = reading.active(conn, system)
    return shapes.InForce(containments=tuple(shapes.shown(one) for one in found))


@router.get("/containments/{containment}", summary="One containment")
def show(app: App, who: Reads, containment: ContainmentId) -> shapes.ContainmentShown:
    return _shown(app, containment)


@router.put("/containments/{containment}/approval", summary="Say yes, with the authority to")
def approve(
    app: App, who: Contains, now: Now, containment: ContainmentId, said: shapes.Approval
) -> shapes.ContainmentShown:
    app.containing.approve(containment, said.reason, by=who.actor, at=now)
    return _shown(app, containment)


@router.put("/containments/{containment}/application", summary="Set the switch and ask the flag address")
def carry_out(app: App, who: Contains, now: Now, containment: ContainmentId) -> shapes.ContainmentShown:
    """`stage` says what came of it: switched when the flag address answers by it, failed when it does not.
    Whether the application obeys, and whether the harm stopped, shows later."""
    app.containing.carry_out(containment, by=who.actor, at=now)
    return _shown(app, containment)


@router.post("/containments/{containment}/probes", status_code=201, summary="Ask the flag address again")
def probe(app: App, who: Contains, now: Now, containment: ContainmentId) -> shapes.ContainmentShown:
    app.containing.probe(containment, by=who.actor, at=now)
    return _shown(app, containment)


@router.post(
    "/containments/{containment}/observations", status_code=201, summary="Say whether the harm stopped"
)
def observe(app: App, who: Contains, now: Now, containment: ContainmentId) -> shapes.EffectShown:
    return shapes.effect(app.containing.observe_effect(containment, by=who.actor, at=now))


@router.put("/containments/{containment}/reversal", summary="Set the switch back, with a reason")
def revert(
    app: App, who: Contains, now: Now, containment: ContainmentId, said: incidents.Reason
) -> shapes.ContainmentShown:
    """`stage` says what came of it: released when the flag address was seen to be back."""
    app.containing.revert(containment, said.reason, by=who.actor, at=now)
    return _shown(app, containment)


def _shown(app: Application, containment: str) -> shapes.ContainmentShown:
    return shapes.shown(reading.load(app.ledger, containment).state)
