"""Reading containments: the projection behind pages, and the stream behind a decision."""

from __future__ import annotations

from typing import Any, TypeAlias, cast, get_args

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    String,
    Table,
    Text,
    insert,
    select,
    update,
)

from holdfast.contain.containment import Containment
from holdfast.contain.events import ContainmentFact, ContainmentProposed
from holdfast.ledger.facts import Recorded
from holdfast.ledger.folding import Folded, Kind
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.stored import Stored
from holdfast.ledger.tables import metadata
from holdfast.problems import NotThere

containments = Table(
    "containments",
    metadata,
    Column("containment", String(60), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("incident", String(40), nullable=False),
    Column("system", String(100), nullable=False),
    Column("stage", String(20), nullable=False),
    Column("in_force", Boolean, nullable=False),
    # The folded state, so that there is one logic: the aggregate's.
    Column("state", Text, nullable=False),
    Index("containments_by_incident", "incident", "number"),
    Index("containments_by_system", "system", "in_force"),
)

_FACTS: tuple[type, ...] = get_args(ContainmentFact)


_STATES = Stored(Containment, 1024)


class Containments:
    """The projection that keeps one row per containment."""

    name = "containments"
    tables: tuple[Table, ...] = (containments,)

    def apply(self, conn: Connection, recorded: Recorded) -> None:
        if not isinstance(recorded.fact, _FACTS):
            return
        fact = cast(ContainmentFact, recorded.fact)
        before = Containment() if isinstance(fact, ContainmentProposed) else get(conn, fact.containment)
        state = before.after(fact, recorded.at, recorded.by)
        row = {
            "incident": state.incident,
            "number": int(state.id.rpartition("-C")[2]),
            "system": state.system,
            "stage": state.stage.value,
            "in_force": state.in_force,
            "state": _STATES.text(state),
        }
        changed = conn.execute(
            update(containments).where(containments.c.containment == state.id).values(**row)
        )
        if not changed.rowcount:
            conn.execute(insert(containments).values(containment=state.id, **row))


def get(conn: Connection, containment: str) -> Containment:
    """One containment; an empty one (`id` is empty) where there is none."""
    query = select(containments.c.state).where(containments.c.containment == containment)
    row = conn.execute(query).first()
    return _state(row) if row else Containment()


def containments_of(conn: Connection, incident: str) -> list[Containment]:
    """Every containment of an incident, in the order they were proposed."""
    query = select(containments.c.state).where(containments.c.incident == incident)
    return [_state(row) for row in conn.execute(query.order_by(containments.c.number))]


def active(conn: Connection, system: str = "") -> list[Containment]:
    """Every containment whose switch is set now, of one system or of all, oldest incident first."""
    query = select(containments.c.state).where(containments.c.in_force.is_(True))
    if system:
        query = query.where(containments.c.system == system)
    found = [_state(row) for row in conn.execute(query)]
    return sorted(found, key=lambda one: (one.applied.at if one.applied else None, one.id))


def _state(row: Any) -> Containment:
    return _STATES.read(row.state)


# One containment to decide on ----------------------------------------------------------------------


class NoSuchContainment(NotThere):
    """There is no containment of this number."""


CONTAINMENTS = Kind(
    "containment",
    Containment(),
    lambda state, recorded: state.after(cast(ContainmentFact, recorded.fact), recorded.at, recorded.by),
)
Loaded: TypeAlias = Folded[Containment]
"""A containment as it was when read; `draft` appends on exactly that."""


def stream_of(containment: str) -> str:
    return CONTAINMENTS.stream_of(containment)


def load(ledger: Ledger, containment: str) -> Loaded:
    """Raises NoSuchContainment."""
    loaded = CONTAINMENTS.load(ledger, containment)
    if not loaded.version:
        raise NoSuchContainment(
            f"there is no containment {containment}; an incident's page lists its containments"
        )
    return loaded
