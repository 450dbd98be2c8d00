"""Reactions: forward motion by facts. A fact on the ledger is handed to the next step, in order.

Each reaction keeps its own position. It is handed a fact at least once: a step that is handed one a
second time must find that there is nothing left to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, delete, insert, select, update

from holdfast.ledger import tables
from holdfast.ledger.events import STREAM, PositionDoubted
from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.row_key import RowKey
from holdfast.people import SYSTEM

_CURSORS = tables.reaction_cursors


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
    position = _position(ledger, reaction.name, at)
    handed, newest = 0, None
    for recorded in ledger.facts(after=position):
        if handed == limit:
            break
        if isinstance(recorded.fact, reaction.to):
            # A crash after the step and before the next line hands the fact over again.
            reaction.step(recorded, at)
            handed += 1
            _move(ledger, reaction.name, recorded)
        newest = recorded
    if newest is not None:
        _move(ledger, reaction.name, newest)
    return handed


def _position(ledger: Ledger, name: str, at: datetime) -> int:
    """Behind which fact the reaction goes on. A position that cannot be believed is none: everything is
    handed over again, on the record, and whoever moved it has made nobody pass over anything."""
    with ledger.reading() as conn:
        row = conn.execute(select(_CURSORS).where(_CURSORS.c.reaction == name)).first()
        why = doubt(conn, ledger.row_key, row) if row else ""
    if row is None or why:
        if why:
            _set_aside(ledger, name, row, why, at)
        return -1
    return int(row.seq)


def doubt(conn: Connection, row_key: RowKey, row: Any) -> str:
    """Why a stored position is not to be believed; empty where it is."""
    if not row_key.wrote(_CURSORS, row):
        return "Holdfast did not write it"
    stands_on = conn.execute(select(tables.facts.c.leaf_hash).where(tables.facts.c.seq == row.seq)).scalar()
    if stands_on is None or bytes(stands_on).hex() != row.leaf_hash:
        return "the fact that it stands on is another, or not there"
    return ""


def _set_aside(ledger: Ledger, name: str, row: Any, why: str, at: datetime) -> None:
    told = PositionDoubted(reaction=name, position=str(row.seq)[:100], reason=why)

    def keeping(conn: Connection) -> None:
        conn.execute(delete(_CURSORS).where(_CURSORS.c.reaction == name))

    ledger.tell(STREAM, told, by=SYSTEM, at=at, keeping=keeping)


def _move(ledger: Ledger, name: str, onto: Recorded) -> None:
    row = {"reaction": name, "seq": onto.seq, "leaf_hash": onto.leaf_hash.hex()}
    signed = ledger.row_key.signed(_CURSORS, row)
    behind = (_CURSORS.c.reaction == name, _CURSORS.c.seq < onto.seq)
    with ledger.database.writing() as conn:
        moved = conn.execute(update(_CURSORS).where(*behind).values(**signed))
        if (
            not moved.rowcount
            and conn.execute(select(_CURSORS.c.seq).where(_CURSORS.c.reaction == name)).first() is None
        ):
            conn.execute(insert(_CURSORS).values(**signed))
