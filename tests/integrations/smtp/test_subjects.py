"""A subject arrives letter by letter, in every script, through a real server and a real reader (R-ESC-06)."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.header import decode_header, make_header

import pytest
from aiosmtpd.controller import Controller
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast import wording
from holdfast.clock import SystemClock
from holdfast.integrations.smtp.channel import EmailChannel
from holdfast.integrations.smtp.writing import mail
from holdfast.integrations.smtp.writing import subject as written
from holdfast.ledger.outbox import QueuedMessage
from holdfast.settings import MailSettings


class Kept:
    """A handler that keeps the bytes of the last mail."""

    content = b""

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        self.content = envelope.content  # type: ignore[attr-defined]
        return "250 kept"


@pytest.fixture(scope="module")
def kept() -> Iterator[tuple[Kept, EmailChannel]]:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    handler = Kept()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, EmailChannel(MailSettings(host="127.0.0.1", port=port), SystemClock())
    controller.stop()


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=40)
SUBJECTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=300),
    st.lists(WORDS, max_size=40).map(" ".join),
    st.lists(st.sampled_from("aé ßжعの🦉=?_-,:()"), max_size=200).map("".join),
).map(wording.visible)
EXAMPLES = [
    "INC-1 SEV-1 critical: Kreditprüfung für Fünfundzwanzigjährige übermäßig abgelehnt – Köln, Düsseldorf",
    "é " * 90,
    "a" * 400,
    "=?utf-8?B?bm90IG1pbmU=?= is no word of ours",
    "  two  spaces  at  every  place  ",
    "ends in é",
    "Κανείς δεν ακούει; никто не слышит; لا أحد يسمع; 誰も聞いていない",
]


def received(kept: tuple[Kept, EmailChannel], subject: str) -> bytes:
    handler, channel = kept
    channel.deliver(QueuedMessage("0" * 16, "INC-1", "email", "ana@example.com", subject, "text", 0))
    return handler.content


def read(raw: bytes) -> str:
    """As Python's own readers read it, the old and the new one."""
    new = str(email.message_from_bytes(raw, policy=email.policy.default)["Subject"])
    old = email.message_from_bytes(raw)["Subject"]
    assert str(make_header(decode_header(old.replace("\r\n", "").replace("\n", "")))) == new
    return new


@pytest.mark.parametrize("subject", EXAMPLES)
def test_a_subject_arrives_letter_by_letter(kept: tuple[Kept, EmailChannel], subject: str) -> None:
    assert read(received(kept, subject)) == subject


@given(SUBJECTS)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_subject_arrives_letter_by_letter(kept: tuple[Kept, EmailChannel], subject: str) -> None:
    assert read(received(kept, subject)) == subject


@given(SUBJECTS)
def test_a_subject_is_a_header_as_rfc_2047_has_it(subject: str) -> None:
    for line in (b"Subject: " + written(subject)).split(b"\r\n"):
        assert len(line) <= 78 + 9
        assert re.fullmatch(rb"[ -~]*", line)
        for word in re.findall(rb"=\?utf-8\?B\?\S*\?=", line):
            assert len(word) <= 75


def test_what_nobody_sees_is_written_out_in_subject_and_text() -> None:
    queued = QueuedMessage("0" * 16, "INC-1", "email", "ana@example.com", "a\u202eb", "c\u200bd", 0)
    made = email.message_from_bytes(
        mail(queued, "holdfast@example.com", datetime(2026, 11, 23, tzinfo=UTC)), policy=email.policy.default
    )
    assert str(made["Subject"]) == "a⟨U+202E⟩b"
    assert made.get_content().strip() == "c⟨U+200B⟩d"  # type: ignore[attr-defined]
