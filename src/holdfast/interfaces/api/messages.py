"""Messages: who was told, and trying again what was given up."""

from __future__ import annotations

from fastapi import APIRouter

from holdfast.incident.loading import load
from holdfast.interfaces.api.access import App, Reads
from holdfast.interfaces.api.addresses import IncidentId, Limit
from holdfast.shapes import messages as shapes

router = APIRouter(tags=["messages"])


@router.get("/messages", summary="Messages, the newest first")
def list_messages(
    app: App, who: Reads, state: shapes.State | None = None, unreached: bool = False, limit: Limit = 50
) -> shapes.Messages:
    """`unreached`: those that were given up, that nobody has seen to, and whose receiver got no later one
    about the same incident."""
    return shapes.messages(app.ledger, state=state or "", limit=limit, unreached=unreached)


@router.get("/incidents/{incident}/messages", summary="Who was told of an incident, the newest first")
def list_of_incident(app: App, who: Reads, incident: IncidentId, limit: Limit = 50) -> shapes.Messages:
    load(app.ledger, incident)
    return shapes.messages(app.ledger, incident, limit=limit)
