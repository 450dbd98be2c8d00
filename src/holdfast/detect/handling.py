"""What a person does with many alerts at once: 300 alarms of one monitor are one decision.

Each step is one transaction: all of the alerts, or none when one of them cannot be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from holdfast.detect import records
from holdfast.detect.events import AlertAcknowledged, AlertSetAside, AlertTriaged
from holdfast.detect.records import Alert
from holdfast.incident.responding import Desk
from holdfast.ledger.facts import Fact
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.people import Actor
from holdfast.problems import NotAllowed

MOST = 1000
"""Alerts handled in one step."""


class Handling:
    """Steps on several alerts together. Person and time are passed to every verb."""

    def __init__(self, ledger: Ledger, desk: Desk) -> None:
        self.ledger = ledger
        self.desk = desk

    def acknowledge(self, alerts: Iterable[str], *, by: Actor, at: datetime) -> list[Alert]:
        """A person has seen them and looks into it; what they lead to is still open."""
        found = self._waiting(alerts)
        drafts = [
            self._draft(one, AlertAcknowledged(alert=one.alert, system=one.system, monitor=one.facts.monitor))
            for one in found
            if not one.acknowledged_by
        ]
        if drafts:
            self.ledger.append(*drafts, by=by, at=at)
        return self._all(found)

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
        facts = [one.facts for one in found]
        self.desk.join_all(incident, facts, system=system, by=by, at=at, together=noted)
        return self._all(found)

    def set_aside(
        self, alerts: Iterable[str], reason: str, false_alarm: bool, *, by: Actor, at: datetime
    ) -> list[Alert]:
        """They are no incident, and whether they were false alarms (R-DET-09)."""
        if not reason.strip():
            raise NotAllowed("say why this is no incident; the reason is part of the record")
        found = self._waiting(alerts)
        self.ledger.append(
            *(
                self._draft(
                    one,
                    AlertSetAside(
                        alert=one.alert,
                        system=one.system,
                        monitor=one.facts.monitor,
                        false_alarm=false_alarm,
                        reason=reason.strip(),
                    ),
                )
                for one in found
            ),
            by=by,
            at=at,
        )
        return self._all(found)

    def of_monitor(self, system: str, monitor: str, up_to: int | None = None) -> list[str]:
        """The alerts of one monitor, all its columns and groups, that wait for a person.

        `up_to` is the number of the newest that the person saw: what came since is not decided with it.
        """
        with self.ledger.reading() as conn:
            waiting = records.find_alerts(conn, waiting=True, system=system, limit=MOST)
        return [
            one.alert
            for one in waiting
            if (one.facts.monitor == monitor or one.facts.monitor.startswith(f"{monitor}."))
            and (up_to is None or one.number <= up_to)
        ]

    def _waiting(self, alerts: Iterable[str]) -> list[Alert]:
        """The alerts, each once. Raises NotAllowed naming those that wait for nobody."""
        ids = list(dict.fromkeys(alerts))
        if not ids:
            raise NotAllowed("name at least one alert; the inbox shows those that wait")
        if len(ids) > MOST:
            raise NotAllowed(f"{len(ids):,} alerts are too many for one step; handle {MOST:,} at a time")
        with self.ledger.reading() as conn:
            found = {alert: records.alert(conn, alert) for alert in ids}
        if unknown := [alert for alert, one in found.items() if one is None]:
            raise NotAllowed(f"there is no alert {_some(unknown)}; the inbox shows all")
        known = [one for one in found.values() if one is not None]
        if taken := [f"{one.alert} ({one.incident})" for one in known if one.incident]:
            raise NotAllowed(f"in an incident already: {_some(taken)}; leave them out")
        if gone := [one.alert for one in known if one.outcome not in ("waiting", "none")]:
            raise NotAllowed(f"set aside already: {_some(gone)}; leave them out")
        return known

    def _draft(self, one: Alert, fact: Fact) -> Draft:
        stream = self.ledger.stream(f"alert/{one.alert}")
        if any(isinstance(told, AlertSetAside) or _led_somewhere(told) for told in stream.events):
            raise NotAllowed(f"{one.alert} was handled by somebody else meanwhile; look again")
        return Draft(stream.name, stream.version, [fact])

    def _all(self, alerts: Sequence[Alert]) -> list[Alert]:
        with self.ledger.reading() as conn:
            found = [records.alert(conn, one.alert) for one in alerts]
        return [one for one in found if one is not None]


def _led_somewhere(fact: Fact) -> bool:
    return isinstance(fact, AlertTriaged) and bool(fact.incident)


def _some(names: Sequence[str]) -> str:
    """The first few of many."""
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"
