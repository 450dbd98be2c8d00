"""AI systems, what their monitors measured, and alerts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from holdfast.detect import monitoring, records
from holdfast.detect.handling import MOST, Seen
from holdfast.detect.measurement import WindowStatus
from holdfast.detect.records import Alert, Newest, Run
from holdfast.detect.watched import limits_said, measured_said, window_said
from holdfast.metrics.metric import Dimension
from holdfast.prepare.systems import MetricName, Monitor, System
from holdfast.prepare.terms import ContainmentKind
from holdfast.prepare.versions import Applied
from holdfast.problems import form
from holdfast.shapes.base import (
    ALERT_NUMBER,
    INCIDENT_NUMBER,
    Asked,
    Flag,
    InOrder,
    Number,
    Seconds,
    Shown,
    Text,
    Yes,
    storable,
)
from holdfast.shapes.incidents import AlertFactsShown


class ModelShown(Shown):
    name: str
    version: str
    in_production_since: date


class ContainmentPrepared(Shown):
    """A way to contain the system that was thought through beforehand."""

    id: str
    name: str
    kind: ContainmentKind
    flag: str
    segment: dict[str, tuple[str, ...]]
    when: str


class RunShown(Shown):
    """When the system's monitors last ran: "no alerts" and "monitoring is dead" look different."""

    state: str
    """scheduled, running, partly failing, failing or stopped"""
    last_run: datetime | None
    last_failure: datetime | None
    reason: str
    rows: int | None
    newest: datetime | None
    next_due: datetime | None


class SystemListed(Shown):
    system: str
    name: str
    owner: str
    priority: int
    covered: bool
    """Whether anything watches it."""
    monitors: int
    file: str
    content: str
    """SHA-256 of the file in force."""
    applied_at: datetime
    applied_by: str
    monitoring: RunShown | None


class SystemShown(SystemListed):
    purpose: str
    business_impact: str
    compliance_risk: str
    subject: str
    models: tuple[ModelShown, ...]
    data_used: tuple[str, ...]
    depends_on_it: tuple[str, ...]
    containment: tuple[ContainmentPrepared, ...]


class SystemList(Shown):
    systems: tuple[SystemListed, ...]


class MeasurementShown(Shown):
    """What a monitor said about one window."""

    monitor: str
    quantity: str
    window_start: datetime
    window_end: datetime
    group: dict[str, str] | None
    """Column and value; null: everybody."""
    value: float | None
    lower: float | None
    upper: float | None
    n: int
    labelled_share: float | None
    status: WindowStatus
    alarm: bool
    reason: str
    as_of: datetime
    """When this was known."""


class MonitorListed(Shown):
    system: str
    monitor: str
    name: str
    metric: MetricName
    measures: str
    """In words: `Accuracy`, `PSI of income`."""
    unit: str
    digits: int
    """After the point, where its values are shown."""
    dimension: Dimension
    window: str
    threshold: str
    reason: str
    tells: tuple[str, ...]
    schedule_seconds: Seconds
    group_by: tuple[str, ...]
    latest: MeasurementShown | None
    """The newest window that has a value for everybody."""
    not_computable: str
    """Why the newest window of all could not be computed, so that `latest` is older; empty when it could."""
    alerts: int
    """Alerts it ever raised."""
    false_alarms: int
    """Alerts a person set aside as false."""


class MonitorList(Shown):
    system: str
    monitors: tuple[MonitorListed, ...]
    monitoring: RunShown | None


class Measurements(Shown):
    system: str
    monitor: str
    measurements: tuple[MeasurementShown, ...]


class LateRows(Shown):
    """Rows that came to a window after it had been judged; it was measured again."""

    window_start: datetime
    window_end: datetime
    rows: int
    """How many more there are; fewer where rows went."""
    monitors: tuple[str, ...]
    """Which have measured the window again."""
    changed: tuple[str, ...]
    """Which of them say something else of it now."""
    said: str
    """The same in a sentence."""


class Ran(Shown):
    """What one run of a system's monitors found."""

    system: str
    measured: int
    """New or changed measurements."""
    alarms: int
    raised: tuple[str, ...]
    """Alerts raised."""
    failed: str
    """Why nothing could be measured; empty when anything was."""
    failing: dict[str, str]
    """By monitor that could not measure: why."""
    notes: tuple[str, ...]
    """What was strange about the log and did not stop the counting."""
    not_computable: dict[str, str]
    """By monitor whose newest window could not be computed: why. No alarm can come from that window."""
    late: tuple[LateRows, ...]
    """Windows whose rows came, or went, after they had been judged."""


class AlertShown(Shown):
    alert: str
    system: str
    state: str
    """open (out of bounds) or cleared"""
    raised_at: datetime
    firings: int
    last_fired_at: datetime
    cleared_at: datetime | None
    outcome: str
    """waiting, opened, joined, none, or set aside"""
    incident: str
    reason: str
    false_alarm: bool
    acknowledged_by: str
    """Who looks into it; empty while nobody does."""
    acknowledged_at: datetime | None
    told: tuple[str, ...]
    """Addresses to which messages about it were queued, where it opened no incident."""
    facts: AlertFactsShown


class AlertList(Shown):
    alerts: tuple[AlertShown, ...]


class AlertsSeen(AlertList):
    said: str
    """Which of them are acknowledged by this, and who was first for the others."""


class AlertGroup(Shown):
    """Alerts of one monitor, over all its columns and groups, that came to the same."""

    system: str
    monitor: str
    outcome: str
    incident: str
    count: int
    open: int
    """How many of them are still out of bounds."""
    acknowledged: int
    newest: AlertShown
    alerts: tuple[str, ...]
    """The newest first."""


class AlertGroups(Shown):
    groups: tuple[AlertGroup, ...]


_OF_SYSTEM = form(r"^[^/]+/[^/]+$|^$", "name system and monitor, such as loan-approval/missing-values")
_INCIDENT_OR_NONE = form(rf"^$|{INCIDENT_NUMBER}", "write its number, such as INC-1")
# The form first: behind a check of our own it would not be in the published schema.
_OfSystem = Annotated[str, Field(pattern=_OF_SYSTEM, max_length=200), AfterValidator(storable)]
_IncidentOrNone = Annotated[str, Field(pattern=_INCIDENT_OR_NONE)]


class Chosen(Asked):
    """Which alerts: each by its number, or those of one monitor."""

    alerts: Annotated[
        tuple[Annotated[str, Field(pattern=ALERT_NUMBER)], ...],
        Field(max_length=MOST),
        InOrder("ALERT"),
    ] = ()
    """Their numbers: ALR-1 ALR-2."""
    monitor: Annotated[_OfSystem, Flag("--monitor", "SYSTEM/MONITOR")] = ""
    """All alerts of this monitor that wait for a person."""
    up_to: Number | None = None
    """With a monitor: none that were raised after the alert of this number."""


class Acknowledging(Chosen):
    """Which alerts somebody looks into."""

    incident: Annotated[_IncidentOrNone, Flag("--incident", short="-i")] = ""
    """With a monitor: those that belong to this incident, instead of those that wait."""


class Attaching(Chosen):
    """To which incident which alerts belong."""

    incident: Annotated[str, Field(pattern=INCIDENT_NUMBER), Flag("--incident", short="-i")]
    """Its number: INC-1."""


class SettingAside(Acknowledging):
    """Which alerts are no incident, and why; false alarms count against their monitor."""

    reason: Text
    """Why they are no incident, or do not belong to the one they are in."""
    false_alarm: Yes = False
    """Nothing was wrong; counts against the monitor."""


# Building --------------------------------------------------------------------------------------


def listed_system(applied: Applied[System], monitors: int, run: Run | None) -> SystemListed:
    return SystemListed.model_validate(_system(applied, monitors, run))


def shown_system(applied: Applied[System], monitors: int, run: Run | None) -> SystemShown:
    model = applied.model
    details = {name: getattr(model, name) for name in _DETAILS}
    return SystemShown.model_validate({**_system(applied, monitors, run), **details})


_DETAILS = (
    "purpose",
    "business_impact",
    "compliance_risk",
    "subject",
    "models",
    "data_used",
    "depends_on_it",
    "containment",
)


def _system(applied: Applied[System], monitors: int, run: Run | None) -> dict[str, Any]:
    model = applied.model
    return {
        "system": model.id,
        "name": model.name,
        "owner": model.owner,
        "priority": model.priority,
        "covered": model.is_covered,
        "monitors": monitors,
        "file": applied.file,
        "content": applied.content,
        "applied_at": applied.applied_at,
        "applied_by": applied.applied_by,
        "monitoring": run,
    }


def monitors_of(
    system: System,
    monitors: Iterable[Monitor],
    newest: Mapping[str, Newest],
    false_alarms: Mapping[str, tuple[int, int]],
    run: Run | None,
) -> MonitorList:
    """`monitors` as they measure, `newest` and `false_alarms` by their ids, as `detect` reads all three."""
    found = tuple(_monitor(system, one, newest, false_alarms) for one in monitors)
    seen = RunShown.model_validate(run) if run else None
    return MonitorList(system=system.id, monitors=found, monitoring=seen)


def _monitor(
    system: System,
    monitor: Monitor,
    newest: Mapping[str, Newest],
    false_alarms: Mapping[str, tuple[int, int]],
) -> MonitorListed:
    last = newest.get(monitor.id, Newest(None, None))
    wrong, alerts = false_alarms.get(monitor.id, (0, 0))
    return MonitorListed(
        system=system.id,
        monitor=monitor.id,
        name=monitor.name,
        metric=monitor.metric,
        measures=measured_said(monitor),
        unit=monitor.measures.unit,
        digits=monitor.measures.digits,
        dimension=monitor.measures.dimension,
        window=window_said(monitor),
        threshold=limits_said(monitor),
        reason=monitor.reason,
        tells=tuple(role.value for role in monitor.tells),
        schedule_seconds=round(monitor.schedule.total_seconds()),
        group_by=monitor.group_by,
        latest=MeasurementShown.model_validate(last.valued) if last.valued else None,
        not_computable=last.unknown.reason if last.unknown else "",
        alerts=alerts,
        false_alarms=wrong,
    )


def ran(found: monitoring.Ran) -> Ran:
    """One run as every interface tells of it."""
    return Ran(
        system=found.system,
        measured=len(found.measurements),
        alarms=sum(one.alarm for one in found.measurements),
        raised=found.raised,
        failed=found.failed,
        failing=dict(found.failing),
        notes=found.notes,
        not_computable=found.not_computable,
        late=tuple(LateRows.model_validate(one) for one in found.late),
    )


def belongs(measured: str, monitor: Monitor) -> bool:
    """Whether `drift.income` was measured by this monitor: by id, or as one of its columns."""
    return measured == monitor.id or (monitor.columns is not None and measured.startswith(f"{monitor.id}."))


def alert(found: Alert) -> AlertShown:
    return AlertShown.model_validate(found)


def alert_list(found: Iterable[Alert]) -> AlertList:
    return AlertList(alerts=tuple(alert(one) for one in found))


def alerts_seen(seen: Seen) -> AlertsSeen:
    return AlertsSeen(alerts=alert_list(seen.alerts).alerts, said=seen.sentence)


def alert_groups(found: Iterable[Alert], inventory: Mapping[str, System]) -> AlertGroups:
    """One entry for each monitor and what its alerts led to, in the order of their newest."""
    return AlertGroups(groups=tuple(_alert_group(group) for group in records.grouped(found, inventory)))


def _alert_group(group: records.AlertGroup) -> AlertGroup:
    return AlertGroup(
        system=group.system,
        monitor=group.monitor,
        outcome=group.newest.outcome,
        incident=group.newest.incident,
        count=len(group.alerts),
        open=group.open,
        acknowledged=group.acknowledged,
        newest=alert(group.newest),
        alerts=tuple(one.alert for one in group.alerts),
    )
