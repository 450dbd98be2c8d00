"""Messages: who was told what, and whether it arrived."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select

from holdfast import clock
from holdfast.ledger import outbox, tables
from holdfast.ledger.ledger import Ledger
from holdfast.problems import NotThere
from holdfast.shapes.base import Asked, Shown, Text

State = Literal["queued", "sent", "dead", "seen_to"]


class SeeingTo(Asked):
    """What was done about a message that was given up."""

    reason: Text
    """How the person was told otherwise, or why they need not be; it becomes part of the record."""


class MessageShown(Shown):
    message: str
    """Also the idempotency key on the wire."""
    incident: str
    channel: str
    recipient: str
    subject: str
    state: State
    """dead: given up; a person can have it tried again, or see to it otherwise."""
    attempts: int
    next_at: datetime
    """When it is tried next, while it is queued."""
    reason: str
    """What the receiving server answered, why it could not be delivered, or what was done about that."""


class Messages(Shown):
    messages: tuple[MessageShown, ...]


def messages(
    ledger: Ledger, incident: str = "", state: str = "", limit: int = 200, *, unreached: bool = False
) -> Messages:
    """Messages, the newest first; of one incident, in one state, or those that nobody got and that are not
    seen to."""
    box = tables.outbox
    query = select(box).order_by(box.c.queued_seq.desc()).limit(limit)
    if unreached:
        query = query.where(box.c.message.in_(outbox.unreached()))
    if incident:
        query = query.where(box.c.incident == incident)
    if state:
        query = query.where(box.c.state == state)
    with ledger.reading() as conn:
        return Messages(messages=tuple(_message(row) for row in conn.execute(query)))


def message(ledger: Ledger, id_: str) -> MessageShown:
    """Raises NotThere."""
    with ledger.reading() as conn:
        row = conn.execute(select(tables.outbox).where(tables.outbox.c.message == id_)).first()
    if row is None:
        raise NotThere(f"there is no message {id_}; the list of messages shows them")
    return _message(row)


def _message(row: Any) -> MessageShown:
    return MessageShown(
        message=row.message,
        incident=row.incident or "",
        channel=row.channel,
        recipient=row.recipient,
        subject=row.subject,
        state=row.state,
        attempts=row.attempts,
        next_at=clock.parse(row.next_at),
        reason=row.reason,
    )
