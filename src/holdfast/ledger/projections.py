"""Rebuilding projections: the facts are the truth, tables are what they add up to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Table, create_engine, delete, select, type_coerce
from sqlalchemy.pool import StaticPool
from sqlalchemy.types import NullType

from holdfast.ledger.facts import Recorded
from holdfast.ledger.ledger import Ledger, Projection, recorded_from
from holdfast.ledger.tables import facts, metadata


def rebuild(ledger: Ledger, progress: Callable[[int], None] = lambda done: None) -> int:
    """Drop the rows of every projection and add the facts up again, in one transaction; `progress` is told
    how many facts are done."""
    with ledger.database.writing() as conn:
        for projection in reversed(ledger.projections):
            for table in reversed(projection.tables):
                conn.execute(delete(table))
        return add_up(conn, ledger.projections, progress)


def add_up(
    conn: Connection, projections: Sequence[Projection], progress: Callable[[int], None] = lambda done: None
) -> int:
    """Let every projection follow every fact, in one transaction; returns how many there were."""
    seq = facts.c.seq
    count, after = 0, -1
    while rows := conn.execute(select(facts).where(seq > after).order_by(seq).limit(AT_ONCE)).all():
        told = [recorded_from(row) for row in rows]
        for projection in projections:
            projection.apply(conn, told)
        count, after = count + len(rows), rows[-1].seq
        progress(count)
    return count


AT_ONCE = 1000
"""Facts held in memory at a time, and added up together."""


class Scratch:
    """A database in memory in which projections are added up anew, to compare with what is stored."""

    def __init__(self, projections: Sequence[Projection]) -> None:
        self.projections = projections
        self.engine = create_engine("sqlite://", poolclass=StaticPool)
        metadata.create_all(self.engine, tables=[t for p in projections for t in p.tables])
        self.conn = self.engine.connect()
        self.older: Counter[tuple[str, tuple[str, ...]]] = Counter()
        """Rows that lack nothing but fields this program writes, by projection and fields: an older one wrote
        them, or the fields were taken out. Known once `differences` has run."""

    def apply(self, facts: Sequence[Recorded]) -> None:
        for projection in self.projections:
            projection.apply(self.conn, facts)

    def differences(self, stored: Connection) -> Iterator[str]:
        """A sentence for every row that differs from what the facts say."""
        for projection in self.projections:
            for table in projection.tables:
                yield from self._differences(projection.name, table, stored)

    def _differences(self, name: str, table: Table, stored: Connection) -> Iterator[str]:
        raw = stored.dialect.name == self.conn.dialect.name
        should, found = _rows(self.conn, table, raw), _rows(stored, table, raw)
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
                if lacking := _lacking(expected[0], stands[0]):
                    self.older[name, lacking] += 1
                else:
                    yield f"{where}: {_columns(table, expected[0], stands[0])}"

    def close(self) -> None:
        self.conn.close()
        self.engine.dispose()


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


def _lacking(should: tuple[object, ...], found: tuple[object, ...]) -> tuple[str, ...]:
    """Fields of JSON that a row lacks, where nothing else in it differs; empty where anything does."""
    lacking: set[str] = set()
    for expected, stands in zip(should, found, strict=True):
        if _typed((expected,)) == _typed((stands,)):
            continue
        if not isinstance(expected, str) or not isinstance(stands, str):
            return ()
        try:
            fields = set(_fields_lacking(_json(expected), _json(stands)))
        except (ValueError, RecursionError):
            return ()
        if not fields:  # the same in another spelling, which no program of ours writes
            return ()
        lacking |= fields
    return tuple(sorted(lacking))


def _fields_lacking(should: Any, found: Any) -> Iterator[str]:
    """Raises ValueError where anything else differs."""
    if isinstance(should, dict) and isinstance(found, dict) and not found.keys() - should.keys():
        yield from should.keys() - found.keys()
        for name, value in found.items():
            yield from _fields_lacking(should[name], value)
    elif isinstance(should, list) and isinstance(found, list) and len(should) == len(found):
        for expected, stands in zip(should, found, strict=True):
            yield from _fields_lacking(expected, stands)
    elif _typed((should,)) != _typed((found,)):
        raise ValueError("differs")


def _json(text: str) -> Any:
    """Raises ValueError for what is none, and for what says a thing twice."""
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) != len(dict(pairs)):
        raise ValueError("a field stands twice")
    return dict(pairs)


def _columns(table: Table, should: tuple[object, ...], found: tuple[object, ...]) -> str:
    return "; ".join(
        f"{column.name} is {is_now!r}, the facts say {expected!r}"
        for column, expected, is_now in zip(table.columns, should, found, strict=True)
        if _typed((expected,)) != _typed((is_now,))
    )
