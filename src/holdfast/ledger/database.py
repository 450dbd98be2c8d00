"""Opening the database: SQLite by default, PostgreSQL by a URL, the same code for both."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from holdfast.ledger.tables import metadata


class DatabaseProblem(Exception):
    """The database cannot be opened; the message says which and what to do."""


class Database:
    """One engine with a reading and a writing transaction.

    SQLite: WAL, `synchronous=FULL`, `BEGIN IMMEDIATE`, and one fair lock across processes, because
    SQLite's own busy handler lets an unlucky writer wait for seconds.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise DatabaseProblem(
                f"{url!r} is not a database URL; write for example sqlite:///holdfast.db "
                "or postgresql://user@host/name"
            ) from error
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if parsed.get_backend_name() == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        self.engine = self._engine(parsed)
        self._lock_path: Path | None = None
        if self.is_sqlite and parsed.database not in (None, "", ":memory:"):
            self._lock_path = Path(f"{parsed.database}.lock")
        self._thread_lock = threading.Lock()

    @property
    def file(self) -> Path | None:
        """SQLite's file; None where the database is a server's."""
        return self._lock_path.with_suffix("") if self._lock_path else None

    @staticmethod
    def _engine(url: Any) -> Engine:
        try:
            if url.get_backend_name() != "sqlite":
                return create_engine(url, pool_pre_ping=True, connect_args=_deadlines(url))
            engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})
        except ModuleNotFoundError as error:
            raise DatabaseProblem(
                f"the driver for {url.get_backend_name()} is not installed ({error.name}); "
                "install holdfast[postgres]"
            ) from error
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def create(self) -> None:
        """Create the tables that are missing. A new SQLite file is its owner's alone: it holds hashes."""
        with self._writer_lock():
            if self._lock_path is not None:
                os.close(os.open(self._lock_path.with_suffix(""), os.O_CREAT | os.O_CLOEXEC, 0o600))
            metadata.create_all(self.engine)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view; nothing is written.

        PostgreSQL must be told: by default every statement sees what was committed meanwhile.
        """
        with self.engine.connect() as conn:
            if not self.is_sqlite:
                conn.execution_options(isolation_level="REPEATABLE READ")
            with conn.begin():
                yield conn

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back on any error."""
        with self._writer_lock(), self.engine.connect() as conn:
            conn.execution_options(writing=True)
            with conn.begin():
                yield conn

    @contextmanager
    def _writer_lock(self) -> Iterator[None]:
        if self._lock_path is None:
            yield
            return
        with self._thread_lock:
            handle = os.open(self._lock_path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield
            finally:
                os.close(handle)  # closing releases the lock, also when the process is killed

    def close(self) -> None:
        self.engine.dispose()


_DEADLINES = {
    # Seconds until a server must have answered a connection: one that is not there, or accepts and says
    # nothing, holds up no command and no lane of the worker.
    "connect_timeout": "10",
    # A connection whose other end is gone is noticed after a minute, not after the system's two hours.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
_STATEMENTS = "-c statement_timeout=15min -c lock_timeout=5min"
"""No statement takes so long: what is long, such as a check, asks many."""


def _deadlines(url: URL) -> dict[str, str]:
    """How long a server is waited for; what the URL says itself stands."""
    own = url.query.get("options", ())
    options = [_STATEMENTS, *((own,) if isinstance(own, str) else own)]  # of one setting, the last stands
    missing = {name: value for name, value in _DEADLINES.items() if name not in url.query}
    return {**missing, "options": " ".join(options)}


def settle_constraints(conn: Connection) -> None:
    """Let everything that waits for the commit happen now: a deferred trigger could change a row after it
    was read back."""
    if conn.dialect.name == "postgresql":
        conn.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin_sqlite`, not by the driver
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(conn: Connection) -> None:
    writing = conn.get_execution_options().get("writing", False)
    conn.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
