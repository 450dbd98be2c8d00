"""The alert inbox: what monitors raised and what became of it (R-DET-09)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote

from fastapi import APIRouter, Response

from holdfast import wording
from holdfast.detect.bounds import bounds_of
from holdfast.detect.passing import told_said
from holdfast.detect.records import Alert
from holdfast.evidence import custody
from holdfast.incident import register
from holdfast.interfaces.standing import silent_systems, working_of
from holdfast.interfaces.web import lists
from holdfast.interfaces.web.access import Visit, takes, visit
from holdfast.interfaces.web.errors import status_of
from holdfast.interfaces.web.typed import NOTHING, Typed, Wrong, refuse, typed
from holdfast.interfaces.web.views.declaring import notice_running
from holdfast.prepare import versions
from holdfast.problems import NotAllowed
from holdfast.shapes.detection import Acknowledging, Attaching, SettingAside
from holdfast.steps import alerts as steps

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
def inbox(visit: visit, shown: str = "", system: str = "", page: int = 1) -> Response:
    return _inbox(visit, NOTHING, shown, system, page)


def _inbox(
    visit: Visit, form: Typed, shown: str = "", system: str = "", page: int = 1, status: int = 200
) -> Response:
    """The inbox; buttons stand beside what waits and what is in an incident that is running."""
    chosen = shown if shown in SHOWN else ""
    ledger = visit.application.ledger
    inventory = versions.active_systems(ledger)
    applied = versions.active_roster(ledger)
    roster = applied.model if applied else None
    models = {name: applied.model for name, applied in inventory.items()}
    with ledger.reading() as conn:
        found = lists.alert_groups(conn, SHOWN[chosen][1], models, system, lists.bounded(page))
        running = register.unresolved(conn, limit=_TO_CHOOSE)
        counts = {
            key: lists.alerts(conn, outcomes, system, size=1).total for key, (_, outcomes) in SHOWN.items()
        }
        unheard = silent_systems(conn, models, visit.application.workspace, visit.now)
        bounds = bounds_of(ledger, models, visit.now, working=working_of(visit.application).runs)
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
        silent=[one.system.name for one in unheard],
        bounds=bounds,
        typed=form,
        told={
            one.alert: told_said(one, roster, visit.now) for group in found.entries for one in group.alerts
        },
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


@router.post("/alerts/{alert}/incident", **takes(steps.open_incident))
def open_incident(visit: visit, alert: str) -> Response:
    """Open an incident for an alert that opened none by itself."""
    what = steps.open_incident(visit.call, alert)
    if what.joined:
        visit.notice(f"{what.belongs}.", "No other was opened.")
    else:
        frozen = custody.frozen_said(visit.application.ledger, what.incident)
        visit.notice(f"{what.incident} is open.", f"It was opened for {alert}. {frozen}")
    notice_running(visit, what)
    return visit.back(f"/incidents/{quote(what.incident)}")


# A form names an alert, or a monitor, the incident its alerts are in if any, and the newest that was seen;
# and the card that it stands on, by which its fields are told from those of the other cards.


@router.post("/alerts/acknowledgement", **takes(steps.acknowledge))
def acknowledge(visit: visit, form: typed) -> Response:
    """Somebody looks into alerts."""

    try:
        seen = steps.acknowledge(visit.call, form.read(Acknowledging, up_to="up-to", incident="in"))
    except NotAllowed as refused:
        return _refused(visit, form, "card", refused)
    if not seen.before:
        return _handle(visit, form, "card", "acknowledged", lambda: seen.alerts)
    visit.notice(f"{seen.sentence}.")
    return _back(visit, form)


@router.post("/alerts/attachment", **takes(steps.attach))
def attach(visit: visit, form: typed) -> Response:
    """Alerts belong to an incident that is running."""
    about = f"incident-{form.text('card')}"

    def step() -> Sequence[Alert]:
        if not form.text(about):
            raise Wrong(about, "choose the incident that they belong to")
        return steps.attach(visit.call, form.read(Attaching, up_to="up-to", incident=about))

    return _handle(visit, form, about, f"attached to {form.text(about)}", step)


@router.post("/alerts/setting-aside", **takes(steps.set_aside))
def set_aside(visit: visit, form: typed) -> Response:
    """Decide that alerts are no incident, and whether they were false alarms."""
    card = form.text("card")
    about, false_alarm = f"reason-{card}", f"false-{card}"
    called = {"up_to": "up-to", "incident": "in", "reason": about, "false_alarm": false_alarm}

    def step() -> Sequence[Alert]:
        return steps.set_aside(visit.call, form.read(SettingAside, **called))

    counted = "Counted as false alarms of their monitor." if form.ticked(false_alarm) else ""
    return _handle(visit, form, about, "set aside", step, counted)


def _handle(
    visit: Visit,
    form: Typed,
    about: str,
    done: str,
    step: Callable[[], Sequence[Alert]],
    counted: str = "",
) -> Response:
    try:
        handled = step()
    except NotAllowed as refused:
        return _refused(visit, form, about, refused)
    of = f" of {form.text('monitor').partition('/')[2]}" if form.text("monitor") else ""
    named = handled[0].alert if len(handled) == 1 else f"{wording.plural(len(handled), 'alert')}{of}"
    visit.notice(f"{named} {'is' if len(handled) == 1 else 'are'} {done}.", counted)
    return _back(visit, form)


def _refused(visit: Visit, form: Typed, about: str, why: NotAllowed) -> Response:
    return _inbox(visit, refuse(visit, form, about, why), form.text("tab"), status=status_of(why))


def _back(visit: Visit, form: Typed) -> Response:
    shown = form.text("tab")
    return visit.back(_address(shown if shown in SHOWN else "", ""))
