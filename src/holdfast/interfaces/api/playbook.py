"""Playbook versions: read them, compare them, sign them. And who is asking."""

from __future__ import annotations

from fastapi import APIRouter

from holdfast.interfaces.api.access import App, Caller, Now, Reads, Signs
from holdfast.interfaces.api.addresses import Name
from holdfast.interfaces.api.refusals import Missing
from holdfast.interfaces.application import Application
from holdfast.interfaces.shapes import preparation as shapes
from holdfast.prepare import versions
from holdfast.prepare.terms import Function
from holdfast.prepare.versions import PlaybookVersion
from holdfast.problems import NotAllowed

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


def _version(app: Application, version: str) -> PlaybookVersion:
    try:
        return versions.find_playbook(app.ledger, version)
    except NotAllowed as unknown:
        raise Missing(str(unknown)) from None
