"""Upgrading: a workspace of an earlier release becomes one of this release.

Facts stay as they are: older ones are brought up to date when they are read. Every table that facts add up
to is made anew from them; every other table is carried over, row by row, where its declaration has changed.
All of it, and the check that it holds, is one transaction: killed at any moment, it has not begun. What
follows (a fact that says so, what the key remembers, the schema's number) can be done again, in this order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, insert, inspect, select, text, update

from holdfast import clock
from holdfast.ledger import pulse, schema, tables
from holdfast.ledger.anchor import Anchor, Kept, Memory, Sealed
from holdfast.ledger.check import Inspection, check_within
from holdfast.ledger.deciding import settle_stream
from holdfast.ledger.events import STREAM, LedgerUpgraded
from holdfast.ledger.ledger import Ledger, NotALedger, Stream
from holdfast.ledger.outside import Outside
from holdfast.ledger.projections import add_up
from holdfast.ledger.tables import SCHEMA, metadata
from holdfast.people import SYSTEM
from holdfast.wording import plural
from holdfast_verify.note import VerifierKey

FIRST = 1
"""The schema of 0.1.0, which did not write down that it is."""
_CARRIED = "carried_over"


class OtherSchema(Exception):
    """Workspace and program are of different releases; the message says which is older and what to do."""


class NotUpgraded(Exception):
    """The upgrade was given up, and nothing was changed; the message says why and what to do."""


Telling = Callable[[str, int], None]
"""Is told what is being done, and how many facts of it are done."""


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What an upgrade did."""

    from_schema: int
    facts: int
    carried: tuple[str, ...]
    """Tables whose rows were carried over into a new form."""
    made: tuple[str, ...]
    """Tables that were not there before, or were made anew from the facts."""


def schema_of(conn: Connection) -> int:
    """The number of the schema that this workspace has. Raises NotALedger where there is no ledger."""
    found = inspect(conn)
    if not found.has_table(tables.head.name):
        raise NotALedger(
            "the database has no table ledger_head: no ledger was made in it yet, and `holdfast init` makes "
            "one; or the table was dropped, then `holdfast init` refuses, and the newest backup has to be "
            "put back"
        )
    if not found.has_table(tables.workspace_schema.name):
        return FIRST
    version = conn.execute(select(tables.workspace_schema.c.version)).scalars().first()
    return FIRST if version is None else version


def require_schema(ledger: Ledger) -> None:
    """Raises OtherSchema unless the workspace has the schema of this program, and NotALedger."""
    with ledger.reading() as conn:
        has = schema_of(conn)
    if has < SCHEMA:
        raise OtherSchema(
            f"this workspace was made by an earlier release of Holdfast (its schema is {has}, that of this "
            f"program {SCHEMA}), and nothing is read or written before it is upgraded: back it up, stop "
            "every server and worker, and run `holdfast upgrade`"
        )
    _require_not_newer(has)


def require_ledger(ledger: Ledger) -> None:
    """Raises NotALedger where there is none, of whatever release."""
    with ledger.reading() as conn:
        schema_of(conn)


def _require_not_newer(has: int) -> None:
    if has > SCHEMA:
        raise OtherSchema(
            f"this workspace was upgraded by a newer release of Holdfast (its schema is {has}, that of this "
            f"program {SCHEMA}), and this program would misread it: install that release, or put back the "
            "backup made before the upgrade"
        )


def upgrade(
    ledger: Ledger,
    key: VerifierKey,
    anchor: Anchor,
    memory: Memory,
    inspections: Sequence[Inspection],
    program: str,
    at: datetime,
    progress: Telling = lambda doing, done: None,
) -> Upgraded:
    """Bring the workspace to the schema of this program; whatever was done before is not done twice.

    Raises OtherSchema for a workspace of a newer release, NotUpgraded where the ledger does not hold or a
    worker is running.
    """
    with ledger.reading() as conn:
        _require_not_newer(schema_of(conn))
    _require_nobody_works(ledger, at)
    done = _tables(ledger, key, anchor, memory, inspections, progress)
    if done.from_schema < SCHEMA:
        progress("writing down that it was upgraded", 0)
        told = _told(ledger, done, memory, program, at)
        progress("letting the key remember", 0)
        _remember(ledger, key, memory, told)
        progress("numbering the schema", 0)
        _number(ledger)
    progress("done", done.facts)
    return done


def _require_nobody_works(ledger: Ledger, at: datetime) -> None:
    """A worker of the release before would go on writing into tables it does not know."""
    busy = sorted({beat.worker for beat in pulse.read(ledger) if not beat.silent(at)})
    if busy:
        raise NotUpgraded(
            f"{plural(len(busy), 'worker')} wrote within the last "
            f"{pulse.SILENT_AFTER.total_seconds():.0f} seconds ({', '.join(busy)}); stop every server and "
            "worker, wait until that long has passed, and run `holdfast upgrade` again. Nothing was changed"
        )


# The tables, in one transaction ----------------------------------------------------------------------


def _tables(
    ledger: Ledger,
    key: VerifierKey,
    anchor: Anchor,
    memory: Memory,
    inspections: Sequence[Inspection],
    progress: Telling,
) -> Upgraded:
    with ledger.database.writing() as conn:
        conn.execute(select(tables.head.c.size).with_for_update()).all()  # whoever appends waits
        was = schema_of(conn)
        progress("carrying tables over", 0)
        carried, made = _bring(conn, [table for one in ledger.projections for table in one.tables])
        if was == FIRST and memory.missing:
            _take_over(conn, ledger)
        count = add_up(conn, ledger.projections, lambda done: progress("adding the facts up again", done))
        progress("checking that it holds", 0)
        report = check_within(
            conn,
            ledger,
            Outside.read(anchor, None if was == FIRST and memory.missing else memory, key),
            lambda done: progress("checking that it holds", done),
            inspections,
        )
        if not report.holds:
            found = [*report.problems, *report.unknown]
            more = f" ({plural(len(found) - 1, 'more finding')} like this)" if len(found) > 1 else ""
            raise NotUpgraded(
                f"the workspace would not hold after the upgrade: {found[0]}{more}. Nothing was changed: "
                "run `holdfast ledger check` with the release that made it, put right what it names or put "
                "back the newest backup, and upgrade again"
            )
        progress("committing", count)
    return Upgraded(was, count, carried, made)


def _bring(conn: Connection, projected: Sequence[Table]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Make every table as it is declared; those that facts add up to are left empty. Returns what was
    carried over, and what was made."""
    carried, made = [], []
    for table in metadata.sorted_tables:
        there = inspect(conn).has_table(table.name)
        if there and table in projected:
            table.drop(conn)
        elif there:
            if not schema.as_declared(conn, table):
                _carry(conn, table)
                carried.append(table.name)
            continue
        table.create(conn)
        made.append(table.name)
    return tuple(carried), tuple(made)


def _take_over(conn: Connection, ledger: Ledger) -> None:
    """Believe the run-time rows of a release that wrote no digests; the check that follows compares them with
    the facts. Once only: when the key remembers what it signed, the workspace was upgraded before."""
    cursors, facts = tables.reaction_cursors, tables.facts
    for row in conn.execute(select(cursors)).all():
        stands_on = conn.execute(select(facts.c.leaf_hash).where(facts.c.seq == row.seq)).scalar()
        if stands_on is not None:
            onto = update(cursors).where(cursors.c.reaction == row.reaction)
            conn.execute(onto.values(leaf_hash=bytes(stands_on).hex()))
    for table in tables.keyed():
        ledger.row_key.take_over(conn, table)


def _carry(conn: Connection, table: Table) -> None:
    """Move every row into the table as it is declared now; columns it did not have are left empty."""
    name = conn.dialect.identifier_preparer.format_table(table)
    had = {column["name"] for column in inspect(conn).get_columns(table.name)}
    both = ", ".join(
        conn.dialect.identifier_preparer.quote(one.name) for one in table.columns if one.name in had
    )
    conn.execute(text(f"CREATE TABLE {_CARRIED} AS SELECT {both} FROM {name}"))
    table.drop(conn)
    table.create(conn)
    conn.execute(text(f"INSERT INTO {name} ({both}) SELECT {both} FROM {_CARRIED}"))
    conn.execute(text(f"DROP TABLE {_CARRIED}"))


# What follows, each of it once -----------------------------------------------------------------------


def _told(ledger: Ledger, done: Upgraded, memory: Memory, program: str, at: datetime) -> LedgerUpgraded:
    """The fact that says so; the one of an attempt that was killed after it stands."""
    checkpoints = len(_held(ledger)) if memory.missing else None
    told = LedgerUpgraded(
        from_schema=done.from_schema,
        to_schema=SCHEMA,
        program=program,
        facts=done.facts,
        remembering=checkpoints,
    )
    settle_stream(ledger, STREAM, lambda stream: [] if _already(stream) else [told], SYSTEM, at)
    return _already(ledger.stream(STREAM)) or told


def _already(stream: Stream) -> LedgerUpgraded | None:
    upgraded = (one for one in stream.events if isinstance(one, LedgerUpgraded))
    return next((one for one in upgraded if one.to_schema == SCHEMA), None)


def _remember(ledger: Ledger, key: VerifierKey, memory: Memory, told: LedgerUpgraded) -> None:
    """Let the key remember the checkpoints that were checked, where its release did not keep them."""
    held = _held(ledger)
    if memory.missing and told.remembering == len(held):
        memory.keep(key, Kept(len(held), held[-1] if held else None))


def _held(ledger: Ledger) -> list[Sealed]:
    with ledger.reading() as conn:
        rows = conn.execute(select(tables.checkpoints).order_by(tables.checkpoints.c.size)).all()
    return [Sealed(row.size, row.note, clock.parse(row.sealed_at)) for row in rows]


def _number(ledger: Ledger) -> None:
    number = tables.workspace_schema
    with ledger.database.writing() as conn:
        if not conn.execute(update(number).values(version=SCHEMA)).rowcount:
            conn.execute(insert(number).values(id=0, version=SCHEMA))
