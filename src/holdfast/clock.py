"""Time as the product knows it: aware, in UTC, passed in and never ambient."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol


class Clock(Protocol):
    """Says what time it is; interfaces hold one and pass `at` to every step."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds: `2026-11-23T10:42:00.123456Z`; sorts as text.

    Raises ValueError for a naive time, because it could mean any zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"the time {moment.isoformat()} has no zone; pass an aware time in UTC")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


@lru_cache(maxsize=1_024)
def parse(text: str) -> datetime:
    """The moment that `stamp` wrote; raises ValueError for anything else."""
    if len(text) != len("2026-11-23T10:42:00.123456Z") or not text.endswith("Z"):
        raise ValueError(f"{text!r} is not a moment as the ledger writes it")
    return datetime.fromisoformat(text)
