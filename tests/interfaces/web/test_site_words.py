"""How clocks, records and form fields are turned into words, and back. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.incident.events import Acknowledged, ClockBreached, NoteAdded
from holdfast.incident.incident import ClockState, Incident
from holdfast.interfaces.web import clocks, storyline
from holdfast.interfaces.web.typed import in_zone
from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.outbox import MessageFailed, MessageQueued, MessageRetried, MessageSent
from holdfast.people import SYSTEM, Actor
from holdfast.problems import Fault
from holdfast.shapes.base import moment
from holdfast.steps.asking import Misread

NOW = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
MAYA = Actor("maya@example.com", "Maya Okafor")
PEOPLE = {"maya@example.com": "Maya Okafor", "tomas@example.com": "Tomas Lind"}


def recorded(*facts: Fact, by: Actor = SYSTEM, every: timedelta = timedelta()) -> list[Recorded]:
    return [
        Recorded(seq, "incident/INC-1", seq, NOW + seq * every, by, fact, b"")
        for seq, fact in enumerate(facts)
    ]


# Clocks ----------------------------------------------------------------------------------------

RUNNING = ClockState("acknowledge", NOW, NOW + timedelta(minutes=20), timedelta(minutes=20))


@pytest.mark.parametrize(
    ("minutes", "standing", "headline"),
    [
        (0, "running", "20 min left"),
        (14.9, "running", "5 min left"),
        (15, "soon", "5 min left"),
        (20, "late", "due now"),
        (32, "late", "breached by 12 min"),
    ],
)
def test_a_clock_is_near_with_a_quarter_of_its_time_left_and_breached_from_its_moment(
    minutes: float, standing: str, headline: str
) -> None:
    now = NOW + timedelta(minutes=minutes)
    state = Incident(id="INC-1", clocks={"acknowledge": RUNNING})
    tile = clocks.tiles(state, [], {"acknowledge": "Maya Okafor"}, now)[0]
    assert (tile.state, tile.headline) == (standing, headline)
    assert tile.detail == "due 11:02 UTC · Maya Okafor"
    following = clocks.next_of(state, now)
    assert following is not None
    assert (following.lead, following.state) == ("acknowledge:", standing)


def test_a_kept_promise_says_how_long_it_took_and_who_kept_it() -> None:
    met = replace(RUNNING, met_at=NOW + timedelta(minutes=3, seconds=12))
    state = Incident(id="INC-1", clocks={"acknowledge": met})
    record = recorded(Acknowledged(incident="INC-1", person=MAYA.id, name=MAYA.name), by=MAYA)
    tile = clocks.tiles(state, record, {}, NOW)[0]
    assert (tile.title, tile.state, tile.headline, tile.detail, tile.due) == (
        "Acknowledged",
        "met",
        "3 min 12 s",
        "limit 20 min · Maya Okafor",
        None,
    )
    assert clocks.next_of(state, NOW) is None


def test_a_promise_kept_too_late_stays_breached() -> None:
    met = replace(RUNNING, met_at=NOW + timedelta(minutes=25))
    tile = clocks.tiles(Incident(id="INC-1", clocks={"acknowledge": met}), [], {}, NOW)[0]
    assert (tile.state, tile.detail) == ("late", "limit 20 min, late by 5 min")


def test_what_is_no_longer_promised_is_not_shown() -> None:
    state = Incident(id="INC-1", clocks={"acknowledge": replace(RUNNING, stopped_because="dismissed")})
    assert clocks.tiles(state, [], {}, NOW) == []


# The record ------------------------------------------------------------------------------------


def queued(*people: str, subject: str = "INC-1 SEV-2 high") -> list[Fact]:
    return [
        MessageQueued(
            message=f"{person}-{subject}",
            incident="INC-1",
            channel="email",
            to=person,
            subject=subject,
            text="x",
        )
        for person in people
    ]


def failed(person: str, attempt: int, given_up: bool, subject: str = "INC-1 SEV-2 high") -> MessageFailed:
    return MessageFailed(
        message=f"{person}-{subject}",
        incident="INC-1",
        to=person,
        reason="no mail server answers",
        attempt=attempt,
        retry_at=None if given_up else NOW + timedelta(minutes=1),
    )


def titles(record: Sequence[Recorded], everything: bool = False) -> list[str]:
    return [entry.title for entry in storyline.timeline(record, PEOPLE, everything)]


def sent(person: str, subject: str = "INC-1 SEV-2 high") -> MessageSent:
    return MessageSent(message=f"{person}-{subject}", incident="INC-1", to=person, receipt="250 OK")


def test_messages_of_one_moment_are_one_line_and_receipts_none() -> None:
    closed = "It is closed"
    record = recorded(
        *queued(*PEOPLE),
        *map(sent, PEOPLE),
        *queued("tomas@example.com", subject=closed),
        sent("tomas@example.com", closed),
    )
    assert titles(record) == ["Sent to 2 people", "Sent to Tomas Lind"]
    assert len(titles(record, everything=True)) == 6


def test_nobody_is_said_to_be_told_by_a_message_that_did_not_leave() -> None:
    """Who was queued, who was reached, and who was not and why."""
    maya, tomas = "maya@example.com", "tomas@example.com"
    record = recorded(*queued(maya))
    assert titles(record) == ["Queued to Maya Okafor"]
    record = recorded(*queued(maya), failed(maya, 1, False))
    assert titles(record) == ["Queued to Maya Okafor"]
    record = recorded(*queued(maya), failed(maya, 8, True))
    assert titles(record) == ["Maya Okafor not reached", "Not delivered to Maya Okafor"]
    refused = replace(failed(maya, 1, False), refused=True, reason="550 no such mailbox")
    entry = storyline.timeline(recorded(*queued(maya, tomas), sent(tomas), refused), PEOPLE)[0]
    assert entry.title == "Sent to Tomas Lind, Maya Okafor not reached"
    assert entry.detail == "INC-1 SEV-2 high. Not reached: Maya Okafor (550 no such mailbox)"
    entry = storyline.timeline(recorded(*queued(maya, tomas), sent(maya), sent(tomas)), PEOPLE)[0]
    assert entry.detail == "INC-1 SEV-2 high. Sent: Maya Okafor, Tomas Lind"


def test_every_line_leads_to_its_proof_and_its_evidence() -> None:
    note = NoteAdded(incident="INC-1", text="Median 74.", evidence=("EV-1",))
    entry = storyline.timeline(recorded(note, by=MAYA), PEOPLE)[0]
    assert (entry.title, entry.text, entry.tone) == ("Maya Okafor", "Median 74.", "note")
    assert entry.links == (("EV-1", "/incidents/INC-1/evidence#EV-1"),)
    assert entry.proof == "/ledger/0"


def test_a_back_filled_line_stands_where_it_happened_and_says_when_it_was_added() -> None:
    breach = ClockBreached(incident="INC-1", clock="contain", due=NOW)
    note = NoteAdded(incident="INC-1", text="It began.", occurred_at=NOW - timedelta(days=1))
    first, second = storyline.timeline(recorded(breach, note, by=MAYA), PEOPLE)
    assert (first.text, first.backfilled, first.detail) == ("It began.", True, "added 23 Nov 2026, 10:42 UTC")
    assert second.title == "Clock breached: decide containment"


def test_mailings_tell_the_worst_first_and_a_retried_message_waits_again() -> None:
    record = recorded(
        *queued(*PEOPLE),
        MessageSent(
            message="maya@example.com-INC-1 SEV-2 high",
            incident="INC-1",
            to="maya@example.com",
            receipt="250 OK",
        ),
        failed("tomas@example.com", 8, True),
    )
    mailing = storyline.mailings(record)[0]
    assert (mailing.sent, mailing.worst, mailing.reasons) == (1, "failed", "no mail server answers")
    assert [message.to for message in mailing.failed] == ["tomas@example.com"]
    retried = MessageRetried(message=mailing.failed[0].message, incident="INC-1", to="tomas@example.com")
    again = storyline.mailings([*record, replace(record[0], seq=9, fact=retried)])[0]
    assert (again.worst, again.failed, again.reasons) == ("waiting", (), "")


# Fields ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "zone", "meant"),
    [
        ("2026-11-23T08:15", "UTC", "2026-11-23T08:15:00+00:00"),
        ("2026-11-23T08:15", "Europe/Berlin", "2026-11-23T07:15:00+00:00"),
        ("2026-07-01T08:15:30", "Europe/Berlin", "2026-07-01T06:15:30+00:00"),
        ("2026-11-23T08:15:00+05:30", "UTC", "2026-11-23T02:45:00+00:00"),
    ],
)
def test_a_time_is_meant_in_the_zone_that_stands_beside_it(text: str, zone: str, meant: str) -> None:
    assert moment(in_zone(text, "at", zone)).isoformat() == meant


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-13-01T00:00", "0001-01-01T00:00", "9999-12-31T23:59", "12:00", "  "]
)
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
def test_a_time_that_is_none_is_refused_in_every_zone(text: str, zone: str) -> None:
    with pytest.raises((Fault, Misread), match=r"is not a date or time|is too far away|cannot be read"):
        moment(in_zone(text, "at", zone))


@pytest.mark.parametrize("zone", ["../../etc/passwd", "Mars"])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(Misread, match="cannot be read in the time zone"):
        in_zone("2026-11-23T08:15", "at", zone)


def test_an_hour_that_summer_time_skips_is_refused() -> None:
    with pytest.raises(Misread, match="was skipped in Europe/Berlin"):
        in_zone("2026-03-29T02:30", "at", "Europe/Berlin")
