"""Whoever was asked to do something for an incident, and hears when that is done or void (R-ESC-04).

One idea: what was asked of whom is what the messages say that were queued. So people told in place of others
are among them, and those who were asked for an incident that was merged into this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select

from holdfast.incident.events import Member
from holdfast.incident.incident import Incident
from holdfast.incident.loading import load
from holdfast.ledger import tables
from holdfast.ledger.facts import Recorded
from holdfast.ledger.ledger import Ledger, recorded_from
from holdfast.ledger.outbox import MessageQueued
from holdfast.prepare.terms import Moment


class Asked(StrEnum):
    """What somebody is asked to do."""

    ANSWER = "answer"
    """They were called, or told in place of somebody who was not reached."""
    SEVERITY = "decide on the severity"
    CONTAINMENT = "decide on a containment"
    PROMISE = "keep a promise"
    """Its end was near."""


SEVERITY_ASKED = "proposal"
CONTAINMENT_ASKED = "containment proposed"
PROMISE_ASKED = "clock near"
"""What messages that ask for a decision say they are about."""
HARM_WENT_ON = "harm went on"
"""What messages say they are about that take back that an incident is resolved."""
_CALLS = (Moment.OPENED, Moment.ESCALATED, Moment.CLOCK_BREACHED)


def asks(queued: MessageQueued) -> Asked | None:
    """What a message asks its receiver to do; None where it only tells."""
    if queued.about == SEVERITY_ASKED:
        return Asked.SEVERITY
    if queued.about == CONTAINMENT_ASKED:
        return Asked.CONTAINMENT
    if queued.about == PROMISE_ASKED:
        return Asked.PROMISE
    called = queued.about == Moment.ESCALATED or (queued.instead_of and queued.about in _CALLS)
    return Asked.ANSWER if called else None


def told(ledger: Ledger, state: Incident, about: str) -> list[Member]:
    """Everybody for whom a message about this was queued, for an incident or one that was merged into it."""
    return _receivers(_queued(ledger, state), lambda recorded, queued: queued.about == about)


def asked(
    ledger: Ledger,
    state: Incident,
    *kinds: Asked,
    since: datetime | None = None,
    only: Callable[[MessageQueued], bool] = lambda queued: True,
) -> list[Member]:
    """Everybody who was asked one of these for an incident, or for one that was merged into it, each once;
    and whoever has taken over the role since for which they were."""

    def wanted(recorded: Recorded, queued: MessageQueued) -> bool:
        new = since is None or recorded.at >= since
        return new and asks(queued) in kinds and only(queued)

    found = _receivers(_queued(ledger, state), wanted)
    roles = {one.role for one in found}
    found += [one for one in state.taken_over if one.role in roles]
    return list({one.person: one for one in reversed(found)}.values())[::-1]


def _queued(ledger: Ledger, state: Incident) -> Iterator[Recorded]:
    """Every message about an incident, or about one that was merged into it, the oldest first."""
    box, facts = tables.outbox.c, tables.facts
    joined = facts.join(tables.outbox, facts.c.seq == box.queued_seq)
    query = select(facts).select_from(joined).where(box.incident.in_([*_one_with(ledger, state)]))
    with ledger.reading() as conn:
        rows = conn.execute(query.order_by(facts.c.seq)).all()
    return map(recorded_from, rows)


def _receivers(
    messages: Iterable[Recorded], wanted: Callable[[Recorded, MessageQueued], bool]
) -> list[Member]:
    """Whom the messages that are wanted went to, each once."""
    found: dict[str, Member] = {}
    for recorded in messages:
        queued = recorded.fact
        if isinstance(queued, MessageQueued) and wanted(recorded, queued):
            found.setdefault(queued.to, Member(queued.role, queued.to, queued.name or queued.to))
    return list(found.values())


def _one_with(ledger: Ledger, state: Incident) -> Iterator[str]:
    """The incident, and all that were merged into it."""
    yield state.id
    for other in state.absorbed:
        yield from _one_with(ledger, load(ledger, other).state)
