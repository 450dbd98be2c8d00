"""Incidents, their clocks and timeline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from holdfast.incident.incident import Incident, Phase, Status
from holdfast.incident.register import Entry
from holdfast.incident.responding import Answer, Declared
from holdfast.prepare.terms import Category, Severity
from holdfast.shapes.base import Asked, Flag, Seconds, Shown, Storable, Text, Time, Title, Values, Word, Yes

# Shown -----------------------------------------------------------------------------------------


class ClockShown(Shown):
    """What was promised, until when, and whether it was kept."""

    clock: str
    """The promise's id."""
    says: str
    """What is to be done."""
    waits_for: str
    """The same in a word or two."""
    basis: str
    """The law that asks for it; empty: the playbook alone."""
    started: datetime
    due: datetime
    limit_seconds: Seconds = Field(validation_alias="limit")
    limit_says: str
    """How long it may take, in words: 5 business days."""
    met_at: datetime | None
    breached_at: datetime | None
    """When a due time was first missed. It stays, whatever is promised afterwards."""
    missed: datetime | None
    """The first due time that was missed."""
    soon_at: datetime
    """From when on it is urgent: with a quarter of its time left."""
    late_by: Seconds | None
    """How long after the first missed due time it was met."""
    running: bool
    """Neither met nor stopped."""
    stopped_because: str
    """Why the promise no longer applies; empty while it does."""
    kept: bool
    """Met, and no due time missed."""


class MemberShown(Shown):
    role: str
    person: str
    name: str


class ProposalShown(Shown):
    """What the playbook's rules propose, and why."""

    category: Category
    severity: Severity
    reason: str


class AlertFactsShown(Shown):
    """What a monitor measured when it alarmed."""

    alert: str
    monitor: str
    monitor_name: str
    dimension: str
    metric: str
    value: float | None
    """null when the monitor could not measure"""
    lower: float | None
    upper: float | None
    limit: float | None
    n: int
    drop: float | None
    """Relative fall against the reference or the week before; 0.2 is a fall by a fifth."""
    group: dict[str, str]
    """Column and value; empty for everybody."""
    window_start: datetime
    window_end: datetime
    reason: str


class ImpactKnown(Shown):
    """What the rules of classification and escalation read; null is not known."""

    users: int | None
    """People affected: touched by the fault."""
    users_at_least: bool
    """More people may be affected than the rules of the count can tell."""
    inferences: int | None
    share: float | None
    exposed_users: int | None
    """People served while something was wrong, touched or not."""
    exposed_at_least: bool
    """More were exposed than it says: they were counted in a part of the incident."""
    exposed_inferences: int | None
    exposed_share: float | None
    outage: bool | None
    sensitive_data: bool | None
    breach: bool | None
    regulatory: bool | None
    external_notice: bool | None
    as_of: datetime | None
    """When the affected were last counted, or stated."""
    exposed_as_of: datetime | None
    """The same for the exposed."""


class IncidentListed(Shown):
    """One line of the list."""

    incident: str = Field(validation_alias="id")
    title: str
    status: Status
    severity: Severity | None
    category: Category | None
    confirmed: bool
    """Whether a person confirmed severity and category; before that they are the rules' proposal."""
    system: str
    opened_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str
    """Whoever answered first; empty while nobody has."""
    contained_at: datetime | None
    """Since when it is contained; null while it is not, also where that was lost."""
    first_contained_at: datetime | None
    """When containment was first proven, also where it was lost or reverted since."""
    resolved_at: datetime | None
    closed_at: datetime | None
    next_clock: ClockShown | None
    """The running clock that is due first."""


class IncidentShown(IncidentListed):
    """One incident as it stands."""

    description: str
    source: str
    """alert or person"""
    model_version: str
    began_at: datetime | None
    phase: Phase
    tier: int
    proposed: ProposalShown | None
    classified_at: datetime | None
    reviewed_at: datetime | None
    cause: str
    """The root cause, once it is established."""
    containment_decided: bool
    impact: ImpactKnown | None
    harm: str
    """Whether the harm goes on since, as far as it is known; empty where the record is closed."""
    known_of_merged: tuple[str, ...]
    """What is known of the impact of incidents that were merged into this one, and counts here."""
    related: tuple[str, ...]
    """Incidents that have to do with this one, as somebody said."""
    absorbed: tuple[str, ...]
    """Incidents that were merged into this one."""
    merged_into: str
    """The incident in which the response goes on; empty unless this one was merged."""
    after_resolution: tuple[str, ...]
    """Alerts that went on, or were raised again, after it was resolved, each as a sentence."""
    team: tuple[MemberShown, ...]
    clocks: Annotated[tuple[ClockShown, ...], Values]
    alerts: tuple[AlertFactsShown, ...]
    playbook: str
    """Hash of the playbook version it is pinned to."""
    playbook_version: str


class Acknowledged(IncidentShown):
    """The incident after an acknowledgement, and who was first."""

    first: bool
    """Whether it was this request that acknowledged; otherwise somebody had before, as `says` tells."""
    says: str


class DeclaredShown(IncidentShown):
    """The incident a report opened or joined, and what else was running."""

    joined: bool
    """It is about this incident, which was running already; otherwise it opened it."""
    running: tuple[IncidentListed, ...]
    """Unresolved incidents besides, those on the same system first: one of them may be the same."""
    says: str
    """What became of it, and how it is joined to what else is running."""


class IncidentList(Shown):
    incidents: tuple[IncidentListed, ...]
    total: int
    """How many match, whatever the limit."""


class EntryShown(Shown):
    """One line of the timeline."""

    seq: int
    """Number of the ledger entry it is read from."""
    at: datetime
    """When it happened; for a back-filled entry as a person said."""
    recorded_at: datetime
    back_filled: bool
    by: str
    by_kind: Literal["person", "system", "agent"]
    type: str
    title: str
    detail: str
    tone: Literal["plain", "alarm", "act", "note"]


class Timeline(Shown):
    incident: str
    entries: tuple[EntryShown, ...]


def listed(state: Incident) -> IncidentListed:
    return IncidentListed.model_validate(_attributes(state, IncidentListed))


def shown(state: Incident) -> IncidentShown:
    return IncidentShown.model_validate(_attributes(state, IncidentShown))


def declared(state: Incident, what: Declared) -> DeclaredShown:
    shown = _attributes(state, IncidentShown)
    running = tuple(listed(one) for one in what.running)
    return DeclaredShown.model_validate(
        {**shown, "joined": what.joined, "running": running, "says": what.sentence}
    )


def acknowledged(state: Incident, answer: Answer) -> Acknowledged:
    shown = _attributes(state, IncidentShown)
    return Acknowledged.model_validate({**shown, "first": answer.first, "says": answer.sentence})


def _attributes(state: Incident, shape: type[IncidentListed]) -> dict[str, object]:
    names = {str(field.validation_alias or name) for name, field in shape.model_fields.items()}
    given = {name: getattr(state, name) for name in names - {"confirmed"}}
    return {**given, "confirmed": state.classified_at is not None}


def timeline(incident: str, entries: Sequence[Entry]) -> Timeline:
    return Timeline(incident=incident, entries=tuple(_entry(entry) for entry in entries))


def _entry(entry: Entry) -> EntryShown:
    return EntryShown(
        seq=entry.seq,
        at=entry.at,
        recorded_at=entry.recorded_at,
        back_filled=entry.back_filled,
        by=entry.by,
        by_kind=entry.by_kind,
        type=entry.type,
        title=entry.line.title,
        detail=entry.line.detail,
        tone=entry.line.tone,
    )


# Asked -----------------------------------------------------------------------------------------


class Declaration(Asked):
    """What somebody says went wrong; only a title is required."""

    title: Title
    """One line that says what went wrong."""
    description: Text = ""
    """What is known so far."""
    system: Word = ""
    """The AI system, as the inventory calls it."""
    model_version: Word = ""
    """The version in production."""
    began_at: Annotated[Time | None, Flag("--began")] = None
    """When the harm is thought to have begun; UTC unless it says otherwise."""
    severity: Severity | None = None
    """What you think; the rules propose too."""
    category: Category | None = None
    """What you think; the rules propose too."""
    join: Word = ""
    """The running incident that it is about, INC-1. Without it a report joins what a monitor has opened on
    the system it names."""
    separate: Yes = False
    """It is an incident of its own, although a monitor has opened one on the same system."""


class Dismissal(Asked):
    """It was not an incident."""

    reason: Text
    """Why; it becomes part of the record."""
    false_alarm: Yes = False
    """Nothing was wrong: its alerts count as false alarms of their monitors."""


class Merger(Asked):
    """Two incidents are one."""

    into: Word
    """The incident in which the response goes on, INC-1."""
    reason: Text
    """Why; it becomes part of the record."""


class Classification(Asked):
    """Confirms what the rules propose, or decides otherwise with a reason."""

    severity: Severity | None = None
    """Without severity and category: what the rules propose. With a category alone it stays."""
    category: Category | None = None
    """With a severity alone it stays."""
    reason: Text = ""
    """Required when it differs from the proposal."""


class NoteAsked(Asked):
    """An entry for the timeline; with `occurred_at` it is back-filled, and marked as such."""

    text: Annotated[Text, Field(min_length=1)]
    """What happened, or what you found."""
    occurred_at: Annotated[Time | None, Flag("--at")] = None
    """When it happened; the entry is then marked as back-filled."""
    evidence: tuple[Word, ...] = Field((), max_length=50)
    """Items it rests on, EV-1."""


class UpdateAsked(Asked):
    """How it stands, for everybody who is told of it."""

    text: Annotated[Text, Field(min_length=1)]
    """How it stands, also when nothing is new."""


class Beginning(Asked):
    """When the harm began; a reason where it corrects what was known."""

    began_at: Time
    """When the harm began; UTC unless it says otherwise."""
    reason: Text = ""
    """Required where it corrects what was known."""


class SystemAsked(Asked):
    """Which AI system it is about; a reason where it corrects another."""

    system: Annotated[Word, Field(min_length=1)]
    """As the inventory calls it."""
    model_version: Word = ""
    """The version in production."""
    reason: Text = ""
    """Required where it corrects another system."""


class HandOver(Asked):
    """Gives a role to somebody else of the roster."""

    person: Word
    """Who fills it from now on, by e-mail address."""
    reason: Text
    """Why; it becomes part of the record."""


class Reason(Asked):
    """Why."""

    reason: Text
    """Why; it becomes part of the record."""


class Resolution(Asked):
    """The harm is over."""

    resolution: Text
    """What resolved it."""
    unverified_because: Text = ""
    """Why it is resolved although something speaks against it: no remediation is verified, or an alert is
    open or came after that."""


class Closure(Asked):
    """How it ended."""

    summary: Text
    """How it ended."""
    unverified_because: Text = ""
    """Why it is closed although an alert went on, or was open, after the resolution."""


class Closed(Shown):
    incident: str
    record_sha256: Storable
    """Digest of the record as archived."""
