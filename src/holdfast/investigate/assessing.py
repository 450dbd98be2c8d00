"""Steps of impact: count in the log, assess, and let classification and escalation follow at once.

New knowledge and what the playbook's rules make of it stand in one transaction: the fact of the impact,
`incident.impact_noted` and everything `reassess` decides (R-IMP-01, R-ESC-02).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from holdfast.detect.counting import Asked
from holdfast.incident.events import ImpactNoted
from holdfast.incident.loading import Loaded, beside, load
from holdfast.incident.responding import Desk
from holdfast.investigate.counting import CannotCount, Counted, PredictionCounter
from holdfast.investigate.events import ImpactCounted
from holdfast.investigate.impact import Assessment, Impact, ImpactFact, is_part, period_to_count
from holdfast.ledger.facts import Recorded
from holdfast.ledger.folding import Folded, Kind, fold
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.people import Actor
from holdfast.problems import NotAllowed

Reassess = Callable[[Loaded, ImpactNoted, datetime], Sequence[Draft]]
"""Drafts that note the impact on the incident and everything that follows: proposal, tier, messages.

The first draft appends to the incident's stream exactly as it was loaded.
"""


def _further(before: tuple[Recorded, ...], recorded: Recorded) -> tuple[Recorded, ...]:
    return (*before, recorded)


IMPACTS: Kind[tuple[Recorded, ...]] = Kind("impact", lambda incident: (), _further)
"""Kept as they were told: what they add up to depends on which system the incident is about by now."""
stream_of = IMPACTS.stream_of


def impact_of(ledger: Ledger, incident: str) -> Impact:
    """Counts and versions of an incident's impact; empty before anything was counted or assessed.

    Raises NoSuchIncident.
    """
    return of_system(IMPACTS.state(ledger, incident), load(ledger, incident).state.system)


def of_system(told: tuple[Recorded, ...], system: str) -> Impact:
    return fold(Impact(system), ((one.fact, one.at, one.by) for one in told))


def count(
    ledger: Ledger,
    counter: PredictionCounter,
    incident: str,
    start: datetime | None = None,
    end: datetime | None = None,
    where: Mapping[str, str] | None = None,
    *,
    because: str = "",
    reassess: Reassess,
    by: Actor,
    at: datetime,
) -> Counted:
    """Count in [start, end) who was exposed and who is affected, and record it.

    Without a period: since the harm began, until it was contained or until now. `because` says why every row
    of the segment is affected; without it the conditions of the incident's alerts tell which are, and a count
    of a part rules only where nothing else is counted. Raises NotAllowed, NoSuchIncident.
    """
    state = load(ledger, incident).state
    state.require_running()
    if not state.system:
        raise NotAllowed(
            f"{incident} names no AI system, so there is no log to count in; name the system, or state the "
            "number"
        )
    first, last = period_to_count(state, at, start, end)
    asked = Asked(first, last, dict(where or {}), state.own_alerts, because.strip())
    try:
        counted = counter.count(state.system, asked)
    except CannotCount as problem:
        raise NotAllowed(f"the log of {state.system} cannot be counted: {problem}") from problem

    def decide(impact: Impact, _: tuple[str, ...]) -> list[ImpactFact]:
        if impact.system != state.system:
            raise NotAllowed(f"{incident} was said to be about another system meanwhile; count again")
        until_now, part = end is None and last == at, is_part(state, asked, at)
        return impact.counted(incident, asked, counted, by, until_now=until_now, part=part)

    _step(ledger, incident, decide, reassess, by, at)
    return counted


def name_system(
    desk: Desk,
    incident: str,
    system: str,
    model_version: str = "",
    reason: str = "",
    *,
    by: Actor,
    at: datetime,
) -> None:
    """Say which system an incident is about; what was counted in the log of another one rules no more.

    Raises NotAllowed, NoSuchIncident.
    """

    def noted() -> ImpactNoted:
        return of_system(IMPACTS.state(desk.ledger, incident), system).noted(incident)

    desk.name_system(incident, system, model_version, reason, noted=noted, by=by, at=at)


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
    """Record the next version, resting on a count (the one that rules unless named); returns the state.

    Raises NotAllowed, NoSuchIncident.
    """

    def decide(impact: Impact, disputed: tuple[str, ...]) -> list[ImpactFact]:
        return impact.assess(incident, said, count, disputed)

    _step(ledger, incident, decide, reassess, by, at, answered=said.answered)
    return impact_of(ledger, incident)


def _step(
    ledger: Ledger,
    incident: str,
    decide: Callable[[Impact, tuple[str, ...]], list[ImpactFact]],
    reassess: Reassess,
    by: Actor,
    at: datetime,
    answered: Callable[[tuple[str, ...]], tuple[str, ...]] = lambda disputed: (),
) -> None:
    """`answered` says which answers on the harm, disputed by a merged incident, somebody gives."""

    def drafts(loaded: Loaded, told: Folded[tuple[Recorded, ...]]) -> Sequence[Draft]:
        impact = of_system(told.state, loaded.state.system)
        disputed = loaded.state.disputed
        facts = decide(impact, disputed)
        if not facts:
            return []
        impact = fold(impact, ((fact, at, by) for fact in facts))
        # Who counts a part says nothing of the whole: what is known is not taken back for it.
        part = any(isinstance(fact, ImpactCounted) and fact.part for fact in facts)
        known = impact.noted(incident, answered(disputed))
        noted = replace(known, by_person=by.kind != "system" and not part)
        return [told.draft(facts), *reassess(loaded, noted, at)]

    beside(ledger, IMPACTS, incident, drafts, by=by, at=at)
