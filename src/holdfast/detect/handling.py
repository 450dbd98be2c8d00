"""What a person does with many alerts at once: 300 alarms of one monitor are one decision.

Each step is one transaction: all of the alerts, or none when one of them cannot be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from holdfast import wording
from holdfast.detect import records
from holdfast.detect.events import AlertAcknowledged, AlertSetAside, AlertTriaged
from holdfast.detect.led import ALERTS
from holdfast.detect.records import Alert, NoSuchAlert
from holdfast.incident.responding import Desk
from holdfast.ledger.deciding import settle
from holdfast.ledger.facts import Fact
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.people import Actor
from holdfast.problems import NotAllowed

MOST = 1000
"""Alerts handled in one step."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Alerts that somebody acknowledged, and who was first where somebody else was."""

    alerts: Sequence[Alert]
    before: Sequence[Alert]
    """Those that were acknowledged before this step."""

    @property
    def sentence(self) -> str:
        known = {one.alert for one in self.before}
        new = [one.alert for one in self.alerts if one.alert not in known]
        named = new[0] if len(new) == 1 else wording.plural(len(new), "alert")
        said = [f"{named} {'is' if len(new) == 1 else 'are'} acknowledged"] if new else []
        by = dict[tuple[str, datetime | None], list[str]]()
        for one in self.before:
            by.setdefault((one.acknowledged_by, one.acknowledged_at), []).append(one.alert)
        for (name, when), alerts in by.items():
            moment = f", {when:%d %b %H:%M:%S} UTC" if when else ""
            said.append(f"{name} acknowledged {_some(alerts)} before{moment}")
        return "; ".join(said)


class Handling:
    """Steps on several alerts together. Person and time are passed to every verb."""

    def __init__(self, ledger: Ledger, desk: Desk) -> None:
        self.ledger = ledger
        self.desk = desk

    def acknowledge(self, alerts: Iterable[str], *, by: Actor, at: datetime) -> Seen:
        """A person has seen them and looks into it; what they lead to is still open. Says who was first."""
        ids, before = list(dict.fromkeys(alerts)), list[Alert]()

        def drafts() -> list[Draft]:
            found = self._known(ids)
            before[:] = [one for one in found if one.acknowledged_by]
            return [
                self._in_hand(
                    one, AlertAcknowledged(alert=one.alert, system=one.system, monitor=one.facts.monitor)
                )
                for one in found
                if not one.acknowledged_by
            ]

        settle(self.ledger, drafts, "who acknowledged these alerts", by=by, at=at)
        return Seen(self._all(ids), before)

    def attach(self, alerts: Iterable[str], incident: str, *, by: Actor, at: datetime) -> list[Alert]:
        """They belong to an incident that is running (R-DET-15)."""
        if not incident:
            raise NotAllowed("choose the incident that they belong to")
        found = self._waiting(alerts)
        reason = f"attached by {by.name}"

        def noted(joined: str) -> list[Draft]:
            return [
                self._draft(
                    one, AlertTriaged(alert=one.alert, incident=joined, outcome="joined", reason=reason)
                )
                for one in found
            ]

        system, *others = sorted({one.system for one in found})
        if others:
            raise NotAllowed(
                f"they are about {' and '.join([system, *others])}; one record speaks of one system. Attach "
                "those of one system at a time"
            )
        facts = [ALERTS.state(self.ledger, one.alert).gravest or one.facts for one in found]
        self.desk.join_all(incident, facts, system=system, by=by, at=at, together=noted)
        return self._all(one.alert for one in found)

    def set_aside(
        self, alerts: Iterable[str], reason: str, false_alarm: bool, *, by: Actor, at: datetime
    ) -> list[Alert]:
        """They are no incident, and whether they were false alarms (R-DET-09).

        Those of an incident that goes on leave it: the rules no longer count them.
        """
        if not reason.strip():
            raise NotAllowed("say why this is no incident; the reason is part of the record")
        ids = list(dict.fromkeys(alerts))

        def drafts() -> list[Draft]:
            return self._aside(self._known(ids), reason, false_alarm, by, at)

        settle(self.ledger, drafts, "what these alerts belong to", by=by, at=at)
        return self._all(ids)

    def _aside(
        self, found: Sequence[Alert], reason: str, false_alarm: bool, by: Actor, at: datetime
    ) -> list[Draft]:
        """Each alert, and each incident that some of them leave."""
        drafts = []
        for incident in dict.fromkeys(one.incident for one in found if one.incident):
            leaving = [one.alert for one in found if one.incident == incident]
            drafts += self.desk.set_alerts_aside(incident, leaving, reason, false_alarm, by=by, at=at)
        for one in found:
            aside = AlertSetAside(
                alert=one.alert,
                system=one.system,
                monitor=one.facts.monitor,
                false_alarm=false_alarm,
                reason=reason.strip(),
                led_to=one.incident,
            )
            drafts.append(self._in_hand(one, aside))
        return drafts

    def chosen(
        self, alerts: Sequence[str], monitor: str = "", up_to: int | None = None, incident: str = ""
    ) -> list[str]:
        """The alerts that are named, and those of the monitor that is (`system/monitor`): of the incident, or
        waiting. Raises NotAllowed where that names none."""
        if not monitor:
            if incident:
                raise NotAllowed(f"which alerts of {incident} are meant? Name their monitor with it")
            return list(alerts)
        system, _, of = monitor.partition("/")
        own = self.of_monitor(system, of, up_to, incident)
        if not own:
            where = f"belongs to {incident}" if incident else "waits for a person"
            raise NotAllowed(f"no alert of {monitor} {where}; the list of alerts shows all")
        return [*alerts, *own]

    def of_monitor(
        self, system: str, monitor: str, up_to: int | None = None, incident: str = ""
    ) -> list[str]:
        """The alerts of one monitor, all its columns and groups, that wait for a person; with `incident`
        those that belong to it.

        `up_to` is the number of the newest that the person saw: what came since is not decided with it.
        """
        with self.ledger.reading() as conn:
            found = (
                reversed(records.alerts_of(conn, incident))
                if incident
                else records.find_alerts(conn, waiting=True, system=system, limit=None)
            )
        return [
            one.alert
            for one in found
            if one.system == system
            and (one.facts.monitor == monitor or one.facts.monitor.startswith(f"{monitor}."))
            and (up_to is None or one.number <= up_to)
        ][:MOST]

    def _waiting(self, alerts: Iterable[str]) -> list[Alert]:
        """The alerts, each once. Raises NotAllowed naming those that wait for nobody."""
        known = self._known(alerts)
        if taken := [f"{one.alert} ({one.incident})" for one in known if one.incident]:
            raise NotAllowed(f"in an incident already: {_some(taken)}; leave them out")
        return known

    def _known(self, alerts: Iterable[str]) -> list[Alert]:
        """The alerts, each once. Raises NoSuchAlert naming those that do not exist, NotAllowed
        those that are set aside."""
        ids = list(dict.fromkeys(alerts))
        if not ids:
            raise NotAllowed("name at least one alert; the inbox shows those that wait")
        if len(ids) > MOST:
            raise NotAllowed(f"{len(ids):,} alerts are too many for one step; handle {MOST:,} at a time")
        with self.ledger.reading() as conn:
            found = {alert: records.alert(conn, alert) for alert in ids}
        if unknown := [alert for alert, one in found.items() if one is None]:
            raise NoSuchAlert(f"there is no alert {_some(unknown)}; the inbox shows all")
        known = [one for one in found.values() if one is not None]
        if gone := [one.alert for one in known if one.outcome == "set aside"]:
            raise NotAllowed(f"set aside already: {_some(gone)}; leave them out")
        return known

    def _in_hand(self, one: Alert, fact: Fact) -> Draft:
        """A further fact on an alert that is not set aside, and leads where it was found to lead."""
        read = ALERTS.load(self.ledger, one.alert)
        if read.state.aside or read.state.to != one.incident:
            raise NotAllowed(f"{one.alert} was handled by somebody else meanwhile; look again")
        return read.draft([fact])

    def _draft(self, one: Alert, fact: Fact) -> Draft:
        read = ALERTS.load(self.ledger, one.alert)
        if read.state.aside or read.state.ever:
            raise NotAllowed(f"{one.alert} was handled by somebody else meanwhile; look again")
        return read.draft([fact])

    def _all(self, alerts: Iterable[str]) -> list[Alert]:
        with self.ledger.reading() as conn:
            found = [records.alert(conn, one) for one in alerts]
        return [one for one in found if one is not None]


def _some(names: Sequence[str]) -> str:
    """The first few of many."""
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"
