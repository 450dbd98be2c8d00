"""What the facts of one stream add up to, without adding up again what was added up before.

One idea: a state that this process folded from facts stays true as long as its stream still continues the
last of them, which is one hash to compare. So a step costs what is new, not what is long. Nothing that the
database holds of a state is trusted: what a table says is for lists, and decisions rest on facts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.ledger import Draft, Ledger

S = TypeVar("S")


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


class Kind(Generic[S]):
    """One kind of stream: how its name begins, and what its facts add up to."""

    def __init__(self, prefix: str, begin: S, after: Callable[[S, Recorded], S]) -> None:
        self.prefix = prefix
        self._empty = begin
        self._after = after

    def stream_of(self, name: str) -> str:
        return f"{self.prefix}/{name}"

    def load(self, ledger: Ledger, name: str) -> Folded[S]:
        """The state of one stream. Raises UnknownFact."""
        stream = self.stream_of(name)
        nothing = Folded(stream, 0, b"", self._empty)
        known: Folded[S] = ledger.folded.get(stream) or nothing
        newer = ledger.stream_after(stream, known.version, known.last)
        if newer is None:  # it was edited, or an older copy was put back
            known, newer = nothing, ledger.stream(stream).facts
        if not newer:
            return known
        state = known.state
        for recorded in newer:
            state = self._after(state, recorded)
        read = Folded(stream, known.version + len(newer), newer[-1].leaf_hash, state)
        ledger.folded.put(stream, read)
        return read
