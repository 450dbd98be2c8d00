"""Delivers one message of the outbox as one signed request to one address."""

from __future__ import annotations

import http.client
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import SplitResult, urlsplit

from holdfast.clock import Clock, stamp
from holdfast.integrations.deadline import Deadline, DeadlinePassed, Watchdog
from holdfast.integrations.webhook.signing import secrets_of, signed
from holdfast.ledger.outbox import DeliveryFailed, QueuedMessage
from holdfast.problems import Fault, shown
from holdfast.settings import Settings, WebhookSettings
from holdfast.wording import visible

DEADLINE = 20.0
"""Seconds for a request as a whole, from looking up the receiver's name on; far below its lease."""

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_AGAIN = (408, 425, 429)
"""Of the answers that blame the request (RFC 9110 section 15.5), those that may change by themselves."""
_LONGEST = 2_000


def join(settings: Settings, clock: Clock) -> WebhookChannel | None:
    """Set up where there is a file of secrets."""
    return WebhookChannel(settings.webhook, clock) if settings.webhook.secrets.exists() else None


class WebhookChannel:
    """Posts to the addresses that the roster names, where a receiver shares a secret with this installation.

    Proxies of the environment are not used and redirects not followed: what is asked is this address and no
    other.
    """

    def __init__(self, settings: WebhookSettings, clock: Clock, deadline_seconds: float = DEADLINE) -> None:
        self.settings = settings
        self.clock = clock
        self.deadline_seconds = deadline_seconds

    def unusable(self, address: str) -> Fault | None:
        """Why nothing can be posted to this address; None for one that can be used."""
        try:
            _read(address)
            secrets_of(self.settings.secrets, address)
        except Fault as fault:
            return fault
        return None

    def deliver(self, message: QueuedMessage) -> str:
        """What the receiver answered. Raises DeliveryFailed, a refusal where trying again will not help."""
        try:
            target = _read(message.address)
            secrets = secrets_of(self.settings.secrets, message.address)
        except Fault as fault:
            raise DeliveryFailed(fault.cause, refused=True) from fault
        body = written(message)
        headers = {
            "content-type": "application/json",
            "user-agent": "holdfast",
            **signed(message.message, self.clock.now(), body, secrets),
        }
        where = target.hostname
        try:
            answer = _post(Deadline(self.deadline_seconds), target, body, headers)
        except _HandedOver as error:
            late = f"{error}; the whole message was handed over, so it may have arrived"
            raise DeliveryFailed(f"{where} gave {late}") from error
        except DeadlinePassed as error:
            raise DeliveryFailed(f"{where} gave {error}") from error
        except ssl.SSLError as error:
            raise DeliveryFailed(f"no safe connection to {where}: {error}") from error
        except (OSError, http.client.HTTPException) as error:
            raise DeliveryFailed(f"nothing answers at {where} ({_said(error)})") from error
        return _receipt(answer, str(where))


def written(message: QueuedMessage) -> bytes:
    """The body: the same for each attempt."""
    document = {
        "type": "holdfast.message",
        "timestamp": stamp(message.queued_at) if message.queued_at else None,
        "data": {
            "message": message.message,
            "incident": message.incident or None,
            "to": message.recipient,
            "subject": visible(message.subject),
            "text": visible(message.text),
        },
    }
    return json.dumps(document, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    reason: str
    retry_after: str


class _HandedOver(Exception):
    """The conversation broke off when the receiver had the whole request."""


def _receipt(answer: _Answer, where: str) -> str:
    said = f"{answer.status} {visible(answer.reason)}".strip()
    if 200 <= answer.status < 300:
        return f"{said} from {where}"
    if 300 <= answer.status < 400:
        raise DeliveryFailed(f"{where} answered {said}, and redirects are not followed", refused=True)
    refused = 400 <= answer.status < 500 and answer.status not in _AGAIN
    seconds = answer.retry_after
    after = timedelta(seconds=int(seconds)) if re.fullmatch(r"[0-9]{1,6}", seconds) else timedelta()
    raise DeliveryFailed(f"{where} answered {said}", refused=refused, after=after)


def _read(address: str) -> SplitResult:
    """Raises Fault for what is no address to post to."""
    example = "write for example https://hooks.example.com/holdfast"
    if (
        not re.fullmatch(r"https?://[!-~]+", address)
        or len(address) > _LONGEST
        or re.search(r'[\\"<>]', address)
    ):
        raise Fault(f"{shown(address)} is not the address of a webhook", example)
    try:
        target = urlsplit(address)
        port = target.port
    except ValueError as error:
        raise Fault(f"{shown(address)} is not the address of a webhook: {error}", example) from error
    if not target.hostname or port == 0 or "#" in address:
        raise Fault(f"{shown(address)} is not the address of a webhook", example)
    if "@" in target.netloc:
        raise Fault(
            "it holds a name or a password, and the roster is on the record", "leave out what is before the @"
        )
    if target.scheme == "http" and target.hostname not in _LOOPBACK:
        raise Fault(f"{shown(address)} would cross the network in clear text", "write https://")
    return target


class _Connection(http.client.HTTPConnection):
    """A conversation that knows when it must be over, and whether the whole request was handed over."""

    def __init__(self, target: SplitResult, deadline: Deadline) -> None:
        super().__init__(str(target.hostname), target.port or (443 if target.scheme == "https" else 80))
        self.deadline = deadline
        self.tls = ssl.create_default_context() if target.scheme == "https" else None

    def connect(self) -> None:
        """As in the standard library, within the deadline; it can be ended from its first byte on."""
        self.sock = self.deadline.connect(self.host, self.port)
        self.sock.settimeout(self.deadline.seconds + 5)  # the watchdog comes first
        if self.tls:
            encrypted = self.tls.wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
            self.sock = encrypted
            encrypted.do_handshake()


def _post(deadline: Deadline, target: SplitResult, body: bytes, headers: Mapping[str, str]) -> _Answer:
    connection, handed_over = _Connection(target, deadline), False
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    with Watchdog(deadline, lambda: connection.sock) as watchdog:
        try:
            connection.request("POST", path, body, dict(headers))
            handed_over = True
            with connection.getresponse() as answer:  # what stands in its body makes no difference
                if watchdog.bit:  # the standard library takes headers that broke off for all of them
                    raise DeadlinePassed(deadline.seconds)
                return _Answer(answer.status, answer.reason, answer.getheader("retry-after", ""))
        except (OSError, http.client.HTTPException) as error:
            late = watchdog.bit or isinstance(error, DeadlinePassed)
            told = DeadlinePassed(deadline.seconds) if late else error
            if handed_over:
                raise _HandedOver(_said(told)) from error
            raise told from error
        finally:
            connection.close()


def _said(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error or type(error).__name__)
