"""Long lists, a page at a time: what views read from projection tables and from the facts themselves.

Nothing here decides anything. Every query is bounded, and ordered by an index of its table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from sqlalchemy import Connection, Select, bindparam, func, select

from holdfast.clock import parse
from holdfast.detect import records
from holdfast.detect.measurement import Measurement
from holdfast.detect.records import MEASUREMENTS, Alert
from holdfast.incident import register
from holdfast.incident.incident import Incident
from holdfast.incident.register import Filter
from holdfast.ledger import tables
from holdfast.ledger.facts import Recorded, UnknownFact
from holdfast.ledger.ledger import recorded_from
from holdfast.ledger.sealing import Sealed
from holdfast.prepare.systems import System
from holdfast.prepare.terms import Severity

EntryT = TypeVar("EntryT")

LAST_PAGE = 10_000
"""Pages further back are not asked for by people."""
MOST_GROUPED = 2_000
"""Alerts, the newest, that the inbox gathers by monitor."""
FARTHEST = 2**53
"""Positions beyond this are in no ledger."""


@dataclass(frozen=True, slots=True)
class Page(Generic[EntryT]):
    """One page of a long list, counted from 1."""

    entries: Sequence[EntryT]
    number: int
    size: int
    total: int

    @property
    def first(self) -> int:
        """Place of its first entry in the whole list; 0 where there is none."""
        return (self.number - 1) * self.size + 1 if self.entries else 0

    @property
    def last(self) -> int:
        return (self.number - 1) * self.size + len(self.entries)

    @property
    def several(self) -> bool:
        """Whether there is anything to turn to."""
        return self.total > self.size or self.number > 1

    def addresses(self, path: str, wanted: Mapping[str, str] | None = None) -> tuple[str, str]:
        """Addresses of the page before and after, empty at either end; filters stay as they are."""
        kept = {key: value for key, value in (wanted or {}).items() if value}

        def address(number: int) -> str:
            asked = {**kept, **({"page": str(number)} if number > 1 else {})}
            return f"{path}?{urlencode(asked)}" if asked else path

        before = address(self.number - 1) if self.number > 1 else ""
        return before, address(self.number + 1) if self.last < self.total else ""


def bounded(page: int) -> int:
    """A page number from an address, kept within sense."""
    return min(max(page, 1), LAST_PAGE)


def position(number: int | None) -> int | None:
    """A place in a stream or ledger from an address; none for what no database could hold."""
    return number if number is not None and 0 <= number < FARTHEST else None


def _count(conn: Connection, query: Select[tuple[str]]) -> int:
    return conn.execute(select(func.count()).select_from(query.subquery())).scalar_one()


# Alerts ------------------------------------------------------------------------------------------


def alerts(
    conn: Connection, outcomes: Sequence[str], system: str = "", number: int = 1, size: int = 25
) -> Page[Alert]:
    """Alerts of these outcomes (all where none are named), the newest first."""
    table = records.alerts
    query = select(table.c.alert)
    if outcomes:
        query = query.where(table.c.outcome.in_(outcomes))
    if system:
        query = query.where(table.c.system == system)
    chosen = query.order_by(table.c.number.desc()).limit(size).offset((number - 1) * size)
    found = [records.alert(conn, row.alert) for row in conn.execute(chosen).all()]
    return Page([one for one in found if one], number, size, _count(conn, query))


def alert_groups(
    conn: Connection,
    outcomes: Sequence[str],
    inventory: Mapping[str, System],
    system: str = "",
    number: int = 1,
    size: int = 25,
) -> Page[records.AlertGroup]:
    """Alerts of these outcomes by monitor and by what they led to, the newest first."""
    made = records.grouped(alerts(conn, outcomes, system, size=MOST_GROUPED).entries, inventory)
    return Page(made[(number - 1) * size : number * size], number, size, len(made))


def open_alerts(conn: Connection, system: str = "") -> dict[tuple[str, str], int]:
    """How many alerts are open now, by system and monitor."""
    table = records.alerts
    query = select(table.c.system, table.c.monitor, func.count()).where(table.c.state == "open")
    if system:
        query = query.where(table.c.system == system)
    rows = conn.execute(query.group_by(table.c.system, table.c.monitor))
    return {(row[0], row[1]): row[2] for row in rows}


# Measurements ------------------------------------------------------------------------------------


def windows(conn: Connection, system: str, series: str, number: int = 1, size: int = 30) -> Page[Measurement]:
    """The windows of one series as known now, the newest first."""
    own = {"system": system, "series": series}
    found = newest_windows(conn, system, series, size, (number - 1) * size)
    return Page(found, number, size, _count(conn, select(records.measurements.c.body).filter_by(**own)))


_NEWEST = (
    select(records.measurements.c.body)
    .filter_by(system=bindparam("of_system"), series=bindparam("of_series"))
    .order_by(records.measurements.c.window_start.desc())
    .limit(bindparam("most"))
    .offset(bindparam("behind"))
)


def newest_windows(
    conn: Connection, system: str, series: str, most: int, behind: int = 0
) -> list[Measurement]:
    """The newest windows of one series, those behind so many."""
    asked = {"of_system": system, "of_series": series, "most": most, "behind": behind}
    return [MEASUREMENTS.read(row.body) for row in conn.execute(_NEWEST, asked)]


def groups_at(conn: Connection, system: str, monitor: str, window_start: str) -> list[Measurement]:
    """What was measured for every group of one window."""
    table = records.measurements
    query = select(table.c.body).where(
        table.c.system == system, table.c.monitor == monitor, table.c.window_start == window_start
    )
    found = [MEASUREMENTS.read(row.body) for row in conn.execute(query.order_by(table.c.series))]
    return [one for one in found if one.group is not None]


def newest_window_with_groups(conn: Connection, system: str, monitor: str, everybody: str) -> str:
    """Start of the newest window of which groups are known, as the table spells it; empty for none.

    `everybody` is the series that stands for no group.
    """
    table = records.measurements
    query = select(func.max(table.c.window_start)).where(
        table.c.system == system, table.c.monitor == monitor, table.c.series != everybody
    )
    return conn.execute(query).scalar() or ""


# Incidents ---------------------------------------------------------------------------------------


def incidents(conn: Connection, number: int = 1, size: int = 20) -> Page[Incident]:
    """Every incident, those running first."""
    found = register.find(conn, Filter(), size, (number - 1) * size)
    return Page(found, number, size, register.count(conn, Filter()))


def reviews_to_do(conn: Connection, severities: Sequence[Severity], limit: int = 100) -> list[Incident]:
    """Resolved incidents of these severities that are not closed yet: their review is due, or done."""
    found: list[Incident] = []
    for severity in severities:
        found += register.find(conn, Filter(status="resolved", severity=severity.value), limit)
    return found


# Facts -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stored:
    """One row of the facts table as it is stored, also when nobody can read it any more."""

    seq: int
    stream: str
    stream_seq: int
    type: str
    recorded_at: str
    leaf: bytes
    leaf_hash: bytes
    salt: bytes
    payload: bytes
    recorded: Recorded | None
    """What it says; None where its bytes were changed or a newer release wrote it."""


def stored_facts(
    conn: Connection, before: int | None = None, stream: str = "", size: int = 50
) -> list[Stored]:
    """Facts in front of position `before`, of one stream or of all, the newest first."""
    query = select(tables.facts)
    if before is not None:
        query = query.where(tables.facts.c.seq < before)
    if stream:
        query = query.where(tables.facts.c.stream == stream)
    return [_stored(row) for row in conn.execute(query.order_by(tables.facts.c.seq.desc()).limit(size))]


def stored_fact(conn: Connection, seq: int) -> Stored | None:
    """The fact at one position."""
    row = conn.execute(select(tables.facts).where(tables.facts.c.seq == seq)).first()
    return _stored(row) if row else None


def beside(conn: Connection, fact: Stored) -> tuple[int | None, int | None]:
    """Positions of the facts before and after this one in its stream."""
    table = tables.facts
    found = {
        row.stream_seq: row.seq
        for row in conn.execute(
            select(table.c.seq, table.c.stream_seq).where(
                table.c.stream == fact.stream,
                table.c.stream_seq.in_([fact.stream_seq - 1, fact.stream_seq + 1]),
            )
        )
    }
    return found.get(fact.stream_seq - 1), found.get(fact.stream_seq + 1)


def _stored(row: Any) -> Stored:
    recorded: Recorded | None
    try:
        recorded = recorded_from(row)
    except (UnknownFact, ValueError, KeyError, TypeError):
        recorded = None  # the ledger's page must stand when the ledger does not
    return Stored(
        row.seq,
        row.stream,
        row.stream_seq,
        row.type,
        row.recorded_at,
        bytes(row.leaf),
        bytes(row.leaf_hash),
        bytes(row.salt),
        bytes(row.payload),
        recorded,
    )


def newest_of_stream(
    conn: Connection, stream: str, before: int | None = None, size: int = 50
) -> list[Recorded]:
    """Facts of one stream in front of its number `before`, the newest first."""
    query = select(tables.facts).where(tables.facts.c.stream == stream)
    if before is not None:
        query = query.where(tables.facts.c.stream_seq < before)
    rows = conn.execute(query.order_by(tables.facts.c.stream_seq.desc()).limit(size))
    return [recorded_from(row) for row in rows]


def newest_of_type(conn: Connection, stream: str, type_: str) -> Recorded | None:
    """The newest fact of one type on a stream."""
    table = tables.facts
    query = select(table).where(table.c.stream == stream, table.c.type == type_)
    row = conn.execute(query.order_by(table.c.stream_seq.desc()).limit(1)).first()
    return recorded_from(row) if row else None


def checkpoints(conn: Connection, size: int = 10) -> list[Sealed]:
    """The newest checkpoints."""
    query = select(tables.checkpoints).order_by(tables.checkpoints.c.size.desc()).limit(size)
    return [Sealed(row.size, row.note, parse(row.sealed_at)) for row in conn.execute(query)]
