"""Every error of the API as a problem document (RFC 9457): one place, one sentence a person can act on."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from holdfast.evidence.vault import VaultProblem
from holdfast.ledger.ledger import Conflict, NotAsWritten
from holdfast.prepare.documents import Unusable, spelled
from holdfast.problems import Fault, NoAuthority, NotAllowed, NotThere, explain
from holdfast.steps.asking import misplaced
from holdfast.steps.table import BY_KEY

_log = structlog.get_logger("holdfast.api")


class Misplaced(BaseModel):
    """One value that cannot be accepted."""

    model_config = ConfigDict(use_attribute_docstrings=True)
    place: str
    """`query.limit`, `body.answers.impact`"""
    cause: str
    fix: str


class Way(BaseModel):
    """How a step is taken here."""

    model_config = ConfigDict(use_attribute_docstrings=True)
    method: str
    path: str
    """With what it is taken on."""
    needs: tuple[str, ...]
    """What its body must say."""
    takes: tuple[str, ...]
    """What its body may say besides."""


class Problem(BaseModel):
    """Why it was refused, and what to do (RFC 9457)."""

    model_config = ConfigDict(use_attribute_docstrings=True)
    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[Misplaced] = []
    """For 422 of a malformed request: each value that cannot be accepted."""
    first: Way | None = None
    """For 409: the step that has to be taken before this one."""


ASKED = "asked"
"""Under which name the endpoint of a step keeps the model of what it asks."""

_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (NotThere, 404),
    # Somebody was faster, or the state does not allow it: read again and decide again.
    (Conflict, 409),
    (NoAuthority, 403),
    (NotAllowed, 409),
    (Fault, 422),
    (Unusable, 422),
    (VaultProblem, 500),
    (NotAsWritten, 500),
)


def install(app: FastAPI) -> None:
    """Answer every error of this application as a problem document."""
    for kind, status in _STATUS:
        app.add_exception_handler(kind, _sentence(status))
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(DBAPIError, _database)
    app.add_exception_handler(Exception, _unforeseen)


def problem(
    status: int,
    detail: str,
    errors: list[Misplaced] | None = None,
    headers: Mapping[str, str] | None = None,
    first: Way | None = None,
) -> Response:
    title = HTTPStatus(status).phrase
    document = Problem(title=title, status=status, detail=detail, errors=errors or [], first=first)
    kept = document.model_dump(exclude_none=True, exclude=None if errors else {"errors"})
    return JSONResponse(kept, status, headers, media_type="application/problem+json")


def _sentence(status: int) -> Any:
    def answer(request: Request, error: Exception) -> Response:
        if isinstance(error, Conflict):
            return problem(409, f"somebody else was faster: {error}. Nothing was changed; read and try again")
        first = _way(*error.first) if isinstance(error, NotAllowed) and error.first else None
        return problem(status, str(error), first=first)

    return answer


def _way(key: str, on: str) -> Way:
    step = BY_KEY[key]
    (name, *_), *_ = step.names
    fields = step.asked.model_fields if step.asked else {}
    return Way(
        method=step.method,
        path=step.path.replace(f"{{{name}}}", on),
        needs=tuple(key for key, field in fields.items() if field.is_required()),
        takes=tuple(key for key, field in fields.items() if not field.is_required()),
    )


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail, headers = str(error.detail), error.headers
    if error.status_code == 404 and detail == "Not Found":
        detail = "nothing is at this address; /api/v1/openapi.json describes what is"
    elif error.status_code == 405:
        detail = f"{request.method} is not possible here; /api/v1/openapi.json describes what is"
        headers = {"Allow": ", ".join(_possible(request))}
    return problem(error.status_code, detail, headers=headers)


def _possible(request: Request) -> list[str]:
    """Every method of this address: the framework names those of the first route it meets."""
    routes = request.app.routes
    return [
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


def _malformed(request: Request, error: Exception) -> Response:
    """Values that cannot be accepted, each with its place. A wrong id in the address is a wrong address."""
    assert isinstance(error, RequestValidationError)
    items = error.errors()
    if any(item["loc"][0] == "path" for item in items):
        return problem(404, "nothing has this number or name; the lists show what there is")
    asked = getattr(request.scope.get("endpoint"), ASKED, None)
    found = [_misplaced(item, asked) for item in items]
    summary = "; ".join(f"{one.place}: {one.cause}{f', {one.fix}' if one.fix else ''}" for one in found[:5])
    return problem(422, summary, found[:50])


def _misplaced(item: Any, asked: type[BaseModel] | None) -> Misplaced:
    if item["type"] == "missing" and item["loc"] == ("body",):
        return Misplaced(place="body", cause="is missing", fix="send a JSON object")
    if asked and item["loc"][0] == "body" and len(item["loc"]) > 1:
        one = misplaced(asked, {**item, "loc": item["loc"][1:]})
        at = one.place if one.place.startswith("[") else f".{one.place}"
        return Misplaced(place=f"body{at}", cause=one.cause, fix=one.fix)
    cause, fix = explain(item)
    return Misplaced(place=spelled(item["loc"]), cause=cause, fix=fix)


def _database(request: Request, error: Exception) -> Response:
    _log.error("the database failed", path=request.url.path, reason=str(error))
    return problem(
        503, "the database cannot be reached at the moment; nothing was changed, try again", headers=_LATER
    )


_LATER = {"Retry-After": "5"}


def _unforeseen(request: Request, error: Exception) -> Response:
    _log.error("an unforeseen error", path=request.url.path, exc_info=error)
    return problem(
        500, "this failed for a reason that was not foreseen; the log of the server has it, try again"
    )
