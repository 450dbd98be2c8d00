"""Delivers one message of the outbox as one mail to one recipient."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from holdfast.clock import Clock
from holdfast.ledger.outbox import DeliveryFailed, QueuedMessage
from holdfast.settings import MailSettings

TIMEOUT = 20
"""Seconds for connecting and for each answer; far below the lease of a message."""


LOOPBACK = ("127.0.0.1", "::1", "localhost")


class EmailChannel:
    """Sends through the configured server. One connection a message: the outbox is small."""

    def __init__(self, settings: MailSettings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock

    def deliver(self, message: QueuedMessage) -> str:
        """What the server answered to the message. Raises DeliveryFailed with the server's words."""
        try:
            mail = self._mail(message).as_bytes()
        except ValueError as error:  # a line break in a header is an attack or a mistake, never mail
            raise DeliveryFailed(f"the message cannot be written as mail: {error}") from error
        try:
            with smtplib.SMTP(self.settings.host, self.settings.port, timeout=TIMEOUT) as server:
                self._secure(server)
                return self._send(server, message.recipient, mail)
        except smtplib.SMTPResponseException as error:
            said = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else ""
            raise DeliveryFailed(f"{error.smtp_code} {said}".strip()) from error
        except (smtplib.SMTPException, ValueError) as error:  # ValueError: an address SMTP cannot spell
            raise DeliveryFailed(str(error)) from error
        except OSError as error:
            where = f"{self.settings.host}:{self.settings.port}"
            raise DeliveryFailed(f"no mail server answers at {where} ({error.strerror or error})") from error

    def _secure(self, server: smtplib.SMTP) -> None:
        if self.settings.starttls:
            server.starttls(context=ssl.create_default_context())
        if self.settings.username:
            if not self.settings.starttls and self.settings.host not in LOOPBACK:
                raise smtplib.SMTPException(
                    "the password would cross the network in clear text; set starttls = true under [mail]"
                )
            server.login(self.settings.username, self.settings.password.get_secret_value())

    def _send(self, server: smtplib.SMTP, recipient: str, mail: bytes) -> str:
        server.ehlo_or_helo_if_needed()
        for code, answer in (server.mail(self.settings.sender), server.rcpt(recipient)):
            if code not in (250, 251):
                raise smtplib.SMTPResponseException(code, answer)
        code, answer = server.data(mail)
        if code != 250:
            raise smtplib.SMTPResponseException(code, answer)
        return f"{code} {answer.decode(errors='replace')}"

    def _mail(self, message: QueuedMessage) -> EmailMessage:
        """The same message always has the same Message-ID, so that a receiver can tell a repetition."""
        mail = EmailMessage(policy=SMTP)  # lines end in CRLF, as RFC 5321 section 2.3.8 demands
        mail["From"] = self.settings.sender
        mail["To"] = message.recipient
        mail["Subject"] = message.subject
        mail["Date"] = format_datetime(self.clock.now())
        mail["Message-ID"] = f"<{message.message}@{self.settings.sender.partition('@')[2]}>"
        mail["Idempotency-Key"] = message.message
        if message.incident:
            thread = f"<{message.incident.lower()}@{self.settings.sender.partition('@')[2]}>"
            mail["References"] = thread
            mail["X-Holdfast-Incident"] = message.incident
        mail.set_content(message.text)
        return mail
