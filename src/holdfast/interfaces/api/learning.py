"""Remediation and the post-incident review."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from holdfast.incident.loading import load
from holdfast.interfaces.api.access import App, Reads
from holdfast.interfaces.api.addresses import Filter, IncidentId, ItemId, Limit
from holdfast.learn import remedying, reviewing, tracker
from holdfast.shapes import learning as shapes
from holdfast.shapes.base import Time

router = APIRouter()


@router.get("/remediations", tags=["remediation"], summary="What is to be done, the nearest deadline first")
def due(
    app: App,
    who: Reads,
    until: Annotated[Time | None, Query()] = None,
    responsible: Filter = "",
    limit: Limit = 50,
) -> shapes.Items:
    with app.ledger.reading() as conn:
        found = tracker.due_items(conn, until=until, responsible=responsible, limit=limit)
    return shapes.Items(items=tuple(shapes.item(one) for one in found))


@router.get("/incidents/{incident}/remediations", tags=["remediation"], summary="The items of an incident")
def list_items(app: App, who: Reads, incident: IncidentId) -> shapes.Items:
    load(app.ledger, incident)
    found = remedying.remediations_of(app.ledger, incident).items.values()
    return shapes.Items(items=tuple(shapes.item(one) for one in found))


@router.get("/remediations/{item}", tags=["remediation"], summary="One item")
def show(app: App, who: Reads, item: ItemId) -> shapes.ItemShown:
    return shapes.item(tracker.require(app.ledger, item))


@router.get("/incidents/{incident}/review", tags=["review"], summary="The review as it stands")
def review(app: App, who: Reads, incident: IncidentId) -> shapes.ReviewShown:
    load(app.ledger, incident)
    questions = reviewing.questions(app.desk, incident)
    return shapes.shown_review(incident, questions, reviewing.review_of(app.ledger, incident))
