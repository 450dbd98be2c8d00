"""Business days are counted as people count them on a wall calendar. R-XCT-10."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from holdfast.prepare import workdays
from holdfast.prepare.consistency import playbook_problems
from holdfast.prepare.documents import Unusable, parse_document, understand
from holdfast.prepare.durations import BusinessDays, parse_length, shown_length
from holdfast.prepare.playbook import Playbook
from holdfast.prepare.promises import limits
from holdfast.prepare.starting import write_workspace
from holdfast.prepare.terms import Severity
from holdfast.prepare.workdays import Calendar
from holdfast.problems import Fault

DAY = timedelta(days=1)
ZONES = ("UTC", "Europe/Berlin", "Australia/Sydney", "America/New_York", "Asia/Kolkata", "America/Havana")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("origin", "days", "calendar", "due"),
    [
        # Ten business days of CPS 234: the substitute for Boxing Day counts in New South Wales alone.
        ("2026-12-18T05:00", 10, Calendar("Australia/Sydney", "AU", "NSW"), "2027-01-06"),
        ("2026-12-18T05:00", 10, Calendar("Australia/Sydney", "AU"), "2027-01-05"),
        # Four business days after 24 November: Thanksgiving lies between.
        ("2026-11-24T15:00", 4, Calendar("America/New_York", "US"), "2026-12-01"),
        # Found on a Saturday: Monday is the first day.
        ("2026-11-28T15:00", 4, Calendar("America/New_York", "US"), "2026-12-03"),
        # It is Friday in London and Saturday in Sydney.
        ("2026-11-27T20:00", 1, Calendar("Europe/London"), "2026-11-30"),
        ("2026-11-27T20:00", 1, Calendar("Australia/Sydney"), "2026-11-30"),
        ("2026-11-26T20:00", 1, Calendar("Australia/Sydney"), "2026-11-30"),
        ("2026-11-26T20:00", 1, Calendar("Europe/London"), "2026-11-27"),
        # The organisation's own day off.
        ("2026-11-23T09:00", 1, Calendar("UTC", closed=frozenset({date(2026, 11, 24)})), "2026-11-25"),
    ],
)
def test_it_lasts_until_the_end_of_the_last_business_day(
    origin: str, days: int, calendar: Calendar, due: str
) -> None:
    found = calendar.after(utc(origin), BusinessDays(days))
    zone = ZoneInfo(calendar.zone)
    assert found.astimezone(zone) == datetime.combine(
        date.fromisoformat(due) + DAY, datetime.min.time(), zone
    )
    assert found.tzinfo is UTC


@settings(max_examples=60, deadline=None)
@given(
    origin=st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),
    days=st.integers(1, 60),
    zone=st.sampled_from(ZONES),
    closed=st.frozensets(st.integers(0, 120), max_size=30),
)
def test_it_agrees_with_numpys_business_days_and_with_a_walk_hour_by_hour(
    origin: datetime, days: int, zone: str, closed: frozenset[int]
) -> None:
    there = origin.astimezone(ZoneInfo(zone)).date()
    off = frozenset(there + timedelta(days=number) for number in closed)
    found = Calendar(zone, closed=off).after(origin, BusinessDays(days))
    last = np.busday_offset(
        np.datetime64(there), days, roll="backward", holidays=[np.datetime64(one) for one in off]
    )
    if there not in off and there.weekday() < 5:
        assert (found.astimezone(ZoneInfo(zone)) - timedelta(seconds=1)).date() == last.item()
    assert found == walked(origin, days, zone, off)


def walked(origin: datetime, days: int, zone: str, off: frozenset[date]) -> datetime:
    """Hour by hour: the first moment after the day on which so many open days have begun and ended."""
    seen: list[date] = []
    moment = origin
    first = origin.astimezone(ZoneInfo(zone)).date()
    while True:
        day = moment.astimezone(ZoneInfo(zone)).date()
        if day not in seen and day > first and day.weekday() < 5 and day not in off:
            if len(seen) == days:
                break
            seen.append(day)
        if len(seen) == days and day > seen[-1]:
            break
        moment += timedelta(minutes=30)
    # Back to the minute in which that day began.
    while (moment - timedelta(minutes=1)).astimezone(ZoneInfo(zone)).date() >= day:
        moment -= timedelta(minutes=1)
    return moment.replace(second=0, microsecond=0)


@given(
    st.one_of(
        st.integers(1, 366).map(BusinessDays),
        st.integers(1, 3_660 * 86_400).map(lambda seconds: timedelta(seconds=seconds)),
    )
)
def test_what_is_shown_reads_back(length: timedelta | BusinessDays) -> None:
    assert parse_length(shown_length(length)) == length


@pytest.mark.parametrize("text", ["0 business days", "5 businessdays", "400 business days", "business days"])
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(Fault, match="business days"):
        parse_length(text)


# In the playbook ---------------------------------------------------------------------------------

SECTION = """
business_days:
  time_zone: Europe/Dublin
  country: IE
  closed: [2026-12-24]
"""


def playbook(
    folder: Path, section: str = SECTION, review: str = "5 business days"
) -> tuple[Playbook, list[str]]:
    write_workspace(folder)
    text = (folder / "playbook.yaml").read_text()
    text = text.replace("review_within: 7d", f"review_within: {review}") + section
    document = parse_document("playbook.yaml", text.encode())
    model = understand(document, Playbook)
    return model, [str(problem) for problem in playbook_problems(document, model)]


def test_a_playbook_counts_in_business_days_of_its_country(tmp_path: Path) -> None:
    """A review within five business days of a resolution on 18 December: Christmas, St Stephen's Day's
    substitute and its own day off are none."""
    found, problems = playbook(tmp_path)
    assert not problems
    said = limits(found, Severity.CRITICAL)
    assert said.due("review", utc("2026-12-18T11:00")) == utc("2026-12-30T00:00")
    assert said.counted("review") == "5 business days"


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ("", "severities.critical.clocks.review_within: counts in business days, and nothing says which"),
        (SECTION.replace("IE", "XX"), "no public holidays are known of XX"),
        (SECTION + "  subdivision: NSW\n", "no public holidays are known of NSW"),
    ],
)
def test_business_days_without_a_calendar_are_a_finding(tmp_path: Path, section: str, sentence: str) -> None:
    _, (problem,) = playbook(tmp_path, section)
    assert sentence in problem


def test_a_calendar_names_a_place_that_there_is(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="is not a time zone"):
        playbook(tmp_path, SECTION.replace("Europe/Dublin", "Europe/Dublinn"))


def test_a_graver_severity_is_not_promised_later_in_other_words(tmp_path: Path) -> None:
    write_workspace(tmp_path)
    text = (
        (tmp_path / "playbook.yaml")
        .read_text()
        .replace("resolve_within: 5d", "resolve_within: 9 business days")
    )
    document = parse_document("playbook.yaml", (text + SECTION).encode())
    found = [str(one) for one in playbook_problems(document, understand(document, Playbook))]
    assert any("9 business days is slower than 10 days of high" in one for one in found)


def test_a_year_is_looked_up_once() -> None:
    before = workdays._public.cache_info().misses
    calendar = Calendar("UTC", "DE")
    for _ in range(3):
        calendar.after(utc("2031-03-03T00:00"), BusinessDays(20))
    assert workdays._public.cache_info().misses == before + 1
