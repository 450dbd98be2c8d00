"""Hearing: which requests of applications were answered by a switch that is set.

Holdfast asking its own address shows that the switch answers; only a request that somebody else sent shows
that anybody asks. Requests are counted in the memory of the process that answers them and added to a
run-time table once a second, so that an answer stays one small read; what a killed process had not added
yet is missing, and every count is therefore said to be *at least* so many.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import BigInteger, Column, Connection, String, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from holdfast import clock
from holdfast.contain.probing import TARGET
from holdfast.contain.switches import Context, Evaluation
from holdfast.ledger.database import Database
from holdfast.ledger.tables import metadata

EVERY = 1.0
"""Seconds after which counts leave the memory of the process that was asked."""
_log = structlog.get_logger("holdfast.hearing")

containment_requests = Table(
    "containment_requests",
    metadata,
    Column("containment", String(60), primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("first_at", String(27), nullable=False),
    Column("last_at", String(27), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Requests:
    """At least so many requests of applications were answered by one switch, from the first to the last."""

    requests: int
    first_at: datetime
    last_at: datetime


def requests_of(conn: Connection, containment: str) -> Requests | None:
    """What is known of one containment; None when no application is known to have asked."""
    table = containment_requests
    row = conn.execute(select(table).where(table.c.containment == containment)).first()
    return Requests(row.requests, clock.parse(row.first_at), clock.parse(row.last_at)) if row else None


class Hearing:
    """Counts what applications were answered. May be called from any thread.

    `tell` is called with the number of a containment that was heard of for the first time in this process.
    """

    def __init__(self, database: Database, now: Callable[[], datetime], tell: Callable[[str], None]) -> None:
        self.database = database
        self.now = now
        self.tell = tell
        self._lock = threading.Lock()
        self._waiting: dict[str, Requests] = {}
        self._known: set[str] = set()
        self._soon: threading.Timer | None = None

    def heard(self, answers: Iterable[Evaluation], context: Context) -> None:
        """Count one request with what it was answered; it is added within a second, the first at once."""
        if context.get("targetingKey") == TARGET:
            return  # Holdfast itself asked
        obeyed = {containment for answer in answers for containment in answer.by}
        if not obeyed:
            return
        at = self.now()
        with self._lock:
            for containment in obeyed:
                one = self._waiting.get(containment, Requests(0, at, at))
                self._waiting[containment] = replace(one, requests=one.requests + 1, last_at=at)
            if self._soon is None:
                self._soon = threading.Timer(0 if obeyed - self._known else EVERY, self._add_soon)
                self._soon.daemon = True
                self._soon.start()

    def _add_soon(self) -> None:
        try:
            self.add()
        except Exception:  # it stays counted, and is added with what is heard next
            _log.exception("what applications asked could not be recorded")

    def add(self) -> None:
        """Add what waits to the table, and tell of containments heard of for the first time."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            new = set(waiting) - self._known
            self._known |= new
            self._soon = None
        if not waiting:
            return
        try:
            self._store(waiting)
            for containment in sorted(new):
                self.tell(containment)
        except BaseException:
            with self._lock:
                self._known -= new  # told of with the next request
            raise

    def _store(self, waiting: dict[str, Requests]) -> None:
        for containment, one in sorted(waiting.items()):
            try:
                with self.database.writing() as conn:
                    if not _added(conn, containment, one):
                        conn.execute(insert(containment_requests).values(_row(containment, one)))
            except IntegrityError:  # another process was first to hear of it
                with self.database.writing() as conn:
                    _added(conn, containment, one)


def _added(conn: Connection, containment: str, one: Requests) -> bool:
    table = containment_requests
    changed = conn.execute(
        update(table)
        .where(table.c.containment == containment)
        .values(requests=table.c.requests + one.requests, last_at=clock.stamp(one.last_at))
    )
    return bool(changed.rowcount)


def _row(containment: str, one: Requests) -> dict[str, Any]:
    return {
        "containment": containment,
        "requests": one.requests,
        "first_at": clock.stamp(one.first_at),
        "last_at": clock.stamp(one.last_at),
    }
