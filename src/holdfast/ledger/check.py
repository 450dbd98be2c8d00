"""The check: rebuild every claim of the ledger from stored bytes, and compare.

It reads the facts once, in order, and trusts nothing but their bytes and the public key: headers,
chains, commitments, tree, checkpoints, anchored checkpoints, stream table and every projection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from holdfast.ledger import tables, tiles
from holdfast.ledger.facts import UnknownFact
from holdfast.ledger.ledger import Ledger, recorded_from
from holdfast.ledger.projections import Scratch
from holdfast.ledger.sealing import Anchor, Sealed
from holdfast_verify import note
from holdfast_verify.checkpoint import Checkpoint
from holdfast_verify.leaf import LeafError, parse_header, payload_commitment
from holdfast_verify.tree import CompactRange, leaf_hash

WORST = 100
"""Problems reported at most: after a break in the chain everything behind it differs."""


@dataclass(slots=True)
class Report:
    """What was checked and what did not hold."""

    facts: int = 0
    checkpoints: int = 0
    anchored: int = 0
    projection_tables: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.problems


def check(
    ledger: Ledger,
    key: note.VerifierKey,
    anchor: Anchor,
    progress: Callable[[int], None] = lambda done: None,
) -> Report:
    """Check the whole ledger; `progress` is told how many facts are done."""
    report = Report()
    with ledger.reading() as conn:
        checker = _Checker(conn, ledger, key, report)
        for problem in checker.run(anchor, progress):
            report.problems.append(problem)
            if len(report.problems) >= WORST:
                report.problems.append("more problems were found; the first ones are above")
                break
        checker.scratch.close()
    return report


class _Checker:
    def __init__(self, conn: Connection, ledger: Ledger, key: note.VerifierKey, report: Report) -> None:
        self.conn = conn
        self.report = report
        self.key = key
        self.head = conn.execute(select(tables.head)).one()
        self.scratch = Scratch(ledger.projections)
        self.streams: dict[str, tuple[int, bytes]] = {}
        self.roots: dict[int, bytes] = {}
        self.built = tiles.TileBuilder()
        self.last_at = ""
        self.readable = True

    def run(self, anchor: Anchor, progress: Callable[[int], None]) -> Iterator[str]:
        stored, outside = self._stored_checkpoints(), list(anchor.kept())
        wanted = {sealed.size for sealed in stored} | {sealed.size for sealed in outside}
        yield from self._facts(wanted, max((s.size for s in stored), default=0), progress)
        yield from self._checkpoints("checkpoint", stored)
        yield from self._checkpoints("checkpoint kept outside the database", outside)
        yield from self._tiles()
        yield from self._streams()
        self.report.checkpoints, self.report.anchored = len(stored), len(outside)
        if self.readable:
            yield from self.scratch.differences(self.conn)
            self.report.projection_tables = sum(len(p.tables) for p in self.scratch.projections)
        else:
            yield "projections were not compared, because a fact above could not be read"

    # Facts -------------------------------------------------------------------------------------

    def _facts(self, wanted: set[int], sealed: int, progress: Callable[[int], None]) -> Iterator[str]:
        tree, position = CompactRange(), 0
        for row in self.conn.execute(select(tables.facts).order_by(tables.facts.c.seq)):
            where = f"fact {row.seq} ({row.type} on {row.stream})"
            if row.seq != position:
                yield f"{where}: fact {position} is missing before it"
                position = row.seq
            yield from (f"{where}: {what}" for what in self._guarded(row))
            hashed = leaf_hash(_raw(row.leaf))
            tree.append(hashed)
            if tree.size <= sealed:
                self.built.extend(tree.size - 1, [hashed])
            if tree.size in wanted:
                self.roots[tree.size] = tree.root()
            position += 1
            self.report.facts += 1
            if not position % 1000:
                progress(position)
        progress(position)
        if position != self.head.size:
            yield f"the head says {self.head.size} facts, {position} are stored: the tail was cut or added to"
        if self.head.last_at != self.last_at:
            yield f"the head says the newest fact is of {self.head.last_at}, it is of {self.last_at}"

    def _guarded(self, row: Any) -> list[str]:
        """The fact's problems. Whatever somebody has put into a row is a problem, never a crash."""
        found: list[str] = []
        try:
            found.extend(self._fact(row))
        except Exception as error:
            found.append(f"cannot be checked: {error}")
            self.readable = False
        return found

    def _fact(self, row: Any) -> Iterator[str]:
        leaf, stored_hash = _raw(row.leaf), _raw(row.leaf_hash)
        for name in ("leaf", "leaf_hash", "salt", "payload"):
            if not isinstance(getattr(row, name), bytes):
                yield f"column {name} does not hold bytes any more: it was edited"
        if leaf_hash(leaf) != stored_hash:
            yield "the stored leaf hash is not the hash of its header"
        try:
            header = parse_header(leaf)
        except LeafError as error:
            yield f"its header is malformed: {error}"
            self.readable = False
            return
        for name in ("seq", "stream", "stream_seq", "type", "recorded_at"):
            if getattr(header, name) != getattr(row, name):
                yield f"column {name} is {getattr(row, name)!r}, the header says {getattr(header, name)!r}"
        if header.log != self.head.origin:
            yield f"its header belongs to the log {header.log!r}"
        if header.recorded_at < self.last_at:
            yield f"recorded at {header.recorded_at}, before the fact in front of it: back-dated"
        self.last_at = max(self.last_at, header.recorded_at)
        count, previous = self.streams.get(row.stream, (0, b""))
        if header.stream_seq != count:
            yield f"number {header.stream_seq} of its stream, expected {count}"
        if (header.prev_stream_hash or "") != previous.hex():
            yield "does not continue the fact before it in its stream"
        self.streams[row.stream] = (count + 1, stored_hash)
        if payload_commitment(_raw(row.salt), _raw(row.payload)) != header.payload_commitment:
            yield "its content is not what the header commits to: it was changed"
        yield from self._content(row)

    def _content(self, row: Any) -> Iterator[str]:
        try:
            recorded = recorded_from(row)
        except (UnknownFact, ValueError, KeyError, TypeError) as error:
            yield f"cannot be read: {error}"
            self.readable = False
            return
        if not self.readable:
            return
        try:
            self.scratch.apply(recorded)
        except Exception as error:
            yield f"cannot be added up into projections: {error}"
            self.readable = False

    # Tree and checkpoints ----------------------------------------------------------------------

    def _stored_checkpoints(self) -> list[Sealed]:
        rows = self.conn.execute(select(tables.checkpoints).order_by(tables.checkpoints.c.size))
        return [Sealed(row.size, row.note, row.sealed_at) for row in rows]

    def _checkpoints(self, what: str, sealed: list[Sealed]) -> Iterator[str]:
        for each in sealed:
            where = f"{what} of size {each.size}"
            try:
                claimed = Checkpoint.parse(note.verify(each.note.encode(), [self.key]).text)
            except (ValueError, AttributeError) as error:
                yield f"{where}: {error}"
                continue
            if claimed.size != each.size or claimed.origin != self.head.origin:
                yield f"{where}: signed for {claimed.origin!r}, size {claimed.size}"
            elif each.size not in self.roots:
                yield f"{where}: only {self.report.facts} facts are stored; the tail was cut"
            elif claimed.root != self.roots[each.size]:
                yield f"{where}: its root is not that of the stored facts; history was rewritten"

    def _tiles(self) -> Iterator[str]:
        stored = {
            (row.level, row.position): _raw(row.hashes) for row in self.conn.execute(select(tables.tiles))
        }
        for level, position in sorted(stored.keys() | self.built.tiles.keys()):
            if stored.get((level, position)) != bytes(self.built.tiles.get((level, position), b"")):
                yield f"hash tile {level}/{position} is not what the facts hash to"

    def _streams(self) -> Iterator[str]:
        rows = self.conn.execute(select(tables.streams))
        stored = {row.stream: (row.version, _raw(row.last_hash)) for row in rows}
        for stream in sorted(stored.keys() | self.streams.keys()):
            if stored.get(stream) != self.streams.get(stream):
                yield f"stream {stream}: its stored version or last hash is not that of its facts"


def _raw(value: Any) -> bytes:
    """A column's bytes, whatever type somebody has given it by hand."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "backslashreplace")
