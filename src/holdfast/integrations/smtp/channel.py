"""Delivers one message of the outbox as one mail to one recipient."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from contextlib import suppress
from functools import cache
from typing import Any

from holdfast.clock import Clock
from holdfast.integrations.deadline import Deadline, DeadlinePassed, Watchdog
from holdfast.integrations.smtp.writing import mail
from holdfast.ledger.outbox import DeliveryFailed, QueuedMessage
from holdfast.problems import Fault, shown
from holdfast.settings import MailSettings, Settings

DEADLINE = 20.0
"""Seconds for a message as a whole, from looking up the server's name on; far below its lease."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def join(settings: Settings, clock: Clock) -> EmailChannel:
    """Always set up: everybody is known by an address."""
    return EmailChannel(settings.mail, clock)


class EmailChannel:
    """Sends through the configured server. One connection a message: the outbox is small."""

    def __init__(self, settings: MailSettings, clock: Clock, deadline_seconds: float = DEADLINE) -> None:
        self.settings = settings
        self.clock = clock
        self.deadline_seconds = deadline_seconds

    def deliver(self, message: QueuedMessage) -> str:
        """What the server answered to the message. Raises DeliveryFailed with the server's words."""
        try:
            content = mail(message, self.settings.sender, self.clock.now())
        except ValueError as error:
            raise DeliveryFailed(f"the message cannot be written as mail: {error}") from error
        where = f"{self.settings.host}:{self.settings.port}"
        try:
            return self._converse(Deadline(self.deadline_seconds), message.address, content)
        except smtplib.SMTPResponseException as error:
            raise DeliveryFailed(_said(error), refused=isinstance(error, _Refused)) from error
        except (smtplib.SMTPException, ValueError) as error:  # ValueError: an address SMTP cannot spell
            raise DeliveryFailed(str(error)) from error
        except DeadlinePassed as error:
            raise DeliveryFailed(f"the mail server at {where} gave {error}") from error
        except ssl.SSLError as error:
            raise DeliveryFailed(f"no safe connection to the mail server at {where}: {error}") from error
        except OSError as error:
            raise DeliveryFailed(f"no mail server answers at {where} ({error.strerror or error})") from error

    def unusable(self, address: str) -> Fault | None:
        """Why no mail can be sent to this address; None for one that can be used."""
        if re.fullmatch(r"[^@\s<>,;]+@[^@\s<>,;]+", address):
            return None
        return Fault(f"{shown(address)} is not a mail address", "write for example maya.okafor@example.com")

    def _converse(self, deadline: Deadline, recipient: str, content: bytes) -> str:
        server = _Server(deadline)
        with Watchdog(deadline, lambda: server.sock) as watchdog:
            try:
                server.connect(self.settings.host, self.settings.port)
                self._secure(server)
                answer = self._send(server, recipient, content)
                with suppress(OSError):
                    server.putcmd("quit")  # what it answers to this makes no difference any more
                return answer
            except OSError as error:
                raise _what_happened(error, server, watchdog.bit) from error
            finally:
                server.close()

    def _secure(self, server: smtplib.SMTP) -> None:
        if self.settings.starttls:
            server.starttls(context=ssl.create_default_context())
        if self.settings.username:
            if not self.settings.starttls and self.settings.host not in LOOPBACK:
                raise smtplib.SMTPException(
                    "the password would cross the network in clear text; set starttls = true under [mail]"
                )
            server.login(self.settings.username, self.settings.password.get_secret_value())

    def _send(self, server: _Server, recipient: str, content: bytes) -> str:
        server.ehlo_or_helo_if_needed()
        _require(server.mail(self.settings.sender), 250)
        _require(server.rcpt(recipient), 250, 251, about_receiver=True)
        try:
            code, answer = server.data(content)
        except smtplib.SMTPDataError as error:
            code, answer = error.smtp_code, bytes(error.smtp_error)  # type: ignore[arg-type]
        _require((code, answer), 250, about_receiver=True)
        return f"{code} {answer.decode(errors='replace')}"


class _Refused(smtplib.SMTPResponseException):
    """A permanent refusal of this receiver or this mail (RFC 5321 section 4.2.1: 5yz)."""


class _Server(smtplib.SMTP):
    """A conversation that knows when it must be over, and how far it came."""

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self.handed_over = False
        """The whole mail was written to the server: from here on it may have taken it."""
        # The name to say is looked up here, because the standard library's own look-up has no limit.
        super().__init__(local_hostname=deadline.wait_for(_own_name))

    def connect(self, host: str = "", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        """As in the standard library; a greeting that is none is an error."""
        self._host = host  # what the certificate must be made out to
        code, answer = super().connect(host, port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, answer)
        return code, answer

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made = self.deadline.connect(host, port)
        made.settimeout(self.deadline.seconds + 5)  # the watchdog comes first
        return made

    def send(self, s: Any) -> None:
        """As in the standard library, noting the moment from which the outcome is the server's."""
        super().send(s)
        self.handed_over = self.handed_over or (isinstance(s, bytes) and s.endswith(b"\r\n.\r\n"))


@cache
def _own_name() -> str:
    """The name this machine greets with; an address where it has no full one (RFC 5321 section 4.1.4)."""
    name = socket.getfqdn()
    return name if "." in name else "[127.0.0.1]"


def _require(said: tuple[int, bytes], *good: int, about_receiver: bool = False) -> None:
    code, answer = said
    if code in good:
        return
    refused = about_receiver and 500 <= code < 600
    raise (_Refused if refused else smtplib.SMTPResponseException)(code, answer)


def _said(error: smtplib.SMTPResponseException) -> str:
    words = error.smtp_error
    said = words.decode(errors="replace") if isinstance(words, bytes) else str(words)
    return f"{error.smtp_code} {said}".strip()


def _what_happened(error: OSError, server: _Server, ended: bool) -> OSError:
    """The error as it is told: the deadline behind it, and whether the mail may have arrived all the same."""
    if isinstance(error, smtplib.SMTPResponseException):
        return error
    told = DeadlinePassed(server.deadline.seconds) if ended or isinstance(error, DeadlinePassed) else error
    if server.handed_over:
        return smtplib.SMTPException(f"{told}; the whole mail was handed over, so it may have arrived")
    return told
