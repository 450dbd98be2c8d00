"""What makes databases quicker in the tests' own process than the product may be: nobody waits for the disk,
and what is the same for every database is made once. Processes that are started do as ever."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, Table, create_engine, insert
from sqlalchemy.pool import NullPool

from holdfast.ledger import database as databases
from holdfast.ledger.database import Database
from holdfast.ledger.tables import metadata
from support.servers import OWN, Lender

Content = Mapping[Table, Sequence[Mapping[str, Any]]] | sqlite3.Connection
"""Everything that a database held: its rows, or a copy of it in memory."""

_lent: dict[str, Lender] = {}
_engines: weakref.WeakSet[Engine] = weakref.WeakSet()
_prepare_sqlite, _create = databases._prepare_sqlite, Database.create


@contextmanager
def hasty() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(databases, "_prepare_sqlite", _without_waiting)
        patched.setattr(databases, "create_engine", _speaking_once)
        patched.setattr(Database, "create", _created)
        patched.setattr(os, "fsync", lambda handle: None)
        yield


@contextmanager
def lent(lender: Lender) -> Iterator[str]:
    """The name of an empty database on a server."""
    name = lender.lend()
    _lent[name] = lender
    try:
        yield name
    finally:
        for engine in list(_engines):
            if engine.url.database == name:
                engine.dispose()
        del _lent[name]
        lender.take_back(name)


def content_of(database: Database) -> Content:
    """Everything that is stored, to be stored again in another database of the same kind."""
    if database.file:
        held = sqlite3.connect(":memory:", check_same_thread=False)
        with closing(sqlite3.connect(database.file)) as file:
            file.backup(held)
        return held
    with database.reading() as conn:
        found = {table: conn.execute(table.select()).mappings().all() for table in metadata.sorted_tables}
    return {table: [dict(row) for row in rows] for table, rows in found.items() if rows}


def store(database: Database, content: Content) -> None:
    """Store this instead of what the database holds."""
    if isinstance(content, sqlite3.Connection):
        assert database.file
        with closing(sqlite3.connect(database.file)) as file:
            file.execute("PRAGMA synchronous=OFF")
            content.backup(file)
        return
    with database.writing() as conn:
        for table, rows in content.items():
            conn.exec_driver_sql(f'DELETE FROM "{table.name}"')
            conn.execute(insert(table), rows)


def _without_waiting(connection: Any, record: Any) -> None:
    """Tests kill processes, never the machine."""
    _prepare_sqlite(connection, record)
    connection.execute("PRAGMA synchronous=OFF")


def _speaking_once(url: URL, **settings: Any) -> Engine:
    """An engine to which all statements are known that were compiled for another database of its kind."""
    engine = create_engine(url, **settings)
    if url.get_backend_name() == "sqlite" or url.database in _lent:
        known = _speaker(
            URL.create("sqlite") if url.get_backend_name() == "sqlite" else url.set(database=OWN)
        )
        engine.dialect = engine.pool._dialect = known.dialect
        engine._compiled_cache = known._compiled_cache
    _engines.add(engine)
    return engine


@cache
def _speaker(url: URL) -> Engine:
    engine = create_engine(url, poolclass=NullPool, query_cache_size=5_000)
    engine.connect().close()  # a dialect asks its first connection how it has to speak
    return engine


def _created(self: Database) -> None:
    """The tables as `Database.create` made them before."""
    lender = _lent.get(self.engine.url.database or "")
    if not (_copied(self) if self.file else lender and lender.brings_in(self.engine)):
        _create(self)


def _copied(database: Database) -> bool:
    """Whether there was no file, and it is a copy of another now that holds the tables and nothing else."""
    assert database.file
    with database._writer_lock():
        os.close(os.open(database.file, os.O_CREAT | os.O_CLOEXEC, 0o600))
        if database.file.stat().st_size:
            return False
        database.file.write_bytes(_pattern(frozenset(metadata.tables)))
    return True


@cache
def _pattern(tables: frozenset[str]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tables.db"
        made = Database(f"sqlite:///{file}")
        _create(made)
        made.close()
        return file.read_bytes()
