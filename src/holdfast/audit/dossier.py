"""The dossier: everything the ledger holds about one incident, read at one moment.

Report, record and walk-through are computed from it and from nothing else, so that they cannot
contradict one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import select

from holdfast.audit import events
from holdfast.contain.containment import Containment
from holdfast.contain.reading import CONTAINMENTS
from holdfast.detect.events import AlertCleared, AlertContinued, AlertRaised, MonitorMeasured
from holdfast.detect.led import ALERTS
from holdfast.detect.measurement import Measurement
from holdfast.evidence import custody
from holdfast.evidence.events import EvidenceAccessed, EvidenceVerified, Gap, Item
from holdfast.incident import register
from holdfast.incident.events import AlertFacts
from holdfast.incident.incident import Incident
from holdfast.incident.loading import load
from holdfast.investigate.analysing import CAUSES
from holdfast.investigate.assessing import IMPACTS, of_system
from holdfast.investigate.cause import Cause
from holdfast.investigate.impact import Impact
from holdfast.learn.remediation import Remediations
from holdfast.learn.remedying import REMEDIATIONS
from holdfast.learn.review import Review
from holdfast.learn.reviewing import REVIEWS
from holdfast.ledger import sealing, tables
from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.folding import Kind
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.ledger.sealing import Sealed
from holdfast.prepare import versions
from holdfast.prepare.systems import Monitor, System
from holdfast.prepare.versions import Applied, PlaybookVersion

FactT = TypeVar("FactT", bound=Fact)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Watched:
    """One series of a monitor behind the incident: it raised an alert, or it is to prove something."""

    monitor: str
    group: dict[str, str]
    """Column and value; empty for everybody."""
    quantity: str
    config: Monitor | None
    """As applied when the incident opened; None where the inventory does not know it."""
    alerts: tuple[AlertFacts, ...]
    cleared_at: datetime | None
    measurements: tuple[Measurement, ...]
    """The newest word on each window, oldest window first."""

    @property
    def name(self) -> str:
        if self.alerts:
            return self.alerts[0].monitor_name
        return self.config.name if self.config else self.monitor


@dataclass(frozen=True, slots=True)
class Dossier:
    """What is known of one incident when the ledger has `entries` facts."""

    origin: str
    """Name of the ledger."""
    entries: int
    sealed: Sealed | None
    """The newest checkpoint at that moment."""
    state: Incident
    record: tuple[Recorded, ...]
    """Every fact that names the incident, in ledger order."""
    streams: Mapping[str, int]
    """The incident's streams and how many facts each holds."""
    context: tuple[Recorded, ...]
    """Single facts of other streams: the playbook version and the system's file it was run under, and
    what says that the ledger's times are a rehearsal's."""
    playbook: PlaybookVersion | None
    system: Applied[System] | None
    """As applied when the incident opened."""
    impact: Impact
    cause: Cause
    containments: tuple[Containment, ...]
    remediations: Remediations
    review: Review
    items: tuple[Item, ...]
    gaps: tuple[Gap, ...]
    watched: tuple[Watched, ...]
    names: Mapping[str, str]
    """Name by person id."""

    def of(self, *kinds: type[FactT]) -> list[tuple[Recorded, FactT]]:
        """The facts of these kinds in the record, in order."""
        return [(one, one.fact) for one in self.record if isinstance(one.fact, kinds)]

    @property
    def custody(self) -> list[tuple[Recorded, EvidenceAccessed | EvidenceVerified]]:
        """Every access to the evidence and every check of it."""
        return [
            (one, one.fact)
            for one in self.record
            if isinstance(one.fact, (EvidenceAccessed, EvidenceVerified))
        ]

    def name_of(self, person: str) -> str:
        return self.names.get(person, person)

    def guards(self) -> list[Draft]:
        """Empty drafts that hold every stream of the incident to what was read."""
        return [Draft(stream, version, []) for stream, version in self.streams.items()]


def gather(ledger: Ledger, incident: str) -> Dossier:
    """Everything about an incident, of a ledger that does not change meanwhile. Raises NoSuchIncident."""
    read = _read(ledger, incident)
    watched = _watched(ledger, read)
    streams = _versions(ledger, incident, [*(one.stream for one in read.record), *read.monitor_streams()])
    with ledger.reading() as conn:
        sealed = sealing.newest(conn)
    return _dossier(ledger, read, watched, streams, ledger.size(), sealed)


def behind(ledger: Ledger, incident: str) -> set[str]:
    """Streams that do not name the incident and that its dossier rests on: alerts and measurements.

    Raises NoSuchIncident.
    """
    read = _read(ledger, incident)
    return {*_alert_streams(read.state), *read.monitor_streams()}


def _read(ledger: Ledger, incident: str) -> _Read:
    state = load(ledger, incident).state
    record = tuple(register.record(ledger, incident))
    alerts = _stream_facts(ledger, _alert_streams(state))
    return _Read(state, record, _system_at(ledger, state), alerts)


def _alert_streams(state: Incident) -> list[str]:
    return sorted({ALERTS.stream_of(alert.alert) for alert in state.alerts})


def streams_of(ledger: Ledger, incident: str, below: int) -> frozenset[str]:
    """Every stream that holds a fact of the incident's record among the first `below` entries, or whose
    name holds the incident's number."""
    facts, streams, about = tables.facts, tables.streams, register.incident_record
    told = (
        select(facts.c.stream)
        .join(about, about.c.seq == facts.c.seq)
        .where(about.c.incident == incident, facts.c.seq < below)
    )
    named = select(streams.c.stream).where(streams.c.stream.like(f"%{incident}%"))
    with ledger.reading() as conn:
        names = [row.stream for row in conn.execute(named) if incident in row.stream.split("/")]
        begun = select(facts.c.stream).where(facts.c.stream.in_(names), facts.c.seq < below)
        return frozenset(row.stream for query in (told, begun) for row in conn.execute(query.distinct()))


# Reading -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read so far."""

    state: Incident
    record: tuple[Recorded, ...]
    system: Applied[System] | None
    alerts: Sequence[Recorded]
    """Facts of the alerts that led here."""

    def of(self, kind: Kind[T]) -> T:
        """What is kept beside the incident under its number."""
        return self._added_up(kind, self.state.id)

    def _added_up(self, kind: Kind[T], name: str) -> T:
        stream = kind.stream_of(name)
        return kind.add_up(name, (one for one in self.record if one.stream == stream))

    def monitors(self) -> list[str]:
        """The monitors behind the incident: those that alarmed first, then those that prove something."""
        incident = self.state.id
        items = self.of(REMEDIATIONS).items.values()
        wanted = [alert.monitor for alert in self.state.own_alerts]
        wanted += [one.watch for one in self.containments() if one.watch]
        wanted += [item.verification.monitor for item in items if item.verification.monitor]
        return list(dict.fromkeys(wanted)) if incident and self.state.system else []

    def monitor_streams(self) -> list[str]:
        return [f"monitor/{self.state.system}/{monitor}" for monitor in self.monitors()]

    def containments(self) -> tuple[Containment, ...]:
        named = (one.stream.partition("/") for one in self.record)
        names = dict.fromkeys(name for kind, _, name in named if kind == CONTAINMENTS.prefix)
        return tuple(self._added_up(CONTAINMENTS, name) for name in names)


def _dossier(
    ledger: Ledger,
    read: _Read,
    watched: tuple[Watched, ...],
    streams: Mapping[str, int],
    entries: int,
    sealed: Sealed | None,
) -> Dossier:
    state = read.state
    evidence = [one.fact for one in read.record if one.stream == custody.stream_of(state.id)]
    return Dossier(
        origin=ledger.origin,
        entries=entries,
        sealed=sealed,
        state=state,
        record=read.record,
        streams=streams,
        context=tuple(_context(ledger, state, read.system)),
        playbook=versions.playbook_version(ledger, state.playbook),
        system=read.system,
        impact=of_system(read.of(IMPACTS), state.system),
        cause=read.of(CAUSES),
        containments=read.containments(),
        remediations=read.of(REMEDIATIONS),
        review=read.of(REVIEWS),
        items=custody.items(evidence),
        gaps=custody.gaps(evidence),
        watched=watched,
        names=versions.names(ledger),
    )


def _stream_facts(ledger: Ledger, streams: Iterable[str]) -> list[Recorded]:
    return [one for stream in streams for one in ledger.stream(stream).facts]


def _versions(ledger: Ledger, incident: str, streams: Iterable[str]) -> dict[str, int]:
    """How many facts each of these streams holds, the pack's own among them, in order of name."""
    wanted = {*streams, *streams_of(ledger, incident, ledger.size()), events.stream_of(incident)}
    table = tables.streams
    with ledger.reading() as conn:
        rows = conn.execute(select(table.c.stream, table.c.version).where(table.c.stream.in_(wanted)))
        held: dict[str, int] = {row.stream: row.version for row in rows}
    return {stream: held.get(stream, 0) for stream in sorted(wanted)}


def _system_at(ledger: Ledger, state: Incident) -> Applied[System] | None:
    """The system's file as it was in force when the incident opened."""
    if not state.system or state.opened_at is None:
        return None
    history = versions.system_history(ledger, state.system)
    return next((one for one in history if one.applied_at <= state.opened_at), None)


def _context(ledger: Ledger, state: Incident, system: Applied[System] | None) -> list[Recorded]:
    """The facts by which playbook and system's file came into force, in ledger order; and where the ledger's
    times are a rehearsal's, the facts that say so."""
    found = list(ledger.stream("demonstration").facts)
    found += [
        one
        for one in ledger.stream(versions.PLAYBOOK_STREAM).facts
        if getattr(one.fact, "content", "") == state.playbook
    ]
    if system:
        applied = ledger.stream(f"system/{state.system}").facts
        found += [one for one in applied if (getattr(one.fact, "content", ""), one.at) == _mark(system)]
    return sorted(found, key=lambda one: one.seq)


def _mark(system: Applied[System]) -> tuple[str, datetime]:
    return system.content, system.applied_at


# Monitors ----------------------------------------------------------------------------------------


def _watched(ledger: Ledger, read: _Read) -> tuple[Watched, ...]:
    """Every series that alarmed, and for monitors that only prove something the one for everybody."""
    found: list[Watched] = []
    for monitor, stream in zip(read.monitors(), read.monitor_streams(), strict=True):
        newest = _newest(ledger.stream(stream).events)
        alerts = [alert for alert in read.state.own_alerts if alert.monitor == monitor]
        groups: list[dict[str, str]] = []
        groups += [alert.group for alert in alerts if alert.group not in groups]
        for group in groups or [{}]:
            told = tuple(alert for alert in alerts if alert.group == group)
            found.append(_series(read, monitor, group, told, newest))
    return tuple(found)


def _newest(facts: Iterable[Fact]) -> list[Measurement]:
    """The newest word on every window of every series: labels that came in later replaced it."""
    known: dict[tuple[str, datetime], Measurement] = {}
    for fact in facts:
        if isinstance(fact, MonitorMeasured):
            known |= {(one.series, one.window_start): one for one in fact.measurements}
    return sorted(known.values(), key=lambda one: (one.window_start, one.series))


def _series(
    read: _Read,
    monitor: str,
    group: dict[str, str],
    alerts: tuple[AlertFacts, ...],
    newest: Sequence[Measurement],
) -> Watched:
    about = [one for one in newest if (one.group or {}) == group]
    quantity = _quantity(read, alerts, about)
    numbers = {alert.alert for alert in alerts}
    cleared = [
        one.at for one in read.alerts if isinstance(one.fact, AlertCleared) and one.fact.alert in numbers
    ]
    return Watched(
        monitor=monitor,
        group=group,
        quantity=quantity,
        config=read.system.model.monitor(monitor) if read.system else None,
        alerts=alerts,
        cleared_at=cleared[-1] if cleared else None,
        measurements=tuple(one for one in about if one.quantity == quantity),
    )


def _quantity(read: _Read, alerts: tuple[AlertFacts, ...], about: Sequence[Measurement]) -> str:
    """What the alarming series measures; a fairness monitor measures several things for one group."""
    numbers = {alert.alert for alert in alerts}
    for one in read.alerts:
        if isinstance(one.fact, (AlertRaised, AlertContinued)) and one.fact.alert.alert in numbers:
            return one.fact.series.rpartition("|")[2]
    return about[0].quantity if about else ""
