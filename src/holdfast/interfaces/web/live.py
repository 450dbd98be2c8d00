"""What changed, told to open pages: one look at the ledger a second, however many pages listen.

An event names topics, never content: `incident/INC-1`, `incident`, `alert`, `ledger`, or `*` for anything.
Pages fetch the regions that show them again, with the reader's own access.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import suppress

from anyio import to_thread

from holdfast.ledger import sealing
from holdfast.ledger.facts import Recorded, UnknownFact
from holdfast.ledger.ledger import Ledger

_LOOK_EVERY = 1.0
"""Seconds between looks at the ledger."""
_STILL_HERE_EVERY = 15
"""Looks without news after which a comment keeps proxies from hanging up."""
_MOST_AT_ONCE = 200
"""Facts read in one look; behind more than that a page refreshes everything."""
MOST_LISTENERS = 200
"""Pages that one process keeps informed; more of them are asked to come back."""

Position = tuple[int, int]
"""Facts appended, facts sealed."""


class TooManyListeners(Exception):
    """No further page can be kept informed at the moment."""


class News:
    """Hands the topics of new facts to every listening page."""

    def __init__(self, ledger: Ledger, look_every: float = _LOOK_EVERY) -> None:
        self._ledger = ledger
        self._look_every = look_every
        self._listeners: set[_Listener] = set()
        self._looking: asyncio.Task[None] | None = None

    async def listen(self, still_welcome: Callable[[], bool]) -> AsyncGenerator[str, None]:
        """The events of one page, until it leaves or is no longer welcome. Raises TooManyListeners."""
        if len(self._listeners) >= MOST_LISTENERS:
            raise TooManyListeners
        listener = _Listener()
        self._listeners.add(listener)
        try:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
            yield "retry: 2000\n\n"
            while await to_thread.run_sync(still_welcome):
                topics = await listener.next(self._look_every * _STILL_HERE_EVERY)
                yield f"data: {' '.join(sorted(topics))}\n\n" if topics else ": still here\n\n"
        finally:
            self._listeners.discard(listener)

    async def _look(self) -> None:
        """Look while anybody listens."""
        reached = await to_thread.run_sync(self._position)
        while self._listeners:
            await asyncio.sleep(self._look_every)
            with suppress(Exception):  # a database that is away for a moment comes back
                found = await to_thread.run_sync(self._position)
                if found == reached:
                    continue
                topics = await to_thread.run_sync(self._topics, reached, found)
                reached = found
                for listener in self._listeners:
                    listener.tell(topics)

    def _position(self) -> Position:
        size = self._ledger.size()
        with self._ledger.reading() as conn:
            return size, sealing.newest_size(conn)

    def _topics(self, reached: Position, found: Position) -> frozenset[str]:
        if found[0] < reached[0] or found[0] - reached[0] > _MOST_AT_ONCE:
            return frozenset({"*"})
        try:
            return topics_of(self._ledger.facts(after=reached[0] - 1, limit=found[0] - reached[0]))
        except UnknownFact:
            return frozenset({"*"})


class _Listener:
    """What one page has not been told yet."""

    def __init__(self) -> None:
        self._topics: set[str] = set()
        self._news = asyncio.Event()

    def tell(self, topics: Iterable[str]) -> None:
        self._topics.update(topics)
        self._news.set()

    async def next(self, patience: float) -> frozenset[str]:
        """The next topics; none when nothing happened for `patience` seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), patience)
        self._news.clear()
        topics, self._topics = frozenset(self._topics), set()
        return topics


def topics_of(facts: Iterable[Recorded]) -> frozenset[str]:
    """What pages can show of these facts: their incidents, their streams and the kinds of both."""
    topics = {"ledger"}
    for recorded in facts:
        kind = recorded.stream.partition("/")[0]
        if kind != "account":  # who signs in is nobody's news
            topics |= {kind, recorded.stream}
        if recorded.incident:
            topics |= {"incident", f"incident/{recorded.incident}"}
    return frozenset(topic for topic in topics if not any(letter.isspace() for letter in topic))
