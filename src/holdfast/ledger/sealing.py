"""The sealer: turns *appended* into *sealed*, that is, under a signed checkpoint.

It is no oracle that signs whatever it is shown. Before it signs it asks what was signed before, in three
places (database, anchor, memory beside the key), and checks that the tree still begins with it; it checks
every new fact as `ledger check` does; and it reads back what it wrote. Only what is new is read, so that
sealing costs as much as was appended, not as much as there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NoReturn

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, func, insert, select

from holdfast import clock
from holdfast.ledger import schema, tables, tiles
from holdfast.ledger.anchor import Anchor, AnchorProblem, Kept, Memory, Sealed
from holdfast.ledger.chain import Chain, End, alone, as_bytes
from holdfast.ledger.database import settle_constraints
from holdfast.ledger.ledger import Ledger
from holdfast_verify import note
from holdfast_verify.checkpoint import Checkpoint
from holdfast_verify.tree import CompactRange, inclusion_proof, leaf_hash, peaks, root, verify_inclusion

__all__ = ["Anchor", "Memory", "RefusedToSeal", "Sealed", "Sealer", "newest", "newest_size"]


class RefusedToSeal(Exception):
    """Signing now would vouch for what does not hold, or show two histories; the message says what was
    found."""


class Sealer:
    """Seals what was appended since the last checkpoint."""

    def __init__(
        self, ledger: Ledger, key: Ed25519PrivateKey, anchor: Anchor, memory: Memory | None = None
    ) -> None:
        self.ledger = ledger
        self.key = key
        self.anchor = anchor
        self.memory = memory

    def seal(self, at: datetime) -> Sealed | None:
        """Check, integrate and sign everything appended; None when nothing is new.

        Raises RefusedToSeal when the database holds less, or something else, than was sealed before, when
        what is new does not hold, and when anchor, memory or key are not those of the last time.
        """
        with self.ledger.database.writing() as conn:
            head = _only_head(conn)
            stored = _standing(conn)
            if stored.newest is not None and stored.newest.size == head.size and not self._behind(stored):
                return None
            signer = note.Signer(head.origin, self.key)
            try:
                missed, unanchored = self._missed(stored, signer.verifier_key)
                refuse(schema.active(conn))
                sealing = _Sealing(conn, head, stored.newest, signer.verifier_key)
                if missed is not None:
                    # A crash on the way to the database: the checkpoint was signed, over facts that are
                    # committed. It is taken up where those facts still give its root.
                    sealing.take_up(missed)
                    if unanchored:
                        self.anchor.keep(missed)
                if head.size == sealing.size:
                    return None
                signed = sealing.sign(signer, at)
            except (AnchorProblem, ValueError, TypeError) as error:
                raise RefusedToSeal(f"{error}; run `holdfast ledger check`") from error
            # Outside first: a crash before the commit leaves a checkpoint the database lacks, which is
            # taken up above. The other order would leave one that nothing outside has seen.
            kept = Kept(stored.count + (missed is not None) + 1, signed)
            if self.memory is not None:
                self.memory.keep(signer.verifier_key, kept)
            self.anchor.keep(signed)
        return signed

    def _behind(self, stored: Kept) -> bool:
        """Whether another place is not where the database is; why, is for `_missed` to say."""
        try:
            return self.anchor.standing().count != stored.count or (
                self.memory is not None and self.memory.missing
            )
        except AnchorProblem:
            return True

    def _missed(self, stored: Kept, key: note.VerifierKey) -> tuple[Sealed | None, bool]:
        """A checkpoint that a crash kept from the database, and whether it kept it from the anchor too.

        Raises AnchorProblem or RefusedToSeal where database, anchor and memory do not agree otherwise.
        """
        outside = self.anchor.standing()
        signed = outside if self.memory is None else self.memory.read(key)
        name = self.anchor.path.name
        if outside.count > stored.count + 1 or (outside.count == stored.count and outside != stored):
            _refuse_database(name, outside, stored)
        if outside.count < stored.count:
            _refuse_outside(name, outside, "are in the database", stored)
        if signed == outside:
            return (None, False) if outside == stored else (outside.newest, False)
        if signed.count == outside.count + 1 and outside == stored and signed.newest is not None:
            self._require_next(outside, signed.newest)
            return signed.newest, True
        _refuse_outside(name, outside, "were signed by this key", signed)

    def _require_next(self, outside: Kept, signed: Sealed) -> None:
        if outside.newest is not None and signed.size <= outside.newest.size:
            raise RefusedToSeal(
                f"{self.anchor.path.name} ends with a checkpoint of {outside.newest.size} facts, the key has "
                f"last signed one of {signed.size}: one of them was replaced; run `holdfast ledger check`"
            )


class _Sealing:
    """One transaction of the sealer: from the last checkpoint to the head."""

    def __init__(self, conn: Connection, head: Any, before: Sealed | None, key: note.VerifierKey) -> None:
        self.conn = conn
        self.head = head
        self.key = key
        self.size = before.size if before else 0
        if self.size > head.size:
            raise RefusedToSeal(
                f"the ledger holds {head.size} facts, but {self.size} were sealed before: the database was "
                "cut or an older copy was restored; restore the newest one"
            )
        self.sealed_at = before.at if before else None
        self.root = self._root_before(before)
        first = self.size
        self.chain = Chain(
            head.origin,
            size=first,
            last_at=self._last_at(first),
            end_of=lambda stream: self._end(stream, first),
        )

    def _root_before(self, before: Sealed | None) -> bytes:
        """The root that was signed, where the tree still has it."""
        found = _root(self.conn, self.size)
        if before is None:
            return found
        try:
            claimed = before.proven(self.key, self.head.origin)
        except ValueError as error:
            raise RefusedToSeal(
                f"the newest checkpoint, of {before.size} facts: {error}. The signing key or the checkpoint "
                "was replaced; put back what was there"
            ) from error
        if claimed.root != found:
            raise RefusedToSeal(
                f"the first {before.size} facts are not those that were sealed before: an older copy was "
                "restored, or history was rewritten; run `holdfast ledger check`"
            )
        return found

    def take_up(self, missed: Sealed) -> None:
        """Store a checkpoint that was signed and kept outside, where the facts still give its root."""
        claimed = missed.proven(self.key, self.head.origin)
        if not self.size < missed.size <= self.head.size:
            raise RefusedToSeal(
                f"the ledger holds {self.head.size} facts, but {missed.size} were sealed before: the "
                "database was cut or an older copy was restored; restore the newest one"
            )
        self._integrate(missed.size)
        if self.root != claimed.root:
            raise RefusedToSeal(
                f"the first {missed.size} facts are not those that were sealed before: an older copy was "
                "restored, or history was rewritten; run `holdfast ledger check`"
            )
        self._store(missed)
        self.sealed_at = missed.at

    def sign(self, signer: note.Signer, at: datetime) -> Sealed:
        self._integrate(self.head.size)
        refuse(self._beyond())
        refuse(self._streams())
        text = str(Checkpoint(self.head.origin, self.size, self.root))
        # Sealed after the newest fact, also where a clock is a little behind the one that recorded it.
        moment = max(filter(None, (at, clock.parse(self.chain.last_at), self.sealed_at)))
        sealed = Sealed(self.size, note.sign(text, signer).decode(), moment)
        self._store(sealed)
        return sealed

    def _integrate(self, end: int) -> None:
        """Check the facts up to `end` and let the tree grow by them."""
        first, hashes = self.size, list[bytes]()
        query = select(tables.facts).where(tables.facts.c.seq >= first, tables.facts.c.seq < end)
        for row in self.conn.execute(query.order_by(tables.facts.c.seq)):
            where = f"fact {row.seq} ({row.type} on {row.stream})"
            refuse(f"{where}: {what}" for what in self.chain.follow(row))
            hashes.append(as_bytes(row.leaf_hash))
        if self.chain.size != end:
            raise RefusedToSeal(
                f"the head says {end} facts, {self.chain.size} are stored: the tail was cut or added to"
            )
        node = tiles.node_reader(self.conn)
        tree = CompactRange(first, [node(level, index) for level, index in peaks(first)])
        for hashed in hashes:
            tree.append(hashed)
        built = tiles.TileBuilder(lambda level, position: tiles.stored_tile(self.conn, level, position))
        built.extend(first, hashes)
        tiles.store(self.conn, built)
        self.size, self.root = end, tree.root()
        settle_constraints(self.conn)
        if _root(self.conn, end) != self.root:
            raise RefusedToSeal(
                "the hash tiles read back are not those that were written: something in the database changes "
                "them; run `holdfast ledger check`"
            )

    def _store(self, sealed: Sealed) -> None:
        self.conn.execute(
            insert(tables.checkpoints).values(
                size=sealed.size, note=sealed.note, sealed_at=clock.stamp(sealed.at)
            )
        )
        settle_constraints(self.conn)
        if newest(self.conn) != sealed:
            raise RefusedToSeal(
                "the checkpoint read back is not the one that was written: something in the database changes "
                "it; run `holdfast ledger check`"
            )

    # What was there before ------------------------------------------------------------------------

    def _last_at(self, first: int) -> str:
        """When the last sealed fact was recorded, shown to be that fact by the tree."""
        return "" if first == 0 else str(self._sealed_row(tables.facts.c.seq == first - 1, first).recorded_at)

    def _end(self, stream: str, first: int) -> End:
        """Where a stream stood at the last checkpoint."""
        facts = tables.facts
        last = self.conn.execute(
            select(func.max(facts.c.stream_seq)).where(facts.c.stream == stream, facts.c.seq < first)
        ).scalar()
        if last is None:
            return 0, b""
        row = self._sealed_row((facts.c.stream == stream) & (facts.c.stream_seq == last), first)
        return int(row.stream_seq) + 1, as_bytes(row.leaf_hash)

    def _sealed_row(self, which: Any, size: int) -> Any:
        """A stored fact that was sealed before. Raises RefusedToSeal where the tree does not hold it."""
        row = self.conn.execute(select(tables.facts).where(which)).first()
        if row is None:
            raise RefusedToSeal("a fact that was sealed before is missing; run `holdfast ledger check`")
        where = f"fact {row.seq} ({row.type} on {row.stream})"
        refuse(f"{where}: {what}" for what in alone(row, self.head.origin))
        path = inclusion_proof(row.seq, size, tiles.node_reader(self.conn))
        verify_inclusion(leaf_hash(as_bytes(row.leaf)), row.seq, size, path, self.root)
        return row

    def _beyond(self) -> Iterator[str]:
        beyond = self.conn.execute(
            select(tables.facts.c.seq).where(tables.facts.c.seq >= self.head.size).limit(1)
        ).first()
        if beyond is not None:
            yield f"fact {beyond.seq} is stored behind the head, which says {self.head.size} facts"
        if self.chain.last_at != self.head.last_at:
            yield f"the head says the newest fact is of {self.head.last_at}, it is of {self.chain.last_at}"

    def _streams(self) -> Iterator[str]:
        for stream, (count, last) in self.chain.streams.items():
            rows = self.conn.execute(select(tables.streams).where(tables.streams.c.stream == stream)).all()
            if [(row.version, as_bytes(row.last_hash)) for row in rows] != [(count, last)]:
                yield f"stream {stream}: its stored version or last hash is not that of its facts"


def refuse(problems: Iterable[str]) -> None:
    """Raises RefusedToSeal with the first problem."""
    for problem in problems:
        raise RefusedToSeal(f"{problem}; nothing is signed over it, run `holdfast ledger check`")


def _refuse_outside(name: str, outside: Kept, said: str, signed: Kept) -> NoReturn:
    if outside.count < signed.count:
        raise RefusedToSeal(
            f"{name} holds {outside.count} checkpoints, but {signed.count} {said}: it was deleted, cut, or "
            "an older copy was restored; put the newest one back, or see `holdfast ledger anchor --help`"
        )
    raise RefusedToSeal(
        f"{name} ends with another checkpoint than the key has last signed ({outside.count} are kept, "
        f"{signed.count} {said}): one of the two was replaced; run `holdfast ledger check`"
    )


def _refuse_database(name: str, outside: Kept, stored: Kept) -> NoReturn:
    if outside.count > stored.count:
        raise RefusedToSeal(
            f"the database holds {stored.count} checkpoints, {name} {outside.count}: the database was cut or "
            "an older copy was restored; restore the newest one"
        )
    raise RefusedToSeal(
        f"{name} ends with another checkpoint than the database: one of the two was replaced; run `holdfast "
        "ledger check`"
    )


def _only_head(conn: Connection) -> Any:
    rows = conn.execute(select(tables.head).with_for_update()).all()
    if len(rows) != 1:
        raise RefusedToSeal(f"the table ledger_head holds {len(rows)} rows, and must hold one")
    if [type(value) for value in (rows[0].size, rows[0].origin, rows[0].last_at)] != [int, str, str]:
        raise RefusedToSeal("the row of ledger_head holds a value of another type: it was edited")
    return rows[0]


def _standing(conn: Connection) -> Kept:
    """How many checkpoints the database holds, and the newest."""
    try:
        count = conn.execute(select(func.count()).select_from(tables.checkpoints)).scalar_one()
        return Kept(count, newest(conn))
    except (ValueError, TypeError) as error:
        raise RefusedToSeal(f"the newest checkpoint in the database cannot be read: {error}") from error


def newest_size(conn: Connection) -> int:
    """Size of the newest checkpoint in the database; 0 where nothing is sealed."""
    sealed = newest(conn)
    return sealed.size if sealed else 0


def newest(conn: Connection) -> Sealed | None:
    query = select(tables.checkpoints).order_by(tables.checkpoints.c.size.desc()).limit(1)
    row = conn.execute(query).first()
    return Sealed(row.size, row.note, clock.parse(row.sealed_at)) if row else None


def doubt(conn: Connection, sealed: Sealed, key: note.VerifierKey) -> str:
    """Why a checkpoint does not show what it says: its signature, or the tree; empty when it does."""
    try:
        if sealed.proven(key, key.name).root == _root(conn, sealed.size):
            return ""
    except ValueError as error:
        return f"The checkpoint of {sealed.size:,} facts: {error}."
    return f"The first {sealed.size:,} facts are not those that were sealed: run the check."


def stands(conn: Connection, row: Any, origin: str) -> Iterator[str]:
    """What is wrong with a stored fact, computed from its bytes and, once it is sealed, from the tree."""
    yield from alone(row, origin)
    sealed = newest(conn)
    if sealed is None or sealed.size <= row.seq:
        return
    try:
        path = inclusion_proof(row.seq, sealed.size, tiles.node_reader(conn))
        verify_inclusion(leaf_hash(as_bytes(row.leaf)), row.seq, sealed.size, path, sealed.root)
    except ValueError as error:
        yield str(error)


def sealed_at_or_after(conn: Connection, size: int) -> Sealed | None:
    """The first checkpoint that covers `size` facts."""
    query = select(tables.checkpoints).where(tables.checkpoints.c.size >= size)
    row = conn.execute(query.order_by(tables.checkpoints.c.size).limit(1)).first()
    return Sealed(row.size, row.note, clock.parse(row.sealed_at)) if row else None


def _root(conn: Connection, size: int) -> bytes:
    return root(size, tiles.node_reader(conn))
