"""Alerts that open no incident reach whoever their monitors name (R-DET-10).

What is raised together is told together: the first alert waits a minute, and one message to each person
lists it with all that came meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from holdfast import wording
from holdfast.detect import records
from holdfast.detect.records import Alert
from holdfast.incident.communication import zone_of
from holdfast.ledger import outbox, timers
from holdfast.ledger.facts import Arm, Disarm, Fact, Line, fact, upcast
from holdfast.ledger.ledger import Draft, Ledger, Timer
from holdfast.people import Actor
from holdfast.prepare import versions
from holdfast.prepare.roster import Roster

PASS_ON_TIMER = "alerts.pass_on"  # noqa: S105 - the name of a timer
WAIT = timedelta(minutes=1)
_LISTED = 10
"""Alerts told one by one; the rest is counted by monitor."""


@fact("alert.queued")
class AlertQueued(Fact):
    """It opened no incident by itself: whoever its monitor names is told of it."""

    alert: str
    system: str
    tells: tuple[str, ...]
    """Incident roles."""
    due: datetime

    def timers(self) -> Iterable[Arm | Disarm]:
        data = {"system": self.system, "alert": self.alert, "tells": ",".join(self.tells)}
        yield Arm(f"{_timers_of(self.system)}{self.alert}", PASS_ON_TIMER, self.due, data)


@fact("alerts.bundled", version=2)
class AlertsBundled(Fact):
    """Messages about these alerts were queued; what became of each message is its own fact."""

    system: str
    alerts: tuple[str, ...]
    """Those that waited."""
    passed_on: tuple[str, ...]
    """Those of them that messages speak of: nobody had dealt with them."""
    told: tuple[str, ...]
    """Addresses."""

    def timers(self) -> Iterable[Arm | Disarm]:
        for alert in self.alerts:
            yield Disarm(f"{_timers_of(self.system)}{alert}")

    def line(self) -> Line:
        if not self.told:
            return Line(f"{wording.plural(len(self.alerts), 'alert')}: nobody is told any more")
        return Line(f"{wording.plural(len(self.passed_on), 'alert')}: messages queued", ", ".join(self.told))


@upcast("alerts.bundled", 1)
def _all_passed_on(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 2 it did not say of which alerts people were told."""
    return {**data, "passed_on": data["alerts"] if data["told"] else []}


def to_pass_on(alert: str, system: str, tells: Sequence[str], at: datetime) -> list[Fact]:
    """The fact that has an alert passed on; none where its monitor names nobody."""
    if not tells:
        return []
    return [AlertQueued(alert=alert, system=system, tells=tuple(tells), due=at + WAIT)]


def pass_on(ledger: Ledger, inbox: str, zone: str, timer: Timer, by: Actor, at: datetime) -> None:
    """The timer's handler: one message to each person about everything of this system that waits."""
    system = timer.data["system"]
    waiting = timers.armed(ledger, _timers_of(system))
    with ledger.reading() as conn:
        found = {one.data["alert"]: records.alert(conn, one.data["alert"]) for one in waiting}
    roster = versions.active_roster(ledger)
    alerts = [(one, found[one.data["alert"]]) for one in waiting]
    known = [(one.data["tells"].split(","), alert) for one, alert in alerts if alert and _is_news(alert)]
    told = _by_person(roster.model, known) if roster else {}
    messages = [
        _message(person, role, mine, roster.model, system, inbox, zone)
        for (person, role), mine in told.items()
        if roster
    ]
    stream = ledger.stream(f"passed-on/{system}")
    passed = AlertsBundled(
        system=system,
        alerts=tuple(found),
        passed_on=tuple(dict.fromkeys(alert.alert for mine in told.values() for alert in mine)),
        told=tuple(dict.fromkeys(person for person, _ in told)),
    )
    ledger.append(Draft(stream.name, stream.version, [passed]), *messages, by=by, at=at, fires=timer)


def _is_news(alert: Alert) -> bool:
    """Not when a person has dealt with it, or it opened an incident, meanwhile."""
    return alert.outcome in ("none", "joined")


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
    person: str, role: str, alerts: Sequence[Alert], roster: Roster, system: str, inbox: str, zone: str
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
    lines += _lines(alerts, there)
    lines += ["", f"You are told as {role.replace('_', ' ')}, as the monitor asks.", inbox, ""]
    subject = f"{system}: {what}"
    return outbox.queue(
        "email", person, subject, "\n".join(lines), zone=there, name=name, role=role, about="alert"
    )


def _lines(alerts: Sequence[Alert], zone: str) -> Iterator[str]:
    for alert in alerts[:_LISTED]:
        group = f", {wording.group(alert.facts.group)}" if alert.facts.group else ""
        led = f"It belongs to {alert.incident}." if alert.incident else "It opened no incident."
        reason = alert.facts.reason.rstrip(".")
        when = wording.utc_and_local(alert.raised_at, zone)
        yield f"{alert.alert}, {alert.facts.monitor_name}{group}: {reason}. Raised {when}. {led}"
    for monitor, number in Counter(alert.facts.monitor_name for alert in alerts[_LISTED:]).items():
        yield f"And {wording.plural(number, 'further alert')} of {monitor}."


def _timers_of(system: str) -> str:
    return f"alerts/{system}/"
