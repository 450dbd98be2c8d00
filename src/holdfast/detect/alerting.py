"""What happens after an alert: it joins the incident that is running, opens one, or waits for a person.

An alert on a system whose incident is not resolved yet joins it: what goes wrong in one system at one time
has one cause until somebody finds otherwise, and a person reporting and a monitor firing end in one
incident (R-DET-15). Otherwise the playbook's triggers decide (R-PRE-07).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from holdfast import wording
from holdfast.detect import records
from holdfast.detect.events import AlertRaised, AlertSetAside, AlertTriaged
from holdfast.detect.passing import to_pass_on
from holdfast.detect.records import Alert
from holdfast.incident import register
from holdfast.incident.incident import Incident, Status
from holdfast.incident.register import Filter
from holdfast.incident.responding import Desk, Report
from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.people import SYSTEM, Actor
from holdfast.prepare import versions
from holdfast.problems import NotAllowed


class _Triaged(Exception):
    """Somebody else was faster, or it was done before a crash: there is nothing to do."""


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
        try:
            self._triage(fact, at)
        except _Triaged:
            return

    def _triage(self, fact: AlertRaised, at: datetime) -> None:
        alert = fact.alert.alert
        with self.ledger.reading() as conn:
            running = _running(register.find(conn, Filter(system=fact.system, running=True)))
        if running:
            reason = f"{running} is running for {fact.system}"
            led = self._leads_to(alert, "joined", reason, to_pass_on(alert, fact.system, fact.tells, at))
            self.desk.join(running, fact.alert, by=SYSTEM, at=at, together=led)
            return
        trigger = self.desk.trigger(fact.alert, fact.system)
        if trigger.opens:
            told = self._leads_to(alert, "opened", trigger.reason)
            self.desk.open(self._report(fact), by=SYSTEM, at=at, together=told)
            return
        led = self._leads_to(alert, "none", trigger.reason, to_pass_on(alert, fact.system, fact.tells, at))
        self.ledger.append(*led(""), by=SYSTEM, at=at)

    def _leads_to(
        self, alert: str, outcome: str, reason: str, further: Sequence[Fact] = ()
    ) -> Callable[[str], list[Draft]]:
        """The draft that notes what an alert led to; raises _Triaged when that is noted already."""

        def draft(incident: str) -> list[Draft]:
            stream = self.ledger.stream(f"alert/{alert}")
            if any(isinstance(fact, (AlertTriaged, AlertSetAside)) for fact in stream.events):
                raise _Triaged
            fact = AlertTriaged(alert=alert, incident=incident, outcome=outcome, reason=reason)
            return [Draft(stream.name, stream.version, [fact, *further])]

        return draft

    def open_incident(self, alert: str, *, by: Actor, at: datetime) -> str:
        """A person opens an incident for an alert that did not open one itself."""
        found = self.require(alert)
        if found.incident:
            return found.incident
        fact = AlertRaised(system=found.system, series=found.series, tells=(), alert=found.facts)
        stream = self.ledger.stream(f"alert/{alert}")

        def noted(incident: str) -> list[Draft]:
            opened = AlertTriaged(
                alert=alert, incident=incident, outcome="opened", reason=f"opened by {by.name}"
            )
            return [Draft(stream.name, stream.version, [opened])]

        return self.desk.open(self._report(fact), by=by, at=at, together=noted)

    def set_aside(self, alert: str, reason: str, false_alarm: bool, *, by: Actor, at: datetime) -> None:
        """A person decides that an alert is no incident, and whether it was a false alarm (R-DET-09)."""
        found = self.require(alert)
        if not reason.strip():
            raise NotAllowed("say why this is no incident; the reason is part of the record")
        if found.incident:
            raise NotAllowed(f"{alert} belongs to {found.incident}; dismiss the incident instead")
        fact = AlertSetAside(
            alert=alert,
            system=found.system,
            monitor=found.facts.monitor,
            false_alarm=false_alarm,
            reason=reason.strip(),
        )
        self._append(alert, fact, by, at)

    def require(self, alert: str) -> Alert:
        """The alert. Raises NotAllowed where there is none."""
        with self.ledger.reading() as conn:
            found = records.alert(conn, alert)
        if found is None:
            raise NotAllowed(f"there is no alert {alert}; the inbox shows all")
        return found

    def _report(self, fact: AlertRaised) -> Report:
        system = versions.active_systems(self.ledger).get(fact.system)
        named = system.model.name if system else fact.system
        newest = max(system.model.models, key=lambda m: m.in_production_since) if system else None
        group = f" for {wording.group(fact.alert.group)}" if fact.alert.group else ""
        return Report(
            title=f"{named}: {fact.alert.monitor_name.lower()}{group} out of bounds",
            system=fact.system,
            model_version=newest.version if newest else "",
            alert=fact.alert,
        )

    def _append(self, alert: str, fact: Fact, by: Actor, at: datetime) -> None:
        stream = self.ledger.stream(f"alert/{alert}")
        self.ledger.append(Draft(stream.name, stream.version, [fact]), by=by, at=at)


def _running(incidents: list[Incident]) -> str:
    """The newest incident that a new alert on the system joins: one that is not resolved yet."""
    unresolved = [one for one in incidents if one.status is not Status.RESOLVED]
    return max(unresolved, key=lambda one: int(one.id.removeprefix("INC-"))).id if unresolved else ""
