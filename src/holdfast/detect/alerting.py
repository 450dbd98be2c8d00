"""What happens after an alert: it joins the incident that is running, opens one, or waits for a person.

An alert on a system whose incident is not resolved yet joins it: what goes wrong in one system at one time
has one cause until somebody finds otherwise, and a person reporting and a monitor firing end in one
incident (R-DET-15). So does one that comes within a day of the only report that names no system; of several
such reports none is guessed, and an incident that the alert opens is related to them. Otherwise the
playbook's triggers decide (R-PRE-07).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from holdfast import wording
from holdfast.detect import records
from holdfast.detect.events import AlertContinued, AlertRaised, AlertSetAside, AlertTriaged
from holdfast.detect.led import ALERTS
from holdfast.detect.passing import to_pass_on
from holdfast.detect.records import Alert
from holdfast.incident import register
from holdfast.incident.events import AlertFacts
from holdfast.incident.incident import Incident, NoLongerOpen, OtherSystem
from holdfast.incident.responding import NEAR, Desk, Report
from holdfast.ledger.deciding import again
from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.ledger import Conflict, Draft, Ledger
from holdfast.people import SYSTEM, Actor
from holdfast.prepare import versions

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


class _Triaged(Exception):
    """Somebody else was faster, or it was done before a crash: there is nothing to do."""


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
        two workers that triage it at the same time, one finds it triaged.
        """
        fact = recorded.fact
        if not isinstance(fact, AlertRaised):
            return

        def attempt() -> None:
            try:
                self._triage(fact, at)
            except (NoLongerOpen, OtherSystem) as moved:
                # Resolved, or said to be about another system, after it was found: look again.
                raise Conflict(str(moved)) from moved

        with suppress(_Triaged):
            again(attempt, f"what {fact.alert.alert} could join")

    def _triage(self, fact: AlertRaised, at: datetime) -> None:
        alert = fact.alert.alert
        with self.ledger.reading() as conn:
            found = _belongs_to(register.unresolved(conn, fact.system, _LOOKED_AT), fact, at)
        if found.incident:
            led = self._leads_to(alert, "joined", found.why, to_pass_on(alert, fact.system, fact.tells, at))
            self.desk.join(found.incident, fact.alert, system=fact.system, by=SYSTEM, at=at, together=led)
            return
        trigger = self.desk.trigger(fact.alert, fact.system)
        reason = f"{trigger.reason}; {found.why}" if found.perhaps else trigger.reason
        if trigger.opens:
            told = self._leads_to(alert, "opened", reason)
            perhaps = dict.fromkeys(found.perhaps, f"{alert}: {found.why}")
            self.desk.open(self._report(fact), perhaps, by=SYSTEM, at=at, together=told)
            return
        led = self._leads_to(alert, "none", reason, to_pass_on(alert, fact.system, fact.tells, at))
        self.ledger.append(*led(""), by=SYSTEM, at=at)

    def _leads_to(
        self, alert: str, outcome: str, reason: str, further: Sequence[Fact] = ()
    ) -> Callable[[str], list[Draft]]:
        """The draft that notes what an alert led to; raises _Triaged when that is noted already."""

        def draft(incident: str) -> list[Draft]:
            read = ALERTS.load(self.ledger, alert)
            if read.state.triaged or read.state.aside:
                raise _Triaged
            fact = AlertTriaged(alert=alert, incident=incident, outcome=outcome, reason=reason)
            queued = read.state.queued  # before a playbook was signed
            return [read.draft([fact, *(() if queued else further)])]

        return draft

    def open_incident(self, alert: str, *, by: Actor, at: datetime) -> str:
        """A person opens an incident for an alert that did not open one itself."""
        found = self.require(alert)
        if found.incident:
            return found.incident
        fact = AlertRaised(system=found.system, series=found.series, tells=(), alert=found.facts)
        read = ALERTS.load(self.ledger, alert)

        def noted(incident: str) -> list[Draft]:
            opened = AlertTriaged(
                alert=alert, incident=incident, outcome="opened", reason=f"opened by {by.name}"
            )
            return [read.draft([opened])]

        return self.desk.open(self._report(fact), by=by, at=at, together=noted)

    def went_on(self, recorded: Recorded, at: datetime) -> None:
        """The reaction to an alert that goes on: worse than before, it changes what is proposed."""
        fact = recorded.fact
        if not isinstance(fact, AlertContinued):
            return
        found = self.require(fact.alert.alert)
        if found.incident and found.outcome != "set aside":
            self.desk.worsen(found.incident, fact.alert, by=SYSTEM, at=at)

    def require(self, alert: str) -> Alert:
        """The alert. Raises NoSuchAlert."""
        with self.ledger.reading() as conn:
            return records.require_alert(conn, alert)

    def _report(self, fact: AlertRaised) -> Report:
        system = versions.active_systems(self.ledger).get(fact.system)
        named = system.model.name if system else fact.system
        newest = max(system.model.models, key=lambda m: m.in_production_since) if system else None
        group = f" for {wording.group(fact.alert.group)}" if fact.alert.group else ""
        return Report(
            title=f"{named}: {_what(fact.alert)}{group}",
            system=fact.system,
            model_version=newest.version if newest else "",
            alert=fact.alert,
        )


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


def _belongs_to(running: Sequence[Incident], raised: AlertRaised, at: datetime) -> _Belonging:
    """The unresolved incident that an alert joins, and why, or those of which it may be one.

    That monitoring itself is down says nothing of what a report without a system is about.
    """
    on_it = next((one for one in running if one.system == raised.system), None)
    if on_it:
        return _Belonging(on_it.id, f"{on_it.id} is running for {raised.system}")
    if raised.alert.cannot_measure:
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
