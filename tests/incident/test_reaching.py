"""Whoever must act and is not reached: the next person is told at once (R-ESC-06)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from holdfast.incident.events import Merged
from holdfast.incident.loading import load
from holdfast.incident.reaching import NextTold, tell_next
from holdfast.incident.responding import Desk, Report
from holdfast.ledger import outbox
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.ledger.outbox import (
    DeliveryFailed,
    MessageFailed,
    MessageQueued,
    MessageStranded,
    QueuedMessage,
)
from holdfast.ledger.reactions import Reaction, react
from holdfast.people import SYSTEM
from holdfast.prepare import versions
from holdfast.prepare.terms import Severity
from support.company import AISHA, INES, MAYA, TOMAS, WORKER


class Post:
    """A mail server that refuses some for good, and is away for others."""

    def __init__(self, *refused: str, away: bool = False) -> None:
        self.refused = set(refused)
        self.away = away
        self.taken: list[QueuedMessage] = []

    def deliver(self, message: QueuedMessage) -> str:
        if self.away:
            raise DeliveryFailed("no mail server answers")
        if message.recipient in self.refused:
            raise DeliveryFailed("550 5.1.1 no such mailbox", refused=True)
        self.taken.append(message)
        return "250 taken"


def send(ledger: Ledger, post: Post, at: datetime) -> None:
    """What the worker does: messages leave, and what follows from a failure follows, until all is quiet."""
    reaction = Reaction("tell somebody else", (MessageFailed,), lambda one, now: tell_next(ledger, one, now))
    while leased := outbox.lease(ledger, at):
        for one in leased:
            outbox.deliver(ledger, {"email": post}, one, WORKER, at)
        react(ledger, [reaction], at)


def to(post: Post, person: str) -> list[QueuedMessage]:
    return [one for one in post.taken if one.recipient == person]


@pytest.fixture
def opened(desk: Desk, now: datetime) -> str:
    return desk.open(Report("Refusals", system="loan-approval", severity=Severity.HIGH), by=INES, at=now)


def test_a_permanent_refusal_goes_to_the_next_person_at_once(
    ledger: Ledger, opened: str, now: datetime
) -> None:
    """R-ESC-06/refused."""
    post = Post(MAYA.id)
    send(ledger, post, now)
    stand_in = [one for one in to(post, TOMAS.id) if "Maya Okafor was not reached" in one.text]
    (queued,) = [
        fact.fact
        for fact in ledger.facts()
        if isinstance(fact.fact, MessageQueued) and fact.fact.instead_of and fact.fact.about == "opened"
    ]
    assert queued.role == "incident_commander"
    assert (queued.to, queued.name) == (TOMAS.id, TOMAS.name)
    (told,) = [one for one in stand_in if one.message == queued.message]
    assert "550 5.1.1 no such mailbox" in told.text
    assert "You are told in their place" in told.text
    assert f"/{opened}" in told.text


def test_who_is_refused_as_well_is_passed_over(ledger: Ledger, opened: str, now: datetime) -> None:
    post = Post(MAYA.id, TOMAS.id)
    send(ledger, post, now)
    missed = [
        fact.fact.to
        for fact in ledger.facts()
        if isinstance(fact.fact, MessageQueued) and fact.fact.instead_of
    ]
    assert TOMAS.id in missed
    assert to(post, AISHA.id), "behind the commander's line comes whoever is on call"
    assert not to(post, MAYA.id)


def test_it_is_told_once_however_often_it_is_tried(ledger: Ledger, opened: str, now: datetime) -> None:
    post = Post(MAYA.id)
    for hours in range(outbox.GIVE_UP_AFTER + 1):
        send(ledger, post, now + timedelta(hours=2 * hours))
    instead = [
        fact.fact.instead_of
        for fact in ledger.facts()
        if isinstance(fact.fact, MessageQueued) and fact.fact.instead_of
    ]
    assert len(instead) == len(set(instead))


def test_a_server_that_is_away_refuses_nobody_until_messages_are_given_up(
    ledger: Ledger, opened: str, now: datetime
) -> None:
    send(ledger, Post(away=True), now)
    queued = [fact.fact for fact in ledger.facts() if isinstance(fact.fact, MessageQueued)]
    assert not [one for one in queued if one.instead_of]


def test_where_nobody_is_left_the_record_says_so(ledger: Ledger, opened: str, now: datetime) -> None:
    roster = versions.active_roster(ledger)
    assert roster is not None
    everybody = [person.id for person in roster.model.people]
    send(ledger, Post(*everybody), now)
    stranded = [fact.fact for fact in ledger.facts() if isinstance(fact.fact, MessageStranded)]
    assert stranded
    assert "names nobody else" in (stranded[0].line().detail)


def test_an_old_failure_is_not_followed_up_when_an_older_ledger_meets_this_release(
    ledger: Ledger, opened: str, now: datetime
) -> None:
    queued = next(fact.fact for fact in ledger.facts() if isinstance(fact.fact, MessageQueued))
    failed = MessageFailed(
        message=queued.message, incident=opened, to=queued.to, reason="550", attempt=8, retry_at=None
    )
    stream = ledger.stream(f"message/{queued.message}")
    (recorded,) = ledger.append(
        replace(outbox.Draft(stream.name, stream.version, [failed])), by=SYSTEM, at=now
    )
    size = ledger.size()
    tell_next(ledger, recorded, now + timedelta(days=2))
    assert ledger.size() == size


def test_a_refusal_is_followed_up_where_the_response_goes_on(
    desk: Desk, ledger: Ledger, opened: str, now: datetime
) -> None:
    """Merging ends a record, not what had to be done: also over two steps."""
    for _ in range(2):
        other = desk.open(Report("The same", system="loan-approval", severity=Severity.HIGH), by=INES, at=now)
        ended = load(ledger, opened)
        merged = Merged(incident=opened, into=other, reason="one cause")
        ledger.append(ended.draft([merged]), by=MAYA, at=now)
        opened = other
    post = Post(MAYA.id)
    send(ledger, post, now)
    instead = [one for one in to(post, TOMAS.id) if "Maya Okafor was not reached" in one.text]
    assert {one.incident for one in instead} == {"INC-1", "INC-2", "INC-3"}


def test_nobody_is_called_in_anothers_place_for_what_is_over(
    desk: Desk, ledger: Ledger, opened: str, now: datetime
) -> None:
    desk.dismiss(opened, "a test message", True, by=MAYA, at=now)
    post = Post(MAYA.id)
    send(ledger, post, now)
    assert not [one for one in post.taken if "was not reached" in one.text]


@pytest.mark.parametrize("ended", [False, True])
def test_a_trace_asks_for_it_where_a_merged_incident_goes_on_and_not_where_that_is_over(
    desk: Desk, ledger: Ledger, opened: str, now: datetime, ended: bool
) -> None:
    """R-ESC-06: a merged record is over, and what had to be done for it is not."""
    other = desk.open(Report("The same", system="loan-approval", severity=Severity.HIGH), by=INES, at=now)
    merged = Merged(incident=opened, into=other, reason="one cause")
    ledger.append(load(ledger, opened).draft([merged]), by=MAYA, at=now)
    if ended:
        desk.dismiss(other, "a test message", True, by=MAYA, at=now)
    failed = MessageFailed(
        message="m1", incident=opened, to=MAYA.id, reason="550", attempt=1, retry_at=None, refused=True
    )
    ledger.append(Draft("message/m1", 0, [failed]), by=WORKER, at=now)
    trace = NextTold(now)
    for recorded in ledger.facts():
        trace.see(recorded)
    assert [why for _, why in trace.untouched()] == (
        [] if ended else [f"nobody was told in place of {MAYA.id}"]
    )
