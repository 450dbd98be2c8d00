"""Messages leave as signed webhooks, only to addresses that share a secret (R-ESC-06, R-XCT-05)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from holdfast.clock import SystemClock
from holdfast.integrations.webhook.channel import WebhookChannel
from holdfast.integrations.webhook.fake import FakeReceiver
from holdfast.integrations.webhook.signing import secrets_of, signed
from holdfast.ledger.outbox import DeliveryFailed, QueuedMessage
from holdfast.problems import Fault
from holdfast.settings import WebhookSettings

AT = datetime(2026, 11, 23, 10, 42, 7, 123456, tzinfo=UTC)
KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def message(address: str, text: str = "Grüße\nan alle") -> QueuedMessage:
    return QueuedMessage(
        "0f" * 8,
        "INC-1",
        "webhook",
        "maya@example.com",
        "SEV-1: café",
        text,
        0,
        address=address,
        queued_at=AT,
    )


def channel(path: Path, *lines: str, seconds: float = 5.0, mode: int = 0o600) -> WebhookChannel:
    path.write_text("".join(f"{line}\n" for line in lines))
    path.chmod(mode)
    return WebhookChannel(WebhookSettings(secrets=path), SystemClock(), seconds)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    return tmp_path / "webhook.secrets"


def failed(sender: WebhookChannel, address: str) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as caught:
        sender.deliver(message(address))
    return caught.value


# What is sent --------------------------------------------------------------------------------------


def test_a_signature_is_the_published_one() -> None:
    """The vector of https://docs.svix.com/receiving/verifying-payloads/how-manual."""
    secret = base64.b64decode("plJ3nmyCDGBKInavdOK15jsl")
    at = datetime.fromtimestamp(1731705121.9, UTC)
    made = signed("msg_loFOjxBNrRLzqYUf", at, b'{"event_type":"ping","data":{"success":true}}', [secret])
    assert made["webhook-signature"] == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="
    assert made["webhook-timestamp"] == "1731705121"


class Kept:
    """A server that knows nothing of the product and keeps what comes as it came."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []


@contextmanager
def keeping(answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") -> Iterator[tuple[str, Kept]]:
    kept = Kept()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            kept.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.wfile.write(answer)

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/in?team=a", kept
    finally:
        server.shutdown()
        server.server_close()


def test_what_arrives_is_signed_as_the_standard_says_and_says_the_same_at_each_attempt(secrets: Path) -> None:
    """R-ESC-06/sent. Verified here by the steps of the standard, without the product's code."""
    with keeping() as (address, kept):
        sender = channel(secrets, f"{address} {SECRET}")
        assert sender.deliver(message(address)) == "200 OK from 127.0.0.1"
        sender.deliver(message(address))
    (path, headers, body), (_, _, again) = kept.requests
    said = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    signature = base64.b64encode(hmac.new(KEY, said, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{signature}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 30
    assert path == "/in?team=a"
    assert headers["webhook-id"] == "0f" * 8
    assert body == again
    assert json.loads(body) == {
        "type": "holdfast.message",
        "timestamp": "2026-11-23T10:42:07.123456Z",
        "data": {
            "message": "0f" * 8,
            "incident": "INC-1",
            "to": "maya@example.com",
            "subject": "SEV-1: café",
            "text": "Grüße\nan alle",
        },
    }


def test_while_a_secret_is_replaced_both_sign(secrets: Path) -> None:
    other = "whsec_" + base64.b64encode(b"o" * 24).decode()
    with FakeReceiver() as receiver:
        receiver.trust(secrets)
        line = secrets.read_text().strip()
        sender = channel(secrets, f"{line.split()[0]} {other} {line.split()[1]}")
        sender.deliver(message(receiver.address))
    assert [one.document["data"]["incident"] for one in receiver.taken] == ["INC-1"]


def test_a_receiver_of_another_secret_takes_nothing(secrets: Path) -> None:
    with FakeReceiver() as receiver:
        sender = channel(secrets, f"{receiver.address} {SECRET}")
        failure = failed(sender, receiver.address)
    assert (str(failure), failure.refused) == ("127.0.0.1 answered 401 Unauthorized", True)
    assert receiver.taken == []


# What is answered ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "refused"),
    [
        *((status, True) for status in (301, 307, 308, 400, 401, 403, 404, 410, 413, 422, 451)),
        *((status, False) for status in (408, 425, 429, 500, 502, 503, 504)),
    ],
)
def test_only_an_answer_that_stays_the_same_is_a_refusal(secrets: Path, status: int, refused: bool) -> None:
    with FakeReceiver(status) as receiver:
        receiver.trust(secrets)
        failure = failed(WebhookChannel(WebhookSettings(secrets=secrets), SystemClock()), receiver.address)
    assert failure.refused is refused
    assert f"127.0.0.1 answered {status}" in str(failure)


def test_a_redirect_is_not_followed(secrets: Path) -> None:
    with FakeReceiver() as other:
        with FakeReceiver(307, {"location": other.address}) as receiver:
            receiver.trust(secrets)
            other.trust(secrets)
            sender = WebhookChannel(WebhookSettings(secrets=secrets), SystemClock())
            failure = failed(sender, receiver.address)
        assert other.asked == 0
    assert "redirects are not followed" in str(failure)


def test_a_receiver_is_left_alone_for_as_long_as_it_asks(secrets: Path) -> None:
    with FakeReceiver(429, {"retry-after": "120"}) as receiver:
        receiver.trust(secrets)
        failure = failed(WebhookChannel(WebhookSettings(secrets=secrets), SystemClock()), receiver.address)
    assert failure.after == timedelta(minutes=2)


# Who hangs -----------------------------------------------------------------------------------------


def silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait(30)


def dripping(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
    while not over.wait(0.05):
        connection.sendall(b"w")


def going_on(connection: socket.socket, over: threading.Event) -> None:
    while not over.wait(0.05):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def hanging_up(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(65_536)


@contextmanager
def hanging(serve: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    over, listening = threading.Event(), socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        try:
            connection, _ = listening.accept()
            with connection:
                serve(connection, over)
        except OSError:
            return

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        over.set()
        listening.close()


@pytest.mark.parametrize("serve", [silent, dripping, going_on])
def test_a_receiver_that_hangs_holds_up_one_message_for_a_known_time(
    secrets: Path, serve: Callable[[socket.socket, threading.Event], None]
) -> None:
    with hanging(serve) as port:
        address = f"http://127.0.0.1:{port}/"
        sender = channel(secrets, f"{address} {SECRET}", seconds=1.0)
        started = time.monotonic()
        failure = failed(sender, address)
    assert time.monotonic() - started < 5
    assert not failure.refused
    assert "127.0.0.1 gave no answer within 1 seconds" in str(failure)
    assert "it may have arrived" in str(failure)


def test_tls_that_is_never_agreed_on_ends_as_well(secrets: Path) -> None:
    with hanging(silent) as port:
        address = f"https://127.0.0.1:{port}/"
        failure = failed(channel(secrets, f"{address} {SECRET}", seconds=1.0), address)
    assert "127.0.0.1 gave no answer within 1 seconds" in str(failure)
    assert "arrived" not in str(failure), "nothing was handed over"


def test_whoever_hangs_up_may_have_taken_it(secrets: Path) -> None:
    with hanging(hanging_up) as port:
        address = f"http://127.0.0.1:{port}/"
        failure = failed(channel(secrets, f"{address} {SECRET}"), address)
    assert "it may have arrived" in str(failure)


def test_nobody_there_is_tried_again(secrets: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/"
        failure = failed(channel(secrets, f"{address} {SECRET}"), address)
    assert (str(failure), failure.refused) == ("nothing answers at 127.0.0.1 (Connection refused)", False)


def test_a_certificate_nobody_vouches_for_is_no_safe_connection(secrets: Path, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    pem = tmp_path / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(private + made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    def serve(connection: socket.socket, over: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True) as encrypted:
            encrypted.recv(10)

    with hanging(serve) as port:
        address = f"https://localhost:{port}/"
        failure = failed(channel(secrets, f"{address} {SECRET}"), address)
    assert "no safe connection to localhost" in str(failure)


# Where it goes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://hooks.example.com/in", "clear text"),
        ("https://user:pass@hooks.example.com/in", "a name or a password"),
        ("ftp://hooks.example.com/in", "is not the address"),
        ("https://", "is not the address"),
        ("https://hooks.example.com:0/", "is not the address"),
        ("https://hooks.example.com:99999/", "is not the address"),
        ("https://[::1/", "is not the address"),
        ("https://hooks.example.com/in#part", "is not the address"),
        ("https://hooks.example.com/a b", "is not the address"),
        ("https://hooks.example.com/\r\nx: y", "is not the address"),
        ("https://hooks.exämple.com/in", "is not the address"),
        ("maya@example.com", "is not the address"),
    ],
)
def test_what_cannot_be_posted_to_is_refused_before_and_when_it_is_sent(
    secrets: Path, address: str, why: str
) -> None:
    sender = channel(secrets, f"https://hooks.example.com/ {SECRET}", f"http://hooks.example.com/ {SECRET}")
    fault = sender.unusable(address)
    assert fault is not None
    assert why in fault.cause
    assert fault.fix
    failure = failed(sender, address)
    assert failure.refused


@pytest.mark.parametrize(
    "address",
    [
        "https://hooks.example.com.evil.example/in",
        "https://hooks.example.com/instead",
        "https://other.example/in",
    ],
)
def test_only_addresses_that_share_a_secret_are_posted_to(secrets: Path, address: str) -> None:
    sender = channel(secrets, f"https://hooks.example.com/in {SECRET}")
    fault = sender.unusable(address)
    assert fault is not None
    assert "no line of" in fault.cause
    assert sender.unusable("https://hooks.example.com/in") is None
    assert sender.unusable("https://hooks.example.com/in/maya") is None


def test_the_longest_beginning_has_the_secret(secrets: Path) -> None:
    other = "whsec_" + base64.b64encode(b"o" * 24).decode()
    channel(secrets, f"https://hooks.example.com/in/maya {other}", f"https://hooks.example.com {SECRET}")
    assert secrets_of(secrets, "https://hooks.example.com/in/maya") == (b"o" * 24,)
    assert secrets_of(secrets, "https://hooks.example.com/in") == (KEY,)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_secret_that_others_can_read_signs_nothing(secrets: Path, mode: int) -> None:
    sender = channel(secrets, f"https://hooks.example.com/ {SECRET}", mode=mode)
    fault = sender.unusable("https://hooks.example.com/in")
    assert fault is not None
    assert "can be read by others" in fault.cause
    assert failed(sender, "https://hooks.example.com/in").refused


@pytest.mark.parametrize(
    "written", ["", "hunter2", "whsec_", "whsec_!!!!", "whsec_" + base64.b64encode(b"x" * 23).decode()]
)
def test_what_is_no_secret_is_said_with_its_line_and_never_shown(secrets: Path, written: str) -> None:
    channel(secrets, "# receivers", f"https://hooks.example.com/ {written}")
    with pytest.raises(Fault, match=r"line 2 of .* holds no usable secret") as caught:
        secrets_of(secrets, "https://hooks.example.com/in")
    assert not written or written not in caught.value.cause
