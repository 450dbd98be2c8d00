"""The sealer: turns *appended* into *sealed*, that is, under a signed checkpoint.

Appended facts are integrated into the tree in ranges and the tree's root is signed as a C2SP
tlog-checkpoint. Every checkpoint is also kept outside the database (`Anchor`), so that a database that
was cut or restored to an older state is noticed before anything is signed again.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, insert, select

from holdfast import clock
from holdfast.ledger import tables, tiles
from holdfast.ledger.ledger import Ledger
from holdfast_verify import note
from holdfast_verify.checkpoint import Checkpoint
from holdfast_verify.tree import root


class RefusedToSeal(Exception):
    """Signing now would show two histories; the message says what was found."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A signed checkpoint: the first `size` facts can no longer change unnoticed."""

    size: int
    note: str
    at: datetime

    @property
    def checkpoint(self) -> Checkpoint:
        text, _ = note.parse(self.note.encode())
        return Checkpoint.parse(text)

    @property
    def root(self) -> bytes:
        return self.checkpoint.root


class Anchor:
    """Checkpoints kept outside the database: one JSON line each, only ever appended."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def keep(self, sealed: Sealed) -> None:
        """Append one checkpoint and wait until the disk has it.

        A torn last line, left by a crash, is cut off first: nobody was told of it.
        """
        line = json.dumps({"note": sealed.note, "sealed_at": clock.stamp(sealed.at), "size": sealed.size})
        handle = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        with os.fdopen(handle, "rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            whole = file.read()
            file.truncate(whole.rfind(b"\n") + 1)
            file.seek(0, os.SEEK_END)
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def kept(self) -> Iterator[Sealed]:
        """Every checkpoint in the file. A torn last line, left by a crash, is passed over."""
        if not self.path.exists():
            return
        with self.path.open() as file:
            for line in file:
                if line.endswith("\n"):
                    entry = json.loads(line)
                    yield Sealed(entry["size"], entry["note"], clock.parse(entry["sealed_at"]))

    def newest(self) -> Sealed | None:
        return max(self.kept(), key=lambda sealed: sealed.size, default=None)


class Sealer:
    """Seals what was appended since the last checkpoint."""

    def __init__(self, ledger: Ledger, key: Ed25519PrivateKey, anchor: Anchor) -> None:
        self.ledger = ledger
        self.key = key
        self.anchor = anchor

    def seal(self, at: datetime) -> Sealed | None:
        """Integrate and sign everything appended; None when nothing is new.

        Raises RefusedToSeal when the database holds less, or something else, than was sealed before.
        """
        with self.ledger.database.writing() as conn:
            head = conn.execute(select(tables.head).with_for_update()).one()
            last = newest_size(conn)
            if head.size == last:
                return None
            anchored = self.anchor.newest()
            _refuse_less(anchored, head.size)
            _integrate(conn, last, head.size)
            _refuse_other(conn, anchored)
            signed = self._sign(conn, head.origin, head.size, at)
        # A crash here leaves a checkpoint in the database that the anchor has not seen: the next seal
        # keeps a newer one, which is consistent with it. The other order could anchor what never was.
        self.anchor.keep(signed)
        return signed

    def _sign(self, conn: Connection, origin: str, size: int, at: datetime) -> Sealed:
        text = str(Checkpoint(origin, size, _root(conn, size)))
        sealed = Sealed(size, note.sign(text, note.Signer(origin, self.key)).decode(), at)
        conn.execute(
            insert(tables.checkpoints).values(size=size, note=sealed.note, sealed_at=clock.stamp(at))
        )
        return sealed


def _refuse_less(anchored: Sealed | None, size: int) -> None:
    if anchored and anchored.size > size:
        raise RefusedToSeal(
            f"the ledger holds {size} facts, but {anchored.size} were sealed before: the database was cut or "
            "an older copy was restored; restore the newest one"
        )


def _refuse_other(conn: Connection, anchored: Sealed | None) -> None:
    """Also an older copy that has grown past the anchored size since: its facts are others."""
    if anchored and _root(conn, anchored.size) != anchored.root:
        raise RefusedToSeal(
            f"the first {anchored.size} facts are not those that were sealed before: an older copy was "
            "restored, or history was rewritten; run `holdfast ledger check`"
        )


def newest_size(conn: Connection) -> int:
    """Size of the newest checkpoint in the database; 0 where nothing is sealed."""
    sealed = newest(conn)
    return sealed.size if sealed else 0


def newest(conn: Connection) -> Sealed | None:
    query = select(tables.checkpoints).order_by(tables.checkpoints.c.size.desc()).limit(1)
    row = conn.execute(query).first()
    return Sealed(row.size, row.note, clock.parse(row.sealed_at)) if row else None


def sealed_at_or_after(conn: Connection, size: int) -> Sealed | None:
    """The first checkpoint that covers `size` facts."""
    query = select(tables.checkpoints).where(tables.checkpoints.c.size >= size)
    row = conn.execute(query.order_by(tables.checkpoints.c.size).limit(1)).first()
    return Sealed(row.size, row.note, clock.parse(row.sealed_at)) if row else None


def _integrate(conn: Connection, first: int, end: int) -> None:
    built = tiles.TileBuilder(lambda level, position: tiles.stored_tile(conn, level, position))
    query = select(tables.facts.c.leaf_hash).where(tables.facts.c.seq >= first, tables.facts.c.seq < end)
    rows = conn.execute(query.order_by(tables.facts.c.seq))
    built.extend(first, (bytes(row.leaf_hash) for row in rows))
    tiles.store(conn, built)


def _root(conn: Connection, size: int) -> bytes:
    return root(size, tiles.node_reader(conn))
