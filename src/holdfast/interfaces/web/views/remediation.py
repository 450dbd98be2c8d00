"""Remediation: what is done about the cause, by whom, until when, and what proves that it works
(R-REM-01 to R-REM-03)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Response

from holdfast.incident import loading, roles
from holdfast.interfaces.web.access import Visit, takes, visit
from holdfast.interfaces.web.errors import status_of
from holdfast.interfaces.web.fields import IncidentNumber
from holdfast.interfaces.web.typed import LINKS, NOTHING, Typed, local_moment, refuse, typed
from holdfast.learn import remedying, tracker
from holdfast.learn.events import Method
from holdfast.learn.remediation import Item, Standing
from holdfast.learn.verification import Judgement, judge
from holdfast.prepare import durations
from holdfast.prepare.terms import Authority
from holdfast.problems import NotAllowed, NotThere
from holdfast.shapes.incidents import Reason
from holdfast.shapes.learning import Accepted, Done, PlanAsked
from holdfast.steps import remediation as steps

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Choices:
    """What the fields of a plan offer."""

    kinds: Sequence[tuple[str, str, str]]
    people: Sequence[tuple[str, str]]
    monitors: Sequence[tuple[str, str]]
    windows: int
    """Windows in bounds that the playbook asks for."""
    lasting: str
    otherwise: str


@router.get("/incidents/{incident}/remediation")
def remediation(visit: visit, incident: str) -> Response:
    return _remediation(visit, incident, NOTHING)


def _remediation(visit: Visit, incident: str, form: Typed, status: int = 200) -> Response:
    application = visit.application
    state = loading.load(application.ledger, incident).state
    found = remedying.remediations_of(application.ledger, incident)
    ground = application.desk.ground_of(state)
    approves = ""
    try:
        roles.require(state, ground.playbook, ground.roster, visit.actor, Authority.APPROVE_REMEDIATION)
    except NotAllowed as refused:
        approves = str(refused)
    return visit.page(
        "pages/remediation.html",
        "incidents",
        status=status,
        state=state,
        items=list(found.items.values()),
        progress={item.item: _progress(visit, item) for item in found.items.values()},
        choices=choices(visit, incident),
        may_not_approve=approves,
        standings=Standing,
        methods=Method,
        field_moment=local_moment,
        typed=form,
    )


def _progress(visit: Visit, item: Item) -> Judgement | None:
    """What the monitor says so far about an item that it has to prove."""
    if item.standing is not Standing.DONE or item.judged_by is not Method.MONITOR:
        return None
    assert item.done_at is not None
    seen = visit.application.monitoring.measured_by(item.system, item.verification.monitor, item.done_at)
    return judge(item.verification, seen, item.done_at)


def choices(visit: Visit, incident: str) -> Choices:
    """What a plan for this incident can choose from."""
    application = visit.application
    ground = application.desk.ground_of(loading.load(application.ledger, incident).state)
    rule = ground.playbook.remediation
    return Choices(
        kinds=[
            (kind.value, kind.value.replace("_", " ").capitalize(), one.when)
            for kind, one in rule.kinds.items()
        ],
        people=[(person.id, f"{person.name} ({person.id})") for person in ground.roster.actors()],
        monitors=[(one.id, one.name) for one in ground.system.monitors] if ground.system else [],
        windows=rule.verification.monitor_in_bounds_windows,
        lasting=durations.show(rule.verification.monitor_in_bounds_for),
        otherwise=rule.verification.otherwise,
    )


# Steps -------------------------------------------------------------------------------------------


@router.post("/incidents/{incident}/remediation", **takes(steps.plan))
def plan(visit: visit, incident: IncidentNumber, form: typed) -> Response:
    """Plan an item, and tell the person responsible."""

    def step() -> None:
        item = steps.plan(visit.call, incident, form.read(PlanAsked))
        visit.notice(f"{item} is planned.", "Whoever is responsible is told.")

    return _take(visit, incident, form, "plan", step)


@router.post("/incidents/{incident}/remediation/{item}/beginning", **takes(steps.start))
def start(visit: visit, incident: IncidentNumber, item: str, form: typed) -> Response:
    _require_part(visit, incident, item)

    def step() -> None:
        steps.start(visit.call, item)
        visit.notice(f"{item} is started.")

    return _take(visit, incident, form, f"start-{item}", step)


@router.post("/incidents/{incident}/remediation/{item}/completion", **takes(steps.finish))
def finish(visit: visit, incident: IncidentNumber, item: str, form: typed) -> Response:
    """The action is taken; whether it works is shown later."""
    _require_part(visit, incident, item)
    about = f"what-{item}"

    def step() -> None:
        steps.finish(visit.call, item, form.read(Done, what=about, done_at=f"done-at-{item}"))
        visit.notice(f"{item} is done.", "Now its effect is looked at.")

    return _take(visit, incident, form, about, step)


@router.post("/incidents/{incident}/remediation/{item}/verification", **takes(steps.verify))
def verify(visit: visit, incident: IncidentNumber, item: str, form: typed) -> Response:
    """What a test or review showed; an item that a monitor proves is not verified by hand."""
    _require_part(visit, incident, item)
    called = {name: f"{name}-{item}" for name in Accepted.model_fields}

    def step() -> None:
        said = form.parted(LINKS, called["links"]).read(Accepted, **called)
        steps.verify(visit.call, item, said)
        if said.works:
            visit.notice(f"{item} is verified.")
        else:
            visit.notice(f"{item} is open again.", "It did not work, and its deadline runs.", "warn")

    return _take(visit, incident, form, f"proof-{item}", step)


@router.post("/incidents/{incident}/remediation/{item}/withdrawal", **takes(steps.withdraw))
def withdraw(visit: visit, incident: IncidentNumber, item: str, form: typed) -> Response:
    _require_part(visit, incident, item)
    about = f"withdraw-{item}"

    def step() -> None:
        steps.withdraw(visit.call, item, form.read(Reason, reason=about))
        visit.notice(f"{item} is withdrawn.", "The reason is part of the record.")

    return _take(visit, incident, form, about, step)


def _require_part(visit: Visit, incident: str, item: str) -> None:
    """Raises NotThere unless the item is one of this incident's."""
    if tracker.require(visit.application.ledger, item).incident != incident:
        raise NotThere(f"{incident} has no remediation {item}")


def _take(visit: Visit, incident: str, form: Typed, about: str, step: Callable[[], Any]) -> Response:
    try:
        step()
    except NotAllowed as refused:
        return _remediation(visit, incident, refuse(visit, form, about, refused), status_of(refused))
    return visit.back(f"/incidents/{incident}/remediation")
