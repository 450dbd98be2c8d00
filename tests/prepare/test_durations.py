"""Durations as people write them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from holdfast.prepare import durations
from holdfast.prepare.durations import Duration
from holdfast.problems import Fault


@pytest.mark.parametrize(
    ("text", "length", "words"),
    [
        ("15m", timedelta(minutes=15), "15 minutes"),
        ("2h", timedelta(hours=2), "2 hours"),
        ("24h", timedelta(hours=24), "24 hours"),
        ("1d", timedelta(hours=24), "24 hours"),
        ("7d", timedelta(days=7), "7 days"),
        ("2w", timedelta(days=14), "14 days"),
        ("90s", timedelta(seconds=90), "90 seconds"),
        ("60m", timedelta(hours=1), "1 hour"),
    ],
)
def test_a_length_of_time_is_read_and_said_in_words(text: str, length: timedelta, words: str) -> None:
    assert durations.parse(text) == length
    assert durations.spoken(length) == words


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("15 minuts", '"15 minuts" is not a duration; write for example 15m, 2h or 24h'),
        ("", '"" is not a duration; write for example 15m, 2h or 24h'),
        ("-5m", '"-5m" is not a duration; write for example 15m, 2h or 24h'),
        ("1.5h", '"1.5h" is not a duration; write for example 15m, 2h or 24h'),
        ("15M", '"15M" is not a duration; write for example 15m, 2h or 24h'),
        ("15m\n", '"15m\n" is not a duration; write for example 15m, 2h or 24h'),
        ("١٥m", '"١٥m" is not a duration; write for example 15m, 2h or 24h'),
        (15, "15 has no unit; write for example 15m, 15h or 15d"),
        (True, "true is not a duration; write for example 15m, 2h or 24h"),
        (None, "empty is not a duration; write for example 15m, 2h or 24h"),
        ("0m", '"0m" is no time at all; write for example 15m, 2h or 24h'),
        ("999999999w", '"999999999w" is longer than ten years; write for example 15m, 2h or 24h'),
    ],
)
def test_what_is_not_a_length_of_time_is_refused_with_its_remedy(value: object, sentence: str) -> None:
    """R-XCT-04."""
    with pytest.raises(Fault) as caught:
        durations.parse(value)
    assert str(caught.value) == sentence


LENGTHS = st.integers(min_value=1, max_value=3_660 * 86_400).map(lambda count: timedelta(seconds=count))


@given(LENGTHS)
def test_what_is_shown_reads_back_as_the_same_length(length: timedelta) -> None:
    assert durations.parse(durations.show(length)) == length


@given(LENGTHS)
def test_what_is_shown_fits_the_pattern_editors_check(length: timedelta) -> None:
    assert re.fullmatch(durations.PATTERN, durations.show(length))


@given(st.text(max_size=12))
def test_any_text_is_a_length_of_time_or_a_fault_and_nothing_else(text: str) -> None:
    try:
        length = durations.parse(text)
    except Fault:
        return
    assert timedelta(0) < length <= durations.LONGEST


def test_a_model_field_reads_and_writes_the_short_spelling() -> None:
    adapter = TypeAdapter[timedelta](Duration)
    assert adapter.validate_python("2h") == timedelta(hours=2)
    assert adapter.dump_json(timedelta(hours=2)) == b'"2h"'
    with pytest.raises(ValidationError):
        adapter.validate_python("2 hours")
