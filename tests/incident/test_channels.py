"""Each person is told by a channel of theirs, and by the next one where that fails (R-ESC-04, R-ESC-06)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from holdfast.incident.reaching import tell_next
from holdfast.incident.responding import Desk, Report
from holdfast.ledger import outbox, tables, timers
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.outbox import (
    Channel,
    DeliveryFailed,
    MessageFailed,
    MessageQueued,
    MessageSent,
    MessageStranded,
    NotAsQueued,
    QueuedMessage,
)
from holdfast.ledger.reactions import Reaction, react
from holdfast.prepare import versions
from holdfast.prepare.addresses import address_book
from holdfast.prepare.records import roster_versions
from holdfast.prepare.terms import Severity
from holdfast.prepare.workspace import load_workspace
from holdfast.problems import Fault
from support.company import HELEN, INES, MAYA, SIGNATURES, TOMAS, WORKER

HOOK = "https://hooks.example.com/maya"
MAIL, WEBHOOK = "email", "webhook"


class Post:
    """A channel that refuses some addresses for good, and may be away."""

    def __init__(self, *refused: str, away: bool = False) -> None:
        self.refused = set(refused)
        self.away = away
        self.taken: list[QueuedMessage] = []

    def deliver(self, message: QueuedMessage) -> str:
        if self.away:
            raise DeliveryFailed("nothing answers")
        if message.address in self.refused:
            raise DeliveryFailed("410 Gone", refused=True)
        self.taken.append(message)
        return "taken"

    def unusable(self, address: str) -> Fault | None:
        return None


def send(ledger: Ledger, channels: dict[str, Channel], at: datetime) -> None:
    """What the worker does, until all is quiet."""
    reaction = Reaction("tell somebody else", (MessageFailed,), lambda one, now: tell_next(ledger, one, now))
    while leased := outbox.lease(ledger, at):
        for one in leased:
            outbox.deliver(ledger, channels, one, WORKER, at, address_book(ledger))
        react(ledger, [reaction], at)


def roster(ledger: Ledger, folder: Path, at: datetime, *lines: str, of: str = MAYA.id) -> None:
    """Give somebody addresses, and apply the roster."""
    file = folder / "roster.yaml"
    begin = f"  - id: {of}\n"
    text = file.read_text()
    assert begin in text
    file.write_text(
        text.replace(begin, begin + "    addresses:\n" + "".join(f"      {one}\n" for one in lines))
    )
    versions.apply_workspace(ledger, load_workspace(folder), HELEN, at)


def by_webhook(ledger: Ledger, folder: Path, at: datetime) -> None:
    """A playbook whose messages go by webhook, signed."""
    file = folder / "playbook.yaml"
    text = re.sub(
        r"^( +)template: (.+)$", r"\1template: \2\n\1channel: webhook", file.read_text(), flags=re.MULTILINE
    )
    file.write_text(text.replace('version: "', 'version: "9.', 1))
    versions.apply_workspace(ledger, load_workspace(folder), HELEN, at)
    content = versions.playbook_versions_of(ledger)[0].content
    for function, signer in SIGNATURES.items():
        versions.approve_playbook(ledger, content, function, signer, at)


def opened(desk: Desk, at: datetime) -> str:
    return desk.open(Report("Refusals", system="loan-approval", severity=Severity.HIGH), by=INES, at=at)


def facts(ledger: Ledger, kind: type) -> Sequence[object]:
    return [one.fact for one in ledger.facts() if isinstance(one.fact, kind)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


def test_mail_that_is_refused_goes_to_the_same_person_by_their_next_channel(
    ledger: Ledger, desk: Desk, folder: Path, now: datetime
) -> None:
    """R-ESC-06/channel: before anybody else is told."""
    roster(ledger, folder, now, f"webhook: {HOOK}")
    opened(desk, now)
    mail, hook = Post(MAYA.id), Post()
    send(ledger, {MAIL: mail, WEBHOOK: hook}, now)
    assert hook.taken
    assert {(one.recipient, one.address) for one in hook.taken} == {(MAYA.id, HOOK)}
    assert not [one for one in mail.taken if "was not reached" in one.text]
    assert all("This did not reach you otherwise: 410 Gone" in one.text for one in hook.taken)
    failed = [one for one in facts(ledger, MessageFailed) if isinstance(one, MessageFailed)]
    assert {(one.channel, one.address, one.reason) for one in failed} == {(MAIL, MAYA.id, "410 Gone")}
    sent = [one for one in facts(ledger, MessageSent) if isinstance(one, MessageSent) and one.to == MAYA.id]
    assert {(one.channel, one.address) for one in sent} == {(WEBHOOK, HOOK)}
    assert {one.line().title for one in sent} == {f"Sent to {MAYA.id} by webhook"}


def test_only_who_has_no_channel_left_has_the_next_person_told(
    ledger: Ledger, desk: Desk, folder: Path, now: datetime
) -> None:
    """R-ESC-06: and it is said what each channel answered, with what was first written."""
    roster(ledger, folder, now, f"webhook: {HOOK}")
    opened(desk, now)
    mail = Post(MAYA.id)
    send(ledger, {MAIL: mail, WEBHOOK: Post(HOOK)}, now)
    told = [one for one in mail.taken if "Maya Okafor was not reached" in one.text]
    assert TOMAS.id in {one.recipient for one in told}
    for one in told:
        assert "was not reached: by email: 410 Gone; by webhook: 410 Gone\n" in one.text
        assert "did not reach you otherwise" not in one.text


def test_what_is_given_up_goes_by_the_next_channel_as_well(
    ledger: Ledger, desk: Desk, folder: Path, now: datetime
) -> None:
    roster(ledger, folder, now, f"webhook: {HOOK}")
    opened(desk, now)
    mail, hook = Post(away=True), Post()
    for hours in range(outbox.GIVE_UP_AFTER + 1):
        send(ledger, {MAIL: mail, WEBHOOK: hook}, now + timedelta(hours=2 * hours))
        if hours < outbox.GIVE_UP_AFTER - 1:
            assert not hook.taken, "a server that is away refuses nobody"
    assert {one.recipient for one in hook.taken} == {MAYA.id}


def test_the_playbook_says_by_which_channel_and_who_has_none_is_told_by_their_own(
    ledger: Ledger, desk: Desk, folder: Path, now: datetime
) -> None:
    """R-ESC-04."""
    by_webhook(ledger, folder, now)
    roster(ledger, folder, now, f"webhook: {HOOK}")
    opened(desk, now)
    mail, hook = Post(), Post()
    send(ledger, {MAIL: mail, WEBHOOK: hook}, now)
    assert {one.recipient for one in hook.taken} == {MAYA.id}
    assert MAYA.id not in {one.recipient for one in mail.taken}
    assert len({one.recipient for one in mail.taken}) > 1
    assert not facts(ledger, MessageFailed)


def test_a_webhook_that_is_refused_goes_by_mail(
    ledger: Ledger, desk: Desk, folder: Path, now: datetime
) -> None:
    by_webhook(ledger, folder, now)
    roster(ledger, folder, now, f"webhook: {HOOK}")
    opened(desk, now)
    mail = Post()
    send(ledger, {MAIL: mail, WEBHOOK: Post(HOOK)}, now)
    assert MAYA.id in {one.recipient for one in mail.taken}
    assert not [one for one in mail.taken if "was not reached" in one.text]


def test_a_channel_that_was_taken_down_refuses_so_that_people_are_told_otherwise(
    ledger: Ledger, desk: Desk, folder: Path, now: datetime
) -> None:
    by_webhook(ledger, folder, now)
    roster(ledger, folder, now, f"webhook: {HOOK}")
    opened(desk, now)
    mail = Post()
    send(ledger, {MAIL: mail}, now)
    assert MAYA.id in {one.recipient for one in mail.taken}
    failed = [one for one in facts(ledger, MessageFailed) if isinstance(one, MessageFailed)]
    assert {one.reason for one in failed} == {"no channel called 'webhook' is set up"}


def test_mail_goes_to_the_address_the_roster_names_for_it(
    ledger: Ledger, desk: Desk, folder: Path, now: datetime
) -> None:
    roster(ledger, folder, now, "email: maya@pager.example")
    opened(desk, now)
    mail = Post()
    send(ledger, {MAIL: mail}, now)
    assert {one.address for one in mail.taken if one.recipient == MAYA.id} == {"maya@pager.example"}


def test_an_address_that_is_corrected_serves_what_waits(
    ledger: Ledger, desk: Desk, folder: Path, now: datetime
) -> None:
    opened(desk, now)
    send(ledger, {MAIL: Post(away=True)}, now)
    roster(ledger, folder, now, "email: maya@pager.example")
    mail = Post()
    send(ledger, {MAIL: mail}, now + timedelta(minutes=1))
    assert {one.address for one in mail.taken if one.recipient == MAYA.id} == {"maya@pager.example"}


def test_a_roster_that_somebody_edited_in_the_tables_sends_nothing_elsewhere(
    ledger: Ledger, desk: Desk, folder: Path, now: datetime
) -> None:
    """The projection is ignored, and a fact whose bytes were changed sends nothing."""
    roster(ledger, folder, now, f"webhook: {HOOK}")
    opened(desk, now)
    text = (folder / "roster.yaml").read_text().replace("hooks.example.com", "evil.example")
    with ledger.database.writing() as conn:
        conn.execute(update(roster_versions).where(roster_versions.c.active.is_(True)).values(text=text))
    assert address_book(ledger)(MAYA.id)[WEBHOOK] == HOOK
    with ledger.database.writing() as conn:
        facts_ = tables.facts
        query = facts_.select().where(facts_.c.type == "roster.applied").order_by(facts_.c.seq.desc())
        row = conn.execute(query).first()
        assert row is not None
        other = bytes(row.payload).replace(b"hooks.example.com", b"evil1.example.com")
        conn.execute(update(facts_).where(facts_.c.seq == row.seq).values(payload=other))
    with pytest.raises(NotAsQueued, match="roster was changed"):
        address_book(ledger)(MAYA.id)


def test_where_no_channel_and_nobody_is_left_the_record_says_so(
    ledger: Ledger, desk: Desk, folder: Path, now: datetime
) -> None:
    roster(ledger, folder, now, f"webhook: {HOOK}")
    opened(desk, now)
    found = versions.active_roster(ledger)
    assert found is not None
    mail = Post(*(one.id for one in found.model.people))
    send(ledger, {MAIL: mail, WEBHOOK: Post(HOOK)}, now)
    stranded = [one for one in facts(ledger, MessageStranded) if isinstance(one, MessageStranded)]
    assert stranded
    assert all("no other channel" in one.reason for one in stranded)
    twice = [one.instead_of for one in facts(ledger, MessageQueued) if isinstance(one, MessageQueued)]
    twice = [one for one in twice if one]
    assert len(twice) == len(set(twice)), "once for each"


def test_a_message_of_no_incident_that_arrived_by_another_channel_is_not_shown_as_unreached(
    ledger: Ledger, folder: Path, now: datetime
) -> None:
    """Sibling: what is told of no incident (alerts, reviews) has none to be compared by."""
    roster(ledger, folder, now, f"webhook: {HOOK}")
    for subject in ("one", "two"):
        ledger.append(outbox.queue(MAIL, MAYA.id, subject, "text", zone="UTC"), by=WORKER, at=now)
    mail, hook = Post(MAYA.id), Post()
    for hours in range(outbox.GIVE_UP_AFTER + 1):
        send(ledger, {MAIL: mail, WEBHOOK: hook}, now + timedelta(hours=2 * hours))
    assert len(hook.taken) == 2
    with ledger.reading() as conn:
        assert conn.execute(outbox.unreached()).all() == []


def test_the_promise_to_send_in_time_goes_over_to_the_next_channel(
    ledger: Ledger, desk: Desk, folder: Path, now: datetime
) -> None:
    """Sibling: whoever was reached by webhook in time is not told of as late; whoever was not, is, once."""
    roster(ledger, folder, now, f"webhook: {HOOK}")
    incident = opened(desk, now)

    def waiting() -> set[str]:
        armed = timers.armed(ledger, outbox.late_timer(incident, ""))
        queued = (outbox.queued_message(ledger, one.data["message"]) for one in armed)
        return {one.channel for one in queued if one.to == MAYA.id}

    assert waiting() == {MAIL}
    due = {one.due for one in timers.armed(ledger, outbox.late_timer(incident, ""))}
    hook = Post(away=True)
    send(ledger, {MAIL: Post(MAYA.id), WEBHOOK: hook}, now + timedelta(seconds=30))
    assert waiting() == {WEBHOOK}
    later = {one.due for one in timers.armed(ledger, outbox.late_timer(incident, ""))}
    assert later == due, "what is left of the promise, and no more"
    hook.away = False
    send(ledger, {MAIL: Post(MAYA.id), WEBHOOK: hook}, now + timedelta(seconds=60))
    assert waiting() == set()
