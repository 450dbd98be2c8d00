"""The Merkle tree as hash tiles in the database (C2SP tlog-tiles, height 8).

A tile of level L holds up to 256 hashes of the tree's level 8·L; a full tile contributes one hash to the
level above. Every complete subtree is found in one tile read, so proofs cost a handful of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from sqlalchemy import Connection, insert, select, update

from holdfast.ledger import tables
from holdfast_verify.tree import node_hash

HEIGHT = 8
WIDTH = 1 << HEIGHT
HASH = 32


def fold(hashes: list[bytes]) -> bytes:
    """The root of a complete subtree: pairwise hashes until one is left. Its width is a power of two."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


class TileBuilder:
    """Grows the right edge of a tree; `tiles` then holds every tile that was touched."""

    def __init__(self, edge: Callable[[int, int], bytes] = lambda level, position: b"") -> None:
        """`edge(level, position)` gives the stored, possibly partial tile; nothing for a new one."""
        self._edge = edge
        self.tiles: dict[tuple[int, int], bytearray] = {}

    def extend(self, first: int, hashes: Iterable[bytes]) -> None:
        """Append leaf hashes, the first of them at position `first`."""
        for offset, leaf in enumerate(hashes):
            self._put(0, first + offset, leaf)

    def _put(self, level: int, index: int, value: bytes) -> None:
        position, slot = divmod(index, WIDTH)
        key = (level, position)
        if key not in self.tiles:
            self.tiles[key] = bytearray(self._edge(level, position) if slot else b"")
        tile = self.tiles[key]
        if len(tile) != slot * HASH:
            raise ValueError(f"tile {level}/{position} holds {len(tile) // HASH} hashes, expected {slot}")
        tile += value
        if slot == WIDTH - 1:
            self._put(level + 1, position, fold(split(bytes(tile))))


def split(tile: bytes) -> list[bytes]:
    return [tile[i : i + HASH] for i in range(0, len(tile), HASH)]


def stored_tile(conn: Connection, level: int, position: int) -> bytes:
    """The stored hashes of one tile; empty where there is none."""
    query = select(tables.tiles.c.hashes).where(
        tables.tiles.c.level == level, tables.tiles.c.position == position
    )
    row = conn.execute(query).first()
    return bytes(row.hashes) if row else b""


def store(conn: Connection, built: TileBuilder) -> None:
    """Write every tile the builder touched."""
    for (level, position), hashes in built.tiles.items():
        where = (tables.tiles.c.level == level, tables.tiles.c.position == position)
        changed = conn.execute(update(tables.tiles).where(*where).values(hashes=bytes(hashes)))
        if not changed.rowcount:
            conn.execute(insert(tables.tiles).values(level=level, position=position, hashes=bytes(hashes)))


def node_reader(conn: Connection) -> Callable[[int, int], bytes]:
    """A reader of complete subtrees by (level, index), for proofs. Raises ValueError where one is missing."""

    @lru_cache(maxsize=256)
    def tile(level: int, position: int) -> bytes:
        return stored_tile(conn, level, position)

    def node(level: int, index: int) -> bytes:
        tile_level, inside = divmod(level, HEIGHT)
        first = index << inside
        position, slot = divmod(first, WIDTH)
        end = (slot + (1 << inside)) * HASH
        hashes = tile(tile_level, position)
        if len(hashes) < end:
            raise ValueError(f"tile {tile_level}/{position} ends before node {level}/{index}")
        return fold(split(hashes[slot * HASH : end]))

    return node
