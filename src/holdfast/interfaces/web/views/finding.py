"""Finding, from one field: what can be done now, incidents, systems, people, pages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Query, Response

from holdfast.detect import records
from holdfast.incident import register
from holdfast.incident.register import Filter
from holdfast.interfaces.web.access import Visit, visit
from holdfast.interfaces.web.rendering import NAVIGATION
from holdfast.interfaces.web.views.deeds import deeds
from holdfast.people import Permission
from holdfast.prepare import versions

router = APIRouter()

_EACH = 6
LONGEST = 2000
"""A sentence is typed behind a verb; what is longer has a form of its own."""
"""Hits shown of each kind."""

Hit = tuple[str, str, str]
"""What it is, what to know of it, where it is."""


@router.get("/find")
def find(visit: visit, q: Annotated[str, Query(max_length=LONGEST)] = "") -> Response:
    groups = [
        ("Incidents", _incidents(visit, q)),
        ("Alerts and facts", _numbered(visit, q)),
        ("AI systems", _systems(visit, q)),
        ("People", _people(visit, q)),
        ("Go to", _pages(visit, q)),
    ]
    what = deeds(visit, q)
    if "hx-request" in visit.request.headers:
        return visit.fragment("pages/found.html", groups=groups, deeds=what, csrf=visit.csrf)
    return visit.page("pages/find.html", "", q=q, groups=groups, deeds=what)


def _incidents(visit: Visit, q: str) -> list[Hit]:
    with visit.application.ledger.reading() as conn:
        found = register.find(conn, Filter(text=q.strip(), running=not q.strip()), _EACH)
    return [
        (
            f"{one.id} {one.title}",
            one.severity.label if one.severity else one.status.value,
            f"/incidents/{one.id}",
        )
        for one in found
    ]


def _numbered(visit: Visit, q: str) -> list[Hit]:
    """Things that people know by their number: alerts, and facts of the ledger."""
    hits: list[Hit] = []
    if match := re.fullmatch(r"\s*alr-?(\d{1,9})\s*", q, re.IGNORECASE):
        with visit.application.ledger.reading() as conn:
            alert = records.alert(conn, f"ALR-{int(match[1])}")
        if alert:
            hits.append(
                (
                    f"{alert.alert} {alert.facts.monitor_name}",
                    alert.system,
                    f"/alerts?shown=all#{alert.alert}",
                )
            )
    fact = re.fullmatch(r"\s*#?(\d{1,12})\s*", q)
    if fact and visit.may(Permission.READ_LEDGER) and int(fact[1]) < visit.application.ledger.size():
        hits.append((f"Fact {int(fact[1])}", "with its proof", f"/ledger/{int(fact[1])}"))
    return hits


def _systems(visit: Visit, q: str) -> list[Hit]:
    systems = versions.active_systems(visit.application.ledger).values()
    return [
        (one.model.name, one.model.id, f"/systems/{one.model.id}")
        for one in systems
        if _has(q, (one.model.name, one.model.id))
    ][:_EACH]


def _people(visit: Visit, q: str) -> list[Hit]:
    roster = versions.active_roster(visit.application.ledger)
    if roster is None or not q.strip():
        return []
    return [
        (
            person.name,
            f"{', '.join(person.titles) or person.id}: their incidents",
            f"/incidents?person={person.id}",
        )
        for person in roster.model.people
        if _has(q, (person.name, person.id, *person.titles))
    ][:_EACH]


def _pages(visit: Visit, q: str) -> list[Hit]:
    hits: list[Hit] = [(entry.label, "", entry.href) for _, entries in NAVIGATION for entry in entries]
    return [hit for hit in hits if _has(q, hit[:2])]


def _has(q: str, texts: Iterable[str]) -> bool:
    wanted = q.lower().split()
    text = " ".join(texts).lower()
    return all(word in text for word in wanted)
