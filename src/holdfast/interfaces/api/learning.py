"""Remediation and the post-incident review."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from holdfast.application import Application
from holdfast.incident.loading import load
from holdfast.interfaces.api.access import App, Now, Reads, Responds
from holdfast.interfaces.api.addresses import Filter, IncidentId, ItemId, Limit
from holdfast.learn import remedying, reviewing, tracker
from holdfast.learn.remediation import Item
from holdfast.learn.review import Review
from holdfast.problems import NotThere
from holdfast.shapes import incidents
from holdfast.shapes import learning as shapes
from holdfast.shapes.base import Time
from holdfast.shapes.investigation import links_of

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


@router.post(
    "/incidents/{incident}/remediations", status_code=201, tags=["remediation"], summary="Plan an item"
)
def plan(app: App, who: Responds, now: Now, incident: IncidentId, said: shapes.PlanAsked) -> shapes.ItemShown:
    number = remedying.plan(app.desk, incident, said.plan(), by=who.actor, at=now)
    return show(app, who, number)


@router.get("/remediations/{item}", tags=["remediation"], summary="One item")
def show(app: App, who: Reads, item: ItemId) -> shapes.ItemShown:
    return shapes.item(_item(app, item))


@router.put("/remediations/{item}/start", tags=["remediation"], summary="Somebody begins with it")
def start(app: App, who: Responds, now: Now, item: ItemId) -> shapes.ItemShown:
    remedying.start(app.desk, _item(app, item).incident, item, by=who.actor, at=now)
    return show(app, who, item)


@router.put("/remediations/{item}/completion", tags=["remediation"], summary="The action is taken")
def finish(app: App, who: Responds, now: Now, item: ItemId, said: shapes.Done) -> shapes.ItemShown:
    incident = _item(app, item).incident
    remedying.finish(app.desk, incident, item, said.what, done_at=said.done_at, by=who.actor, at=now)
    return show(app, who, item)


@router.put("/remediations/{item}/verification", tags=["remediation"], summary="What a test or review showed")
def verify(app: App, who: Responds, now: Now, item: ItemId, said: shapes.Accepted) -> shapes.ItemShown:
    """An item that a monitor has to prove is proven by the monitor, and by nobody else."""
    remedying.verify(
        app.desk,
        _item(app, item).incident,
        item,
        said.works,
        said.proof,
        links_of(said.links),
        by=who.actor,
        at=now,
    )
    return show(app, who, item)


@router.put("/remediations/{item}/withdrawal", tags=["remediation"], summary="It will not be done, and why")
def withdraw(app: App, who: Responds, now: Now, item: ItemId, said: incidents.Reason) -> shapes.ItemShown:
    remedying.withdraw(app.desk, _item(app, item).incident, item, said.reason, by=who.actor, at=now)
    return show(app, who, item)


@router.get("/incidents/{incident}/review", tags=["review"], summary="The review as it stands")
def review(app: App, who: Reads, incident: IncidentId) -> shapes.ReviewShown:
    load(app.ledger, incident)
    return _review(app, incident, reviewing.review_of(app.ledger, incident))


@router.post(
    "/incidents/{incident}/review/drafts",
    status_code=201,
    tags=["review"],
    summary="Write down what the record knows; what a person wrote stays",
)
def draft(app: App, who: Responds, now: Now, incident: IncidentId) -> shapes.ReviewShown:
    return _review(app, incident, reviewing.draft(app.desk, incident, by=who.actor, at=now))


@router.patch("/incidents/{incident}/review", tags=["review"], summary="Change answers, or who took part")
def edit(
    app: App, who: Responds, now: Now, incident: IncidentId, said: shapes.ReviewAsked
) -> shapes.ReviewShown:
    edited = reviewing.edit(app.desk, incident, said.answers, said.attendees, by=who.actor, at=now)
    return _review(app, incident, edited)


@router.put("/incidents/{incident}/review/completion", tags=["review"], summary="Complete and share it")
def complete(
    app: App, who: Responds, now: Now, incident: IncidentId, said: shapes.CompletionAsked
) -> shapes.ReviewShown:
    actions = [action.plan() for action in said.actions]
    completed = reviewing.complete(app.desk, incident, actions, by=who.actor, at=now)
    return _review(app, incident, completed)


def _review(app: Application, incident: str, found: Review) -> shapes.ReviewShown:
    return shapes.shown_review(incident, reviewing.questions(app.desk, incident), found)


def _item(app: Application, item: str) -> Item:
    with app.ledger.reading() as conn:
        found = tracker.get(conn, item)
    if found is None:
        raise NotThere(f"there is no remediation {item}; the incident lists its items")
    return found
