"""Alerts that open no incident reach whoever their monitors name (R-DET-10).

A roster and a monitor in force are all that it takes: before a playbook is in force no incident can open,
and whoever the monitor names is told so. What is raised together is told together: the first alert waits a
minute, and one message to each person lists it with all that came meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

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


def to_pass_on(
    alert: str,
    system: str,
    tells: Sequence[str],
    at: datetime,
    people: Mapping[str, str] = MappingProxyType({}),
) -> list[Fact]:
    """The fact that has an alert passed on; none where nobody is named. `people` are told besides whom its
    monitor names, by address, with why they are."""
    if not tells and not people:
        return []
    due, besides = at + WAIT, dict(people)
    return [AlertQueued(alert=alert, system=system, tells=tuple(tells), due=due, people=besides)]


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


@dataclass(frozen=True, slots=True)
class _Waits:
    """An alert that is to be told, with how it stands now."""

    alert: Alert
    led: Led
    roles: Sequence[str]
    """Whom its monitor names."""

    @property
    def people(self) -> Mapping[str, str]:
        """Who is told besides, and why."""
        return self.led.queued.people if self.led.queued else {}

    @property
    def is_news(self) -> bool:
        """Not when a person has dealt with it meanwhile. Of what opened an incident only those hear here who
        had decided on it before."""
        outcome = self.alert.outcome
        return outcome in ("waiting", "none", "joined") or (outcome == "opened" and bool(self.people))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who is told, and why."""

    person: str
    role: str
    why: str


def pass_on(ledger: Ledger, inbox: str, zone: str, timer: Timer, by: Actor, at: datetime) -> None:
    """The timer's handler: one message to each person about everything of this system that waits."""
    system = timer.data["system"]
    waiting = timers.armed(ledger, passing_timers(system))
    with ledger.reading() as conn:
        found = {one.data["alert"]: records.alert(conn, one.data["alert"]) for one in waiting}
    roster, signed = versions.active_roster(ledger), versions.active_playbook(ledger) is not None
    stand = [
        _Waits(alert, ALERTS.state(ledger, alert.alert), [*filter(None, one.data["tells"].split(","))])
        for one in waiting
        if (alert := found[one.data["alert"]])
    ]
    told = _by_person(roster.model, [one for one in stand if one.is_news]) if roster else {}
    messages = [
        _message(reader, mine, roster.model, system, inbox, zone, signed)
        for reader, mine in told.items()
        if roster
    ]
    stream = f"passed-on/{system}"
    of = {
        one.alert.alert: tuple(reader.person for reader, mine in told.items() if one in mine)
        for one in stand
        if one.is_news
    }
    passed = AlertsBundled(system=system, alerts=tuple(found), told={one: to for one, to in of.items() if to})
    ledger.append(Draft(stream, ledger.length(stream), [passed]), *messages, by=by, at=at, fires=timer)


def _by_person(roster: Roster, alerts: Iterable[_Waits]) -> dict[_Reader, list[_Waits]]:
    """What each person hears of, with why they are told; each alert once."""
    found: dict[str, tuple[_Reader, list[_Waits]]] = {}
    for one in alerts:
        named = [
            _Reader(roster.holder(role).id, role, f"as {role.replace('_', ' ')}, as the monitor asks")
            for role in one.roles
        ]
        besides = [_Reader(person, "", f"because {why}") for person, why in one.people.items()]
        for reader in (*besides, *named):
            _, mine = found.setdefault(reader.person, (reader, []))
            if one not in mine:
                mine.append(one)
    return dict(found.values())


def _message(
    reader: _Reader,
    alerts: Sequence[_Waits],
    roster: Roster,
    system: str,
    inbox: str,
    zone: str,
    signed: bool,
) -> Draft:
    named = roster.person(reader.person)
    name = named.name if named else reader.person
    what = (
        f"{alerts[0].alert.alert}: {alerts[0].alert.facts.monitor_name}"
        if len(alerts) == 1
        else wording.plural(len(alerts), "alert")
    )
    lines = [f"{name},", "", f"Monitors of {system} raised alerts:", ""]
    there = zone_of(roster, reader.person, zone)
    lines += _lines(alerts, there, signed)
    lines += ["", f"You are told {reader.why}.", inbox, ""]
    return outbox.queue(
        "email",
        reader.person,
        f"{system}: {what}",
        "\n".join(lines),
        zone=there,
        name=name,
        role=reader.role,
        about="alert",
    )


def _lines(alerts: Sequence[_Waits], zone: str, signed: bool) -> Iterator[str]:
    for one in alerts[:_LISTED]:
        alert = one.alert
        group = f", {wording.group(alert.facts.group)}" if alert.facts.group else ""
        when = wording.utc_and_local(alert.raised_at, zone)
        first, worst = alert.facts.reason.rstrip("."), one.led.gravest
        worse = f" Worse since: {wording.sentence(worst.reason)}" if worst and worst != alert.facts else ""
        back = f" It {wording.sentence(one.led.returned)}" if one.led.returned else ""
        led = _led_to(alert, signed)
        yield f"{alert.alert}, {alert.facts.monitor_name}{group}: {first}. Raised {when}.{worse}{back} {led}"
    for monitor, number in Counter(one.alert.facts.monitor_name for one in alerts[_LISTED:]).items():
        yield f"And {wording.plural(number, 'further alert')} of {monitor}."


def _led_to(alert: Alert, signed: bool) -> str:
    if alert.outcome == "opened":
        return f"It opened {alert.incident}."
    if alert.incident:
        return f"It belongs to {alert.incident}."
    if alert.outcome == "none":
        return "It opened no incident."
    if signed:
        return "The playbook's triggers decide in a moment whether it opens an incident."
    return "It opened no incident: no playbook is in force. The triggers of the one to come decide."
