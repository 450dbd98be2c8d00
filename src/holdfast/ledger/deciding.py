"""Deciding: read, decide, append; and where somebody was faster, all of it again.

One idea: a decision is worth no more than what it was read from. Its drafts name the streams it rests on and
how long each of them was; one that it writes nothing to has an empty draft. So there is one answer to what
the loser of a race does: it forgets what it read, and looks again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.ledger import AlreadyFired, Conflict, Draft, Ledger, Stream, Timer
from holdfast.people import Actor

T = TypeVar("T")

ATTEMPTS = 20
"""How often a step looks again before it says that it cannot be decided now."""


def again(attempt: Callable[[], T], of: str, attempts: int = ATTEMPTS) -> T:
    """What an attempt gives in which nobody was faster; `of` is what it is about.

    Raises Conflict when it keeps changing, AlreadyFired at once: there is nothing left to do.
    """
    for _ in range(attempts):
        try:
            return attempt()
        except AlreadyFired:
            raise
        except Conflict:
            continue  # nothing has happened
    raise Conflict(f"{of} kept changing; try again")


def settle(
    ledger: Ledger,
    drafts: Callable[[], Sequence[Draft]],
    of: str,
    *,
    by: Actor,
    at: datetime,
    fires: Timer | None = None,
    keeping: Callable[[Connection], None] | None = None,
) -> tuple[Recorded, ...]:
    """Append what is decided, in one transaction; returns it. `drafts` reads for itself whenever it is asked.

    Where no fact is decided nothing is appended. With `fires` it is asked once: of two workers that fire one
    timer the loser drops what it decided, and the timer, where it still is due, is fired anew. `keeping`
    writes run-time rows that must not part from the facts. Raises what `drafts` raises, Conflict when what it
    reads keeps changing, and AlreadyFired.
    """

    def attempt() -> tuple[Recorded, ...]:
        decided = drafts()
        if fires is None and not any(draft.facts for draft in decided):
            return ()
        return ledger.append(*decided, by=by, at=at, fires=fires, keeping=keeping)

    return attempt() if fires else again(attempt, of)


def settle_stream(
    ledger: Ledger, stream: str, decide: Callable[[Stream], Sequence[Fact]], by: Actor, at: datetime
) -> tuple[Recorded, ...]:
    """The decision that rests on one stream and writes to it."""

    def drafts() -> list[Draft]:
        read = ledger.stream(stream)
        return [read.draft(decide(read))]

    return settle(ledger, drafts, stream, by=by, at=at)
