"""Impact in five dimensions: what the log says is counted, what only people can judge is assessed
(R-IMP-01, R-IMP-02)."""

from __future__ import annotations

import re
from urllib.parse import quote

from fastapi import APIRouter, Response

from holdfast.incident import loading
from holdfast.interfaces.web.access import Visit, visit
from holdfast.interfaces.web.typed import NOTHING, Typed, Wrong, local_moment, refuse, typed
from holdfast.investigate import assessing
from holdfast.investigate.events import (
    ComplianceImpact,
    DataImpact,
    DataKind,
    FinanceImpact,
    ReputationImpact,
    UserImpact,
)
from holdfast.investigate.impact import Assessment, affected_period
from holdfast.people import Permission
from holdfast.prepare import versions
from holdfast.problems import NotAllowed, shown
from holdfast.wording import plural, thousands

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
    period = (count.start, count.end) if count else affected_period(state, visit.now)
    return visit.page(
        "pages/impact.html",
        "incidents",
        status=status,
        state=state,
        impact=found,
        count=count,
        newest=found.newest,
        start_from=found.assessment(),
        period=period,
        segment=spelled(count.where if count else state.alerts[0].group if state.alerts else {}),
        logged=bool(applied and applied.model.prediction_log),
        subject=applied.model.subject if applied else "person",
        columns=_columns(visit, state.system),
        data_kinds=[(kind.value, kind.value.capitalize()) for kind in DataKind],
        words=_WORDS,
        field_moment=local_moment,
        typed=form,
    )


def spelled(where: dict[str, str]) -> str:
    """`channel=broker, age_band=18-25`, as the field takes it."""
    return ", ".join(f"{column}={value}" for column, value in where.items())


def _columns(visit: Visit, system: str) -> str:
    """Columns by which monitors tell groups apart: the likeliest ones for a segment."""
    applied = versions.active_systems(visit.application.ledger).get(system)
    if applied is None:
        return ""
    grouped = [column for monitor in applied.model.monitors for column in monitor.group_by]
    held_back = [key for option in applied.model.containment for key in option.segment]
    return ", ".join(dict.fromkeys([*held_back, *grouped]))


# Steps -------------------------------------------------------------------------------------------


@router.post("/incidents/{incident}/impact/counts")
def count(visit: visit, incident: str, form: typed) -> Response:
    """Count in the prediction log, and let classification and escalation follow."""
    visit.require(Permission.RESPOND)
    application = visit.application
    try:
        counted = assessing.count(
            application.ledger,
            application.counter,
            incident,
            form.required_moment("start"),
            form.required_moment("end"),
            _where(form),
            reassess=application.desk.noted,
            by=visit.actor,
            at=visit.now,
        )
    except NotAllowed as refused:
        return _impact(visit, incident, refuse(visit, form, "count", refused), 422)
    people = (
        "people are not told apart in this log"
        if counted.users is None
        else (f"{thousands(counted.users)} people")
    )
    visit.notice("Counted.", f"{people}, {plural(counted.inferences, 'prediction')}.")
    return visit.back(f"/incidents/{quote(incident)}/impact")


def _where(form: Typed) -> dict[str, str]:
    """The segment as typed: `column=value`, several separated by commas or lines. Raises Wrong."""
    found: dict[str, str] = {}
    for part in re.split(r"[,\n]", form.text("where")):
        if not part.strip():
            continue
        column, sign, value = (piece.strip() for piece in part.partition("="))
        if not (column and sign and value):
            raise Wrong("where", f"{shown(part.strip())} is no segment; write for example channel=broker")
        found[column] = value
    return found


@router.post("/incidents/{incident}/impact/assessments")
def assess(visit: visit, incident: str, form: typed) -> Response:
    """Keep the next version of the assessment."""
    visit.require(Permission.RESPOND)
    application = visit.application
    try:
        before = len(assessing.impact_of(application.ledger, incident).versions)
        found = assessing.assess(
            application.ledger,
            incident,
            assessment(form),
            count=form.whole("count"),
            reassess=application.desk.noted,
            by=visit.actor,
            at=visit.now,
        )
    except NotAllowed as refused:
        return _impact(visit, incident, refuse(visit, form, "assess", refused), 422)
    if len(found.versions) == before:
        visit.notice("Nothing changed.", "The form says what the newest version says.", "plain")
    else:
        visit.notice(f"Version {len(found.versions)} is recorded.", "Classification and tier follow it.")
    return visit.back(f"/incidents/{quote(incident)}/impact")


def assessment(form: Typed) -> Assessment:
    """What was typed about the five dimensions. Raises Wrong."""
    return Assessment(
        users=UserImpact(
            kind=form.text("users-kind"),
            effect=form.text("users-effect"),
            outage=form.answer("users-outage"),
            stated=form.whole("users-stated"),
        ),
        data=DataImpact(
            sensitive=form.answer("data-sensitive"),
            sensitivity=form.text("data-sensitivity"),
            kinds=tuple(kind for kind in DataKind if form.ticked(f"data-{kind.value}")),
            misuse=form.text("data-misuse"),
            breach=form.answer("data-breach"),
        ),
        compliance=ComplianceImpact(
            violated=form.answer("compliance-violated"),
            requirement=form.text("compliance-requirement"),
            must_notify=form.answer("compliance-notify"),
            duty=form.text("compliance-duty"),
            fine=form.text("compliance-fine"),
        ),
        reputation=ReputationImpact(effect=form.text("reputation-effect")),
        finance=FinanceImpact(
            currency=form.text("finance-currency").upper(),
            direct=form.whole("finance-direct"),
            indirect=form.whole("finance-indirect"),
            basis=form.text("finance-basis"),
        ),
    )
