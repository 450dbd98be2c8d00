"""The audit pack of an incident: what it will hold, those built before, and the download.

Building records who took the evidence out, so it is asked for by a button and never by opening a page.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from holdfast.audit import events
from holdfast.audit.events import PackAssembled
from holdfast.audit.packing import build_pack, policy_of
from holdfast.evidence import custody
from holdfast.incident import loading
from holdfast.interfaces.web.access import visit
from holdfast.ledger.facts import Recorded
from holdfast.people import Permission
from holdfast.scratch import PACK, Scratch

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Built:
    """A pack that was built before."""

    recorded: Recorded
    fact: PackAssembled

    @property
    def size(self) -> int:
        return sum(member.size for member in self.fact.members)


@router.get("/incidents/{incident}/pack")
def pack(visit: visit, incident: str) -> Response:
    """What a pack holds, and which were built."""
    visit.require(Permission.BUILD_PACK)
    ledger = visit.application.ledger
    state = loading.load(ledger, incident).state
    evidence = ledger.stream(custody.stream_of(incident)).events
    built = [
        Built(one, one.fact)
        for one in reversed(ledger.stream(events.stream_of(incident)).facts)
        if isinstance(one.fact, PackAssembled)
    ]
    return visit.page(
        "pages/pack.html",
        "incidents",
        state=state,
        items=custody.items(evidence),
        gaps=custody.gaps(evidence),
        built=built,
        origin=ledger.origin,
        key=str(visit.application.verifier_key),
    )


@router.post("/incidents/{incident}/pack")
def build(visit: visit, incident: str) -> Response:
    """Build a pack and hand it out; it is deleted here once it is sent."""
    visit.require(Permission.BUILD_PACK)
    ledger = visit.application.ledger
    state = loading.load(ledger, incident).state
    custody.permit(ledger, incident, custody.WHOLE, who=visit.signed_in, at=visit.now)
    folder = Scratch(PACK)
    try:
        target = folder.path / f"{state.id}.zip"
        build_pack(visit.application, incident, target, by=visit.actor, at=visit.now)
    except BaseException:
        folder.close()
        raise
    headers = {
        "Content-Disposition": f'attachment; filename="{target.name}"',
        "Content-Length": str(target.stat().st_size),
    }
    return StreamingResponse(folder.sent(target), media_type="application/zip", headers=headers)


@router.get("/incidents/{incident}/pack/policy")
def policy(visit: visit, incident: str) -> Response:
    """What an auditor verifies packs of this ledger by."""
    visit.require(Permission.BUILD_PACK)
    loading.load(visit.application.ledger, incident)
    name = quote(f"{visit.application.ledger.origin.replace('/', '-')}.policy", safe="")
    headers = {"Content-Disposition": f"attachment; filename=\"policy.txt\"; filename*=UTF-8''{name}"}
    return Response(policy_of(visit.application), media_type="text/plain", headers=headers)
