"""Checkpoints, as c2sp.org/tlog-checkpoint specifies them (v1.0.0): origin, tree size, root hash.

Extension lines, which the specification advises against, are refused: nobody could audit them.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from .note import NoteError, decode_base64
from .tree import EMPTY_ROOT, HASH_SIZE

_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says it holds; worth as much as the signatures under it."""

    origin: str
    """The log's name."""
    size: int
    """Number of entries."""
    root: bytes
    """Root hash of the tree over these entries."""

    def __str__(self) -> str:
        """The note text to sign."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read a note's text. Raises NoteError for anything but the three exact lines."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not lines[0]:
            raise NoteError("a checkpoint has exactly three lines: origin, size, root hash")
        origin, size, encoded = lines[:3]
        if not _SIZE.fullmatch(size):
            raise NoteError(f"the checkpoint's size {size[:40]!r} is not a plain decimal number")
        root = decode_base64(encoded)
        if len(root) != HASH_SIZE:
            raise NoteError(f"the checkpoint's root hash is {len(root)} bytes long, not {HASH_SIZE}")
        if size == "0" and root != EMPTY_ROOT:
            raise NoteError("the checkpoint of an empty tree has another root than the empty tree")
        return cls(origin, int(size), root)
