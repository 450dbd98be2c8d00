"""Messages: who was told what, and whether it arrived."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select

from holdfast import clock
from holdfast.ledger import tables
from holdfast.ledger.ledger import Ledger
from holdfast.problems import NotThere
from holdfast.shapes.base import Shown


class MessageShown(Shown):
    message: str
    """Also the idempotency key on the wire."""
    incident: str
    channel: str
    recipient: str
    subject: str
    state: Literal["queued", "sent", "dead"]
    """dead: given up; a person can have it tried again."""
    attempts: int
    next_at: datetime
    """When it is tried next, while it is queued."""
    reason: str
    """What the receiving server answered, or why it could not be delivered."""


class Messages(Shown):
    messages: tuple[MessageShown, ...]


def messages(ledger: Ledger, incident: str = "", state: str = "", limit: int = 200) -> Messages:
    """Messages, the newest first; of one incident, or in one state."""
    box = tables.outbox
    query = select(box).order_by(box.c.queued_seq.desc()).limit(limit)
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
        raise NotThere(f"there is no message {id_}; `holdfast message list` shows them")
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
