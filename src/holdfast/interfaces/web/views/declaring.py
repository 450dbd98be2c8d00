"""Declaring an incident: one sentence is enough, and it takes under a minute (R-DET-11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response

from holdfast.evidence import custody
from holdfast.incident import register
from holdfast.incident.incident import Incident
from holdfast.incident.loading import NoSuchIncident
from holdfast.incident.responding import Declared
from holdfast.interfaces.web.access import Visit, takes, visit
from holdfast.interfaces.web.errors import status_of
from holdfast.interfaces.web.rendering import sentence
from holdfast.interfaces.web.typed import typed
from holdfast.ledger.facts import LONGEST_TITLE
from holdfast.people import Permission
from holdfast.prepare import versions
from holdfast.prepare.terms import Severity
from holdfast.problems import NotAllowed
from holdfast.shapes.incidents import Declaration
from holdfast.steps import incidents as steps

router = APIRouter()
_NEW = "new"
_NAMED = 3
"""Running incidents that are named in the answer; the incident's page lets one choose among all."""


@router.get("/declare")
def form(
    visit: visit,
    system: Annotated[str, Query(max_length=200)] = "",
    title: Annotated[str, Query(max_length=LONGEST_TITLE)] = "",
) -> Response:
    visit.require(Permission.DECLARE)
    return _form(visit, {"title": title, "system": system})


@router.post("/declare", **takes(steps.declare))
def declare(visit: visit, form: typed) -> Response:
    apart = form.text("join") == _NEW
    meant = form.saying(join="", separate="yes") if apart else form
    try:
        what = steps.declare(visit.call, meant.read(Declaration))
    except (NotAllowed, NoSuchIncident) as refused:
        return _form(visit, form.values, error=sentence(str(refused)), status=status_of(refused))
    if what.joined:
        otherwise = "" if form.text("join") else " If it is something else, declare it again and choose so."
        visit.notice(
            f"Your report joined {what.incident}.",
            f"It was running already; your words are on its record.{otherwise}",
        )
    else:
        visit.notice(
            f"{what.incident} is open.", custody.frozen_said(visit.application.ledger, what.incident)
        )
    notice_running(visit, what)
    return visit.back(f"/incidents/{what.incident}")


def notice_running(visit: Visit, what: Declared) -> None:
    """Names what else runs, and what to do when it is the same."""
    if what.running:
        besides = ", ".join(f"{one.id} {one.title}" for one in what.running[:_NAMED])
        more = f" and {len(what.running) - _NAMED} more" if len(what.running) > _NAMED else ""
        visit.notice(f"Running besides: {besides}{more}.", f"{what.advice}.")


def _form(visit: Visit, given: Mapping[str, str], error: str = "", status: int = 200) -> Response:
    systems = versions.active_systems(visit.application.ledger)
    options = [("", "not sure, or none of these")]
    options += [(name, f"{applied.model.name} ({name})") for name, applied in sorted(systems.items())]
    with visit.application.ledger.reading() as conn:
        running = register.unresolved(conn, given.get("system", ""))
    blank = {
        "join": "",
        "title": "",
        "system": "",
        "description": "",
        "severity": "",
        "began_at": "",
        "zone": "UTC",
    }
    return visit.page(
        "pages/declare.html",
        "declare",
        status=status,
        given={**blank, **given},
        systems=options,
        running=_choices(running),
        severities=[("", "let the playbook's rules propose"), *((one.value, one.label) for one in Severity)],
        in_force=versions.active_playbook(visit.application.ledger) is not None,
        error=error,
    )


def _choices(running: Sequence[Incident]) -> list[tuple[str, str, str]]:
    """What a report may be about that is running already; nothing to choose where nothing runs."""
    if not running:
        return []
    known = [(one.id, f"{one.id} {one.title}", one.system or "no system named") for one in running]
    new = (_NEW, "Something else", "A new incident.")
    unsure = (
        "",
        "I cannot tell",
        "It joins what a monitor has noticed on the system you name, or opens a new one. Two can be merged "
        "later.",
    )
    return [*known, new, unsure]
