"""Playbook versions: read them, compare them, sign them. And who is asking."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from holdfast.application import Application
from holdfast.interfaces.api.access import App, Caller, Now, Reads, Signs
from holdfast.interfaces.api.addresses import Name
from holdfast.interfaces.api.refusals import Missing
from holdfast.prepare import versions
from holdfast.prepare.terms import Function
from holdfast.prepare.versions import PlaybookVersion
from holdfast.problems import NotAllowed
from holdfast.shapes import preparation as shapes
from holdfast.shapes.base import Asked, Text

router = APIRouter(tags=["playbook"])


@router.get("/me", tags=["access"], summary="Who this token speaks for, and what it may do")
def me(who: Caller) -> shapes.Me:
    return shapes.me(who)


@router.get("/playbook/versions", summary="Every version, the one applied last first")
def list_versions(app: App, who: Reads) -> shapes.Versions:
    found = versions.playbook_versions_of(app.ledger)
    return shapes.Versions(versions=tuple(shapes.listed_version(one) for one in found))


@router.get("/playbook/versions/{version}", summary="One version by hash, beginning of one, or label")
def show(app: App, who: Reads, version: Name) -> shapes.VersionShown:
    return shapes.shown_version(_version(app, version))


@router.get("/playbook/versions/{version}/differences/{newer}", summary="What changed from one to another")
def difference(app: App, who: Reads, version: Name, newer: Name) -> shapes.Difference:
    old, new = _version(app, version), _version(app, newer)
    return shapes.difference(old.version, new.version, versions.difference(old.text, new.text))


@router.put("/playbook/versions/{version}/signatures/{function}", summary="Sign a version for a function")
def sign(app: App, who: Signs, now: Now, version: Name, function: Function) -> shapes.VersionShown:
    """The last signature the version asks for puts it in force."""
    content = _version(app, version).content
    versions.approve_playbook(app.ledger, content, function, who.actor, now)
    return shapes.shown_version(_version(app, content))


@router.get("/playbook/changes", summary="Changes of limits and of authority, the newest first")
def list_changes(app: App, who: Reads) -> shapes.ChangesShown:
    """What the playbook in force wants signed before it counts."""
    return shapes.changes_shown(versions.changes_of(app.ledger))


@router.put("/playbook/changes/{change}/signatures/{function}", summary="Sign a change for a function")
def sign_change(app: App, who: Signs, now: Now, change: Name, function: Function) -> shapes.ChangeShown:
    """The last signature the change asks for puts it in force."""
    if change not in {one.id for one in versions.changes_of(app.ledger)}:
        raise Missing(f"there is no change {change}; /playbook/changes lists them")
    versions.approve_change(app.ledger, change, function, who.actor, now)
    return shapes.change(next(one for one in versions.changes_of(app.ledger) if one.id == change))


@router.get("/playbook/reviews", summary="Regular reviews that left the playbook as it was")
def list_reviews(app: App, who: Reads) -> shapes.ReviewsShown:
    return shapes.reviews(versions.reviews_of(app.ledger))


class Reviewed(Asked):
    note: Annotated[Text, Field(min_length=1)]
    """What was looked at, and why nothing changes."""


@router.post("/playbook/reviews", status_code=201, summary="Record a review that changes nothing")
def review(app: App, who: Signs, now: Now, sent: Reviewed) -> shapes.ReviewsShown:
    """The next one is due as the playbook says."""
    versions.review_playbook(app.ledger, sent.note, who.actor, now)
    return shapes.reviews(versions.reviews_of(app.ledger)[:1])


def _version(app: Application, version: str) -> PlaybookVersion:
    try:
        return versions.find_playbook(app.ledger, version)
    except NotAllowed as unknown:
        raise Missing(str(unknown)) from None
