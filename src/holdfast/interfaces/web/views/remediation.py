"""Remediation: what is done about the cause, by whom, until when, and what proves that it works
(R-REM-01 to R-REM-03)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Response

from holdfast.incident import loading, roles
from holdfast.interfaces.web.access import Visit, visit
from holdfast.interfaces.web.typed import NOTHING, Typed, Wrong, local_moment, refuse, typed
from holdfast.interfaces.web.views.cause import links_of
from holdfast.learn import remedying
from holdfast.learn.events import Method
from holdfast.learn.remediation import Item, Plan, Standing, Wanted
from holdfast.learn.verification import Judgement, judge
from holdfast.people import Permission
from holdfast.prepare import durations
from holdfast.prepare.terms import Authority, RemediationKind
from holdfast.problems import Fault, NotAllowed

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
    if item.standing is not Standing.DONE or item.verification.method is not Method.MONITOR:
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
        people=[(person.id, f"{person.name} ({person.id})") for person in ground.roster.people],
        monitors=[(one.id, one.name) for one in ground.system.monitors] if ground.system else [],
        windows=rule.verification.monitor_in_bounds_windows,
        lasting=durations.show(rule.verification.monitor_in_bounds_for),
        otherwise=rule.verification.otherwise,
    )


def plan_of(form: Typed, prefix: str = "") -> Plan:
    """The plan that the fields with this prefix say. Raises Wrong."""

    def field(name: str) -> str:
        return f"{prefix}{name}"

    if not form.text(field("action")):
        raise Wrong(field("action"), "Say what will be done.")
    try:
        kind = RemediationKind(form.text(field("kind")))
    except ValueError:
        raise Wrong(field("kind"), "Choose what kind of remediation it is.") from None
    return Plan(
        action=form.text(field("action")),
        kind=kind,
        responsible=form.text(field("responsible")),
        deadline=form.required_moment(field("deadline")),
        verification=_wanted(form, field),
    )


def _wanted(form: Typed, field: Callable[[str], str]) -> Wanted:
    try:
        method = Method(form.text(field("method")))
    except ValueError:
        raise Wrong(field("method"), "Choose how its effect is shown.") from None
    if method is not Method.MONITOR:
        return Wanted(method, form.text(field("how")))
    return Wanted(
        method,
        monitor=form.text(field("monitor")),
        windows=form.whole(field("windows")),
        lasting=_lasting(form, field("lasting")),
    )


def _lasting(form: Typed, name: str) -> timedelta | None:
    text = form.text(name)
    if not text:
        return None
    try:
        return durations.parse(text)
    except Fault as fault:
        raise Wrong(name, str(fault)) from fault


# Steps -------------------------------------------------------------------------------------------


@router.post("/incidents/{incident}/remediation")
def plan(visit: visit, incident: str, form: typed) -> Response:
    """Plan an item, and tell the person responsible."""

    def step() -> None:
        item = remedying.plan(visit.application.desk, incident, plan_of(form), by=visit.actor, at=visit.now)
        visit.notice(f"{item} is planned.", "Whoever is responsible is told.")

    return _take(visit, incident, form, "plan", step)


@router.post("/incidents/{incident}/remediation/{item}/beginning")
def start(visit: visit, incident: str, item: str, form: typed) -> Response:
    def step() -> None:
        remedying.start(visit.application.desk, incident, item, by=visit.actor, at=visit.now)
        visit.notice(f"{item} is started.")

    return _take(visit, incident, form, f"start-{item}", step)


@router.post("/incidents/{incident}/remediation/{item}/completion")
def finish(visit: visit, incident: str, item: str, form: typed) -> Response:
    """The action is taken; whether it works is shown later."""

    def step() -> None:
        remedying.finish(
            visit.application.desk,
            incident,
            item,
            form.text(f"what-{item}"),
            done_at=form.moment(f"done-at-{item}"),
            by=visit.actor,
            at=visit.now,
        )
        visit.notice(f"{item} is done.", "Now its effect is looked at.")

    return _take(visit, incident, form, f"what-{item}", step)


@router.post("/incidents/{incident}/remediation/{item}/verification")
def verify(visit: visit, incident: str, item: str, form: typed) -> Response:
    """What a test or review showed; an item that a monitor proves is not verified by hand."""

    def step() -> None:
        works = form.answer(f"works-{item}")
        if works is None:
            raise Wrong(f"works-{item}", "Say whether it works.")
        remedying.verify(
            visit.application.desk,
            incident,
            item,
            works,
            form.text(f"proof-{item}"),
            links_of(form, f"links-{item}"),
            by=visit.actor,
            at=visit.now,
        )
        if works:
            visit.notice(f"{item} is verified.")
        else:
            visit.notice(f"{item} is open again.", "It did not work, and its deadline runs.", "warn")

    return _take(visit, incident, form, f"proof-{item}", step)


@router.post("/incidents/{incident}/remediation/{item}/withdrawal")
def withdraw(visit: visit, incident: str, item: str, form: typed) -> Response:
    def step() -> None:
        remedying.withdraw(
            visit.application.desk,
            incident,
            item,
            form.text(f"withdraw-{item}"),
            by=visit.actor,
            at=visit.now,
        )
        visit.notice(f"{item} is withdrawn.", "The reason is part of the record.")

    return _take(visit, incident, form, f"withdraw-{item}", step)


def _take(visit: Visit, incident: str, form: Typed, about: str, step: Callable[[], Any]) -> Response:
    visit.require(Permission.RESPOND)
    try:
        step()
    except NotAllowed as refused:
        return _remediation(visit, incident, refuse(visit, form, about, refused), 422)
    return visit.back(f"/incidents/{quote(incident)}/remediation")
