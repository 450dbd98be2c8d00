"""Audit packs: an incident as one file that anybody can verify offline."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse, StreamingResponse

from holdfast.access.signed_in import SignedIn
from holdfast.audit.packing import build_pack, policy_of
from holdfast.evidence import custody
from holdfast.incident.loading import load
from holdfast.interfaces.api.access import App, May, Now, ReadsLedger
from holdfast.interfaces.api.addresses import IncidentId
from holdfast.people import Permission
from holdfast.scratch import PACK, Scratch

router = APIRouter(tags=["audit packs"])
ZIP = "application/zip"
Packs = Annotated[SignedIn, Depends(May(Permission.BUILD_PACK))]


@router.post(
    "/incidents/{incident}/packs",
    status_code=201,
    summary="Build the audit pack of an incident and hand it out",
    response_class=StreamingResponse,
    responses={
        201: {
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
            "description": "The pack, verified",
        }
    },
)
def build(app: App, who: Packs, now: Now, incident: IncidentId) -> StreamingResponse:
    """Who took the evidence out is on the record. Verify it with `holdfast-verify` and the policy."""
    load(app.ledger, incident)
    custody.permit(app.ledger, incident, custody.WHOLE, who=who, at=now)
    folder = Scratch(PACK)
    try:
        target = folder.path / f"{incident}.zip"
        build_pack(app, incident, target, by=who.actor, at=now)
    except BaseException:
        folder.close()
        raise
    headers = {
        "Content-Disposition": f'attachment; filename="{target.name}"',
        "Content-Length": str(target.stat().st_size),
    }
    return StreamingResponse(folder.sent(target), 201, headers, media_type=ZIP)


@router.get(
    "/ledger/policy",
    summary="What an auditor verifies packs of this ledger by",
    response_class=PlainTextResponse,
)
def policy(app: App, who: ReadsLedger) -> PlainTextResponse:
    """Compare the key with what you were told on another way."""
    return PlainTextResponse(policy_of(app))
