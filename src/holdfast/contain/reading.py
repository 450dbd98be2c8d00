"""Reading containments: the projection behind pages, and the stream behind a decision."""

from __future__ import annotations

from collections.abc import Sequence
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
    select,
)

from holdfast.contain.containment import Containment
from holdfast.contain.events import ContainmentFact
from holdfast.ledger.facts import Recorded
from holdfast.ledger.folding import Folded, Kind
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.stored import States, Stored
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


def _after(state: Containment, recorded: Recorded) -> Containment:
    return state.after(cast(ContainmentFact, recorded.fact), recorded.at, recorded.by)


def _row(state: Containment) -> dict[str, object]:
    return {
        "incident": state.incident,
        "number": int(state.id.rpartition("-C")[2]),
        "system": state.system,
        "stage": state.stage.value,
        "in_force": state.in_force,
    }


class Containments:
    """The projection that keeps one row per containment."""

    name = "containments"
    tables: tuple[Table, ...] = (containments,)
    _states = States(containments, _STATES, Containment(), _after, _row)

    def apply(self, conn: Connection, facts: Sequence[Recorded]) -> None:
        own = [one for one in facts if isinstance(one.fact, _FACTS)]
        self._states.add_up(conn, [(cast(ContainmentFact, one.fact).containment, one) for one in own])


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


CONTAINMENTS = Kind("containment", lambda containment: Containment())
Loaded: TypeAlias = Folded[Containment]
"""A containment as it was when read; `draft` appends on exactly that."""


stream_of = CONTAINMENTS.stream_of


def load(ledger: Ledger, containment: str) -> Loaded:
    """Raises NoSuchContainment."""
    loaded = CONTAINMENTS.load(ledger, containment)
    if not loaded.version:
        raise NoSuchContainment(
            f"there is no containment {containment}; an incident's page lists its containments"
        )
    return loaded
