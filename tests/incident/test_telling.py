"""What became of messages that were queued together, in the words of what is known (R-ESC-06)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from holdfast.incident.telling import told
from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.outbox import MessageFailed, MessageQueued, MessageSent
from holdfast.people import SYSTEM

NAMES = {"anna.kim@a.example": "Anna Kim", "anna.kim@b.example": "Anna Kim", "bo@a.example": "Bo Lund"}


def queued(number: int, to: str) -> MessageQueued:
    return MessageQueued(message=f"m{number}", channel="email", to=to, subject="s", text="t")


def record(facts: Sequence[Fact]) -> list[Recorded]:
    at = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
    return [Recorded(seq, "m", seq, at, SYSTEM, fact, b"") for seq, fact in enumerate(facts)]


def sent(number: int, to: str) -> MessageSent:
    return MessageSent(message=f"m{number}", to=to, receipt="250")


def refused(number: int, to: str) -> MessageFailed:
    return MessageFailed(message=f"m{number}", to=to, reason="550", attempt=1, retry_at=None, refused=True)


FIRST, SECOND, THIRD = NAMES


def test_two_people_of_one_name_are_two() -> None:
    messages = [queued(1, FIRST), queued(2, SECOND)]
    found = told(messages, record([sent(1, FIRST), sent(2, SECOND)]), NAMES.__getitem__)
    assert found.title == "Sent to 2 people"
    assert found.names == f"Sent: Anna Kim ({FIRST}), Anna Kim ({SECOND})"


def test_of_two_people_of_one_name_it_is_said_who_was_not_reached() -> None:
    messages = [queued(1, FIRST), queued(2, SECOND)]
    found = told(messages, record([sent(1, FIRST), refused(2, SECOND)]), NAMES.__getitem__)
    assert found.title == f"Sent to Anna Kim ({FIRST}), Anna Kim ({SECOND}) not reached"
    assert found.names == f"Not reached: Anna Kim ({SECOND}) (550)"


def test_two_of_one_name_who_were_not_reached_are_two() -> None:
    messages = [queued(1, FIRST), queued(2, SECOND)]
    found = told(messages, record([refused(1, FIRST), refused(2, SECOND)]), NAMES.__getitem__)
    assert found.title == "2 people not reached"


def test_whoever_has_a_name_of_their_own_is_called_by_it_and_counted_once() -> None:
    messages = [queued(1, FIRST), queued(2, THIRD), queued(3, THIRD)]
    found = told(messages, record([sent(2, THIRD), sent(3, THIRD)]), NAMES.__getitem__)
    assert found.title == "Sent to Bo Lund, queued to Anna Kim"


def instead(number: int, of: int, to: str) -> MessageQueued:
    return MessageQueued(
        message=f"m{number}", channel="webhook", to=to, subject="s", text="t", instead_of=f"m{of}"
    )


def test_whoever_is_reached_by_another_channel_is_reached() -> None:
    """R-ESC-06/channel: what one channel refused and another took."""
    once = [queued(1, THIRD)]
    facts: list[Fact] = [*once, refused(1, THIRD), instead(2, 1, THIRD)]
    assert told(once, record(facts), NAMES.__getitem__).title == "Queued to Bo Lund"
    facts += [refused(1, THIRD)]
    assert told(once, record(facts), NAMES.__getitem__).title == "Queued to Bo Lund", "it is tried by both"
    assert told(once, record([*facts, sent(2, THIRD)]), NAMES.__getitem__).title == "Sent to Bo Lund"
    missed = told(once, record([*facts, refused(2, THIRD)]), NAMES.__getitem__)
    assert missed.title == "Bo Lund not reached"


def test_whoever_had_somebody_else_told_is_not_reached_by_that() -> None:
    once = [queued(1, THIRD)]
    found = told(
        once, record([*once, refused(1, THIRD), instead(2, 1, FIRST), sent(2, FIRST)]), NAMES.__getitem__
    )
    assert found.title == "Bo Lund not reached"
