"""Reactions: forward motion by facts. A fact on the ledger is handed to the next step, in order.

Each reaction keeps its own position. It is handed a fact at least once: a step that is handed one a
second time must find that there is nothing left to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import insert, select, update

from holdfast.ledger import tables
from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.ledger import Ledger


class Trace(Protocol):
    """What a reaction leaves on the record, so that a check sees what it was never handed.

    It is shown every fact in order, and then says which of them something had to come of, and nothing did.
    """

    def see(self, recorded: Recorded) -> None: ...

    def untouched(self) -> Iterator[tuple[int, str]]:
        """Number of each such fact, and what did not happen, in the order of the ledger."""


@dataclass(frozen=True, slots=True)
class Reaction:
    name: str
    to: tuple[type[Fact], ...]
    step: Callable[[Recorded, datetime], None]
    trace: Callable[[datetime], Trace] | None = None
    """Made anew for a check at that time; None for a step that may rightly leave nothing."""


def react(ledger: Ledger, reactions: Sequence[Reaction], at: datetime, limit: int | None = None) -> int:
    """Hand new facts to every reaction until none has anything left; returns how many were handed.

    With a `limit`, at most so many to each: what is left is handed over the next time.
    """
    if limit is not None:
        return sum(_advance(ledger, reaction, at, limit) for reaction in reactions)
    handed = 0
    while now_handed := sum(_advance(ledger, reaction, at) for reaction in reactions):
        handed += now_handed
    return handed


def _advance(ledger: Ledger, reaction: Reaction, at: datetime, limit: int | None = None) -> int:
    position = _position(ledger, reaction.name)
    handed, newest = 0, position
    for recorded in ledger.facts(after=position):
        if handed == limit:
            break
        if isinstance(recorded.fact, reaction.to):
            # A crash after the step and before the next line hands the fact over again.
            reaction.step(recorded, at)
            handed += 1
            _move(ledger, reaction.name, recorded.seq)
        newest = recorded.seq
    if newest != position:
        _move(ledger, reaction.name, newest)
    return handed


def _position(ledger: Ledger, name: str) -> int:
    cursors = tables.reaction_cursors
    with ledger.reading() as conn:
        row = conn.execute(select(cursors.c.seq).where(cursors.c.reaction == name)).first()
    return row.seq if row else -1


def _move(ledger: Ledger, name: str, seq: int) -> None:
    cursors = tables.reaction_cursors
    with ledger.database.writing() as conn:
        moved = conn.execute(
            update(cursors).where(cursors.c.reaction == name, cursors.c.seq < seq).values(seq=seq)
        )
        if (
            not moved.rowcount
            and conn.execute(select(cursors.c.seq).where(cursors.c.reaction == name)).first() is None
        ):
            conn.execute(insert(cursors).values(reaction=name, seq=seq))
