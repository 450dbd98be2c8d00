"""How times and numbers read, the same on the page, in a message and in the terminal.

One idea: a figure never says more than is known. Time left is rounded down, a share is 100% only when it is
all of it, a value that is not the limit never looks equal to it, and the unknown has a word. Every function
is pure: the present moment is an argument.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

Moment = datetime | str
"""A time as readers hold it: aware, or the text that `clock.stamp` wrote."""


# --- text from outside ----------------------------------------------------------------------------

_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2028\u2029\u2800\u3164\uffa0\ufffc") | frozenset(
    chr(code) for code in (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
)
"""Characters that show nothing though Unicode counts them as letters, marks or symbols."""
_PERHAPS_UNSEEN = re.compile(r"[^ -~\n\r\t]")
"""All but what is seen in ASCII, which is most of what a page writes."""
_JOINERS = "\u200c\u200d\ufe0e\ufe0f"
"""They shape a letter or an emoji beside them; after ASCII they only make equal texts differ."""


def unseen(text: str) -> list[int]:
    """Where a text holds what no reader sees: controls, characters that turn the direction of writing
    (U+202E), that have no width, or that are half of one. Line breaks and tabs are seen.

    Joiners and variation selectors stay where scripts and emoji need them, behind another letter than
    those of ASCII (Unicode Standard Annex 31, section 2.3; RFC 5892, appendix A.1).
    """
    return [
        at.start()
        for at in _PERHAPS_UNSEEN.finditer(text)
        if _is_unseen(at[0], text[at.start() - 1] if at.start() else "")
    ]


def _is_unseen(letter: str, before: str) -> bool:
    if letter in _JOINERS:
        return before.isascii() or before in _UNSEEN
    category = unicodedata.category(letter)
    return (category in ("Cc", "Cf", "Cs", "Cn") and letter not in "\n\r\t") or letter in _UNSEEN


def visible(text: str) -> str:
    """The text with everything unseen written out: `invoice⟨U+202E⟩fdp.exe`; a byte that is no UTF-8, as
    in the name of a file, as `\\xff`."""
    hidden = set(unseen(text))
    if not hidden:
        return text
    return "".join(_written_out(letter) if at in hidden else letter for at, letter in enumerate(text))


def _written_out(letter: str) -> str:
    code = ord(letter)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"⟨U+{code:04X}⟩"


# --- words for times ------------------------------------------------------------------------------


def moment(value: Moment) -> datetime:
    """The aware time in UTC; raises ValueError for a naive one or a text that is no time."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if value.tzinfo is None:
        raise ValueError(f"the time {value.isoformat()} has no zone; pass an aware one")
    return value.astimezone(UTC)


def utc(value: Moment) -> str:
    """`23 Nov 2026, 10:42 UTC`."""
    at = moment(value)
    return f"{day(at)}, {at:%H:%M} UTC"


def utc_and_local(value: Moment, zone: str) -> str:
    """`Mon 23 Nov 2026, 23:42 UTC; Tue 24 Nov, 00:42 in Europe/Berlin`: for whoever reads it later."""
    at = moment(value)
    said = f"{at:%a} {utc(at)}"
    if zone in ("", "UTC"):
        return said
    there = at.astimezone(ZoneInfo(zone))
    return f"{said}; {there:%a} {there.day} {there:%b, %H:%M} in {zone}"


_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_HELD = re.compile(
    rf"(?P<at>\b\d{{1,2}} (?:{_MONTHS}) \d{{4}}, \d\d:\d\d)(?P<to> to \d\d:\d\d)? UTC"
    rf"(?P<there>; \w{{3}} \d{{1,2}} (?:{_MONTHS}), \d\d:\d\d in [\w/+-]+"
    rf"| \((?:\d{{1,2}} (?:{_MONTHS}), )?\d\d:\d\d(?: to \d\d:\d\d)? [^\W\d][\w +-]*\))?"
)
"""A time within a sentence, as `utc`, `span`, `utc_and_local` and `where_read` write it."""


def where_read(text: str, zone: str) -> str:
    """The text with each of its times also as in the reader's zone: `23 Nov 2026, 10:42 UTC (21:42 Sydney)`.

    A sentence is kept as it was said, in UTC; who reads it, and where, is known when it is sent. A time
    that is already told in that zone stays as it is, and one told in another's zone is told in the reader's.
    """
    return _HELD.sub(lambda found: _read(found, zone), text)


def _read(found: re.Match[str], zone: str) -> str:
    try:
        at = datetime.strptime(found["at"], "%d %b %Y, %H:%M").replace(tzinfo=UTC)
        until = at.combine(at.date(), time.fromisoformat(found["to"][4:]), UTC) if found["to"] else None
    except ValueError:
        return found[0]  # what somebody typed, and no time
    if (found["there"] or "").endswith(f" in {zone}"):
        return found[0]
    there = local(at, zone)
    if there and until:
        ends = f"{until.astimezone(ZoneInfo(zone)):%H:%M} {_city(zone)}"
        there = f"{there.removesuffix(f' {_city(zone)}')} to {ends}"
    said = f"{found['at']}{found['to'] or ''} UTC"
    return f"{said} ({there})" if there else said


def utc_short(value: Moment, now: datetime) -> str:
    """`10:42 UTC` for today, `22 Nov, 10:42 UTC` for another day."""
    at = moment(value)
    today = at.date() == now.astimezone(UTC).date()
    return f"{at:%H:%M} UTC" if today else f"{at.day} {at:%b}, {at:%H:%M} UTC"


def day(value: Moment) -> str:
    """`23 Nov 2026`, in UTC."""
    at = moment(value)
    return f"{at.day} {at:%b %Y}"


def time_of_day(value: Moment) -> str:
    """`10:31:04`, in UTC."""
    return f"{moment(value):%H:%M:%S}"


def iso(value: Moment) -> str:
    """`2026-11-23T10:42:00Z`, for the datetime attribute and for scripts."""
    return f"{moment(value):%Y-%m-%dT%H:%M:%SZ}"


def local(value: Moment, zone: str | None) -> str:
    """`21:42 Sydney`, with the day where it is another day there; nothing without a zone."""
    if not zone or zone == "UTC":
        return ""
    at = moment(value)
    there = at.astimezone(ZoneInfo(zone))
    other_day = "" if there.date() == at.date() else f"{there.day} {there:%b}, "
    return f"{other_day}{there:%H:%M} {_city(zone)}"


def _city(zone: str) -> str:
    return zone.rpartition("/")[2].replace("_", " ")


def duration(value: timedelta | float) -> str:
    """How long something took, in its two largest units: `12 s`, `3 min 12 s`, `4 h 21 min`, `14 d 23 h`."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if seconds < 0:
        return f"−{duration(-seconds)}"
    return "under 1 s" if 0 < seconds < 1 else _units(int(seconds), seconds_beside_minutes=True)


def left(due: Moment, now: datetime) -> str:
    """A clock in words: `4 min left`, `due now`, `breached by 12 min`; never more time than there is."""
    seconds = (moment(due) - now).total_seconds()
    if -1 < seconds < 1:
        return "due now"
    return f"{_units(int(seconds))} left" if seconds > 0 else f"breached by {_units(int(-seconds))}"


def ago(value: Moment, now: datetime) -> str:
    """`just now`, `2 s ago`, `11 min ago`, `2 d ago`, or `in 4 min` for what is still to come."""
    seconds = (now - moment(value)).total_seconds()
    if -1 < seconds < 1:
        return "just now"
    return f"{_units(int(seconds))} ago" if seconds > 0 else f"in {_units(int(-seconds))}"


def _units(seconds: int, *, seconds_beside_minutes: bool = False) -> str:
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return _pair(days, "d", hours % 24, "h")
    if hours:
        return _pair(hours, "h", minutes % 60, "min")
    if minutes:
        return _pair(minutes, "min", seconds % 60 if seconds_beside_minutes else 0, "s")
    return f"{seconds} s"


def _pair(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"


# --- words for numbers ----------------------------------------------------------------------------


def figure(
    value: float | None, digits: int = 2, against: float | None = None, unknown: str = "not known"
) -> str:
    """`0.71`, or the words for an unknown value.

    A value that is not the limit `against` never looks equal to it: decimals are added until they differ.
    """
    if value is None:
        return unknown
    while against is not None and value != against and digits < 8:
        if f"{value:.{digits}f}" != f"{against:.{digits}f}":
            break
        digits += 1
    return f"{value:,.{digits}f}"


def interval(
    value: float | None,
    lower: float | None,
    upper: float | None,
    digits: int = 2,
    against: float | None = None,
    unknown: str = "not computable",
) -> str:
    """`0.71 (0.66 to 0.76)`; without an interval the value alone; the words for an unknown value.

    Numbers that differ never look equal: decimals are added until they differ, to all of them alike.
    """
    if value is None:
        return unknown
    if lower is None or upper is None:
        return figure(value, digits, against)
    numbers = {number for number in (value, lower, upper, against) if number is not None}
    while len({f"{number:.{digits}f}" for number in numbers}) < len(numbers) and digits < 8:
        digits += 1
    return f"{figure(value, digits)} ({figure(lower, digits)} to {figure(upper, digits)})"


def percent(share: float | None, digits: int = 0, unknown: str = "not known") -> str:
    """`94%`; neither 0% nor 100% unless it is exactly that: `under 1%`, `over 99%`."""
    if share is None:
        return unknown
    step = 10.0**-digits
    value = round(share * 100, digits)
    if 0 < share < 1 and value in (0, 100):
        return f"under {step:.{digits}f}%" if value == 0 else f"over {100 - step:.{digits}f}%"
    return f"{value:.{digits}f}%"


def thousands(number: int | None, unknown: str = "not known") -> str:
    """`4,180`."""
    return unknown if number is None else f"{number:,}"


def bounded(number: int | None, at_least: bool, unknown: str = "not known") -> str:
    """`4,180`, or `at least 4,180` where the number is known from below only."""
    return f"at least {number:,}" if at_least and number is not None else thousands(number, unknown)


def people(number: int, *, at_least: bool = False) -> str:
    """`1 person`, `342 people`, or `at least 342 people` where more may be meant."""
    return f"{'at least ' if at_least else ''}{plural(number, 'person', 'people')}"


def filesize(size: int) -> str:
    """Bytes in decimal units: `812 B`, `4.1 kB`, `412 MB`."""
    if size < 1000:
        return f"{size} B"
    units = ("kB", "MB", "GB", "TB")
    power = next((power for power in (1, 2, 3) if size / 1000**power < 999.5), 4)
    value = size / 1000**power
    return f"{value:.{1 if value < 9.95 else 0}f} {units[power - 1]}"


def sentence(text: str) -> str:
    """What somebody wrote, ended as a sentence: with the full stop it has, or with one of ours."""
    text = text.rstrip()
    return text if not text or text.endswith((".", "!", "?", "…")) else f"{text}."


def capital(text: str) -> str:
    """The same, beginning with a capital."""
    return text[:1].upper() + text[1:]


def plural(number: int, one: str, many: str = "") -> str:
    """`1 incident`, `2 incidents`, `4,180 entries`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def group(named: Mapping[str, str]) -> str:
    """`age_band=18-25, region=north`: the columns and values of a group; empty for everybody.

    For people to read: nothing reads it back, since a value may hold a comma or an equals sign.
    """
    return ", ".join(f"{column}={value}" for column, value in named.items())


def short_hash(digest: str) -> str:
    """`9f3c…71ae`: enough to compare by eye; the whole hash stays at hand for copying."""
    return digest if len(digest) <= 12 else f"{digest[:4]}…{digest[-4:]}"


def span(start: Moment, end: Moment) -> str:
    """A window in words: `3 Nov 2026` for a whole day in UTC, else from when to when."""
    first, last = moment(start), moment(end)
    if first.time() == last.time() == time():
        if last - first == timedelta(days=1):
            return day(first)
        return f"{day(first)} to {day(last - timedelta(days=1))}"
    if first.date() == last.date():
        return f"{day(first)}, {first:%H:%M} to {last:%H:%M} UTC"
    return f"{utc(first)} to {utc(last)}"
