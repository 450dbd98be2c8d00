"""An incident: the state its facts add up to, and the decisions that state allows.

Pure: who acts and when are passed in, new facts come out, nothing is read or written. A decision that is
not allowed raises NotAllowed with a sentence a person can act on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, assert_never

from holdfast import wording
from holdfast.incident.events import (
    FLAGS,
    NOT_TO_CONTAIN,
    Absorbed,
    Acknowledged,
    AlertFacts,
    AlertJoined,
    AlertWorsened,
    BeginningStated,
    CauseEstablished,
    ClassificationProposed,
    ClassificationStated,
    Classified,
    ClockBreached,
    ClockMet,
    ClockMoved,
    ClockStarted,
    ClockStopped,
    ClockWarned,
    Closed,
    Contained,
    ContainmentDecided,
    ContainmentLost,
    Dismissed,
    Escalated,
    HarmWentOn,
    ImpactNoted,
    IncidentAlertSetAside,
    IncidentFact,
    IncidentOpened,
    LadderMoved,
    Member,
    Merged,
    NoteAdded,
    Promised,
    Related,
    ReportJoined,
    Resolved,
    Reviewed,
    RoleHandedOver,
    SwitchLifted,
    SwitchSet,
    SystemNamed,
    TeamAssembled,
    TierLowered,
    TierRaised,
    UpdatePosted,
)
from holdfast.people import Actor
from holdfast.prepare import promises
from holdfast.prepare.promises import Limits, Promise
from holdfast.prepare.terms import Category, Severity
from holdfast.problems import NotAllowed

NO_TITLE = "give the incident a title: one line that says what went wrong"
_OPENED = IncidentOpened.type
_A_NEW_ONE = "what goes wrong now is an incident of its own"


class NoLongerOpen(NotAllowed):
    """The incident was resolved or ended, so that nothing new joins it."""


class OtherSystem(NotAllowed):
    """What was to join is about another AI system than the incident: one record speaks of one."""


class Status(StrEnum):
    TRIAGE = "triage"
    OPEN = "open"
    CONTAINED = "contained"
    RESOLVED = "resolved"
    CLOSED = "closed"
    DISMISSED = "dismissed"
    MERGED = "merged"

    @property
    def over(self) -> bool:
        return self in (Status.CLOSED, Status.DISMISSED, Status.MERGED)


class Phase(StrEnum):
    """Where an incident stands in the five phases of R-PRE-04 that follow preparation."""

    DETECTION = "Detected and classified"
    CONTAINMENT = "Contain"
    INVESTIGATION = "Investigate"
    REMEDIATION = "Remediate"
    REVIEW = "Review"


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise that was not kept by its time. It stays, whatever is promised afterwards."""

    due: datetime
    at: datetime
    """When it was recorded."""


@dataclass(frozen=True, slots=True)
class ClockState:
    """One promise as it stands. What it promises may change, what was broken does not."""

    clock: str
    started: datetime
    due: datetime
    limit: timedelta
    met_at: datetime | None = None
    breaches: tuple[Breach, ...] = ()
    """Every due time that was missed, the first first."""
    stopped_because: str = ""
    counted: str = ""
    """How its time is counted where that is not by the hour."""
    rounds: int = 0
    """How often it was met and started anew before."""
    missed_rounds: tuple[datetime, ...] = ()
    """The first missed due time of each earlier round that was not kept."""

    @property
    def promise(self) -> Promise:
        return promises.named(self.clock)

    @property
    def says(self) -> str:
        """What is to be done."""
        return self.promise.due

    @property
    def waits_for(self) -> str:
        """The same in a word or two, for a list."""
        return self.promise.short

    @property
    def basis(self) -> str:
        return self.promise.basis

    @property
    def limit_says(self) -> str:
        """How long it may take, in words."""
        return self.counted or wording.duration(self.limit)

    @property
    def stopped(self) -> bool:
        return bool(self.stopped_because)

    @property
    def running(self) -> bool:
        return self.met_at is None and not self.stopped

    @property
    def breached_at(self) -> datetime | None:
        """When the first breach was recorded."""
        return self.breaches[0].at if self.breaches else None

    @property
    def breached(self) -> bool:
        """Whether the time it is due at now was missed: what broke a later promise broke an earlier one."""
        return any(breach.due >= self.due for breach in self.breaches)

    @property
    def missed(self) -> datetime | None:
        """The first due time that was not kept; None while none is known."""
        late = [breach.due for breach in self.breaches]
        if self.met_at and self.met_at > self.due:
            late.append(self.due)
        return min(late, default=None)

    @property
    def kept(self) -> bool:
        """Met, and no due time missed before."""
        return self.met_at is not None and self.missed is None

    def tally(self, now: datetime) -> tuple[int, int]:
        """How often it was kept, of how often that could be said: once, or once a round."""
        late = bool(self.breaches) or (self.running and self.due < now)
        judged = self.rounds + (self.met_at is not None or late)
        return self.rounds - len(self.missed_rounds) + self.kept, judged

    @property
    def late_by(self) -> timedelta | None:
        """How long after the first missed due time it was met; None where it was kept or is not met."""
        return self.met_at - self.missed if self.met_at and self.missed else None

    @property
    def counted_from(self) -> datetime:
        """The moment the promise counts from: the opening, or for a review the resolution."""
        return self.due - self.limit

    @property
    def took(self) -> timedelta | None:
        """How long it was until it was met, from the moment it counts from."""
        return self.met_at - self.counted_from if self.met_at else None

    @property
    def soon_at(self) -> datetime:
        """When it becomes urgent: with a quarter of its time left."""
        return self.due - self.limit / 4


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
    began_said: bool = False
    """Whether a person says so; otherwise it is the window of the first alert."""
    alerts: tuple[AlertFacts, ...] = ()
    """As they were last known to the rules, without those set aside."""
    set_aside: tuple[str, ...] = ()
    went_on: Mapping[str, HarmWentOn] = field(default_factory=dict)
    """Alerts that went on, or were raised again, after it was resolved: as people were told last."""
    reports: tuple[str, ...] = ()
    """Titles of further reports that joined."""
    related: tuple[str, ...] = ()
    absorbed: tuple[str, ...] = ()
    """Incidents that were merged into this one."""
    carried: tuple[str, ...] = ()
    """Those of them whose promises go on here: they are counted here, once."""
    merged_into: str = ""
    alert_systems: Mapping[str, str] = field(default_factory=dict)
    """Of alerts that came while the incident was about another system, or that were another's where they came
    from: which system. Empty text: another, and not known which."""
    status: Status = Status.TRIAGE
    proposed: ClassificationProposed | None = None
    category: Category | None = None
    severity: Severity | None = None
    """As a person decided; before that the gravest that was proposed or stated."""
    stated: ClassificationStated | None = None
    """What a reporting person thinks."""
    classified_at: datetime | None = None
    tier: int = 1
    rung: int = 0
    climbed_at: datetime | None = None
    climb_due: datetime | None = None
    """When the ladder's next rung comes; None while none is waited for."""
    called_tier: int = 1
    """The tier the ladder has called."""
    called: Mapping[int, tuple[Member, ...]] = field(default_factory=dict)
    """Whoever was called by a tier's criterion or the ladder, by the tier that was reached; deputies are of
    the first."""
    team: tuple[Member, ...] = ()
    taken_over: tuple[Member, ...] = ()
    by_roster: frozenset[str] = frozenset()
    """Those roles of them that follow the roster: nobody handed them over."""
    """Roles that somebody was given in this incident."""
    clocks: Mapping[str, ClockState] = field(default_factory=dict)
    """By the promise's id."""
    happened: Mapping[str, datetime] = field(default_factory=dict)
    """When each fact that promises speak of was last recorded, by its name."""
    impact: ImpactNoted | None = None
    gravest_impact: ImpactNoted | None = None
    """The same with the greatest counts since a person last judged them: a machine's milder one lowers
    no tier."""
    acknowledged_at: datetime | None = None
    answer: Acknowledged | None = None
    """Who answered first."""
    containment_decided: bool = False
    overtaken_at: datetime | None = None
    """Up to here, what was proposed or approved to contain it is void unless its switch was set by then."""
    overtaken_by: str = ""
    """What made it so, in words."""
    switches: tuple[str, ...] = ()
    """Its containments whose switch is set."""
    contained_at: datetime | None = None
    first_contained_at: datetime | None = None
    held_from: datetime | None = None
    """When the first containment was proven that was not disproven since: it holds, or was reverted."""
    """When containment was first proven, also where it was lost or reverted since."""
    lost: str = ""
    """Why it is contained no longer, where nobody lifted the containment; empty while it is."""
    lost_at: datetime | None = None
    told_contained: tuple[str, ...] = ()
    """Whom a message was queued for that said it is contained."""
    cause: str = ""
    resolved_at: datetime | None = None
    reviewed_at: datetime | None = None
    closed_at: datetime | None = None

    # Folding -----------------------------------------------------------------------------------

    def after(self, fact: IncidentFact, at: datetime) -> Incident:
        """The state after one more fact, recorded at `at`."""
        state = self._after(fact, at)
        if fact.type not in promises.spoken_of():
            return state
        return replace(state, happened={**state.happened, fact.type: at})

    def _after(self, fact: IncidentFact, at: datetime) -> Incident:
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
                    began_said=fact.began_at is not None and fact.source == "person",
                    alerts=(fact.alert,) if fact.alert else (),
                )
            case AlertJoined():
                return replace(self, alerts=(*self.alerts, fact.alert))
            case AlertWorsened():
                return replace(self, alerts=_with(self.alerts, (fact.alert,)))
            case HarmWentOn():
                return replace(self, went_on={**self.went_on, fact.alert.alert: fact})
            case IncidentAlertSetAside():
                kept = tuple(one for one in self.alerts if one.alert != fact.alert)
                return replace(self, alerts=kept, set_aside=(*self.set_aside, fact.alert))
            case ReportJoined():
                grown = replace(self, reports=(*self.reports, fact.title))
                return grown._beginning_of(fact.began_at, said=fact.began_at is not None)
            case Related():
                return replace(self, related=tuple(dict.fromkeys((*self.related, fact.other))))
            case Merged():
                return replace(self, closed_at=at, status=Status.MERGED, merged_into=fact.into)
            case Absorbed():
                grown = replace(
                    self,
                    absorbed=(*self.absorbed, fact.other),
                    alerts=_with(self.alerts, fact.alerts),
                    alert_systems={**fact.alert_systems, **self.alert_systems},
                    gravest_impact=_graver_of(self.gravest_impact, fact.impact),
                )
                return (
                    grown._beginning_of(fact.began_at, said=fact.began_said)
                    ._classified_with(fact)
                    ._promised_with(fact)
                )
            case ClassificationProposed():
                if self.classified_at:
                    return replace(self, proposed=fact)
                category = self.stated_category or fact.category
                return replace(self, proposed=fact, category=category, severity=fact.keeps or fact.severity)
            case ClassificationStated():
                # A report of one of the two takes back nothing that was reported of the other.
                stated = _and_before(fact, self.stated)
                if self.classified_at:
                    return replace(self, stated=stated)
                return replace(
                    self,
                    stated=stated,
                    category=fact.category or self.category,
                    severity=fact.keeps or fact.severity or self.severity,
                )
            case Classified():
                confirmed = replace(
                    self,
                    category=fact.category,
                    severity=fact.severity,
                    classified_at=at,
                    gravest_impact=self._impact_as_judged,
                )
                return confirmed._moved(Status.OPEN, (Status.TRIAGE,))
            case TeamAssembled():
                return replace(self, team=fact.members)
            case RoleHandedOver():
                others = tuple(member for member in self.team if member.role != fact.role)
                taken = tuple(member for member in self.taken_over if member.role != fact.role)
                roster = self.by_roster | {fact.role} if fact.by_roster else self.by_roster - {fact.role}
                return replace(self, team=(*others, fact.to), taken_over=(*taken, fact.to), by_roster=roster)
            case ClockStarted():
                return self._with_clock(_started(fact, at, self.clocks.get(fact.clock)))
            case ClockMoved():
                limit = timedelta(seconds=fact.limit_seconds)
                return self._with_clock(
                    replace(self.clocks[fact.clock], due=fact.due, limit=limit, counted=fact.counted)
                )
            case ClockWarned():
                return self
            case ClockMet():
                return self._with_clock(replace(self.clocks[fact.clock], met_at=at))
            case ClockStopped():
                return self._with_clock(replace(self.clocks[fact.clock], stopped_because=fact.reason))
            case ClockBreached():
                clock = self.clocks[fact.clock]
                return self._with_clock(replace(clock, breaches=(*clock.breaches, Breach(fact.due, at))))
            case Acknowledged():
                return replace(self, acknowledged_at=at, answer=fact, climb_due=None)
            case Escalated():
                return replace(
                    self,
                    rung=fact.rung,
                    climbed_at=at,
                    climb_due=fact.next_due,
                    tier=max(self.tier, fact.tier),
                    called_tier=max(self.called_tier, fact.tier),
                    called=self._calling(fact.tier, fact.told),
                )
            case LadderMoved():
                return replace(self, climb_due=fact.next_due)
            case TierRaised():
                return replace(self, tier=fact.tier, called=self._calling(fact.tier, fact.told))
            case TierLowered():
                told_of_it = {member.person for member in fact.told}
                stay = {
                    tier: tuple(one for one in called if tier == 1 or one.person not in told_of_it)
                    for tier, called in self.called.items()
                }
                return replace(self, tier=fact.tier, called=stay)
            case BeginningStated():
                return replace(self, began_at=fact.began_at, began_said=True)
            case SystemNamed():
                named = replace(self, system=fact.system, model_version=fact.model_version)
                of = {one.alert: fact.before for one in self.alerts if fact.before}
                named = replace(named, alert_systems={**of, **self.alert_systems})
                about = f"it was found to be about {fact.system}"
                return named._overtaken(about, at) if fact.before else named
            case ImpactNoted():
                judges = fact.by_person and (fact.tells_a_number or not self._knows_from_elsewhere)
                greatest = fact if judges else fact.or_graver(self.gravest_impact)
                judged = fact.judged_since(self.impact, self.gravest_impact)
                return replace(self, impact=fact, gravest_impact=replace(greatest, **judged))
            case NoteAdded() | UpdatePosted():
                return self
            case ContainmentDecided():
                decided = replace(self, containment_decided=True)
                against = fact.decision == NOT_TO_CONTAIN
                return decided._overtaken("it was decided not to contain", at) if against else decided
            case SwitchSet():
                return replace(self, switches=(*self.switches, fact.containment))
            case SwitchLifted():
                left = tuple(one for one in self.switches if one != fact.containment)
                return replace(self, switches=left)
            case Contained():
                told = tuple(dict.fromkeys((*self.told_contained, *fact.told)))
                first = self.first_contained_at or at
                contained = replace(self, contained_at=at, first_contained_at=first, told_contained=told)
                contained = replace(contained, held_from=self.held_from or at, lost="", lost_at=None)
                return contained._moved(Status.CONTAINED, (Status.TRIAGE, Status.OPEN))
            case ContainmentLost():
                before_it = Status.OPEN if self.classified_at else Status.TRIAGE
                disproven = not fact.deliberate and self.held_from == self.contained_at
                held = None if disproven else self.held_from
                lost = replace(self, contained_at=None, held_from=held)
                if not fact.deliberate:
                    lost = replace(lost, lost=fact.reason, lost_at=at)
                return lost._moved(before_it, (Status.CONTAINED,))
            case CauseEstablished():
                return replace(self, cause=fact.cause)
            case Resolved():
                resolved = replace(self, resolved_at=at, status=Status.RESOLVED, climb_due=None)
                return resolved._overtaken("the incident was resolved", at)
            case Reviewed():
                return replace(self, reviewed_at=at)
            case Closed():
                return replace(self, closed_at=at, status=Status.CLOSED)
            case Dismissed():
                return replace(self, closed_at=at, status=Status.DISMISSED)
            case _:
                assert_never(fact)

    def _beginning_of(self, began_at: datetime | None, *, said: bool) -> Incident:
        """It began then too, as a person says or a machine saw. A person's word stands before a machine's; of
        two people, or two machines, the earlier."""
        if self.began_said and not said:
            return self
        if said and not self.began_said:
            return replace(self, began_at=began_at, began_said=True)
        return replace(self, began_at=_earliest(self.began_at, began_at))

    def _classified_with(self, merged: Absorbed) -> Incident:
        """The graver of the two is in force, confirmed where a person confirmed that one: nobody has lowered
        it. What a person decided on the milder one stands as their word, until it is confirmed anew."""
        severity = gravest(self.severity, merged.severity)
        decided = [
            at
            for at, of in ((self.classified_at, self.severity), (merged.classified_at, merged.severity))
            if at and of is severity
        ]
        here = self.stated
        if self.classified_at and not decided:
            here = ClassificationStated(incident=self.id, severity=self.severity, category=self.category)
        grown = replace(
            self,
            severity=severity,
            category=self.stated_category or merged.said_category or self.category or merged.category,
            stated=_stated_by_both(here, merged),
            classified_at=min(decided, default=None),
        )
        return (
            grown._moved(Status.OPEN, (Status.TRIAGE,))
            if decided
            else grown._moved(Status.TRIAGE, (Status.OPEN,))
        )

    def _promised_with(self, merged: Absorbed) -> Incident:
        """What was promised counts from the earlier opening; an answer, and what was broken, stay."""
        if merged.opened_at is None:
            return self
        happened = {**merged.happened, **self.happened}
        for name, at in merged.happened.items():
            both = (at, self.happened.get(name, at))
            happened[name] = min(both) if name == _OPENED else max(both)
        clocks = {**self.clocks}
        for promised in merged.promised:
            clocks[promised.clock] = _gone_on(clocks.get(promised.clock), promised)
        grown = replace(
            self,
            opened_at=_earliest(self.opened_at, merged.opened_at),
            carried=(*self.carried, merged.other),
            happened=happened,
            clocks=clocks,
            containment_decided=self.containment_decided or ContainmentDecided.type in merged.happened,
        )
        if merged.acknowledged_at is None:
            return grown
        first = self.acknowledged_at is None or merged.acknowledged_at < self.acknowledged_at
        there = Acknowledged(incident=self.id, person=merged.answered, name=merged.answered_name)
        return replace(
            grown,
            acknowledged_at=_earliest(self.acknowledged_at, merged.acknowledged_at),
            answer=there if first else self.answer,
            climb_due=None,
        )

    @property
    def _knows_from_elsewhere(self) -> bool:
        """Whether the greatest numbers known are of an incident that was merged into this one."""
        return self.gravest_impact is not None and self.gravest_impact.incident != self.id

    @property
    def _impact_as_judged(self) -> ImpactNoted | None:
        """The newest counts, which whoever classifies has before them; what people said of the harm stands,
        also where it was said of an incident that was merged into this."""
        if self.gravest_impact is None:
            return self.impact
        if self._knows_from_elsewhere:
            return self.gravest_impact
        judged = {name: getattr(self.gravest_impact, name) for name in FLAGS}
        if self.impact is None and all(answer is None for answer in judged.values()):
            return None
        return replace(self.impact or ImpactNoted(incident=self.gravest_impact.incident), **judged)

    def _overtaken(self, by: str, at: datetime) -> Incident:
        """What was decided on containing it before does not hold any more."""
        return replace(self, overtaken_at=at, overtaken_by=by)

    def _moved(self, to: Status, only_from: tuple[Status, ...]) -> Incident:
        return replace(self, status=to) if self.status in only_from else self

    def _calling(self, tier: int, told: tuple[Member, ...]) -> Mapping[int, tuple[Member, ...]]:
        return {**self.called, tier: tuple(dict.fromkeys((*self.called.get(tier, ()), *told)))}

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

    @property
    def answer_due(self) -> ClockState | None:
        """The clock of the answer that the ladder waits for; None before the first."""
        return next((clock for clock in self.clocks.values() if clock.promise.climbs), None)

    @property
    def acknowledged_by(self) -> str:
        """The name of whoever answered first; empty while nobody has."""
        return self.answer.name if self.answer else ""

    @property
    def stated_category(self) -> Category | None:
        """What it is as a person says; None while only the rules do."""
        if self.classified_at:
            return self.category
        return self.stated.category if self.stated else None

    @property
    def stated_severity(self) -> Severity | None:
        """How grave it is as a person decided, or else reported; None while only the rules say."""
        if self.classified_at:
            return self.severity
        return self.stated.severity if self.stated else None

    @property
    def people_known(self) -> list[str]:
        """How many people it touched, in words, also as known of an incident that was merged into it."""
        known = self.impact.people() if self.impact else []
        if self.gravest_impact is None or not self._knows_from_elsewhere:
            return known
        return [f"{one}, as known of {self.gravest_impact.incident}" for one in self.gravest_impact.people()]

    @property
    def people_dated(self) -> list[str]:
        """The same, each number as of when it was counted or stated."""
        told = self.gravest_impact if self._knows_from_elsewhere else self.impact
        if told is None:
            return []
        there = f", as known of {told.incident}" if self._knows_from_elsewhere else ""
        return [f"{one}{there}" for one in told.people_dated()]

    @property
    def known_of_merged(self) -> tuple[str, ...]:
        """What is known of incidents that were merged into this one, and counts here; in words."""
        if not self.absorbed or self.gravest_impact is None or self.gravest_impact == self.impact:
            return ()
        own = self.impact.people() if self.impact else []
        pairs = zip(self.people_known, self.people_dated, strict=True)
        known = [dated for one, dated in pairs if one not in own]
        return (*known, *(f"{FLAGS[name]}: yes" for name in self.disputed))

    @property
    def open_alerts(self) -> tuple[AlertFacts, ...]:
        """Its own alerts that are not known to have cleared."""
        cleared = self.impact.cleared if self.impact else ()
        return tuple(one for one in self.own_alerts if one.alert not in cleared)

    @property
    def harm(self) -> str:
        """Whether the harm goes on, as far as it is known; empty where the record is closed."""
        if self.status.over:
            return ""
        if self.went_on:
            return f"it went on after the resolution: {', '.join(self.went_on)}"
        if self.contained_at:
            return f"contained {wording.utc(self.contained_at)}"
        if self.resolved_at:
            return f"resolved {wording.utc(self.resolved_at)}"
        if self.open_alerts:
            return f"the harm goes on: {self.open_alerts[0].alert} is open"
        if self.own_alerts:
            return "its alerts have cleared"
        return "the harm is not known to have stopped"

    def goes_on(self, cleared: Collection[str]) -> bool:
        """Whether the harm goes on when these alerts have cleared: also where nothing tells that it stopped.

        It does not where it is contained or resolved. Where its containment was reverted and not disproven,
        only an alert says that it does.
        """
        if self.status.over or self.contained_at or self.resolved_at:
            return False
        own = [alert.alert for alert in self.own_alerts]
        return any(alert not in cleared for alert in own) or not (own or self.held_from)

    @property
    def after_resolution(self) -> tuple[str, ...]:
        """What went on after it was resolved, each as a sentence."""
        return tuple(one.sentence for one in self.went_on.values())

    @property
    def disputed(self) -> tuple[str, ...]:
        """What of the harm an incident that was merged into this one says yes to, and this one does not: the
        yes counts until a person answers here."""
        return tuple(
            name
            for name in FLAGS
            if getattr(self.gravest_impact, name, None) and not getattr(self.impact, name, None)
        )

    @property
    def disputed_said(self) -> str:
        """The same as a sentence; empty where nothing is disputed."""
        if not self.disputed:
            return ""
        words = ", ".join(FLAGS[name] for name in self.disputed)
        return (
            f"People said yes of what was merged into {self.id}: {words}. It counts here until somebody "
            "answers it in an assessment of this incident"
        )

    @property
    def own_alerts(self) -> tuple[AlertFacts, ...]:
        """The alerts of the system that the incident is about. Whatever is counted, proposed or said of the
        system reads these: those of a system that was corrected since, or that another incident brought
        along, say nothing of it."""
        return self.alerts_of(self.system)

    def alerts_of(self, system: str) -> tuple[AlertFacts, ...]:
        """Its alerts that came from one system."""
        return tuple(one for one in self.alerts if self.system_of(one) == system)

    def system_of(self, alert: AlertFacts) -> str:
        """Where an alert came from; empty where that is not known."""
        return self.alert_systems.get(alert.alert, self.system)

    def called_above(self, tier: int) -> tuple[Member, ...]:
        """Whoever was called for a higher tier than this, and has not heard since that it is left."""
        return tuple(one for higher in sorted(self.called) if higher > tier for one in self.called[higher])

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
            raise NoLongerOpen(
                f"{self.id} is {self.status.value}: its record is archived and cannot be added to"
                + (f"; the response goes on in {self.merged_into}" if self.merged_into else "")
            )

    def _require_unresolved(self, otherwise: str) -> None:
        """Raises NoLongerOpen for what is over, and with what to do otherwise for what is resolved."""
        self.require_running()
        if self.status is Status.RESOLVED:
            raise NoLongerOpen(f"{self.id} is resolved; {otherwise}")

    def acknowledge(self, who: Actor) -> list[IncidentFact]:
        """Somebody answers; stops the acknowledgement clock and the ladder. Nothing when already answered."""
        self.require_running()
        if self.acknowledged_at:
            return []
        answered = Acknowledged(incident=self.id, person=who.id, name=who.name)
        return [answered, *self._meet(answered)]

    def breach(self, clock: str, now: datetime) -> list[IncidentFact]:
        """The clock ran out; nothing when it was met, stopped or moved meanwhile."""
        state = self.clocks.get(clock)
        if state is None or not state.running or state.breached or state.due > now:
            return []
        return [ClockBreached(incident=self.id, clock=clock, due=state.due)]

    def warn(self, clock: str, now: datetime) -> list[IncidentFact]:
        """The end of a clock is near; nothing when it was met, stopped or moved meanwhile, or has come."""
        state = self.clocks.get(clock)
        if state is None or not state.running or state.due <= now or state.soon_at > now:
            return []
        return [ClockWarned(incident=self.id, clock=clock, due=state.due)]

    def join_alert(self, alert: AlertFacts, system: str = "") -> list[IncidentFact]:
        """A further alert on what the incident is about, measured on `system`; nothing when it has joined
        already. An incident that names no system is about that one from now on. Raises OtherSystem."""
        self._require_unresolved(_A_NEW_ONE)
        if alert.alert in self.set_aside or any(known.alert == alert.alert for known in self.alerts):
            return []
        self._require_one_system(alert.alert, system, "Open an incident for it and relate the two")
        named = self._named_by(system, "", f"as measured by {alert.alert}")
        return [*named, AlertJoined(incident=self.id, alert=alert)]

    def goes_on_after(self, alert: AlertFacts, again: bool = False) -> list[IncidentFact]:
        """An alert went on, or another of its monitor was raised (`again`), after the resolution. Said once,
        and again when it is clearly graver than was said."""
        if self.status is not Status.RESOLVED:
            return []
        said = self.went_on.get(alert.alert)
        if said and not alert.clearly_graver_than(said.alert):
            return []
        return [HarmWentOn(incident=self.id, alert=alert, again=again)]

    def _require_one_system(self, what: str, system: str, otherwise: str) -> None:
        if self.system and system and self.system != system:
            raise OtherSystem(
                f"{what} is about {system} and {self.id} about {self.system}; one record speaks of one "
                f"system. {otherwise}"
            )

    def _named_by(self, system: str, model_version: str, reason: str) -> list[IncidentFact]:
        """What something that joins says of system and version, where the incident does not know them."""
        if system and not self.system:
            return self.name_system(system, model_version, reason)
        if model_version and self.system and not self.model_version:
            return self.name_system(self.system, model_version, reason)
        return []

    def set_alerts_aside(self, alerts: Collection[str], reason: str, false_alarm: bool) -> list[IncidentFact]:
        """Alerts turn out not to belong here, while the incident goes on; others are left out."""
        self.require_running()
        own = [known.alert for known in self.alerts if known.alert in alerts]
        only = self.source == "alert" and len(own) == len(self.alerts)
        if own and only and self.status is not Status.RESOLVED:
            said = (
                f"{own[0]} is the only alert of {self.id}"
                if len(own) == 1
                else f"{self.id} has no other alert"
            )
            them = "the alert is" if len(own) == 1 else "its alerts are"
            raise NotAllowed(f"{said}; dismiss the incident, and {them} set aside with it")
        return [
            IncidentAlertSetAside(
                incident=self.id, alert=alert, false_alarm=false_alarm, reason=reason.strip()
            )
            for alert in own
        ]

    def join_report(
        self,
        title: str,
        description: str,
        system: str,
        model_version: str,
        began_at: datetime | None,
        severity: Severity | None,
        category: Category | None,
    ) -> list[IncidentFact]:
        """Somebody reports what this incident is about. Where it names no system, it is about the one that
        they name from now on. Raises OtherSystem."""
        self._require_unresolved(_A_NEW_ONE)
        if not title.strip():
            raise NotAllowed(NO_TITLE)
        self._require_one_system(
            "the report", system, "Declare it as an incident of its own and relate the two"
        )
        joined = ReportJoined(
            incident=self.id,
            title=title.strip(),
            description=description.strip(),
            system=system,
            model_version=model_version,
            began_at=began_at,
        )
        named = self._named_by(system, model_version, f"as reported: {title.strip()}")
        return [joined, *named, *self.state_classification(severity, category)]

    def state_classification(
        self, severity: Severity | None, category: Category | None
    ) -> list[IncidentFact]:
        """What a reporter thinks. Graver than what is in force it counts, milder it is an opinion.

        To lower what the rules propose needs a reason and authority, as any override does: see `classify`.
        """
        if severity is None and category is None:
            return []
        keeps = self.severity if severity and not self._may_become(severity) else None
        return [ClassificationStated(incident=self.id, severity=severity, category=category, keeps=keeps)]

    def propose(self, category: Category, severity: Severity, reason: str) -> list[IncidentFact]:
        """What the rules propose; nothing when they proposed the same before. It never lowers anything."""
        known = self.proposed
        if known and (known.category, known.severity) == (category, severity):
            return []
        keeps = None if self._may_become(severity) else self.severity
        return [
            ClassificationProposed(
                incident=self.id, category=category, severity=severity, reason=reason, keeps=keeps
            )
        ]

    def _may_become(self, severity: Severity) -> bool:
        """Whether a proposal or a report counts without a decision."""
        if self.severity is None or severity is self.severity:
            return True
        return self.classified_at is None and severity.rank < self.severity.rank

    def overrides(self, severity: Severity) -> bool:
        """Whether a severity is neither the one in force nor a graver one that the rules propose."""
        if severity is self.severity:
            return False
        proposed = self.proposed.severity if self.proposed else None
        return severity is not proposed or self.severity is None or severity.rank > self.severity.rank

    def asked_for(self, category: Category | None, severity: Severity | None) -> tuple[Category, Severity]:
        """What a classification comes to: without values what the rules propose; of one alone, the other
        stays as it is in force. Raises NotAllowed where there is nothing to confirm."""
        proposed = self.proposed
        if category is None and severity is None and proposed is not None:
            if self.classified_at and (self.category, self.severity) == (
                proposed.category,
                proposed.severity,
            ):
                raise NotAllowed(
                    f"there is nothing to confirm: {proposed.severity.label}, "
                    f"{proposed.category.label.lower()} is decided, and the rules propose the same"
                )
            return proposed.category, proposed.severity
        what, how_severe = category or self.category, severity or self.severity
        if what is None or how_severe is None:
            raise NotAllowed("nothing is proposed; say severity and category")
        return what, how_severe

    def classify(
        self,
        category: Category,
        severity: Severity,
        reason: str,
        limits: Limits,
        now: datetime,
    ) -> list[IncidentFact]:
        """A person confirms, raises or lowers; clocks follow (R-CLS-03, R-CLS-05)."""
        self.require_running()
        proposed = self.proposed
        known = {self.category, proposed.category if proposed else None}
        overrides = self.overrides(severity) or (proposed is not None and category not in known)
        if overrides and not reason.strip():
            raise NotAllowed(self._why_a_reason(severity))
        if self.classified_at and (self.category, self.severity) == (category, severity):
            return []
        decided = Classified(
            incident=self.id,
            category=category,
            severity=severity,
            reason=reason.strip(),
            overrides=overrides,
        )
        return [decided, *self.follow_promises(limits, now)]

    def _why_a_reason(self, severity: Severity) -> str:
        """Why this classification cannot go without a reason."""
        lowers = self.severity is not None and severity.rank > self.severity.rank
        if lowers and self.severity and (self.proposed is None or self.proposed.severity is severity):
            return f"{self.severity.label} is in force; write the reason for lowering it to {severity.label}"
        assert self.proposed is not None
        return (
            f"the rules propose {self.proposed.severity.label}, {self.proposed.category.label.lower()}; "
            "write the reason for deciding otherwise"
        )

    # Promises ----------------------------------------------------------------------------------

    def follow_promises(self, limits: Limits, now: datetime) -> list[IncidentFact]:
        """Start, move or stop the clocks that promise something now: each from where it counts from."""
        return [fact for row in promises.TABLE.values() for fact in self._follow(row, limits, now)]

    def keep_promises(
        self, facts: Sequence[IncidentFact], limits: Limits, now: datetime
    ) -> list[IncidentFact]:
        """What follows for promises from new facts, besides what these say of clocks themselves."""
        state, said = self, {fact.clock for fact in facts if isinstance(fact, ClockMet)}
        for fact in facts:
            state = state.after(fact, now)
        met = [one for fact in facts for one in state._meet(fact) if one.clock not in said]
        for one in met:
            state = state.after(one, now)
        return [*met, *state.follow_promises(limits, now)]

    def _follow(self, promise: Promise, limits: Limits, now: datetime) -> list[IncidentFact]:
        origin = self._counts_from(promise)
        if origin is None or self._happened(promise.ends_with):
            return []
        state, due = self.clocks.get(promise.id), limits.due(promise.id, origin)
        if due is None:
            return self._stop(promise.id, "this severity sets no such limit", now)
        done = not promise.recurs and self._happened(promise.met_by)
        if done or (state and state.running and state.due == due):
            return []
        seconds = int((due - origin).total_seconds())
        set_to: dict[str, Any] = {
            "incident": self.id,
            "clock": promise.id,
            "due": due,
            "limit_seconds": seconds,
            "missed": due <= now and state is not None and any(one.due >= due for one in state.breaches),
            "counted": limits.counted(promise.id),
            "near": due - timedelta(seconds=seconds) / 4 if promise.warns and due > now else None,
        }
        if state is None or not state.running:
            return [ClockStarted(**set_to)]
        # A promise that is moved to a later time was broken all the same when its own had come.
        broken = self.breach(promise.id, now) if due > state.due else []
        return [*broken, ClockMoved(**set_to)]

    def _counts_from(self, promise: Promise) -> datetime | None:
        """The moment a promise counts from; None while it has not come."""
        return max(
            (self.happened[name] for name in promise.counts_from if name in self.happened), default=None
        )

    def _happened(self, names: Iterable[str]) -> bool:
        return any(name in self.happened for name in names)

    def _meet(self, fact: IncidentFact) -> list[ClockMet]:
        """The promises that a fact keeps, where their clocks run."""
        return [
            ClockMet(incident=self.id, clock=clock)
            for clock, state in self.clocks.items()
            if state.running and fact.type in state.promise.met_by
        ]

    def _end(self, fact: IncidentFact, reason: str, now: datetime) -> list[IncidentFact]:
        """A fact ends promises that it does not meet."""
        return [
            stopped
            for clock, state in self.clocks.items()
            if fact.type not in state.promise.met_by and fact.type in state.promise.ends_with
            for stopped in self._stop(clock, reason, now)
        ]

    def _stop(self, clock: str, reason: str, now: datetime) -> list[IncidentFact]:
        """The promise no longer applies; that it was broken before is recorded first."""
        state = self.clocks.get(clock)
        if state is None or not state.running:
            return []
        return [*self.breach(clock, now), ClockStopped(incident=self.id, clock=clock, reason=reason)]

    def follow_ladder(self, rungs: int, wait: timedelta, now: datetime) -> list[IncidentFact]:
        """The ladder of `rungs` after the acknowledgement's clock was moved or the wait changed.

        It rests while the acknowledgement is not overdue, and goes on from the last rung that was climbed.
        """
        clock = self.answer_due
        if self.acknowledged_at or self.resolved_at or clock is None:
            return []
        if clock.due > now:
            if self.climb_due is None:
                return []
            reason = f"the acknowledgement is due again {clock.due:%d %b %H:%M UTC}"
            return [LadderMoved(incident=self.id, next_due=None, reason=reason)]
        due = self.climbed_at + wait if self.climbed_at else now
        if self.rung >= rungs or not clock.breached or due == self.climb_due:
            return []
        reason = "the severity sets how long the next step waits"
        return [LadderMoved(incident=self.id, next_due=due, reason=reason)]

    def raise_tier(self, tier: int, told: tuple[Member, ...], reason: str) -> list[IncidentFact]:
        """A higher tier's criterion became true; nothing when the tier is reached already."""
        if tier <= self.tier:
            return []
        return [TierRaised(incident=self.id, tier=tier, told=told, reason=reason)]

    def may_fall_to(self, tier: int) -> int:
        """The tier it is at when no higher one's criterion is true: what the ladder called stays until an
        answer."""
        return max(tier, 1 if self.acknowledged_at else self.called_tier)

    def lower_tier(self, tier: int, told: tuple[Member, ...], reason: str) -> list[IncidentFact]:
        """No higher tier's criterion is true any longer; nothing where it may not fall that far."""
        if self.may_fall_to(tier) != tier or tier >= self.tier:
            return []
        return [TierLowered(incident=self.id, tier=tier, told=told, reason=reason)]

    def hand_over(self, role: str, to: Member, reason: str) -> list[IncidentFact]:
        self.require_running()
        holder = self.holder_of(role)
        if holder and holder.person == to.person:
            return []
        return [RoleHandedOver(incident=self.id, role=role, to=to, reason=reason)]

    def follow_roster(self, moved: Iterable[tuple[Member, Member]], reason: str) -> list[IncidentFact]:
        """Roles of the team go from one person to another, as the roster in force says."""
        return [
            RoleHandedOver(
                incident=self.id,
                role=to.role,
                to=to,
                reason=f"{reason}: {was.name} held it before",
                by_roster=True,
            )
            for was, to in moved
        ]

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

    def post_update(self, text: str, limits: Limits, now: datetime) -> list[IncidentFact]:
        """Say how it stands, to whoever is told of it; the promise to say so counts anew from now."""
        self.require_running()
        if not text.strip():
            raise NotAllowed("the update is empty; say how it stands, also when nothing is new")
        posted = UpdatePosted(incident=self.id, text=text.strip())
        return [posted, *self.keep_promises([posted], limits, now)]

    def state_beginning(self, began_at: datetime, reason: str, now: datetime) -> list[IncidentFact]:
        """A person says when the harm began; what was known before is corrected with a reason."""
        self.require_running()
        if began_at > now:
            raise NotAllowed(f"the harm cannot begin on {began_at:%d %b %H:%M UTC}, which is in the future")
        if self.began_said and self.began_at == began_at:
            return []
        if self.began_at is not None and not reason.strip():
            raise NotAllowed(
                f"{self.id} began {self.began_at:%d %b %H:%M UTC}, as known so far; say why it is otherwise"
            )
        said = BeginningStated(
            incident=self.id, began_at=began_at, before=self.began_at, reason=reason.strip()
        )
        return [said]

    def name_system(self, system: str, model_version: str, reason: str) -> list[IncidentFact]:
        """A person says which system it is about; another one than before is a correction, with a reason."""
        self.require_running()
        if (self.system, self.model_version) == (system, model_version or self.model_version):
            return []
        if self.system and self.system != system:
            if not reason.strip():
                raise NotAllowed(f"{self.id} is about {self.system} so far; say why it is {system} instead")
            if self.switches or self.contained_at:
                raise NotAllowed(
                    f"{self.id} has an active containment of {self.system}; revert it before correcting the "
                    "system",
                    first=self._revert_first,
                )
        version = model_version or (self.model_version if self.system in ("", system) else "")
        named = SystemNamed(
            incident=self.id,
            system=system,
            model_version=version,
            before=self.system if self.system != system else "",
            reason=reason.strip(),
        )
        return [named]

    def decide_containment(self, decision: str, reason: str) -> list[IncidentFact]:
        """The decision the containment clock waits for (R-CON-08)."""
        self.require_running()
        decided = ContainmentDecided(incident=self.id, decision=decision, reason=reason)
        return [decided, *self._meet(decided)]

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

    def resolve(self, resolution: str, limits: Limits, now: datetime) -> list[IncidentFact]:
        """The harm is over and the fix verified; ends the clocks of the response, starts the review's."""
        self.require_running()
        if self.status is Status.RESOLVED:
            return []
        self._require_answered("resolving")
        if not self.cause:
            said = f"establish the root cause of {self.id} before resolving it"
            raise NotAllowed(said, first=self.next_to_resolve)
        if not resolution.strip():
            raise NotAllowed("say in a sentence what resolved it")
        resolved = Resolved(incident=self.id, resolution=resolution.strip())
        return [
            *self._end(resolved, "it was resolved before", now),
            resolved,
            *self._meet(resolved),
            *self.after(resolved, now).follow_promises(limits, now),
        ]

    @property
    def _revert_first(self) -> tuple[str, str] | None:
        """Sets its first switch back; None where none is set."""
        return ("contain.revert", self.switches[0]) if self.switches else None

    @property
    def next_to_resolve(self) -> tuple[str, str]:
        """The step that comes next on the way to a resolution: one that can be taken now."""
        if not self.acknowledged_at:
            return "incident.acknowledge", self.id
        if not self.classified_at:
            return "incident.classify", self.id
        return ("incident.resolve" if self.cause else "cause.set"), self.id

    def _require_answered(self, before: str) -> None:
        """Somebody has answered, and a person has said what it is."""
        if not self.acknowledged_at:
            said = f"nobody has acknowledged {self.id}; acknowledge it before {before} it"
            raise NotAllowed(said, first=self.next_to_resolve)
        if not self.classified_at:
            said = f"confirm category and severity of {self.id} before {before} it"
            raise NotAllowed(said, first=self.next_to_resolve)

    def reviewed(self, review: str) -> list[IncidentFact]:
        self.require_running()
        reviewed = Reviewed(incident=self.id, review=review)
        return [reviewed, *self._meet(reviewed)]

    def close(
        self, summary: str, review_required: bool, record_sha256: str, now: datetime
    ) -> list[IncidentFact]:
        """Close and archive (R-EVD-10, R-PIR-02)."""
        self.require_running()
        if self.status is not Status.RESOLVED:
            said = f"{self.id} is {self.status.value}; resolve it before closing it"
            raise NotAllowed(said, first=self.next_to_resolve)
        self._require_answered("closing")
        if review_required and not self.reviewed_at:
            raise NotAllowed(
                f"{self.id} is {self.severity.label if self.severity else 'unclassified'}: the playbook "
                "requires a completed review before closing"
            )
        closed = Closed(incident=self.id, summary=summary.strip(), record_sha256=record_sha256)
        # What the record's digest does not cover stands behind it.
        return [closed, *self._end(closed, "closed", now)]

    def dismiss(self, reason: str, false_alarm: bool, now: datetime) -> list[IncidentFact]:
        """It is not an incident; the reason is required and kept (R-PRE-07)."""
        self._require_unresolved("what was found to be an incident is closed, not dismissed")
        if not reason.strip():
            raise NotAllowed("say why this is not an incident; the reason is part of the record")
        if self.switches or self.contained_at:
            said = f"{self.id} has an active containment; revert it before dismissing"
            raise NotAllowed(said, first=self._revert_first)
        dismissed = Dismissed(incident=self.id, reason=reason.strip(), false_alarm=false_alarm)
        return [*self._end(dismissed, "dismissed", now), dismissed]

    # Two that are one --------------------------------------------------------------------------

    def relate(self, other: str, reason: str) -> list[IncidentFact]:
        """It has to do with another incident; nothing when that was said before."""
        self.require_running()
        if other == self.id:
            raise NotAllowed(f"{self.id} cannot be related to itself; name another incident")
        if not reason.strip():
            raise NotAllowed("say in a sentence what the two have to do with one another")
        if other in self.related:
            return []
        return [Related(incident=self.id, other=other, reason=reason.strip())]

    def merge_into(self, other: Incident, reason: str, now: datetime) -> list[IncidentFact]:
        """It is the same as another incident, which goes on; ends this one."""
        for one in (self, other):
            one._require_unresolved("relate the two instead of merging them")
        if other.id == self.id:
            raise NotAllowed(f"{self.id} cannot be merged into itself; name another incident")
        other._require_one_system(self.id, self.system, "Relate them instead")
        if not reason.strip():
            raise NotAllowed("say in a sentence how it is known that the two are one")
        if self.contained_at:
            raise NotAllowed(
                f"{self.id} is contained; merge {other.id} into {self.id}, so that its containment stays "
                "where it is"
            )
        merged = Merged(incident=self.id, into=other.id, reason=reason.strip())
        return [*self._end(merged, f"merged into {other.id}", now), merged]

    def _names_another_version(self, other: Incident) -> bool:
        return bool(self.model_version and other.model_version and self.model_version != other.model_version)

    def absorb(self, other: Incident, reason: str) -> list[IncidentFact]:
        """Another incident is the same as this one: its alerts, its beginning and its opening count here, who
        answered it, what was promised, and its system where none was named.

        The graver severity of the two is in force, whoever decided on the milder one.
        """
        absorbed = Absorbed(
            incident=self.id,
            other=other.id,
            title=other.title,
            severity=other.severity,
            category=other.category,
            began_at=other.began_at,
            alerts=other.alerts,
            reason=reason.strip(),
            alert_systems=dict(other.alert_systems),
            impact=other.gravest_impact,
            began_said=other.began_said,
            said_severity=other.stated_severity,
            said_category=other.stated_category,
            model_version=other.model_version if self._names_another_version(other) else "",
            opened_at=other.opened_at,
            classified_at=other.classified_at,
            acknowledged_at=other.acknowledged_at,
            answered=other.answer.person if other.answer else "",
            answered_name=other.acknowledged_by,
            happened=dict(other.happened),
            promised=tuple(_promised(clock) for clock in other.clocks.values()),
        )
        return [
            *self._named_by(other.system, other.model_version, f"as {other.id}, merged into it"),
            absorbed,
        ]


def _promised(clock: ClockState) -> Promised:
    return Promised(
        clock=clock.clock,
        started=clock.started,
        due=clock.due,
        limit_seconds=int(clock.limit.total_seconds()),
        met_at=clock.met_at,
        missed=tuple((breach.due, breach.at) for breach in clock.breaches),
        counted=clock.counted,
        rounds=clock.rounds,
        missed_rounds=clock.missed_rounds,
    )


def _gone_on(here: ClockState | None, there: Promised) -> ClockState:
    """A promise of two that are one: met where it was met in one of them, first there; every breach stays."""
    other = ClockState(
        clock=there.clock,
        started=there.started,
        due=there.due,
        limit=timedelta(seconds=there.limit_seconds),
        met_at=there.met_at,
        stopped_because="" if there.met_at else "it goes on from the earlier opening",
        counted=there.counted,
    )
    base = here or other
    if here and there.met_at and not here.promise.recurs and (here.met_at or there.met_at) >= there.met_at:
        base = other
    broken = {due: Breach(due, at) for due, at in there.missed}
    broken |= {breach.due: breach for breach in (here.breaches if here else ())}
    return replace(
        base,
        breaches=tuple(broken[due] for due in sorted(broken)),
        rounds=there.rounds + (here.rounds if here else 0),
        missed_rounds=(*there.missed_rounds, *(here.missed_rounds if here else ())),
    )


def _and_before(stated: ClassificationStated, before: ClassificationStated | None) -> ClassificationStated:
    """What was stated, and before that of what it leaves open."""
    if before is None:
        return stated
    severity = gravest(stated.severity, before.severity)
    return replace(stated, severity=severity, category=stated.category or before.category)


def _stated_by_both(here: ClassificationStated | None, merged: Absorbed) -> ClassificationStated | None:
    """What people stated of two that are one: the graver severity, and the category as it is said here."""
    if merged.said_severity is None and merged.said_category is None:
        return here
    there = ClassificationStated(
        incident=merged.incident, severity=merged.said_severity, category=merged.said_category
    )
    return there if here is None else _and_before(here, there)


def _started(fact: ClockStarted, at: datetime, before: ClockState | None) -> ClockState:
    """A clock that runs from now on; one that was met before begins its next round."""
    limit = timedelta(seconds=fact.limit_seconds)
    started = ClockState(fact.clock, at, fact.due, limit, counted=fact.counted)
    if before is None:
        return started
    rounds, missed = before.rounds, before.missed_rounds
    if before.met_at is None:
        return replace(started, breaches=before.breaches, rounds=rounds, missed_rounds=missed)
    missed = (*missed, before.missed) if before.missed else missed
    return replace(started, rounds=rounds + 1, missed_rounds=missed)


def gravest(*severities: Severity | None) -> Severity | None:
    """The most severe of those that are known."""
    return min((one for one in severities if one), key=lambda one: one.rank, default=None)


def _graver_of(here: ImpactNoted | None, merged: ImpactNoted | None) -> ImpactNoted | None:
    """The graver of what two that are one know: at least that many are touched."""
    if here is None or merged is None:
        return here or merged
    flags: dict[str, Any] = {
        name: _graver_answer(getattr(here, name), getattr(merged, name)) for name in FLAGS
    }
    return replace(here.or_graver(merged), **flags)


def _graver_answer(*answers: bool | None) -> bool | None:
    """Yes where one says so, else no where one says so; None: nobody answers."""
    return max((one for one in answers if one is not None), default=None)


def _with(known: tuple[AlertFacts, ...], newer: tuple[AlertFacts, ...]) -> tuple[AlertFacts, ...]:
    """Alerts in the order they came, each as it was last known."""
    return tuple({one.alert: one for one in (*known, *newer)}.values())


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((moment for moment in (one, other) if moment), default=None)


def fold(facts: Iterable[tuple[IncidentFact, datetime]]) -> Incident:
    """The state that facts with their recording times add up to."""
    state = Incident()
    for fact, at in facts:
        state = state.after(fact, at)
    return state
