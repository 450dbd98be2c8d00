"""What went wrong, as a page: what happened, what was kept, what to do. Never a traceback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from holdfast.interfaces.web import access
from holdfast.interfaces.web.access import Forbidden, Forged, SignInFirst, Visit
from holdfast.interfaces.web.rendering import fragment, sentence
from holdfast.ledger.ledger import Conflict
from holdfast.problems import NoAuthority, NotAllowed, NotThere
from holdfast.steps.asking import Misread

_log = structlog.get_logger("holdfast.web")

_MISSING = "There is no such page"
_LOOK = "The address may be mistyped, or what it names was never recorded."


def handle_errors(app: FastAPI, headers: Mapping[str, str]) -> None:
    """Give every refusal and failure its page. `headers` go on pages that bypass the middleware."""

    def failed(request: Request, error: Exception) -> Response:
        # The server logs the traceback; the reader gets none.
        _log.error("a page failed", path=request.url.path, error=type(error).__name__)
        text = "Whether the step was recorded is shown on its page: look there before you repeat it."
        page = _plain(request, 500, "Something in Holdfast failed", text)
        page.headers.update(headers)
        return page

    def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=400)  # said to nobody: the client went away, or was turned away

    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(SignInFirst, _sign_in_first)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _incomplete)
    app.add_exception_handler(Forbidden, _refused(403, "You may not do this"))
    app.add_exception_handler(Forged, _refused(403, "This was not carried out"))
    app.add_exception_handler(NoAuthority, _refused(403, "Somebody else has to decide this"))
    app.add_exception_handler(Misread, _refused(422, "The form cannot be read as it is"))
    app.add_exception_handler(NotAllowed, _refused(409, "Not done"))
    app.add_exception_handler(Conflict, _conflict)
    app.add_exception_handler(NotThere, _refused(404, "Not found"))
    app.add_exception_handler(Exception, failed)


def status_of(refused: Exception) -> int:
    """403 where somebody else may decide it, 422 for what cannot be read, 409 where nobody may now."""
    if isinstance(refused, Misread):
        return 422
    return 403 if isinstance(refused, NoAuthority) else 409


def _sign_in_first(request: Request, error: Exception) -> Response:
    """To the sign-in page and from there back; scripts get a status they can act on."""
    address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    lost = request.method not in access.SAFE
    if lost:
        address = access.came_from(request) or "/"
    application = access.application_of(request)
    ended = access.session_cookie(application) in request.cookies
    why = "&because=lost" if lost else "&because=ended" if ended else ""
    target = f"/sign-in?next={quote(access.local_path(address), safe='/')}{why}"
    if _is_script(request):
        return PlainTextResponse("Sign in first.", 401, {"HX-Redirect": target})
    return RedirectResponse(target, 303)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = {
        404: (_MISSING, _LOOK),
        405: ("This address is for sending something to", "Open the page it belongs to instead."),
        413: ("Too large", str(error.detail)),
    }
    title, text = known.get(error.status_code, ("The request was refused", str(error.detail)))
    return _page(request, error.status_code, title, text, error.headers)


def _incomplete(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if any(item["loc"][0] == "path" for item in error.errors()):
        return _page(request, 404, _MISSING, _LOOK)
    names = ", ".join(sorted({str(item["loc"][-1]).replace("_", " ") for item in error.errors()}))
    return _page(request, 422, "The form cannot be read as it is", f"Check these fields: {names}.")


def _refused(status: int, title: str) -> Any:
    def handler(request: Request, error: Exception) -> Response:
        return _page(request, status, title, sentence(str(error)))

    return handler


def _conflict(request: Request, error: Exception) -> Response:
    text = "Open the page again and see whether your step is still needed."
    return _page(request, 409, "Somebody was faster", text)


def _page(
    request: Request, status: int, title: str, text: str, headers: Mapping[str, str] | None = None
) -> Response:
    if _is_script(request):
        return PlainTextResponse(f"{title}. {text}", status, headers)
    unsafe = request.method not in access.SAFE
    now = access.application_of(request).clock.now()
    signed_in = access.known(request, now)
    if signed_in is None:
        return _plain(request, status, title, text)
    visit = Visit(request, access.application_of(request), signed_in, now)
    content = {
        "title": title,
        "text": text,
        "unsafe": unsafe,
        "kept": _written(request),
        "back": visit.came_from or "/",
    }
    page = visit.page("pages/error.html", "", status=status, **content)
    page.headers.update(headers or {})
    return page


def _plain(request: Request, status: int, title: str, text: str) -> HTMLResponse:
    """The page of somebody who is not signed in, or when the database cannot be asked."""
    html = fragment(access.templates_of(request), "pages/error_bare.html", title=title, text=text)
    return HTMLResponse(html, status)


def _written(request: Request) -> list[tuple[str, str]]:
    """What the reader had typed, so that no words are lost with a refused step."""
    form = getattr(request.state, "form", None)
    if not isinstance(form, FormData):
        return []
    return [
        (name.replace("_", " "), value)
        for name, value in form.multi_items()
        if isinstance(value, str) and len(value) > 20 and name not in ("csrf", "password")
    ]


def _is_script(request: Request) -> bool:
    headers = request.headers
    return "x-live" in headers or "hx-request" in headers or headers.get("accept") == "text/event-stream"
