"""The ledger: entries, proofs, checkpoint, check."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from holdfast.interfaces.api.access import App, ReadsLedger
from holdfast.interfaces.api.addresses import Filter, Limit, Seq
from holdfast.shapes import record as shapes

router = APIRouter(prefix="/ledger", tags=["ledger"])
Size = Annotated[int, Query(ge=1, le=2**53)]


@router.get("/facts", summary="Entries in order")
def list_facts(
    app: App,
    who: ReadsLedger,
    after: Annotated[int, Query(ge=-1, le=2**53)] = -1,
    limit: Limit = 100,
    type: Filter = "",  # noqa: A002 - the name in the address
    stream: Filter = "",
) -> shapes.Facts:
    return shapes.facts(app.ledger, after, limit, type, stream)


@router.get("/facts/{seq}", summary="One entry")
def fact(app: App, who: ReadsLedger, seq: Seq) -> shapes.FactShown:
    return shapes.fact(app.ledger, seq)


@router.get("/facts/{seq}/proof", summary="What shows that it is under a signed checkpoint")
def proof(app: App, who: ReadsLedger, seq: Seq) -> shapes.Proof:
    return shapes.prove(app.ledger, seq)


@router.get("/consistency", summary="What shows that one tree begins with an older one")
def consistency(app: App, who: ReadsLedger, old: Size, new: Size) -> shapes.Consistency:
    return shapes.consistency(app.ledger, old, new)


@router.get("/checkpoint", summary="The newest signed checkpoint")
def checkpoint(app: App, who: ReadsLedger) -> shapes.CheckpointShown:
    return shapes.checkpoint(app.ledger, str(app.verifier_key))


@router.post("/checks", summary="Rebuild everything from stored bytes and compare")
def check(app: App, who: ReadsLedger) -> shapes.Checked:
    """Reads the whole ledger; on a large one this takes minutes. The result is a fact of the ledger, and is
    kept until the next check."""
    return shapes.checked(app.check_on_record(who.actor))


@router.get("/checks/latest", summary="What the last check found")
def last_check(app: App, who: ReadsLedger) -> shapes.Checked:
    return shapes.last_check(app.checks.last())
