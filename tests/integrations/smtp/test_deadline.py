"""A mail server that hangs holds up one message, for a time that is known (R-XCT-05)."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from holdfast.clock import SystemClock
from holdfast.integrations.deadline import Deadline, DeadlinePassed
from holdfast.integrations.smtp.channel import EmailChannel
from holdfast.ledger.outbox import DeliveryFailed, QueuedMessage
from holdfast.settings import MailSettings

MESSAGE = QueuedMessage("0" * 16, "INC-1", "email", "ana@example.com", "x", "y", 0)
SECONDS = 1.0
Serve = Callable[[socket.socket, threading.Event], None]


@contextmanager
def server(serve: Serve) -> Iterator[MailSettings]:
    """Something that takes connections and goes on as it likes."""
    over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        try:
            connection, _ = listening.accept()
            with connection:
                serve(connection, over)
        except OSError:
            return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield MailSettings(host="127.0.0.1", port=listening.getsockname()[1])
    finally:
        over.set()
        listening.close()


def silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait(30)


def dripping(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"220-")
    while not over.wait(0.1):
        connection.sendall(b"w")


def chatting(connection: socket.socket, over: threading.Event) -> None:
    while not over.wait(0.05):
        connection.sendall(b"220-welcome\r\n")


def conversing(at: bytes, then: Callable[[socket.socket, threading.Event], bool]) -> Serve:
    """Answers as a mail server does; does something else where a command begins so, and goes on or not."""

    def serve(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(b"220 hello\r\n")
        writing = False
        reader = connection.makefile("rb")
        while line := reader.readline().lower():
            if writing and line != b".\r\n":
                continue
            if line.startswith(at):
                if not then(connection, over):
                    return
            else:
                connection.sendall(b"354 go on\r\n" if line.startswith(b"data") else b"250 ok\r\n")
            writing = line.startswith(b"data")

    return serve


def up_to(last: bytes) -> Serve:
    """From this command on it says nothing."""
    return conversing(last, lambda connection, over: over.wait(30) and False)


HANGING = [silent, dripping, chatting, *(up_to(word) for word in (b"ehlo", b"mail", b"rcpt", b"data", b"."))]


@pytest.mark.parametrize("serve", HANGING)
def test_no_server_holds_a_message_beyond_its_deadline(serve: Serve) -> None:
    with server(serve) as settings:
        began = time.monotonic()
        with pytest.raises(DeliveryFailed, match="no answer within 1 seconds") as failed:
            EmailChannel(settings, SystemClock(), SECONDS).deliver(MESSAGE)
        assert time.monotonic() - began < SECONDS + 2
        assert not failed.value.refused


def test_a_mail_that_was_handed_over_whole_is_said_to_have_perhaps_arrived() -> None:
    with server(up_to(b".")) as settings, pytest.raises(DeliveryFailed, match="it may have arrived"):
        EmailChannel(settings, SystemClock(), SECONDS).deliver(MESSAGE)
    with server(up_to(b"data")) as settings, pytest.raises(DeliveryFailed) as failed:
        EmailChannel(settings, SystemClock(), SECONDS).deliver(MESSAGE)
    assert "may have arrived" not in str(failed.value)


def test_a_name_that_is_looked_up_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(30))
    began = time.monotonic()
    with pytest.raises(DeadlinePassed):
        Deadline(0.3).connect("mail.example.com", 25)
    assert time.monotonic() - began < 2
    over.set()


def refusing(at: bytes, answer: bytes) -> Serve:
    return conversing(at, lambda connection, over: connection.sendall(answer + b"\r\n") is None)


@pytest.mark.parametrize(
    ("at", "answer", "refused"),
    [
        (b"rcpt", b"550 5.1.1 no such mailbox", True),
        (b"rcpt", b"552 mailbox full", True),
        (b"rcpt", b"450 try later", False),
        (b"mail", b"550 we do not know you", False),
        (b"mail", b"530 authentication required", False),
        (b".", b"554 content refused", True),
        (b"data", b"554 no valid recipients", True),
        (b".", b"451 try later", False),
    ],
)
def test_only_a_permanent_refusal_of_the_receiver_is_one(at: bytes, answer: bytes, refused: bool) -> None:
    with server(refusing(at, answer)) as settings, pytest.raises(DeliveryFailed) as failed:
        EmailChannel(settings, SystemClock(), 5).deliver(MESSAGE)
    assert failed.value.refused is refused
    assert answer.decode() in str(failed.value)
