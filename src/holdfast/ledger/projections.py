"""Rebuilding projections: the facts are the truth, tables are what they add up to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Table, create_engine, delete, select, type_coerce
from sqlalchemy.pool import StaticPool
from sqlalchemy.types import NullType

from holdfast.ledger.facts import Recorded
from holdfast.ledger.ledger import Ledger, Projection
from holdfast.ledger.tables import metadata


def rebuild(ledger: Ledger) -> int:
    """Drop the rows of every projection and add the facts up again, in one transaction."""
    count = 0
    with ledger.database.writing() as conn:
        for projection in reversed(ledger.projections):
            for table in reversed(projection.tables):
                conn.execute(delete(table))
        for recorded in ledger.facts():
            for projection in ledger.projections:
                projection.apply(conn, recorded)
            count += 1
    return count


class Scratch:
    """A database in memory in which projections are added up anew, to compare with what is stored."""

    def __init__(self, projections: Sequence[Projection]) -> None:
        self.projections = projections
        self.engine = create_engine("sqlite://", poolclass=StaticPool)
        metadata.create_all(self.engine, tables=[t for p in projections for t in p.tables])
        self.conn = self.engine.connect()

    def apply(self, recorded: Recorded) -> None:
        for projection in self.projections:
            projection.apply(self.conn, recorded)

    def differences(self, stored: Connection) -> Iterator[str]:
        """A sentence for every row that differs from what the facts say."""
        for projection in self.projections:
            for table in projection.tables:
                yield from _differences(projection.name, table, self.conn, stored)

    def close(self) -> None:
        self.conn.close()
        self.engine.dispose()


def _differences(name: str, table: Table, right: Connection, stored: Connection) -> Iterator[str]:
    raw = stored.dialect.name == right.dialect.name
    should, found = _rows(right, table, raw), _rows(stored, table, raw)
    for key in sorted(should.keys() | found.keys(), key=repr):
        where = f"projection {name}, table {table.name}, row {'/'.join(map(str, key))}"
        expected, stands = should.get(key, []), found.get(key, [])
        if not stands:
            yield f"{where}: missing, the facts say it exists"
        elif not expected:
            yield f"{where}: no fact tells of it"
        elif len(stands) > len(expected):
            yield f"{where}: stands {len(stands)} times"
        elif _typed(stands[0]) != _typed(expected[0]):
            yield f"{where}: {_columns(table, expected[0], stands[0])}"


def _rows(conn: Connection, table: Table, raw: bool) -> dict[tuple[object, ...], list[tuple[object, ...]]]:
    """Every row by its key, also one that stands twice. `raw` reads what SQLite stores, which need not be
    of the column's type: a 2 in a column of yes and no reads as yes, and is found by no query."""
    keys = [table.columns.keys().index(column.name) for column in table.primary_key.columns]
    query = select(*(type_coerce(column, NullType()) for column in table.columns)) if raw else select(table)
    rows: dict[tuple[object, ...], list[tuple[object, ...]]] = {}
    for row in conn.execute(query):
        rows.setdefault(tuple(row[place] for place in keys), []).append(tuple(row))
    return rows


def _typed(row: tuple[object, ...]) -> tuple[tuple[type, object], ...]:
    return tuple((type(value), value) for value in row)


def _columns(table: Table, should: tuple[object, ...], found: tuple[object, ...]) -> str:
    return "; ".join(
        f"{column.name} is {is_now!r}, the facts say {expected!r}"
        for column, expected, is_now in zip(table.columns, should, found, strict=True)
        if _typed((expected,)) != _typed((is_now,))
    )
