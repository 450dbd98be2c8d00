"""A receiver of webhooks on loopback that checks signatures: for tests of one's roster and playbook."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self

TOLERANCE = 300
"""Seconds by which the clocks of sender and receiver may differ."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One request whose signature is right."""

    id: str
    path: str
    document: Mapping[str, Any]


class FakeReceiver:
    """Answers 204 to what is signed with its secret and 401 to everything else; `status` makes it refuse."""

    def __init__(self, status: int = 204, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.headers = dict(headers or {})
        self.taken: list[Taken] = []
        self.asked = 0
        self._key = secrets.token_bytes(32)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.address = f"http://127.0.0.1:{self._server.server_port}/holdfast"

    @property
    def line(self) -> str:
        """What the file of secrets says of it."""
        return f"{self.address} whsec_{base64.b64encode(self._key).decode()}\n"

    def trust(self, path: Path) -> None:
        """Share the secret with an installation, in its file of secrets."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        with path.open("a", encoding="utf-8") as file:
            file.write(self.line)

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status for one request."""
        self.asked += 1
        number, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        said = b".".join((number.encode(), at.encode(), body))
        right = b"v1," + base64.b64encode(hmac.new(self._key, said, "sha256").digest())
        offered = headers.get("webhook-signature", "").split()
        in_time = at.isdecimal() and abs(time.time() - int(at)) <= TOLERANCE
        if not in_time or not any(hmac.compare_digest(right, one.encode()) for one in offered):
            return 401
        if 200 <= self.status < 300:
            self.taken.append(Taken(number, path, json.loads(body)))
        return self.status


def _handler(receiver: FakeReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(receiver.answer(self.path, headers, body))
            for name, value in {"content-length": "0", **receiver.headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
            """Nothing: what came is in `taken`."""

    return Handler
