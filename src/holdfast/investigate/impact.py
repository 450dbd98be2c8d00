"""Impact: the counts and the versions of its assessment, and what may be said next. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, assert_never

from holdfast import wording
from holdfast.detect.counting import Asked
from holdfast.incident.events import ImpactNoted, dated
from holdfast.incident.incident import Incident
from holdfast.investigate.counting import Counted
from holdfast.investigate.events import (
    ComplianceImpact,
    DataImpact,
    FinanceImpact,
    ImpactAssessed,
    ImpactCounted,
    ImpactWatched,
    ReputationImpact,
    UserImpact,
    affected,
    exposed,
)
from holdfast.investigate.kept import Kept
from holdfast.people import Actor
from holdfast.problems import NotAllowed

ImpactFact = ImpactCounted | ImpactAssessed | ImpactWatched


ANSWERS = {
    "outage": ("users", "outage"),
    "sensitive_data": ("data", "sensitive"),
    "breach": ("data", "breach"),
    "regulatory": ("compliance", "violated"),
    "external_notice": ("compliance", "must_notify"),
}
"""Where an assessment answers what the rules read of the harm: dimension and field."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What people judge; what the log can tell is counted instead (R-IMP-01)."""

    users: UserImpact = field(default_factory=UserImpact)
    data: DataImpact = field(default_factory=DataImpact)
    compliance: ComplianceImpact = field(default_factory=ComplianceImpact)
    reputation: ReputationImpact = field(default_factory=ReputationImpact)
    finance: FinanceImpact = field(default_factory=FinanceImpact)

    def answered(self, of: Collection[str]) -> tuple[str, ...]:
        """Which of these it answers, with yes or no."""
        at = ((name, *ANSWERS[name]) for name in of)
        return tuple(name for name, part, key in at if getattr(getattr(self, part), key) is not None)

    def leaving_open(self, of: Collection[str]) -> Assessment:
        """The same without an answer to these."""
        found = self
        for part, key in (ANSWERS[name] for name in of):
            found = replace(found, **{part: replace(getattr(found, part), **{key: None})})
        return found


class Ruling(StrEnum):
    """Whose word on the people affected rules: the newest of a person's; without one, the log's."""

    STATED = "stated"
    """A number that a person states."""
    COUNTED = "counted"


@dataclass(frozen=True, slots=True)
class Impact:
    """State folded from the facts of `impact/INC-1`.

    A machine never overrules a person: what it counts is kept beside what a person counted or stated.
    """

    system: str = ""
    """The system that the incident is about now; what was counted in the log of another one says nothing."""
    counts: tuple[Kept[ImpactCounted], ...] = ()
    versions: tuple[Kept[ImpactAssessed], ...] = ()
    chosen: int | None = None
    """Number of the count that rules: the newest a person asked for or named, without one the newest.

    A count of a part rules only where it is named, or where nothing else is counted.
    """
    by_person: bool = False
    """Whether a person chose that count."""
    ruling: Ruling = Ruling.COUNTED
    watch: ImpactWatched | None = None
    """What came of the system's last counting by itself."""
    confirmed: Mapping[int, datetime] = field(default_factory=dict)
    """By number of a count: when the log last answered what it says."""

    def after(self, fact: ImpactFact, at: datetime, by: Actor) -> Impact:
        match fact:
            case ImpactCounted():
                return replace(self, counts=(*self.counts, Kept(fact, at, by)))._counted(fact, by)
            case ImpactAssessed():
                return replace(self, versions=(*self.versions, Kept(fact, at, by)))._assessed(fact)
            case ImpactWatched():
                seen = {} if fact.number is None else {fact.number: fact.as_of}
                return replace(self, watch=fact, confirmed={**self.confirmed, **seen})
            case _:
                assert_never(fact)

    def _counted(self, fact: ImpactCounted, by: Actor) -> Impact:
        if fact.system != self.system:
            return self
        if fact.part:
            return replace(self, chosen=fact.number) if self._is_known_by_less_than(fact) else self
        if by.kind != "system":
            tells = fact.counted.affected is not None
            ruling = Ruling.COUNTED if tells else self.ruling
            return replace(self, chosen=fact.number, by_person=True, ruling=ruling)
        return self if self.by_person else replace(self, chosen=fact.number)

    def _is_known_by_less_than(self, part: ImpactCounted) -> bool:
        """Whether nothing is counted but parts, nobody named one of them, and they hold fewer people."""
        if self.newest_whole is not None or self.by_person:
            return False
        return self.count is None or _people(self.count) <= _people(part)

    def _assessed(self, fact: ImpactAssessed) -> Impact:
        stated = fact.users.stated is not None
        after = replace(self, ruling=Ruling.STATED if stated else Ruling.COUNTED)
        own = any(kept.fact.number == fact.count and kept.fact.system == self.system for kept in self.counts)
        return replace(after, chosen=fact.count, by_person=True) if fact.picked and own else after

    @property
    def newest(self) -> ImpactAssessed | None:
        """The newest assessment; None before the first."""
        return self.versions[-1].fact if self.versions else None

    @property
    def count(self) -> ImpactCounted | None:
        """The count that rules; None before the first in the log of the system."""
        return next((kept.fact for kept in self.counts if kept.fact.number == self.chosen), None)

    @property
    def newest_count(self) -> Kept[ImpactCounted] | None:
        """The newest count in the log of the system, whether it rules or not."""
        return next((kept for kept in reversed(self.counts) if kept.fact.system == self.system), None)

    @property
    def newest_whole(self) -> Kept[ImpactCounted] | None:
        """The newest of them that is no count of a part."""
        own = (kept for kept in reversed(self.counts) if kept.fact.system == self.system)
        return next((kept for kept in own if not kept.fact.part), None)

    def counted_as_of(self, kept: Kept[ImpactCounted]) -> datetime:
        """When the log last answered what a count says."""
        return max(kept.at, self.confirmed.get(kept.fact.number, kept.at))

    @property
    def exposed_as_of(self) -> datetime | None:
        """When the log last answered what the count that rules says; None before the first."""
        ruling = next((kept for kept in self.counts if kept.fact.number == self.chosen), None)
        return self.counted_as_of(ruling) if ruling else None

    @property
    def as_of(self) -> datetime | None:
        """When the number of people affected was last counted, or stated, by whoever rules."""
        if self.stated is not None and not self._is_by_count:
            return self.versions[-1].at
        return self.exposed_as_of

    @property
    def dated(self) -> str:
        """`as of 23 Nov 2026, 14:05 UTC`: how old its numbers are; empty where it has none."""
        return dated(self.as_of if self.people is not None else None, self.exposed_as_of)

    @property
    def failed(self) -> str:
        """Why the system could not count when it last tried; empty where it could."""
        return self.watch.failed if self.watch else ""

    @property
    def stated(self) -> int | None:
        """People affected as a person states; None where the newest assessment states no number."""
        return self.newest.users.stated if self.newest else None

    @property
    def people(self) -> int | None:
        """People affected, by whichever word rules; None: not known."""
        counted = self._counted_people()
        if self.stated is not None and (self.ruling is Ruling.STATED or counted is None):
            return self.stated
        return counted

    @property
    def is_at_least(self) -> bool:
        """Whether that number is one that the log can only bound from below."""
        return self._is_by_count and self.from_below(self.count)

    @property
    def _is_by_count(self) -> bool:
        """Whether the number of people affected is a count's."""
        return self._counted_people() is not None and (self.stated is None or self.ruling is Ruling.COUNTED)

    def from_below(self, count: ImpactCounted | None, *, named: bool = False) -> bool:
        """Whether more may be affected than a count says: by its rules, by what the log does not know, or
        because it is of a part."""
        return count is not None and (
            count.counted.affected_from_below or self.is_of_part(count, named=named)
        )

    def exposed_from_below(self, count: ImpactCounted, *, named: bool = False) -> bool:
        """The same of the exposed, which need no rules."""
        return count.counted.exposed_from_below or self.is_of_part(count, named=named)

    def is_of_part(self, count: ImpactCounted, *, named: bool = False) -> bool:
        """Whether a count of a part stands for the whole, which holds more affected and more exposed.

        Of a part that a person named as the impact, that person says that it is all. One beside a count of
        the whole speaks for its part alone.
        """
        said_to_be_all = named or (self.by_person and count.number == self.chosen)
        return count.part and not said_to_be_all and self.newest_whole is None

    def misses_rows(self, count: ImpactCounted) -> bool:
        """Whether there were more predictions than a count says."""
        return bool(count.counted.missing) or self.is_of_part(count)

    def affected(self, count: ImpactCounted) -> str:
        """What a count says of the affected: `at least 310 people affected (400 predictions, 10.0%)`."""
        return affected(count.counted, part=self.is_of_part(count))

    def exposed(self, count: ImpactCounted) -> str:
        """What a count says of the exposed."""
        return exposed(count.counted, part=self.is_of_part(count))

    @property
    def exposed_at_least(self) -> bool:
        """Whether more were exposed than the count that rules says, where it tells people apart."""
        return (
            self.count is not None
            and self.count.counted.exposed.users is not None
            and self.exposed_from_below(self.count)
        )

    def exposed_people(self, unknown: str = "not told apart") -> str:
        """`at least 1,200`: the number of people exposed by the count that rules, in words."""
        return wording.bounded(
            self.count.counted.exposed.users if self.count else None, self.exposed_at_least, unknown
        )

    def is_bounded(self, count: ImpactCounted) -> bool:
        """Whether the groups of a count hold at least so many: of the affected, or else of the exposed."""
        return self.from_below(count) if count.counted.affected else self.exposed_from_below(count)

    def affected_people(self, unknown: str = "not known") -> str:
        """`at least 310`: the number of people affected in words."""
        return wording.bounded(self.people, self.is_at_least, unknown)

    def _counted_people(self) -> int | None:
        tally = self.count.counted.affected if self.count else None
        return tally.users if tally else None

    def said(self) -> list[str]:
        """Where the number of people affected comes from, and each number that stands beside it."""
        if self.people is None:
            return self.beside()
        counted, stated = self._counted_people(), self.stated
        which = "of a part of" if self.count and self.count.part else "in"
        by_count = f"count {self.chosen} {which} the log" if counted is not None else ""
        by_person = f"{self.versions[-1].by.name}, version {len(self.versions)}" if stated is not None else ""
        if not by_count or not by_person:
            rules = by_count or f"stated by {by_person}"
            return [rules, *self.beside()]
        says = {
            by_count: wording.bounded(counted, self.from_below(self.count)),
            f"stated by {by_person}": wording.thousands(stated),
        }
        first = f"stated by {by_person}" if self.ruling is Ruling.STATED else by_count
        others = [f"{name} says {number}" for name, number in says.items() if name != first]
        return [f"{first}, which rules", *others, *self.beside()]

    def beside(self) -> list[str]:
        """The newest count where another one rules; where one of a part rules, the newest of the whole."""
        others = [self.newest_count]
        if self.count and self.count.part and self.newest_whole not in others:
            others.append(self.newest_whole)
        return [
            f"count {kept.fact.number}, by {kept.by.name}, {self._aside(kept.fact)} and does not rule: "
            f"{affected(kept.fact.counted)}"
            for kept in others
            if kept is not None and kept.fact.number != self.chosen
        ]

    def _aside(self, count: ImpactCounted) -> str:
        if count.part:
            return "is of a part"
        return "came later" if count.number > (self.chosen or 0) else "is of the whole"

    def assessment(self, disputed: Collection[str] = ()) -> Assessment:
        """What the newest version judged: what a form starts from.

        A stated number that a later count of a person overruled is not stated again by itself, and so is no
        answer that an incident which was merged into this one contradicts: a person gives it anew.
        """
        newest = self.newest
        if newest is None:
            return Assessment()
        users = newest.users if self.ruling is Ruling.STATED else replace(newest.users, stated=None)
        said = Assessment(users, newest.data, newest.compliance, newest.reputation, newest.finance)
        return said.leaving_open(disputed)

    def noted(self, incident: str, decides: tuple[str, ...] = ()) -> ImpactNoted:
        """What the rules of classification and escalation may read of all this."""
        counted = self.count.counted if self.count else None
        newest = self.newest
        return ImpactNoted(
            incident=incident,
            users=self.people,
            users_at_least=self.is_at_least,
            inferences=counted.affected.inferences if counted and counted.affected else None,
            share=counted.share if counted else None,
            exposed_users=counted.exposed.users if counted else None,
            exposed_at_least=self.exposed_at_least,
            exposed_inferences=counted.exposed.inferences if counted else None,
            exposed_share=counted.exposed_share if counted else None,
            outage=newest.users.outage if newest else None,
            breach=newest.data.breach if newest else None,
            sensitive_data=newest.data.sensitive if newest else None,
            regulatory=newest.compliance.violated if newest else None,
            external_notice=newest.compliance.must_notify if newest else None,
            decides=decides,
            as_of=self.as_of,
            exposed_as_of=self.exposed_as_of,
            cleared=self.watch.cleared if self.watch else (),
        )

    # Deciding ----------------------------------------------------------------------------------

    def counted(
        self,
        incident: str,
        asked: Asked,
        counted: Counted,
        by: Actor,
        *,
        until_now: bool = False,
        part: bool = False,
    ) -> list[ImpactFact]:
        """Record what the log answered; nothing when that is what the count that rules already says.

        A person who counts what a machine has counted makes it theirs. A machine that counted until now, and
        finds the log as it was, has nothing to say: two that react to one fact count once.
        """
        now = ImpactCounted(
            incident=incident,
            number=len(self.counts) + 1,
            system=self.system,
            start=asked.start,
            end=asked.end,
            where=dict(asked.where),
            because=asked.all_touched,
            counted=counted,
            part=part,
        )
        newest = self.newest_count if part else self.newest_whole
        known = self.count if by.kind != "system" and not part else newest.fact if newest else None
        ends = known.end if known and by.kind == "system" and until_now else now.end
        said_before = known is not None and replace(known, number=now.number) == now.ending(ends)
        overrules = self.ruling is Ruling.STATED and counted.affected is not None
        takes_over = by.kind != "system" and not part and (not self.by_person or overrules)
        return [] if said_before and not takes_over else [now]

    def assess(
        self, incident: str, said: Assessment, count: int | None = None, disputed: Collection[str] = ()
    ) -> list[ImpactFact]:
        """The next version, resting on a count (the one that rules unless named).

        A number of people that it states stands beside what is counted, and rules. Nothing when it says what
        the version before said, unless it answers what is disputed. Raises NotAllowed.
        """
        counted = self._count(incident, count)
        picked = counted is not None and counted.number != self.chosen
        _require_sense(said)
        now = ImpactAssessed(
            incident=incident,
            number=len(self.versions) + 1,
            count=counted.number if counted else None,
            picked=picked,
            affected=None,
            at_least=False,
            exposed=counted.counted.exposed.users if counted else None,
            exposed_at_least=counted is not None
            and counted.counted.exposed.users is not None
            and self.exposed_from_below(counted, named=picked),
            users=said.users,
            data=said.data,
            compliance=said.compliance,
            reputation=said.reputation,
            finance=said.finance,
        )
        at_least = self.from_below(counted, named=picked)
        now = replace(now, **_assessed_people(said, counted, at_least=at_least))
        same = self.newest and replace(self.newest, number=now.number, picked=now.picked) == now
        if same and not said.answered(disputed):
            return []
        return [now]

    def _count(self, incident: str, number: int | None) -> ImpactCounted | None:
        if number is None:
            return self.count
        for kept in self.counts:
            if kept.fact.number == number:
                return kept.fact
        raise NotAllowed(f"{incident} has no count number {number}; it has {len(self.counts)}")


def _assessed_people(said: Assessment, count: ImpactCounted | None, *, at_least: bool) -> dict[str, Any]:
    """How many people are affected as an assessment says, and whether that is known from below only."""
    if said.users.stated is not None or count is None or count.counted.affected is None:
        return {"affected": said.users.stated, "at_least": False}
    number = count.counted.affected.users
    return {"affected": number, "at_least": number is not None and at_least}


def _people(count: ImpactCounted) -> int:
    """How many people a count holds as affected; -1 where it does not tell."""
    tally = count.counted.affected
    return tally.users if tally and tally.users is not None else -1


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


def known_period(state: Incident, now: datetime) -> tuple[datetime, datetime] | None:
    """The period to count first: from when the harm began until it was contained, or until now.

    It began when a person says so, without that with the first window out of bounds. None while nobody knows:
    then nothing is counted, for a count of no time at all would say 0. What is served after it was resolved
    is no part of it.
    """
    began = [state.began_at] if state.began_at else []
    if not state.began_said:
        began += [alert.window_start for alert in state.own_alerts]
    if not began:
        return None
    start = min(began)
    return start, max(start, state.contained_at or state.resolved_at or now)


def period_to_count(
    state: Incident, now: datetime, start: datetime | None = None, end: datetime | None = None
) -> tuple[datetime, datetime]:
    """The period as asked for, and what is not asked as it is known. Raises NotAllowed."""
    known = known_period(state, now)
    if start is None and known is None:
        raise NotAllowed(
            f"nobody has said when {state.id} began, so there is no period to count; say it first, or give "
            "the period",
            first=("incident.began", state.id),
        )
    first = start or (known[0] if known else now)
    last = end or (known[1] if known else state.contained_at or state.resolved_at or now)
    if first >= last:
        raise NotAllowed("the period ends before it begins; give a later end")
    return first, last


def is_part(state: Incident, asked: Asked, now: datetime) -> bool:
    """Whether a count is of less than all that is known of the incident: a segment, or a part of the time.

    Not where a person says why every row of it is affected: that is a judgement of who is affected. People
    give times to the minute. While nobody knows when it began, no count is known to be of the whole.
    """
    if asked.all_touched:
        return False
    known = known_period(state, now)
    if asked.where or known is None:
        return True
    start, end = known
    return asked.start > start or asked.end < end.replace(second=0, microsecond=0)
