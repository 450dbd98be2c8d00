"""Alerts that open no incident reach whoever their monitors name (R-DET-10).

A roster and a monitor in force are all that it takes: before a playbook is in force no incident can open,
and whoever the monitor names is told so. What is raised together is told together: the first alert waits a
minute, and one message to each person lists it with all that came meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from holdfast import wording
from holdfast.detect import records
from holdfast.detect.events import (
    AlertQueued,
    AlertRaised,
    AlertsBundled,
    AlertSetAside,
    AlertTriaged,
    passing_timers,
)
from holdfast.detect.led import ALERTS, Led
from holdfast.detect.records import UNTOLD_AFTER, WAITING, Alert
from holdfast.incident.communication import zone_of
from holdfast.ledger import outbox, timers
from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.ledger import Draft, Ledger, Timer
from holdfast.people import SYSTEM, Actor
from holdfast.prepare import versions
from holdfast.prepare.events import PlaybookActivated
from holdfast.prepare.roster import Roster
from holdfast.problems import Waiting

WAIT = timedelta(minutes=1)
_LISTED = 10
"""Alerts told one by one; the rest is counted by monitor."""


def to_pass_on(alert: str, system: str, tells: Sequence[str], at: datetime) -> list[Fact]:
    """The fact that has an alert passed on; none where its monitor names nobody."""
    if not tells:
        return []
    return [AlertQueued(alert=alert, system=system, tells=tuple(tells), due=at + WAIT)]


def tell_untriaged(ledger: Ledger, recorded: Recorded, at: datetime) -> None:
    """The reaction to an alert that no playbook decides on yet. Once one is in force, its triage has it told.

    Handed the same fact again, it does nothing. Raises Waiting without a roster.
    """
    raised = recorded.fact
    if not isinstance(raised, AlertRaised) or versions.active_playbook(ledger):
        return
    if versions.active_roster(ledger) is None:
        raise Waiting(NO_ROSTER)
    alert = raised.alert.alert

    def decide(led: Led) -> list[Fact]:
        if led.queued or led.triaged or led.aside:
            return []  # told already, or for its triage to have told
        return to_pass_on(alert, raised.system, raised.tells, at)

    ALERTS.decide(ledger, alert, decide, by=SYSTEM, at=at)


NO_ROSTER = "no roster is in force, so that nobody can be told; run `holdfast apply`"


class Untold:
    """Every alert that was raised before a playbook was in force is passed on (a Trace)."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[int, str]] = {}
        self._signed = False

    def see(self, recorded: Recorded) -> None:
        match recorded.fact:
            case PlaybookActivated():
                self._signed = True
                self._waiting.clear()  # its triage has told whoever was not told before
            case AlertRaised(system=system, tells=tells) as raised if tells and not self._signed:
                name = raised.alert.alert
                self._waiting[name] = recorded.seq, f"nobody was told of {name} of {system}"
            case AlertQueued(alert=alert) | AlertTriaged(alert=alert) | AlertSetAside(alert=alert):
                self._waiting.pop(alert, None)

    def untouched(self) -> Iterator[tuple[int, str]]:
        yield from self._waiting.values()


def told_said(alert: Alert, roster: Roster | None, now: datetime) -> str:
    """Who is told of an alert that opened no incident, in a sentence; empty for every other."""
    if alert.outcome not in WAITING:
        return ""
    if alert.told:
        names = (roster.called(one) if roster else one for one in alert.told)
        return f"Messages queued to {', '.join(names)}."
    if roster is None:
        return "Nobody is told of it: no roster is in force."
    if alert.telling_at or now - alert.raised_at <= UNTOLD_AFTER:
        return "Whoever its monitor names is told within minutes."
    return "Nobody was told of it: no message about it was queued."


def pass_on(ledger: Ledger, inbox: str, zone: str, timer: Timer, by: Actor, at: datetime) -> None:
    """The timer's handler: one message to each person about everything of this system that waits."""
    system = timer.data["system"]
    waiting = timers.armed(ledger, passing_timers(system))
    with ledger.reading() as conn:
        found = {one.data["alert"]: records.alert(conn, one.data["alert"]) for one in waiting}
    roster, signed = versions.active_roster(ledger), versions.active_playbook(ledger) is not None
    alerts = [(one, found[one.data["alert"]]) for one in waiting]
    known = [(one.data["tells"].split(","), alert) for one, alert in alerts if alert and _is_news(alert)]
    told = _by_person(roster.model, known) if roster else {}
    messages = [
        _message(person, role, mine, roster.model, system, inbox, zone, signed)
        for (person, role), mine in told.items()
        if roster
    ]
    stream = f"passed-on/{system}"
    of = {
        alert.alert: tuple(person for (person, _), mine in told.items() if alert in mine)
        for _, alert in known
    }
    passed = AlertsBundled(system=system, alerts=tuple(found), told={one: to for one, to in of.items() if to})
    ledger.append(Draft(stream, ledger.length(stream), [passed]), *messages, by=by, at=at, fires=timer)


def _is_news(alert: Alert) -> bool:
    """Not when a person has dealt with it, or it opened an incident, meanwhile."""
    return alert.outcome in ("waiting", "none", "joined")


def _by_person(
    roster: Roster, alerts: Iterable[tuple[Sequence[str], Alert]]
) -> dict[tuple[str, str], list[Alert]]:
    """What each person hears of, with the role they are told as; each alert once."""
    found: dict[str, tuple[str, list[Alert]]] = {}
    for tells, alert in alerts:
        for role in tells:
            _, mine = found.setdefault(roster.holder(role).id, (role, []))
            if alert not in mine:
                mine.append(alert)
    return {(person, role): mine for person, (role, mine) in found.items()}


def _message(
    person: str,
    role: str,
    alerts: Sequence[Alert],
    roster: Roster,
    system: str,
    inbox: str,
    zone: str,
    signed: bool,
) -> Draft:
    named = roster.person(person)
    name = named.name if named else person
    what = (
        f"{alerts[0].alert}: {alerts[0].facts.monitor_name}"
        if len(alerts) == 1
        else wording.plural(len(alerts), "alert")
    )
    lines = [f"{name},", "", f"Monitors of {system} raised alerts:", ""]
    there = zone_of(roster, person, zone)
    lines += _lines(alerts, there, signed)
    lines += ["", f"You are told as {role.replace('_', ' ')}, as the monitor asks.", inbox, ""]
    subject = f"{system}: {what}"
    return outbox.queue(
        "email", person, subject, "\n".join(lines), zone=there, name=name, role=role, about="alert"
    )


def _lines(alerts: Sequence[Alert], zone: str, signed: bool) -> Iterator[str]:
    for alert in alerts[:_LISTED]:
        group = f", {wording.group(alert.facts.group)}" if alert.facts.group else ""
        led = _led_to(alert, signed)
        reason = alert.facts.reason.rstrip(".")
        when = wording.utc_and_local(alert.raised_at, zone)
        yield f"{alert.alert}, {alert.facts.monitor_name}{group}: {reason}. Raised {when}. {led}"
    for monitor, number in Counter(alert.facts.monitor_name for alert in alerts[_LISTED:]).items():
        yield f"And {wording.plural(number, 'further alert')} of {monitor}."


def _led_to(alert: Alert, signed: bool) -> str:
    if alert.incident:
        return f"It belongs to {alert.incident}."
    if alert.outcome == "none":
        return "It opened no incident."
    if signed:
        return "The playbook's triggers decide in a moment whether it opens an incident."
    return "It opened no incident: no playbook is in force. The triggers of the one to come decide."
