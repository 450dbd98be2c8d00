"""Playbook versions: read them, compare them, sign them. And who is asking."""

from __future__ import annotations

from fastapi import APIRouter

from holdfast.interfaces.api.access import App, Caller, Reads
from holdfast.interfaces.api.addresses import Name
from holdfast.prepare import versions
from holdfast.shapes import preparation as shapes

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
    return shapes.shown_version(versions.find_playbook(app.ledger, version))


@router.get("/playbook/versions/{version}/differences/{newer}", summary="What changed from one to another")
def difference(app: App, who: Reads, version: Name, newer: Name) -> shapes.Difference:
    old, new = versions.find_playbook(app.ledger, version), versions.find_playbook(app.ledger, newer)
    return shapes.difference(old.version, new.version, versions.difference(old.text, new.text))


@router.get("/playbook/changes", summary="Changes of limits and of authority, the newest first")
def list_changes(app: App, who: Reads) -> shapes.ChangesShown:
    """What the playbook in force wants signed before it counts."""
    return shapes.changes_shown(versions.changes_of(app.ledger))


@router.get("/playbook/reviews", summary="Regular reviews that left the playbook as it was")
def list_reviews(app: App, who: Reads) -> shapes.ReviewsShown:
    return shapes.reviews(versions.reviews_of(app.ledger))
