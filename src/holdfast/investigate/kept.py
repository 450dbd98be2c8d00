"""Documents whose versions are kept as knowledge grows: none replaces the one before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from holdfast.ledger.facts import Recorded
from holdfast.ledger.ledger import Conflict, Draft, Ledger
from holdfast.people import Actor

FactT = TypeVar("FactT", covariant=True)

_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Kept(Generic[FactT]):
    """One version: what it says, who recorded it and when."""

    fact: FactT
    at: datetime
    by: Actor


def settle(
    ledger: Ledger, decide: Callable[[], Sequence[Draft]], *, by: Actor, at: datetime
) -> tuple[Recorded, ...]:
    """Read, decide and append; decide again when somebody was faster. `decide` reads for itself.

    Appends nothing where nothing was decided. An empty draft says that its stream must not have moved: a
    decision can rest on more streams than it writes to. Raises Conflict when the streams keep changing.
    """
    for _ in range(_ATTEMPTS):
        try:
            drafts = decide()
            if not any(draft.facts for draft in drafts):
                return ()
            return ledger.append(*drafts, by=by, at=at)
        except Conflict:
            continue
    raise Conflict("the record kept changing while this was being decided; try again")
