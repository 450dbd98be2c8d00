"""Monitoring: run a system's monitors over its log, record what they said, raise and clear alerts.

Counting happens outside the transaction; what was counted is recorded in one, together with the alerts it
raises, the next run's timer and what the monitors remember. Two workers that run the same system at the
same time count twice and record once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from math import isfinite
from pathlib import Path

import structlog
from sqlalchemy import Column, Connection, String, Table, Text, delete, insert, select

from holdfast import clock
from holdfast.detect import failing, records
from holdfast.detect.alarms.hysteresis import Series
from holdfast.detect.blind import blind
from holdfast.detect.counting import Engines
from holdfast.detect.events import (
    AlertCleared,
    AlertContinued,
    AlertRaised,
    MonitorFailed,
    MonitoringFailed,
    MonitoringRan,
    MonitoringScheduled,
    MonitoringStopped,
    MonitorMeasured,
    measured_stream,
)
from holdfast.detect.judging import Said, place, said_of
from holdfast.detect.led import ALERTS
from holdfast.detect.log import open_log
from holdfast.detect.measurement import Measurement, Transition, WindowStatus
from holdfast.detect.monitors import Failure, LateRows, State, evaluate, monitors_of, why_of
from holdfast.detect.silence import why_unheard
from holdfast.detect.tables import LogError
from holdfast.incident import register
from holdfast.incident.events import AlertFacts
from holdfast.ledger.deciding import settle, settle_stream
from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.ledger import Draft, Ledger, Timer
from holdfast.ledger.row_key import RowKey, mac_column
from holdfast.ledger.tables import metadata
from holdfast.people import Actor
from holdfast.prepare import versions
from holdfast.prepare.events import SystemApplied, SystemWithdrawn
from holdfast.prepare.systems import Monitor, System
from holdfast.prepare.versions import Applied
from holdfast.problems import NotAllowed

_log = structlog.get_logger("holdfast.monitoring")
AGAIN = timedelta(minutes=15)
"""When a run that failed is tried again."""

_FORGOTTEN = (
    "what the monitors remembered is missing, or is not what their last run left, so the log was judged from "
    "its beginning"
)

# Run-time only, not a projection: what monitors remember between runs. It can be lost: the next run then
# judges the log from its beginning, and alerts that are open already are joined, not raised again.
monitor_memory = Table(
    "monitor_memory",
    metadata,
    Column("system", String(100), primary_key=True),
    Column("as_of", String(27), nullable=False),
    Column("state", Text, nullable=False),
    mac_column(),
)


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run found."""

    system: str
    measurements: tuple[Measurement, ...]
    raised: tuple[str, ...]
    """Alerts raised."""
    failed: str = ""
    """Why nothing could be measured; empty when anything was."""
    failing: Mapping[str, str] = field(default_factory=dict)
    """By monitor that could not measure: why."""
    notes: tuple[str, ...] = ()
    """What was strange about the log and did not stop the counting."""
    late: tuple[LateRows, ...] = ()
    """Windows whose rows came, or went, after they had been judged: they were measured again."""

    @property
    def not_computable(self) -> dict[str, str]:
        """By monitor whose newest window could not be computed: why. No alarm can come from such a window."""
        newest = {one.monitor: one for one in self.measurements if one.group is None and not one.is_aside}
        return {name: one.reason for name, one in newest.items() if one.status is WindowStatus.NOT_COMPUTABLE}


class Monitoring:
    """Runs monitors. Person and time are passed to every verb."""

    def __init__(self, ledger: Ledger, base: Path, engines: Engines) -> None:
        """Paths in the systems' files are relative to `base`, the workspace."""
        self.ledger = ledger
        self.base = base
        self.engines = engines

    def run(self, system: str, *, by: Actor, at: datetime, fires: Timer | None = None) -> Ran:
        """Measure what has changed in the system's log and record it.

        What fails, log or monitor, is recorded and raises an alert of its own. Raises NotAllowed for a system
        that is unknown or has nothing to watch, AlreadyFired when another worker was faster.
        """
        applied = self._covered(system)
        try:
            found = self._evaluate(applied.model, at)
        except LogError as error:
            return self._failed(applied, str(error), by, at, fires)
        except Exception as error:
            # Whatever one log does to us, its alert is raised and the other systems are run.
            _log.exception("monitoring failed", system=system)
            return self._failed(applied, why_of(error), by, at, fires)
        return self._record(applied, found, by, at, fires)

    def fire(self, timer: Timer, by: Actor, at: datetime) -> None:
        """The timer's handler: one run, exactly once for each time it was due."""
        try:
            self.run(timer.data["system"], by=by, at=at, fires=timer)
        except NotAllowed as refused:
            stopped = MonitoringStopped(system=timer.data["system"], reason=str(refused))
            self.ledger.append(self._next(_stream(timer.data["system"]), stopped), by=by, at=at, fires=timer)

    def follow(self, recorded: Recorded, at: datetime) -> None:
        """Begin to watch a system that was applied, and stop when it is withdrawn."""
        fact = recorded.fact
        if not isinstance(fact, (SystemApplied, SystemWithdrawn)):
            return
        current = versions.active_systems(self.ledger).get(fact.system)
        covered = current is not None and current.model.is_covered

        def decide(events: Sequence[Fact]) -> list[Fact]:
            last = events[-1] if events else None
            if covered and (last is None or isinstance(last, MonitoringStopped)):
                return [MonitoringScheduled(system=fact.system, due=at)]
            if not covered and last is not None and not isinstance(last, MonitoringStopped):
                return [MonitoringStopped(system=fact.system, reason="nothing is left to watch")]
            return []

        stream = _stream(fact.system)
        settle_stream(self.ledger, stream, lambda read: decide(read.events), recorded.by, at)

    def measured_since(self, system: str, since: datetime) -> list[Measurement]:
        """What is known of the windows of a system that begin at or after a moment."""
        with self.ledger.reading() as conn:
            return [one for one in records.measurements_of(conn, system, since=since) if not one.is_aside]

    def measured_by(self, system: str, monitor: str, since: datetime) -> list[Measurement]:
        """The same for one monitor."""
        with self.ledger.reading() as conn:
            found = records.measurements_of(conn, system, monitor, since)
            return [one for one in found if not one.is_aside]

    # Measuring ---------------------------------------------------------------------------------

    def _covered(self, system: str) -> Applied[System]:
        applied = versions.require_system(self.ledger, system)
        if not applied.model.is_covered:
            raise NotAllowed(f"{system} has no prediction log or no monitors; add them to {applied.file}")
        return applied

    def _evaluate(self, system: System, at: datetime) -> _Found:
        assert system.prediction_log is not None
        with self.ledger.reading() as conn:
            kept = remembered(conn, system.id, self.ledger)
            ran = None if kept else self.ledger.newest(conn, _stream(system.id), MonitoringRan)
            before = kept or State(series=_open_series(conn, system.id))
        with self.engines() as engine:
            log = open_log(system.prediction_log, self.base, engine, at)
            monitors = {monitor.id: monitor for monitor in monitors_of(system, log, engine).monitors}
            found = evaluate(system, log, engine, at, before, lambda since: self._told(system.id, since))
        measurements = tuple(_finite(one) for one in found.measurements)
        with self.ledger.reading() as conn:
            dark = blind(conn, system.id, monitors, measurements, found.state.frozen, at)
        dead = {**dark, **found.failing}
        notes = (*log.notes, *([_FORGOTTEN] if ran else []))
        return _Found(monitors, measurements, found.state, log.rows, log.last, found.late, dead, notes)

    def _told(self, system: str, since: datetime) -> dict[str, Said]:
        """What is on record about windows, so that none is judged twice when memory is lost or short."""
        with self.ledger.reading() as conn:
            return {place(one): said_of(one) for one in records.measurements_of(conn, system, since=since)}

    # Recording ---------------------------------------------------------------------------------

    def _record(
        self, applied: Applied[System], found: _Found, by: Actor, at: datetime, fires: Timer | None
    ) -> Ran:
        system = applied.model
        opened: Sequence[str] = ()

        def drafts() -> list[Draft]:
            nonlocal opened
            measured = [self._measured(applied, batch) for batch in _by_monitor(found.measurements)]
            alerts, raised = self._alerts(system, found)
            why = failing.of_monitors(found.failing)
            unheard = why_unheard(system, found.newest, at)
            if unheard and not any(one.alarms_on_silence for one in system.monitors):
                why |= failing.of_system(system, unheard)  # else that monitor's alarm is the one alert
            failures, dead = self._failures(applied, why, at, len(raised))
            opened = (*raised, *dead)
            ran = MonitoringRan(
                system=system.id,
                config=applied.content,
                as_of=at,
                measured=len(found.measurements),
                alarms=sum(one.alarm for one in found.measurements),
                rows=found.rows,
                newest=found.newest,
                late_rows=found.late_rows,
                failing=tuple(found.failing),
                notes=found.notes,
                next_due=at + _schedule(system),
                memory=digest_of_memory(found.state.as_json()),
            )
            return [*_by_stream([*measured, *alerts, *failures]), self._next(_stream(system.id), ran)]

        def keeping(conn: Connection) -> None:
            _remember(conn, self.ledger.row_key, system.id, at, found.state)

        settle(self.ledger, drafts, system.id, by=by, at=at, fires=fires, keeping=keeping)
        because = {name: one.reason for name, one in found.failing.items()}
        return Ran(system.id, found.measurements, tuple(opened), "", because, found.notes, found.late)

    def _failed(
        self, applied: Applied[System], reason: str, by: Actor, at: datetime, fires: Timer | None
    ) -> Ran:
        system = applied.model.id
        failed = MonitoringFailed(system=system, config=applied.content, reason=reason, next_due=at + AGAIN)
        opened: Sequence[str] = ()

        def drafts() -> list[Draft]:
            nonlocal opened
            alerts, opened = self._failures(applied, failing.of_system(applied.model, reason), at, 0)
            return [*alerts, self._next(_stream(system), failed)]

        settle(self.ledger, drafts, system, by=by, at=at, fires=fires)
        return Ran(system, (), tuple(opened), reason)

    def _failures(
        self, applied: Applied[System], why: Mapping[str, failing.Why], at: datetime, raised: int
    ) -> tuple[list[Draft], list[str]]:
        """Drafts for monitors that cannot measure, or measure again, and the alerts raised by them; of the
        numbers of alerts, `raised` are taken already."""
        system = applied.model
        with self.ledger.reading() as conn:
            first = records.next_alert_number(conn) + raised
            told = failing.told(conn, system, why, at, first)
        drafts: dict[str, Draft] = {}
        for alert, fact in told:
            self._add(drafts, alert, fact)
        news = [fact.alert.monitor for _, fact in told if isinstance(fact, (AlertRaised, AlertContinued))]
        for monitor in filter(None, news):
            reason = why[monitor].reason
            failed = MonitorFailed(system=system.id, monitor=monitor, config=applied.content, reason=reason)
            stream = measured_stream(system.id, monitor)
            drafts[stream] = self._next(stream, failed)
        return list(drafts.values()), [alert for alert, fact in told if isinstance(fact, AlertRaised)]

    def _measured(self, applied: Applied[System], batch: Sequence[Measurement]) -> Draft:
        monitor = batch[0].monitor
        fact = MonitorMeasured(
            system=applied.model.id, monitor=monitor, config=applied.content, measurements=tuple(batch)
        )
        return self._next(measured_stream(applied.model.id, monitor), fact)

    def _next(self, stream: str, fact: Fact) -> Draft:
        """A fact behind those that a stream holds by now. They may be many, and none of them is read."""
        return Draft(stream, self.ledger.length(stream), [fact])

    def _alerts(self, system: System, found: _Found) -> tuple[list[Draft], list[str]]:
        """Drafts for every alert that opens, goes on or closes, in the order in which it was judged."""
        with self.ledger.reading() as conn:
            number = records.next_alert_number(conn)
            open_: dict[str, str] = {}
            drafts: dict[str, Draft] = {}
            raised: list[str] = []
            for one in found.measurements:
                if one.transition is None or one.transition is Transition.RECOVERS:
                    continue
                if one.series not in open_:
                    known = records.open_alert(conn, system.id, one.series)
                    open_[one.series] = known.alert if known else ""
                alert = open_[one.series]
                if one.transition is Transition.CLOSES:
                    if alert:
                        cleared = self._cleared(conn, system.id, alert, one)
                        self._add(drafts, alert, cleared)
                        open_[one.series] = ""
                    continue
                monitor = found.monitors[one.monitor]
                if not alert:
                    alert = f"ALR-{number}"
                    number += 1
                    raised.append(alert)
                    open_[one.series] = alert
                    fact: Fact = AlertRaised(
                        system=system.id,
                        series=one.series,
                        tells=tuple(role.value for role in monitor.tells),
                        alert=alert_facts(alert, monitor, one),
                    )
                else:
                    told = alert_facts(alert, monitor, one)
                    fact = AlertContinued(system=system.id, series=one.series, alert=told)
                self._add(drafts, alert, fact)
        return list(drafts.values()), raised

    def _add(self, drafts: dict[str, Draft], alert: str, fact: Fact) -> None:
        known = drafts.get(alert)
        if known is None:
            stream = ALERTS.stream_of(alert)
            known = Draft(stream, self.ledger.length(stream), [])
        drafts[alert] = replace(known, facts=[*known.facts, fact])

    def _cleared(self, conn: Connection, system: str, alert: str, one: Measurement) -> AlertCleared:
        incident = register.incident_of_alert(conn, alert) or ""
        if incident and register.get(conn, incident).status.over:
            incident = ""  # an archived record takes nothing more
        return AlertCleared(
            system=system,
            series=one.series,
            alert=alert,
            incident=incident,
            window_end=one.window_end,
            reason=one.reason,
        )


@dataclass(frozen=True, slots=True)
class _Found:
    monitors: dict[str, Monitor]
    measurements: tuple[Measurement, ...]
    state: State
    rows: int
    newest: datetime
    late: tuple[LateRows, ...]
    failing: Mapping[str, Failure]
    notes: tuple[str, ...]

    @property
    def late_rows(self) -> int:
        """Late rows of all windows; monitors with windows of other lengths see the same rows."""
        by_length: dict[timedelta, int] = {}
        for one in self.late:
            length = one.window_end - one.window_start
            by_length[length] = by_length.get(length, 0) + one.rows
        return max(by_length.values(), key=abs, default=0)


def alert_facts(alert: str, monitor: Monitor, one: Measurement) -> AlertFacts:
    """What the incident and its rules are told of an alarm."""
    reference = one.detail.get("reference")
    told = of_period(one)
    drop = None if reference is None or told.value is None else monitor.worse_by(told.value, reference)
    return AlertFacts(
        alert=alert,
        monitor=monitor.id,
        monitor_name=monitor.name,
        dimension=monitor.measures.dimension.value,
        metric=one.quantity if one.is_aside else monitor.measures.name,
        value=told.value,
        lower=told.lower,
        upper=told.upper,
        limit=_limit(monitor, one),
        n=told.n,
        drop=drop if drop is not None and isfinite(drop) else None,
        group=one.group or {},
        window_start=told.window_start,
        window_end=one.window_end,
        reason=one.reason,
    )


def _limit(monitor: Monitor, one: Measurement) -> float | None:
    """The limit that was crossed; of two, none where the value does not say which."""
    if one.is_aside:
        return monitor.min_coverage
    if monitor.limit is None:
        return None
    below, above = monitor.limit.below, monitor.limit.above
    if below is None or above is None:
        return above if below is None else below
    if one.value is None:
        return None
    return below if one.value < below else above


def of_period(one: Measurement) -> Measurement:
    """The measurement with the numbers that raised its alarm: the period's, where one was judged."""
    if "period_n" not in one.detail:
        return one
    return replace(
        one,
        value=one.detail.get("period"),
        lower=one.detail.get("period_lower"),
        upper=one.detail.get("period_upper"),
        n=int(one.detail["period_n"]),
        window_start=datetime.fromtimestamp(one.detail["period_start"], UTC),
    )


def _by_monitor(measurements: Iterable[Measurement]) -> list[list[Measurement]]:
    ordered = sorted(measurements, key=lambda one: one.monitor)
    return [list(batch) for _, batch in groupby(ordered, key=lambda one: one.monitor)]


def _by_stream(drafts: Iterable[Draft]) -> list[Draft]:
    """One draft for each stream: a monitor may measure a window and be blind by it."""
    found: dict[str, Draft] = {}
    for draft in drafts:
        known = found.get(draft.stream)
        found[draft.stream] = draft if known is None else replace(known, facts=[*known.facts, *draft.facts])
    return list(found.values())


def _finite(one: Measurement) -> Measurement:
    """An interval's open end is None: facts hold no infinite numbers."""

    def closed(value: float | None) -> float | None:
        return value if value is not None and isfinite(value) else None

    detail = {key: value for key, value in one.detail.items() if isfinite(value)}
    return replace(
        one, value=closed(one.value), lower=closed(one.lower), upper=closed(one.upper), detail=detail
    )


def _schedule(system: System) -> timedelta:
    """How often the system's monitors run: as often as the most frequent asks for."""
    return min(monitor.schedule for monitor in system.monitors)


def _stream(system: str) -> str:
    return f"monitoring/{system}"


def remembered(conn: Connection, system: str, ledger: Ledger) -> State | None:
    """What a system's monitors carry along between runs; None before the first, and where it is not what
    their last run left: the log is then judged from its beginning, and no edit keeps an alarm back."""
    row = conn.execute(select(monitor_memory).where(monitor_memory.c.system == system)).first()
    if row is None or not ledger.row_key.wrote(monitor_memory, row):
        return None
    ran = ledger.newest(conn, _stream(system), MonitoringRan)
    if ran is None or row.as_of != clock.stamp(ran.as_of):
        return None
    if ran.memory and ran.memory != digest_of_memory(row.state):  # older facts do not say
        return None
    try:
        return State.from_json(row.state)
    except ValueError:
        return None  # written by another release: judge the log from its beginning


def _open_series(conn: Connection, system: str) -> dict[str, Series]:
    """Series whose alert is open: what is known of them when memory is lost."""
    return {series: Series(open=True) for series in records.open_series(conn, system)}


def digest_of_memory(state: str) -> str:
    """What the fact of a run says of what the monitors remember after it."""
    return hashlib.sha256(b"holdfast/memory/v1\x00" + state.encode()).hexdigest()


def _remember(conn: Connection, row_key: RowKey, system: str, at: datetime, state: State) -> None:
    conn.execute(delete(monitor_memory).where(monitor_memory.c.system == system))
    values = {"system": system, "as_of": clock.stamp(at), "state": state.as_json()}
    conn.execute(insert(monitor_memory).values(**row_key.signed(monitor_memory, values)))
