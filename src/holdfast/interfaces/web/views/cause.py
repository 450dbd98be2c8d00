"""The root-cause analysis: facts, sequence, factors, root cause, each with what it rests on
(R-RCA-01, R-RCA-02)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from fastapi import APIRouter, Response

from holdfast.detect import watched
from holdfast.evidence import custody
from holdfast.evidence.events import Item
from holdfast.incident import loading
from holdfast.incident.incident import Incident
from holdfast.interfaces.web.access import Visit, takes, visit
from holdfast.interfaces.web.errors import status_of
from holdfast.interfaces.web.fields import IncidentNumber
from holdfast.interfaces.web.typed import LINKS, NOTHING, Typed, Wrong, local_moment, refuse, typed
from holdfast.investigate import analysing
from holdfast.investigate.cause import Analysis, Unfounded
from holdfast.investigate.events import Happening, Link, LinkKind, Statement
from holdfast.people import Permission
from holdfast.prepare.terms import FactorGroup
from holdfast.problems import NotAllowed
from holdfast.shapes.investigation import AnalysisAsked
from holdfast.steps import cause as steps

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
    group: FactorGroup | None = None
    """Of a factor."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of the form."""

    facts: Sequence[Row]
    events: Sequence[Row]
    factors: Mapping[FactorGroup, Sequence[Row]]
    root: Row = field(default_factory=lambda: Row("root_cause"))


@router.get("/incidents/{incident}/cause")
def cause(visit: visit, incident: str) -> Response:
    return _cause(visit, incident, NOTHING)


def _cause(visit: Visit, incident: str, form: Typed, status: int = 200, more: bool = False) -> Response:
    application = visit.application
    state = loading.load(application.ledger, incident).state
    found = analysing.cause_of(application.ledger, incident)
    ground = application.desk.ground_of(state)
    items = _items(visit, incident)
    with application.ledger.reading() as conn:
        monitors = watched.named(conn, ground.system)
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
    more = form.text("more")

    def rows(name: str, known: Sequence[Row]) -> list[Row]:
        sent = [Row(f"{name}[{row}]") for row in form.rows(name)] if form.sent else known
        spare = _SPARE if more == name or not more else 0
        return [*sent, *(Row(f"{name}[{_after(sent, n)}]") for n in range(spare))][:_MOST_ROWS]

    told = enumerate(analysis.sequence)
    return Rows(
        rows("facts", [_row(f"facts[{n}]", one) for n, one in enumerate(analysis.facts)]),
        rows(
            "sequence",
            [_row(f"sequence[{n}]", one.statement, one) for n, one in told],
        ),
        _factors(analysis, form, more),
        _row("root_cause", analysis.root_cause) if analysis.root_cause else Row("root_cause"),
    )


def _factors(analysis: Analysis, form: Typed, more: str) -> Mapping[FactorGroup, Sequence[Row]]:
    """The rows of each group; a row says which it is of."""
    if form.sent:
        at = [f"factors[{row}]" for row in form.rows("factors")]
        sent = [Row(one, group=_group(form.text(f"{one}.group"))) for one in at]
    else:
        known = enumerate(analysis.factors)
        sent = [replace(_row(f"factors[{n}]", one.statement), group=one.group) for n, one in known]
    found: dict[FactorGroup, Sequence[Row]] = {}
    next_ = _after(sent, 0)
    for group in FactorGroup:
        own = [row for row in sent if row.group is group]
        spare = min(_MOST_ROWS - len(own), _SPARE if more == group else 0 if more else 1)
        found[group] = [*own, *(Row(f"factors[{next_ + n}]", group=group) for n in range(spare))]
        next_ += max(spare, 0)
    return found


def _group(text: str) -> FactorGroup | None:
    return FactorGroup(text) if text in {one.value for one in FactorGroup} else None


def _after(rows: Sequence[Row], further: int) -> int:
    """A number that none of these rows has."""
    numbers = [int(row.name.partition("[")[2].rstrip("]")) for row in rows]
    return max(numbers, default=-1) + 1 + further


def _row(name: str, statement: Statement, happening: Happening | None = None) -> Row:
    return Row(
        name,
        statement.text,
        ", ".join(map(str, statement.links)),
        statement.assumption,
        local_moment(happening.at) if happening else "",
    )


@router.post("/incidents/{incident}/cause/analyses", **takes(steps.analyse))
def analyse(visit: visit, incident: IncidentNumber, form: typed) -> Response:
    """Keep the next version; a root cause in it is established on the incident."""
    if form.text("more"):
        return _cause(visit, incident, form, more=True)
    for part in ("facts", "sequence", "factors"):
        form = form.closed_up(part, "text", "links")
    before = len(analysing.cause_of(visit.application.ledger, incident).versions)
    try:
        said = form.parted(LINKS, *(name for name in form.values if name.endswith(".links")))
        found = steps.analyse(visit.call, incident, said.read(AnalysisAsked))
    except NotAllowed as refused:
        return _cause(visit, incident, refuse(visit, form, "analyse", _placed(refused)), status_of(refused))
    if len(found.versions) == before:
        visit.notice("Nothing changed.", "The form says what the newest version says.", "plain")
    else:
        what = "The root cause is established." if found.established else "The root cause is still open."
        visit.notice(f"Version {len(found.versions)} is recorded.", what)
    return visit.back(f"/incidents/{incident}/cause")


def _placed(refused: NotAllowed) -> NotAllowed:
    """The same refusal, about the row that it names."""
    return Wrong(refused.place, str(refused)) if isinstance(refused, Unfounded) else refused
