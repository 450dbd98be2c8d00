"""Custody: the items of an incident, every access to them, and the check of their bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from holdfast.evidence.capture import Found, take
from holdfast.evidence.events import (
    EvidenceAccessed,
    EvidenceAdded,
    EvidenceFrozen,
    EvidenceVerified,
    Gap,
    Item,
    Kind,
)
from holdfast.evidence.vault import Vault
from holdfast.ledger.facts import Fact
from holdfast.ledger.ledger import Ledger
from holdfast.people import Actor


class NoSuchItem(Exception):
    """The incident holds no item of this number."""


def stream_of(incident: str) -> str:
    return f"evidence/{incident}"


def items(facts: Iterable[Fact]) -> tuple[Item, ...]:
    """All items that an incident's evidence facts name, in order."""
    held: list[Item] = []
    for fact in facts:
        if isinstance(fact, EvidenceFrozen):
            held.extend(fact.items)
        elif isinstance(fact, EvidenceAdded):
            held.append(fact.item)
    return tuple(held)


def gaps(facts: Iterable[Fact]) -> tuple[Gap, ...]:
    """What could not be preserved."""
    return tuple(gap for fact in facts if isinstance(fact, EvidenceFrozen) for gap in fact.missing)


def next_item(
    facts: Iterable[Fact], found: Found, at: datetime, vault: Vault, years: Mapping[Kind, int]
) -> Item:
    """Take one more thing into the vault, numbered after what the incident holds. Raises VaultProblem."""
    return take(found, f"EV-{len(items(facts)) + 1}", at, vault, years)


def open_item(
    ledger: Ledger, vault: Vault, incident: str, item: str, *, by: Actor, at: datetime
) -> tuple[Item, Iterator[bytes]]:
    """Give out an item's bytes; the access is on the ledger before the first byte leaves.

    Raises NoSuchItem, and VaultProblem while reading when the bytes are not the recorded ones.
    """
    found = find(ledger, incident, item)
    _record(ledger, EvidenceAccessed(incident=incident, item=item, how="download"), by, at)
    return found, vault.read(found.sha256)


def refuse(ledger: Ledger, incident: str, item: str, reason: str, *, by: Actor, at: datetime) -> None:
    """Record that somebody asked for evidence and was refused."""
    accessed = EvidenceAccessed(incident=incident, item=item, how="refused", reason=reason)
    _record(ledger, accessed, by, at)


def verify(ledger: Ledger, vault: Vault, incident: str, *, by: Actor, at: datetime) -> EvidenceVerified:
    """Hash every item of the incident again and record the result."""
    held = items(ledger.stream(stream_of(incident)).events)
    found = ((item, vault.verify(item.sha256, item.size)) for item in held)
    problems = tuple(f"{item.item} {item.title}: {problem}" for item, problem in found if problem)
    verified = EvidenceVerified(incident=incident, items=len(held), problems=problems)
    _record(ledger, verified, by, at)
    return verified


def find(ledger: Ledger, incident: str, item: str) -> Item:
    """One item. Raises NoSuchItem."""
    held = items(ledger.stream(stream_of(incident)).events)
    for each in held:
        if each.item == item:
            return each
    names = ", ".join(each.item for each in held) or "nothing"
    raise NoSuchItem(f"{incident} has no evidence called {item}; it holds {names}")


def _record(ledger: Ledger, fact: EvidenceAccessed | EvidenceVerified, by: Actor, at: datetime) -> None:
    ledger.change(f"custody/{fact.incident}", lambda stream: [fact], by, at)
