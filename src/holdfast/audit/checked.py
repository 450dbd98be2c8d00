"""Facts whose bytes were checked in this very build: what a pack says is folded from them and nothing else.

Tables of projections can be edited while a pack is built and restored after; so can the payload of a fact
that was sealed long ago. So the whole ledger is read once, as stored: every header must be in the tree that
the ledger's key has signed, every payload must be what its header commits to, and every stream must be
without gaps. From these facts a ledger in memory is made, which report and record are read from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, insert, select

from holdfast import clock
from holdfast.incident.register import Register
from holdfast.ledger import tables
from holdfast.ledger.database import Database
from holdfast.ledger.ledger import Ledger, recorded_from
from holdfast.ledger.sealing import Sealed
from holdfast.prepare.records import Preparation
from holdfast.prepare.versions import PLAYBOOK_STREAM, ROSTER_STREAM
from holdfast.problems import NotAllowed
from holdfast_verify import note
from holdfast_verify.checkpoint import Checkpoint
from holdfast_verify.leaf import Header, LeafError, parse_header, payload_commitment
from holdfast_verify.note import NoteError, VerifierKey
from holdfast_verify.tree import CompactRange, leaf_hash

_BATCH = 5_000
_PREPARED = (PLAYBOOK_STREAM, ROSTER_STREAM, "demonstration")


class NotAsSealed(NotAllowed):
    """The database does not hold what was sealed."""

    def __init__(self, what: str) -> None:
        super().__init__(f"no pack is built: {what}; run `holdfast ledger check`")


@dataclass(slots=True)
class Scan:
    """One reading of the ledger from its first entry on, as far as it has come."""

    incident: str
    tree: CompactRange = field(default_factory=CompactRange)
    heads: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    """How many facts each stream has, and the hash of its last."""
    naming: dict[int, str] = field(default_factory=dict)
    """The facts that name the incident, and their streams."""
    last_at: str = ""

    def go_on(self, conn: Connection, sealed: Sealed, key: VerifierKey) -> None:
        """Read up to this checkpoint, and compare with what was signed. Raises NotAsSealed."""
        signed = _signed(sealed, key)
        found = tables.facts
        while self.tree.size < signed.size:
            first, end = self.tree.size, min(self.tree.size + _BATCH, signed.size)
            query = select(found).where(found.c.seq >= first, found.c.seq < end).order_by(found.c.seq)
            rows = conn.execute(query).all()
            for row in rows:
                self._take(row, signed.origin)
            if len(rows) != end - first:
                raise NotAsSealed(f"facts are missing among the first {signed.size} entries of the ledger")
        if self.tree.root() != signed.root:
            raise NotAsSealed(f"the first {signed.size} entries of the ledger are not those that were sealed")

    def _take(self, row: Any, origin: str) -> None:
        header, hashed, payload = checked(row)
        count, previous = self.heads.get(header.stream, (0, None))
        if (header.seq, header.log) != (self.tree.size, origin) or header.recorded_at < self.last_at:
            raise NotAsSealed(f"entry {row.seq} is out of order, back-dated or of another ledger")
        if (header.stream_seq, header.prev_stream_hash) != (count, previous):
            raise NotAsSealed(f"entry {row.seq} does not follow the fact before it on {header.stream}")
        self.heads[header.stream] = count + 1, hashed.hex()
        self.last_at = header.recorded_at
        self.tree.append(hashed)
        # Payloads are canonical JSON, so a fact that names the incident holds exactly these bytes.
        names = f'"incident":"{self.incident}"'.encode() in payload
        if names and recorded_from(row).incident == self.incident:
            self.naming[header.seq] = header.stream

    def streams(self) -> set[str]:
        """The streams that hold a fact of the incident's record, or the incident's number in their name."""
        named = {name for name in self.heads if self.incident in name.split("/")}
        return {*self.naming.values(), *named}


def checked(row: Any) -> tuple[Header, bytes, bytes]:
    """Header, leaf hash and payload of a stored fact, compared with one another and with its columns.

    Raises NotAsSealed where a row says two things.
    """
    where = f"entry {row.seq} ({row.type} on {row.stream})"
    try:
        leaf, payload, salt = bytes(row.leaf), bytes(row.payload), bytes(row.salt)
        header = parse_header(leaf)
        commitment = payload_commitment(salt, payload)
    except (LeafError, TypeError, ValueError) as error:
        raise NotAsSealed(f"{where} cannot be read as it was sealed ({error})") from error
    if commitment != header.payload_commitment:
        raise NotAsSealed(f"the content of {where} is not what the ledger sealed")
    hashed = leaf_hash(leaf)
    told = (row.seq, row.stream, row.stream_seq, row.type, row.recorded_at, bytes(row.leaf_hash))
    if told != (header.seq, header.stream, header.stream_seq, header.type, header.recorded_at, hashed):
        raise NotAsSealed(f"the columns of {where} are not what its header says")
    return header, hashed, payload


def _signed(sealed: Sealed, key: VerifierKey) -> Checkpoint:
    try:
        signed = Checkpoint.parse(note.verify(sealed.note.encode(), [key]).text)
    except NoteError as error:
        raise NotAsSealed(
            f"the checkpoint of size {sealed.size} is not signed by the ledger's key"
        ) from error
    if signed.size != sealed.size:
        raise NotAsSealed(f"the checkpoint of size {sealed.size} is signed for {signed.size} entries")
    return signed


class CheckedLedger(Ledger):
    """A ledger in memory of the facts that a pack of one incident is about, each checked when it was read."""

    def __init__(self, scan: Scan, conn: Connection, sealed: Sealed) -> None:
        super().__init__(Database("sqlite://"), (Preparation(), Register()))
        self.scan = scan
        self._source = conn
        self.create(sealed.checkpoint.origin)
        self._held: set[str] = set()
        with self.database.writing() as own:
            own.execute(tables.head.update().values(size=sealed.size, last_at=scan.last_at))
            own.execute(insert(tables.checkpoints).values(_checkpoint_row(sealed)))
        self.hold({*scan.streams(), *_prepared(scan.heads)})

    def hold(self, streams: Iterable[str]) -> None:
        """Take in all facts of these streams; those that are held already stay."""
        wanted = sorted(set(streams) - self._held)
        rows = [row for stream in wanted for row in self._rows(stream)]
        rows.sort(key=lambda row: row.seq)
        with self.database.writing() as own:
            for row in rows:
                own.execute(insert(tables.facts).values(row._asdict()))
                for projection in self.projections:
                    projection.apply(own, recorded_from(row))
            for stream in wanted:
                count, last = self.scan.heads.get(stream, (0, None))
                if last is not None:
                    values = {"stream": stream, "version": count, "last_hash": bytes.fromhex(last)}
                    own.execute(insert(tables.streams).values(values))
        self._held.update(wanted)

    def _rows(self, stream: str) -> list[Any]:
        """The stored facts of one stream; their chain must end where the scan has found it to end."""
        found, previous = tables.facts, None
        count, last = self.scan.heads.get(stream, (0, None))
        query = select(found).where(found.c.stream == stream, found.c.seq < self.scan.tree.size)
        rows = self._source.execute(query.order_by(found.c.stream_seq)).all()
        for number, row in enumerate(rows):
            header, hashed, _ = checked(row)
            if (header.stream_seq, header.prev_stream_hash) != (number, previous):
                raise NotAsSealed(f"the facts of {stream} changed while they were read")
            previous = hashed.hex()
        if (len(rows), previous) != (count, last):
            raise NotAsSealed(f"the facts of {stream} changed while they were read")
        return list(rows)

    def shown(self, streams: Iterable[str], context: Iterable[int]) -> list[Any]:
        """The rows of these streams and of these single entries, in the ledger's order."""
        found, wanted, single = tables.facts, set(streams), set(context)
        self.hold(wanted)
        with self.reading() as own:
            rows = own.execute(select(found).order_by(found.c.seq)).all()
        return [row for row in rows if row.stream in wanted or row.seq in single]


def _checkpoint_row(sealed: Sealed) -> dict[str, Any]:
    return {"size": sealed.size, "note": sealed.note, "sealed_at": clock.stamp(sealed.at)}


def _prepared(streams: Iterable[str]) -> set[str]:
    """What was prepared, and what says that the times are a rehearsal's."""
    return {name for name in streams if name in _PREPARED or name.startswith("system/")}
