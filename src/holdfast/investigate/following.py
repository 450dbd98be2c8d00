"""Counting again by itself, as long as the harm goes on (R-IMP-02).

One idea: a number without its date grows old unseen. The system counts when an incident opens, when more of
it becomes known, and from then on by a timer that each counting sets anew, until the harm is over: then once
more, for the whole time. What came of it is a fact, also that the log answered as before, or not at all.

The timer waits longer the longer the harm lasts, and never less than many times what a count takes: a large
log is not read round after round.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from holdfast.detect import records
from holdfast.detect.counting import Asked
from holdfast.detect.events import AlertCleared, MonitoringRan
from holdfast.incident import register
from holdfast.incident.events import AlertJoined, ContainmentLost, Resolved
from holdfast.incident.incident import Incident, NoLongerOpen
from holdfast.incident.loading import Loaded, beside, load
from holdfast.investigate.assessing import IMPACTS, Reassess, impact_of, of_system
from holdfast.investigate.counting import CannotCount, Counted, NothingToCount, PredictionCounter
from holdfast.investigate.events import ImpactWatched
from holdfast.investigate.impact import Impact, ImpactFact, known_period
from holdfast.ledger.facts import Recorded
from holdfast.ledger.folding import Folded, fold
from holdfast.ledger.ledger import AlreadyFired, Draft, Ledger, Timer
from holdfast.people import SYSTEM, Actor
from holdfast.prepare.events import SystemApplied

_log = structlog.get_logger("holdfast.impact")
_SOONEST, _LATEST = timedelta(minutes=15), timedelta(hours=6)
"""Counted again after an eighth of the time the incident has lasted, within these bounds."""
_SHARE = 20
"""At most so much of the time, one in twenty, is spent counting for one incident."""
_PATIENCE = timedelta(days=2)
"""How long the log of a time that is over may take to be written to its end."""
_RUNNING = 200
"""Running incidents of one system that are looked at."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What the log answered to what was asked, or why it did not."""

    asked: Asked
    counted: Counted | None = None
    failed: str = ""
    took: timedelta = timedelta()


class Following:
    """Follows the impact of incidents. Person and time are passed to every verb."""

    def __init__(self, ledger: Ledger, counter: PredictionCounter, reassess: Reassess) -> None:
        self.ledger = ledger
        self.counter = counter
        self.reassess = reassess

    def follow(self, recorded: Recorded, at: datetime) -> None:
        """The reaction to what makes a number old. Handed the same fact again, it finds it counted."""
        fact = recorded.fact
        if isinstance(fact, (MonitoringRan, SystemApplied)):
            for incident in self._unfollowed(fact.system):
                self._count(incident, SYSTEM, at)
        elif recorded.incident and self._makes_old(recorded, recorded.incident):
            self._count(recorded.incident, SYSTEM, at)

    def count_again(self, timer: Timer, by: Actor, at: datetime) -> None:
        """Fires the timer (kind `impact.count`)."""
        self._count(timer.data["incident"], by, at, fires=timer)

    # When --------------------------------------------------------------------------------------

    def _makes_old(self, recorded: Recorded, incident: str) -> bool:
        state = load(self.ledger, incident).state
        if state.status.over or self._counted_since(recorded, incident):
            return False
        match recorded.fact:
            case AlertJoined():  # they join by the hundred: where the timer runs, it counts what they mark
                known = impact_of(self.ledger, incident)
                told = known.newest_whole and known.newest_whole.fact.counted.affected
                return not (told and known.watch and known.watch.due)
            case AlertCleared():
                fixed = state.contained_at or state.resolved_at
                return not fixed and not self._goes_on(state)
            case ContainmentLost():
                return self._goes_on(state)
            case Resolved():
                return state.contained_at is None
        return True

    def _counted_since(self, recorded: Recorded, incident: str) -> bool:
        """Whether the log was asked after the fact: before a crash, or for a fact that came with it."""
        told = IMPACTS.state(self.ledger, incident)
        return any(
            one.seq > recorded.seq and one.fact.as_of >= recorded.at
            for one in told
            if isinstance(one.fact, ImpactWatched)
        )

    def _unfollowed(self, system: str) -> list[str]:
        """Incidents of a system whose harm goes on and that no timer counts again: those of an earlier
        release, or whose system had no log before."""
        with self.ledger.reading() as conn:
            running = register.unresolved(conn, system, _RUNNING)
        own = [state for state in running if state.system == system and self._goes_on(state)]
        return [state.id for state in own if not _is_due(impact_of(self.ledger, state.id))]

    def _goes_on(self, state: Incident) -> bool:
        return state.goes_on(self._cleared(state))

    def _cleared(self, state: Incident) -> tuple[str, ...]:
        own = {alert.alert for alert in state.own_alerts}
        with self.ledger.reading() as conn:
            found = records.alerts_of(conn, state.id)
        return tuple(one.alert for one in found if one.alert in own and one.state == "cleared")

    # Counting ----------------------------------------------------------------------------------

    def _count(self, incident: str, by: Actor, at: datetime, fires: Timer | None = None) -> None:
        """Ask the log for the whole of the known time, and record what came of it.

        Between the answer and the append a crash loses a count and no more: timer and reaction come again.
        """
        before = load(self.ledger, incident).state
        if before.status.over:
            return  # what ended it stopped the timer
        found = self._ask(before, at)
        if found is None and fires is None:
            return  # people have to say something first: a system, or when it began

        def drafts(loaded: Loaded, told: Folded[tuple[Recorded, ...]]) -> Sequence[Draft]:
            if loaded.state.system != before.system:
                if fires:
                    raise AlreadyFired(f"{incident} is about another system meanwhile")
                return []  # which is a fact of its own, and counted for
            impact = of_system(told.state, loaded.state.system)
            facts = self._decide(loaded.state, impact, found, by, at)
            own = told.draft(facts)
            if found is None or found.counted is None:
                return [own, loaded.draft([])]
            known = fold(impact, ((fact, at, by) for fact in facts))
            return [own, *self.reassess(loaded, known.noted(incident), at)]

        with suppress(NoLongerOpen):  # it ended while it was counted
            beside(self.ledger, IMPACTS, incident, drafts, by=by, at=at, fires=fires)

    def _ask(self, state: Incident, at: datetime) -> _Found | None:
        """None where nobody has said what to count in, or from when."""
        known = known_period(state, at)
        if not state.system or known is None:
            return None
        asked = Asked(*known, {}, state.own_alerts)
        if asked.start >= asked.end:
            return _Found(asked)  # no time has passed yet
        began = time.monotonic()
        try:
            counted, failed = self.counter.count(state.system, asked), ""
        except NothingToCount:
            return None
        except CannotCount as problem:
            counted, failed = None, str(problem)
        except Exception as error:
            # Whatever one log does to us, that it was not counted is on the record, and it is tried again.
            _log.exception("counting failed", incident=state.id, system=state.system)
            counted, failed = None, f"{type(error).__name__}: {error}"
        return _Found(asked, counted, failed, timedelta(seconds=time.monotonic() - began))

    def _decide(
        self, state: Incident, impact: Impact, found: _Found | None, by: Actor, at: datetime
    ) -> list[ImpactFact]:
        """The count, where the log answered otherwise than before, and what came of asking."""
        cleared = self._cleared(state)
        if found is None:
            return [ImpactWatched(incident=state.id, as_of=at, cleared=cleared)]
        counted: list[ImpactFact] = []
        number = None
        if found.counted:
            until_now = not (state.contained_at or state.resolved_at)
            counted = impact.counted(state.id, found.asked, found.counted, by, until_now=until_now)
            before = impact.newest_whole
            number = len(impact.counts) + 1 if counted else before.fact.number if before else None
        watched = ImpactWatched(
            incident=state.id,
            number=number,
            as_of=at,
            failed=found.failed,
            repeated=bool(found.failed) and found.failed == impact.failed,
            cleared=cleared,
            due=_due(state, found, cleared, at),
        )
        return [*counted, watched]


def _is_due(impact: Impact) -> bool:
    return impact.watch is not None and impact.watch.due is not None


def _due(state: Incident, found: _Found, cleared: Collection[str], at: datetime) -> datetime | None:
    """When to count again; None where this was the last of it."""
    lasted = at - (state.opened_at or at)
    pause = max(min(max(lasted / 8, _SOONEST), _LATEST), found.took * _SHARE)
    again = found.counted is None or state.goes_on(cleared) or _is_behind(state, found.counted, at)
    return at + pause if again else None


def _is_behind(state: Incident, counted: Counted, at: datetime) -> bool:
    """Whether rows of a time that is over may still be written to the log."""
    over = state.contained_at or state.resolved_at
    written = counted.reaches is None or over is None or counted.reaches >= over
    return over is not None and not written and at - over < _PATIENCE
