"""Lengths of time as people write them in files: `15m`, `2h`, `24h`, `7d`.

A length of time is always exact: a day is 24 hours and a week seven days. What is promised may also be
counted in business days, `5 business days`, which need a calendar (`workdays.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from holdfast.problems import Fault, shown

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
WORDS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}
LONGEST = timedelta(days=3_660)
PATTERN = r"^[1-9][0-9]{0,8}(s|m|h|d|w)$"
_FIX = "write for example 15m, 2h or 24h"


def parse(text: Any) -> timedelta:
    """The length that `15m`, `2h`, `24h`, `7d` or `2w` spells.

    Raises Fault for anything else, for nothing at all, and for more than ten years.
    """
    if isinstance(text, timedelta):
        return _bounded(text, text)
    if isinstance(text, int) and not isinstance(text, bool):
        raise Fault(f"{text} has no unit", f"write for example {text}m, {text}h or {text}d")
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{1,9}[smhdw]", text):
        raise Fault(f"{shown(text)} is not a duration", _FIX)
    seconds = int(text[:-1]) * SECONDS[text[-1]]
    beyond = round(LONGEST.total_seconds()) + 1  # what exceeds it need not fit a timedelta
    return _bounded(timedelta(seconds=min(seconds, beyond)), text)


def _bounded(length: timedelta, given: Any) -> timedelta:
    if length <= timedelta(0):
        raise Fault(f"{shown(given)} is no time at all", _FIX)
    if length > LONGEST:
        raise Fault(f"{shown(given)} is longer than ten years", _FIX)
    return length


def _counted(length: timedelta) -> tuple[int, str]:
    """Count and unit as people say it: 24h and 48h stay hours, 72h is 3d; 90m stays minutes."""
    seconds = round(length.total_seconds())
    for unit, least in (("d", 3 * SECONDS["d"]), ("h", SECONDS["h"]), ("m", SECONDS["m"])):
        if seconds >= least and seconds % SECONDS[unit] == 0:
            return seconds // SECONDS[unit], unit
    return seconds, "s"


def show(length: timedelta) -> str:
    """The short spelling, to the second: `parse(show(x)) == x`."""
    count, unit = _counted(length)
    return f"{count}{unit}"


def spoken(length: timedelta) -> str:
    """The length in words: `15 minutes`, `24 hours`, `7 days`."""
    count, unit = _counted(length)
    return f"{count} {WORDS[unit]}{'' if count == 1 else 's'}"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse),
    PlainSerializer(show, return_type=str),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "examples": ["15m", "2h", "24h", "7d"]}),
]
"""A pydantic field holding a timedelta, written in files as `15m`, `2h`, `24h`, `7d`."""


@dataclass(frozen=True, slots=True)
class BusinessDays:
    """Days on which the organisation works."""

    days: int

    def __str__(self) -> str:
        return f"{self.days} business day{'' if self.days == 1 else 's'}"


Length = timedelta | BusinessDays
MOST_BUSINESS_DAYS = 366
_BUSINESS = re.compile(r"([1-9][0-9]{0,2}) business days?")


def parse_length(text: Any) -> Length:
    """What `15m`, `24h` or `5 business days` spells. Raises Fault for anything else."""
    if isinstance(text, BusinessDays):
        return text
    if not isinstance(text, str) or "business" not in text:
        return parse(text)
    found = _BUSINESS.fullmatch(text)
    if not found or int(found[1]) > MOST_BUSINESS_DAYS:
        raise Fault(
            f"{shown(text)} is no number of business days",
            f"write for example 5 business days, at most {MOST_BUSINESS_DAYS}",
        )
    return BusinessDays(int(found[1]))


def shown_length(length: Length) -> str:
    """The short spelling: `parse_length(shown_length(x)) == x`."""
    return show(length) if isinstance(length, timedelta) else str(length)


def spoken_length(length: Length) -> str:
    """The length in words."""
    return spoken(length) if isinstance(length, timedelta) else str(length)


def about(length: Length) -> timedelta:
    """How long it lasts on average, to compare one with another: five business days are a week."""
    return length if isinstance(length, timedelta) else timedelta(days=length.days * 7 / 5)


Term = Annotated[
    timedelta | BusinessDays,
    BeforeValidator(parse_length),
    PlainSerializer(shown_length, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[1-9][0-9]{0,8}(s|m|h|d|w)$|^[1-9][0-9]{0,2} business days?$",
            "examples": ["15m", "24h", "5 business days"],
        }
    ),
]
"""A pydantic field for what is promised: a length of time, or business days."""
