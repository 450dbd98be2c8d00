"""Databases on the PostgreSQL server of the tests, made, copied and dropped."""

from __future__ import annotations

from functools import cache

from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.pool import NullPool

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
