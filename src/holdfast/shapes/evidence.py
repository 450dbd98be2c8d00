"""Evidence items, what could not be preserved, and the check of their bytes."""

from __future__ import annotations

from datetime import datetime

from holdfast.evidence.custody import Listing
from holdfast.evidence.events import EvidenceVerified, Item, Kind
from holdfast.shapes.base import Shown


class EvidenceItem(Shown):
    item: str
    kind: Kind
    title: str
    name: str
    sha256: str
    size: int
    """Bytes."""
    media_type: str
    source: str
    retain_until: datetime


class GapShown(Shown):
    """What could not be preserved, and why."""

    kind: Kind
    title: str
    reason: str


class Evidence(Shown):
    incident: str
    items: tuple[EvidenceItem, ...]
    missing: tuple[GapShown, ...]


class Verified(Shown):
    """The stored bytes hashed again."""

    incident: str
    items: int
    holds: bool
    problems: tuple[str, ...]


def held(incident: str, listed: Listing) -> Evidence:
    return Evidence(
        incident=incident,
        items=tuple(item(one) for one in listed.items),
        missing=tuple(GapShown.model_validate(gap) for gap in listed.gaps),
    )


def item(found: Item) -> EvidenceItem:
    return EvidenceItem.model_validate(found)


def verified(fact: EvidenceVerified) -> Verified:
    return Verified(incident=fact.incident, items=fact.items, holds=not fact.problems, problems=fact.problems)
