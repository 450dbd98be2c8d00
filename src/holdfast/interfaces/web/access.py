"""Who is asking, and what a view is given.

One idea: a view is handed a `Visit`, and there is no visit without a signed-in person who may read. Every
unsafe request is checked against forgery before any view runs (`unforged`, on the whole site).

A view reads:

    @router.post("/incidents/{incident}/notes", **takes(steps.note))
    def add_note(visit: visit, incident: IncidentNumber, form: typed) -> Response:
        steps.note(visit.call, incident, form.read(NoteAsked))
        visit.notice("Note added.")
        return visit.back(f"/incidents/{incident}")

Refusals of the steps (NotAllowed, Conflict, NoSuchIncident, ...) are turned into pages by `errors`.
A page is fetched again whenever something changed (`visit.live`): looking at it must record nothing then.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment
from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from holdfast.access.signed_in import SignedIn
from holdfast.application import Application
from holdfast.interfaces.web import rendering, shell
from holdfast.interfaces.web.rendering import Notice, Shell, Tone
from holdfast.people import Actor, Permission
from holdfast.steps.step import Call, Step

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST_NOTICE = 700
"""Characters of a notice that travels in a cookie."""


class SignInFirst(Exception):
    """Nobody is signed in."""


class Forbidden(Exception):
    """The person's access does not include this; the message is for them."""


class Forged(Exception):
    """The request does not come from one of our own pages; the message is for a person who meets it."""


# What belongs to the request -------------------------------------------------------------------


def application_of(request: Request) -> Application:
    return cast(Application, request.app.state.application)


def templates_of(request: Request) -> Environment:
    return cast(Environment, request.app.state.templates)


def _now(request: Request) -> datetime:
    return application_of(request).clock.now()


def session_cookie(application: Application) -> str:
    """Its name. `__Host-` keeps neighbouring hosts from planting one (RFC 6265bis, section 4.1.3.2)."""
    return "__Host-holdfast" if application.settings.web.secure_cookies else "holdfast"


def _cookie(application: Application, name: str) -> str:
    return f"{session_cookie(application)}-{name}"


def _set_cookie(response: Response, application: Application, name: str, value: str) -> None:
    """A cookie no script reads and no other site's form sends; it ends with the browser."""
    secure = application.settings.web.secure_cookies
    response.set_cookie(name, value, path="/", secure=secure, httponly=True, samesite="lax")


def known(request: Request, now: Annotated[datetime, Depends(_now)]) -> SignedIn | None:
    """Who is signed in, if anybody."""
    application = application_of(request)
    secret = request.cookies.get(session_cookie(application))
    touch = "x-live" not in request.headers
    return application.accounts.sessions.find(secret, now, touch=touch) if secret else None


def signed_in_by(application: Application, headers: Headers) -> bool:
    """Whether the request carries the cookie of a session that goes on. It does not count as use."""
    secret = cookie_parser(headers.get("cookie", "")).get(session_cookie(application))
    if not secret:
        return False
    return application.accounts.sessions.find(secret, application.clock.now(), touch=False) is not None


# Forged requests -------------------------------------------------------------------------------


async def _sent(request: Request) -> str:
    """The token a form or htmx sent. Reading the body is all that has to wait here."""
    header = request.headers.get("x-csrf-token", "")
    if header or request.method in SAFE:
        return header
    request.state.form = await request.form()
    value = request.state.form.get("csrf")
    return value if isinstance(value, str) else ""


def unforged(
    request: Request,
    signed_in: Annotated[SignedIn | None, Depends(known)],
    sent: Annotated[str, Depends(_sent)],
) -> None:
    """Raises Forged unless an unsafe request carries our origin and the token of the session.

    Two walls, because each has known holes (OWASP, Cross-Site Request Forgery Prevention): where the
    request comes from, and a value only our own pages know.
    """
    if request.method in SAFE:
        return
    _require_own_origin(request)
    signing_in = request.url.path == "/sign-in"
    if signed_in is None and not signing_in:
        raise SignInFirst
    expected = knock_token(request) if signing_in or signed_in is None else signed_in.csrf
    if not expected or not hmac.compare_digest(expected.encode(), sent.encode()):
        raise Forged(
            "The page you sent this from is older than your session. Open it again and repeat the step."
        )


def _require_own_origin(request: Request) -> None:
    headers = request.headers
    origin = headers.get("origin")
    public = urlsplit(application_of(request).settings.web.public_url)
    own = {headers.get("host", ""), public.netloc}
    elsewhere = origin is not None and urlsplit(origin).netloc not in own
    if (
        elsewhere
        or origin == "null"
        or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
    ):
        raise Forged("The request came from another site, so it was not carried out.")


def knock_token(request: Request) -> str:
    """What the sign-in form of this browser must carry; empty for a browser that has not seen the form."""
    knock = request.cookies.get(_cookie(application_of(request), "knock"))
    return _knock_token(knock) if knock else ""


def _knock_token(knock: str) -> str:
    return hmac.new(knock.encode(), b"holdfast/sign-in/v1", hashlib.sha256).hexdigest()


def knock(request: Request) -> tuple[str, str]:
    """(cookie, token) for a sign-in form: signing somebody in to another's account is a forgery too."""
    cookie = request.cookies.get(_cookie(application_of(request), "knock")) or secrets.token_urlsafe(24)
    return cookie, _knock_token(cookie)


def keep_knock(response: Response, application: Application, cookie: str) -> None:
    _set_cookie(response, application, _cookie(application, "knock"), cookie)


def start_session(response: Response, application: Application, secret: str) -> None:
    """Hand the browser its new session; whatever cookie it came with counts for nothing."""
    _set_cookie(response, application, session_cookie(application), secret)
    response.delete_cookie(
        _cookie(application, "knock"), path="/", secure=_secure(application), httponly=True
    )


def end_session(response: Response, application: Application) -> None:
    for name in (session_cookie(application), _cookie(application, "notice")):
        response.delete_cookie(name, path="/", secure=_secure(application), httponly=True)


def _secure(application: Application) -> bool:
    return application.settings.web.secure_cookies


def local_path(address: str | None) -> str:
    """The address where it is a path of this site, else the home page: never a way to another site.

    Browsers read `\\` as `/` and drop tabs and line breaks (WHATWG URL), so none of these may occur.
    """
    if not address or not address.startswith("/") or address.startswith("//"):
        return "/"
    if "\\" in address or any(ord(letter) < 0x21 or ord(letter) == 0x7F for letter in address):
        return "/"
    return address


def came_from(request: Request) -> str | None:
    """The page of ours that a request was sent from, where the browser says so."""
    found = urlsplit(request.headers.get("referer", ""))
    if found.netloc != request.headers.get("host"):
        return None
    return local_path(found.path + (f"?{found.query}" if found.query else ""))


# The visit -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Visit:
    """One request of a signed-in person."""

    request: Request
    application: Application
    signed_in: SignedIn
    now: datetime
    _told: list[Notice] = field(default_factory=list)

    @property
    def csrf(self) -> str:
        """What a form of this session must carry."""
        return self.signed_in.csrf

    @property
    def actor(self) -> Actor:
        """Who does what is done here."""
        return self.signed_in.actor

    @property
    def live(self) -> bool:
        """Whether a page only refreshes itself: nobody has opened anything, so nothing may be recorded."""
        return "x-live" in self.request.headers

    @property
    def zone(self) -> str | None:
        return shell.zone_of(self.request.cookies.get("zone"), self.application)

    @property
    def came_from(self) -> str | None:
        """The page of ours that the request was sent from."""
        return came_from(self.request)

    def may(self, permission: Permission) -> bool:
        return self.signed_in.may(permission)

    def require(self, permission: Permission) -> None:
        """Raises Forbidden with a sentence for the person."""
        reason = self.signed_in.refusal(permission)
        if reason:
            raise Forbidden(reason)

    @property
    def call(self) -> Call:
        """What a step is handed."""
        return Call(self.application, self.signed_in, self.now)

    def notice(self, title: str, text: str = "", tone: Tone = "good") -> None:
        """Tell the reader something on the page they see next."""
        self._told.append(Notice(title=title, text=text, tone=tone))

    def page(self, template: str, here: str, /, status: int = 200, **content: Any) -> HTMLResponse:
        """A whole page. `here` is the key of the navigation entry it belongs to."""
        standing = Shell(
            now=self.now,
            here=here,
            reader=shell.reader_of(self.signed_in, self.zone),
            seal=shell.seal_of(self.application),
            csrf=self.csrf,
            counts=shell.counts_of(self.application),
            notices=(*self._carried(), *self._told),
            address="" if self.request.method in SAFE else self.came_from or "",
        )
        response = HTMLResponse(
            rendering.page(templates_of(self.request), template, standing, **content), status
        )
        if not self.live and self._notice_cookie in self.request.cookies:
            response.delete_cookie(
                self._notice_cookie, path="/", secure=_secure(self.application), httponly=True
            )
        return response

    def fragment(self, template: str, **content: Any) -> HTMLResponse:
        """A part of a page, for what htmx swaps in."""
        return HTMLResponse(rendering.fragment(templates_of(self.request), template, **content))

    def back(self, path: str) -> RedirectResponse:
        """To a page of this site after a step, with the notices of this visit (POST, redirect, GET)."""
        response = RedirectResponse(local_path(path), 303)
        if self._told:
            _set_cookie(response, self.application, self._notice_cookie, self._signed())
        return response

    # Notices travel to the next page in a cookie that only this session could have signed.

    @property
    def _notice_cookie(self) -> str:
        return _cookie(self.application, "notice")

    def _signed(self) -> str:
        cut = [(one.title[:_LONGEST_NOTICE], one.text[:_LONGEST_NOTICE], one.tone) for one in self._told[:3]]
        body = base64.urlsafe_b64encode(json.dumps(cut).encode()).decode()
        return f"{body}.{self._signature(body)}"

    def _signature(self, body: str) -> str:
        return hmac.new(self.csrf.encode(), b"holdfast/notice/v1" + body.encode(), hashlib.sha256).hexdigest()

    def _carried(self) -> tuple[Notice, ...]:
        body, _, signature = self.request.cookies.get(self._notice_cookie, "").partition(".")
        if not signature or not hmac.compare_digest(self._signature(body).encode(), signature.encode()):
            return ()
        told = json.loads(base64.urlsafe_b64decode(body))
        return tuple(Notice(title=title, text=text, tone=tone) for title, text, tone in told)


def visiting(
    request: Request,
    signed_in: Annotated[SignedIn | None, Depends(known)],
    now: Annotated[datetime, Depends(_now)],
) -> Visit:
    """The visit of whoever is signed in. Raises SignInFirst, or Forbidden for who may not even read."""
    if signed_in is None:
        raise SignInFirst
    made = Visit(request, application_of(request), signed_in, now)
    made.require(Permission.READ)
    return made


visit = Annotated[Visit, Depends(visiting)]
"""What a view declares as its first parameter."""


def takes(*steps: Step[..., Any, Any]) -> dict[str, Any]:
    """What a form's route says of itself: the steps it takes, which a person may take or is refused first.

    Raises Forbidden before anything that was typed is read.
    """

    def may(visit: visit) -> None:
        refused = [step.refusal(visit.signed_in) for step in steps]
        if all(refused):
            raise Forbidden(refused[0])

    return {"dependencies": [Depends(may)], "openapi_extra": {TAKEN: [step.key for step in steps]}}


TAKEN = "x-steps"
"""Under which word a route names its steps."""
