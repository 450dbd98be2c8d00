"""What may be sent as a body: bounded, and JSON that means one thing.

A doubled key could be read one way by a gateway and another way here, so it is refused; NaN and Infinity
are not JSON; nesting is bounded.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.interfaces.api.refusals import problem

LARGEST_JSON = 1 << 20
"""Bytes; a long review is a tenth of it."""
DEEPEST = 32
"""Levels of nesting; a request needs five."""
UPLOADS = "/evidence"
"""Addresses that end so take files, and bound them themselves."""


class Ambiguous(ValueError):
    """JSON that could mean two things, or is none."""


class Bodies:
    """ASGI middleware: reads a body before anybody else does and hands it on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].endswith(UPLOADS):
            await self.app(scope, receive, send)
            return
        body = await _read(Headers(scope=scope), receive)
        if body is GONE:
            return  # half a request is none: nothing is done by it
        if body is None:
            answer = problem(
                413, f"the request is larger than {LARGEST_JSON >> 20} MiB", headers={"Connection": "close"}
            )
            await answer(scope, receive, send)
            return
        refused = _refusal(Headers(scope=scope).get("content-type", ""), body)
        if refused:
            await problem(*refused)(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)


GONE = b"the client is gone"
"""Compared by identity."""


async def _read(headers: Headers, receive: Receive) -> bytes | None:
    """The whole body; None as soon as it is known to be too large, GONE when the client went away."""
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared[:20]) > LARGEST_JSON:
        return None
    read = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return GONE
        read += message.get("body", b"")
        if len(read) > LARGEST_JSON:
            return None
        if not message.get("more_body", False):
            return bytes(read)


def _refusal(content_type: str, body: bytes) -> tuple[int, str] | None:
    if not body:
        return None
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "application/json":
        return 415, "send the body as JSON, with the header Content-Type: application/json"
    try:
        _require_depth(json.loads(body, object_pairs_hook=_once, parse_constant=_no_constant))
    except RecursionError:
        return 400, "the request is nested too deeply"
    except ValueError as error:  # what is no JSON, no UTF-8, or a number too long to read
        return 400, f"the request is not JSON that could be read in one way only: {str(error)[:200]}"
    return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise Ambiguous(f"the key {twice[:100]!r} occurs twice in one object")
    return found


def _no_constant(name: str) -> None:
    raise Ambiguous(f"{name} is not JSON")


def _require_depth(value: Any, depth: int = 0) -> None:
    if depth > DEEPEST:
        raise RecursionError
    if isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            _require_depth(inner, depth + 1)


def _replay(body: bytes, receive: Receive) -> Receive:
    handed = False

    async def again() -> Message:
        nonlocal handed
        if handed:
            return await receive()
        handed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
