"""The facts of detection: what was measured, what raised an alert, what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from holdfast.detect.measurement import Measurement
from holdfast.incident.events import AlertFacts
from holdfast.ledger.facts import Arm, Disarm, Fact, Line, fact


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


@fact("monitoring.ran")
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
    next_due: datetime
    """Runs that were missed meanwhile are not made up for: a run sees every window anyway."""

    def timers(self) -> Iterable[Arm | Disarm]:
        yield _run_at(self.system, self.next_due)


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


@fact("monitor.measured")
class MonitorMeasured(Fact):
    """What one monitor measured: windows that are new, or that labels have changed."""

    system: str
    monitor: str
    config: str
    measurements: tuple[Measurement, ...]


@fact("alert.raised")
class AlertRaised(Fact):
    """A monitor is out of bounds. One alert is open for each monitor, group and quantity (R-DET-09)."""

    system: str
    series: str
    tells: tuple[str, ...]
    alert: AlertFacts

    def line(self) -> Line:
        return Line(f"Alert {self.alert.alert}: {self.alert.monitor_name}", self.alert.reason, "alarm")


@fact("alert.continued")
class AlertContinued(Fact):
    """A later window is out of bounds as well: it joins the open alert."""

    system: str
    series: str
    alert: AlertFacts


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


@fact("alert.set_aside")
class AlertSetAside(Fact):
    """A person decided that it is no incident; a false alarm counts against the monitor (R-DET-09)."""

    alert: str
    system: str
    monitor: str
    false_alarm: bool
    reason: str


def measured_stream(system: str, monitor: str) -> str:
    """Where `monitor.measured` of one monitor is recorded."""
    return f"monitor/{system}/{monitor}"


def run_timer(system: str) -> str:
    return f"monitoring/{system}"


def _run_at(system: str, due: datetime) -> Arm:
    return Arm(run_timer(system), "monitoring.run", due, {"system": system})
