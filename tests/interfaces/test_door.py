"""The door: what somebody who is not signed in can cost, attacked over real sockets."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from holdfast.clock import SystemClock
from holdfast.interfaces.door import UNKNOWN, Door, Patient
from holdfast.people import Permission
from holdfast.serving import asgi
from support.company import HELEN
from support.live import serving
from support.pages import PASSWORD
from support.workspaces import opened

LONG = b"x" * (UNKNOWN * 4)


class Hasty(Patient):
    """The same with less patience, so that a test need not wait."""

    waits = 0.5


class Behind:
    """An application that notes how much of a body reached it."""

    def __init__(self) -> None:
        self.reached: list[int] = []
        self.served = Starlette(
            routes=[
                Route("/{path:path}", self.take, methods=["POST", "PUT"]),
                Route("/{path:path}", self.show, methods=["GET"]),
            ]
        )

    async def take(self, request: Request) -> PlainTextResponse:
        read = 0
        async for part in request.stream():
            read += len(part)
        self.reached.append(read)
        return PlainTextResponse(f"took {read}")

    async def show(self, request: Request) -> StreamingResponse:
        async def slowly() -> Iterator[bytes]:  # type: ignore[misc]
            import anyio

            for _ in range(4):
                await anyio.sleep(0.3)
                yield b"."

        return StreamingResponse(slowly())  # type: ignore[arg-type]


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
def port(behind: Behind) -> Iterator[int]:
    app = Door(behind.served, known=lambda headers: _known(headers), pause=0.5)
    with _serving(app) as found:
        yield found


def _known(headers: Headers) -> bool:
    return headers.get("authorization") == "Bearer good"


@contextmanager
def _serving(app: Door) -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, http=Hasty, log_level="critical", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(10)


def _sent(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """Everything the server answers to these bytes until it hangs up; empty when it says nothing."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        try:
            for part in parts:
                client.sendall(part)
                time.sleep(pause)
        except OSError:
            pass  # hung up on while sending
        answer = b""
        try:
            while part := client.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
        return answer


def _request(path: str, body: bytes, *headers: str, declared: int | None = None) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: here",
        f"Content-Length: {len(body) if declared is None else declared}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_a_large_body_of_somebody_unknown_is_refused_before_it_is_read(port: int, behind: Behind) -> None:
    answer = _sent(port, _request("/incidents/INC-1/evidence", b"", declared=60_000_000))
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"Sign in first: without that, at most 64 KiB are taken here." in answer
    assert behind.reached == []


def test_without_a_declared_length_it_is_refused_as_soon_as_it_is_too_large(
    port: int, behind: Behind
) -> None:
    head = b"POST /incidents HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
    part = b"%x\r\n" % len(LONG) + LONG + b"\r\n"
    answer = _sent(port, head, *[part] * 3)
    assert answer.startswith(b"HTTP/1.1 413")
    assert behind.reached == []


def test_whoever_is_known_sends_as_much_as_the_page_takes(port: int, behind: Behind) -> None:
    assert b"took 262144" in _sent(port, _request("/x", LONG, "Authorization: Bearer good"))
    assert _sent(port, _request("/x", LONG, "Authorization: Bearer bad")).startswith(b"HTTP/1.1 413")
    assert behind.reached == [len(LONG)]


def test_anybody_may_send_what_a_sign_in_needs(port: int, behind: Behind) -> None:
    assert b"took 1000" in _sent(port, _request("/sign-in", b"y" * 1000))


def test_a_program_is_refused_in_a_problem_document(port: int) -> None:
    answer = _sent(port, _request("/api/v1/incidents", b"", declared=60_000_000))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == 413


def test_a_body_that_does_not_arrive_is_not_waited_for(port: int, behind: Behind) -> None:
    began = time.monotonic()
    answer = _sent(port, _request("/x", b"half", declared=100))
    assert answer.startswith(b"HTTP/1.1 408")
    assert time.monotonic() - began < 5
    assert behind.reached == [], "half a request is none"


def test_a_body_that_trickles_in_is_taken_as_long_as_it_goes_on(port: int) -> None:
    assert b"took 4" in _sent(port, _request("/x", b"", declared=4), b"a", b"b", b"c", b"d", pause=0.2)


@pytest.mark.parametrize("head", [b"", b"GET / HTTP/1.1\r\nHost: he", b"POST /sign-in HTT"])
def test_a_head_that_does_not_arrive_is_hung_up_on(port: int, head: bytes) -> None:
    began = time.monotonic()
    assert _sent(port, head) == b""
    assert time.monotonic() - began < 5


def test_a_head_that_stops_after_an_answered_request_is_hung_up_on_too(port: int) -> None:
    first = b"POST /x HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n"
    began = time.monotonic()
    answer = _sent(port, first, b"GET / HTTP/1.1\r\nHost", pause=0.2)
    assert b"took 0" in answer
    assert time.monotonic() - began < 5


def test_an_answer_that_takes_its_time_is_not_cut_off(port: int) -> None:
    answer = _sent(port, b"GET /slow HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    assert answer.count(b"\r\n.\r\n") == 4


def test_many_who_send_half_a_request_leave_the_door_open_for_others(port: int) -> None:
    halves = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    for half in halves:
        half.sendall(b"POST /sign-in HTTP/1.1\r\n")
    assert b"took 4" in _sent(port, _request("/sign-in", b"mine"))
    time.sleep(1.5)
    assert all(half.recv(10) == b"" for half in halves), "each was hung up on"
    for half in halves:
        half.close()


def test_pages_and_api_of_a_workspace_stand_behind_it(tmp_path: Path) -> None:
    """Whoever has no session and no token is not read from, on any address that takes files."""
    clock = SystemClock()
    application = opened(tmp_path, f"sqlite:///{tmp_path / 'holdfast.db'}", clock)
    with serving(asgi(application)) as address:
        for path in ("/incidents/INC-1/evidence", "/sign-in", "/api/v1/incidents/INC-1/evidence"):
            upload = {"file": ("weights.bin", b"0" * (UNKNOWN * 3))}
            answer = httpx.post(f"{address}{path}", files=upload, headers={"Origin": address})
            assert answer.status_code in (401, 413), path
        application.accounts.create(HELEN.id, PASSWORD, HELEN, clock.now())
        expires = clock.now() + timedelta(days=1)
        secret, _ = application.accounts.tokens.issue(
            HELEN.id, "upload", [Permission.READ], expires, HELEN, clock.now()
        )
        bearer = {"Authorization": f"Bearer {secret}"}
        path = "/api/v1/incidents/INC-1/evidence"
        answer = httpx.post(f"{address}{path}", files=upload, headers=bearer)
        assert answer.status_code in (403, 404, 422), "known by its token, and answered by the API itself"
