"""What decides something beside the facts: positions, leases, files. `ledger check` compares it too."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, select

from holdfast import clock
from holdfast.ledger import tables
from holdfast.ledger.facts import Recorded
from holdfast.ledger.outbox import LEASE, MessageQueued
from holdfast.ledger.reactions import Reaction, doubt
from holdfast.ledger.row_key import RowKey

SKEW = timedelta(minutes=2)
"""How far the clocks of two machines may stand apart before a time of one is in the future for another."""


class Positions:
    """How far each reaction has read: what lies before its position is never handed to it again."""

    name = "positions of reactions"

    def __init__(self, reactions: Sequence[Reaction], now: datetime, row_key: RowKey) -> None:
        self._row_key = row_key
        self._size = 0
        self._known = {one.name for one in reactions}
        self._traces = {one.name: one.trace(now) for one in reactions if one.trace}

    def see(self, recorded: Recorded) -> None:
        self._size = max(self._size, recorded.seq + 1)
        for trace in self._traces.values():
            trace.see(recorded)

    def problems(self, conn: Connection) -> Iterator[str]:
        seen: Counter[str] = Counter()
        for row in conn.execute(select(tables.reaction_cursors)):
            seen[row.reaction] += 1
            yield from self._of(row.reaction, row.seq, doubt(conn, self._row_key, row))
        yield from (f"the position of {name!r} stands {n} times" for name, n in seen.items() if n > 1)

    def _of(self, reaction: str, seq: object, why: str) -> Iterator[str]:
        where = f"the position of the reaction {reaction!r}"
        if reaction not in self._known:
            known = ", ".join(sorted(self._known))
            yield (
                f"{where} belongs to no reaction of this release (there are: {known}): one of them was "
                f"renamed, or another release has run; {_begin_again(reaction)}"
            )
        elif type(seq) is not int or not -1 <= seq < self._size:
            yield (
                f"{where} is {seq!r}, the ledger holds {self._size} facts: what comes next would be handed "
                f"to nobody; {_begin_again(reaction)}"
            )
        elif why:
            yield (
                f"{where} is {seq}, and {why}: find out who writes to the database; a worker goes through "
                "every fact again by itself, and does nothing twice"
            )
        elif reaction in self._traces:
            yield from self._skipped(where, reaction, seq)

    def _skipped(self, where: str, reaction: str, position: int) -> Iterator[str]:
        skipped = [(at, what) for at, what in self._traces[reaction].untouched() if at <= position]
        if skipped:
            at, what = skipped[0]
            more = f", and {len(skipped) - 1} more" if len(skipped) > 1 else ""
            yield (
                f"{where} is {position}, behind fact {at}{more}, of which nothing came: {what}; it was moved "
                f"forward; {_begin_again(reaction)}"
            )


def _begin_again(reaction: str) -> str:
    """What a person does about a position that cannot be believed."""
    return (
        "find out who writes to the database, then delete that row of reaction_cursors "
        f"(reaction = {reaction!r}): a worker goes through every fact again, and does nothing twice"
    )


class Written:
    """Run-time rows that decide something: Holdfast alone can have written them."""

    name = "rows that Holdfast alone writes"

    def __init__(self, row_key: RowKey) -> None:
        self._row_key = row_key

    def see(self, recorded: Recorded) -> None:
        """What facts tell of these rows is compared elsewhere."""

    def problems(self, conn: Connection) -> Iterator[str]:
        proven = [one for one in tables.keyed() if one is not tables.reaction_cursors]
        for table, row in self._row_key.unproven(conn, proven):
            which = ", ".join(str(row._mapping[column.name])[:100] for column in table.primary_key)
            yield (
                f"the row {which} of {table.name} was not written by Holdfast, or was edited since: its "
                "digest is not right, and nobody acts on it; find out who writes to the database"
            )


class Leases:
    """Who is sending what: a lease without end keeps a message from being sent."""

    name = "leases of messages"

    def __init__(self, now: datetime) -> None:
        self._latest = clock.stamp(now + LEASE + SKEW)
        self._queued: set[str] = set()

    def see(self, recorded: Recorded) -> None:
        if isinstance(recorded.fact, MessageQueued):
            self._queued.add(recorded.fact.message)

    def problems(self, conn: Connection) -> Iterator[str]:
        for row in conn.execute(select(tables.outbox_leases)):
            if row.message not in self._queued:
                yield f"a lease is kept for message {row.message!r}, which no fact queued"
            elif not isinstance(row.until, str) or row.until > self._latest:
                yield f"message {row.message} is leased until {row.until}: nobody would send it before"


@dataclass(frozen=True, slots=True)
class Guarded:
    """A file or folder that others may not read, or may not write."""

    path: Path
    forbidden: int
    """Permission bits it must not have."""
    required: bool = True


PRIVATE = 0o077
"""Nobody else's to read."""
UNCHANGED = 0o022
"""Nobody else's to change."""
ANYBODY = 0o002
"""Not everybody's to change."""


class Files:
    """Files that decide something: regular, no links, and with the permissions they were made with."""

    name = "files and their permissions"

    def __init__(self, guarded: Sequence[Guarded]) -> None:
        self.guarded = guarded

    def see(self, recorded: Recorded) -> None:
        """Nothing in the facts names them."""

    def problems(self, conn: Connection) -> Iterator[str]:
        for one in self.guarded:
            yield from _problems(one)


def _problems(guarded: Guarded) -> Iterator[str]:
    try:
        found = os.lstat(guarded.path)
    except OSError as error:
        if guarded.required:
            yield f"{guarded.path} is not there ({error.strerror}); put it back"
        return
    if stat.S_ISLNK(found.st_mode):
        yield f"{guarded.path} is a link: whoever made it chooses what is read; put the file itself there"
    elif not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        yield f"{guarded.path} is neither file nor folder; put back what was there"
    elif found.st_mode & guarded.forbidden:
        may = "read" if guarded.forbidden == PRIVATE else "changed"
        mode, right = stat.S_IMODE(found.st_mode), stat.S_IMODE(found.st_mode) & ~guarded.forbidden
        yield (
            f"{guarded.path} can be {may} by others (mode {mode:04o}); run chmod {right:o} on it, and find "
            "out who did meanwhile"
        )
