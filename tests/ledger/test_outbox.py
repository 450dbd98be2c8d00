"""A message leaves once, as the ledger says it, whatever has become of the table (R-ESC-06, R-XCT-05)."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, insert, select, update

from holdfast.ledger import outbox, tables
from holdfast.ledger.database import Database
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.outbox import MessageQueued, MessageSent, Outbox, QueuedMessage
from holdfast.ledger.sealing import Anchor, Sealer
from holdfast.ledger.timers import Timers
from holdfast.people import Actor

WORKER = Actor("holdfast/worker", "Holdfast", "system")


class Post:
    """Takes every mail, and its time."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self.taken: list[QueuedMessage] = []

    def deliver(self, message: QueuedMessage) -> str:
        time.sleep(self.seconds)
        self.taken.append(message)
        return "250 taken"


@pytest.fixture
def ledger(database: Database) -> Ledger:
    made = Ledger(database, [Timers(), Outbox()])
    made.create("holdfast.example/test")
    return made


@pytest.fixture
def queued(ledger: Ledger, now: datetime) -> str:
    draft = outbox.queue("email", "ana@example.com", "INC-1: acknowledge", "Ana, come.", "INC-1", zone="UTC")
    ledger.append(draft, by=WORKER, at=now)
    return draft.stream.removeprefix("message/")


def send(ledger: Ledger, post: Post, at: datetime) -> None:
    for leased in outbox.lease(ledger, at):
        outbox.deliver(ledger, {"email": post}, leased, WORKER, at)


def edit(ledger: Ledger, **values: object) -> None:
    with ledger.database.writing() as conn:
        conn.execute(update(tables.outbox).values(**values))


def test_what_is_sent_is_what_the_fact_says(ledger: Ledger, queued: str, now: datetime) -> None:
    """R-ESC-06/fact."""
    edit(ledger, recipient="eve@example.com", subject="Nothing to do", text="Sleep well.", incident="INC-2")
    post = Post()
    send(ledger, post, now)
    (mail,) = post.taken
    assert (mail.recipient, mail.subject, mail.text) == (
        "ana@example.com",
        "INC-1: acknowledge",
        "Ana, come.",
    )
    (sent,) = [one.fact for one in ledger.facts() if isinstance(one.fact, MessageSent)]
    assert (sent.to, sent.incident) == ("ana@example.com", "INC-1")


def test_a_message_that_no_fact_queued_is_not_sent(ledger: Ledger, queued: str, now: datetime) -> None:
    with ledger.database.writing() as conn:
        row = conn.execute(select(tables.outbox)).mappings().one()
        conn.execute(delete(tables.outbox))
        conn.execute(insert(tables.outbox).values({**row, "message": "f" * 16}))
    post = Post()
    with pytest.raises(outbox.NotAsQueued, match="no fact queued"):
        send(ledger, post, now)
    assert post.taken == []


def test_a_message_that_was_sent_is_not_sent_again_because_the_table_says_so(
    ledger: Ledger, queued: str, now: datetime
) -> None:
    post = Post()
    send(ledger, post, now)
    edit(ledger, state="queued")
    with pytest.raises(outbox.NotAsQueued, match="the ledger that it does not"):
        send(ledger, post, now)
    assert len(post.taken) == 1


@pytest.mark.parametrize("sealed", [False, True])
def test_a_fact_that_was_edited_is_not_sent(
    ledger: Ledger, queued: str, now: datetime, sealed: bool, tmp_path: Path
) -> None:
    if sealed:
        Sealer(ledger, Ed25519PrivateKey.generate(), Anchor(tmp_path / "checkpoints.jsonl")).seal(now)
    with ledger.database.writing() as conn:
        row = conn.execute(select(tables.facts)).one()
        document = json.loads(bytes(row.payload))
        document["data"]["to"] = "eve@example.com"
        conn.execute(update(tables.facts).values(payload=json.dumps(document).encode()))
    post = Post()
    with pytest.raises(outbox.NotAsQueued, match="was changed in the database"):
        send(ledger, post, now)
    assert post.taken == []


def test_a_lease_is_of_one_message_however_many_were_taken_together(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers, a slow mail server, and more messages than one lease has time for. R-XCT-05/twice."""
    monkeypatch.setattr(outbox, "LEASE", timedelta(seconds=1))
    at = datetime.now(UTC)
    drafts = [outbox.queue("email", f"person{n}@example.com", "x", "y", zone="UTC") for n in range(12)]
    ledger.append(*drafts, by=WORKER, at=at)
    post = Post(0.3)
    until = time.monotonic() + 30

    def work() -> None:
        while time.monotonic() < until and len({one.recipient for one in post.taken}) < 12:
            for leased in outbox.lease(ledger, datetime.now(UTC), limit=12):
                outbox.deliver(ledger, {"email": post}, leased, WORKER, datetime.now(UTC))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = Counter(one.recipient for one in post.taken)
    assert (len(times), set(times.values())) == (12, {1})


def test_time_that_passed_since_the_lease_counts_whatever_moment_is_passed(
    ledger: Ledger, queued: str, now: datetime
) -> None:
    """A worker that works through a batch with the moment of its beginning holds no lease that ran out."""
    (leased,) = outbox.lease(ledger, now)
    (again,) = outbox.lease(ledger, now + outbox.LEASE)
    post = Post()
    outbox.deliver(ledger, {"email": post}, leased, WORKER, now)
    assert post.taken == [], "somebody else holds it by now"
    outbox.deliver(ledger, {"email": post}, again, WORKER, now + outbox.LEASE)
    assert len(post.taken) == 1


@pytest.mark.parametrize(
    "title", ["Letters\nBcc: all@example.com", "Letters\r\n", "Letters\x00\u2028s", "a\tb"]
)
def test_a_subject_is_one_line_whatever_it_is_made_of(title: str) -> None:
    """What would not be a header is no reason that a message never leaves."""
    queued = outbox.queue("email", "a@example.com", f"INC-1: {title}", "text", zone="UTC").facts[0]
    assert isinstance(queued, MessageQueued)
    assert not re.search(r"[\x00-\x1f\u2028]", queued.subject)
    instead = outbox.queue_instead(queued, "b@example.com", "B", "text", zone="UTC").facts[0]
    assert isinstance(instead, MessageQueued)
    assert instead.subject == queued.subject
    older = replace(queued, subject=f"INC-1: {title}")
    instead = outbox.queue_instead(older, "b@example.com", "B", "text", zone="UTC").facts[0]
    assert isinstance(instead, MessageQueued)
    assert instead.subject == queued.subject
