"""Impact: the counts and the versions of its assessment, and what may be said next. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from holdfast.incident.events import ImpactNoted
from holdfast.incident.incident import Incident
from holdfast.investigate.counting import Counted
from holdfast.investigate.events import (
    ComplianceImpact,
    DataImpact,
    FinanceImpact,
    ImpactAssessed,
    ImpactCounted,
    ReputationImpact,
    UserImpact,
)
from holdfast.investigate.kept import Kept
from holdfast.people import Actor
from holdfast.problems import NotAllowed

ImpactFact = ImpactCounted | ImpactAssessed


@dataclass(frozen=True, slots=True)
class Assessment:
    """What people judge; what the log can tell is counted instead (R-IMP-01)."""

    users: UserImpact = field(default_factory=UserImpact)
    data: DataImpact = field(default_factory=DataImpact)
    compliance: ComplianceImpact = field(default_factory=ComplianceImpact)
    reputation: ReputationImpact = field(default_factory=ReputationImpact)
    finance: FinanceImpact = field(default_factory=FinanceImpact)


@dataclass(frozen=True, slots=True)
class Impact:
    """State folded from the facts of `impact/INC-1`."""

    counts: tuple[Kept[ImpactCounted], ...] = ()
    versions: tuple[Kept[ImpactAssessed], ...] = ()
    chosen: int | None = None
    """Number of the count in force: the newest one, unless an assessment rested on another since."""

    def after(self, fact: ImpactFact, at: datetime, by: Actor) -> Impact:
        match fact:
            case ImpactCounted():
                return replace(self, counts=(*self.counts, Kept(fact, at, by)), chosen=fact.number)
            case ImpactAssessed():
                chosen = self.chosen if fact.count is None else fact.count
                return replace(self, versions=(*self.versions, Kept(fact, at, by)), chosen=chosen)
            case _:
                assert_never(fact)

    @property
    def newest(self) -> ImpactAssessed | None:
        """The assessment in force; None before the first."""
        return self.versions[-1].fact if self.versions else None

    @property
    def count(self) -> ImpactCounted | None:
        """The count in force; None before the first."""
        return next((kept.fact for kept in self.counts if kept.fact.number == self.chosen), None)

    def assessment(self) -> Assessment:
        """What the newest version judged: what a form starts from."""
        newest = self.newest
        if newest is None:
            return Assessment()
        return Assessment(newest.users, newest.data, newest.compliance, newest.reputation, newest.finance)

    def noted(self, incident: str) -> ImpactNoted:
        """What the rules of classification and escalation may read of all this."""
        counted = self.count.counted if self.count else None
        newest = self.newest
        users = counted.users if counted else None
        if users is None and newest:
            users = newest.users.stated
        return ImpactNoted(
            incident=incident,
            users=users,
            inferences=counted.inferences if counted else None,
            share=counted.share if counted else None,
            outage=newest.users.outage if newest else None,
            breach=newest.data.breach if newest else None,
            sensitive_data=newest.data.sensitive if newest else None,
            regulatory=newest.compliance.violated if newest else None,
            external_notice=newest.compliance.must_notify if newest else None,
        )

    # Deciding ----------------------------------------------------------------------------------

    def counted(
        self,
        incident: str,
        system: str,
        period: tuple[datetime, datetime],
        where: Mapping[str, str],
        counted: Counted,
    ) -> list[ImpactFact]:
        """Record what the log answered; nothing when it is what the count in force already says."""
        start, end = period
        now = ImpactCounted(
            incident=incident,
            number=len(self.counts) + 1,
            system=system,
            start=start,
            end=end,
            where=dict(where),
            counted=counted,
        )
        known = self.count
        if known and replace(known, number=now.number) == now:
            return []
        return [now]

    def assess(self, incident: str, said: Assessment, count: int | None = None) -> list[ImpactFact]:
        """The next version, resting on a count (the one in force unless named).

        Nothing when it says what the version before said. Raises NotAllowed.
        """
        counted = self._count(incident, count)
        people = counted.counted.users if counted else None
        _require_sense(said)
        if said.users.stated is not None and people is not None:
            raise NotAllowed(
                f"the people affected are counted from the log ({people:,}); to change the number, count "
                "another period or segment instead of typing one"
            )
        now = ImpactAssessed(
            incident=incident,
            number=len(self.versions) + 1,
            count=counted.number if counted else None,
            affected=said.users.stated if people is None else people,
            users=said.users,
            data=said.data,
            compliance=said.compliance,
            reputation=said.reputation,
            finance=said.finance,
        )
        if self.newest and replace(self.newest, number=now.number) == now:
            return []
        return [now]

    def _count(self, incident: str, number: int | None) -> ImpactCounted | None:
        if number is None:
            return self.count
        for kept in self.counts:
            if kept.fact.number == number:
                return kept.fact
        raise NotAllowed(f"{incident} has no count number {number}; it has {len(self.counts)}")


def _require_sense(said: Assessment) -> None:
    """An assessment says something, and a yes says what."""
    if said == Assessment():
        raise NotAllowed("the assessment is empty; say what is known of at least one dimension")
    for holds, text, complaint in (
        (said.data.sensitive, said.data.sensitivity, "sensitive data is involved: say which"),
        (said.compliance.violated, said.compliance.requirement, "name the requirement that is violated"),
        (said.compliance.must_notify, said.compliance.duty, "say who must be told, and by when"),
    ):
        if holds and not text.strip():
            raise NotAllowed(complaint)
    for amount in (said.users.stated, said.finance.direct, said.finance.indirect):
        if amount is not None and amount < 0:
            raise NotAllowed(f"{amount:,} is less than nothing; give a number from 0")
    if (said.finance.direct, said.finance.indirect) != (None, None) and not said.finance.currency.strip():
        raise NotAllowed("an amount needs its currency, for example EUR")


def affected_period(state: Incident, now: datetime) -> tuple[datetime, datetime]:
    """The period to count first: from when the harm began until it was contained, or until now."""
    began = [alert.window_start for alert in state.alerts]
    if state.began_at:
        began.append(state.began_at)
    start = min(began, default=state.opened_at or now)
    return start, max(start, state.contained_at or now)


def fold(facts: Iterable[tuple[ImpactFact, datetime, Actor]]) -> Impact:
    """The state that facts add up to."""
    state = Impact()
    for fact, at, by in facts:
        state = state.after(fact, at, by)
    return state
