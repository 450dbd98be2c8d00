"""The projections of detection: measurements as known now, alerts, and when each system last ran."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    String,
    Table,
    Text,
    and_,
    bindparam,
    case,
    column,
    delete,
    func,
    insert,
    select,
    values,
)

from holdfast import clock
from holdfast.detect.events import (
    AlertAcknowledged,
    AlertCleared,
    AlertContinued,
    AlertQueued,
    AlertRaised,
    AlertReturned,
    AlertsBundled,
    AlertSetAside,
    AlertTriaged,
    MonitoringFailed,
    MonitoringRan,
    MonitoringScheduled,
    MonitoringStopped,
    MonitorMeasured,
)
from holdfast.detect.measurement import Measurement, WindowStatus
from holdfast.incident.events import AlertFacts
from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.stored import Rows, Stored
from holdfast.ledger.tables import metadata
from holdfast.prepare.systems import System
from holdfast.prepare.terms import CANNOT_MEASURE
from holdfast.problems import NotKnown

measurements = Table(
    "measurements",
    metadata,
    Column("system", String(100), primary_key=True),
    # Monitor, group and quantity: what alerts are opened for.
    Column("series", String(400), primary_key=True),
    Column("window_start", String(27), primary_key=True),
    Column("monitor", String(200), nullable=False),
    Column("alarm", Boolean, nullable=False),
    # As known last; what was known before is in the facts.
    Column("body", Text, nullable=False),
    Index("measurements_by_monitor", "system", "monitor", "window_start"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("alert", String(40), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("system", String(100), nullable=False),
    Column("monitor", String(200), nullable=False),
    Column("series", String(400), nullable=False),
    # open (out of bounds) or cleared
    Column("state", String(20), nullable=False),
    Column("raised_at", String(27), nullable=False),
    Column("firings", BigInteger, nullable=False),
    Column("last_fired_at", String(27), nullable=False),
    Column("cleared_at", String(27)),
    # waiting, opened, joined, none, set aside
    Column("outcome", String(20), nullable=False),
    Column("incident", String(40)),
    Column("reason", Text, nullable=False),
    Column("false_alarm", Boolean, nullable=False),
    Column("acknowledged_by", String(200)),
    Column("acknowledged_at", String(27)),
    # To whom messages about it were queued: addresses, one a line.
    Column("told", Text, nullable=False),
    # When they are queued; null before that is decided, and afterwards.
    Column("telling_at", String(27)),
    Column("body", Text, nullable=False),
    Index("alerts_by_outcome", "outcome", "number"),
    Index("alerts_by_series", "system", "series", "state"),
)

WAITING = ("waiting", "none")
"""What an alert led to that a person still has to say something about."""
UNTOLD_AFTER = timedelta(minutes=5)
"""By then it is decided who is told of an alert."""

monitoring = Table(
    "monitoring",
    metadata,
    Column("system", String(100), primary_key=True),
    Column("state", String(20), nullable=False),
    Column("last_run", String(27)),
    Column("last_failure", String(27)),
    Column("reason", Text, nullable=False),
    Column("rows", BigInteger),
    Column("newest", String(27)),
    Column("next_due", String(27)),
)


MEASUREMENTS = Stored(Measurement, 8192)
_ALERT_FACTS = Stored(AlertFacts, 4096)

# What facts and pages ask by the hundred, made once: building a statement costs more than answering it.


_SAME_WINDOW = delete(measurements).where(
    *(measurements.c[name] == bindparam(f"of_{name}") for name in ("system", "series", "window_start"))
)
_MEASURED = insert(measurements)
_OF_ALERTS = (
    AlertRaised,
    AlertContinued,
    AlertCleared,
    AlertTriaged,
    AlertAcknowledged,
    AlertQueued,
    AlertReturned,
    AlertsBundled,
    AlertSetAside,
)
_OF_RUNS = (MonitoringScheduled, MonitoringStopped, MonitoringRan, MonitoringFailed)


class Detection:
    """Keeps measurements, alerts and the state of monitoring."""

    name = "detection"
    tables: tuple[Table, ...] = (measurements, alerts, monitoring)

    def apply(self, conn: Connection, facts: Sequence[Recorded]) -> None:
        _keep_measurements(conn, [one.fact for one in facts if isinstance(one.fact, MonitorMeasured)])
        of_alerts = [one for one in facts if isinstance(one.fact, _OF_ALERTS)]
        rows = Rows(conn, alerts, (alert for one in of_alerts for alert in _alerts_of(one.fact)))
        for recorded in of_alerts:
            _keep_alert(rows, recorded)
        rows.write()
        of_runs = [one for one in facts if isinstance(one.fact, _OF_RUNS)]
        runs = Rows(conn, monitoring, (one.fact.system for one in of_runs))  # type: ignore[attr-defined]
        for recorded in of_runs:
            _keep_run(runs, recorded)
        runs.write()


def _keep_measurements(conn: Connection, facts: Sequence[MonitorMeasured]) -> None:
    """A window as known last, in place of what was known of it before."""
    newest: dict[tuple[str, str, str], dict[str, object]] = {}
    for fact in facts:
        for one in fact.measurements:
            place = (fact.system, one.series, clock.stamp(one.window_start))
            body = MEASUREMENTS.text(one)
            newest[place] = {"monitor": one.monitor, "alarm": one.alarm, "body": body}
    if newest:
        keys = [{"system": a, "series": b, "window_start": c} for a, b, c in newest]
        conn.execute(_SAME_WINDOW, [{f"of_{name}": value for name, value in key.items()} for key in keys])
        conn.execute(_MEASURED, [{**key, **row} for key, row in zip(keys, newest.values(), strict=True)])


def _alerts_of(fact: Fact) -> tuple[str, ...]:
    match fact:
        case AlertRaised(alert=told) | AlertContinued(alert=told) | AlertReturned(alert=told):
            return (told.alert,)
        case AlertsBundled(alerts=names):
            return names
        case _:
            return (fact.alert,)  # type: ignore[attr-defined]


def _keep_alert(rows: Rows, recorded: Recorded) -> None:
    at = clock.stamp(recorded.at)
    match recorded.fact:
        case AlertRaised() as raised:
            rows.put(
                raised.alert.alert,
                number=int(raised.alert.alert.removeprefix("ALR-")),
                system=raised.system,
                monitor=raised.alert.monitor,
                series=raised.series,
                state="open",
                raised_at=at,
                firings=1,
                last_fired_at=at,
                outcome="waiting",
                reason="",
                false_alarm=False,
                told="",
                body=_ALERT_FACTS.text(raised.alert),
            )
        case AlertContinued(alert=told):
            known = rows.get(told.alert)
            # Of one that cannot measure, what it says is why, and the newest why counts.
            body = {"body": _ALERT_FACTS.text(told)} if told.cannot_measure else {}
            if known is not None:
                rows.change(told.alert, last_fired_at=at, firings=known["firings"] + 1, **body)
        case AlertCleared(alert=alert):
            rows.change(alert, state="cleared", cleared_at=at)
        case AlertTriaged(alert=alert) as led:
            rows.change(alert, outcome=led.outcome, reason=led.reason, incident=led.incident or None)
            if led.incident:  # what is an incident is no false alarm, whatever was said before
                rows.change(alert, false_alarm=False)
        case AlertReturned(alert=told) as returned:
            rows.change(
                told.alert,
                outcome="waiting",
                reason=returned.reason,
                incident=None,
                false_alarm=False,
                acknowledged_by=None,
                acknowledged_at=None,
                told="",
            )
        case AlertAcknowledged(alert=alert):
            rows.change(alert, acknowledged_by=recorded.by.name, acknowledged_at=at)
        case AlertQueued(alert=alert, due=due):
            rows.change(alert, telling_at=clock.stamp(due))
        case AlertsBundled(alerts=bundled, told=said):
            for alert in bundled:
                rows.change(alert, telling_at=None, told="\n".join(said.get(alert, ())))
        case AlertSetAside(alert=alert) as aside:
            rows.change(alert, outcome="set aside", reason=aside.reason, false_alarm=aside.false_alarm)
        case _:
            pass


def _keep_run(rows: Rows, recorded: Recorded) -> None:
    match recorded.fact:
        case MonitoringScheduled() as scheduled:
            _run(rows, scheduled.system, state="scheduled", next_due=clock.stamp(scheduled.due))
        case MonitoringStopped() as stopped:
            _run(rows, stopped.system, state="stopped", reason=stopped.reason, next_due=None)
        case MonitoringRan() as ran:
            _run(
                rows,
                ran.system,
                state="partly failing" if ran.failing else "running",
                reason=f"{', '.join(ran.failing)} cannot measure" if ran.failing else "",
                last_run=clock.stamp(ran.as_of),
                rows=ran.rows,
                newest=clock.stamp(ran.newest),
                next_due=clock.stamp(ran.next_due),
            )
        case MonitoringFailed() as failed:
            _run(
                rows,
                failed.system,
                state="failing",
                reason=failed.reason,
                last_failure=clock.stamp(recorded.at),
                next_due=clock.stamp(failed.next_due),
            )
        case _:
            pass


def _run(runs: Rows, system: str, **values: object) -> None:
    """What is not said again stays as it was."""
    blank = {} if runs.get(system) else {"reason": ""}
    runs.put(system, **{**blank, **values})


# Reading ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of the inbox."""

    alert: str
    system: str
    series: str
    state: str
    raised_at: datetime
    firings: int
    last_fired_at: datetime
    cleared_at: datetime | None
    outcome: str
    incident: str
    reason: str
    false_alarm: bool
    facts: AlertFacts
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    told: tuple[str, ...] = ()
    """Addresses to which messages about it were queued, where it opened no incident."""
    telling_at: datetime | None = None
    """When they will be queued."""

    @property
    def number(self) -> int:
        return int(self.alert.removeprefix("ALR-"))


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """Alerts of one monitor, over all its columns and groups, that came to
    the same: one line of the inbox."""

    system: str
    monitor: str
    alerts: Sequence[Alert]
    """The newest first."""

    @property
    def newest(self) -> Alert:
        return self.alerts[0]

    @property
    def open(self) -> int:
        return sum(one.state == "open" for one in self.alerts)

    @property
    def acknowledged(self) -> int:
        return sum(bool(one.acknowledged_by) for one in self.alerts)

    @property
    def name(self) -> str:
        """What all of them are called: `Missing values` where each is of a column."""
        names = {one.facts.monitor_name for one in self.alerts}
        return names.pop() if len(names) == 1 else self.newest.facts.monitor_name.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Run:
    """When a system's monitors last ran. "No alerts" and "monitoring is dead" look different (R-XCT-07)."""

    system: str
    state: str
    """scheduled, running, partly failing (some monitors cannot measure), failing or stopped"""
    last_run: datetime | None
    last_failure: datetime | None
    reason: str
    rows: int | None
    newest: datetime | None
    next_due: datetime | None

    def is_silent(self, now: datetime) -> bool:
        """Something did not come of it although it was due: failing, wholly or in part, or overdue."""
        return self.state == "partly failing" or self.is_dead(now)

    def is_dead(self, now: datetime) -> bool:
        """Nothing at all came of it although it was due: failing, or overdue by over a tenth of an hour."""
        overdue = self.next_due is not None and (now - self.next_due).total_seconds() > 360
        return self.state == "failing" or overdue


class NoSuchAlert(NotKnown):
    """No alert has this number."""


def measurements_of(
    conn: Connection, system: str, monitor: str = "", since: datetime | None = None
) -> list[Measurement]:
    """What is known of a system's windows, oldest first; of one monitor, or from a moment on."""
    query = select(measurements.c.body).where(measurements.c.system == system)
    if monitor:
        query = query.where(measurements.c.monitor == monitor)
    if since:
        query = query.where(measurements.c.window_start >= clock.stamp(since))
    rows = conn.execute(query.order_by(measurements.c.window_start, measurements.c.series))
    return [MEASUREMENTS.read(row.body) for row in rows]


def newest_of(conn: Connection, system: str, series: str, count: int) -> list[Measurement]:
    """The newest windows of one series, the newest first."""
    query = select(measurements.c.body).where(
        measurements.c.system == system, measurements.c.series == series
    )
    rows = conn.execute(query.order_by(measurements.c.window_start.desc()).limit(count))
    return [MEASUREMENTS.read(row.body) for row in rows]


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest windows of one monitor that speak for everybody."""

    valued: Measurement | None
    """The newest that has a value."""
    unknown: Measurement | None
    """The newest of all, where it could not be computed: what has a value is older."""


def newest(conn: Connection, system: str) -> dict[str, Newest]:
    """What each monitor said last, by its id."""
    found: dict[str, Newest] = {}
    for one in measurements_of(conn, system):
        if one.group is None and not one.is_aside:
            before = found.get(one.monitor, Newest(None, None))
            unknown = one if one.status is WindowStatus.NOT_COMPUTABLE else None
            valued = before.valued if one.value is None else one
            found[one.monitor] = Newest(
                valued, before.unknown if one.status is WindowStatus.PENDING else unknown
            )
    return found


def alert(conn: Connection, alert_id: str) -> Alert | None:
    row = conn.execute(select(alerts).where(alerts.c.alert == alert_id)).first()
    return _alert(row) if row else None


def require_alert(conn: Connection, alert_id: str) -> Alert:
    """One alert. Raises NoSuchAlert."""
    found = alert(conn, alert_id)
    if found is None:
        raise NoSuchAlert(f"there is no alert {alert_id}; the list of alerts shows all")
    return found


def open_alert(conn: Connection, system: str, series: str) -> Alert | None:
    """The alert that is open for a series, if any."""
    query = select(alerts).where(
        alerts.c.system == system, alerts.c.series == series, alerts.c.state == "open"
    )
    row = conn.execute(query.order_by(alerts.c.number.desc()).limit(1)).first()
    return _alert(row) if row else None


def open_series(conn: Connection, system: str) -> list[str]:
    """Every series of a system that has an open alert."""
    query = select(alerts.c.series).where(alerts.c.system == system, alerts.c.state == "open")
    return [row.series for row in conn.execute(query)]


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """What counting needs of an alert that is open."""

    system: str
    monitor: str
    series: str
    set_aside: bool


def open_alerts(conn: Connection) -> list[OpenAlert]:
    """What alerts are open, without what they say: those of one series that stand alike are one."""
    aside = (alerts.c.outcome == "set aside").label("aside")
    query = select(alerts.c.system, alerts.c.monitor, alerts.c.series, aside).distinct()
    rows = conn.execute(query.where(alerts.c.state == "open"))
    return [OpenAlert(row.system, row.monitor, row.series, bool(row.aside)) for row in rows]


def newest_windows(conn: Connection, system: str, monitors: Sequence[str]) -> dict[str, list[Measurement]]:
    """What each of these monitors said about its newest window, of everybody and of each group."""
    asked = values(column("monitor", String), name="asked").data([(monitor,) for monitor in monitors]).cte()
    own = (measurements.c.system == system, measurements.c.monitor == asked.c.monitor)
    newest = select(func.max(measurements.c.window_start)).where(*own).correlate(asked).scalar_subquery()
    query = select(asked.c.monitor, measurements.c.body).join_from(
        asked, measurements, and_(*own, measurements.c.window_start == newest)
    )
    found: dict[str, list[Measurement]] = {}
    for row in conn.execute(query) if monitors else ():
        found.setdefault(row.monitor, []).append(MEASUREMENTS.read(row.body))
    return found


def open_failures(conn: Connection, system: str) -> list[Alert]:
    """The open alerts of a system's monitors that cannot measure."""
    query = select(alerts).where(
        alerts.c.system == system,
        alerts.c.state == "open",
        alerts.c.series.endswith(f"|{CANNOT_MEASURE}", autoescape=True),
    )
    return [_alert(row) for row in conn.execute(query)]


def find_alerts(
    conn: Connection,
    *,
    outcome: str = "",
    system: str = "",
    state: str = "",
    waiting: bool = False,
    limit: int | None = 100,
) -> list[Alert]:
    """Alerts, the newest first, all of them with `limit=None`; `waiting` are those that wait for a person."""
    query = select(alerts)
    if waiting:
        query = query.where(alerts.c.outcome.in_(WAITING))
    for name, value in (
        (alerts.c.outcome, outcome),
        (alerts.c.system, system),
        (alerts.c.state, state),
    ):
        if value:
            query = query.where(name == value)
    return [_alert(row) for row in conn.execute(query.order_by(alerts.c.number.desc()).limit(limit))]


def alerts_of(conn: Connection, incident: str) -> list[Alert]:
    """Every alert that led to an incident, without those set aside, the oldest first."""
    query = select(alerts).where(alerts.c.incident == incident, alerts.c.outcome != "set aside")
    return [_alert(row) for row in conn.execute(query.order_by(alerts.c.number))]


def grouped(found: Iterable[Alert], inventory: Mapping[str, System]) -> list[AlertGroup]:
    """Alerts by monitor and by what they led to, in the order of their newest."""
    groups: dict[tuple[str, str, str, str], list[Alert]] = {}
    for one in found:
        known = inventory.get(one.system)
        declared = known.declares(one.facts.monitor) if known else one.facts.monitor
        groups.setdefault((one.system, declared, one.outcome, one.incident), []).append(one)
    return [AlertGroup(key[0], key[1], own) for key, own in groups.items()]


def count_alerts(conn: Connection, *, system: str = "", state: str = "", waiting: bool = False) -> int:
    query = select(func.count()).select_from(alerts)
    if state:
        query = query.where(alerts.c.state == state)
    if system:
        query = query.where(alerts.c.system == system)
    if waiting:
        query = query.where(alerts.c.outcome.in_(WAITING))
    return conn.execute(query).scalar_one()


def waiting_alerts(conn: Connection) -> int:
    """How many alerts wait for a person: those that opened no incident and were not set aside."""
    query = select(func.count()).select_from(alerts)
    return conn.execute(query.where(alerts.c.outcome.in_(WAITING))).scalar_one()


def untold_alerts(conn: Connection, now: datetime) -> int:
    """How many alerts wait for a person and nobody knows of: no message about them is queued, nor will be,
    and nobody has acknowledged them."""
    query = select(func.count()).select_from(alerts)
    unknown = (alerts.c.told == "") & alerts.c.telling_at.is_(None) & alerts.c.acknowledged_by.is_(None)
    old = alerts.c.raised_at <= clock.stamp(now - UNTOLD_AFTER)
    return conn.execute(query.where(alerts.c.outcome.in_(WAITING), unknown, old)).scalar_one()


def false_alarms(conn: Connection, system: str) -> dict[str, tuple[int, int]]:
    """By monitor: how many of its alerts were false alarms, and how many there were (R-DET-09)."""
    wrong = func.sum(case((alerts.c.false_alarm.is_(True), 1), else_=0))
    query = select(alerts.c.monitor, wrong, func.count()).where(alerts.c.system == system)
    return {row[0]: (int(row[1]), row[2]) for row in conn.execute(query.group_by(alerts.c.monitor))}


def next_alert_number(conn: Connection) -> int:
    return (conn.execute(select(func.max(alerts.c.number))).scalar() or 0) + 1


def runs(conn: Connection) -> dict[str, Run]:
    """When each system last ran."""
    return {row.system: _run_row(row) for row in conn.execute(select(monitoring))}


def _alert(row: Any) -> Alert:
    return Alert(
        alert=row.alert,
        system=row.system,
        series=row.series,
        state=row.state,
        raised_at=clock.parse(row.raised_at),
        firings=row.firings,
        last_fired_at=clock.parse(row.last_fired_at),
        cleared_at=_moment(row.cleared_at),
        outcome=row.outcome,
        incident=row.incident or "",
        reason=row.reason,
        false_alarm=bool(row.false_alarm),
        facts=_ALERT_FACTS.read(row.body),
        acknowledged_by=row.acknowledged_by or "",
        acknowledged_at=_moment(row.acknowledged_at),
        told=tuple(row.told.splitlines()),
        telling_at=_moment(row.telling_at),
    )


def _run_row(row: Any) -> Run:
    return Run(
        system=row.system,
        state=row.state,
        last_run=_moment(row.last_run),
        last_failure=_moment(row.last_failure),
        reason=row.reason,
        rows=row.rows,
        newest=_moment(row.newest),
        next_due=_moment(row.next_due),
    )


def _moment(text: str | None) -> datetime | None:
    return clock.parse(text) if text else None
