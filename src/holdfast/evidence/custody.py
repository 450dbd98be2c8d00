"""Custody: the items of an incident, who may look at them, every look, and the check of their bytes.

One idea: there is one door. Pages, API and terminal say who asks and what for; here it is decided, and it
stands on the ledger before anything is shown – the refusal just as the look (R-EVD-06). Bytes that are not
the recorded ones are given to nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import select

from holdfast import scratch
from holdfast.evidence.capture import Found, take
from holdfast.evidence.events import (
    EvidenceAccessed,
    EvidenceAdded,
    EvidenceFrozen,
    EvidenceVerified,
    Gap,
    Item,
    Kind,
    TemporarySwept,
    VaultSwept,
)
from holdfast.evidence.vault import Vault, VaultProblem
from holdfast.ledger import tables
from holdfast.ledger.facts import Fact, decode
from holdfast.ledger.ledger import Ledger
from holdfast.people import Actor, Permission
from holdfast.problems import NoAuthority, NotAllowed, NotThere
from holdfast.wording import plural

WHOLE = "all items"
"""What is looked at when no single item is: the list of an incident, or all its bytes for a check."""
EVERYWHERE = "every incident"
SAME_LOOK = timedelta(hours=1)
"""How long a page that refreshes itself goes on with the look that was recorded."""


class NoSuchItem(NotThere):
    """The incident holds no item of this number."""


class Withheld(NotAllowed):
    """The stored bytes are not the recorded ones, or are gone: nobody gets them."""


class Asker(Protocol):
    """Somebody at a door: who they are, and what roster, session and token let them do at this moment."""

    @property
    def actor(self) -> Actor: ...

    def refusal(self, permission: Permission) -> str:
        """Why they may not; empty when they may."""
        ...


@dataclass(frozen=True, slots=True)
class Listing:
    """What one incident holds, and what could not be preserved."""

    items: tuple[Item, ...]
    gaps: tuple[Gap, ...]
    added: Mapping[Kind, tuple[str, ...]]
    """Items that people added since the opening, by kind: they may fill a gap of it."""

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(item.size for item in self.items)


_NAMED = 3
"""Gaps that a sentence names; the evidence page lists all."""


def frozen_said(ledger: Ledger, incident: str) -> str:
    """What was frozen for an incident, and which gaps there are, for whoever just made it so."""
    facts = ledger.stream(stream_of(incident)).events
    many = sum(len(fact.items) for fact in facts if isinstance(fact, EvidenceFrozen))
    is_or_are = "is" if many == 1 else "are"
    said = f"{plural(many, 'item')} of evidence {is_or_are} frozen." if many else "No evidence is frozen."
    names = list(dict.fromkeys(gap.title for gap in gaps(facts)))
    if not names:
        return said
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{said} Not preserved: {', '.join(names[:_NAMED])}{more}."


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
    """What could not be preserved: each freezing asks every source again, and the newest one tells. What
    people have to add is asked of no source, and stays."""
    frozen = [fact for fact in facts if isinstance(fact, EvidenceFrozen)]
    unread = [gap for gap in frozen[-1].missing if not gap.by_hand] if frozen else []
    by_hand = dict.fromkeys(gap for fact in frozen for gap in fact.missing if gap.by_hand)
    return (*unread, *by_hand)


def held(ledger: Ledger, incident: str) -> Listing:
    """What the record of an incident says it holds; for the record's own use, never for a door."""
    facts = ledger.stream(stream_of(incident)).events
    later = [fact.item for fact in facts if isinstance(fact, EvidenceAdded)]
    added = {kind: tuple(item.item for item in later if item.kind is kind) for kind in Kind}
    return Listing(items(facts), gaps(facts), added)


def any_held(ledger: Ledger) -> bool:
    """Whether evidence was ever taken in."""
    return next(_ever_held(ledger), None) is not None


def state_retention(ledger: Ledger, vault: Vault) -> None:
    """Tell the vault again until when it keeps what it holds: 0.1.0 took in without saying."""
    for item in _ever_held(ledger):
        vault.keep(item.sha256, item.retain_until)


def _ever_held(ledger: Ledger) -> Iterator[Item]:
    query = select(tables.facts.c.payload, tables.facts.c.type).where(
        tables.facts.c.type.in_((EvidenceFrozen.type, EvidenceAdded.type))
    )
    with ledger.reading() as conn:
        for row in conn.execute(query.order_by(tables.facts.c.seq)):
            _, fact = decode(row.type, json.loads(bytes(row.payload)))
            yield from items([fact])


def next_item(
    facts: Iterable[Fact], found: Found, at: datetime, vault: Vault, years: Mapping[Kind, int]
) -> Item:
    """Take one more thing into the vault, numbered after what the incident holds. Raises VaultProblem."""
    return take(found, f"EV-{len(items(facts)) + 1}", at, vault, years)


# The door ------------------------------------------------------------------------------------------


def permit(
    ledger: Ledger, incident: str, what: str, *, who: Asker, at: datetime, again: bool = False
) -> None:
    """Whether somebody may see evidence; a refusal is on the ledger before it is told.

    `again`: a page refreshes itself, so that a refusal told to them a moment ago is not told once more.
    Raises NoAuthority.
    """
    reason = who.refusal(Permission.READ_EVIDENCE)
    if not reason:
        return
    fact = EvidenceAccessed(incident=incident, item=what, how="refused", reason=reason)
    _look(ledger, fact, who.actor, at, again)
    raise NoAuthority(reason)


def listing(ledger: Ledger, incident: str, *, who: Asker, at: datetime, again: bool = False) -> Listing:
    """The items of one incident, for somebody to look at; the look is recorded, `again` once an hour.

    Raises NoAuthority.
    """
    permit(ledger, incident, WHOLE, who=who, at=at, again=again)
    fact = EvidenceAccessed(incident=incident, item=WHOLE, how="listed")
    _look(ledger, fact, who.actor, at, again)
    return held(ledger, incident)


def overview(ledger: Ledger, *, who: Asker, at: datetime, again: bool = False) -> None:
    """Somebody looks at how much each incident holds. Raises NoAuthority."""
    permit(ledger, "", EVERYWHERE, who=who, at=at, again=again)
    _look(ledger, EvidenceAccessed(incident="", item=EVERYWHERE, how="listed"), who.actor, at, again)


def hand_out(
    ledger: Ledger, vault: Vault, incident: str, item: str, *, who: Asker, at: datetime
) -> tuple[Item, Iterator[bytes]]:
    """An item's bytes for whoever may have them. Raises NoSuchItem, NoAuthority and Withheld."""
    find(ledger, incident, item)
    permit(ledger, incident, item, who=who, at=at)
    return open_item(ledger, vault, incident, item, by=who.actor, at=at)


def check(ledger: Ledger, vault: Vault, incident: str, *, who: Asker, at: datetime) -> EvidenceVerified:
    """Hash every item again for whoever may see them. Raises NoAuthority."""
    permit(ledger, incident, WHOLE, who=who, at=at)
    return verify(ledger, vault, incident, by=who.actor, at=at)


# What is recorded ----------------------------------------------------------------------------------


def open_item(
    ledger: Ledger, vault: Vault, incident: str, item: str, *, by: Actor, at: datetime
) -> tuple[Item, Iterator[bytes]]:
    """Give out an item's bytes. They are hashed first; the access is on the ledger before the first of them
    leaves, and so is it when they are held back, with what was found.

    Raises NoSuchItem; Withheld when the bytes are not the recorded ones, and VaultProblem while reading when
    they are changed at that very moment (the last block is then missing).
    """
    found = find(ledger, incident, item)
    try:
        blocks = vault.give(found.sha256, found.size)
    except VaultProblem as problem:
        withheld = f"{item} is not handed out: {problem}"
        refused = EvidenceAccessed(incident=incident, item=item, how="refused", reason=withheld)
        seen = EvidenceVerified(incident=incident, items=1, problems=(f"{item} {found.title}: {problem}",))
        ledger.tell(custody_of(incident), refused, seen, by=by, at=at)
        raise Withheld(withheld) from problem
    _record(ledger, EvidenceAccessed(incident=incident, item=item, how="download"), by, at)
    return found, blocks


def refuse(ledger: Ledger, incident: str, item: str, reason: str, *, by: Actor, at: datetime) -> None:
    """Record that somebody asked for evidence and was refused."""
    accessed = EvidenceAccessed(incident=incident, item=item, how="refused", reason=reason)
    _record(ledger, accessed, by, at)


def verify(ledger: Ledger, vault: Vault, incident: str, *, by: Actor, at: datetime) -> EvidenceVerified:
    """Hash every item of the incident again and record the result."""
    listed = held(ledger, incident).items
    found = ((item, vault.verify(item.sha256, item.size)) for item in listed)
    problems = tuple(f"{item.item} {item.title}: {problem}" for item, problem in found if problem)
    verified = EvidenceVerified(incident=incident, items=len(listed), problems=problems)
    _record(ledger, verified, by, at)
    return verified


def sweep(ledger: Ledger, vault: Vault, *, by: Actor, at: datetime) -> bool:
    """Remove what killed runs left in the vault, on the record; whether there was anything.

    A crash between the two leaves it removed and untold: nothing that a fact names is ever touched.
    """
    left = vault.sweep()
    if left is None:
        return False
    ledger.tell("vault", VaultSwept(files=left.files, size=left.size), by=by, at=at)
    return True


def sweep_temporary(ledger: Ledger, *, by: Actor, at: datetime) -> bool:
    """Remove what killed runs left in the temporary folder, on the record; whether there was anything."""
    left = scratch.sweep()
    if left is None:
        return False
    ledger.tell("vault", TemporarySwept(folders=left.files, size=left.size), by=by, at=at)
    return True


def find(ledger: Ledger, incident: str, item: str) -> Item:
    """One item. Raises NoSuchItem."""
    listed = held(ledger, incident).items
    for each in listed:
        if each.item == item:
            return each
    names = ", ".join(each.item for each in listed) or "nothing"
    raise NoSuchItem(f"{incident} has no evidence called {item}; it holds {names}")


def custody_of(incident: str) -> str:
    """The stream of who touched an incident's evidence; without an incident, of looks at all of it."""
    return f"custody/{incident}" if incident else "custody"


def _look(ledger: Ledger, fact: EvidenceAccessed, by: Actor, at: datetime, again: bool) -> None:
    """Record a look; `again`, only when it does not go on with one of the same person and outcome."""
    stream = custody_of(fact.incident)
    if again:
        for one in reversed(ledger.stream(stream).facts):
            if one.at <= at - SAME_LOOK:
                break
            same = isinstance(one.fact, EvidenceAccessed) and (one.fact.item, one.fact.how) == (
                fact.item,
                fact.how,
            )
            if same and one.by == by:
                return
    _record(ledger, fact, by, at)


def _record(ledger: Ledger, fact: EvidenceAccessed | EvidenceVerified, by: Actor, at: datetime) -> None:
    ledger.tell(custody_of(fact.incident), fact, by=by, at=at)
