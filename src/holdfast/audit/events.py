"""The fact by which the ledger itself knows an audit pack: the digest of every file in it."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast import wording
from holdfast.ledger.facts import Fact, Line, fact


@dataclass(frozen=True, slots=True)
class PackedFile:
    """One file of a pack, as the verifier's `Member` reads it."""

    path: str
    role: str
    sha256: str
    """Hex."""
    size: int
    """Bytes."""


@fact("pack.assembled")
class PackAssembled(Fact):
    """Recorded before the checkpoint is asked for; its fields are fixed by docs/reference/pack-format.md."""

    incident: str
    streams: tuple[str, ...]
    """The streams whose facts, all of them, are the incident's record."""
    context: tuple[int, ...]
    """Single facts of other streams that are shown too."""
    checkpoints: tuple[int, ...]
    """Sizes of the earlier checkpoints in the pack."""
    members: tuple[PackedFile, ...]

    def line(self) -> Line:
        size = wording.filesize(sum(member.size for member in self.members))
        return Line(f"Audit pack assembled: {wording.plural(len(self.members), 'file')}, {size}")


def stream_of(incident: str) -> str:
    return f"pack/{incident}"
