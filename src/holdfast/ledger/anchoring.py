"""Going on after what is kept outside the database was lost: on the record, and only where the rest holds."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from holdfast import clock
from holdfast.ledger import tables
from holdfast.ledger.anchor import Anchor, Kept, Memory, Sealed
from holdfast.ledger.check import check
from holdfast.ledger.events import STREAM, LedgerAnchored
from holdfast.ledger.ledger import Ledger
from holdfast.people import Actor
from holdfast.problems import NotAllowed
from holdfast_verify import note
from holdfast_verify.checkpoint import Checkpoint


def anchor_anew(
    ledger: Ledger,
    key: note.VerifierKey,
    anchor: Anchor,
    memory: Memory,
    reason: str,
    by: Actor,
    at: datetime,
) -> LedgerAnchored:
    """Write the anchor, or the key's memory, anew from the checkpoints in the database.

    Raises NotAllowed where nothing is missing, or where something else does not hold.
    """
    if not reason.strip():
        raise NotAllowed("say why: what happened to what was kept outside the database")
    report = check(ledger, key, anchor, memory=memory)
    if report.problems:
        raise NotAllowed(f"the ledger does not hold, and is not to be anchored so: {report.problems[0]}")
    if not report.unknown:
        raise NotAllowed(f"nothing is missing: {anchor.path.name} and {memory.path.name} are there")
    with ledger.reading() as conn:
        rows = conn.execute(select(tables.checkpoints).order_by(tables.checkpoints.c.size)).all()
    held = [Sealed(row.size, row.note, clock.parse(row.sealed_at)) for row in rows]
    told = LedgerAnchored(
        reason=reason.strip(),
        checkpoints=len(held),
        size=held[-1].size if held else 0,
        was=tuple(report.unknown),
    )
    # The fact first: what is written outside without it would look as if it had always been there.
    ledger.tell(STREAM, told, by=by, at=at)
    if anchor.missing and held:
        anchor.write_anew(held)
    if memory.missing:
        memory.keep(key, Kept(len(held), held[-1] if held else None))
    return told


def kept_elsewhere(path: Path) -> list[Sealed]:
    """Checkpoints that somebody else has kept: a copy of checkpoints.jsonl, or one signed note.

    Raises NotAllowed where the file holds neither.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise NotAllowed(f"{path} cannot be read: {error.strerror}") from error
    if raw.lstrip().startswith(b"{"):
        found = list(Anchor(path).lines())
        for wrong in found:
            if isinstance(wrong, str):
                raise NotAllowed(wrong)
        return [one for one in found if isinstance(one, Sealed)]
    try:
        text, _ = note.parse(raw)
        size = Checkpoint.parse(text).size
        return [Sealed(size, raw.decode(), clock.SystemClock().now())]
    except ValueError as error:
        raise NotAllowed(
            f"{path} holds no checkpoint ({error}); name a copy of checkpoints.jsonl, or a signed checkpoint"
        ) from error
