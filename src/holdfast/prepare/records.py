"""The projection of preparation: versions with their signatures, systems and people in force."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from holdfast import clock
from holdfast.ledger.facts import Recorded
from holdfast.ledger.tables import metadata
from holdfast.prepare.events import (
    PlaybookActivated,
    PlaybookApplied,
    PlaybookApproved,
    PlaybookReviewed,
    RosterApplied,
    SystemApplied,
    SystemWithdrawn,
)

playbook_versions = Table(
    "playbook_versions",
    metadata,
    Column("content", String(64), primary_key=True),
    Column("version", String(40), nullable=False),
    Column("title", Text, nullable=False),
    # proposed (waits for signatures), active, superseded (was active), withdrawn (never was)
    Column("state", String(20), nullable=False),
    Column("sign_off", Text, nullable=False),
    Column("applied_seq", BigInteger, nullable=False),
    Column("applied_at", String(27), nullable=False),
    Column("applied_by", Text, nullable=False),
    Column("activated_at", String(27)),
    Column("review_due", String(27)),
    Column("text", Text, nullable=False),
    Index("playbook_versions_by_state", "state"),
)

playbook_approvals = Table(
    "playbook_approvals",
    metadata,
    Column("content", String(64), primary_key=True),
    Column("function", String(40), primary_key=True),
    Column("person", String(200), nullable=False),
    Column("name", Text, nullable=False),
    Column("at", String(27), nullable=False),
)

system_versions = Table(
    "system_versions",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("system", String(100), nullable=False),
    Column("content", String(64), nullable=False),
    Column("file", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("priority", BigInteger, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("applied_at", String(27), nullable=False),
    Column("applied_by", Text, nullable=False),
    Column("text", Text, nullable=False),
    Index("system_versions_by_system", "system", "seq"),
)

roster_versions = Table(
    "roster_versions",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("content", String(64), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("applied_at", String(27), nullable=False),
    Column("applied_by", Text, nullable=False),
    Column("text", Text, nullable=False),
)

# Everyone who ever was in the roster, so that a name can still be shown; `listed` says who is now.
people = Table(
    "people",
    metadata,
    Column("person", String(200), primary_key=True),
    Column("name", Text, nullable=False),
    Column("titles", Text, nullable=False),
    Column("access", Text, nullable=False),
    Column("functions", Text, nullable=False),
    Column("listed", Boolean, nullable=False),
)


class Preparation:
    """Keeps versions, signatures, systems and people as the facts of `events.py` tell them."""

    name = "preparation"
    tables: tuple[Table, ...] = (
        playbook_versions,
        playbook_approvals,
        system_versions,
        roster_versions,
        people,
    )

    def apply(self, conn: Connection, facts: Sequence[Recorded]) -> None:
        for recorded in facts:
            self._apply(conn, recorded)

    def _apply(self, conn: Connection, recorded: Recorded) -> None:
        match recorded.fact:
            case PlaybookApplied() as fact:
                _apply_playbook(conn, fact, recorded)
            case PlaybookApproved() as fact:
                row = {"person": fact.person, "name": fact.name, "at": clock.stamp(recorded.at)}
                key = {"content": fact.content, "function": fact.function.value}
                conn.execute(insert(playbook_approvals).values(**key, **row))
            case PlaybookActivated() as fact:
                _activate(conn, fact, recorded)
            case PlaybookReviewed() as fact:
                due = {"review_due": clock.stamp(fact.next_due)}
                table = playbook_versions
                conn.execute(update(table).where(table.c.content == fact.content).values(**due))
            case SystemApplied() as fact:
                _retire_system(conn, fact.system)
                conn.execute(insert(system_versions).values(**_system_row(fact, recorded)))
            case SystemWithdrawn() as fact:
                _retire_system(conn, fact.system)
            case RosterApplied() as fact:
                _apply_roster(conn, fact, recorded)


def _apply_playbook(conn: Connection, fact: PlaybookApplied, recorded: Recorded) -> None:
    """The newest proposal replaces any other. A version that is active stays so when applied again; one
    that was replaced needs all its signatures anew."""
    table = playbook_versions
    conn.execute(update(table).where(table.c.state == "proposed").values(state="withdrawn"))
    found = conn.execute(select(table.c.state).where(table.c.content == fact.content)).first()
    if found and found.state == "active":
        return
    conn.execute(delete(playbook_approvals).where(playbook_approvals.c.content == fact.content))
    conn.execute(delete(table).where(table.c.content == fact.content))
    conn.execute(
        insert(table).values(
            content=fact.content,
            version=fact.label,
            title=fact.title,
            state="proposed",
            sign_off=json.dumps([function.value for function in fact.required]),
            applied_seq=recorded.seq,
            applied_at=clock.stamp(recorded.at),
            applied_by=recorded.by.name,
            activated_at=None,
            review_due=None,
            text=fact.text,
        )
    )


def _activate(conn: Connection, fact: PlaybookActivated, recorded: Recorded) -> None:
    table = playbook_versions
    conn.execute(update(table).where(table.c.state == "active").values(state="superseded"))
    conn.execute(
        update(table)
        .where(table.c.content == fact.content)
        .values(
            state="active",
            activated_at=clock.stamp(recorded.at),
            review_due=clock.stamp(fact.review_due),
        )
    )


def _system_row(fact: SystemApplied, recorded: Recorded) -> dict[str, object]:
    return {
        "seq": recorded.seq,
        "system": fact.system,
        "content": fact.content,
        "file": fact.file,
        "title": fact.title,
        "priority": fact.priority,
        "active": True,
        "applied_at": clock.stamp(recorded.at),
        "applied_by": recorded.by.name,
        "text": fact.text,
    }


def _retire_system(conn: Connection, system: str) -> None:
    table = system_versions
    conn.execute(update(table).where(table.c.system == system, table.c.active.is_(True)).values(active=False))


def _apply_roster(conn: Connection, fact: RosterApplied, recorded: Recorded) -> None:
    conn.execute(update(roster_versions).values(active=False))
    conn.execute(
        insert(roster_versions).values(
            seq=recorded.seq,
            content=fact.content,
            active=True,
            applied_at=clock.stamp(recorded.at),
            applied_by=recorded.by.name,
            text=fact.text,
        )
    )
    conn.execute(update(people).values(listed=False, access="[]", functions="[]"))
    for person in fact.people:
        conn.execute(delete(people).where(people.c.person == person.id))
        conn.execute(
            insert(people).values(
                person=person.id,
                name=person.name,
                titles=json.dumps(person.titles, ensure_ascii=False),
                access=json.dumps(person.access),
                functions=json.dumps(person.functions),
                listed=True,
            )
        )
