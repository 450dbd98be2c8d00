"""The walk-through: an incident replayed step by step, from detection to closure (R-AUD-04). Pure.

A step stands in the phase it is *about*; what is about no phase (a note, a look at the evidence) stands in
the phase the incident was in. Within a phase the steps are in the order in which things happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import get_args

from holdfast.audit.dossier import Dossier
from holdfast.contain.events import EffectObserved
from holdfast.evidence.events import EvidenceAccessed, EvidenceAdded, EvidenceFrozen
from holdfast.incident.events import AlertJoined, ClockBreached, IncidentFact, IncidentOpened, NoteAdded
from holdfast.incident.incident import Incident, Phase
from holdfast.incident.telling import told
from holdfast.investigate.events import CauseAnalysed
from holdfast.learn.events import RemediationPlanned, RemediationVerified, VerificationFailed
from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.outbox import MessageQueued, MessageSent
from holdfast.prepare import promises

_INCIDENT_FACTS: tuple[type, ...] = get_args(IncidentFact)

_ABOUT: dict[str, Phase] = {
    "incident.opened": Phase.DETECTION,
    "incident.joined": Phase.DETECTION,
    "incident.classification_proposed": Phase.DETECTION,
    "incident.classified": Phase.DETECTION,
    "incident.acknowledged": Phase.DETECTION,
    "incident.escalated": Phase.DETECTION,
    "incident.dismissed": Phase.DETECTION,
    "evidence.frozen": Phase.DETECTION,
    "incident.containment_decided": Phase.CONTAINMENT,
    "incident.contained": Phase.CONTAINMENT,
    "incident.containment_lost": Phase.CONTAINMENT,
    "incident.cause_established": Phase.INVESTIGATION,
    "incident.resolved": Phase.REMEDIATION,
    "incident.reviewed": Phase.REVIEW,
    "incident.closed": Phase.REVIEW,
}
_ABOUT_ALL: dict[str, Phase] = {
    "containment": Phase.CONTAINMENT,
    "impact": Phase.INVESTIGATION,
    "cause": Phase.INVESTIGATION,
    "remediation": Phase.REMEDIATION,
    "review": Phase.REVIEW,
    "pack": Phase.REVIEW,
}
"""By what comes before the dot in a fact's name."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened, and where its proof is."""

    number: int
    """From 1 through the whole walk-through."""
    phase: Phase
    at: datetime
    """When it happened: for a back-filled entry as told by the person, else when it was recorded."""
    recorded_at: datetime
    back_filled: bool
    by: str
    by_kind: str
    type: str
    title: str
    detail: str
    tone: str
    """plain, alarm, act or note, as in the timeline."""
    entries: tuple[int, ...]
    """The ledger entries that tell it."""
    evidence: tuple[str, ...]
    """What it rests on: `EV-3`, `#17`, `monitor:accuracy`."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """One phase of the response, with everything that happened in it."""

    phase: Phase
    steps: tuple[Step, ...]

    @property
    def began(self) -> datetime:
        return self.steps[0].at

    @property
    def ended(self) -> datetime:
        return self.steps[-1].at


def walk(dossier: Dossier) -> tuple[Chapter, ...]:
    """The phases that have begun, in order, with their steps."""
    told = sorted(_told(dossier), key=lambda step: (step.at, step.entries))
    numbers = count(1)
    chapters = []
    for phase in Phase:
        steps = tuple(replace(step, number=next(numbers)) for step in told if step.phase is phase)
        if steps:
            chapters.append(Chapter(phase, steps))
    return tuple(chapters)


def _told(dossier: Dossier) -> Iterator[Step]:
    state, before = Incident(), None
    messages: list[Recorded] = []
    for one in dossier.record:
        if isinstance(one.fact, _INCIDENT_FACTS) and one.stream.startswith("incident/"):
            state = state.after(one.fact, one.at)  # type: ignore[arg-type]
        if messages and not _same_sending(messages[-1], one):
            yield _sent(dossier, messages, _beside(before, messages[0], state))
            messages = []
        if isinstance(one.fact, MessageQueued):
            messages.append(one)
        elif step := _step(one, state):
            before = step
            yield step
    if messages:
        yield _sent(dossier, messages, _beside(before, messages[0], state))


def _step(one: Recorded, state: Incident) -> Step | None:
    """The step a fact tells; None for what belongs to a table rather than to the story."""
    line = one.fact.line()
    if line is None or isinstance(one.fact, MessageSent):
        return None
    told: datetime | None = getattr(one.fact, "occurred_at", None)
    return Step(
        number=0,
        phase=_phase(one.fact, state),
        at=told or one.at,
        recorded_at=one.at,
        back_filled=told is not None,
        by=one.by.name,
        by_kind=one.by.kind,
        type=one.fact.type,
        title=line.title,
        detail="" if isinstance(one.fact, NoteAdded) else line.detail,
        tone=line.tone,
        entries=(one.seq,),
        evidence=rests_on(one.fact),
    )


def _sent(dossier: Dossier, messages: Sequence[Recorded], phase: Phase) -> Step:
    """Messages that left together are one step."""
    first = messages[0]
    queued = [one.fact for one in messages if isinstance(one.fact, MessageQueued)]
    found = told(queued, dossier.record, dossier.name_of)
    subjects = "; ".join(dict.fromkeys(fact.subject for fact in queued))
    return Step(
        number=0,
        phase=phase,
        at=first.at,
        recorded_at=first.at,
        back_filled=False,
        by=first.by.name,
        by_kind=first.by.kind,
        type=first.fact.type,
        title=found.title,
        detail=". ".join(filter(None, (subjects, found.names))),
        tone="plain",
        entries=tuple(one.seq for one in messages),
        evidence=(),
    )


def _beside(before: Step | None, message: Recorded, state: Incident) -> Phase:
    """A message tells of what was decided in the same moment."""
    return before.phase if before and before.recorded_at == message.at else state.phase


def _same_sending(before: Recorded, one: Recorded) -> bool:
    return isinstance(one.fact, MessageQueued) and one.at == before.at


def _phase(fact: Fact, state: Incident) -> Phase:
    about = fact.type
    if isinstance(fact, ClockBreached):
        # A promise is about the phase of what would have kept it.
        about = next(iter(promises.named(fact.clock).met_by), about)
    found = _ABOUT.get(about) or _ABOUT_ALL.get(about.partition(".")[0])
    return found or state.phase


def rests_on(fact: Fact) -> tuple[str, ...]:
    """What a fact names as its proof: evidence items, ledger entries, monitors."""
    match fact:
        case IncidentOpened(alert=alert) if alert:
            found: Iterable[str] = [f"monitor:{alert.monitor}"]
        case AlertJoined(alert=alert):
            found = [f"monitor:{alert.monitor}"]
        case EvidenceFrozen(items=items):
            found = [item.item for item in items]
        case EvidenceAdded(item=item):
            found = [item.item]
        case EvidenceAccessed(item=name) if name.startswith("EV-"):
            found = [name]
        case NoteAdded(evidence=evidence):
            found = evidence
        case CauseAnalysed():
            found = [str(link) for statement in fact.statements() for link in statement.links]
        case EffectObserved(windows=windows):
            found = [f"monitor:{window.monitor}" for window in windows]
        case RemediationPlanned(verification=verification):
            found = [f"monitor:{verification.monitor}"] if verification.monitor else []
        case RemediationVerified(links=links) | VerificationFailed(links=links):
            found = [str(link) for link in links]
        case _:
            found = ()
    return tuple(dict.fromkeys(found))
