"""What forms send, as values: times in the zone the person chose, words within bounds."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

from fastapi import Path

from holdfast.ledger.facts import LONGEST_TEXT, LONGEST_TITLE
from holdfast.problems import NotAllowed, shown

__all__ = ["LONGEST_TEXT", "LONGEST_TITLE", "IncidentNumber", "moment", "text", "word"]

IncidentNumber = Annotated[str, Path(pattern=r"^INC-[1-9][0-9]{0,11}$")]
"""An incident in an address; anything else is a page that does not exist."""

WordT = TypeVar("WordT", bound=StrEnum)


def moment(text: str, zone: str) -> datetime | None:
    """The aware time in UTC of a date-and-time field; None when it was left empty. Raises NotAllowed.

    `zone` is "UTC" or the reader's own zone, as their page offered it.
    """
    if not text.strip():
        return None
    try:
        naive = datetime.fromisoformat(text.strip())
        if naive.tzinfo is None:
            naive = naive.replace(tzinfo=ZoneInfo(zone) if zone else UTC)
        found = naive.astimezone(UTC)
    except (ValueError, OverflowError, OSError, KeyError):
        raise NotAllowed(
            f"{shown(text)} is not a date and time; write for example 2026-11-23T10:42"
        ) from None
    if not 1970 < found.year < 2200:
        raise NotAllowed(f"{shown(text)} is too far away; check the year")
    return found


def word(kind: type[WordT], text: str, what: str) -> WordT:
    """One of a fixed vocabulary. Raises NotAllowed naming what may be chosen."""
    try:
        return kind(text)
    except ValueError:
        known = ", ".join(one.value for one in kind)
        raise NotAllowed(f"{shown(text)} is no {what}; choose one of {known}") from None


def text(value: str, longest: int, what: str) -> str:
    """Words as they are kept: line ends of one kind, nothing a database refuses. Raises NotAllowed."""
    found = value.replace("\r\n", "\n").strip()
    if "\x00" in found:
        raise NotAllowed(f"the {what} holds a character that is none (NUL); remove it")
    if len(found) > longest:
        raise NotAllowed(f"the {what} is {len(found):,} characters long, {longest:,} fit; shorten it")
    return found
