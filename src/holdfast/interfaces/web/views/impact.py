"""Impact in five dimensions: what the log says is counted, what only people can judge is assessed
(R-IMP-01, R-IMP-02)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from fastapi import APIRouter, Response

from holdfast.evidence import custody
from holdfast.incident import loading
from holdfast.interfaces.web.access import Visit, takes, visit
from holdfast.interfaces.web.errors import status_of
from holdfast.interfaces.web.fields import IncidentNumber
from holdfast.interfaces.web.rendering import sentence
from holdfast.interfaces.web.typed import NOTHING, Typed, Wrong, local_moment, refuse, typed
from holdfast.investigate import assessing
from holdfast.investigate.events import DataKind, affected, exposed
from holdfast.investigate.impact import known_period
from holdfast.prepare import versions
from holdfast.problems import NotAllowed, shown
from holdfast.shapes.incidents import Beginning, SystemAsked
from holdfast.shapes.investigation import AssessmentAsked, CountAsked
from holdfast.steps import impact as impact_steps
from holdfast.steps import incidents as steps

router = APIRouter()

_WORDS = {True: "yes", False: "no", None: ""}


@router.get("/incidents/{incident}/impact")
def impact(visit: visit, incident: str) -> Response:
    return _impact(visit, incident, NOTHING)


def _impact(visit: Visit, incident: str, form: Typed, status: int = 200) -> Response:
    application = visit.application
    state = loading.load(application.ledger, incident).state
    found = assessing.impact_of(application.ledger, incident)
    applied = versions.active_systems(application.ledger).get(state.system)
    count = found.count
    known = known_period(state, visit.now)
    # What nobody changes in the form is asked again: what a person judged as they put it, else the whole.
    period = (count.start, count.end) if count and count.because else (known[0] if known else None, None)
    return visit.page(
        "pages/impact.html",
        "incidents",
        status=status,
        state=state,
        impact=found,
        count=count,
        newest=found.newest,
        start_from=found.assessment(state.disputed),
        period=period,
        segment=spelled(count.where if count else {}),
        logged=bool(applied and applied.model.prediction_log),
        subject=applied.model.subject if applied else "person",
        columns=_columns(visit, state.system),
        systems=_systems(visit),
        data_kinds=[(kind.value, kind.value.capitalize()) for kind in DataKind],
        words=_WORDS,
        field_moment=local_moment,
        typed=form,
    )


def _systems(visit: Visit) -> list[tuple[str, str]]:
    applied = versions.active_systems(visit.application.ledger)
    return [(name, f"{one.model.name} ({name})") for name, one in sorted(applied.items())]


def spelled(where: Mapping[str, str]) -> str:
    """`channel=broker`, one to a line, as the field takes it; in quotes what a line would lose."""
    return "\n".join(f"{_line(column, '=')}={_line(value)}" for column, value in where.items())


def _line(text: str, sign: str = "\n") -> str:
    """One word of a line; in quotes where a space, a line's end or a sign would be read as something else."""
    whole = text.splitlines() == [text] and text == text.strip()
    plain = whole and not text.startswith('"') and sign not in text
    return text if plain else json.dumps(text, ensure_ascii=not whole)


def _columns(visit: Visit, system: str) -> str:
    """Columns by which monitors tell groups apart: the likeliest ones for a segment."""
    applied = versions.active_systems(visit.application.ledger).get(system)
    if applied is None:
        return ""
    grouped = [column for monitor in applied.model.monitors for column in monitor.group_by]
    held_back = [key for option in applied.model.containment for key in option.segment]
    return ", ".join(dict.fromkeys([*held_back, *grouped]))


# Steps -------------------------------------------------------------------------------------------


@router.post("/incidents/{incident}/impact/counts", **takes(impact_steps.count))
def count(visit: visit, incident: IncidentNumber, form: typed) -> Response:
    """Count in the prediction log, and let classification and escalation follow."""
    try:
        said = form.saying(**{f"where.{column}": value for column, value in _where(form).items()})
        counted = impact_steps.count(visit.call, incident, said.read(CountAsked))
    except NotAllowed as refused:
        return _impact(visit, incident, refuse(visit, form, "count", refused), status_of(refused))
    found = assessing.impact_of(visit.application.ledger, incident)
    own = next((kept.fact for kept in reversed(found.counts) if kept.fact.counted == counted), None)
    part = own is not None and found.is_of_part(own)
    gaps = own.gaps() if own and counted.missing else []
    told = (affected(counted, part=part), exposed(counted, part=part), *gaps, *found.beside()[:1])
    visit.notice("Counted.", " ".join(sentence(one) for one in told))
    return visit.back(f"/incidents/{incident}/impact")


def _where(form: Typed) -> dict[str, str]:
    """The segment as typed. Raises Wrong."""
    try:
        return read_segment(form.text("where"))
    except ValueError as wrong:
        raise Wrong("where", str(wrong)) from None


def read_segment(text: str) -> dict[str, str]:
    """What `spelled` writes, and what people write like it: `column=value`, one to a line.

    Raises ValueError with a sentence.
    """
    found: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        column, rest = _column(line)
        value = rest.removeprefix("=").strip()
        if not (column and value and rest.startswith("=")):
            raise ValueError(f"{shown(line)} is no segment; write for example channel=broker")
        if found.setdefault(column, _value(value)) != _value(value):
            raise ValueError(f"{column} cannot be two values at once; count them one after the other")
    return found


def _column(line: str) -> tuple[str, str]:
    """The column that a line begins with, which may stand in quotes, and what follows."""
    try:
        read, end = json.JSONDecoder().raw_decode(line) if line.startswith('"') else ("", 0)
        if line[end:].lstrip().startswith("=") and end:
            return read, line[end:].lstrip()
    except ValueError:
        pass
    column = line.partition("=")[0]
    return column.strip(), line[len(column) :]


def _value(text: str) -> str:
    """A value as it stands in the log; one in quotes holds what a line would lose."""
    try:
        read = json.loads(text) if text.startswith('"') else text
    except ValueError:
        return text
    return read if isinstance(read, str) else text


@router.post("/incidents/{incident}/beginning", **takes(steps.state_beginning))
def state_beginning(visit: visit, incident: IncidentNumber, form: typed) -> Response:
    """Say when the harm began, or correct it."""
    try:
        steps.state_beginning(
            visit.call, incident, form.read(Beginning, began_at="began", reason="began-reason")
        )
    except NotAllowed as refused:
        return _impact(visit, incident, refuse(visit, form, "beginning", refused), status_of(refused))
    visit.notice("The beginning is on the record.", "The worker counts in the log what was served since.")
    return visit.back(f"/incidents/{incident}/impact")


@router.post("/incidents/{incident}/system", **takes(steps.name_system))
def name_system(visit: visit, incident: IncidentNumber, form: typed) -> Response:
    """Say which AI system it is about, or correct it."""
    called = {"model_version": "model-version", "reason": "system-reason"}
    try:
        steps.name_system(visit.call, incident, form.read(SystemAsked, **called))
    except NotAllowed as refused:
        return _impact(visit, incident, refuse(visit, form, "system", refused), status_of(refused))
    visit.notice("The system is on the record.", custody.frozen_said(visit.application.ledger, incident))
    return visit.back(f"/incidents/{incident}/impact")


@router.post("/incidents/{incident}/impact/assessments", **takes(impact_steps.assess))
def assess(visit: visit, incident: IncidentNumber, form: typed) -> Response:
    """Keep the next version of the assessment."""
    try:
        before = len(assessing.impact_of(visit.application.ledger, incident).versions)
        currency = form.text("finance.currency").upper()
        said = form.saying(**{"finance.currency": currency}).read(AssessmentAsked)
        found = impact_steps.assess(visit.call, incident, said)
    except NotAllowed as refused:
        return _impact(visit, incident, refuse(visit, form, "assess", refused), status_of(refused))
    if len(found.versions) == before:
        visit.notice("Nothing changed.", "The form says what the newest version says.", "plain")
    else:
        visit.notice(f"Version {len(found.versions)} is recorded.", "Classification and tier follow it.")
    return visit.back(f"/incidents/{incident}/impact")
