"""A segment is a mapping; the field of a page is where people read and write it (R-IMP-01)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from holdfast.interfaces.web.views.impact import read_segment, spelled


@given(st.dictionaries(st.text(min_size=1), st.text(), min_size=1))
@example({"region": "Frankfurt, Main"})
@example({"a=b": "c=d", "branch": ""})
@example({'"quoted"': '"x" and more', " spaced ": "two\nlines\u2028three\x85four"})
def test_what_the_field_shows_is_read_as_the_same_segment(where: dict[str, str]) -> None:
    assert read_segment(spelled(where)) == where


def test_people_write_it_without_quotes() -> None:
    text = "region = Frankfurt, Main\n\n channel=broker\nnote=a=b"
    assert read_segment(text) == {"region": "Frankfurt, Main", "channel": "broker", "note": "a=b"}
    assert spelled({"region": "Frankfurt, Main"}) == "region=Frankfurt, Main"


@pytest.mark.parametrize("text", ["broker", "=broker", "channel=", '"channel"', "channel=a\nchannel=b"])
def test_a_line_that_is_no_segment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"segment|two values"):
        read_segment(text)
