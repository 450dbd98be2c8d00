"""Mail leaves through a real SMTP server, once to each recipient (R-ESC-06, R-XCT-05)."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import Message

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import SecretStr

from holdfast.integrations.smtp.channel import EmailChannel
from holdfast.ledger import outbox
from holdfast.ledger.database import Database
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.ledger.outbox import Outbox
from holdfast.ledger.timers import Timers
from holdfast.people import Actor
from holdfast.settings import MailSettings

WORKER = Actor("holdfast/worker", "Holdfast", "system")


class FixedClock:
    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


class Receiver:
    """A real SMTP server's handler that keeps what it gets and can refuse a recipient."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.refused: set[str] = set()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content))
        return "250 2.0.0 queued as 4711"


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def server(receiver: Receiver) -> Iterator[MailSettings]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(receiver, hostname="127.0.0.1", port=port)
    controller.start()
    yield MailSettings(host="127.0.0.1", port=port, sender="holdfast@example.com")
    controller.stop()


@pytest.fixture
def ledger(database: Database) -> Ledger:
    made = Ledger(database, [Timers(), Outbox()])
    made.create("holdfast.example/test")
    return made


def types(ledger: Ledger) -> list[str]:
    return [recorded.fact.type for recorded in ledger.facts()]


def send_due(ledger: Ledger, settings: MailSettings, at: datetime) -> None:
    channels = {"email": EmailChannel(settings, FixedClock(at))}
    for leased in outbox.lease(ledger, at):
        outbox.deliver(ledger, channels, leased, WORKER, at)


def test_a_message_is_sent_and_the_servers_answer_recorded(
    ledger: Ledger, server: MailSettings, receiver: Receiver, now: datetime
) -> None:
    """R-ESC-06/queued, R-ESC-06/sent."""
    ledger.append(
        outbox.queue("email", "ana@example.com", "SEV-1: café", "Grüße", "INC-1", zone="UTC"),
        by=WORKER,
        at=now,
    )
    send_due(ledger, server, now)
    (mail,) = receiver.mails
    queued, sent = (recorded.fact for recorded in ledger.facts())
    assert isinstance(queued, outbox.MessageQueued)
    assert isinstance(sent, outbox.MessageSent)
    assert sent.receipt == "250 2.0.0 queued as 4711"
    assert mail["Idempotency-Key"] == queued.message
    assert (mail["To"], mail["X-Holdfast-Incident"]) == ("ana@example.com", "INC-1")
    send_due(ledger, server, now)
    assert len(receiver.mails) == 1


def test_a_long_text_arrives_word_for_word(
    ledger: Ledger, server: MailSettings, receiver: Receiver, now: datetime
) -> None:
    """RFC 5321 4.5.3.1.6: no line over 1,000 bytes, and every line ends in CRLF."""
    text = "\n".join([".", "One line. " * 300, "", "Ein Satz mit Umlauten: äöü. " * 80, "."] * 3) + "\n"
    ledger.append(outbox.queue("email", "ana@example.com", "Long", text, zone="UTC"), by=WORKER, at=now)
    send_due(ledger, server, now)
    (mail,) = receiver.mails
    payload = mail.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload.decode().replace("\r\n", "\n") == text


def test_a_refusal_is_recorded_retried_later_and_given_up_in_the_end(
    ledger: Ledger, server: MailSettings, receiver: Receiver, now: datetime
) -> None:
    """R-ESC-06/failed."""
    receiver.refused.add("gone@example.com")
    ledger.append(outbox.queue("email", "gone@example.com", "x", "y", zone="UTC"), by=WORKER, at=now)
    at = now
    for _ in range(outbox.GIVE_UP_AFTER):
        send_due(ledger, server, at)
        send_due(ledger, server, at)  # not before its time
        at += timedelta(hours=2)
    failures = [r.fact for r in ledger.facts() if isinstance(r.fact, outbox.MessageFailed)]
    assert all(failure.refused for failure in failures)
    assert [failure.attempt for failure in failures] == list(range(1, outbox.GIVE_UP_AFTER + 1))
    assert failures[-1].retry_at is None
    assert "550 5.1.1 no such mailbox" in failures[0].reason

    receiver.refused.clear()
    message = failures[0].message
    outbox.retry(ledger, message, WORKER, at)
    outbox.retry(ledger, message, WORKER, at)
    send_due(ledger, server, at)
    assert types(ledger)[-2:] == ["message.retried", "message.sent"]


def test_a_server_that_is_away_loses_nothing(ledger: Ledger, now: datetime) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = MailSettings(host="127.0.0.1", port=free.getsockname()[1])
    ledger.append(outbox.queue("email", "ana@example.com", "x", "y", zone="UTC"), by=WORKER, at=now)
    send_due(ledger, nobody, now)
    (failure,) = [r.fact for r in ledger.facts() if isinstance(r.fact, outbox.MessageFailed)]
    assert not failure.refused, "nobody was refused: the same server would take nothing for anybody"
    assert "no mail server answers at 127.0.0.1" in failure.reason


def test_two_workers_do_not_send_the_same_message(ledger: Ledger, now: datetime) -> None:
    ledger.append(outbox.queue("email", "ana@example.com", "x", "y", zone="UTC"), by=WORKER, at=now)
    assert len(outbox.lease(ledger, now)) == 1
    assert outbox.lease(ledger, now) == []
    assert len(outbox.lease(ledger, now + outbox.LEASE)) == 1


def test_a_title_cannot_smuggle_in_a_header(
    ledger: Ledger, server: MailSettings, receiver: Receiver, now: datetime
) -> None:
    draft = outbox.queue("email", "ana@example.com", "x\r\nBcc: eve@example.com", "y", zone="UTC")
    ledger.append(draft, by=WORKER, at=now)
    send_due(ledger, server, now)
    (mail,) = receiver.mails
    assert mail["Bcc"] is None
    assert mail["Subject"] == "x Bcc: eve@example.com"


def test_a_subject_of_an_older_record_cannot_either(
    ledger: Ledger, server: MailSettings, receiver: Receiver, now: datetime
) -> None:
    """Before, a line break in a subject was kept, and no such message left."""
    (queued,) = outbox.queue("email", "ana@example.com", "x", "y", zone="UTC").facts
    assert isinstance(queued, outbox.MessageQueued)
    older = replace(queued, subject="x\r\nBcc: eve@example.com")
    ledger.append(Draft(f"message/{older.message}", 0, [older]), by=WORKER, at=now)
    send_due(ledger, server, now)
    assert receiver.mails == []
    assert types(ledger) == ["message.queued", "message.failed"]


def test_a_password_never_crosses_a_network_in_clear_text(now: datetime) -> None:
    settings = MailSettings(host="mail.example.com", username="holdfast", password=SecretStr("secret"))
    with pytest.raises(smtplib.SMTPException, match="starttls = true"):
        EmailChannel(settings, FixedClock(now))._secure(smtplib.SMTP())
