"""Rebuilding projections: the facts are the truth, tables are what they add up to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, Table, create_engine, delete, select
from sqlalchemy.pool import StaticPool

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
    should, found = _rows(right, table), _rows(stored, table)
    for key in sorted(should.keys() | found.keys(), key=repr):
        where = f"projection {name}, table {table.name}, row {'/'.join(map(str, key))}"
        if key not in found:
            yield f"{where}: missing, the facts say it exists"
        elif key not in should:
            yield f"{where}: no fact tells of it"
        elif should[key] != found[key]:
            yield f"{where}: {_columns(table, should[key], found[key])}"


def _rows(conn: Connection, table: Table) -> dict[tuple[object, ...], tuple[object, ...]]:
    keys = [column.name for column in table.primary_key.columns]
    rows: Iterable[dict[str, object]] = (dict(row) for row in conn.execute(select(table)).mappings())
    return {tuple(row[key] for key in keys): tuple(row[c.name] for c in table.columns) for row in rows}


def _columns(table: Table, should: tuple[object, ...], found: tuple[object, ...]) -> str:
    return "; ".join(
        f"{column.name} is {is_now!r}, the facts say {expected!r}"
        for column, expected, is_now in zip(table.columns, should, found, strict=True)
        if expected != is_now
    )
