"""Asks the live OFREP address whether a containment is obeyed, as an OpenFeature client would."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from holdfast.contain.probing import Answer, Question
from holdfast.integrations.deadline import Deadline, DeadlinePassed

if TYPE_CHECKING:
    from ssl import SSLContext

    import httpx


@cache
def _trusted() -> SSLContext:
    """Whose certificates are believed: read once a process, for it takes longer than most answers."""
    import httpx

    return httpx.create_ssl_context(trust_env=False)


class OfrepProber:
    """`holdfast.contain.probing.Prober` over HTTP.

    `address` is what applications are configured with: everything before `/ofrep/v1`. A question has
    `timeout_seconds`, all of a probe together `whole_seconds`; what is not answered by then is no answer.
    """

    def __init__(
        self,
        address: str,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 5.0,
        whole_seconds: float = 20.0,
    ) -> None:
        self.address = address.rstrip("/")
        self.headers = dict(headers or {})
        self.timeout_seconds = timeout_seconds
        self.whole_seconds = whole_seconds

    def ask(self, questions: Sequence[Question]) -> Sequence[Answer]:
        import httpx

        whole = Deadline(self.whole_seconds)
        # Proxies of the environment are not used: what must be asked is this address and no other.
        with httpx.Client(
            headers=self.headers,
            timeout=self.timeout_seconds,
            trust_env=False,
            follow_redirects=False,
            verify=_trusted(),
        ) as client:
            return [self._ask(client, question, whole) for question in questions]

    def _ask(self, client: httpx.Client, question: Question, whole: Deadline) -> Answer:
        import httpx

        started = time.perf_counter()
        address = f"{self.address}/ofrep/v1/evaluate/flags/{quote(question.flag, safe='')}"
        try:
            # The client's own limit counts anew with every byte: this one holds for the whole answer.
            response = Deadline(min(self.timeout_seconds, whole.left)).wait_for(
                lambda: client.post(address, json={"context": dict(question.context)})
            )
        except (httpx.HTTPError, httpx.InvalidURL, DeadlinePassed) as error:
            problem = f"no answer from {self.address} ({type(error).__name__})"
            return Answer(None, _since(started), problem)
        return _answer(response, _since(started))


def _answer(response: httpx.Response, milliseconds: int) -> Answer:
    document: Any = None
    try:
        document = response.json()
    except ValueError:
        return Answer(None, milliseconds, f"status {response.status_code} without a JSON answer")
    if not isinstance(document, dict):
        return Answer(None, milliseconds, f"status {response.status_code} with an answer that is no object")
    if response.status_code != 200:
        said = document.get("errorDetails") or document.get("detail") or "no details"
        return Answer(None, milliseconds, f"status {response.status_code}: {str(said)[:200]}")
    value = document.get("value")
    if not isinstance(value, bool | int | float | str):
        return Answer(None, milliseconds, "an answer without a value")
    return Answer(value, milliseconds)


def _since(started: float) -> int:
    """Whole milliseconds, rounded up: a probe that was answered took time."""
    return int((time.perf_counter() - started) * 1000) + 1
