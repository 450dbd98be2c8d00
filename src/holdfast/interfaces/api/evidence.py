"""Evidence: what is held, taking more in, giving bytes out under custody, checking them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import StreamingResponse

from holdfast.evidence import custody
from holdfast.evidence.capture import LARGEST_SENT, LONGEST_NAME, LONGEST_SOURCE, LONGEST_TITLE, Found
from holdfast.evidence.events import Kind
from holdfast.incident.loading import load
from holdfast.interfaces.api import files
from holdfast.interfaces.api.access import App, Caller, Now, Responds
from holdfast.interfaces.api.addresses import EvidenceId, IncidentId
from holdfast.problems import form
from holdfast.shapes import evidence as shapes
from holdfast.shapes.base import Storable
from holdfast.wording import filesize

router = APIRouter(prefix="/incidents/{incident}/evidence", tags=["evidence"])

LARGEST_FILE = LARGEST_SENT
BYTES = "application/octet-stream"
_NAME = form(r"^[^/\\\x00-\x1f]+$", "leave out slashes and control characters")
FileName = Annotated[Storable, Query(min_length=1, max_length=LONGEST_NAME, pattern=_NAME)]
Title = Annotated[Storable, Query(min_length=1, max_length=LONGEST_TITLE)]
Where = Annotated[Storable, Query(min_length=1, max_length=LONGEST_SOURCE)]


@router.get("", summary="What is held, and what could not be preserved")
def list_evidence(app: App, who: Caller, now: Now, incident: IncidentId) -> shapes.Evidence:
    """The look is recorded, as is a refusal."""
    load(app.ledger, incident)
    return shapes.held(incident, custody.listing(app.ledger, incident, who=who, at=now))


async def _sent(request: Request, who: Responds, app: App) -> AsyncIterator[Path]:
    """The file sent, kept aside until it is in the vault. Raises HTTPException for one that is too large."""
    size = 0
    with app.vault.workplace() as folder:
        path = folder / "sent"
        with path.open("wb") as file:
            async for chunk in request.stream():
                size += len(chunk)
                if size > LARGEST_FILE:
                    raise HTTPException(
                        413,
                        f"the file is larger than {filesize(LARGEST_FILE)}; add it on the server with "
                        "`holdfast evidence add`",
                        {"Connection": "close"},
                    )
                file.write(chunk)
        yield path


@router.post("", status_code=201, summary="Take one more file in", openapi_extra=files.sent(BYTES))
def add(
    app: App,
    who: Responds,
    now: Now,
    incident: IncidentId,
    kind: Kind,
    title: Title,
    name: FileName,
    source: Where,
    sent: Annotated[Path, Depends(_sent)],
) -> shapes.EvidenceItem:
    """The body is the file itself. `source` says where it was taken from, `name` what it is called."""
    if not sent.stat().st_size:
        raise HTTPException(422, "the file is empty; send its bytes as the body")
    found = Found(kind, title, name, sent, source)
    return shapes.item(app.desk.keep(incident, found, by=who.actor, at=now))


@router.get(
    "/{item}/content",
    summary="The bytes of one item; the access is recorded before the first of them leaves",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            "description": "The file",
        }
    },
)
def content(app: App, who: Caller, now: Now, incident: IncidentId, item: EvidenceId) -> StreamingResponse:
    load(app.ledger, incident)
    found, blocks = custody.hand_out(app.ledger, app.vault, incident, item, who=who, at=now)
    # Always a download of bytes: evidence may hold a hostile page.
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name, safe='')}",
        "Content-Length": str(found.size),
        "Content-Security-Policy": "sandbox",
        "X-Content-SHA256": found.sha256,
    }
    return StreamingResponse(blocks, media_type=BYTES, headers=headers)


@router.post("/verifications", status_code=201, summary="Hash every item again and record the result")
def verify(app: App, who: Caller, now: Now, incident: IncidentId) -> shapes.Verified:
    load(app.ledger, incident)
    return shapes.verified(custody.check(app.ledger, app.vault, incident, who=who, at=now))
