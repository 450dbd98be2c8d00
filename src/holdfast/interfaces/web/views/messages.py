"""Messages that were given up: whoever they were for was not reached (R-ESC-06)."""

from __future__ import annotations

from fastapi import APIRouter, Response

from holdfast.interfaces.web.access import Visit, takes, visit
from holdfast.interfaces.web.errors import status_of
from holdfast.interfaces.web.typed import NOTHING, Typed, refuse, typed
from holdfast.prepare import versions
from holdfast.problems import NotAllowed
from holdfast.shapes import messages as shapes
from holdfast.steps import messages as steps

router = APIRouter()

_SHOWN = 100


@router.get("/messages")
def unreached(visit: visit) -> Response:
    """What nobody got, and nobody has seen to."""
    return _unreached(visit, NOTHING)


def _unreached(visit: Visit, form: Typed, status: int = 200) -> Response:
    ledger = visit.application.ledger
    roster = versions.active_roster(ledger)
    return visit.page(
        "pages/messages.html",
        "home",
        status=status,
        found=shapes.messages(ledger, limit=_SHOWN, unreached=True).messages,
        people={one.id: one.name for one in roster.model.people} if roster else {},
        typed=form,
    )


@router.post("/messages/{message}/retry", **takes(steps.retry))
def retry(visit: visit, message: str) -> Response:
    """Try again what was given up."""
    steps.retry(visit.call, message)
    visit.notice("The message will be tried again.")
    return visit.back("/messages")


@router.post("/messages/{message}/seen-to", **takes(steps.see_to))
def see_to(visit: visit, message: str, form: typed) -> Response:
    """Say what was done instead."""
    about = f"reason-{message}"
    try:
        steps.see_to(visit.call, message, form.read(shapes.SeeingTo, reason=about))
    except NotAllowed as refused:
        return _unreached(visit, refuse(visit, form, about, refused), status_of(refused))
    visit.notice("The message is seen to.", "What was done stands on the record.")
    return visit.back("/messages")
