"""Steps of impact: count in the log, assess, and let classification and escalation follow at once.

New knowledge and what the playbook's rules make of it stand in one transaction: the fact of the impact,
`incident.impact_noted` and everything `reassess` decides (R-IMP-01, R-ESC-02).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from holdfast.incident.events import ImpactNoted
from holdfast.incident.loading import Loaded, load
from holdfast.investigate.counting import CannotCount, Counted, PredictionCounter
from holdfast.investigate.impact import Assessment, Impact, ImpactFact, fold
from holdfast.investigate.kept import settle
from holdfast.ledger.ledger import Draft, Ledger, Stream
from holdfast.people import Actor
from holdfast.problems import NotAllowed

Reassess = Callable[[Loaded, ImpactNoted, datetime], Sequence[Draft]]
"""Drafts that note the impact on the incident and everything that follows: proposal, tier, messages.

The first draft appends to the incident's stream exactly as it was loaded.
"""


def stream_of(incident: str) -> str:
    return f"impact/{incident}"


def impact_of(ledger: Ledger, incident: str) -> Impact:
    """Counts and versions of an incident's impact; empty before anything was counted or assessed."""
    return _fold(ledger.stream(stream_of(incident)))


def count(
    ledger: Ledger,
    counter: PredictionCounter,
    incident: str,
    start: datetime,
    end: datetime,
    where: Mapping[str, str] | None = None,
    *,
    reassess: Reassess,
    by: Actor,
    at: datetime,
) -> Counted:
    """Count who is affected in [start, end) and record it. Raises NotAllowed, NoSuchIncident."""
    state = load(ledger, incident).state
    state.require_running()
    if not state.system:
        raise NotAllowed(
            f"{incident} names no AI system, so there is no log to count in; state the number instead"
        )
    if start >= end:
        raise NotAllowed("the period ends before it begins; give a later end")
    segment = dict(where or {})
    try:
        counted = counter.count(state.system, start, end, segment)
    except CannotCount as problem:
        raise NotAllowed(f"the log of {state.system} cannot be counted: {problem}") from problem

    def decide(impact: Impact) -> list[ImpactFact]:
        return impact.counted(incident, state.system, (start, end), segment, counted)

    _step(ledger, incident, decide, reassess, by, at)
    return counted


def assess(
    ledger: Ledger,
    incident: str,
    said: Assessment,
    *,
    count: int | None = None,
    reassess: Reassess,
    by: Actor,
    at: datetime,
) -> Impact:
    """Record the next version, resting on a count (the one in force unless named); returns the state.

    Raises NotAllowed, NoSuchIncident.
    """
    _step(ledger, incident, lambda impact: impact.assess(incident, said, count), reassess, by, at)
    return impact_of(ledger, incident)


def _step(
    ledger: Ledger,
    incident: str,
    decide: Callable[[Impact], list[ImpactFact]],
    reassess: Reassess,
    by: Actor,
    at: datetime,
) -> None:
    def drafts() -> Sequence[Draft]:
        loaded = load(ledger, incident)
        loaded.state.require_running()
        stream = ledger.stream(stream_of(incident))
        impact = _fold(stream)
        facts = decide(impact)
        for fact in facts:
            impact = impact.after(fact, at, by)
        if not facts:
            return []
        noted = impact.noted(incident)
        # Appending to the incident's stream as loaded also holds off a closing at the same moment.
        return [Draft(stream.name, stream.version, facts), *reassess(loaded, noted, at)]

    settle(ledger, drafts, by=by, at=at)


def _fold(stream: Stream) -> Impact:
    return fold((cast(Any, recorded.fact), recorded.at, recorded.by) for recorded in stream.facts)
