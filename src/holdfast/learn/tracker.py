"""The tracker: every remediation item across incidents. A projection of remediation facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast, get_args

from sqlalchemy import Column, Connection, Index, Select, String, Table, Text, func, select

from holdfast import clock
from holdfast.learn.events import Method, RemediationFact
from holdfast.learn.remediation import Item, Remediations, Standing
from holdfast.ledger.facts import Recorded
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.stored import States, Stored
from holdfast.ledger.tables import metadata
from holdfast.problems import NotThere

remediations = Table(
    "remediations",
    metadata,
    Column("item", String(60), primary_key=True),
    Column("incident", String(40), nullable=False),
    Column("standing", String(20), nullable=False),
    Column("responsible", String(200), nullable=False),
    Column("deadline", String(27), nullable=False),
    # What verifies it, so that a new measurement finds the items that wait for it.
    Column("system", String(100), nullable=False),
    Column("monitor", String(200), nullable=False),
    # The folded item, so that it has one logic: the aggregate's.
    Column("state", Text, nullable=False),
    Index("remediations_by_deadline", "standing", "deadline"),
    Index("remediations_by_monitor", "system", "monitor"),
)

_FACTS: tuple[type, ...] = get_args(RemediationFact)
_TO_DO = (Standing.PLANNED.value, Standing.STARTED.value)


_ITEMS = Stored(Item, 1024)


def _after(item: Item | None, recorded: Recorded) -> Item:
    """An item after one of its own facts: those of an incident's others do not change it."""
    fact = cast(Any, recorded.fact)
    alone = Remediations(fact.incident, {fact.item: item} if item else {})
    return alone.after(fact, recorded.at, recorded.by).items[fact.item]


def _row(item: Item | None) -> dict[str, object]:
    assert item is not None
    return {
        "incident": item.incident,
        "standing": item.standing.value,
        "responsible": item.responsible,
        "deadline": clock.stamp(item.deadline),
        "system": item.system,
        "monitor": item.verification.monitor,
    }


class Tracker:
    """Keeps one row per remediation item."""

    name = "remediations"
    tables: tuple[Table, ...] = (remediations,)
    _items: States[Item | None] = States(remediations, cast(Any, _ITEMS), None, _after, _row)

    def apply(self, conn: Connection, facts: Sequence[Recorded]) -> None:
        own = [one for one in facts if isinstance(one.fact, _FACTS)]
        self._items.add_up(conn, [(cast(Any, one.fact).item, one) for one in own])


# Reading ---------------------------------------------------------------------------------------


def get(conn: Connection, item: str) -> Item | None:
    row = conn.execute(select(remediations.c.state).where(remediations.c.item == item)).first()
    return _ITEMS.read(row.state) if row else None


def require(ledger: Ledger, item: str) -> Item:
    """Raises NotThere."""
    with ledger.reading() as conn:
        found = get(conn, item)
    if found is None:
        raise NotThere(f"there is no remediation {item}; its incident lists what there is")
    return found


def due_items(
    conn: Connection, *, until: datetime | None = None, responsible: str = "", limit: int = 50
) -> list[Item]:
    """Items still to be done, the nearest deadline first; those due by `until`, of one person."""
    query = _to_do(until, responsible).order_by(remediations.c.deadline, remediations.c.item)
    return [_ITEMS.read(row.state) for row in conn.execute(query.limit(limit))]


def count_overdue(conn: Connection, now: datetime) -> int:
    """How many items are past their deadline and not done (R-AUD-08)."""
    return conn.execute(select(func.count()).select_from(_to_do(now, "").subquery())).scalar_one()


def _to_do(until: datetime | None, responsible: str) -> Select[tuple[str]]:
    query = select(remediations.c.state, remediations.c.deadline, remediations.c.item)
    query = query.where(remediations.c.standing.in_(_TO_DO))
    if until:
        query = query.where(remediations.c.deadline < clock.stamp(until))
    if responsible:
        query = query.where(remediations.c.responsible == responsible)
    return cast("Select[tuple[str]]", query)


def waiting_for_verification(conn: Connection) -> list[Item]:
    """Items that are done and not yet shown to work, the oldest first."""
    query = select(remediations.c.state).where(remediations.c.standing == Standing.DONE.value)
    rows = conn.execute(query.order_by(remediations.c.deadline, remediations.c.item))
    return [_ITEMS.read(row.state) for row in rows]


def to_be_proven(conn: Connection, system: str) -> list[Item]:
    """Items that are not over, and that a monitor of this system has to prove."""
    query = (
        select(remediations.c.state)
        .where(remediations.c.system == system, remediations.c.monitor != "")
        .where(remediations.c.standing.in_([one.value for one in Standing if one.open]))
        .order_by(remediations.c.item)
    )
    return [_ITEMS.read(row.state) for row in conn.execute(query)]


def waiting_for_monitor(conn: Connection, system: str, monitor: str) -> list[Item]:
    """Done items that this monitor of this system has to prove."""
    query = (
        select(remediations.c.state)
        .where(remediations.c.system == system, remediations.c.monitor == monitor)
        .where(remediations.c.standing == Standing.DONE.value)
        .order_by(remediations.c.item)
    )
    found = [_ITEMS.read(row.state) for row in conn.execute(query)]
    return [item for item in found if item.verification.method is Method.MONITOR]
