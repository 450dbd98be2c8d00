"""Facts about evidence: what was frozen, added, looked at and checked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from holdfast.ledger.facts import Fact, Line, fact


class Kind(StrEnum):
    """The six kinds of R-EVD-01."""

    MODEL_ARTEFACTS = "model_artefacts"
    DATA_SNAPSHOTS = "data_snapshots"
    LOGS_AND_TRACES = "logs_and_traces"
    MONITORING_DATA = "monitoring_data"
    COMMUNICATION_RECORDS = "communication_records"
    INVESTIGATION_NOTES = "investigation_notes"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of evidence; its bytes are in the vault under their digest."""

    item: str
    """`EV-1`, numbered within the incident."""
    kind: Kind
    title: str
    name: str
    """File name in packs and downloads."""
    sha256: str
    size: int
    """Bytes."""
    media_type: str
    source: str
    """Where it was taken from, in words."""
    retain_until: datetime


BY_HAND = "people collect it; where: "
"""How the reason begins of what the playbook lists and no source can take."""


@dataclass(frozen=True, slots=True)
class Gap:
    """What could not be preserved, and why: a gap stated is better than a gap found."""

    kind: Kind
    title: str
    reason: str

    @property
    def by_hand(self) -> bool:
        """Whether no source can take it: people have to add it."""
        return self.reason.startswith(BY_HAND)


@fact("evidence.frozen")
class EvidenceFrozen(Fact):
    """Preserved when the incident opened, before containment could change anything (R-EVD-02), or when more
    became known to belong to it. What people have to add is stated once."""

    incident: str
    items: tuple[Item, ...]
    missing: tuple[Gap, ...] = ()

    def line(self) -> Line:
        size = sum(item.size for item in self.items)
        what = "; ".join(f"{item.item} {item.title}" for item in self.items)
        gaps = "; ".join(f"{gap.title} ({gap.reason})" for gap in self.missing)
        detail = f"{what}. Not captured: {gaps}" if gaps else what
        count = len(self.items)
        return Line(f"Evidence frozen: {count} item{'s' * (count != 1)}, {size:,} bytes", detail)


@fact("evidence.added")
class EvidenceAdded(Fact):
    incident: str
    item: Item

    def line(self) -> Line:
        return Line(f"Evidence added: {self.item.item} {self.item.title}", self.item.source)


@fact("evidence.accessed")
class EvidenceAccessed(Fact):
    """Every look at evidence is on the record, also a refused one (R-EVD-06)."""

    incident: str
    """Empty for a look at how much every incident holds."""
    item: str
    """`EV-1`, or what else was looked at: `all items`, `every incident`."""
    how: str
    """listed, download, pack or refused"""
    reason: str = ""

    def line(self) -> Line | None:
        if self.how == "listed":
            return None  # custody lists it; a timeline of who opened a page would hide what happened
        tone: Literal["alarm", "plain"] = "alarm" if self.how == "refused" else "plain"
        return Line(f"Evidence {self.item}: {self.how}", self.reason, tone)


@fact("vault.swept")
class VaultSwept(Fact):
    """Copies that killed runs had left half made in the vault were removed; no fact named them."""

    files: int
    size: int
    """Bytes."""

    def line(self) -> Line:
        return Line(f"Leftovers of {self.files} killed runs removed from the vault", f"{self.size:,} bytes")


@fact("temporary.swept")
class TemporarySwept(Fact):
    """Packs and copies of logs that killed processes had left in the temporary folder were removed."""

    folders: int
    size: int
    """Bytes."""

    def line(self) -> Line:
        return Line(
            f"Leftovers of {self.folders} killed runs removed from the temporary folder",
            f"{self.size:,} bytes",
        )


@fact("evidence.verified")
class EvidenceVerified(Fact):
    """The stored bytes were hashed again and compared with the record."""

    incident: str
    items: int
    problems: tuple[str, ...] = ()

    def line(self) -> Line:
        if self.problems:
            return Line("Evidence does not match its record", "; ".join(self.problems), "alarm")
        return Line(f"Evidence verified: {self.items} items match their hashes")
