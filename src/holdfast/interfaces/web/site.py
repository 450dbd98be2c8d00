"""The pages as one ASGI application: static files, views, errors, and the walls around them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from jinja2 import Environment
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.application import Application
from holdfast.interfaces.web import rendering
from holdfast.interfaces.web.access import unforged
from holdfast.interfaces.web.errors import handle_errors
from holdfast.interfaces.web.live import News
from holdfast.interfaces.web.rendering import sentence
from holdfast.interfaces.web.views import (
    alerts,
    cause,
    containment,
    declaring,
    events,
    evidence,
    finding,
    home,
    impact,
    incident,
    incidents,
    ledger,
    messages,
    monitors,
    pack,
    playbook,
    remediation,
    review,
    sessions,
    styleguide,
    systems,
)
from holdfast.wording import filesize

LARGEST_POST = 1024 * 1024
"""Bytes a form may have: a long note is a hundredth of it."""
_UPLOAD = re.compile(r"/incidents/[^/]+/evidence/?")
"""Where a file may be sent; a little more than the largest one fits, for the form around it."""

VIEWS = (
    sessions.router,
    events.router,
    home.router,
    finding.router,
    declaring.router,
    incidents.router,
    incident.router,
    containment.router,
    evidence.router,
    impact.router,
    cause.router,
    remediation.router,
    review.router,
    pack.router,
    alerts.router,
    messages.router,
    systems.router,
    monitors.router,
    playbook.router,
    ledger.router,
    styleguide.router,
)
"""Every page of the product."""


def site(application: Application) -> FastAPI:
    """Everything a browser may ask for, to be mounted at the root."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.router = _table()
    app.state.application = application
    app.state.templates = _templates()
    app.state.news = News(application.ledger)
    headers = security_headers(application)
    app.add_middleware(_Limited)
    app.add_middleware(_Guarded, headers=headers)
    handle_errors(app, headers)
    return app


@cache
def _table() -> APIRouter:
    """Every address of the pages, the same for every workspace and made once a process; `request.app` is the
    site that was asked."""
    made = FastAPI(
        openapi_url=None, docs_url=None, redoc_url=None, dependencies=[Depends(_storable), Depends(unforged)]
    )
    made.mount("/static", _Static(packages=[("holdfast.interfaces.web", "static")]))
    for router in VIEWS:
        made.include_router(router)
    return made.router


def _storable(request: Request) -> None:
    """No database stores a NUL, so nothing can be asked for by one. Raises HTTPException."""
    if "\x00" in request.url.path or "%00" in request.url.query:
        raise HTTPException(400, "The address holds a NUL character; take it out.")


@cache
def _templates() -> Environment:
    """Compiled once for every site of the process; templates hold no state."""
    return rendering.environment()


def security_headers(application: Application) -> Mapping[str, str]:
    """What every answer tells the browser: nothing from elsewhere, in no frame, no guessing."""
    headers = {
        "Content-Security-Policy": "default-src 'self'; base-uri 'none'; object-src 'none'; "
        "form-action 'self'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        # Not `no-referrer`: with it, browsers send `Origin: null` from our own forms.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
    if application.settings.web.public_url.startswith("https://"):
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


class _Guarded:
    """Puts the security headers on every answer, and keeps pages out of caches."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self.app = app
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self.headers)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, guarded if scope["type"] == "http" else send)


class _Limited:
    """Refuses a body that is larger than any form of ours, without reading it to its end."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        upload = _UPLOAD.fullmatch(scope["path"]) is not None
        largest = evidence.LARGEST_UPLOAD + LARGEST_POST if upload else LARGEST_POST
        read = 0

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > largest:
                what = f"at most {filesize(largest)} may be sent here; shorten it"
                raise HTTPException(413, sentence(what), {"Connection": "close"})
            return message

        await self.app(scope, limited, send)


class _Static(StaticFiles):
    """Static files. An address that carries a content hash never changes what it names."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code in (200, 304):
            response.headers["Cache-Control"] = self._caching(path, scope)
        return response

    def _caching(self, path: str, scope: Scope) -> str:
        hashed: Any = re.fullmatch(rb"v=[0-9a-f]{10}", scope.get("query_string", b""))
        if hashed:
            return "public, max-age=31536000, immutable"
        # Fonts are named by style sheets, without a hash.
        return "public, max-age=604800" if path.startswith("fonts/") else "no-cache"
