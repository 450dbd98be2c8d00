"""The alert inbox: what monitors raised and what became of it (R-DET-09)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote

from fastapi import APIRouter, Response

from holdfast import wording
from holdfast.detect import records
from holdfast.detect.bounds import bounds_of
from holdfast.detect.records import Alert
from holdfast.evidence import custody
from holdfast.incident import register
from holdfast.interfaces.standing import silent_systems, working_of
from holdfast.interfaces.web import lists
from holdfast.interfaces.web.access import Visit, visit
from holdfast.interfaces.web.typed import NOTHING, Typed, refuse, typed
from holdfast.people import Permission
from holdfast.prepare import versions
from holdfast.problems import NotAllowed

router = APIRouter()

SHOWN: dict[str, tuple[str, Sequence[str]]] = {
    "": ("Waiting for a person", ("waiting", "none")),
    "incidents": ("In an incident", ("opened", "joined")),
    "aside": ("Set aside", ("set aside",)),
    "all": ("All", ()),
}
"""The tabs of the inbox: the word in the address, its name, and the outcomes it shows."""
_TO_CHOOSE = 200
"""Unresolved incidents that alerts can be attached to: those on their system, and those that name none."""

_TRIAGED = "Being triaged: the playbook's triggers decide in a moment."
_UNTRIAGED = "Not triaged: no playbook is in force. The triggers of the one that comes into force decide."


@router.get("/alerts")
def alerts(visit: visit, shown: str = "", system: str = "", page: int = 1) -> Response:
    return _inbox(visit, NOTHING, shown, system, page)


def _inbox(
    visit: Visit, form: Typed, shown: str = "", system: str = "", page: int = 1, status: int = 200
) -> Response:
    """The inbox; buttons stand beside what waits and what is in an incident that is running."""
    chosen = shown if shown in SHOWN else ""
    ledger = visit.application.ledger
    inventory = versions.active_systems(ledger)
    models = {name: applied.model for name, applied in inventory.items()}
    with ledger.reading() as conn:
        found = lists.alert_groups(conn, SHOWN[chosen][1], models, system, lists.bounded(page))
        running = register.unresolved(conn, limit=_TO_CHOOSE)
        counts = {
            key: lists.alerts(conn, outcomes, system, size=1).total for key, (_, outcomes) in SHOWN.items()
        }
        runs = records.runs(conn)
        bounds = bounds_of(conn, models.values(), visit.now, working=working_of(visit.application).runs)
    silent = [one.system.name for one in silent_systems(models, runs, visit.now)]
    tabs = [(title, _address(key, system), key == chosen, counts[key]) for key, (title, _) in SHOWN.items()]
    return visit.page(
        "pages/alerts.html",
        "alerts",
        status=status,
        found=found,
        tabs=tabs,
        turn=found.addresses("/alerts", {"shown": chosen, "system": system}),
        shown=chosen,
        chosen_system=system,
        systems={name: applied.model.name for name, applied in inventory.items()},
        silent=silent,
        bounds=bounds,
        typed=form,
        being_triaged=_TRIAGED if versions.active_playbook(ledger) else _UNTRIAGED,
        handled={"", *(one.id for one in running)},
        running={
            name: [("", "choose one")]
            + [(one.id, f"{one.id} {one.title}") for one in running if one.system in (name, "")]
            for name in inventory
        },
    )


def _address(shown: str, system: str) -> str:
    asked = "&".join(
        f"{key}={quote(value, safe='')}" for key, value in (("shown", shown), ("system", system)) if value
    )
    return f"/alerts?{asked}" if asked else "/alerts"


@router.post("/alerts/{alert}/incident")
def open_incident(visit: visit, alert: str) -> Response:
    """Open an incident for an alert that opened none by itself."""
    visit.require(Permission.DECLARE)
    incident = visit.application.alerting.open_incident(alert, by=visit.actor, at=visit.now)
    frozen = custody.frozen_said(visit.application.ledger, incident)
    visit.notice(f"{incident} is open.", f"It was opened for {alert}. {frozen}")
    return visit.back(f"/incidents/{quote(incident)}")


@router.post("/alerts/{alert}/dismissal")
def set_aside(visit: visit, alert: str, form: typed) -> Response:
    """Decide that an alert is no incident, and whether it was a false alarm."""
    visit.require(Permission.RESPOND)
    false_alarm = form.ticked(f"false-{alert}")
    try:
        visit.application.alerting.set_aside(
            alert, form.text(f"reason-{alert}"), false_alarm, by=visit.actor, at=visit.now
        )
    except NotAllowed as refused:
        return _inbox(visit, refuse(visit, form, f"reason-{alert}", refused), _tab(form), status=422)
    counted = "It counts as a false alarm of its monitor." if false_alarm else ""
    visit.notice(f"{alert} is set aside.", counted)
    return visit.back(_address(_tab(form), ""))


@router.post("/alerts/{alert}/acknowledgement")
def acknowledge(visit: visit, alert: str, form: typed) -> Response:
    """Somebody looks into an alert."""
    visit.require(Permission.RESPOND)
    visit.application.handling.acknowledge([alert], by=visit.actor, at=visit.now)
    visit.notice(f"{alert} is acknowledged.")
    return visit.back(_address(_tab(form), ""))


def _tab(form: Typed) -> str:
    """The tab that the form stood on: an alert of an incident names it."""
    return "incidents" if form.text("in") else ""


# Many at once: the form names a monitor, the incident they are in if any, and the newest that the person saw.


@router.post("/systems/{system}/alerts/{monitor}/acknowledgement")
def acknowledge_all(visit: visit, system: str, monitor: str, form: typed) -> Response:
    return _together(
        visit,
        (system, monitor),
        form,
        "incident",
        lambda ids: visit.application.handling.acknowledge(ids, by=visit.actor, at=visit.now),
        "acknowledged",
    )


@router.post("/systems/{system}/alerts/{monitor}/incident")
def attach_all(visit: visit, system: str, monitor: str, form: typed) -> Response:
    key = f"incident-{system}-{monitor}"
    incident = form.text(key)
    return _together(
        visit,
        (system, monitor),
        form,
        key,
        lambda ids: visit.application.handling.attach(ids, incident, by=visit.actor, at=visit.now),
        f"attached to {incident}",
    )


@router.post("/systems/{system}/alerts/{monitor}/dismissal")
def set_aside_all(visit: visit, system: str, monitor: str, form: typed) -> Response:
    group = "-".join(filter(None, (system, monitor, form.text("in"))))
    key, false_alarm = f"reason-{group}", form.ticked(f"false-{group}")
    return _together(
        visit,
        (system, monitor),
        form,
        key,
        lambda ids: visit.application.handling.set_aside(
            ids, form.text(key), false_alarm, by=visit.actor, at=visit.now
        ),
        "set aside",
    )


def _together(
    visit: Visit,
    of: tuple[str, str],
    form: Typed,
    key: str,
    step: Callable[[list[str]], list[Alert]],
    done: str,
) -> Response:
    visit.require(Permission.RESPOND)
    number = form.text("up-to")
    try:
        up_to = int(number) if number.isdecimal() else None
        handled = step(visit.application.handling.of_monitor(*of, up_to, form.text("in")))
    except NotAllowed as refused:
        return _inbox(visit, refuse(visit, form, key, refused), _tab(form), status=422)
    visit.notice(
        f"{wording.plural(len(handled), 'alert')} of {of[1]} {'is' if len(handled) == 1 else 'are'} {done}."
    )
    return visit.back(_address(_tab(form), ""))
