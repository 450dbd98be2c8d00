"""Databases on the PostgreSQL server of the tests: made, lent to one test after the other, and dropped."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from functools import cache
from typing import Any

import psycopg
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.pool import NullPool

from holdfast.ledger.tables import metadata

OWN = "postgres"
"""The database that is always there, from which the others are managed."""


@cache
def _admin(server: URL) -> Engine:
    made = server.set(drivername="postgresql+psycopg", database=OWN)
    return create_engine(made, isolation_level="AUTOCOMMIT", poolclass=NullPool)


def _do(server: URL, statement: str) -> None:
    with _admin(server.set(database=OWN)).connect() as conn:
        conn.execute(text(statement))


def create_database(server: URL, name: str, copied_from: str = "template1") -> None:
    """An empty one, or a copy of another to which nobody is connected."""
    _do(server, f"CREATE DATABASE {name} TEMPLATE {copied_from}")


def drop_database(server: URL, name: str) -> None:
    """Whoever is connected is cut off."""
    _do(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


# Lending -------------------------------------------------------------------------------------------

_ASIDE = "aside"
_SET_ASIDE = f"ALTER SCHEMA public RENAME TO {_ASIDE}; CREATE SCHEMA public"
_BROUGHT_IN = f"DROP SCHEMA public; ALTER SCHEMA {_ASIDE} RENAME TO public"
_IS_ASIDE = f"SELECT 1 FROM pg_namespace WHERE nspname = '{_ASIDE}'"
_ANYTHING = "SELECT 1 FROM pg_class WHERE relnamespace = 'public'::regnamespace"
_OTHERS = (
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "
    "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
)
_CATALOGS = (
    "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'oid' "
    "WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' AND NOT c.relisshared "
    "AND c.relname <> 'pg_namespace'"
)
_FIRST = 16384
"""What has a smaller number came with the server."""


class Lender:
    """Lends empty databases of one server, one after the other: to make one, its tables, and to drop it again
    takes longer than most tests do anything. Its tables stand aside, in a schema of their own, until
    `Database.create` would make them. One that comes back with somebody connected, or with anything made or
    changed in it besides rows, is dropped."""

    def __init__(self, server: URL) -> None:
        self.server = server
        self._free: list[str] = []
        self._tables = frozenset(metadata.tables)
        self._pattern = f"p{uuid.uuid4().hex[:12]}"
        create_database(server, self._pattern)
        whole = create_engine(server.set(drivername="postgresql+psycopg", database=self._pattern))
        metadata.create_all(whole)
        whole.dispose()
        with self._connected(self._pattern) as conn:
            self._everything = _everything(row[0] for row in conn.execute(_CATALOGS))
            conn.execute(_SET_ASIDE)
            self._made = self._seen(conn)

    def lend(self) -> str:
        if self._free:
            return self._free.pop()
        name = f"t{uuid.uuid4().hex[:12]}"
        create_database(self.server, name, copied_from=self._pattern)
        return name

    def take_back(self, name: str) -> None:
        if self._emptied(name):
            self._free.append(name)
        else:
            drop_database(self.server, name)

    def brings_in(self, engine: Engine) -> bool:
        """Whether the tables stood aside, as they are declared now, and have taken their place."""
        if self._tables != frozenset(metadata.tables):
            return False
        with engine.begin() as conn:
            if conn.exec_driver_sql(_ANYTHING).first() or not conn.exec_driver_sql(_IS_ASIDE).first():
                return False
            conn.exec_driver_sql(_BROUGHT_IN)
        return True

    def _emptied(self, name: str) -> bool:
        try:
            with self._connected(name) as conn:
                if not _alone(conn):
                    return False
                if conn.execute(_IS_ASIDE).fetchone() is None:
                    rows = "; ".join(f'DELETE FROM "{one.name}"' for one in reversed(metadata.sorted_tables))
                    conn.execute(f"{rows}; {_SET_ASIDE}")
                return self._seen(conn) == self._made
        except psycopg.Error:
            return False  # a table is gone, or somebody holds it

    def _seen(self, conn: psycopg.Connection[Any]) -> object:
        return conn.execute(self._everything).fetchone()

    def _connected(self, name: str) -> psycopg.Connection[Any]:
        address = self.server.set(drivername="postgresql", database=name)
        return psycopg.connect(address.render_as_string(hide_password=False), options="-c lock_timeout=5s")


def _alone(conn: psycopg.Connection[Any]) -> bool:
    """Whether nobody else is connected, or soon is none: a server takes a moment to see that one left."""
    for _ in range(50):
        if conn.execute(_OTHERS).fetchone() is None:
            return True
        conn.rollback()
        time.sleep(0.01)
    return False


def _everything(catalogs: Iterable[str]) -> str:
    """Asks for all that somebody made in a database, and for when each was last changed."""
    asked = [f"SELECT '{one}', oid::text, xmin::text FROM {one} WHERE oid >= {_FIRST}" for one in catalogs]
    column = "attrelid || '.' || attnum"
    asked += [
        f"SELECT 'column', {column}, xmin::text FROM pg_attribute WHERE attrelid >= {_FIRST}",
        f"SELECT 'heir', inhrelid || '.' || inhparent, '' FROM pg_inherits WHERE inhrelid >= {_FIRST}",
        f"SELECT 'schema', nspname, '' FROM pg_namespace WHERE oid >= {_FIRST} AND nspname !~ '^pg_'",
        "SELECT 'setting', setconfig::text, setrole::text FROM pg_db_role_setting",
    ]
    one_text = "md5(string_agg(concat_ws(' ', a, b, c), ',' ORDER BY a, b, c))"
    return f"SELECT {one_text} FROM ({' UNION ALL '.join(asked)}) AS made(a, b, c)"
