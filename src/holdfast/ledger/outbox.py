"""The outbox: messages queued by the transaction that decided on them, sent by the worker.

Each message is leased by itself and looked at again right before it is sent; then it is sent outside any
transaction and the result recorded in another. What is sent is what the fact says: the table only says that
there is something to send. A crash between sending and recording sends again with the same idempotency key
(`message`), so that the receiver can tell.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol

import structlog
from sqlalchemy import Connection, Select, Table, delete, exists, insert, select, update
from sqlalchemy.exc import IntegrityError

from holdfast import clock, wording
from holdfast.ledger import tables, tiles
from holdfast.ledger.deciding import settle_stream
from holdfast.ledger.facts import LONGEST_DOCUMENT, Arm, Disarm, Fact, Line, Recorded, fact, upcast
from holdfast.ledger.ledger import Conflict, Draft, Ledger, recorded_from
from holdfast.people import Actor
from holdfast.problems import Fault, NotAllowed
from holdfast_verify.leaf import parse_header, payload_commitment
from holdfast_verify.tree import leaf_hash

_log = structlog.get_logger("holdfast.outbox")
LEASE = timedelta(seconds=60)
"""Far longer than a channel may take for one message."""
EMAIL = "email"
"""The channel by which everybody is reached: people are known by their address."""
GIVE_UP_AFTER = 8
"""Attempts: with the back-off below, about half an hour."""


LATE_TIMER = "message.late"


@fact("message.queued", version=3)
class MessageQueued(Fact):
    longest: ClassVar[int] = LONGEST_DOCUMENT

    message: str
    """Also the idempotency key on the wire."""
    incident: str = ""
    channel: str
    to: str
    subject: str
    text: str
    name: str = ""
    """The person's name; empty for messages of older releases."""
    role: str = ""
    """As what they are told: an incident role, a title, `on_call`."""
    about: str = ""
    """The moment of the protocol, or what else it is about; empty for messages of older releases."""
    instead_of: str = ""
    """The message in whose place this one is sent: it did not reach this person by another channel, or
    somebody else, in whose place they are told."""
    within_seconds: int = 0
    """How soon the protocol promises that it is sent; 0: it promises nothing. In place of another message it
    is what is left of that one's promise, which then is this one's to keep."""

    def timers(self) -> Iterable[Arm | Disarm]:
        if self.within_seconds and self.instead_of:
            yield Disarm(late_timer(self.incident, self.instead_of))
        if self.within_seconds:
            data = {"incident": self.incident, "message": self.message}
            within = timedelta(seconds=self.within_seconds)
            yield Arm(late_timer(self.incident, self.message), LATE_TIMER, within, data)

    def line(self) -> Line:
        return Line(f"Message queued to {self.name or self.to}{_by(self.channel)}", self.subject)


@upcast("message.queued", 1)
def _unnamed(data: dict[str, Any]) -> dict[str, Any]:
    return data


@upcast("message.queued", 2)
def _promised_no_time(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 3 what the protocol promises was kept by nobody."""
    return {**data, "within_seconds": 0}


def _by(channel: str) -> str:
    """Mail goes without saying, as it always did."""
    return "" if channel in ("", EMAIL) else f" by {channel}"


@fact("message.sent", version=2)
class MessageSent(Fact):
    message: str
    incident: str = ""
    to: str
    receipt: str
    """What the receiving server answered."""
    channel: str = ""
    """By which it was sent; empty for messages of older releases."""
    address: str = ""
    """Where it went; empty for messages of older releases."""

    def timers(self) -> Iterable[Arm | Disarm]:
        yield Disarm(late_timer(self.incident, self.message))

    def line(self) -> Line:
        return Line(f"Sent to {self.to}{_by(self.channel)}", self.receipt)


@fact("message.failed", version=3)
class MessageFailed(Fact):
    message: str
    incident: str = ""
    to: str
    reason: str
    attempt: int
    retry_at: datetime | None
    """None: given up; a person can retry it."""
    refused: bool = False
    """Refused for good: this person is told by another channel, or somebody else in their place."""
    channel: str = ""
    """By which it was tried; empty for messages of older releases."""
    address: str = ""
    """Where it was tried; empty for messages of older releases, and where nobody knows one."""

    @property
    def goes_on(self) -> bool:
        """Whether somebody is told otherwise, now."""
        return self.refused or self.retry_at is None

    def line(self) -> Line:
        again = "" if self.retry_at else "; given up, retry it from the incident"
        said = f"attempt {self.attempt}: {self.reason}{again}"
        return Line(f"Not delivered to {self.to}{_by(self.channel)}", said, "alarm")


@upcast("message.sent", 1)
@upcast("message.failed", 1)
@upcast("message.failed", 2)
def _without_what_is_known_since(data: dict[str, Any]) -> dict[str, Any]:
    return data


@fact("message.retried")
class MessageRetried(Fact):
    message: str
    incident: str = ""
    to: str


@fact("message.seen_to")
class MessageSeenTo(Fact):
    """A person says what was done about a message that was given up: it is no longer shown as unreached."""

    message: str
    incident: str = ""
    to: str
    reason: str

    def line(self) -> Line:
        return Line(f"Seen to: a message that did not reach {self.to}", self.reason)


@fact("message.stranded")
class MessageStranded(Fact):
    """Somebody was not reached, and there is nobody left to tell in their place."""

    message: str
    incident: str = ""
    to: str
    reason: str

    def line(self) -> Line:
        return Line(f"Nobody is told in place of {self.to}", self.reason, "alarm")


@fact("messages.overdue")
class MessagesOverdue(Fact):
    """They were not sent within the time that the protocol promises: somebody is told, and the promise stays
    broken."""

    incident: str
    messages: tuple[str, ...]
    to: tuple[str, ...]
    """Whom they are for."""
    told: str
    """Who is written to of it; empty: the roster names nobody else."""

    def timers(self) -> Iterable[Arm | Disarm]:
        for message in self.messages:
            yield Disarm(late_timer(self.incident, message))

    def line(self) -> Line:
        number = wording.plural(len(self.messages), "message")
        return Line(f"{number} not sent in the promised time", f"to {', '.join(self.to)}", "alarm")


def late_timer(incident: str, message: str) -> str:
    return f"message/{incident}/{message}"


class DeliveryFailed(Exception):
    """The channel did not take the message; the reason is for people."""

    def __init__(self, reason: str, *, refused: bool = False, after: timedelta = timedelta()) -> None:
        """`refused`: the receiver is refused for good, so that trying again will not help. `after`: how long
        the receiver asks to be left alone."""
        super().__init__(reason)
        self.refused = refused
        self.after = after


class NotAsQueued(Exception):
    """What waits in the outbox is not what the ledger says was queued: nothing of it is sent."""


class Channel(Protocol):
    """One way to people, such as mail."""

    def deliver(self, message: QueuedMessage) -> str:
        """Hand the message over at its address, and return what the receiver answered. Raises
        DeliveryFailed. Ends within a deadline of its own, far below LEASE."""
        ...

    def unusable(self, address: str) -> Fault | None:
        """Why nothing can be delivered at this address, and what to do; None for one that can be used."""
        ...


Addresses = Callable[[str], Mapping[str, str]]
"""A person's addresses by channel."""


def only_mail(person: str) -> Mapping[str, str]:
    """Of people of whom nothing else is known: the address that they are known by."""
    return {EMAIL: person}


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    message: str
    incident: str
    channel: str
    recipient: str
    """The person."""
    subject: str
    text: str
    attempts: int
    until: str = ""
    """When the lease runs out, as the table holds it: who holds this very one may send."""
    taken: float = 0.0
    """When it was leased, by this process's own steady clock."""
    address: str = ""
    """Where the channel delivers it."""
    queued_at: datetime | None = None


class Outbox:
    """The projection that holds every message and where it stands."""

    name = "outbox"
    tables: tuple[Table, ...] = (tables.outbox,)

    def apply(self, conn: Connection, facts: Sequence[Recorded]) -> None:
        for recorded in facts:
            self._apply(conn, recorded)

    def _apply(self, conn: Connection, recorded: Recorded) -> None:
        match recorded.fact:
            case MessageQueued() as queued:
                conn.execute(
                    insert(tables.outbox).values(
                        message=queued.message,
                        incident=queued.incident or None,
                        began=_began(conn, queued),
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
            case MessageSeenTo(message=message, reason=reason):
                _set(conn, message, state="seen_to", reason=reason)
            case MessageRetried(message=message):
                _set(conn, message, state="queued", attempts=0, next_at=clock.stamp(recorded.at))
            case _:
                pass


def _began(conn: Connection, queued: MessageQueued) -> str:
    box = tables.outbox.c
    before = conn.execute(select(box.began).where(box.message == queued.instead_of)).scalar()
    return str(before or queued.message)


def _set(conn: Connection, message: str, **values: object) -> None:
    conn.execute(update(tables.outbox).where(tables.outbox.c.message == message).values(**values))


def queue(
    channel: str,
    to: str,
    subject: str,
    text: str,
    incident: str = "",
    *,
    zone: str,
    name: str = "",
    role: str = "",
    about: str = "",
    within: timedelta | None = None,
) -> Draft:
    """The draft that queues one message to one recipient, with its times as where they are, in `zone`."""
    message = secrets.token_hex(8)
    queued = MessageQueued(
        message=message,
        incident=incident,
        channel=channel,
        to=to,
        subject=wording.where_read(_one_line(subject), zone),
        text=wording.where_read(text, zone),
        name=name,
        role=role,
        about=about,
        within_seconds=int(within.total_seconds()) if within else 0,
    )
    return Draft(_stream(message), 0, [queued])


def _one_line(subject: str) -> str:
    """Made of titles that people typed, it is a header all the same, and keeps no message from leaving."""
    return wording.visible(" ".join(subject.split()))


def queue_instead(
    of: MessageQueued,
    to: str,
    name: str,
    text: str,
    *,
    channel: str = EMAIL,
    zone: str,
    within: timedelta = timedelta(),
) -> Draft:
    """The draft that is sent in place of a message that did not arrive, once for each: to this person by
    another channel, or to somebody else."""
    message = instead_of(of.message)
    queued = MessageQueued(
        message=message,
        incident=of.incident,
        channel=channel,
        to=to,
        subject=wording.where_read(_one_line(of.subject), zone),
        text=wording.where_read(text, zone),
        name=name,
        role=of.role,
        about=of.about,
        instead_of=of.message,
        within_seconds=int(within.total_seconds()),
    )
    return Draft(_stream(message), 0, [queued])


def instead_of(message: str) -> str:
    """The number of the message that is sent to somebody else in place of this one.

    It follows from this one's, so that of two workers that queue it one meets a Conflict.
    """
    return hashlib.sha256(f"instead of {message}".encode()).hexdigest()[:16]


def _stream(message: str) -> str:
    return f"message/{message}"


def queued_message(ledger: Ledger, message: str) -> MessageQueued:
    """What was queued under a number. Raises NotAsQueued where nothing was."""
    return _queued(message, ledger.stream(_stream(message)).events)


def _queued(message: str, events: Sequence[Fact]) -> MessageQueued:
    first = events[0] if events else None
    if not isinstance(first, MessageQueued) or first.message != message:
        raise NotAsQueued(
            f"the outbox holds message {message}, which no fact queued; run `holdfast ledger check`"
        )
    return first


# Sending ---------------------------------------------------------------------------------------


def lease(ledger: Ledger, now: datetime, limit: int = 20) -> list[QueuedMessage]:
    """Take messages to send; nobody else takes them until their lease runs out."""
    box, leases = tables.outbox, tables.outbox_leases
    until, taken = clock.stamp(now + LEASE), time.monotonic()
    query = (
        select(box)
        .where(box.c.state == "queued", box.c.next_at <= clock.stamp(now))
        .where(box.c.message.not_in(select(leases.c.message)))
        .order_by(box.c.next_at, box.c.queued_seq)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    try:
        with ledger.database.writing() as conn:
            conn.execute(delete(leases).where(leases.c.until <= clock.stamp(now)))
            rows = conn.execute(query).all()
            for row in rows:
                conn.execute(insert(leases).values(message=row.message, until=until))
    except IntegrityError:
        return []  # another worker leased one of them at the same moment
    return [
        QueuedMessage(
            row.message,
            row.incident or "",
            row.channel,
            row.recipient,
            row.subject,
            row.text,
            row.attempts,
            until,
            taken,
        )
        for row in rows
    ]


def deliver(
    ledger: Ledger,
    channels: Mapping[str, Channel],
    leased: QueuedMessage,
    by: Actor,
    at: datetime,
    addresses: Addresses = only_mail,
) -> None:
    """Send one leased message as its fact says, to where `addresses` say, and record what came of it.

    Does nothing where the lease was lost or the message is not to be sent any more. Raises NotAsQueued,
    having sent nothing, where the ledger's own bytes do not hold together.
    """
    waited = timedelta(seconds=time.monotonic() - leased.taken) if leased.taken else timedelta()
    held = _hold(ledger, leased, at + waited)
    if held is None:
        return
    try:
        _send(ledger, channels, leased, by, at, addresses)
    finally:
        leases = tables.outbox_leases.c
        with ledger.database.writing() as conn:
            mine = (leases.message == leased.message) & (leases.until == held)
            conn.execute(delete(tables.outbox_leases).where(mine))


def _hold(ledger: Ledger, leased: QueuedMessage, now: datetime) -> str | None:
    """Renew the lease from this moment on; None when somebody else holds the message by now."""
    leases, until = tables.outbox_leases, clock.stamp(now + LEASE)
    mine = (leases.c.message == leased.message) & (leases.c.until == leased.until)
    with ledger.database.writing() as conn:
        renewed = conn.execute(update(leases).where(mine).values(until=until))
    return until if renewed.rowcount else None


def _send(
    ledger: Ledger,
    channels: Mapping[str, Channel],
    leased: QueuedMessage,
    by: Actor,
    at: datetime,
    addresses: Addresses,
) -> None:
    found, waits = _looked_at_again(ledger, leased.message)
    events = tuple(one.fact for one in found)
    queued = _queued(leased.message, events)
    if not _is_to_be_sent(events):
        if waits:
            raise NotAsQueued(
                f"the outbox says that message {leased.message} waits, the ledger that it does not: nothing "
                "is sent; run `holdfast ledger check`"
            )
        return
    if (queued.to, queued.subject, queued.text) != (leased.recipient, leased.subject, leased.text):
        _log.error("the outbox was edited; what the ledger says is sent", message=leased.message)
    message = QueuedMessage(
        queued.message,
        queued.incident,
        queued.channel,
        queued.to,
        queued.subject,
        queued.text,
        _attempts(events),
        address=addresses(queued.to).get(queued.channel, ""),
        queued_at=found[0].at,
    )
    result: Fact
    try:
        result = _sent(message, _handed_over(channels, message))
    except DeliveryFailed as failure:
        result = _failed(message, failure, at)
    # A crash here sends again after the lease, with the same idempotency key.
    try:
        ledger.append(Draft(_stream(message.message), len(events), [result]), by=by, at=at)
    except Conflict:
        return  # another worker recorded this message while we were sending


def _handed_over(channels: Mapping[str, Channel], message: QueuedMessage) -> str:
    """What the receiver answered. Raises DeliveryFailed; where this installation lacks channel or address, as
    a refusal, so that the person is told by another way at once."""
    channel = channels.get(message.channel)
    if channel is None:
        raise DeliveryFailed(f"no channel called {message.channel!r} is set up", refused=True)
    if not message.address:
        raise DeliveryFailed(f"the roster names no address for {message.channel}", refused=True)
    return channel.deliver(message)


def _looked_at_again(ledger: Ledger, message: str) -> tuple[tuple[Recorded, ...], bool]:
    """The message's facts, each with its bytes compared with what its header and the tree commit to; and
    whether the table says that it waits.
    """
    query = select(tables.facts).where(tables.facts.c.stream == _stream(message))
    with ledger.reading() as conn:
        rows = conn.execute(query.order_by(tables.facts.c.stream_seq)).all()
        for row in rows:
            if not is_sound(conn, row):
                raise NotAsQueued(
                    f"message {message} was changed in the database after it was queued: nothing of it is "
                    "sent; run `holdfast ledger check`"
                )
        state = conn.execute(select(tables.outbox.c.state).where(tables.outbox.c.message == message)).scalar()
    return tuple(recorded_from(row) for row in rows), state == "queued"


def is_sound(conn: Connection, row: Any) -> bool:
    """Whether the stored bytes of a fact are those that its header and the tree commit to."""
    leaf = bytes(row.leaf)
    header, hashed = parse_header(leaf), leaf_hash(leaf)
    named = (header.seq, header.stream, header.stream_seq, header.type) == (
        row.seq,
        row.stream,
        row.stream_seq,
        row.type,
    )
    committed = payload_commitment(bytes(row.salt), bytes(row.payload)) == header.payload_commitment
    tile, place = divmod(row.seq, tiles.WIDTH)
    hashes = tiles.stored_tile(conn, 0, tile)
    sealed = hashes[place * 32 : place * 32 + 32] if hashes else b""
    return named and committed and hashed == bytes(row.leaf_hash) and sealed in (b"", hashed)


def _is_to_be_sent(events: Sequence[Fact]) -> bool:
    """Not when it was sent, or given up: then the table says other than the ledger."""
    last = events[-1] if events else None
    return not isinstance(last, (MessageSent, MessageSeenTo)) and not _given_up(last)


def _given_up(last: Fact | None) -> bool:
    return isinstance(last, MessageFailed) and last.retry_at is None


def _attempts(events: Sequence[Fact]) -> int:
    last = events[-1]
    return last.attempt if isinstance(last, MessageFailed) else 0


def _sent(message: QueuedMessage, receipt: str) -> MessageSent:
    return MessageSent(
        message=message.message,
        incident=message.incident,
        to=message.recipient,
        receipt=receipt,
        channel=message.channel,
        address=message.address,
    )


def _failed(leased: QueuedMessage, failure: DeliveryFailed, at: datetime) -> MessageFailed:
    attempt = leased.attempts + 1
    pause = timedelta(seconds=min(max(15 * 2 ** (attempt - 1), failure.after.total_seconds()), 3600))
    return MessageFailed(
        message=leased.message,
        incident=leased.incident,
        to=leased.recipient,
        reason=str(failure),
        attempt=attempt,
        retry_at=at + pause if attempt < GIVE_UP_AFTER else None,
        refused=failure.refused,
        channel=leased.channel,
        address=leased.address,
    )


def retry(ledger: Ledger, message: str, by: Actor, at: datetime) -> None:
    """Queue a message that was given up once more. Does nothing for one that was sent."""

    def decide(events: tuple[Fact, ...]) -> list[Fact]:
        last = events[-1] if events else None
        if isinstance(last, (MessageFailed, MessageSeenTo)) and not _is_to_be_sent(events):
            return [MessageRetried(message=message, incident=last.incident, to=last.to)]
        return []

    settle_stream(ledger, _stream(message), lambda stream: decide(stream.events), by, at)


# Given up ----------------------------------------------------------------------------------------


def see_to(ledger: Ledger, message: str, reason: str, by: Actor, at: datetime) -> None:
    """A person says what was done about a message that was given up. Does nothing the second time. Raises
    NotAllowed for one that was sent or is still tried, and without a reason."""
    if not reason.strip():
        raise NotAllowed("say how they were told, or why they need not be; it becomes part of the record")

    def decide(events: tuple[Fact, ...]) -> list[Fact]:
        last = events[-1] if events else None
        if isinstance(last, MessageSeenTo):
            return []
        if not isinstance(last, MessageFailed) or last.retry_at:
            how = "was sent" if isinstance(last, MessageSent) else "is still tried"
            raise NotAllowed(f"message {message} {how}; only one that was given up is seen to")
        return [MessageSeenTo(message=message, incident=last.incident, to=last.to, reason=reason.strip())]

    settle_stream(ledger, _stream(message), lambda stream: decide(stream.events), by, at)


def unreached() -> Select[tuple[str]]:
    """Messages that were given up, that nobody has seen to, and whose receiver got no later one about the
    same incident, or in its place: the newest first."""
    box, later = tables.outbox, tables.outbox.alias("later")
    reached = (
        select(later.c.message)
        .where(later.c.recipient == box.c.recipient)
        .where((later.c.incident == box.c.incident) | (later.c.began == box.c.began))
        .where(later.c.state == "sent", later.c.queued_seq > box.c.queued_seq)
    )
    query = select(box.c.message).where(box.c.state == "dead", ~exists(reached.correlate(box)))
    return query.order_by(box.c.queued_seq.desc())
