"""What the report says: its cover, its summary, its sections. Pure; every word comes from the dossier."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from holdfast import charts, wording
from holdfast.audit.dossier import Dossier
from holdfast.audit.report import analysis, appendix, response
from holdfast.audit.report.blocks import Block, Cell, cell, chart, toned
from holdfast.audit.report.figures import figure
from holdfast.audit.report.wordings import clock_cell, excerpt, few, persons, sentence
from holdfast.incident.events import Closed, Dismissed, Resolved
from holdfast.incident.incident import Incident, Status
from holdfast.ledger.events import DemonstrationBegan
from holdfast.people import Actor


def content(dossier: Dossier, by: Actor, at: datetime) -> dict[str, Any]:
    """The whole report as plain data; `by` had it made, `at` is when."""
    state = dossier.state
    return {
        "incident": state.id,
        "title": state.title,
        "running": f"{state.id}  {excerpt(state.title, 70)}",
        "foot": f"{dossier.origin} · as of entry {dossier.entries:,}",
        "cover": _cover(dossier, by, at),
        "summary": _summary(dossier),
        "sections": [
            response.story(dossier),
            analysis.monitors(dossier),
            response.classification(dossier),
            response.team(dossier),
            analysis.impact(dossier),
            analysis.cause(dossier),
            response.containment(dossier),
            response.remediation(dossier),
            response.review(dossier),
            appendix.evidence(dossier),
        ],
        "appendices": [
            appendix.identifiers(dossier),
            appendix.entries(dossier),
            appendix.verifying(dossier),
        ],
    }


# Cover -------------------------------------------------------------------------------------------


def _cover(dossier: Dossier, by: Actor, at: datetime) -> dict[str, Any]:
    state = dossier.state
    return {
        "title": state.title,
        "severity": state.severity.label if state.severity else "not classified",
        "rank": state.severity.rank if state.severity else 4,
        "category": state.category.label if state.category else "Category not decided",
        "status": wording.capital(state.status.value),
        "rows": [[name, cell(value)] for name, value in _cover_rows(dossier, by, at)],
        "rehearsal": rehearsal(dossier),
    }


def _cover_rows(dossier: Dossier, by: Actor, at: datetime) -> Iterator[tuple[str, str]]:
    state = dossier.state
    if state.system:
        name = dossier.system.model.name if dossier.system else state.system
        version = f", model version {state.model_version}" if state.model_version else ""
        yield "AI system", f"{name}{version}"
    yield "Opened", wording.utc(state.opened_at) if state.opened_at else "not known"
    yield "Closed", wording.utc(state.closed_at) if state.closed_at else f"no: it is {state.status.value}"
    yield "Playbook", f"version {state.playbook_version}"
    yield "Ledger", f"{dossier.origin}, as of entry {dossier.entries:,}"
    yield "Report made", f"{wording.utc(at)}, for {by.name}"


def rehearsal(dossier: Dossier) -> str:
    """What the ledger says of itself when its times are a rehearsal's; empty otherwise."""
    said = [one.fact.says for one in dossier.context if isinstance(one.fact, DemonstrationBegan)]
    return f"This is a demonstration. {said[0]}" if said else ""


# Summary -----------------------------------------------------------------------------------------


def _summary(dossier: Dossier) -> dict[str, Any]:
    return {
        "lead": " ".join(_lead(dossier)),
        "moments": [_moment(*each) for each in _moments(dossier)],
        "promises": [[clock.says, cell(clock_cell(clock))] for clock in dossier.state.clocks.values()],
        "rows": [[name, cell(value)] for name, value in _summary_rows(dossier)],
        "open": _still_open(dossier),
        "chart": _chart(dossier),
    }


def _chart(dossier: Dossier) -> Block | None:
    """What the monitor that began it showed; None without one, or where charts cannot be drawn."""
    first = next((watched for watched in dossier.watched if watched.alerts), None)
    if first is None or not charts.available():
        return None
    drawn = figure(first, dossier)
    return chart(drawn) if drawn else None


def _lead(dossier: Dossier) -> Iterator[str]:
    state = dossier.state
    of = state.system_of(state.alerts[0]) if state.alerts else state.system
    system = dossier.system.model.name if dossier.system and of == state.system else of
    where = f" in {system}" if system else ""
    if state.alerts:
        alert = state.alerts[0]
        yield sentence(f"A monitor{where} noticed it: {alert.monitor_name}, {excerpt(alert.reason, 200)}")
    else:
        yield f"A person reported it{where}."
        if state.description:
            yield sentence(excerpt(state.description, 300))
    if state.began_at and state.opened_at and state.opened_at >= state.began_at:
        yield f"It began about {wording.duration(state.opened_at - state.began_at)} before it was opened."
    for _, fact in dossier.of(Closed):
        yield sentence(excerpt(fact.summary, 300))
    for _, dismissed in dossier.of(Dismissed):
        yield sentence(f"It was dismissed as no incident: {excerpt(dismissed.reason, 300)}")


def _moments(dossier: Dossier) -> Iterator[tuple[str, datetime | None, datetime | None]]:
    state = dossier.state
    yield "Began", state.began_at, None
    yield "Opened", state.opened_at, state.began_at
    yield "Acknowledged", state.acknowledged_at, state.opened_at
    yield "Contained", state.held_from, state.opened_at
    yield "Resolved", state.resolved_at, state.opened_at
    yield "Closed", state.closed_at, state.opened_at


def _moment(word: str, at: datetime | None, since: datetime | None) -> dict[str, str]:
    """A moment and how long it took to come to it."""
    if at is None:
        return {"word": word, "day": "not known" if word == "Began" else "not so far", "time": "", "took": ""}
    took = _took(at - since, word) if since else ""
    return {"word": word, "day": wording.day(at), "time": f"{at:%H:%M} UTC", "took": took}


def _took(length: timedelta, word: str) -> str:
    if length < timedelta(0):
        return ""
    return f"{wording.duration(length)} {'after it began' if word == 'Opened' else 'after the opening'}"


def _summary_rows(dossier: Dossier) -> Iterator[tuple[str, Cell]]:
    yield "Impact", _impact(dossier)
    if dossier.state.status is not Status.DISMISSED:
        yield "Root cause", excerpt(dossier.state.cause, 420) or toned("not established so far", "warn")
    yield "Containment", few(_containments(dossier)) or "none was applied"
    yield "Remediation", few(_remediations(dossier)) or "none is planned so far"
    resolved = [fact.resolution for _, fact in dossier.of(Resolved)]
    if resolved:
        yield "Resolution", excerpt(resolved[-1], 300)
    yield "Response", _response(dossier.state)
    yield "Evidence", _evidence(dossier)


def _impact(dossier: Dossier) -> Cell:
    count, newest = dossier.impact.count, dossier.impact.newest
    if count is None and newest is None:
        return toned("not assessed so far", "warn")
    parts = []
    known = dossier.impact.people
    if known is not None:
        parts.append(f"{wording.people(known, at_least=dossier.impact.is_at_least)} affected")
    elif count is None or count.counted.affected is None:
        parts.append("number of people affected not known")
    if count is not None:
        parts.append(dossier.impact.exposed(count))
    parts += filter(None, (dossier.impact.dated, dossier.state.harm, *dossier.state.known_of_merged))
    said = newest.users.effect if newest else ""
    return f"{' · '.join(parts)}{'. ' + excerpt(said, 240) if said else ''}"


def _containments(dossier: Dossier) -> Iterator[str]:
    for one in dossier.containments:
        proof = f", {one.standing}"
        back = f", undone {wording.utc(one.reverted.at)}" if one.reverted else ""
        if one.applied:
            yield f"{one.name}{proof}{back}"


def _remediations(dossier: Dossier) -> Iterator[str]:
    for item in dossier.remediations.items.values():
        yield f"{excerpt(item.action, 160)} ({item.standing.value})"


def _response(state: Incident) -> str:
    tier = f"tier {state.tier}"
    rungs = f", escalated {wording.plural(state.rung, 'time')} for want of an answer" if state.rung else ""
    return f"{wording.plural(len(persons(state.team)), 'person', 'people')} called, {tier}{rungs}"


def _evidence(dossier: Dossier) -> str:
    size = wording.filesize(sum(item.size for item in dossier.items))
    gaps = f"; {len(dossier.gaps)} could not be preserved" if dossier.gaps else ""
    return f"{wording.plural(len(dossier.items), 'item')}, {size}, each by its SHA-256{gaps}"


def _still_open(dossier: Dossier) -> list[str]:
    """What somebody who reads this must know is not finished."""
    return [few(_open(dossier), 5)] if any(_open(dossier)) else []


def _open(dossier: Dossier) -> Iterable[str]:
    state = dossier.state
    if not state.status.over:
        yield f"{state.id} is {state.status.value}: this report tells what was known when it was made"
    for item in dossier.remediations.open_items():
        yield f"{item.item} is {item.standing.value}, due {wording.day(item.deadline)}"
    for one in dossier.containments:
        if one.in_force:
            yield f"{one.id} ({one.name}) is in force"
