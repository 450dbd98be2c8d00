"""An incident: the state its facts add up to, and the decisions that state allows.

Pure: who acts and when are passed in, new facts come out, nothing is read or written. A decision that is
not allowed raises NotAllowed with a sentence a person can act on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from holdfast.incident.events import (
    Acknowledged,
    AlertFacts,
    AlertJoined,
    CauseEstablished,
    ClassificationProposed,
    Classified,
    Clock,
    ClockBreached,
    ClockMet,
    ClockMoved,
    ClockStarted,
    ClockStopped,
    Closed,
    Contained,
    ContainmentDecided,
    ContainmentLost,
    Dismissed,
    Escalated,
    ImpactNoted,
    IncidentFact,
    IncidentOpened,
    Member,
    NoteAdded,
    Resolved,
    Reviewed,
    RoleHandedOver,
    SwitchLifted,
    SwitchSet,
    TeamAssembled,
    TierRaised,
)
from holdfast.people import Actor
from holdfast.prepare.terms import Category, Severity
from holdfast.problems import NotAllowed


class Status(StrEnum):
    TRIAGE = "triage"
    OPEN = "open"
    CONTAINED = "contained"
    RESOLVED = "resolved"
    CLOSED = "closed"
    DISMISSED = "dismissed"

    @property
    def over(self) -> bool:
        return self in (Status.CLOSED, Status.DISMISSED)


class Phase(StrEnum):
    """Where an incident stands in the five phases of R-PRE-04 that follow preparation."""

    DETECTION = "Detected and classified"
    CONTAINMENT = "Contain"
    INVESTIGATION = "Investigate"
    REMEDIATION = "Remediate"
    REVIEW = "Review"


@dataclass(frozen=True, slots=True)
class ClockState:
    clock: Clock
    started: datetime
    due: datetime
    limit: timedelta
    met_at: datetime | None = None
    breached_at: datetime | None = None
    stopped: bool = False

    @property
    def running(self) -> bool:
        return self.met_at is None and not self.stopped

    @property
    def kept(self) -> bool:
        """Met, and before it was due."""
        return self.met_at is not None and self.met_at <= self.due


@dataclass(frozen=True, slots=True)
class Incident:
    """State folded from facts; see `after`."""

    id: str = ""
    title: str = ""
    description: str = ""
    source: str = ""
    system: str = ""
    model_version: str = ""
    playbook: str = ""
    playbook_version: str = ""
    opened_at: datetime | None = None
    began_at: datetime | None = None
    alerts: tuple[AlertFacts, ...] = ()
    status: Status = Status.TRIAGE
    proposed: ClassificationProposed | None = None
    category: Category | None = None
    severity: Severity | None = None
    """As confirmed; before that, as proposed."""
    classified_at: datetime | None = None
    tier: int = 1
    rung: int = 0
    team: tuple[Member, ...] = ()
    clocks: Mapping[Clock, ClockState] = field(default_factory=dict)
    impact: ImpactNoted | None = None
    acknowledged_at: datetime | None = None
    containment_decided: bool = False
    switches: tuple[str, ...] = ()
    """Its containments whose switch is set."""
    contained_at: datetime | None = None
    told_contained: tuple[str, ...] = ()
    """Whom a message was queued for that said it is contained."""
    cause: str = ""
    resolved_at: datetime | None = None
    reviewed_at: datetime | None = None
    closed_at: datetime | None = None

    # Folding -----------------------------------------------------------------------------------

    def after(self, fact: IncidentFact, at: datetime) -> Incident:
        """The state after one more fact, recorded at `at`."""
        match fact:
            case IncidentOpened():
                return Incident(
                    id=fact.incident,
                    title=fact.title,
                    description=fact.description,
                    source=fact.source,
                    system=fact.system,
                    model_version=fact.model_version,
                    playbook=fact.playbook,
                    playbook_version=fact.playbook_version,
                    opened_at=at,
                    began_at=fact.began_at,
                    alerts=(fact.alert,) if fact.alert else (),
                )
            case AlertJoined():
                return replace(self, alerts=(*self.alerts, fact.alert))
            case ClassificationProposed():
                if self.classified_at:
                    return replace(self, proposed=fact)
                return replace(self, proposed=fact, category=fact.category, severity=fact.severity)
            case Classified():
                confirmed = replace(self, category=fact.category, severity=fact.severity, classified_at=at)
                return confirmed._moved(Status.OPEN, (Status.TRIAGE,))
            case TeamAssembled():
                return replace(self, team=fact.members)
            case RoleHandedOver():
                others = tuple(member for member in self.team if member.role != fact.role)
                return replace(self, team=(*others, fact.to))
            case ClockStarted():
                started = ClockState(fact.clock, at, fact.due, timedelta(seconds=fact.limit_seconds))
                return self._with_clock(started)
            case ClockMoved():
                limit = timedelta(seconds=fact.limit_seconds)
                moved = replace(self.clocks[fact.clock], due=fact.due, limit=limit, breached_at=None)
                return self._with_clock(moved)
            case ClockMet():
                return self._with_clock(replace(self.clocks[fact.clock], met_at=at))
            case ClockStopped():
                return self._with_clock(replace(self.clocks[fact.clock], stopped=True))
            case ClockBreached():
                return self._with_clock(replace(self.clocks[fact.clock], breached_at=at))
            case Acknowledged():
                return replace(self, acknowledged_at=at)
            case Escalated():
                return replace(self, rung=fact.rung, tier=max(self.tier, fact.tier))
            case TierRaised():
                return replace(self, tier=fact.tier)
            case ImpactNoted():
                return replace(self, impact=fact)
            case NoteAdded():
                return self
            case ContainmentDecided():
                return replace(self, containment_decided=True)
            case SwitchSet():
                return replace(self, switches=(*self.switches, fact.containment))
            case SwitchLifted():
                left = tuple(one for one in self.switches if one != fact.containment)
                return replace(self, switches=left)
            case Contained():
                told = tuple(dict.fromkeys((*self.told_contained, *fact.told)))
                contained = replace(self, contained_at=at, told_contained=told)
                return contained._moved(Status.CONTAINED, (Status.TRIAGE, Status.OPEN))
            case ContainmentLost():
                return replace(self, contained_at=None)._moved(Status.OPEN, (Status.CONTAINED,))
            case CauseEstablished():
                return replace(self, cause=fact.cause)
            case Resolved():
                return replace(self, resolved_at=at, status=Status.RESOLVED)
            case Reviewed():
                return replace(self, reviewed_at=at)
            case Closed():
                return replace(self, closed_at=at, status=Status.CLOSED)
            case Dismissed():
                return replace(self, closed_at=at, status=Status.DISMISSED)
            case _:
                assert_never(fact)

    def _moved(self, to: Status, only_from: tuple[Status, ...]) -> Incident:
        return replace(self, status=to) if self.status in only_from else self

    def _with_clock(self, clock: ClockState) -> Incident:
        return replace(self, clocks={**self.clocks, clock.clock: clock})

    # Reading -----------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        if self.status is Status.RESOLVED or self.status.over:
            return Phase.REVIEW
        if self.cause:
            return Phase.REMEDIATION
        if self.contained_at:
            return Phase.INVESTIGATION
        if self.classified_at:
            return Phase.CONTAINMENT
        return Phase.DETECTION

    @property
    def next_clock(self) -> ClockState | None:
        """The running clock that is due first."""
        running = (clock for clock in self.clocks.values() if clock.running)
        return min(running, key=lambda clock: clock.due, default=None)

    def roles_of(self, person: str) -> tuple[str, ...]:
        """The roles a person fills in this incident."""
        return tuple(member.role for member in self.team if member.person == person)

    def holder_of(self, role: str) -> Member | None:
        return next((member for member in self.team if member.role == role), None)

    # Deciding ----------------------------------------------------------------------------------

    def require_running(self) -> None:
        if not self.id:
            raise NotAllowed("there is no such incident")
        if self.status.over:
            raise NotAllowed(
                f"{self.id} is {self.status.value}: its record is archived and cannot be added to"
            )

    def acknowledge(self, who: Actor) -> list[IncidentFact]:
        """Somebody answers; stops the acknowledgement clock and the ladder. Nothing when already answered."""
        self.require_running()
        if self.acknowledged_at:
            return []
        answered = Acknowledged(incident=self.id, person=who.id, name=who.name)
        return [answered, *self.meet(Clock.ACKNOWLEDGE)]

    def meet(self, clock: Clock) -> list[IncidentFact]:
        """The clock's promise is kept now; nothing when it is not running."""
        state = self.clocks.get(clock)
        return [ClockMet(incident=self.id, clock=clock)] if state and state.running else []

    def breach(self, clock: Clock, now: datetime) -> list[IncidentFact]:
        """The clock ran out; nothing when it was met, stopped or moved meanwhile."""
        state = self.clocks.get(clock)
        if state is None or not state.running or state.breached_at or state.due > now:
            return []
        return [ClockBreached(incident=self.id, clock=clock, due=state.due)]

    def classify(
        self, category: Category, severity: Severity, reason: str, limits: Mapping[Clock, timedelta | None]
    ) -> list[IncidentFact]:
        """A person confirms or overrides the proposal; clocks follow (R-CLS-03, R-CLS-05)."""
        self.require_running()
        proposed = self.proposed
        overrides = proposed is not None and (proposed.category, proposed.severity) != (category, severity)
        if overrides and not reason.strip():
            raise NotAllowed(
                f"the rules propose {proposed.severity.label}, {proposed.category.label.lower()}; "  # type: ignore[union-attr]
                "write the reason for deciding otherwise"
            )
        if self.classified_at and (self.category, self.severity) == (category, severity):
            return []
        decided = Classified(
            incident=self.id,
            category=category,
            severity=severity,
            reason=reason.strip(),
            overrides=overrides,
        )
        return [decided, *self.follow_severity(limits)]

    def follow_severity(self, limits: Mapping[Clock, timedelta | None]) -> list[IncidentFact]:
        """Start, move or stop the clocks that count from the opening."""
        assert self.opened_at is not None
        facts: list[IncidentFact] = []
        for clock in (Clock.ACKNOWLEDGE, Clock.CONTAIN):
            facts += self._follow(clock, limits.get(clock), self.opened_at)
        return facts

    def _follow(self, clock: Clock, limit: timedelta | None, origin: datetime) -> list[IncidentFact]:
        state = self.clocks.get(clock)
        if limit is None:
            if state is None or not state.running:
                return []
            return [ClockStopped(incident=self.id, clock=clock, reason="this severity sets no such limit")]
        seconds, due = int(limit.total_seconds()), origin + limit
        if state is None or state.stopped:
            return [ClockStarted(incident=self.id, clock=clock, due=due, limit_seconds=seconds)]
        if not state.running or state.limit == limit:
            return []
        return [ClockMoved(incident=self.id, clock=clock, due=due, limit_seconds=seconds)]

    def hand_over(self, role: str, to: Member, reason: str) -> list[IncidentFact]:
        self.require_running()
        holder = self.holder_of(role)
        if holder and holder.person == to.person:
            return []
        return [RoleHandedOver(incident=self.id, role=role, to=to, reason=reason)]

    def note(
        self, text: str, now: datetime, occurred_at: datetime | None, evidence: tuple[str, ...]
    ) -> list[IncidentFact]:
        """Add a note; with `occurred_at` a back-filled entry, marked as such."""
        self.require_running()
        if not text.strip():
            raise NotAllowed("the note is empty; write what happened or what you found")
        if occurred_at and occurred_at > now:
            raise NotAllowed(f"the note is about {occurred_at:%d %b %H:%M UTC}, which is in the future")
        return [NoteAdded(incident=self.id, text=text.strip(), occurred_at=occurred_at, evidence=evidence)]

    def decide_containment(self, decision: str, reason: str) -> list[IncidentFact]:
        """The decision the containment clock waits for (R-CON-08)."""
        self.require_running()
        decided = ContainmentDecided(incident=self.id, decision=decision, reason=reason)
        return [decided, *self.meet(Clock.CONTAIN)]

    def set_switch(self, containment: str) -> list[IncidentFact]:
        self.require_running()
        return [SwitchSet(incident=self.id, containment=containment)]

    def lift_switch(self, containment: str) -> list[IncidentFact]:
        if containment not in self.switches:
            return []
        return [SwitchLifted(incident=self.id, containment=containment)]

    def contained(self, containment: str, proof: str) -> list[IncidentFact]:
        self.require_running()
        return [Contained(incident=self.id, containment=containment, proof=proof)]

    def lose_containment(self, containment: str, reason: str, deliberate: bool = False) -> list[IncidentFact]:
        self.require_running()
        if not self.contained_at:
            return []
        return [
            ContainmentLost(incident=self.id, containment=containment, reason=reason, deliberate=deliberate)
        ]

    def establish_cause(self, cause: str) -> list[IncidentFact]:
        self.require_running()
        return [CauseEstablished(incident=self.id, cause=cause)]

    def resolve(self, resolution: str, review_within: timedelta | None, now: datetime) -> list[IncidentFact]:
        """The harm is over and the fix verified; starts the review's clock where one is required."""
        self.require_running()
        if self.status is Status.TRIAGE:
            raise NotAllowed(f"confirm category and severity of {self.id} before resolving it")
        if self.status is Status.RESOLVED:
            return []
        if not self.cause:
            raise NotAllowed(f"establish the root cause of {self.id} before resolving it")
        if not resolution.strip():
            raise NotAllowed("say in a sentence what resolved it")
        return [
            Resolved(incident=self.id, resolution=resolution.strip()),
            *self._follow(Clock.REVIEW, review_within, now),
        ]

    def reviewed(self, review: str) -> list[IncidentFact]:
        self.require_running()
        return [Reviewed(incident=self.id, review=review), *self.meet(Clock.REVIEW)]

    def close(self, summary: str, review_required: bool, record_sha256: str) -> list[IncidentFact]:
        """Close and archive (R-EVD-10, R-PIR-02)."""
        self.require_running()
        if self.status is not Status.RESOLVED:
            raise NotAllowed(f"{self.id} is {self.status.value}; resolve it before closing it")
        if review_required and not self.reviewed_at:
            raise NotAllowed(
                f"{self.id} is {self.severity.label if self.severity else 'unclassified'}: the playbook "
                "requires a completed review before closing"
            )
        stopped = [
            ClockStopped(incident=self.id, clock=state.clock, reason="closed")
            for state in self.clocks.values()
            if state.running
        ]
        closed = Closed(incident=self.id, summary=summary.strip(), record_sha256=record_sha256)
        return [*stopped, closed]

    def dismiss(self, reason: str) -> list[IncidentFact]:
        """It is not an incident; the reason is required and kept (R-PRE-07)."""
        self.require_running()
        if not reason.strip():
            raise NotAllowed("say why this is not an incident; the reason is part of the record")
        if self.switches or self.contained_at:
            raise NotAllowed(f"{self.id} has an active containment; revert it before dismissing")
        stopped = [
            ClockStopped(incident=self.id, clock=state.clock, reason="dismissed")
            for state in self.clocks.values()
            if state.running
        ]
        return [*stopped, Dismissed(incident=self.id, reason=reason.strip())]


def fold(facts: Iterable[tuple[IncidentFact, datetime]]) -> Incident:
    """The state that facts with their recording times add up to."""
    state = Incident()
    for fact, at in facts:
        state = state.after(fact, at)
    return state
