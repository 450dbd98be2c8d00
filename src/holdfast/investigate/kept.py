"""Documents whose versions are kept as knowledge grows: none replaces the one before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from holdfast.people import Actor

FactT = TypeVar("FactT", covariant=True)


@dataclass(frozen=True, slots=True)
class Kept(Generic[FactT]):
    """One version: what it says, who recorded it and when."""

    fact: FactT
    at: datetime
    by: Actor
