"""The facts of detection: what was measured, what raised an alert, what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from holdfast import wording
from holdfast.detect.measurement import Measurement, series_key
from holdfast.incident.events import AlertFacts, alert_as_known, alert_as_told, group_as_told
from holdfast.ledger.facts import Arm, Disarm, Fact, Line, fact, upcast

PASS_ON_TIMER = "alerts.pass_on"  # noqa: S105 - the name of a timer


@fact("monitoring.scheduled")
class MonitoringScheduled(Fact):
    """The system's monitors run from now on."""

    system: str
    due: datetime

    def timers(self) -> Iterable[Arm | Disarm]:
        yield _run_at(self.system, self.due)


@fact("monitoring.stopped")
class MonitoringStopped(Fact):
    """The system was withdrawn, or has nothing left to watch."""

    system: str
    reason: str

    def timers(self) -> Iterable[Arm | Disarm]:
        yield Disarm(run_timer(self.system))


@fact("monitoring.ran", version=3)
class MonitoringRan(Fact):
    """One run over the prediction log, also when it found nothing new: silence is told from death."""

    system: str
    config: str
    """Content hash of the system's file whose monitors ran (R-DET-08)."""
    as_of: datetime
    measured: int
    """New or changed measurements."""
    alarms: int
    rows: int
    """Predictions in the log."""
    newest: datetime
    """Time of the newest prediction."""
    failing: tuple[str, ...]
    """Monitors that could not measure; `monitor.failed` says why."""
    notes: tuple[str, ...]
    """What was strange about the log and did not stop the counting."""
    next_due: datetime
    """Runs that were missed meanwhile are not made up for: a run sees every window anyway."""
    late_rows: int
    """Rows that came to windows already judged (less those that went), which were measured again."""
    memory: str = ""
    """Digest of what the monitors remember after this run. Empty in facts of older releases."""

    def timers(self) -> Iterable[Arm | Disarm]:
        yield _run_at(self.system, self.next_due)

    def line(self) -> Line | None:
        if not self.late_rows:
            return None
        came = f"{self.late_rows:+,} rows after their windows had been judged; they were measured again"
        return Line(f"Late rows in the log of {self.system}", came, "note")


@upcast("monitoring.ran", 1)
def _without_late_rows(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "late_rows": 0}


@upcast("monitoring.ran", 2)
def _nothing_remembered(data: dict[str, Any]) -> dict[str, Any]:
    """Version 2 said nothing of what the monitors remember, nor of those that cannot measure."""
    return {"failing": [], "notes": [], **data, "memory": ""}


@fact("monitoring.failed")
class MonitoringFailed(Fact):
    """The log could not be read; nothing is known until it can."""

    system: str
    config: str
    reason: str
    next_due: datetime

    def timers(self) -> Iterable[Arm | Disarm]:
        yield _run_at(self.system, self.next_due)

    def line(self) -> Line:
        return Line(f"Monitoring of {self.system} failed", self.reason, "alarm")


@fact("monitor.failed")
class MonitorFailed(Fact):
    """One monitor cannot measure, or cannot for another reason than before; the others go on."""

    system: str
    monitor: str
    config: str
    reason: str

    def line(self) -> Line:
        return Line(f"Monitor {self.monitor} of {self.system} cannot measure", self.reason, "alarm")


@fact("monitor.measured", version=2)
class MonitorMeasured(Fact):
    """What one monitor measured: windows that are new, or that labels have changed."""

    system: str
    monitor: str
    config: str
    measurements: tuple[Measurement, ...]


@upcast("monitor.measured", 1)
def _with_groups_as_mappings(data: dict[str, Any]) -> dict[str, Any]:
    def told(one: dict[str, Any]) -> dict[str, Any]:
        return one if one["group"] is None else {**one, "group": group_as_told(one["group"])}

    return {**data, "measurements": [told(one) for one in data["measurements"]]}


@fact("alert.raised", version=3)
class AlertRaised(Fact):
    """A monitor is out of bounds. One alert is open for each monitor, group and quantity (R-DET-09)."""

    system: str
    series: str
    tells: tuple[str, ...]
    alert: AlertFacts

    def line(self) -> Line:
        return Line(f"Alert {self.alert.alert}: {self.alert.monitor_name}", self.alert.reason, "alarm")


@fact("alert.continued", version=3)
class AlertContinued(Fact):
    """A later window is out of bounds as well: it joins the open alert."""

    system: str
    series: str
    alert: AlertFacts


@upcast("alert.raised", 1)
@upcast("alert.continued", 1)
def _with_group_as_mapping(data: dict[str, Any]) -> dict[str, Any]:
    """The series follows, so that an alert that was open stays the one that is open."""
    alert = alert_as_told(data["alert"])
    quantity = data["series"].rpartition("|")[2]
    return {**data, "alert": alert, "series": series_key(alert["monitor"], alert["group"], quantity)}


@upcast("alert.raised", 2)
@upcast("alert.continued", 2)
def _with_value_as_known(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "alert": alert_as_known(data["alert"])}


@fact("alert.cleared")
class AlertCleared(Fact):
    """In bounds for as many windows as the monitor asks for."""

    system: str
    series: str
    alert: str
    incident: str = ""
    window_end: datetime
    reason: str

    def line(self) -> Line:
        return Line(f"Alert {self.alert} cleared", self.reason)


@fact("alert.triaged")
class AlertTriaged(Fact):
    """What the alert led to: an incident, or none and why (R-PRE-07)."""

    alert: str
    incident: str = ""
    outcome: str
    """opened, joined, or none"""
    reason: str


@fact("alert.acknowledged")
class AlertAcknowledged(Fact):
    """A person has seen it and looks into it. What it leads to is still open."""

    alert: str
    system: str
    monitor: str


@fact("alert.set_aside", version=2)
class AlertSetAside(Fact):
    """A person decided that it is no incident; a false alarm counts against the monitor (R-DET-09)."""

    alert: str
    system: str
    monitor: str
    false_alarm: bool
    reason: str
    led_to: str = ""
    """The incident it belonged to, and was set aside from or with."""


@upcast("alert.set_aside", 1)
def _belonged_to_none(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 2 only an alert without an incident could be set aside."""
    return {**data, "led_to": ""}


@fact("alert.returned")
class AlertReturned(Fact):
    """What was decided on it does not cover it any more: it went on after its incident was over, or is
    clearly graver than it was set aside at. It waits for somebody again, and triggers are asked anew."""

    system: str
    alert: AlertFacts
    reason: str
    left: str = ""
    """The incident that it belonged to."""

    def line(self) -> Line:
        return Line(f"Alert {self.alert.alert} waits again", self.reason, "alarm")


@fact("alert.queued", version=2)
class AlertQueued(Fact):
    """It opened no incident by itself, or has grown worse: people are told of it."""

    alert: str
    system: str
    tells: tuple[str, ...]
    """Incident roles that its monitor names."""
    due: datetime
    people: dict[str, str]
    """Who is told besides, by address, and why: `you set it aside`."""

    def timers(self) -> Iterable[Arm | Disarm]:
        data = {"system": self.system, "alert": self.alert, "tells": ",".join(self.tells)}
        yield Arm(f"{passing_timers(self.system)}{self.alert}", PASS_ON_TIMER, self.due, data)


@upcast("alert.queued", 1)
def _as_its_monitor_names(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 2 nobody else was told."""
    return {**data, "people": {}}


@fact("alerts.bundled", version=3)
class AlertsBundled(Fact):
    """Messages about these alerts were queued; what became of each message is its own fact."""

    system: str
    alerts: tuple[str, ...]
    """Those that waited."""
    told: Mapping[str, tuple[str, ...]]
    """Of each alert that nobody had dealt with: to whom messages about it were queued, by address."""

    @property
    def passed_on(self) -> tuple[str, ...]:
        """Alerts that messages speak of."""
        return tuple(self.told)

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody to whom a message was queued, once."""
        return tuple(dict.fromkeys(person for told in self.told.values() for person in told))

    def timers(self) -> Iterable[Arm | Disarm]:
        for alert in self.alerts:
            yield Disarm(f"{passing_timers(self.system)}{alert}")

    def line(self) -> Line:
        if not self.told:
            return Line(f"{wording.plural(len(self.alerts), 'alert')}: nobody is told any more")
        return Line(f"{wording.plural(len(self.told), 'alert')}: messages queued", ", ".join(self.people))


@upcast("alerts.bundled", 1)
def _all_passed_on(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 2 it did not say of which alerts people were told."""
    return {**data, "passed_on": data["alerts"] if data["told"] else []}


@upcast("alerts.bundled", 2)
def _each_to_everybody(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 3 it did not say who was told of which of them."""
    of, to = data["passed_on"], data["told"]
    kept = {key: value for key, value in data.items() if key != "passed_on"}
    return {**kept, "told": dict.fromkeys(of, to)}


def measured_stream(system: str, monitor: str) -> str:
    """Where `monitor.measured` of one monitor is recorded."""
    return f"monitor/{system}/{monitor}"


def run_timer(system: str) -> str:
    return f"monitoring/{system}"


def _run_at(system: str, due: datetime) -> Arm:
    return Arm(run_timer(system), "monitoring.run", due, {"system": system})


def passing_timers(system: str) -> str:
    """How the timers begin by which alerts of a system are passed on."""
    return f"alerts/{system}/"
