"""Timers: a projection of facts, fired exactly once each.

A fact arms or disarms a timer (`Fact.timers`). The worker takes what is due and hands it to the handler
of its kind; the handler appends with `fires=timer`, which holds the row, and the facts it appends move
or stop the timer. The loser of a race gets AlreadyFired and does nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, insert, select

from holdfast import clock
from holdfast.ledger import tables
from holdfast.ledger.facts import Arm, Recorded
from holdfast.ledger.ledger import Ledger, Timer

_STOP = delete(tables.timers).where(tables.timers.c.timer == bindparam("of"))
_ARM = insert(tables.timers)


class Timers:
    """The projection that holds every armed timer."""

    name = "timers"
    tables: tuple[Table, ...] = (tables.timers,)

    def apply(self, conn: Connection, facts: Sequence[Recorded]) -> None:
        now: dict[str, dict[str, object] | None] = {}
        for recorded in facts:
            for effect in recorded.fact.timers():
                now[effect.timer] = _row(effect, recorded) if isinstance(effect, Arm) else None
        if now:
            conn.execute(_STOP, [{"of": timer} for timer in now])
        if armed := [row for row in now.values() if row]:
            conn.execute(_ARM, armed)


def _row(arm: Arm, by: Recorded) -> dict[str, object]:
    due = arm.due if isinstance(arm.due, datetime) else by.at + arm.due
    return {
        "timer": arm.timer,
        "generation": by.seq,
        "kind": arm.kind,
        "due": clock.stamp(due),
        "data": json.dumps(dict(arm.data), sort_keys=True),
    }


def due(
    ledger: Ledger, now: datetime, limit: int = 100, wanted: Callable[[Timer], bool] = lambda timer: True
) -> list[Timer]:
    """Timers whose time has come, the longest overdue first; of those, the first that are `wanted`.

    A timer that cannot be fired stands in front for ever: it must not hide those behind it.
    """
    query = select(tables.timers).where(tables.timers.c.due <= clock.stamp(now))
    with ledger.reading() as conn:
        rows = conn.execute(query.order_by(tables.timers.c.due, tables.timers.c.timer))
        return list(islice(filter(wanted, map(_timer, rows)), limit))


def next_due(ledger: Ledger) -> datetime | None:
    """When the next timer is due; None when none is armed."""
    with ledger.reading() as conn:
        row = conn.execute(select(tables.timers.c.due).order_by(tables.timers.c.due).limit(1)).first()
    return clock.parse(row.due) if row else None


def armed(ledger: Ledger, prefix: str) -> list[Timer]:
    """Armed timers whose name begins with `prefix`, soonest first."""
    query = select(tables.timers).where(tables.timers.c.timer.startswith(prefix, autoescape=True))
    with ledger.reading() as conn:
        return [_timer(row) for row in conn.execute(query.order_by(tables.timers.c.due))]


def _timer(row: Any) -> Timer:
    return Timer(row.timer, row.generation, row.kind, clock.parse(row.due), json.loads(row.data))
