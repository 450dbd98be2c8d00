"""Links: what a statement rests on, and whether it is there."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from holdfast.evidence import custody
from holdfast.incident.incident import Incident
from holdfast.incident.register import incident_record
from holdfast.investigate.events import Link, LinkKind
from holdfast.ledger import tables
from holdfast.ledger.ledger import Ledger, recorded_from
from holdfast.problems import NotAllowed, did_you_mean

_SPELLINGS = (
    (re.compile(r"(EV-[1-9][0-9]*)", re.IGNORECASE), LinkKind.EVIDENCE),
    (re.compile(r"#([0-9]{1,18})"), LinkKind.ENTRY),
    (re.compile(r"monitor:(\S+)"), LinkKind.MONITOR),
)

SPELLING = r"^([Ee][Vv]-[1-9][0-9]*|#[0-9]{1,18}|monitor:[^\s\x00]+)$"
"""The same as one pattern, for who writes links by a schema."""


@dataclass(frozen=True, slots=True)
class Known:
    """What statements of one incident can rest on."""

    incident: str
    evidence: frozenset[str]
    entries: frozenset[int]
    """Of those asked about, the ones that belong to the incident or its AI system."""
    monitors: frozenset[str]

    def problem(self, link: Link) -> str | None:
        """A sentence when the link leads nowhere."""
        match link.kind:
            case LinkKind.EVIDENCE:
                if link.ref in self.evidence:
                    return None
                held = ", ".join(sorted(self.evidence, key=_number)) or "nothing"
                return f"{self.incident} has no evidence called {link.ref}; it holds {held}"
            case LinkKind.ENTRY:
                if int(link.ref) in self.entries:
                    return None
                return f"entry #{link.ref} is not part of the record of {self.incident} or its AI system"
            case LinkKind.MONITOR:
                if link.ref in self.monitors:
                    return None
                return f"no monitor is called {link.ref}; {did_you_mean(link.ref, self.monitors)}"


def parse(text: str) -> Link:
    """The link that `EV-3`, `#17` or `monitor:accuracy` spells. Raises NotAllowed."""
    for pattern, kind in _SPELLINGS:
        if match := pattern.fullmatch(text.strip()):
            ref = match[1].upper() if kind is LinkKind.EVIDENCE else match[1]
            return Link(kind, str(int(ref)) if kind is LinkKind.ENTRY else ref)
    raise NotAllowed(
        f"{text.strip()!r} is no link; write EV-3 for evidence, #17 for a ledger entry, or "
        "monitor:accuracy for a monitor"
    )


def known(
    ledger: Ledger, incident: str, system: str, monitors: Collection[str], links: Iterable[Link]
) -> Known:
    """What is there of the things these links speak of."""
    held = custody.items(ledger.stream(custody.stream_of(incident)).events)
    asked = {int(link.ref) for link in links if link.kind is LinkKind.ENTRY}
    return Known(
        incident,
        frozenset(item.item for item in held),
        _entries(ledger, incident, system, asked),
        frozenset(monitors),
    )


def require(ledger: Ledger, state: Incident, monitors: Collection[str], links: Sequence[Link]) -> None:
    """Raises NotAllowed with a sentence for the first link that leads nowhere."""
    there = known(ledger, state.id, state.system, monitors, links)
    for link in links:
        if problem := there.problem(link):
            raise NotAllowed(problem)


def _entries(ledger: Ledger, incident: str, system: str, asked: set[int]) -> frozenset[int]:
    """Those of the entries that name the incident, or the AI system it is about."""
    if not asked:
        return frozenset()
    facts = tables.facts
    own = select(incident_record.c.seq).where(
        incident_record.c.incident == incident, incident_record.c.seq.in_(asked)
    )
    with ledger.reading() as conn:
        found = {row.seq for row in conn.execute(own)}
        others = conn.execute(select(facts).where(facts.c.seq.in_(asked - found))).all()
    about = (recorded_from(row) for row in others)
    found |= {entry.seq for entry in about if system and getattr(entry.fact, "system", "") == system}
    return frozenset(found)


def _number(item: str) -> int:
    return int(item.removeprefix("EV-"))
