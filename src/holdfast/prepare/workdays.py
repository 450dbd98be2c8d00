"""Business days: where the playbook counts them, until when a number of them lasts. Pure.

The day on which it begins is not counted, and the last one counts whole: it ends with that day, where the
organisation is. So Regulation (EEC, Euratom) No 1182/71, article 3, counts periods in days.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from holdfast.prepare.durations import Length

_SATURDAY = 5
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Where the organisation is, and when it is closed besides Saturday and Sunday."""

    zone: str = "UTC"
    country: str = ""
    """Whose public holidays count, as ISO 3166 has it: `IE`; empty: nobody's."""
    subdivision: str = ""
    closed: frozenset[date] = frozenset()

    def open_on(self, day: date) -> bool:
        if day.weekday() >= _SATURDAY or day in self.closed:
            return False
        return not self.country or day not in _public(self.country, self.subdivision, day.year)

    def after(self, origin: datetime, length: Length) -> datetime:
        """The moment at which a length that counts from `origin` is over, in UTC."""
        if isinstance(length, timedelta):
            return origin + length
        day = origin.astimezone(ZoneInfo(self.zone)).date()
        for _ in range(length.days):
            day += _DAY
            while not self.open_on(day):
                day += _DAY
        return datetime.combine(day + _DAY, time(), ZoneInfo(self.zone)).astimezone(UTC)


EVERYWHERE = Calendar()
"""Of an organisation that says nothing: nothing it promises is counted in business days."""


@cache
def _public(country: str, subdivision: str, year: int) -> frozenset[date]:
    """The public holidays of a year."""
    import holidays

    found = holidays.country_holidays(country, subdiv=subdivision or None, years=year, expand=False)
    return frozenset(found)


def unknown(country: str, subdivision: str) -> tuple[str, Iterable[str]] | None:
    """Which of the two is not known, and what would be; None where both are."""
    import holidays

    known = holidays.list_supported_countries()
    if country not in known:
        return "country", known
    if subdivision and subdivision not in known[country]:
        return "subdivision", known[country]
    return None
