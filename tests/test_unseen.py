"""What nobody sees in a text is written out, at every door and wherever it is shown."""

from __future__ import annotations

import os

import pytest

from holdfast.wording import unseen, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("invoice\u202efdp.exe", "invoice⟨U+202E⟩fdp.exe"),
        ("pay\u200bpal", "pay⟨U+200B⟩pal"),
        ("pay\u2060pal\ufeff", "pay⟨U+2060⟩pal⟨U+FEFF⟩"),
        ("soft\u00adhyphen", "soft⟨U+00AD⟩hyphen"),
        ("a\u200db", "a⟨U+200D⟩b"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
        ("\u3164\u2800", "⟨U+3164⟩⟨U+2800⟩"),
        ("bell\x07 and \x1b[2J", "bell⟨U+0007⟩ and ⟨U+001B⟩[2J"),
        ("two\u2028lines", "two⟨U+2028⟩lines"),
        (os.fsdecode(b"w\xff.bin"), "w\\xff.bin"),
    ],
)
def test_what_nobody_sees_is_written_out(text: str, shown: str) -> None:
    assert unseen(text)
    assert visible(text) == shown
    assert visible(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Approvals fell\n\tby half",
        "Größe, naïve, 信用, עברית, العربية",
        "می\u200cخواهم",  # a Persian word is written with a joiner that has no width
        "क\u094d\u200dष",
        "👩\u200d💻 ❤\ufe0f",
    ],
)
def test_what_scripts_and_emoji_need_stays(text: str) -> None:
    assert visible(text) == text
