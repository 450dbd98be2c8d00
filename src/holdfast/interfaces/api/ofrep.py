"""The OpenFeature Remote Evaluation Protocol, version 1: how applications ask whether they may use a model.

Any OpenFeature client in any language can ask; it needs the address and a token. Source:
github.com/open-feature/protocol, `service/openapi.yaml`.

When an answer is an error (400, 401, 404, 500) or none arrives, an OpenFeature client returns the default
that the *caller* gave. The default in the application's code must therefore be the safe value: `false` for
`….enabled`, `human_review` for a route. No evaluation here needs a targeting key, so TARGETING_KEY_MISSING
is never sent; a segment that names `targetingKey` treats it like any other key.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Request, Response

from holdfast.contain.switches import Evaluation, NoSuchFlag, Switches, evaluate

LARGEST = 64 * 1024
"""Bytes a request may have. A context describes one request; a thousand attributes fit."""

log = logging.getLogger(__name__)

_BODY = {
    "requestBody": {
        "required": False,
        "content": {
            "application/json": {
                "schema": {"type": "object", "properties": {"context": {"type": "object"}}},
                "example": {"context": {"targetingKey": "application-17", "channel": "broker"}},
            }
        },
    }
}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "Bad evaluation request"},
    401: {"description": "Credentials are missing"},
    403: {"description": "Credentials do not allow this"},
    500: {"description": "The switches cannot be read"},
}


class Unusable(Exception):
    """A request that cannot be evaluated; carries the protocol's error code."""

    def __init__(self, code: str, details: str, *, hang_up: bool = False) -> None:
        super().__init__(details)
        self.code = code
        self.details = details
        self.hang_up = hang_up
        """Whether the rest of the request is not to be waited for."""


class Heard(Protocol):
    """Who wants to know what was asked and answered; see `holdfast.contain.hearing`."""

    def heard(self, answers: Iterable[Evaluation], context: Mapping[str, Any]) -> None: ...


def ofrep_router(
    read_switches: Callable[[], Switches],
    authorise: Callable[[Request], None],
    hearing: Heard | None = None,
) -> APIRouter:
    """The two core endpoints. `authorise` raises HTTPException for a caller who may not ask; `hearing` is
    told of every answer."""

    def may_ask(request: Request) -> None:
        authorise(request)

    router = APIRouter(tags=["feature flags (OFREP)"], dependencies=[Depends(may_ask)])

    # A client whose base address ends in a slash asks with two: it must not fall to its default for that.
    @router.post("//ofrep/v1/evaluate/flags", include_in_schema=False)
    @router.post(
        "/ofrep/v1/evaluate/flags",
        summary="Evaluate every flag for one context",
        responses={304: {"description": "Nothing changed since the ETag sent"}, **_REFUSALS},
        openapi_extra=_BODY,
    )
    def bulk(request: Request, body: Annotated[bytes, Depends(_body)]) -> Response:
        return _answered(None, hearing, lambda: _bulk(read_switches(), context_of(body), request.headers))

    @router.post("//ofrep/v1/evaluate/flags/{key:path}", include_in_schema=False)
    @router.post(
        "/ofrep/v1/evaluate/flags/{key:path}",
        summary="Evaluate one flag for one context",
        responses={404: {"description": "No such flag"}, **_REFUSALS},
        openapi_extra=_BODY,
    )
    def single(key: str, body: Annotated[bytes, Depends(_body)]) -> Response:
        return _answered(key, hearing, lambda: _single(read_switches(), key, context_of(body)))

    return router


async def _body(request: Request) -> bytes:
    """The request's bytes; of a longer one only as much as shows that it is too long."""
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > LARGEST:
            break
    return bytes(read)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What goes out, and what it says."""

    response: Response
    found: Sequence[Evaluation]
    context: Mapping[str, Any]


def _answered(key: str | None, hearing: Heard | None, evaluate_it: Callable[[], _Answer]) -> Response:
    """Whatever goes wrong is said in the protocol's words, so that clients fall back to their default."""
    named = {} if key is None else {"key": key}
    try:
        answer = evaluate_it()
        if hearing:
            hearing.heard(answer.found, answer.context)
        return answer.response
    except Unusable as wrong:
        headers = {"Cache-Control": "no-store", **({"Connection": "close"} if wrong.hang_up else {})}
        return _json(400, {**named, "errorCode": wrong.code, "errorDetails": wrong.details}, headers)
    except NoSuchFlag as unknown:
        return _json(404, {**named, "errorCode": "FLAG_NOT_FOUND", "errorDetails": str(unknown)})
    except Exception:  # a database that is away must not look like a broken protocol
        log.exception("a flag could not be evaluated")
        details = "the switches cannot be read at the moment; use the safe default"
        return _json(500, {**named, "errorCode": "GENERAL", "errorDetails": details})


def _single(switches: Switches, key: str, context: Mapping[str, Any]) -> _Answer:
    found = evaluate(switches, key, context)
    # Never cached by the client: a containment must be obeyed by the next request.
    return _Answer(_json(200, {**_document(found), "cacheable": False}), [found], context)


def _bulk(switches: Switches, context: Mapping[str, Any], headers: Mapping[str, str]) -> _Answer:
    found = [evaluate(switches, key, context) for key in sorted(switches.flags)]
    flags = [_document(one) for one in found]
    tag = f'"{hashlib.sha256(_bytes({"flags": flags})).hexdigest()[:32]}"'
    caching = {"ETag": tag, "Cache-Control": "no-cache"}
    if _matches(headers.get("if-none-match", ""), tag):
        return _Answer(Response(status_code=304, headers=caching), found, context)
    return _Answer(_json(200, {"flags": flags}, caching), found, context)


def _document(found: Evaluation) -> dict[str, Any]:
    return {
        "key": found.key,
        "value": found.value,
        "reason": found.reason,
        "variant": found.variant,
        "metadata": dict(found.metadata),
    }


def _matches(if_none_match: str, tag: str) -> bool:
    """RFC 9110 section 13.1.2: a list of tags compared weakly, or `*`."""
    sent = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return "*" in sent or tag in sent


def context_of(body: bytes) -> Mapping[str, Any]:
    """The evaluation context of a request body; empty where none was sent. Raises Unusable."""
    if len(body) > LARGEST:
        raise Unusable("INVALID_CONTEXT", f"the request is larger than {LARGEST // 1024} KiB", hang_up=True)
    if not body.strip():
        return {}
    try:
        document = json.loads(body, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise Unusable("PARSE_ERROR", "the request is nested too deeply") from None
    except ValueError as error:  # what is no JSON, no UTF-8, or a number too long to read
        raise Unusable("PARSE_ERROR", f"the request is not JSON: {str(error)[:200]}") from None
    if not isinstance(document, dict):
        raise Unusable("PARSE_ERROR", "the request must be a JSON object with the key context")
    context = document.get("context", {})
    if context is None:
        return {}
    if not isinstance(context, dict):
        raise Unusable("INVALID_CONTEXT", "context must be a JSON object of attributes")
    return context


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are unambiguous: a repeated `channel` could hide the contained one."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _bytes(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def _json(status: int, document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    standing = headers or {"Cache-Control": "no-store"}
    return Response(_bytes(document), status, dict(standing), media_type="application/json")
