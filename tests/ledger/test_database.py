"""A database server that does not answer holds up nothing (R-XCT-05)."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from holdfast.ledger.database import Database


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield server.getsockname()[1]


def test_a_server_that_accepts_and_says_nothing_is_given_up(silent: int) -> None:
    database = Database(f"postgresql://holdfast@127.0.0.1:{silent}/holdfast?connect_timeout=2")
    began = time.monotonic()
    with pytest.raises(OperationalError, match="timeout"), database.reading():
        pass
    assert time.monotonic() - began < 8


def test_every_server_has_deadlines_and_what_the_address_says_stands() -> None:
    made: list[dict[str, str]] = []

    def asked(url: str) -> dict[str, str]:
        database = Database(url)

        @event.listens_for(database.engine, "do_connect")
        def connect(dialect: object, record: object, args: object, given: dict[str, str]) -> None:
            made.append(dict(given))
            raise OperationalError("", None, Exception("timeout"))

        with pytest.raises(OperationalError), database.reading():
            pass
        return made[-1]

    usual = asked("postgresql://holdfast@127.0.0.1/holdfast")
    assert (usual["connect_timeout"], usual["tcp_user_timeout"]) == ("10", "60000")
    assert "statement_timeout=15min" in usual["options"]
    own = asked(
        "postgresql://holdfast@127.0.0.1/holdfast?connect_timeout=3&options=-c%20statement_timeout%3D1s"
    )
    assert own["connect_timeout"] == "3"
    assert own["options"].endswith("-c statement_timeout=1s")


def test_a_statement_has_a_deadline(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("a file answers at once")
    with database.reading() as conn:
        assert conn.execute(text("SHOW statement_timeout")).scalar() == "15min"
        assert conn.execute(text("SHOW lock_timeout")).scalar() == "5min"
