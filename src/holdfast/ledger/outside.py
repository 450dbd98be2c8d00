"""What is kept outside the database, as it was read: the lower bound of what the database must hold.

Others seal while the ledger is checked. Each checkpoint is written to the memory, then the anchor, then the
database. Read in that order, no place may lack what an earlier one held, save the one that is on its way.
Where a later place has gone on, the earlier ones are read once more, in the opposite order: they must have
gone on as well, and with the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from holdfast.ledger.anchor import Anchor, AnchorProblem, Kept, Memory, Sealed
from holdfast_verify.note import VerifierKey

Lines = tuple[Sealed | str, ...]


@dataclass(frozen=True, slots=True)
class Outside:
    """Anchor and memory of one key at one moment."""

    anchor: Anchor
    memory: Memory | None
    key: VerifierKey
    lines: Lines | None
    """Of the anchor; None where it is missing."""
    signed: Kept | str | None
    """What the memory says, or why it cannot be read; None where it is missing, or not asked."""
    signed_since: Kept | str | None
    """The same, read after the anchor."""

    @classmethod
    def read(cls, anchor: Anchor, memory: Memory | None, key: VerifierKey) -> Outside:
        """To be read before the database is opened."""
        signed = _signed(memory, key)
        return cls(anchor, memory, key, _lines(anchor), signed, signed)

    @property
    def checkpoints(self) -> list[Sealed]:
        return [line for line in self.lines or () if isinstance(line, Sealed)]

    @property
    def newest_signed(self) -> Sealed | None:
        return self.signed.newest if isinstance(self.signed, Kept) else None

    def up_to(self, held: int) -> Outside:
        """As far as a database goes that was opened since and holds so many checkpoints.

        What was sealed after it was opened is left out. Where the second reading does not continue the first,
        the first stands, and what the database holds beyond it was taken out of the file.
        """
        if self._reaches(held):
            return self
        before, now = self.lines or (), _lines(self.anchor)
        since = _signed(self.memory, self.key)
        lines = self.lines
        if now is not None and now[: len(before)] == before:
            lines = now[: max(len(before), held)]
        return replace(self, lines=lines, signed_since=since)

    def _reaches(self, held: int) -> bool:
        kept = held if self.lines is None else len(self.lines)
        behind = isinstance(self.signed, Kept) and self.signed.count < kept
        return len(self.lines or ()) >= held and not behind

    def agrees(self, found: Sequence[Sealed]) -> bool:
        """Whether a place that was read later holds all that the memory says was signed, and nothing that
        was not."""
        signed, since = self.signed, self.signed_since
        if not isinstance(signed, Kept) or not isinstance(since, Kept):
            return False
        count = len(found)
        if signed.count >= count:
            return signed == _kept(found)
        return signed == _kept(found[: signed.count]) and _continues(since, found, self.key)


def _continues(since: Kept, found: Sequence[Sealed], key: VerifierKey) -> bool:
    """Whether the key has signed what was found, and perhaps more."""
    if since.count <= len(found) or since.newest is None:
        return since == _kept(found)
    try:
        since.newest.proven(key, key.name)
    except ValueError:
        return False
    return since.newest.size > found[-1].size


def _kept(found: Sequence[Sealed]) -> Kept:
    return Kept(len(found), found[-1] if found else None)


def _lines(anchor: Anchor) -> Lines | None:
    if anchor.missing:
        return None
    try:
        return tuple(anchor.lines())
    except AnchorProblem as problem:
        return (str(problem),)


def _signed(memory: Memory | None, key: VerifierKey) -> Kept | str | None:
    if memory is None or memory.missing:
        return None
    try:
        return memory.read(key)
    except AnchorProblem as problem:
        return str(problem)
