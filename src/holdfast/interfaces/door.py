"""The door: what somebody who is not signed in can cost.

Nobody is known before their cookie or token was looked at, so until then little is taken: a small body,
within a time. A body that is larger waits for the look; one that does not arrive is not waited for; a
request whose head does not arrive is hung up on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

UNKNOWN = 64 * 1024
"""Bytes anybody may send: a sign-in, a question about a flag."""
PAUSE = 20.0
"""Seconds within which the next part of a body arrives, and within which the whole head of a request does."""

Known = Callable[[Headers], bool]
"""Whether a request's headers are those of somebody who is signed in. May read the database."""


class Door:
    """ASGI middleware: looks who it is before it takes more than `UNKNOWN` bytes, and waits for nobody."""

    def __init__(self, app: ASGIApp, known: Known, pause: float = PAUSE) -> None:
        self.app = app
        self.known = known
        self.pause = pause

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        arriving = _Arriving(scope, receive, send, self.known, self.pause)
        try:
            await self.app(scope, arriving.receive, arriving.send)
        except Exception:
            if not arriving.turned_away:  # else it is about the rest of a request that was refused
                raise


class Addresses:
    """ASGI middleware: a line break or a NUL in an address is written out. No route and no database can hold
    one, so nothing is found by it, and whoever answers refuses it as any address that leads nowhere."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": scope["path"].translate(_WRITTEN_OUT)}
        await self.app(scope, receive, send)


_WRITTEN_OUT = {ord(letter): f"⟨U+{ord(letter):04X}⟩" for letter in "\x00\n"}


class _Arriving:
    """One request as it arrives. Once it is turned away its application hears that the client is gone, and
    what it still says is said to nobody."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, known: Known, pause: float) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._known, self._pause = known, pause
        self._headers = Headers(scope=scope)
        self._read = 0
        self._is_known = self._complete = self._answered = False
        self.turned_away = False

    async def send(self, message: Message) -> None:
        if not self.turned_away:
            self._answered = True
            await self._send(message)

    async def receive(self) -> Message:
        if self.turned_away:
            return GONE
        if self._complete:
            return await self._receive()  # waits for the client to hang up, as long as the answer takes
        declared = self._headers.get("content-length", "")
        if declared.isdigit() and len(declared) < 20 and int(declared) > UNKNOWN and not await self._look():
            return await self._turn_away(413, FIRST)
        try:
            message = await asyncio.wait_for(self._receive(), self._pause)
        except TimeoutError:
            return await self._turn_away(408, "The request did not arrive in time; send it again.")
        self._read += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._read > UNKNOWN and not await self._look():
            return await self._turn_away(413, FIRST)
        return message

    async def _look(self) -> bool:
        """Whether the client is known; looked up once a request."""
        if not self._is_known:
            self._is_known = await run_in_threadpool(self._known, self._headers)
        return self._is_known

    async def _turn_away(self, status: int, sentence: str) -> Message:
        self.turned_away = True
        if not self._answered:
            await _refusal(self._scope, status, sentence)(self._scope, self._receive, self._send)
        return GONE


GONE: Message = {"type": "http.disconnect"}
FIRST = f"Sign in first: without that, at most {UNKNOWN // 1024} KiB are taken here."


def _refusal(scope: Scope, status: int, sentence: str) -> Response:
    """A problem document (RFC 9457) for programs, a line of text for whoever types addresses."""
    headers = {"Connection": "close", "Cache-Control": "no-store"}
    if not scope["path"].startswith("/api/"):
        return PlainTextResponse(f"{sentence}\n", status, headers)
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": sentence,
        "errors": [],
    }
    return JSONResponse(document, status, headers, media_type="application/problem+json")


class Patient(H11Protocol):
    """uvicorn's HTTP protocol, which by itself waits for ever for the rest of a request's head."""

    waits = PAUSE
    _hang_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._within_request:
            self._forget()
        elif self._hang_up is None:
            self._wait()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._forget()  # from here on the time between requests counts, which uvicorn watches

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    @property
    def _within_request(self) -> bool:
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _wait(self) -> None:
        self._hang_up = self.loop.call_later(self.waits, self._too_late)

    def _forget(self) -> None:
        if self._hang_up is not None:
            self._hang_up.cancel()
            self._hang_up = None

    def _too_late(self) -> None:
        self._hang_up = None
        if not self._within_request:
            self.transport.close()
