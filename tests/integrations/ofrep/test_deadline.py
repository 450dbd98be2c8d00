"""A probe has a deadline for the whole of it: an address that never ends its answer holds up nobody."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from holdfast.contain.probing import Question
from holdfast.integrations.ofrep.prober import OfrepProber

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"


def trickle(connection: socket.socket, over: threading.Event, head: bytes) -> None:
    """A byte every tenth of a second: the time limit of a socket counts anew with each."""
    with closing(connection):
        try:
            connection.sendall(head)
            while not over.wait(0.1):
                connection.sendall(b" ")
        except OSError:
            return


@pytest.fixture(params=[HEAD, b"", b"HTTP/1.1 200 OK\r\nX-Endless: "], ids=["body", "nothing", "headers"])
def slow(request: pytest.FixtureRequest) -> Iterator[str]:
    """An address that answers for ever."""
    over, listener = threading.Event(), socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=trickle, args=(connection, over, request.param), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    over.set()
    listener.close()


def question(number: int) -> Question:
    return Question("loans.route", {"channel": str(number)}, "human_review")


def test_an_answer_that_never_ends_is_no_answer_when_its_time_is_over(slow: str) -> None:
    began = time.monotonic()
    (answer,) = OfrepProber(slow, timeout_seconds=0.6).ask([question(1)])
    assert time.monotonic() - began < 2
    assert answer.value is None
    assert answer.problem.startswith(f"no answer from {slow}")


def test_many_questions_share_one_deadline(slow: str) -> None:
    began = time.monotonic()
    prober = OfrepProber(slow, timeout_seconds=0.5, whole_seconds=1.2)
    answers = prober.ask([question(number) for number in range(30)])
    assert time.monotonic() - began < 3
    assert len(answers) == 30
    assert all(answer.value is None and "no answer" in answer.problem for answer in answers)
