"""The outbox: messages queued by the transaction that decided on them, sent by the worker.

Lease in one transaction, send outside it, record the result in another. A crash between sending and
recording sends again with the same idempotency key (`message`), so that the receiver can tell.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection, Table, delete, insert, select, update

from holdfast import clock
from holdfast.ledger import tables
from holdfast.ledger.facts import Fact, Line, Recorded, fact
from holdfast.ledger.ledger import Conflict, Draft, Ledger
from holdfast.people import Actor

LEASE = timedelta(seconds=60)
GIVE_UP_AFTER = 8
"""Attempts: with the back-off below, about half an hour."""


@fact("message.queued")
class MessageQueued(Fact):
    message: str
    """Also the idempotency key on the wire."""
    incident: str = ""
    channel: str
    to: str
    subject: str
    text: str

    def line(self) -> Line:
        return Line(f"Message to {self.to}", self.subject)


@fact("message.sent")
class MessageSent(Fact):
    message: str
    incident: str = ""
    to: str
    receipt: str
    """What the receiving server answered."""

    def line(self) -> Line:
        return Line(f"Sent to {self.to}", self.receipt)


@fact("message.failed")
class MessageFailed(Fact):
    message: str
    incident: str = ""
    to: str
    reason: str
    attempt: int
    retry_at: datetime | None
    """None: given up; a person can retry it."""

    def line(self) -> Line:
        again = "" if self.retry_at else "; given up, retry it from the incident"
        return Line(f"Not delivered to {self.to}", f"attempt {self.attempt}: {self.reason}{again}", "alarm")


@fact("message.retried")
class MessageRetried(Fact):
    message: str
    incident: str = ""
    to: str


class DeliveryFailed(Exception):
    """The channel did not take the message; the reason is for people."""


class Channel(Protocol):
    """Delivers one message and returns what the receiver answered. Raises DeliveryFailed."""

    def deliver(self, message: QueuedMessage) -> str: ...


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    message: str
    incident: str
    channel: str
    recipient: str
    subject: str
    text: str
    attempts: int


class Outbox:
    """The projection that holds every message and where it stands."""

    name = "outbox"
    tables: tuple[Table, ...] = (tables.outbox,)

    def apply(self, conn: Connection, recorded: Recorded) -> None:
        match recorded.fact:
            case MessageQueued() as queued:
                conn.execute(
                    insert(tables.outbox).values(
                        message=queued.message,
                        incident=queued.incident or None,
                        channel=queued.channel,
                        recipient=queued.to,
                        subject=queued.subject,
                        text=queued.text,
                        state="queued",
                        attempts=0,
                        next_at=clock.stamp(recorded.at),
                        reason="",
                        queued_seq=recorded.seq,
                    )
                )
            case MessageSent(message=message, receipt=receipt):
                _set(conn, message, state="sent", reason=receipt)
            case MessageFailed(message=message, reason=reason, attempt=attempt, retry_at=retry_at):
                state = "queued" if retry_at else "dead"
                next_at = clock.stamp(retry_at or recorded.at)
                _set(conn, message, state=state, reason=reason, attempts=attempt, next_at=next_at)
            case MessageRetried(message=message):
                _set(conn, message, state="queued", attempts=0, next_at=clock.stamp(recorded.at))
            case _:
                pass


def _set(conn: Connection, message: str, **values: object) -> None:
    conn.execute(update(tables.outbox).where(tables.outbox.c.message == message).values(**values))


def queue(channel: str, to: str, subject: str, text: str, incident: str = "") -> Draft:
    """The draft that queues one message to one recipient."""
    message = secrets.token_hex(8)
    queued = MessageQueued(
        message=message, incident=incident, channel=channel, to=to, subject=subject, text=text
    )
    return Draft(f"message/{message}", 0, [queued])


def lease(ledger: Ledger, now: datetime, limit: int = 20) -> list[QueuedMessage]:
    """Take messages to send; nobody else takes them until the lease runs out."""
    box, leases = tables.outbox, tables.outbox_leases
    with ledger.database.writing() as conn:
        conn.execute(delete(leases).where(leases.c.until <= clock.stamp(now)))
        query = (
            select(box)
            .where(box.c.state == "queued", box.c.next_at <= clock.stamp(now))
            .where(box.c.message.not_in(select(leases.c.message)))
            .order_by(box.c.queued_seq)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        rows = conn.execute(query).all()
        for row in rows:
            conn.execute(insert(leases).values(message=row.message, until=clock.stamp(now + LEASE)))
    return [
        QueuedMessage(
            row.message, row.incident or "", row.channel, row.recipient, row.subject, row.text, row.attempts
        )
        for row in rows
    ]


def deliver(
    ledger: Ledger, channels: Mapping[str, Channel], leased: QueuedMessage, by: Actor, at: datetime
) -> None:
    """Send one leased message and record what came of it."""
    stream = ledger.stream(f"message/{leased.message}")
    result: Fact
    try:
        channel = channels.get(leased.channel)
        if channel is None:
            raise DeliveryFailed(f"no channel called {leased.channel!r} is configured")
        receipt = channel.deliver(leased)
        result = MessageSent(
            message=leased.message, incident=leased.incident, to=leased.recipient, receipt=receipt
        )
    except DeliveryFailed as failure:
        result = _failed(leased, str(failure), at)
    # A crash here sends again after the lease, with the same idempotency key.
    try:
        ledger.append(Draft(stream.name, stream.version, [result]), by=by, at=at)
    except Conflict:
        return  # another worker recorded this message while we were sending
    finally:
        with ledger.database.writing() as conn:
            conn.execute(delete(tables.outbox_leases).where(tables.outbox_leases.c.message == leased.message))


def _failed(leased: QueuedMessage, reason: str, at: datetime) -> MessageFailed:
    attempt = leased.attempts + 1
    pause = timedelta(seconds=min(15 * 2 ** (attempt - 1), 3600))
    return MessageFailed(
        message=leased.message,
        incident=leased.incident,
        to=leased.recipient,
        reason=reason,
        attempt=attempt,
        retry_at=at + pause if attempt < GIVE_UP_AFTER else None,
    )


def retry(ledger: Ledger, message: str, by: Actor, at: datetime) -> None:
    """Queue a message that was given up once more. Does nothing for one that was sent."""

    def decide(events: tuple[Fact, ...]) -> list[Fact]:
        last = events[-1] if events else None
        if isinstance(last, MessageFailed) and last.retry_at is None:
            return [MessageRetried(message=message, incident=last.incident, to=last.to)]
        return []

    ledger.change(f"message/{message}", lambda stream: decide(stream.events), by, at)
