"""What happens after an alert: it joins the incident that is running, opens one, or waits for a person.

An alert on a system whose incident is not resolved yet joins it: what goes wrong in one system at one time
has one cause until somebody finds otherwise, and a person reporting and a monitor firing end in one
incident (R-DET-15). So does one that comes within a day of the only report that names no system; of several
such reports none is guessed, and an incident that the alert opens is related to them. Otherwise the
playbook's triggers decide (R-PRE-07).

One idea for what comes after: an alert that is open is somebody's at every moment, and a decision on it
covers it as it was known. So an alert that goes on is handed to whoever works on its incident; where nobody
does, or it has grown beyond what was decided, the same question is asked of it anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from holdfast import wording
from holdfast.detect import records
from holdfast.detect.events import (
    AlertContinued,
    AlertRaised,
    AlertReturned,
    AlertSetAside,
    AlertTriaged,
)
from holdfast.detect.led import ALERTS, Led
from holdfast.detect.passing import to_pass_on
from holdfast.detect.records import Alert
from holdfast.incident import register, roles
from holdfast.incident.events import AlertFacts
from holdfast.incident.incident import Incident, NoLongerOpen, OtherSystem, Status
from holdfast.incident.responding import NEAR, Declared, Desk, Report
from holdfast.ledger.deciding import again
from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.folding import Folded
from holdfast.ledger.ledger import Conflict, Draft, Ledger
from holdfast.people import SYSTEM, Actor, IncidentRole
from holdfast.prepare import versions
from holdfast.prepare.events import SystemApplied

_LOOKED_AT = 200
"""Unresolved incidents an alert is compared with: those on its system, then the newest."""
_PERHAPS = 10
"""Reports that an incident is related to, the newest, where each of them may be what its alert is about."""


@dataclass(frozen=True, slots=True)
class _Belonging:
    """What of all that runs an alert is about."""

    incident: str = ""
    """The one it joins; empty where it stands alone."""
    why: str = ""
    perhaps: tuple[str, ...] = ()
    """Incidents of which each may be, so that none is guessed."""


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of an alert that has no incident: which one it joins, or whether it opens one."""

    read: Folded[Led]
    raised: AlertRaised
    alert: AlertFacts
    """What is so of it now."""
    returned: AlertReturned | None = None
    """Why what was decided on it before does not count any more."""
    people: Mapping[str, str] = field(default_factory=dict)
    """Who decided that and is told, by address, and why they are."""

    @property
    def name(self) -> str:
        return self.alert.alert

    @property
    def again(self) -> bool:
        return self.read.state.triaged and not self.returned

    @property
    def began_at(self) -> datetime | None:
        return self.alert.window_start if self.returned else self.read.state.began_at

    def told(self, at: datetime) -> list[Fact]:
        """Has it passed on, unless people know it like that already."""
        if not self.returned and not self.read.state.is_news(self.alert):
            return []
        return to_pass_on(self.name, self.raised.system, self.raised.tells, at, self.people)


class _Moved(Exception):
    """Something else became of the alert after it was read."""


class Triaged:
    """Every alert that was raised is triaged, or set aside by a person before it was (a Trace)."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[int, str]] = {}

    def see(self, recorded: Recorded) -> None:
        match recorded.fact:
            case AlertRaised(system=system) as raised:
                name = raised.alert.alert
                self._waiting[name] = recorded.seq, f"{name} of {system} was never triaged"
            case AlertTriaged(alert=alert) | AlertSetAside(alert=alert):
                self._waiting.pop(alert, None)

    def untouched(self) -> Iterator[tuple[int, str]]:
        yield from self._waiting.values()


class Alerting:
    """Steps on alerts."""

    def __init__(self, ledger: Ledger, desk: Desk) -> None:
        self.ledger = ledger
        self.desk = desk

    def triage(self, recorded: Recorded, at: datetime) -> None:
        """The reaction to a raised alert. Handed the same fact again, it finds that nothing is left to do.

        What the alert led to stands in the transaction that leads there, on the alert as it was read: of
        two workers that triage it at the same time, one finds it triaged. An alert that went on before
        anybody triaged it is judged by its gravest window.
        """
        fact = recorded.fact
        if not isinstance(fact, AlertRaised):
            return

        def decide(read: Folded[Led]) -> None:
            led = read.state
            if not (led.triaged or led.aside):
                self._ask(_Question(read, fact, led.gravest or fact.alert), at)

        self._decide(fact.alert.alert, decide)

    def went_on(self, recorded: Recorded, at: datetime) -> None:
        """The reaction to an alert that goes on. Whoever works on it learns of it; where nobody does, it is
        asked again what it leads to: each time it is graver than ever before, once what a person decided on
        it cannot be meant for it any more, and always after its incident is over."""
        fact = recorded.fact
        if not isinstance(fact, AlertContinued):
            return
        alert = fact.alert

        def decide(read: Folded[Led]) -> None:
            led = read.state
            if led.raised is None:
                return
            question = _Question(read, led.raised, alert)
            if led.aside:
                self._beyond_what_was_set_aside(question, at)
            elif led.to:
                self._in_incident(question, led.to, recorded.at, at)
            elif led.triaged and alert == led.gravest:
                self._ask(question, at)
            elif led.queued and led.is_news(alert):
                self.ledger.append(read.draft(question.told(at)), by=SYSTEM, at=at)

        self._decide(alert.alert, decide)

    def came_back(self, recorded: Recorded, at: datetime) -> None:
        """The reaction to an alert whose monitor has one in an incident that is resolved: it was not over.
        What the new alert leads to is its triage's."""
        fact = recorded.fact
        if not isinstance(fact, AlertRaised) or fact.alert.cannot_measure:
            return
        with self.ledger.reading() as conn:
            resolved = register.resolved(conn, fact.system)
        for one in resolved:
            known = any(alert.monitor == fact.alert.monitor for alert in one.own_alerts)
            if known and one.resolved_at and one.resolved_at <= recorded.at:
                with suppress(NoLongerOpen):  # closed meanwhile
                    self.desk.came_back(one.id, fact.alert, by=SYSTEM, at=at)

    def rules_changed(self, recorded: Recorded, at: datetime) -> None:
        """The reaction to a playbook that comes into force, and to a system that is applied anew: alerts that
        are open and have no incident are asked again, by the rules as they are now."""
        fact = recorded.fact
        of = fact.system if isinstance(fact, SystemApplied) else ""
        if versions.active_playbook(self.ledger) is None:
            return
        with self.ledger.reading() as conn:
            waiting = records.find_alerts(conn, system=of, state="open", waiting=True, limit=None)
        known = versions.active_systems(self.ledger)

        def decide(read: Folded[Led]) -> None:
            led = read.state
            now = led.newest if led.triaged else led.gravest
            if led.raised and now and led.open and not (led.to or led.aside):
                self._ask(_Question(read, led.raised, now), at)

        for one in reversed(waiting):
            if one.system in known:
                self._decide(one.alert, decide)

    def _decide(self, alert: str, decide: Callable[[Folded[Led]], None]) -> None:
        """Decide on an alert as it is read; again where it, or the incident it was to join, has moved."""

        def attempt() -> None:
            try:
                decide(ALERTS.load(self.ledger, alert))
            except (NoLongerOpen, OtherSystem, _Moved) as moved:
                # Resolved, or said to be about another system, after it was found: look again.
                raise Conflict(str(moved)) from moved

        again(attempt, f"what {alert} could join")

    def _beyond_what_was_set_aside(self, question: _Question, at: datetime) -> None:
        """A person's word stands for the alert as it was known; clearly graver, it is another matter."""
        led = question.read.state
        if led.decided is None or led.aside_at is None or not question.alert.clearly_graver_than(led.decided):
            return
        who = led.aside_by
        by = f" by {who.name}" if who else ""
        why = f"is clearly graver than when it was set aside{by} on {wording.utc(led.aside_at)}"
        people = {who.id: "you set it aside"} if who else {}
        self._ask(self._returning(question, why, led.to, people), at)

    def _in_incident(self, question: _Question, incident: str, seen_at: datetime, at: datetime) -> None:
        """The incident hears of it while it is not over; what it was told before it ended is known there."""
        with self.ledger.reading() as conn:
            state = register.get(conn, incident)
            while state.merged_into:
                state = register.get(conn, state.merged_into)
        ended = state.closed_at or state.resolved_at
        if ended and seen_at < ended:
            return
        if not state.status.over:
            self.desk.worsen(state.id, question.alert, by=SYSTEM, at=at)
            return
        why = f"goes on after {state.id} was {state.status.value} on {wording.utc(ended or at)}"
        roster = versions.active_roster(self.ledger)
        commander = roles.holder(state, roster.model, IncidentRole.INCIDENT_COMMANDER) if roster else None
        people = {commander.person: f"you were to command {state.id}"} if commander else {}
        self._ask(self._returning(question, why, state.id, people), at)

    def _returning(self, question: _Question, why: str, left: str, people: Mapping[str, str]) -> _Question:
        roster = versions.active_roster(self.ledger)
        known = {one: said for one, said in people.items() if roster and roster.model.person(one)}
        system, alert = question.raised.system, question.alert
        returned = AlertReturned(system=system, alert=alert, reason=why, left=left)
        return replace(question, returned=returned, people=known)

    def _ask(self, question: _Question, at: datetime) -> None:
        """Which incident it joins, else whether the playbook's triggers open one; else people are told."""
        system, alert = question.raised.system, question.alert
        with self.ledger.reading() as conn:
            running = register.unresolved(conn, system, _LOOKED_AT)
        found = _belongs_to(running, system, alert, at)
        if found.incident:
            led = self._leads_to(question, "joined", found.why, question.told(at))
            self.desk.join(found.incident, alert, system=system, by=SYSTEM, at=at, together=led)
            return
        if question.returned and versions.active_playbook(self.ledger) is None:
            self.ledger.append(question.read.draft([question.returned, *question.told(at)]), by=SYSTEM, at=at)
            return
        trigger = self.desk.trigger(alert, system)
        reason = f"{trigger.reason}; {found.why}" if found.perhaps else trigger.reason
        if trigger.opens:
            heard = to_pass_on(question.name, system, (), at, question.people)
            told = self._leads_to(question, "opened", reason, heard)
            perhaps = dict.fromkeys(found.perhaps, f"{question.name}: {found.why}")
            report = self._report(question.raised, alert, question.began_at)
            self.desk.open(report, perhaps, by=SYSTEM, at=at, together=told)
            return
        if question.again:
            facts = question.told(at)  # that it leads to none is on record
            draft = [question.read.draft(facts)] if facts else []
        else:
            draft = self._leads_to(question, "none", reason, question.told(at))("")
        if draft:
            self.ledger.append(*draft, by=SYSTEM, at=at)

    def _leads_to(
        self, question: _Question, outcome: str, reason: str, further: Sequence[Fact] = ()
    ) -> Callable[[str], list[Draft]]:
        """The draft that notes what an alert led to; raises _Moved when it is not as it was read any more."""
        back: list[Fact] = [question.returned] if question.returned else []
        why = f"{question.returned.reason}; {reason}" if question.returned else reason

        def draft(incident: str) -> list[Draft]:
            if self.ledger.length(question.read.stream) != question.read.version:
                raise _Moved(f"{question.name} was handled by somebody else meanwhile")
            fact = AlertTriaged(alert=question.name, incident=incident, outcome=outcome, reason=why)
            return [question.read.draft([*back, fact, *further])]

        return draft

    def open_incident(self, alert: str, *, by: Actor, at: datetime) -> Declared:
        """A person opens an incident for an alert that none is running for; says which is, and what else runs
        that it might belong to. One that was set aside is taken back."""
        found = self.require(alert)
        read = ALERTS.load(self.ledger, alert)
        with self.ledger.reading() as conn:
            before = register.get(conn, found.incident) if found.incident else Incident()
            running = register.unresolved(conn, found.system)
        resolved = before.status is Status.RESOLVED
        if before.id and not (resolved or before.status.over or read.state.aside):
            besides = tuple(one for one in running if one.id != found.incident)
            return Declared(found.incident, True, besides, f"{alert} belongs to {found.incident} already")
        now, began_at = read.state.gravest or found.facts, read.state.began_at
        if before.resolved_at:
            went_on = before.went_on.get(alert)
            now = went_on.alert if went_on else read.state.newest or now
            began_at = now.window_start
        related = {before.id: f"{alert} goes on after it was resolved"} if resolved else {}
        raised = AlertRaised(system=found.system, series=found.series, tells=(), alert=found.facts)

        why = f"opened by {by.name}{_taken_back(found, read.state)}"

        def noted(incident: str) -> list[Draft]:
            opened = AlertTriaged(alert=alert, incident=incident, outcome="opened", reason=why)
            return [read.draft([opened])]

        report = self._report(raised, now, began_at)
        incident = self.desk.open(report, related, by=by, at=at, together=noted)
        return Declared(incident, False, tuple(running))

    def require(self, alert: str) -> Alert:
        """The alert. Raises NoSuchAlert."""
        with self.ledger.reading() as conn:
            return records.require_alert(conn, alert)

    def _report(self, fact: AlertRaised, now: AlertFacts, began_at: datetime | None) -> Report:
        system = versions.active_systems(self.ledger).get(fact.system)
        named = system.model.name if system else fact.system
        newest = max(system.model.models, key=lambda m: m.in_production_since) if system else None
        group = f" for {wording.group(now.group)}" if now.group else ""
        return Report(
            title=f"{named}: {_what(now)}{group}",
            system=fact.system,
            model_version=newest.version if newest else "",
            began_at=began_at,
            alert=now,
        )


def _taken_back(alert: Alert, led: Led) -> str:
    """That what a person said of an alert before does not stand any more; empty where nobody set it aside."""
    if not led.aside or led.aside_at is None:
        return ""
    kind = "a false alarm" if alert.false_alarm else "no incident"
    who = f" by {led.aside_by.name}" if led.aside_by else ""
    return f"; it was set aside as {kind}{who} on {wording.utc(led.aside_at)}, and that is taken back"


def set_aside_draft(ledger: Ledger, alert: Alert, reason: str, false_alarm: bool, incident: str) -> Draft:
    """Sets an alert aside, from or with the incident it belonged to."""
    aside = AlertSetAside(
        alert=alert.alert,
        system=alert.system,
        monitor=alert.facts.monitor,
        false_alarm=false_alarm,
        reason=reason.strip(),
        led_to=incident,
    )
    return ALERTS.load(ledger, alert.alert).draft([aside])


def moved_draft(ledger: Ledger, alert: Alert, into: str, reason: str) -> Draft:
    """An alert goes with its incident, when that is merged into another."""
    moved = AlertTriaged(alert=alert.alert, incident=into, outcome="joined", reason=reason)
    return ALERTS.load(ledger, alert.alert).draft([moved])


def _belongs_to(running: Sequence[Incident], system: str, alert: AlertFacts, at: datetime) -> _Belonging:
    """The unresolved incident that an alert joins, and why, or those of which it may be one; none that a
    person set it aside from.

    That monitoring itself is down says nothing of what a report without a system is about.
    """
    running = [one for one in running if alert.alert not in one.set_aside]
    on_it = next((one for one in running if one.system == system), None)
    if on_it:
        return _Belonging(on_it.id, f"{on_it.id} is running for {system}")
    if alert.cannot_measure:
        return _Belonging()
    reports = [one.id for one in running if not one.system and one.opened_at and at - one.opened_at <= NEAR]
    if len(reports) == 1:
        return _Belonging(reports[0], f"{reports[0]} was reported within a day and names no system")
    if not reports:
        return _Belonging()
    newest = tuple(reports[:_PERHAPS])
    others = f" and {len(reports) - _PERHAPS} more" if len(reports) > _PERHAPS else ""
    why = f"{', '.join(newest)}{others} were reported within a day and name no system: it may be one of them"
    return _Belonging(why=why, perhaps=newest)


def _what(alert: AlertFacts) -> str:
    name = alert.monitor_name.lower()
    return name if alert.cannot_measure else f"{name} out of bounds"
