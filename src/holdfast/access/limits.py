"""How long access lasts, and how many wrong passwords are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """Of sessions, tokens and attempts."""

    idle: timedelta = timedelta(hours=2)
    """A session unused for so long ends."""
    absolute: timedelta = timedelta(hours=12)
    """Every session ends after so long."""
    window: timedelta = timedelta(minutes=15)
    """Attempts are counted over this time."""
    for_one_account_from_one_origin: int = 8
    from_one_origin: int = 50
    for_one_account: int = 100
    """High, because anybody could hold off a responder by guessing at their account from many places."""
    longest_token: timedelta = timedelta(days=366)
