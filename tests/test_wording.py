"""A figure never says more than is known, and reads the same wherever it stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast import clock, wording

NOW = datetime(2026, 11, 23, 10, 42, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (261.9, "4 min left"),
        (299.999, "4 min left"),
        (40, "40 s left"),
        (1.2, "1 s left"),
        (0.4, "due now"),
        (0, "due now"),
        (-0.4, "due now"),
        (-3, "breached by 3 s"),
        (-720, "breached by 12 min"),
        (3600, "1 h left"),
        (7500, "2 h 5 min left"),
        (86400 * 14 + 3600 * 23 + 59, "14 d 23 h left"),
        (-86400 * 2, "breached by 2 d"),
    ],
)
def test_a_clock_reads_as_time_left_or_breached_r_con_08(seconds: float, words: str) -> None:
    """R-CON-08/clock."""
    assert wording.left(NOW + timedelta(seconds=seconds), NOW) == words


@given(st.integers(min_value=1, max_value=10**8))
def test_a_clock_never_shows_more_time_than_there_is(seconds: int) -> None:
    shown = wording.left(NOW + timedelta(seconds=seconds), NOW).removesuffix(" left").split()
    sizes = {"s": 1, "min": 60, "h": 3600, "d": 86400}
    said = sum(int(number) * sizes[unit] for number, unit in zip(shown[::2], shown[1::2], strict=True))
    assert said <= seconds < said + (3600 if seconds >= 86400 else 60)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (2, "2 s ago"),
        (660, "11 min ago"),
        (3 * 3600 + 60, "3 h 1 min ago"),
        (2 * 86400, "2 d ago"),
        (-240, "in 4 min"),
    ],
)
def test_the_past_and_the_future_are_told_apart(seconds: float, words: str) -> None:
    assert wording.ago(NOW - timedelta(seconds=seconds), NOW) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.2, "under 1 s"),
        (12, "12 s"),
        (192, "3 min 12 s"),
        (180, "3 min"),
        (15660, "4 h 21 min"),
        (86400 * 14 + 3600 * 23, "14 d 23 h"),
        (-192, "−3 min 12 s"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, words: str) -> None:
    assert wording.duration(seconds) == words
    assert wording.duration(timedelta(seconds=seconds)) == words


def test_times_are_shown_in_utc_with_the_local_one_beside_r_xct_10() -> None:
    """R-XCT-10/both."""
    assert wording.utc(NOW) == "23 Nov 2026, 10:42 UTC"
    assert wording.utc(NOW.astimezone(timezone(timedelta(hours=11)))) == "23 Nov 2026, 10:42 UTC"
    assert wording.local(NOW, "Australia/Sydney") == "21:42 Sydney"
    assert wording.local(NOW, "America/New_York") == "05:42 New York"
    assert wording.local(NOW.replace(hour=14), "Australia/Sydney") == "24 Nov, 01:42 Sydney"
    assert wording.local(NOW, None) == wording.local(NOW, "UTC") == ""


def test_another_day_is_named() -> None:
    assert wording.utc_short(NOW - timedelta(hours=1), NOW) == "09:42 UTC"
    assert wording.utc_short(NOW - timedelta(hours=11), NOW) == "22 Nov, 23:42 UTC"


def test_a_stored_stamp_reads_like_the_time_itself() -> None:
    assert wording.utc(clock.stamp(NOW)) == wording.utc(NOW)
    assert wording.iso(clock.stamp(NOW)) == "2026-11-23T10:42:00Z"
    assert wording.time_of_day(clock.stamp(NOW)) == "10:42:00"


def test_a_naive_time_is_refused_because_it_could_mean_any_zone() -> None:
    with pytest.raises(ValueError, match="has no zone"):
        wording.utc(datetime(2026, 11, 23))


def test_a_number_has_its_interval_or_a_word() -> None:
    assert wording.interval(0.71, 0.66, 0.76) == "0.71 (0.66 to 0.76)"
    assert wording.interval(0.71, None, None) == "0.71"
    assert wording.interval(0.9149, 0.9071, 0.9222) == "0.915 (0.907 to 0.922)"
    assert wording.interval(0.7964, 0.75, 0.84, against=0.80) == "0.796 (0.750 to 0.840)"
    assert wording.interval(0.8, 0.8, 0.8, against=0.8) == "0.80 (0.80 to 0.80)"
    assert wording.interval(None, None, None) == "not computable"
    assert wording.figure(None) == "not known"
    assert wording.figure(12345.678) == "12,345.68"


def test_a_value_that_is_not_the_limit_never_looks_like_it() -> None:
    assert wording.figure(0.8499, against=0.85) == "0.8499"
    assert wording.figure(0.8451, against=0.85) == "0.845"
    assert wording.figure(0.85, against=0.85) == "0.85"
    assert wording.figure(0.79, against=0.85) == "0.79"


@given(st.floats(min_value=0, max_value=1), st.floats(min_value=0, max_value=1))
def test_value_and_limit_look_equal_only_when_they_differ_by_less_than_is_shown(
    value: float, limit: float
) -> None:
    shown = wording.figure(value, against=limit)
    if shown == wording.figure(limit, digits=len(shown.partition(".")[2])):
        assert value == limit or abs(value - limit) < 1e-7


@pytest.mark.parametrize(
    ("share", "words"),
    [(17 / 18, "94%"), (0, "0%"), (1, "100%"), (0.999, "over 99%"), (0.001, "under 1%"), (None, "not known")],
)
def test_a_share_is_all_or_nothing_only_when_it_is(share: float | None, words: str) -> None:
    assert wording.percent(share) == words


def test_a_share_with_decimals_keeps_to_the_same_rule() -> None:
    assert wording.percent(0.99999, digits=1) == "over 99.9%"
    assert wording.percent(0.123, digits=1) == "12.3%"


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (812, "812 B"),
        (4_100, "4.1 kB"),
        (9_960, "10 kB"),
        (412_000_000, "412 MB"),
        (999_700_000, "1.0 GB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_sizes_are_decimal(size: int, words: str) -> None:
    assert wording.filesize(size) == words


def test_counts_are_grouped_and_agree_with_their_noun() -> None:
    assert wording.thousands(4180) == "4,180"
    assert wording.thousands(None) == "not known"
    assert wording.plural(1, "incident") == "1 incident"
    assert wording.plural(0, "incident") == "0 incidents"
    assert wording.plural(4180, "entry", "entries") == "4,180 entries"


def test_what_somebody_wrote_ends_with_one_full_stop() -> None:
    assert wording.sentence("Only broker batches") == "Only broker batches."
    assert wording.sentence("Only broker batches. ") == "Only broker batches."
    assert wording.sentence("Is it all of them?") == "Is it all of them?"


def test_a_hash_is_shortened_in_the_middle() -> None:
    assert wording.short_hash("9f3c" + "0" * 56 + "71ae") == "9f3c…71ae"
    assert wording.short_hash("9f3c71ae") == "9f3c71ae"


READ = [
    ("over 22 Nov 2026, 00:00 UTC to 23 Nov 2026, 00:00 UTC, 0.7", "Asia/Kolkata",
     "over 22 Nov 2026, 00:00 UTC (05:30 Kolkata) to 23 Nov 2026, 00:00 UTC (05:30 Kolkata), 0.7"),
    ("since 23 Nov 2026, 23:42 UTC", "Europe/Berlin", "since 23 Nov 2026, 23:42 UTC (24 Nov, 00:42 Berlin)"),
    ("3 Nov 2026, 22:00 to 23:30 UTC", "America/New_York",
     "3 Nov 2026, 22:00 to 23:30 UTC (17:00 to 18:30 New York)"),
    ("since 23 Nov 2026, 23:42 UTC", "UTC", "since 23 Nov 2026, 23:42 UTC"),
    ("3 Nov 2026 is a day", "Asia/Kolkata", "3 Nov 2026 is a day"),
    ("typed 31 Feb 2026, 10:00 UTC", "Asia/Kolkata", "typed 31 Feb 2026, 10:00 UTC"),
    ("typed 3 Feb 2026, 25:00 UTC", "Asia/Kolkata", "typed 3 Feb 2026, 25:00 UTC"),
    ("typed 3 Feb 2026, 10:00 to 99:00 UTC", "Asia/Kolkata", "typed 3 Feb 2026, 10:00 to 99:00 UTC"),
    ("", "Asia/Kolkata", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "zone", "read"), READ)
def test_times_within_a_sentence_are_told_where_it_is_read(text: str, zone: str, read: str) -> None:
    assert wording.where_read(text, zone) == read
    assert wording.where_read(read, zone) == read, "and only once"
    assert wording.where_read(wording.where_read(text, "Europe/Dublin"), zone) == read, (
        "whoever had it before"
    )


@pytest.mark.parametrize("zone", sorted(available_timezones()))
def test_a_time_is_told_once_whatever_the_zone_is_called(zone: str) -> None:
    at = datetime(2026, 11, 23, 23, 42, tzinfo=UTC)
    once = wording.where_read(f"due {wording.utc(at)}.", zone)
    assert wording.where_read(once, zone) == once
    both = f"due {wording.utc_and_local(at, zone)}."
    assert wording.where_read(both, zone) == both
