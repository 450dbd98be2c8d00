"""A total deadline for what is asked outside: nothing there may hold up the house for longer.

Time limits of sockets count anew with every byte that arrives, and looking up a name has none at all.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as _TimeoutError
from contextlib import suppress
from types import TracebackType
from typing import Self, TypeVar

AnswerT = TypeVar("AnswerT")


class DeadlinePassed(OSError):
    """There was no answer in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer within {seconds:g} seconds")


class Deadline:
    """So many seconds from now on, for everything together."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left. Raises DeadlinePassed when there are none."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise DeadlinePassed(self.seconds)
        return left

    def wait_for(self, call: Callable[[], AnswerT]) -> AnswerT:
        """What the call returns, if it returns in time; else it is left behind, and its answer is dropped.

        Only for what changes nothing outside. Raises DeadlinePassed, and whatever the call raises.
        """
        answer: Future[AnswerT] = Future()

        def run() -> None:
            try:
                answer.set_result(call())
            except BaseException as error:  # handed to the caller
                answer.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        try:
            return answer.result(self.left)
        except _TimeoutError:
            raise DeadlinePassed(self.seconds) from None

    def connect(self, host: str, port: int) -> socket.socket:
        """A connection to the first address of the host that answers. Raises DeadlinePassed, OSError."""
        found = self.wait_for(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        failure: OSError = OSError(f"{host} has no address")
        for *_, address in found:
            where = (str(address[0]), int(address[1]))
            try:
                return socket.create_connection(where, timeout=self.left)
            except DeadlinePassed:
                raise
            except OSError as error:
                failure = error
        self.left  # noqa: B018 - says so when it was the time that ran out
        raise failure


class Watchdog:
    """Ends a conversation at its deadline, whatever the other side does to keep it going."""

    def __init__(self, deadline: Deadline, connection: Callable[[], socket.socket | None]) -> None:
        self.bit = False
        """Whether the conversation was ended."""
        self._deadline = deadline
        self._connection = connection
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()

    def _watch(self) -> None:
        pause = self._deadline.left
        # Again and again: while encryption is agreed on, the connection belongs to nobody for a moment.
        while not self._over.wait(pause):
            self.bit, pause = True, 0.2
            connection = self._connection()
            if connection is not None:
                with suppress(OSError):
                    # The plain socket's way: the encrypted one would take its session from whoever reads.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
