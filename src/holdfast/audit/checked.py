"""Facts whose bytes were checked in this very build: what a pack says is folded from them and nothing else.

Tables of projections can be edited while a pack is built and restored after; so can the payload of a fact
that was sealed long ago. So the whole ledger is read once, as stored: every header must be in the tree that
the ledger's key has signed, every payload must be what its header commits to, and every stream must be
without gaps. From these facts a ledger in memory is made, which report and record are read from.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, insert, select

from holdfast import clock
from holdfast.incident.register import Register
from holdfast.ledger import tables
from holdfast.ledger.anchor import Sealed
from holdfast.ledger.chain import Chain
from holdfast.ledger.database import Database
from holdfast.ledger.ledger import Ledger, recorded_from
from holdfast.prepare.records import Preparation
from holdfast.prepare.versions import PLAYBOOK_STREAM, ROSTER_STREAM
from holdfast.problems import NotAllowed
from holdfast_verify.note import VerifierKey
from holdfast_verify.tree import CompactRange

_BATCH = 5_000
_PREPARED = (PLAYBOOK_STREAM, ROSTER_STREAM, "demonstration")


class NotAsSealed(NotAllowed):
    """The database does not hold what was sealed."""

    def __init__(self, what: str) -> None:
        super().__init__(f"no pack is built: {what}; have the ledger checked")


class Scan:
    """One reading of the ledger from its first entry on, as far as it has come."""

    def __init__(self, incident: str, origin: str) -> None:
        self.incident = incident
        self.chain = Chain(origin)
        self.naming: dict[int, str] = {}
        """The facts that name the incident, and their streams."""
        self._tree = CompactRange()
        # Payloads are canonical JSON, so a fact that names the incident holds exactly these bytes.
        self._named = f'"incident":"{incident}"'.encode()

    def go_on(self, conn: Connection, sealed: Sealed, key: VerifierKey) -> None:
        """Read up to this checkpoint, and compare with what was signed. Raises NotAsSealed."""
        try:
            signed = sealed.proven(key, self.chain.origin)
        except ValueError as error:
            raise NotAsSealed(f"the newest checkpoint cannot be relied on: {error}") from error
        found = tables.facts
        while self._tree.size < signed.size:
            first, end = self._tree.size, min(self._tree.size + _BATCH, signed.size)
            query = select(found).where(found.c.seq >= first, found.c.seq < end).order_by(found.c.seq)
            rows = conn.execute(query).all()
            for row in rows:
                self._take(row)
            if len(rows) != end - first:
                raise NotAsSealed(f"facts are missing among the first {signed.size} entries of the ledger")
        if self._tree.root() != signed.root:
            raise NotAsSealed(f"the first {signed.size} entries of the ledger are not those that were sealed")

    def _take(self, row: Any) -> None:
        _require_sound(self.chain, row)
        self._tree.append(bytes(row.leaf_hash))
        if self._named in bytes(row.payload) and recorded_from(row).incident == self.incident:
            self.naming[row.seq] = row.stream

    @property
    def size(self) -> int:
        return self._tree.size

    def streams(self) -> set[str]:
        """The streams that hold a fact of the incident's record, or the incident's number in their name."""
        named = {name for name in self.chain.streams if self.incident in name.split("/")}
        return {*self.naming.values(), *named}


def _require_sound(chain: Chain, row: Any) -> None:
    """Raises NotAsSealed where a stored fact is not what its header, its place and its commitment say."""
    problem = next(chain.follow(row), None)
    if problem:
        raise NotAsSealed(f"entry {row.seq} ({row.type} on {row.stream}): {problem}")


class CheckedLedger(Ledger):
    """A ledger in memory of the facts that a pack of one incident is about, each checked when it was read."""

    def __init__(self, scan: Scan, conn: Connection, sealed: Sealed) -> None:
        super().__init__(Database("sqlite://"), (Preparation(), Register()))
        self.scan = scan
        self._source = conn
        self.create(sealed.checkpoint.origin)
        self._held: set[str] = set()
        with self.database.writing() as own:
            own.execute(tables.head.update().values(size=sealed.size, last_at=scan.chain.last_at))
            own.execute(insert(tables.checkpoints).values(_checkpoint_row(sealed)))
        self.hold({*scan.streams(), *_prepared(scan.chain.streams)})

    def hold(self, streams: Iterable[str]) -> None:
        """Take in all facts of these streams; those that are held already stay."""
        wanted = sorted(set(streams) - self._held)
        rows = [row for stream in wanted for row in self._rows(stream)]
        rows.sort(key=lambda row: row.seq)
        with self.database.writing() as own:
            if rows:
                own.execute(insert(tables.facts), [row._asdict() for row in rows])
            told = [recorded_from(row) for row in rows]
            for projection in self.projections:
                projection.apply(own, told)
            for stream in set(wanted) & set(self.scan.chain.streams):
                count, last = self.scan.chain.streams[stream]
                own.execute(insert(tables.streams).values(stream=stream, version=count, last_hash=last))
        self._held.update(wanted)

    def _rows(self, stream: str) -> list[Any]:
        """The stored facts of one stream; their chain must end where the scan has found it to end."""
        found, chain = tables.facts, Chain(self.scan.chain.origin)
        query = select(found).where(found.c.stream == stream, found.c.seq < self.scan.size)
        rows = self._source.execute(query.order_by(found.c.stream_seq)).all()
        for row in rows:
            chain.size = row.seq  # only the stream's own numbers are without gaps here
            _require_sound(chain, row)
        if chain.streams.get(stream) != self.scan.chain.streams.get(stream):
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
