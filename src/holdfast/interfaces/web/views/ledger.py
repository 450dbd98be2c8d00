"""The ledger itself: what is recorded, what is sealed, and the proof of any fact, checked on the page
(R-EVD-04).

These pages must stand when the ledger does not: they read stored bytes and say what they find.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from fastapi import APIRouter, HTTPException, Response
from sqlalchemy import Connection

from holdfast.interfaces.standing import working_of
from holdfast.interfaces.web import lists
from holdfast.interfaces.web.access import Visit, visit
from holdfast.interfaces.web.lists import Stored
from holdfast.ledger import sealing, tiles
from holdfast.ledger.check import NOT_SHOWN
from holdfast.ledger.sealing import Sealed
from holdfast.people import Permission
from holdfast_verify import note
from holdfast_verify.checkpoint import Checkpoint
from holdfast_verify.leaf import Header, LeafError, parse_header, payload_commitment
from holdfast_verify.tree import inclusion_proof, leaf_hash, verify_inclusion

router = APIRouter()

_LISTED = 40


@dataclass(frozen=True, slots=True)
class Check:
    """One step of proving a fact, and what came of it."""

    says: str
    problem: str = ""
    """Why it does not hold; empty when it does."""
    pending: str = ""
    """Why it cannot be told yet."""


@dataclass(frozen=True, slots=True)
class Proof:
    """That a fact is under a signed checkpoint, with everything needed to check it again."""

    checks: tuple[Check, ...]
    path: tuple[str, ...]
    """Hashes of the inclusion proof, hex (RFC 9162, section 2.1.3)."""
    sealed: Sealed | None

    @property
    def holds(self) -> bool:
        return not any(check.problem or check.pending for check in self.checks)

    @property
    def broken(self) -> bool:
        return any(check.problem for check in self.checks)


@router.get("/ledger")
def ledger(visit: visit, before: int | None = None, stream: str = "") -> Response:
    return _ledger(visit, before, stream)


def _ledger(visit: Visit, before: int | None = None, stream: str = "") -> Response:
    visit.require(Permission.READ_LEDGER)
    application = visit.application
    start = lists.position(before)
    with application.ledger.reading() as conn:
        found = lists.stored_facts(conn, start, stream, _LISTED)
        checkpoints = lists.checkpoints(conn)
    return visit.page(
        "pages/ledger.html",
        "ledger",
        origin=application.ledger.origin,
        key=str(application.verifier_key),
        found=found,
        older=found[-1].seq if len(found) == _LISTED and found[-1].seq > 0 else None,
        newest_shown=start is None,
        stream=stream,
        checkpoints=checkpoints,
        checked=application.checks.last(),
        not_shown=NOT_SHOWN,
        failing=working_of(application).failing,
    )


@router.post("/ledger/checks")
def check(visit: visit) -> Response:
    """Rebuild every claim of the ledger from its stored bytes; the result is kept, and on the record."""
    visit.require(Permission.READ_LEDGER)
    visit.application.check_on_record(visit.actor)
    return _ledger(visit)


@router.get("/ledger/{seq}")
def fact(visit: visit, seq: int) -> Response:
    """One fact: header, content, and the proof that it is under the newest checkpoint."""
    visit.require(Permission.READ_LEDGER)
    application = visit.application
    if lists.position(seq) is None:
        raise HTTPException(404)
    with application.ledger.reading() as conn:
        found = lists.stored_fact(conn, seq)
        if found is None:
            raise HTTPException(404)
        proof = prove(conn, found, application.verifier_key, application.ledger.origin)
        before, after = lists.beside(conn, found)
        newest = application.ledger.size() - 1
    return visit.page(
        "pages/fact.html",
        "ledger",
        fact=found,
        line=found.recorded.fact.line() if found.recorded else None,
        header=json.dumps(_readable(found.leaf), indent=2, ensure_ascii=False),
        payload=json.dumps(_readable(found.payload), indent=2, ensure_ascii=False),
        leaf_hash=leaf_hash(found.leaf).hex(),
        proof=proof,
        before=before,
        after=after,
        newest=newest,
    )


def _readable(raw: bytes) -> object:
    """Stored bytes as JSON where they still are; as text where they are not."""
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode("utf-8", "replace")


def prove(conn: Connection, fact: Stored, key: note.VerifierKey, origin: str) -> Proof:
    """The steps that tie a fact to the newest checkpoint, each done here and now."""
    sealed = sealing.newest(conn)
    checks = [_is_hashed(fact), _is_itself(fact), _is_committed(fact)]
    waiting = "It is appended and not sealed yet; the sealer takes it up within seconds."
    if sealed is None or sealed.size <= fact.seq:
        says = "It is under a signed checkpoint"
        return Proof((*checks, Check(says, pending=waiting)), (), None)
    path: tuple[bytes, ...] = ()
    says = f"An inclusion proof leads from it to the root of the first {sealed.size:,} facts"
    try:
        path = tuple(inclusion_proof(fact.seq, sealed.size, tiles.node_reader(conn)))
        verify_inclusion(leaf_hash(fact.leaf), fact.seq, sealed.size, path, sealed.root)
        checks.append(Check(f"{says} ({len(path)} hashes)"))
    except ValueError as error:
        checks.append(Check(says, problem=str(error)))
    checks.append(_is_signed(sealed, key, origin))
    return Proof(tuple(checks), tuple(one.hex() for one in path), sealed)


def _is_hashed(fact: Stored) -> Check:
    says = "Its header's exact bytes hash to the leaf that is stored (SHA-256, RFC 9162)"
    if leaf_hash(fact.leaf) == fact.leaf_hash:
        return Check(says)
    return Check(says, problem="the stored leaf hash is not that of the header")


def _is_itself(fact: Stored) -> Check:
    says = "The header is well formed and speaks of this position, stream, time and type"
    try:
        header: Header = parse_header(fact.leaf)
    except LeafError as error:
        return Check(says, problem=str(error))
    differing = [
        name
        for name in ("seq", "stream", "stream_seq", "type", "recorded_at")
        if getattr(header, name) != getattr(fact, name)
    ]
    return Check(says, problem=f"the row says otherwise for {', '.join(differing)}" if differing else "")


def _is_committed(fact: Stored) -> Check:
    says = "Its content is what the header commits to"
    try:
        committed = parse_header(fact.leaf).payload_commitment
        same = payload_commitment(fact.salt, fact.payload) == committed
    except LeafError as error:
        return Check(says, problem=str(error))
    return Check(says, problem="" if same else "the content was changed after it was recorded")


def _is_signed(sealed: Sealed, key: note.VerifierKey, origin: str) -> Check:
    says = f"The checkpoint is signed by {key.name} and is of this ledger"
    try:
        claimed = Checkpoint.parse(note.verify(sealed.note.encode(), [key]).text)
    except ValueError as error:
        return Check(says, problem=str(error))
    if (claimed.origin, claimed.size) != (origin, sealed.size):
        return Check(says, problem=f"it was signed for {claimed.origin!r}, size {claimed.size}")
    return Check(says)
