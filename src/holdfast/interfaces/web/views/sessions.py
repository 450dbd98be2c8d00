"""Signing in and out."""

from __future__ import annotations

import asyncio
from functools import lru_cache, partial
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from holdfast.access.credentials import HASHED_AT_ONCE
from holdfast.access.passwords import LONGEST
from holdfast.access.signed_in import SignedIn
from holdfast.interfaces.web import access
from holdfast.interfaces.web.access import visit
from holdfast.interfaces.web.rendering import fragment, sentence
from holdfast.problems import NotAllowed

router = APIRouter()


@lru_cache(maxsize=8)
def _turns(loop: asyncio.AbstractEventLoop) -> CapacityLimiter:
    """How many passwords are hashed at once by the server that runs in this loop."""
    return CapacityLimiter(HASHED_AT_ONCE)


@router.get("/sign-in")
def form(
    request: Request,
    signed_in: Annotated[SignedIn | None, Depends(access.known)],
    next: str = "/",  # noqa: A002 - the name readers see in the address
    because: str = "",
) -> Response:
    if signed_in is not None:
        return RedirectResponse(access.local_path(next), 303)
    return _form(request, next, because=because)


@router.post("/sign-in")
async def sign_in(
    request: Request,
    person: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=LONGEST + 1)] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002
) -> Response:
    application = access.application_of(request)
    now = application.clock.now()
    origin = request.client.host if request.client else "unknown"
    person = person.replace("\x00", "")  # no database stores it, and no address holds it
    # Whoever waits for their turn at hashing waits here, and takes no thread from those who are signed in.
    turn = _turns(asyncio.get_running_loop())
    try:
        secret, _ = await to_thread.run_sync(
            partial(application.accounts.sessions.sign_in, person, password, origin, now), limiter=turn
        )
    except NotAllowed as refused:
        return _form(request, next, person=person, error=sentence(str(refused)), status=403)
    if old := request.cookies.get(access.session_cookie(application)):
        await run_in_threadpool(application.accounts.sessions.sign_out, old, now)
    response = RedirectResponse(access.local_path(next), 303)
    access.start_session(response, application, secret)
    return response


@router.post("/sign-out")
def sign_out(visit: visit) -> Response:
    application = visit.application
    secret = visit.request.cookies.get(access.session_cookie(application), "")
    application.accounts.sessions.sign_out(secret, visit.now)
    response = RedirectResponse("/sign-in", 303)
    access.end_session(response, application)
    # What the browser kept of the pages is of no use to whoever sits down next.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def _form(
    request: Request,
    next_: str,
    *,
    person: str = "",
    error: str = "",
    because: str = "",
    status: int = 200,
) -> HTMLResponse:
    cookie, token = access.knock(request)
    html = fragment(
        access.templates_of(request),
        "pages/sign_in.html",
        csrf=token,
        next=access.local_path(next_),
        person=person,
        error=error,
        because=because,
    )
    response = HTMLResponse(html, status)
    access.keep_knock(response, access.application_of(request), cookie)
    return response
