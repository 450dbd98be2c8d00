"""What the facts of one stream add up to, without adding up again what was added up before.

One idea: a state that this process folded from facts stays true as long as its stream still continues the
last of them, which is one hash to compare. So a step costs what is new, not what is long. Nothing that the
database holds of a state is trusted: what a table says is for lists, and decisions rest on facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, Self, TypeVar, cast

from holdfast.ledger.deciding import settle
from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.people import Actor

S = TypeVar("S")
F = TypeVar("F", bound="Foldable")


@dataclass(frozen=True, slots=True)
class Folded(Generic[S]):
    """A stream's state as it was when read; `draft` appends on exactly that."""

    stream: str
    version: int
    """How many facts it rests on; 0 where there are none."""
    last: bytes
    """Leaf hash of the last of them."""
    state: S

    def draft(self, facts: Sequence[Any]) -> Draft:
        return Draft(self.stream, self.version, cast("Sequence[Fact]", facts))


class Foldable(Protocol):
    """A state that says itself what each of its facts makes of it."""

    def after(self, fact: Any, at: datetime, by: Actor) -> Self: ...


def fold(state: F, told: Iterable[tuple[Any, datetime, Actor]]) -> F:
    """What facts, with when they were recorded and by whom, make of a state."""
    for fact, at, by in told:
        state = state.after(fact, at, by)
    return state


def _after(state: Any, recorded: Recorded) -> Any:
    return state.after(recorded.fact, recorded.at, recorded.by)


class Kind(Generic[S]):
    """One kind of stream: how its name begins, and what its facts add up to."""

    def __init__(
        self, prefix: str, begin: Callable[[str], S], after: Callable[[S, Recorded], S] = _after
    ) -> None:
        """`begin` is the state, by its name, of a stream that holds nothing."""
        self.prefix = prefix
        self._begin = begin
        self._after = after

    def stream_of(self, name: str) -> str:
        """A stream without a name is the only one of its kind."""
        return f"{self.prefix}/{name}" if name else self.prefix

    def add_up(self, name: str, facts: Iterable[Recorded]) -> S:
        """What these facts of one stream make of it."""
        return self._further(self._begin(name), facts)

    def _further(self, state: S, facts: Iterable[Recorded]) -> S:
        for recorded in facts:
            state = self._after(state, recorded)
        return state

    def state(self, ledger: Ledger, name: str) -> S:
        """What one stream adds up to. Raises UnknownFact."""
        return self.load(ledger, name).state

    def load(self, ledger: Ledger, name: str) -> Folded[S]:
        """The same, with what a decision on it is appended to. Raises UnknownFact."""
        stream = self.stream_of(name)
        nothing = Folded(stream, 0, b"", self._begin(name))
        known: Folded[S] = ledger.folded.get(stream) or nothing
        newer = ledger.stream_after(stream, known.version, known.last)
        if newer is None:  # it was edited, or an older copy was put back
            known, newer = nothing, ledger.stream(stream).facts
        if not newer:
            return known
        state = self._further(known.state, newer)
        read = Folded(stream, known.version + len(newer), newer[-1].leaf_hash, state)
        ledger.folded.put(stream, read)
        return read

    def decide(
        self,
        ledger: Ledger,
        name: str,
        decide: Callable[[S], Sequence[Any]],
        *,
        by: Actor,
        at: datetime,
    ) -> tuple[Recorded, ...]:
        """The decision that rests on one stream and writes to it. Raises Conflict when it keeps changing."""

        def drafts() -> list[Draft]:
            read = self.load(ledger, name)
            return [read.draft(decide(read.state))]

        return settle(ledger, drafts, name or self.prefix, by=by, at=at)
