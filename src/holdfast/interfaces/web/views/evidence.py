"""Evidence: what is held for an incident, who touched it, and whether it still is what was taken in.

Only people with READ_EVIDENCE see any of it. Every access, also a refused one, is on the ledger before the
first byte leaves (R-EVD-06).
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Connection
from starlette.datastructures import UploadFile

from holdfast.evidence import custody
from holdfast.evidence.capture import LARGEST_SENT, Found
from holdfast.evidence.events import EvidenceAccessed, EvidenceVerified, Kind
from holdfast.evidence.vault import VaultProblem
from holdfast.incident import loading
from holdfast.incident.incident import Incident
from holdfast.interfaces.web import lists
from holdfast.interfaces.web.access import Forbidden, Visit, visit
from holdfast.interfaces.web.typed import NOTHING, Typed, Wrong, refuse, typed
from holdfast.ledger.facts import Recorded
from holdfast.ledger.ledger import Ledger
from holdfast.people import Permission
from holdfast.problems import NoAuthority, NotAllowed
from holdfast.wording import filesize, plural

router = APIRouter()

LARGEST_UPLOAD = LARGEST_SENT
_LONGEST_NAME = 120
_EVENTS = 25
_ASKED_FOR = re.compile(r"EV-[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Held:
    """What one incident holds, in figures."""

    incident: Incident
    items: int
    size: int
    gaps: int
    verified: EvidenceVerified | None
    verified_at: datetime | None
    """When its bytes were last hashed again."""


# Reading -----------------------------------------------------------------------------------------


@router.get("/evidence")
def everything(visit: visit, page: int = 1) -> Response:
    """The evidence of every incident, those running first."""
    ledger = visit.application.ledger
    with _for_the_reader():
        custody.overview(ledger, who=visit.signed_in, at=visit.now, again=visit.live)
    with ledger.reading() as conn:
        found = lists.incidents(conn, lists.bounded(page))
    return visit.page(
        "pages/evidences.html",
        "evidence",
        found=found,
        held=[_held(ledger, incident) for incident in found.entries],
        turn=found.addresses("/evidence"),
    )


def _held(ledger: Ledger, incident: Incident) -> Held:
    listed = custody.held(ledger, incident.id)
    with ledger.reading() as conn:
        last = _last_verification(conn, incident.id)
    return Held(
        incident,
        len(listed.items),
        listed.size,
        len(listed.gaps),
        last.fact if last and isinstance(last.fact, EvidenceVerified) else None,
        last.at if last else None,
    )


def _last_verification(conn: Connection, incident: str) -> Recorded | None:
    return lists.newest_of_type(conn, custody.custody_of(incident), EvidenceVerified.type)


@router.get("/incidents/{incident}/evidence")
def evidence(visit: visit, incident: str, before: int | None = None) -> Response:
    return _evidence(visit, incident, NOTHING, lists.position(before))


def _evidence(
    visit: Visit, incident: str, form: Typed, before: int | None = None, status: int = 200
) -> Response:
    ledger = visit.application.ledger
    state = loading.load(ledger, incident).state
    with _for_the_reader():
        listed = custody.listing(ledger, incident, who=visit.signed_in, at=visit.now, again=visit.live)
    with ledger.reading() as conn:
        events = lists.newest_of_stream(conn, custody.custody_of(incident), before, _EVENTS)
        verified = _last_verification(conn, incident)
    older = events[-1].stream_seq if events and events[-1].stream_seq > 0 else None
    return visit.page(
        "pages/evidence.html",
        "incidents",
        status=status,
        state=state,
        items=listed.items,
        gaps=listed.gaps,
        size=listed.size,
        added=listed.added,
        events=events,
        older=older,
        newest_shown=before is None,
        said=event_said,
        verified=verified,
        kinds=[(kind.value, kind.label.capitalize()) for kind in Kind],
        largest=filesize(LARGEST_UPLOAD),
        typed=form,
    )


def event_said(recorded: Recorded) -> tuple[str, str, str]:
    """A custody event as tone, title and detail."""
    fact = recorded.fact
    if isinstance(fact, EvidenceAccessed):
        if fact.how == "refused":
            return "bad", f"{fact.item}: access refused", fact.reason
        if fact.how == "listed":
            return "plain", f"The list of {fact.item} was looked at", fact.reason
        how = {"download": "downloaded", "pack": "put into an audit pack"}.get(fact.how, fact.how)
        return "plain", f"{fact.item} {how}", fact.reason
    if isinstance(fact, EvidenceVerified):
        if fact.problems:
            return "bad", "Does not match its record", "; ".join(fact.problems)
        return "good", f"Verified: {plural(fact.items, 'item')} match their hashes", ""
    line = fact.line()
    return "plain", line.title if line else fact.type, line.detail if line else ""


@contextmanager
def _for_the_reader() -> Iterator[None]:
    """Nobody else has to decide anything: who may not look is told so."""
    try:
        yield
    except NoAuthority as refused:
        raise Forbidden(str(refused)) from refused


# Handing out -------------------------------------------------------------------------------------


@router.get("/incidents/{incident}/evidence/{item}")
def download(visit: visit, incident: str, item: str) -> Response:
    """The bytes of one item, as a file to keep and never as a page to show."""
    application = visit.application
    loading.load(application.ledger, incident)
    if not _ASKED_FOR.fullmatch(item):
        raise custody.NoSuchItem(f"{incident} has no evidence of that name; items are called EV-1, EV-2, …")
    with _for_the_reader():
        found, blocks = custody.hand_out(
            application.ledger, application.vault, incident, item, who=visit.signed_in, at=visit.now
        )
    headers = {
        "Content-Disposition": disposition(found.name),
        "Content-Length": str(found.size),
        # Whatever the bytes are, no browser may run them with our rights.
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Digest": f"sha-256=:{found.sha256}:",
    }
    return StreamingResponse(blocks, media_type="application/octet-stream", headers=headers)


def disposition(name: str) -> str:
    """`Content-Disposition` for a download of this name (RFC 6266): no path, no quotes, no line breaks."""
    safe = safe_name(name)
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", safe)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"


def safe_name(name: str) -> str:
    """The last part of a file name, without anything a file system or a header could take otherwise."""
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(letter for letter in last if letter.isprintable() and letter not in '<>:"|?*')
    return kept.strip(" .")[-_LONGEST_NAME:] or "evidence"


# Steps -------------------------------------------------------------------------------------------


@router.post("/incidents/{incident}/evidence/verification")
def verify(visit: visit, incident: str) -> Response:
    """Hash every item again and compare with the record; whoever may read evidence may ask for that."""
    application = visit.application
    loading.load(application.ledger, incident)
    with _for_the_reader():
        found = custody.check(
            application.ledger, application.vault, incident, who=visit.signed_in, at=visit.now
        )
    if found.problems:
        visit.notice("Evidence does not match its record.", " ".join(found.problems), "bad")
    else:
        visit.notice(f"All {plural(found.items, 'item')} match their hashes.")
    return visit.back(f"/incidents/{quote(incident)}/evidence")


@router.post("/incidents/{incident}/evidence")
def add(visit: visit, incident: str, form: typed) -> Response:
    """Take one more file in."""
    visit.require(Permission.RESPOND)
    application = visit.application
    try:
        with application.vault.workplace() as folder:
            found = _found(form, folder, visit.actor.name)
            item = application.desk.keep(incident, found, by=visit.actor, at=visit.now)
    except (NotAllowed, VaultProblem) as refused:
        why = refused if isinstance(refused, NotAllowed) else NotAllowed(str(refused))
        return _evidence(visit, incident, refuse(visit, form, "add", why), status=422)
    visit.notice(f"{item.item} is in the vault.", f"{filesize(item.size)}, SHA-256 {item.sha256}.")
    return visit.back(f"/incidents/{quote(incident)}/evidence")


def _found(form: Typed, folder: Path, who: str) -> Found:
    """What was sent, copied to a file of its own. Raises Wrong."""
    sent = form.files.get("file")
    if sent is None or not sent.filename:
        raise Wrong("file", "Choose the file to keep.")
    if not form.text("title"):
        raise Wrong("title", "Say what it is: the name of a file rarely does.")
    try:
        kind = Kind(form.text("kind"))
    except ValueError:
        raise Wrong("kind", "Choose what kind of evidence it is.") from None
    path = folder / "sent"
    _copy(sent, path)
    return Found(
        kind=kind,
        title=form.text("title"),
        name=safe_name(sent.filename),
        content=path,
        source=form.text("source") or f"added by {who}",
        media_type=_media_type(sent.content_type),
    )


def _copy(sent: UploadFile, path: Path) -> None:
    """Raises Wrong for a file that is empty or larger than the limit."""
    if sent.size is not None and sent.size > LARGEST_UPLOAD:
        raise _too_large()
    with path.open("wb") as target:
        shutil.copyfileobj(sent.file, target)
    if path.stat().st_size > LARGEST_UPLOAD:
        raise _too_large()
    if not path.stat().st_size:
        raise Wrong("file", "The file is empty: there is nothing to keep.")


def _too_large() -> Wrong:
    limit = filesize(LARGEST_UPLOAD)
    return Wrong("file", f"The file is larger than {limit}; add it on the command line instead.")


def _media_type(said: str | None) -> str:
    """What the browser called it, where that is a media type at all; it is never served as such."""
    found = said or ""
    return found if re.fullmatch(r"[\w.+-]{1,60}/[\w.+-]{1,60}", found) else "application/octet-stream"
