"""The ledger: entries as stored, proofs, checkpoints, and the result of the check.

Hashes are hex, stored bytes base64. With `leaf`, `proof` and a checkpoint's signature anybody can verify
an entry without trusting this server: c2sp.org/tlog-checkpoint and RFC 9162, section 2.1.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Select, select

from holdfast import clock
from holdfast.ledger import sealing, tables, tiles
from holdfast.ledger.check import NOT_SHOWN
from holdfast.ledger.events import LedgerAnchored
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.timekeeping import LedgerClock, Step
from holdfast.ledger.verdict import Checked as LastCheck
from holdfast.problems import NotAllowed, NotThere
from holdfast.shapes.base import Shown
from holdfast_verify.tree import consistency_proof, inclusion_proof


class Who(Shown):
    id: str
    name: str
    kind: Literal["person", "system", "agent"]


class FactShown(Shown):
    """One entry of the ledger."""

    seq: int
    type: str
    stream: str
    stream_seq: int
    recorded_at: datetime
    by: Who
    data: dict[str, Any]
    leaf_hash: str


class Facts(Shown):
    facts: tuple[FactShown, ...]
    size: int
    """How many entries the ledger holds."""


class Proof(Shown):
    """What shows that an entry is under a signed checkpoint."""

    seq: int
    leaf: str
    """The entry's header, the exact bytes that are hashed."""
    leaf_hash: str
    payload: str
    """The entry's content, the exact bytes that the header commits to."""
    salt: str
    size: int
    """Of the tree the proof leads to."""
    root: str
    proof: tuple[str, ...]
    """Inclusion proof, RFC 9162 section 2.1.3, from leaf to root."""
    checkpoint: str
    """The signed note over this tree."""


class Consistency(Shown):
    """What shows that a tree begins with an older one."""

    old: int
    new: int
    proof: tuple[str, ...]


class CheckpointShown(Shown):
    origin: str
    size: int
    root: str
    sealed_at: datetime
    note: str
    """The signed note: what to give to somebody who is to hold you to it."""
    verifier_key: str
    appended: int
    """Entries appended so far; those beyond `size` are not sealed yet."""


class Checked(Shown):
    """The result of one check of the ledger, as it is kept."""

    holds: bool
    verdict: Literal["holds", "does not hold", "cannot say"]
    at: datetime | None
    """None where what was kept of the last check cannot be read."""
    by: Who
    facts: int
    sealed: int
    """How many of them the newest checkpoint covers that was found to hold."""
    checkpoints: int
    anchored: int
    """Checkpoints kept outside the database."""
    elsewhere: int
    """Checkpoints kept by somebody else that were compared."""
    projection_tables: int
    inspected: tuple[str, ...]
    """What else was compared with the facts."""
    problems: tuple[str, ...]
    unknown: tuple[str, ...]
    """Why it cannot be said, and how to go on."""
    not_shown: str
    """What no check from inside can show."""
    unrecorded: str
    """Why the check is no fact of the ledger; empty when it is."""


class Anchored(Shown):
    checkpoints: int
    size: int
    was: tuple[str, ...]
    """What was missing."""


class ClockShown(Shown):
    machine: datetime
    ledger: datetime
    """What the ledger goes by: never behind its newest fact."""
    newest: datetime | None
    step: str
    """The jump that waits to be confirmed; empty while the clock goes on evenly."""


def facts(ledger: Ledger, after: int, limit: int, type_: str = "", stream: str = "") -> Facts:
    """Entries behind position `after`, oldest first; of one type or stream where one is named."""
    query = _rows().where(tables.facts.c.seq > after)
    if type_:
        query = query.where(tables.facts.c.type == type_)
    if stream:
        query = query.where(tables.facts.c.stream == stream)
    with ledger.reading() as conn:
        rows = conn.execute(query.order_by(tables.facts.c.seq).limit(limit)).all()
    return Facts(facts=tuple(_fact(row) for row in rows), size=ledger.size())


def fact(ledger: Ledger, seq: int) -> FactShown:
    """Raises NotThere."""
    with ledger.reading() as conn:
        return _fact(_row(conn, seq))


def prove(ledger: Ledger, seq: int) -> Proof:
    """The proof that entry `seq` is under the newest checkpoint. Raises NotThere."""
    with ledger.reading() as conn:
        row, sealed = _row(conn, seq), sealing.newest(conn)
        if sealed is None or sealed.size <= seq:
            raise NotThere(f"entry {seq} is appended and not sealed yet; ask again in a moment")
        path = inclusion_proof(seq, sealed.size, tiles.node_reader(conn))
    return Proof(
        seq=seq,
        leaf=_base64(row.leaf),
        leaf_hash=bytes(row.leaf_hash).hex(),
        payload=_base64(row.payload),
        salt=_base64(row.salt),
        size=sealed.size,
        root=sealed.root.hex(),
        proof=tuple(node.hex() for node in path),
        checkpoint=sealed.note,
    )


def consistency(ledger: Ledger, old: int, new: int) -> Consistency:
    """The proof that the tree of `new` entries begins with that of `old`. Raises NotAllowed."""
    with ledger.reading() as conn:
        sealed = sealing.newest_size(conn)
        if not 0 < old <= new <= sealed:
            raise NotAllowed(
                f"a proof leads from 1 or more entries to at most {sealed}, which are sealed; "
                f"{old} to {new} does not"
            )
        path = consistency_proof(old, new, tiles.node_reader(conn))
    return Consistency(old=old, new=new, proof=tuple(node.hex() for node in path))


def checkpoint(ledger: Ledger, verifier_key: str) -> CheckpointShown:
    """The newest one. Raises NotThere before the first."""
    with ledger.reading() as conn:
        sealed = sealing.newest(conn)
    if sealed is None:
        raise NotThere("nothing is sealed yet; a running worker seals what is recorded")
    return CheckpointShown(
        origin=sealed.checkpoint.origin,
        size=sealed.size,
        root=sealed.root.hex(),
        sealed_at=sealed.at,
        note=sealed.note,
        verifier_key=verifier_key,
        appended=ledger.size(),
    )


def checked(done: LastCheck) -> Checked:
    found = done.found
    return Checked(
        holds=found.verdict == "holds",
        verdict=found.verdict,
        at=done.at,
        by=Who(id=done.by.id, name=done.by.name, kind=done.by.kind),
        facts=found.facts,
        sealed=found.sealed,
        checkpoints=found.checkpoints,
        anchored=found.anchored,
        elsewhere=found.elsewhere,
        projection_tables=found.projection_tables,
        inspected=found.inspected,
        problems=found.problems,
        unknown=found.unknown,
        not_shown=NOT_SHOWN,
        unrecorded=done.unrecorded,
    )


def last_check(done: LastCheck | None) -> Checked:
    """Raises NotThere before the first."""
    if done is None:
        raise NotThere("the ledger was never checked; a running worker does, or whoever has it checked")
    return checked(done)


def anchored(told: LedgerAnchored) -> Anchored:
    return Anchored(checkpoints=told.checkpoints, size=told.size, was=told.was)


def clock_shown(watched: LedgerClock, step: Step | None) -> ClockShown:
    return ClockShown(
        machine=watched.machine,
        ledger=watched.now(),
        newest=watched.ledger.last_at(),
        step=str(step) if step else "",
    )


def _rows() -> Select[Any]:
    return select(tables.facts)


def _row(conn: Connection, seq: int) -> Any:
    row = conn.execute(_rows().where(tables.facts.c.seq == seq)).first()
    if row is None:
        raise NotThere(f"the ledger holds no entry {seq}")
    return row


def _fact(row: Any) -> FactShown:
    payload = json.loads(bytes(row.payload))
    return FactShown(
        seq=row.seq,
        type=row.type,
        stream=row.stream,
        stream_seq=row.stream_seq,
        recorded_at=clock.parse(row.recorded_at),
        by=Who(**payload["by"]),
        data=payload["data"],
        leaf_hash=bytes(row.leaf_hash).hex(),
    )


def _base64(stored: bytes) -> str:
    return base64.b64encode(bytes(stored)).decode()
