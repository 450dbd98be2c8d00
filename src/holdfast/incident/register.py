"""The register of incidents: what lists and searches read. A projection of incident facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast, get_args

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Select,
    String,
    Table,
    Text,
    bindparam,
    func,
    insert,
    or_,
    select,
)

from holdfast import clock
from holdfast.incident.events import Absorbed, AlertFacts, AlertJoined, IncidentFact, IncidentOpened
from holdfast.incident.incident import Incident, Status
from holdfast.ledger.facts import Fact, Line, Recorded
from holdfast.ledger.ledger import Ledger, recorded_from
from holdfast.ledger.stored import Rows, States, Stored
from holdfast.ledger.tables import facts, metadata

incidents = Table(
    "incidents",
    metadata,
    Column("incident", String(40), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("status", String(20), nullable=False),
    Column("severity", String(20)),
    Column("severity_rank", BigInteger, nullable=False),
    Column("category", String(40)),
    Column("system", String(100), nullable=False),
    Column("opened_at", String(27), nullable=False),
    Column("closed_at", String(27)),
    # The folded state, so that status and clocks have one logic: the aggregate's.
    Column("state", Text, nullable=False),
    Index("incidents_by_status", "status", "severity_rank", "opened_at"),
)

# Which alert ended in which incident: a later one on the same cause joins it.
incident_causes = Table(
    "incident_causes",
    metadata,
    Column("alert", String(100), primary_key=True),
    Column("incident", String(40), nullable=False),
    Column("system", String(100), nullable=False),
    Column("monitor", String(200), nullable=False),
    Index("incident_causes_by_monitor", "system", "monitor"),
)

# Every fact that names an incident, whichever package told it.
incident_record = Table(
    "incident_record",
    metadata,
    Column("incident", String(40), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
)

_FACTS: tuple[type, ...] = get_args(IncidentFact)
STATES = Stored(Incident, 4096)
# What every page asks, made once: building a statement costs more than it takes to answer it.
_STATE = select(incidents.c.state).where(incidents.c.incident == bindparam("of"))
_RECORD = insert(incident_record)


def _after(state: Incident, recorded: Recorded) -> Incident:
    return state.after(cast(IncidentFact, recorded.fact), recorded.at)


def _row(state: Incident) -> dict[str, object]:
    assert state.opened_at is not None
    return {
        "number": int(state.id.removeprefix("INC-")),
        "title": state.title,
        "status": state.status.value,
        "severity": state.severity.value if state.severity else None,
        "severity_rank": state.severity.rank if state.severity else 5,
        "category": state.category.value if state.category else None,
        "system": state.system,
        "opened_at": clock.stamp(state.opened_at),
        "closed_at": clock.stamp(state.closed_at) if state.closed_at else None,
    }


class Register:
    """Keeps one row per incident, the alerts behind it, and the list of facts of its record."""

    name = "incidents"
    tables: tuple[Table, ...] = (incidents, incident_causes, incident_record)
    _states = States(incidents, STATES, Incident(), _after, _row)

    def apply(self, conn: Connection, facts: Sequence[Recorded]) -> None:
        if named := [{"incident": one.incident, "seq": one.seq} for one in facts if one.incident]:
            conn.execute(_RECORD, named)
        own = [(one.incident or "", one) for one in facts if _is_own(one)]
        causes = Rows(conn, incident_causes, (alert for _, one in own for alert in _alerts_in(one.fact)))
        for recorded, state in self._states.follow(conn, own):
            match recorded.fact:
                case IncidentOpened(alert=AlertFacts() as alert) | AlertJoined(alert=alert):
                    led = {"incident": state.id, "system": state.system, "monitor": alert.monitor}
                    causes.put(alert.alert, **led)
                case Absorbed(alerts=alerts):  # of whichever system each of them came from
                    for alert in alerts:
                        causes.change(alert.alert, incident=state.id)
                case _:
                    pass
        causes.write()


def _is_own(recorded: Recorded) -> bool:
    return isinstance(recorded.fact, _FACTS) and recorded.stream.startswith("incident/")


def _alerts_in(fact: Fact) -> tuple[str, ...]:
    """The alerts of which the fact says where they ended."""
    match fact:
        case IncidentOpened(alert=AlertFacts() as alert) | AlertJoined(alert=alert):
            return (alert.alert,)
        case Absorbed(alerts=alerts):
            return tuple(alert.alert for alert in alerts)
    return ()


# Reading ---------------------------------------------------------------------------------------


def get(conn: Connection, incident: str) -> Incident:
    """One incident; an empty one (`id` is empty) where there is none."""
    row = conn.execute(_STATE, {"of": incident}).first()
    return STATES.read(row.state) if row else Incident()


def next_number(conn: Connection) -> int:
    """The number the next incident gets: gapless, from 1."""
    return (conn.execute(select(func.max(incidents.c.number))).scalar() or 0) + 1


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list shows; empty means any. These are also the filters in a page's address."""

    status: str = ""
    severity: str = ""
    system: str = ""
    text: str = ""
    running: bool = False
    """Only incidents that are not closed or dismissed."""


def find(conn: Connection, wanted: Filter, limit: int | None = 50, offset: int = 0) -> list[Incident]:
    """Incidents, most severe running ones first, then the newest; all of them with `limit=None`."""
    query = _matching(wanted).order_by(
        incidents.c.status.in_([status.value for status in Status if status.over]),
        incidents.c.severity_rank,
        incidents.c.number.desc(),
    )
    rows = conn.execute(query.limit(limit).offset(offset))
    return [STATES.read(row.state) for row in rows]


def running(ledger: Ledger) -> Sequence[Incident]:
    """Every incident that is not over, as `find` sorts them."""
    return ledger.steady("running", lambda conn: tuple(find(conn, Filter(running=True), limit=None)))


def count(conn: Connection, wanted: Filter) -> int:
    return conn.execute(select(func.count()).select_from(_matching(wanted).subquery())).scalar_one()


def _matching(wanted: Filter) -> Select[tuple[str]]:
    query = select(incidents.c.state)
    if wanted.running:
        query = query.where(incidents.c.closed_at.is_(None))
    for column, value in (
        (incidents.c.status, wanted.status),
        (incidents.c.severity, wanted.severity),
        (incidents.c.system, wanted.system),
    ):
        if value:
            query = query.where(column == value)
    if wanted.text:
        like = f"%{wanted.text.lower()}%"
        query = query.where(
            or_(
                func.lower(incidents.c.title).like(like),
                func.lower(incidents.c.incident).like(like),
                func.lower(incidents.c.system).like(like),
            )
        )
    return query


def unresolved(conn: Connection, system: str = "", limit: int = 20) -> list[Incident]:
    """What something new may belong to: those on this system first, and of these the newest."""
    ended = [Status.RESOLVED.value, *(status.value for status in Status if status.over)]
    query = (
        select(incidents.c.state)
        .where(incidents.c.status.not_in(ended))
        .order_by((incidents.c.system == system).desc(), incidents.c.number.desc())
        .limit(limit)
    )
    return [STATES.read(row.state) for row in conn.execute(query)]


def resolved(conn: Connection, system: str) -> list[Incident]:
    """The incidents of a system that are resolved and not closed yet, the newest first."""
    query = (
        select(incidents.c.state)
        .where(incidents.c.status == Status.RESOLVED.value, incidents.c.system == system)
        .order_by(incidents.c.number.desc())
    )
    return [STATES.read(row.state) for row in conn.execute(query)]


def incident_of_alert(conn: Connection, alert: str) -> str | None:
    query = select(incident_causes.c.incident).where(incident_causes.c.alert == alert)
    row = conn.execute(query).first()
    return row.incident if row else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline."""

    seq: int
    at: datetime
    """When it happened: for a back-filled entry the time a person gave, else when it was recorded."""
    recorded_at: datetime
    back_filled: bool
    by: str
    by_kind: str
    type: str
    line: Line


def record(ledger: Ledger, incident: str) -> list[Recorded]:
    """Every fact that names the incident, in ledger order, from all streams."""
    query = (
        select(facts)
        .join(incident_record, incident_record.c.seq == facts.c.seq)
        .where(incident_record.c.incident == incident)
        .order_by(facts.c.seq)
    )
    with ledger.reading() as conn:
        return [recorded_from(row) for row in conn.execute(query)]


def timeline(facts_of_incident: list[Recorded]) -> list[Entry]:
    """The timeline that writes itself: every fact that has something to tell, by when it happened."""
    entries = []
    for recorded in facts_of_incident:
        line = recorded.fact.line()
        if line is None:
            continue
        told: datetime | None = getattr(recorded.fact, "occurred_at", None)
        entries.append(
            Entry(
                seq=recorded.seq,
                at=told or recorded.at,
                recorded_at=recorded.at,
                back_filled=told is not None,
                by=recorded.by.name,
                by_kind=recorded.by.kind,
                type=recorded.fact.type,
                line=line,
            )
        )
    return sorted(entries, key=lambda entry: (entry.at, entry.seq))
