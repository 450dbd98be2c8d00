"""The root-cause analysis: facts, sequence, factors, root cause, each with what it rests on
(R-RCA-01, R-RCA-02)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from fastapi import APIRouter, Response

from holdfast.detect import watched
from holdfast.evidence import custody
from holdfast.evidence.events import Item
from holdfast.incident import loading
from holdfast.incident.incident import Incident
from holdfast.interfaces.web.access import Visit, visit
from holdfast.interfaces.web.typed import NOTHING, Typed, Wrong, local_moment, refuse, typed
from holdfast.investigate import analysing, links
from holdfast.investigate.cause import Analysis
from holdfast.investigate.events import Factor, Happening, Link, LinkKind, Statement
from holdfast.people import Permission
from holdfast.prepare import versions
from holdfast.prepare.terms import FactorGroup
from holdfast.problems import NotAllowed

router = APIRouter()

_SPARE = 2
"""Empty rows beyond what is said already."""
_MOST_ROWS = 60


@dataclass(frozen=True, slots=True)
class Row:
    """One statement of the form, with what it starts from."""

    name: str
    text: str = ""
    links: str = ""
    assumption: bool = False
    at: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of the form."""

    facts: Sequence[Row]
    events: Sequence[Row]
    factors: Mapping[FactorGroup, Sequence[Row]]
    root: Row = field(default_factory=lambda: Row("root"))


@router.get("/incidents/{incident}/cause")
def cause(visit: visit, incident: str) -> Response:
    return _cause(visit, incident, NOTHING)


def _cause(visit: Visit, incident: str, form: Typed, status: int = 200, more: bool = False) -> Response:
    application = visit.application
    state = loading.load(application.ledger, incident).state
    found = analysing.cause_of(application.ledger, incident)
    ground = application.desk.ground_of(state)
    items = _items(visit, incident)
    monitors = _monitors(visit, state)
    return visit.page(
        "pages/cause.html",
        "incidents",
        status=status,
        state=state,
        cause=found,
        newest=found.newest,
        groups=[
            (group, [one.statement for one in found.newest.factors if one.group is group])
            for group in FactorGroup
        ]
        if found.newest
        else [],
        investigation=ground.playbook.investigation,
        items=items,
        monitors=monitors,
        rows=_rows(found.analysis(), form),
        editing=form.sent or more or found.newest is None,
        address=_addresses(state),
        typed=form,
    )


def _items(visit: Visit, incident: str) -> tuple[Item, ...]:
    """The evidence a statement can rest on, for those who may see it: a look like any other."""
    if not visit.may(Permission.READ_EVIDENCE):
        return ()
    ledger = visit.application.ledger
    return custody.listing(ledger, incident, who=visit.signed_in, at=visit.now, again=True).items


def _monitors(visit: Visit, state: Incident) -> list[str]:
    """Ids of the monitors a statement can rest on."""
    applied = versions.active_systems(visit.application.ledger).get(state.system)
    if applied is None:
        return []
    with visit.application.ledger.reading() as conn:
        each = [monitor.id for monitor in watched.monitors_in(conn, applied.model)]
    return list(dict.fromkeys([*each, *(monitor.id for monitor in applied.model.monitors)]))


def _addresses(state: Incident) -> Callable[[Link], str]:
    """Where a link leads."""

    def address(link: Link) -> str:
        match link.kind:
            case LinkKind.EVIDENCE:
                return f"/incidents/{quote(state.id)}/evidence#{quote(link.ref)}"
            case LinkKind.ENTRY:
                return f"/ledger/{quote(link.ref)}"
            case LinkKind.MONITOR:
                return f"/systems/{quote(state.system)}/monitors/{quote(link.ref)}"

    return address


# The form ----------------------------------------------------------------------------------------


def _rows(analysis: Analysis, form: Typed) -> Rows:
    """What the form shows: what was typed, or else the newest version, with room for more."""

    def rows(name: str, known: Sequence[Row], spare: int = _SPARE) -> Sequence[Row]:
        asked = form.values.get(f"rows-{name}", "")
        count = int(asked) if asked.isdigit() else len(known) + spare
        if form.text("more") == name:
            count += _SPARE
        count = min(count, _MOST_ROWS)
        return [known[n] if n < len(known) else Row(f"{name}-{n}") for n in range(count)]

    return Rows(
        rows("fact", [_row(f"fact-{n}", one) for n, one in enumerate(analysis.facts)]),
        rows(
            "event",
            [_row(f"event-{n}", one.statement, one) for n, one in enumerate(analysis.sequence)],
        ),
        {
            group: rows(
                group.value,
                [
                    _row(f"{group.value}-{n}", one)
                    for n, one in enumerate(f.statement for f in analysis.factors if f.group is group)
                ],
                spare=1,
            )
            for group in FactorGroup
        },
        _row("root", analysis.root_cause) if analysis.root_cause else Row("root"),
    )


def _row(name: str, statement: Statement, happening: Happening | None = None) -> Row:
    return Row(
        name,
        statement.text,
        ", ".join(map(str, statement.links)),
        statement.assumption,
        local_moment(happening.at) if happening else "",
    )


def _names(form: Typed, name: str) -> Iterable[str]:
    """The rows of one part in which anything was written."""
    asked = form.text(f"rows-{name}")
    for number in range(min(int(asked) if asked.isdigit() else 0, _MOST_ROWS)):
        row = f"{name}-{number}"
        if form.text(f"{row}-text") or form.text(f"{row}-links"):
            yield row


def _statement(form: Typed, row: str) -> Statement:
    """Raises Wrong for a link that cannot be read."""
    found = links_of(form, f"{row}-links")
    return Statement(form.text(f"{row}-text"), found, form.ticked(f"{row}-assumption"))


def links_of(form: Typed, name: str) -> tuple[Link, ...]:
    """The links that a field holds, separated by commas or spaces. Raises Wrong."""
    try:
        return tuple(links.parse(part) for part in re.split(r"[,;\s]+", form.text(name)) if part)
    except NotAllowed as refused:
        raise Wrong(name, str(refused)) from refused


@dataclass(frozen=True, slots=True)
class Written:
    """An analysis as typed, and in which row each of its statements stands."""

    analysis: Analysis
    places: Mapping[str, str]
    """Row by the name that messages give a statement: `fact 2`, `event 1`, `factor 3`, `the root cause`."""

    def place(self, refused: NotAllowed) -> NotAllowed:
        """The same refusal, about the row that it names."""
        found = re.match(r"(fact|event|factor) (\d+)|the root cause|a root cause", str(refused))
        if found is None:
            return refused
        key = f"{found[1]} {found[2]}" if found[1] else "the root cause"
        row = self.places.get(key)
        return Wrong(f"{row}-links", str(refused)) if row else refused


def written(form: Typed) -> Written:
    """The analysis that the form says. Raises Wrong."""
    facts = [(row, _statement(form, row)) for row in _names(form, "fact")]
    events = [
        (row, Happening(form.required_moment(f"{row}-at"), _statement(form, row)))
        for row in _names(form, "event")
    ]
    events.sort(key=lambda pair: pair[1].at)
    factors = [
        (row, Factor(group, _statement(form, row)))
        for group in FactorGroup
        for row in _names(form, group.value)
    ]
    root = _statement(form, "root") if form.text("root-text") or form.text("root-links") else None
    places = {
        **{f"fact {n}": row for n, (row, _) in enumerate(facts, 1)},
        **{f"event {n}": row for n, (row, _) in enumerate(events, 1)},
        **{f"factor {n}": row for n, (row, _) in enumerate(factors, 1)},
        "the root cause": "root",
    }
    analysis = Analysis(
        tuple(one for _, one in facts),
        tuple(one for _, one in events),
        tuple(one for _, one in factors),
        root,
    )
    return Written(analysis, places)


@router.post("/incidents/{incident}/cause/analyses")
def analyse(visit: visit, incident: str, form: typed) -> Response:
    """Keep the next version; a root cause in it is established on the incident."""
    visit.require(Permission.RESPOND)
    if form.text("more"):
        return _cause(visit, incident, form, more=True)
    application = visit.application
    try:
        said = written(form)
    except NotAllowed as refused:
        return _cause(visit, incident, refuse(visit, form, "analyse", refused), 422)
    state = loading.load(application.ledger, incident).state
    before = len(analysing.cause_of(application.ledger, incident).versions)
    try:
        found = analysing.analyse(
            application.ledger,
            incident,
            said.analysis,
            monitors=_monitors(visit, state),
            by=visit.actor,
            at=visit.now,
        )
    except NotAllowed as refused:
        return _cause(visit, incident, refuse(visit, form, "analyse", said.place(refused)), 422)
    if len(found.versions) == before:
        visit.notice("Nothing changed.", "The form says what the newest version says.", "plain")
    else:
        what = "The root cause is established." if found.established else "The root cause is still open."
        visit.notice(f"Version {len(found.versions)} is recorded.", what)
    return visit.back(f"/incidents/{quote(incident)}/cause")
