"""What facts add up to, as rows of a table: read together, written together.

One idea: a row is written once for all the facts that are added up together. An append of ten facts on one
incident, and a rebuild of fifty thousand, read and write what they touch, not each time it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property, lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import (
    BindParameter,
    Connection,
    Delete,
    Insert,
    Select,
    Table,
    Update,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from holdfast.ledger.facts import Recorded

T = TypeVar("T")


class Stored(Generic[T]):
    """A value of one frozen type as a column holds it: JSON. The same text is the same value: a page that
    lists a thousand states parses those that changed since the last one."""

    def __init__(self, of: type[T], remembered: int) -> None:
        self._of = of
        self._read = lru_cache(maxsize=remembered)(lambda text: self._adapter.validate_json(text))

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self._of)

    def text(self, value: T) -> str:
        return str(self._adapter.dump_json(value), "utf-8")

    def read(self, text: str) -> T:
        found: T = self._read(text)
        return found


class _Statements(NamedTuple):
    """What is asked of a table for every append, made once: building one costs more than answering it."""

    read: Select[Any]
    add: Insert
    change: Update
    drop: Delete


@cache
def _statements(table: Table) -> _Statements:
    (key,) = table.primary_key.columns
    others: dict[str, BindParameter[Any]] = {
        one.name: bindparam(one.name) for one in table.columns if one is not key
    }
    own = key == bindparam("of")
    return _Statements(
        select(table).where(key.in_(bindparam("keys", expanding=True))),
        insert(table),
        update(table).where(own).values(others),
        delete(table).where(own),
    )


_ASKED = 900
"""Keys in one question: no database takes any number of them."""


def _found(conn: Connection, read: Select[Any], keys: Sequence[str]) -> Iterator[dict[str, Any]]:
    for start in range(0, len(keys), _ASKED):
        for row in conn.execute(read, {"keys": keys[start : start + _ASKED]}):
            yield dict(row._mapping)


class Rows:
    """The rows of a table with one key that some facts touch; `write` stores what became of them."""

    def __init__(self, conn: Connection, table: Table, keys: Iterable[str]) -> None:
        (key,) = table.primary_key.columns
        self._conn = conn
        self._key = key.name
        self._does = _statements(table)
        self._blank = dict.fromkeys(table.columns.keys())
        self._found = {
            row[self._key]: row for row in _found(conn, self._does.read, list(dict.fromkeys(keys)))
        }
        self._now: dict[str, dict[str, Any] | None] = {**self._found}

    def get(self, key: str) -> Mapping[str, Any] | None:
        return self._now.get(key)

    def put(self, key: str, **values: object) -> None:
        """What the row says from now on; what is not named stays as it was, or is nothing."""
        self._now[key] = {**(self._now.get(key) or self._blank), self._key: key, **values}

    def change(self, key: str, **values: object) -> None:
        """The same, of a row that is there; else nothing."""
        if self._now.get(key) is not None:
            self.put(key, **values)

    def drop(self, key: str) -> None:
        self._now[key] = None

    def write(self) -> None:
        rows = [(key, row) for key, row in self._now.items() if row is not self._found.get(key)]
        gone = [{"of": key} for key, row in rows if row is None]
        added = [row for key, row in rows if row is not None and key not in self._found]
        changed = [
            {"of": key, **{name: value for name, value in row.items() if name != self._key}}
            for key, row in rows
            if row is not None and key in self._found
        ]
        for statement, of in ((self._does.drop, gone), (self._does.add, added), (self._does.change, changed)):
            if of:
                self._conn.execute(statement, of)


class States(Generic[T]):
    """A table that holds what facts add up to: a row a state, which says it whole in its column `state`."""

    def __init__(
        self,
        table: Table,
        stored: Stored[T],
        begin: T,
        after: Callable[[T, Recorded], T],
        row: Callable[[T], Mapping[str, object]],
    ) -> None:
        self.table = table
        self._stored = stored
        self._begin = begin
        self._after = after
        self._row = row

    def follow(self, conn: Connection, facts: Sequence[tuple[str, Recorded]]) -> Iterator[tuple[Recorded, T]]:
        """Each of these facts, which come with the key of their row, and the state that it leaves.

        A row is written when the last one is taken, where its state is another one then.
        """
        rows = Rows(conn, self.table, (key for key, _ in facts))
        states: dict[str, T] = {}
        changed: set[str] = set()
        for key, recorded in facts:
            if key not in states:
                row = rows.get(key)
                states[key] = self._stored.read(row["state"]) if row else self._begin
            state = self._after(states[key], recorded)
            if state is not states[key]:  # a note changes nothing that lists show
                states[key] = state
                changed.add(key)
            yield recorded, state
        for key in changed:
            rows.put(key, **self._row(states[key]), state=self._stored.text(states[key]))
        rows.write()

    def add_up(self, conn: Connection, facts: Sequence[tuple[str, Recorded]]) -> None:
        """Write what these facts make of their rows."""
        for _ in self.follow(conn, facts):
            pass
