"""The pulse: what every running worker is doing, where any process can read it.

Run-time only, not a projection: it can be lost, and proves nothing. A worker writes its lanes every few
seconds; what is not written any more has gone silent, whatever the reason.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import BigInteger, Column, String, Table, Text, delete, insert, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from holdfast import clock
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.row_key import mac_column
from holdfast.ledger.tables import metadata
from holdfast.problems import NotAllowed, NotThere

SILENT_AFTER = timedelta(seconds=90)
"""A worker writes its pulse every few seconds; one that has not for so long is not there."""
_FORGET_AFTER = timedelta(days=1)

worker_lanes = Table(
    "worker_lanes",
    metadata,
    # One run of one worker.
    Column("worker", String(100), primary_key=True),
    Column("lane", String(100), primary_key=True),
    Column("beat_at", String(27), nullable=False),
    # When the step began that is being worked on; null between steps.
    Column("began_at", String(27)),
    Column("doing", Text, nullable=False),
    # When the lane last came to the end of its turn; null before that.
    Column("ended_at", String(27)),
    Column("patience_seconds", BigInteger, nullable=False),
    # JSON: what keeps failing, why, and since when.
    Column("failing", Text, nullable=False),
    mac_column(),
)


class Kind(StrEnum):
    """What kind of failure it is: all that is said of it to whoever has not signed in."""

    REFUSED = "refused"
    """By a rule, in a sentence that says what to do."""
    OUTSIDE = "outside"
    """A file or another machine is not there, or does not answer."""
    DATABASE = "database"
    FAULT = "fault"
    """Of the program itself, or not foreseen."""

    @classmethod
    def of(cls, error: Exception) -> Kind:
        match error:
            case NotAllowed() | NotThere() | ValueError():
                return cls.REFUSED
            case SQLAlchemyError():
                return cls.DATABASE
            case OSError():
                return cls.OUTSIDE
        return cls.FAULT


@dataclass(frozen=True, slots=True)
class Failure:
    """What keeps failing in one step of a lane."""

    reason: str
    """For people who may read everything: it can name people, systems, files and machines."""
    kind: Kind
    since: datetime
    """When it failed first of those times that it has failed in a row."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One lane of one worker, as it was when the pulse was written."""

    worker: str
    lane: str
    beat_at: datetime
    patience: timedelta
    """How long one step may take before it is said to hang."""
    began_at: datetime | None = None
    doing: str = ""
    ended_at: datetime | None = None
    failing: Mapping[str, Failure] = field(default_factory=dict)

    def silent(self, now: datetime) -> bool:
        """Nothing was heard from this worker for longer than it ever takes."""
        return now - self.beat_at > SILENT_AFTER

    @property
    def hangs(self) -> bool:
        """A step began and had not come to its end in the time it may take, when the pulse was written."""
        return self.began_at is not None and self.beat_at - self.began_at > self.patience


def prepare(ledger: Ledger) -> None:
    """Make the table where the ledger is older than it."""
    with ledger.database.writing() as conn:
        worker_lanes.create(conn, checkfirst=True)


def write(ledger: Ledger, worker: str, beats: Sequence[Beat], now: datetime) -> None:
    """Replace what this worker wrote before; forget workers that have long been gone."""
    lanes = worker_lanes.c
    long_ago = clock.stamp(now - _FORGET_AFTER)
    with ledger.database.writing() as conn:
        conn.execute(delete(worker_lanes).where((lanes.worker == worker) | (lanes.beat_at < long_ago)))
        if beats:
            signed = [ledger.row_key.signed(worker_lanes, _row(beat)) for beat in beats]
            conn.execute(insert(worker_lanes), signed)


def read(ledger: Ledger) -> list[Beat]:
    """What every worker wrote last, also those that are silent by now."""
    with ledger.reading() as conn:
        if not inspect(conn).has_table(worker_lanes.name):
            return []  # an older ledger that no worker of this release has run on
        query = select(worker_lanes).order_by(worker_lanes.c.worker, worker_lanes.c.lane)
        # A pulse that somebody put in would say that a worker runs where none does.
        rows = [row for row in conn.execute(query) if ledger.row_key.wrote(worker_lanes, row)]
    return [
        Beat(
            worker=row.worker,
            lane=row.lane,
            beat_at=clock.parse(row.beat_at),
            patience=timedelta(seconds=row.patience_seconds),
            began_at=clock.parse(row.began_at) if row.began_at else None,
            doing=row.doing,
            ended_at=clock.parse(row.ended_at) if row.ended_at else None,
            failing=_failures(row.failing),
        )
        for row in rows
    ]


def _row(beat: Beat) -> dict[str, object]:
    return {
        "worker": beat.worker,
        "lane": beat.lane,
        "beat_at": clock.stamp(beat.beat_at),
        "began_at": clock.stamp(beat.began_at) if beat.began_at else None,
        "doing": beat.doing,
        "ended_at": clock.stamp(beat.ended_at) if beat.ended_at else None,
        "patience_seconds": int(beat.patience.total_seconds()),
        "failing": json.dumps({what: _told(failure) for what, failure in beat.failing.items()}),
    }


def _told(failure: Failure) -> dict[str, str]:
    return {"reason": failure.reason, "kind": failure.kind.value, "since": clock.stamp(failure.since)}


def _failures(text: str) -> dict[str, Failure]:
    return {
        what: Failure(told["reason"], Kind(told["kind"]), clock.parse(told["since"]))
        for what, told in json.loads(text).items()
        if isinstance(told, dict)  # an older release wrote the reason alone, and does not run any more
    }
