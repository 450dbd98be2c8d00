"""The playbook as a document people read, its signatures, and what changed between versions
(R-PRE-02, R-PRE-05, R-PRE-08)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Response

from holdfast.interfaces.web.access import Visit, takes, visit
from holdfast.interfaces.web.errors import status_of
from holdfast.interfaces.web.typed import NOTHING, Typed, refuse, typed
from holdfast.ledger.facts import Recorded
from holdfast.people import Permission
from holdfast.prepare import promises, versions
from holdfast.prepare.changes import Change, Signature
from holdfast.prepare.documents import Unusable
from holdfast.prepare.events import PlaybookReviewed
from holdfast.prepare.playbook import Playbook
from holdfast.prepare.roster import Who
from holdfast.prepare.terms import Function, Severity
from holdfast.prepare.versions import PlaybookVersion
from holdfast.problems import NotAllowed
from holdfast.shapes.preparation import Reviewed
from holdfast.steps import playbook as steps
from holdfast.steps.asking import named

router = APIRouter()

_LISTED = 20


@router.get("/playbook")
def playbook(visit: visit, version: str = "") -> Response:
    """The version in force, or the one that `version` names by its content hash or the beginning of it."""
    return _playbook(visit, version, NOTHING)


def _playbook(visit: Visit, version: str, form: Typed, status: int = 200) -> Response:
    ledger = visit.application.ledger
    known = versions.playbook_versions_of(ledger)
    active = next((one for one in known if one.state == "active"), None)
    waiting = next((one for one in known if one.state == "proposed"), None)
    shown = _named(known, version) if version else active or waiting
    document, unreadable = _document(shown)
    return visit.page(
        "pages/playbook.html",
        "playbook",
        status=status,
        shown=shown,
        active=active,
        waiting=waiting,
        playbook=document,
        unreadable=unreadable,
        mine=_mine(visit, shown),
        signers=_signers(visit),
        changes=[(one, _mine_of(visit, one.proposed.sign_off, one.signed)) for one in _waiting(visit)],
        reviews=[one for one in versions.reviews_of(ledger) if shown and _is_of(one, shown)],
        reviewing=_reviewing(visit, shown, document),
        who=who_said,
        promised=_Promised(document) if document else None,
        typed=form,
    )


@dataclass(frozen=True, slots=True)
class _Promised:
    """What the severities of a playbook promise, as a table."""

    playbook: Playbook

    @property
    def columns(self) -> list[tuple[str, str]]:
        return [("Severity", ""), *((row.done, "num") for row in promises.TABLE.values())]

    def of(self, severity: Severity) -> list[tuple[str, str]]:
        found = ((row, row.within(self.playbook, severity)) for row in promises.TABLE.values())
        return [(row.done.lower(), promises.words(length) if length else "") for row, length in found]


def _named(known: Sequence[PlaybookVersion], version: str) -> PlaybookVersion:
    for one in known:
        if len(version) >= 8 and one.content.startswith(version.lower()):
            return one
    raise HTTPException(404)


def _document(version: PlaybookVersion | None) -> tuple[Playbook | None, str]:
    """The typed document, and why there is none."""
    if version is None:
        return None, ""
    try:
        return version.playbook, ""
    except Unusable as problem:
        return None, str(problem)


def _mine(visit: Visit, version: PlaybookVersion | None) -> list[Function]:
    """Functions whose signature is missing and that the reader may sign for."""
    roster = versions.active_roster(visit.application.ledger)
    if version is None or version.state != "proposed" or roster is None:
        return []
    if not visit.may(Permission.APPROVE_PLAYBOOK):
        return []
    signed = {one.function: Signature(one.person, one.name, one.at) for one in version.approvals}
    return _mine_of(visit, version.missing, signed)


def _mine_of(
    visit: Visit, wanted: Iterable[Function], signed: Mapping[Function, Signature]
) -> list[Function]:
    """Of the functions that have to sign, those that the reader still may: they hold it, and have signed
    for no other."""
    roster = versions.active_roster(visit.application.ledger)
    already = any(one.person == visit.actor.id for one in signed.values())
    if roster is None or already or not visit.may(Permission.APPROVE_PLAYBOOK):
        return []
    return [one for one in wanted if one not in signed and roster.model.may_sign(visit.actor.id, one)]


def to_sign(visit: Visit) -> Iterator[tuple[str, str, list[Function]]]:
    """What waits for signatures of the reader: its name, its address, and for which functions."""
    known = versions.playbook_versions_of(visit.application.ledger)
    if version := next((one for one in known if one.state == "proposed"), None):
        yield f"version {version.version}", f"/playbook/versions/{version.content}", _mine(visit, version)
    for one in _waiting(visit):
        mine = _mine_of(visit, one.proposed.sign_off, one.signed)
        yield one.id, f"/playbook/changes/{one.id}", mine


def _signers(visit: Visit) -> Mapping[Function, list[str]]:
    """Who of the roster in force may sign for each function, by name."""
    roster = versions.active_roster(visit.application.ledger)
    return {one: [who.name for who in roster.model.signers(one)] if roster else [] for one in Function}


def _waiting(visit: Visit) -> list[Change]:
    return [one for one in versions.changes_of(visit.application.ledger) if one.state == "proposed"]


def _is_of(review: Recorded, version: PlaybookVersion) -> bool:
    return isinstance(review.fact, PlaybookReviewed) and review.fact.content == version.content


def _reviewing(visit: Visit, version: PlaybookVersion | None, document: Playbook | None) -> bool:
    """Whether the reader may say that the version in force was reviewed and stays."""
    roster = versions.active_roster(visit.application.ledger)
    if roster is None or version is None or document is None or version.state != "active":
        return False
    signs = any(roster.model.may_sign(visit.actor.id, one) for one in version.sign_off)
    return visit.may(Permission.APPROVE_PLAYBOOK) and (signs or visit.actor.id == document.owner)


def who_said(who: Who) -> str:
    """The people a part of the playbook speaks of, in words."""
    parts = [role.value.replace("_", " ") for role in who.roles] + list(who.titles)
    if who.on_call:
        parts.append("whoever is on call")
    return ", ".join(parts)


@router.get("/playbook/versions")
def history(visit: visit, version: str = "", page: int = 1) -> Response:
    """Every version, and what one of them changed against the one before it."""
    known = versions.playbook_versions_of(visit.application.ledger)
    chosen = _named(known, version) if version else (known[0] if known else None)
    before = None
    if chosen:
        place = known.index(chosen)
        before = known[place + 1] if place + 1 < len(known) else None
    last = max(1, -(-len(known) // _LISTED))
    number = min(max(page, 1), last)
    return visit.page(
        "pages/playbook_versions.html",
        "playbook",
        versions=known[(number - 1) * _LISTED : number * _LISTED],
        total=len(known),
        number=number,
        last=last,
        size=_LISTED,
        chosen=chosen,
        before=before,
    )


@router.post("/playbook/changes/{change}/approvals", **takes(steps.sign_change))
def approve_change(visit: visit, change: str, form: typed) -> Response:
    """Sign a change of limits or authority for one function; the last signature puts it in force."""
    try:
        steps.sign_change(visit.call, change, named(Function, "function", form.text("function")))
    except NotAllowed as refused:
        return _playbook(visit, "", refuse(visit, form, "change", refused), status_of(refused))
    signed = versions.require_change(visit.application.ledger, change)
    missing = ", ".join(one.label.lower() for one in signed.open)
    if missing:
        visit.notice("Signed.", f"Still missing: {missing}.")
    else:
        visit.notice("Signed, and in force.", f"{change} counts from now on.")
    return visit.back("/playbook")


@router.post("/playbook/reviews", **takes(steps.review))
def review(visit: visit, form: typed) -> Response:
    """The regular review left the version in force as it is."""
    try:
        steps.review(visit.call, form.read(Reviewed))
    except NotAllowed as refused:
        return _playbook(visit, "", refuse(visit, form, "note", refused), status_of(refused))
    visit.notice("The review is on the record.")
    return visit.back("/playbook")


@router.post("/playbook/versions/{version}/approvals", **takes(steps.sign))
def approve(visit: visit, version: str, form: typed) -> Response:
    """Sign a version for one function; the last required signature puts it in force."""
    try:
        content = steps.sign(visit.call, version, named(Function, "function", form.text("function")))
    except NotAllowed as refused:
        return _playbook(visit, version, refuse(visit, form, "sign", refused), status_of(refused))
    signed = versions.playbook_version(visit.application.ledger, content)
    if signed and signed.state == "active":
        visit.notice("Signed, and in force.", f"New incidents run under version {signed.version}.")
    else:
        missing = ", ".join(one.label.lower() for one in signed.missing) if signed else ""
        visit.notice("Signed.", f"Still missing: {missing}." if missing else "")
    return visit.back(f"/playbook?version={quote(content)}")
