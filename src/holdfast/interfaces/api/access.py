"""Who asks the API, and what they may do.

Only `Authorization: Bearer` is looked at, never a cookie: a page of somebody else's cannot make a browser
send it, so there is nothing to forge.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, cast

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers

from holdfast.access.signed_in import SignedIn
from holdfast.application import Application
from holdfast.people import Permission
from holdfast.steps.step import refusal

_bearer = HTTPBearer(
    auto_error=False, description="An API token; `holdfast people token` issues one, with scope and expiry."
)
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="holdfast"'}
NO_TOKEN = "send an API token as `Authorization: Bearer hf_…`; `holdfast people token` issues one"  # noqa: S105
NOT_VALID = (
    "this API token is unknown, has expired or was revoked, or its owner left the roster; issue a new one"
)


def _application(request: Request) -> Application:
    return cast(Application, request.app.state.application)


def signed_in_by(application: Application, headers: Headers) -> bool:
    """Whether the request carries a token that holds."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return False
    return application.accounts.tokens.find(secret.strip(), application.clock.now()) is not None


App = Annotated[Application, Depends(_application)]
"""The workspace this API serves."""


def _now(application: App) -> datetime:
    return application.clock.now()


Now = Annotated[datetime, Depends(_now)]


def _caller(
    application: App, now: Now, sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> SignedIn:
    if sent is None:
        raise HTTPException(401, NO_TOKEN, _CHALLENGE)
    who = application.accounts.tokens.find(sent.credentials, now)
    if who is None:
        raise HTTPException(401, NOT_VALID, {"WWW-Authenticate": 'Bearer error="invalid_token"'})
    return who


Caller = Annotated[SignedIn, Depends(_caller)]


class May:
    """A dependency: who is asking, when token and person both allow it. Raises HTTPException 403."""

    def __init__(self, permission: Permission, *, agents: bool = False) -> None:
        """`agents`: whether a token that acts for a person, such as an assistant's, may do it too."""
        self.permission = permission
        self.agents = agents

    def __call__(self, who: Caller) -> SignedIn:
        refused = refusal(who, self.permission, agents=self.agents)
        if refused:
            raise HTTPException(403, refused)
        return who


Reads = Annotated[SignedIn, Depends(May(Permission.READ, agents=True))]
ReadsLedger = Annotated[SignedIn, Depends(May(Permission.READ_LEDGER, agents=True))]
# Agents may read, declare, note and propose; everything else a person must do (R-XCT-09).
Responds = Annotated[SignedIn, Depends(May(Permission.RESPOND))]
Signs = Annotated[SignedIn, Depends(May(Permission.APPROVE_PLAYBOOK))]


def flags_access(application: Application) -> Callable[[Request], None]:
    """The gate of the OFREP endpoints: the workspace's flags token, or a token of somebody who may read,
    as `Authorization: Bearer` or `X-API-Key`: the two that the protocol names.

    Raises HTTPException 401.
    """

    def authorise(request: Request) -> None:
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            secret = request.headers.get("x-api-key", "")
        if not secret:
            wanted = "send the flags token as `Authorization: Bearer …` or `X-API-Key: …`"
            raise HTTPException(401, wanted, _CHALLENGE)
        if hmac.compare_digest(secret.strip().encode(), application.flags_token.encode()):
            return
        who = application.accounts.tokens.find(secret.strip(), application.clock.now())
        if who is None or not who.may(Permission.READ):
            raise HTTPException(401, "this is neither the flags token nor a token that may read", _CHALLENGE)

    return authorise
