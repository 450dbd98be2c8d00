"""The list of incidents, with its filters in the address."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response

from holdfast.incident import register
from holdfast.incident.incident import Status
from holdfast.incident.register import Filter
from holdfast.interfaces.web.access import visit
from holdfast.interfaces.web.views.home import rows
from holdfast.prepare import versions
from holdfast.prepare.terms import Severity

router = APIRouter()

_ON_A_PAGE = 50
_ALL = 100_000
"""More incidents than anybody reads; people are found in them one by one."""


@router.get("/incidents")
def incidents(
    visit: visit,
    show: str = "open",
    severity: str = "",
    system: str = "",
    q: Annotated[str, Query(max_length=200)] = "",
    person: Annotated[str, Query(max_length=200)] = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    base = Filter(severity=severity, system=system, text=q.strip())
    wanted = _shown(base, show)
    ledger = visit.application.ledger
    with ledger.reading() as conn:
        counts = {tab: register.count(conn, _shown(base, tab)) for _, tab in _TABS}
        if person:
            found = [state for state in register.find(conn, wanted, _ALL) if state.roles_of(person.lower())]
            total, found = len(found), found[(page - 1) * _ON_A_PAGE : page * _ON_A_PAGE]
        else:
            total = counts[show if show in counts else "all"]
            found = register.find(conn, wanted, _ON_A_PAGE, (page - 1) * _ON_A_PAGE)
    asked = {"show": show, "severity": severity, "system": system, "q": q, "person": person}
    return visit.page(
        "pages/incidents.html",
        "incidents",
        rows=rows(found, ledger, visit.now),
        tabs=[(text, _address(asked, show=tab), show == tab, counts[tab]) for text, tab in _TABS],
        asked=asked,
        systems=sorted(versions.active_systems(ledger)),
        severities=list(Severity),
        first=(page - 1) * _ON_A_PAGE + 1,
        total=total,
        before=_address(asked, page=page - 1) if page > 1 else "",
        after=_address(asked, page=page + 1) if page * _ON_A_PAGE < total else "",
        ever=counts["all"] > 0 or any((severity, system, q)),
    )


_TABS = (
    ("Open", "open"),
    ("Closed", "closed"),
    ("Dismissed", "dismissed"),
    ("Merged", "merged"),
    ("All", "all"),
)


def _shown(base: Filter, show: str) -> Filter:
    if show == "open":
        return replace(base, running=True)
    return replace(base, status=show) if show in (Status.CLOSED, Status.DISMISSED, Status.MERGED) else base


def _address(asked: dict[str, str], **change: str | int) -> str:
    kept = {
        name: value
        for name, value in {**asked, **change}.items()
        if value and (name, value) != ("show", "open")
    }
    return f"/incidents?{urlencode(kept)}" if kept else "/incidents"
