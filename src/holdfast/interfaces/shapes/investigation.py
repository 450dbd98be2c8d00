"""Impact in its five dimensions, and the root-cause analysis: shown, and as people write them.

The written form of an analysis is the same in a file and in a request; a link is written `EV-3`, `#17`
(in YAML: in quotes) or `monitor:accuracy`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from holdfast.interfaces.shapes.base import Asked, Number, Shown, Text, Time, Word
from holdfast.investigate import cause, impact
from holdfast.investigate.counting import Counted
from holdfast.investigate.events import (
    CauseAnalysed,
    ComplianceImpact,
    DataImpact,
    DataKind,
    Factor,
    FinanceImpact,
    Happening,
    ImpactAssessed,
    ImpactCounted,
    Link,
    ReputationImpact,
    Statement,
    UserImpact,
)
from holdfast.investigate.kept import Kept
from holdfast.investigate.links import parse
from holdfast.prepare.terms import FactorGroup
from holdfast.problems import Fault, NotAllowed

# Impact, as asked ------------------------------------------------------------------------------


class CountAsked(Asked):
    """Which period and segment to count in the prediction log. Without a period: since the harm began,
    until it was contained or until now."""

    start: Time | None = None
    end: Time | None = None
    where: dict[Word, Word] = Field(default_factory=dict, max_length=10)
    """Column and value; everybody when empty."""


class UsersAsked(Asked):
    kind: Text = ""
    """Which people: applicants, patients, staff."""
    effect: Text = ""
    outage: bool | None = None
    """Whether the system gives them no answers at all."""
    stated: Number | None = None
    """How many people; only where no log can be counted."""


class DataAsked(Asked):
    sensitive: bool | None = None
    sensitivity: Text = ""
    kinds: tuple[DataKind, ...] = Field((), max_length=3)
    misuse: Text = ""
    """What somebody could do with it."""
    breach: bool | None = None
    """Whether model or data left the organisation's control."""


class ComplianceAsked(Asked):
    violated: bool | None = None
    requirement: Text = ""
    must_notify: bool | None = None
    duty: Text = ""
    """Who must be told by when, and where that is written."""
    fine: Text = ""


class ReputationAsked(Asked):
    effect: Text = ""


class FinanceAsked(Asked):
    currency: Annotated[Word, Field(pattern=r"^([A-Z]{3})?$")] = ""
    """ISO 4217: EUR."""
    direct: Number | None = None
    """Whole units of the currency."""
    indirect: Number | None = None
    basis: Text = ""
    """How the amounts were arrived at."""


class AssessmentAsked(Asked):
    """What people judge of the impact; what is left out is not known."""

    users: UsersAsked = UsersAsked()
    data: DataAsked = DataAsked()
    compliance: ComplianceAsked = ComplianceAsked()
    reputation: ReputationAsked = ReputationAsked()
    finance: FinanceAsked = FinanceAsked()
    count: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Number of the count it rests on; the one in force unless named."""

    def assessment(self) -> impact.Assessment:
        return impact.Assessment(
            UserImpact(**dict(self.users)),
            DataImpact(**dict(self.data)),
            ComplianceImpact(**dict(self.compliance)),
            ReputationImpact(**dict(self.reputation)),
            FinanceImpact(**dict(self.finance)),
        )


# Impact, as shown ------------------------------------------------------------------------------


class GroupCounted(Shown):
    group: dict[str, str]
    """Column and value."""
    inferences: int
    users: int | None


class CountedShown(Shown):
    """Exact counts over one period and segment."""

    number: int
    start: datetime
    end: datetime
    where: dict[str, str]
    inferences: int
    users: int | None
    """Distinct subjects; null where the log names none."""
    total: int
    """Rows of the period, whatever their segment."""
    share: float | None
    groups: tuple[GroupCounted, ...]
    at: datetime
    by: str


class UsersShown(Shown):
    kind: str
    effect: str
    outage: bool | None
    stated: int | None


class DataShown(Shown):
    sensitive: bool | None
    sensitivity: str
    kinds: tuple[DataKind, ...]
    misuse: str
    breach: bool | None


class ComplianceShown(Shown):
    violated: bool | None
    requirement: str
    must_notify: bool | None
    duty: str
    fine: str


class ReputationShown(Shown):
    effect: str


class FinanceShown(Shown):
    currency: str
    direct: int | None
    indirect: int | None
    basis: str


class AssessedShown(Shown):
    """One version of the assessment; null is not known."""

    number: int
    count: int | None
    affected: int | None
    """People, as counted or else as stated."""
    users: UsersShown
    data: DataShown
    compliance: ComplianceShown
    reputation: ReputationShown
    finance: FinanceShown
    sentences: tuple[str, ...]
    at: datetime
    by: str


class ImpactShown(Shown):
    incident: str
    count: CountedShown | None
    """The count in force."""
    assessment: AssessedShown | None
    """The newest version."""
    counts: tuple[CountedShown, ...]
    versions: tuple[AssessedShown, ...]


def shown_impact(incident: str, state: impact.Impact) -> ImpactShown:
    counts = tuple(_counted(kept) for kept in state.counts)
    versions = tuple(_assessed(kept) for kept in state.versions)
    return ImpactShown(
        incident=incident,
        count=next((one for one in counts if one.number == state.chosen), None),
        assessment=versions[-1] if versions else None,
        counts=counts,
        versions=versions,
    )


def _counted(kept: Kept[ImpactCounted]) -> CountedShown:
    fact, counted = kept.fact, kept.fact.counted
    return CountedShown(
        number=fact.number,
        start=fact.start,
        end=fact.end,
        where=fact.where,
        at=kept.at,
        by=kept.by.name,
        **_numbers(counted),
    )


def _numbers(counted: Counted) -> dict[str, object]:
    groups = tuple(GroupCounted.model_validate(group) for group in counted.groups)
    return {
        "inferences": counted.inferences,
        "users": counted.users,
        "total": counted.total,
        "share": counted.share,
        "groups": groups,
    }


def _assessed(kept: Kept[ImpactAssessed]) -> AssessedShown:
    fact = kept.fact
    names = ("number", "count", "affected", "users", "data", "compliance", "reputation", "finance")
    said = {"sentences": tuple(fact.said()), "at": kept.at, "by": kept.by.name}
    return AssessedShown.model_validate({**{name: getattr(fact, name) for name in names}, **said})


# Cause -----------------------------------------------------------------------------------------


def _link(text: str) -> str:
    try:
        return str(parse(text))
    except NotAllowed as refused:
        raise Fault(str(refused)) from None


LinkText = Annotated[Word, AfterValidator(_link)]
"""`EV-3`, `#17` or `monitor:accuracy`."""
Links = Annotated[tuple[LinkText, ...], Field(max_length=50)]
_MANY = Field((), max_length=200)


class StatementAsked(Asked):
    """One sentence with what proves it, or marked as an assumption."""

    text: Text
    links: Links = ()
    assumption: bool = False

    def statement(self) -> Statement:
        return Statement(self.text, links_of(self.links), self.assumption)


class HappeningAsked(StatementAsked):
    """One step in the sequence of events."""

    at: Time


class FactorAsked(StatementAsked):
    """What contributed, in one of the five groups."""

    group: FactorGroup


class AnalysisAsked(Asked):
    """The root-cause analysis as a whole; every version replaces the one before in what is in force."""

    facts: tuple[StatementAsked, ...] = _MANY
    sequence: tuple[HappeningAsked, ...] = _MANY
    factors: tuple[FactorAsked, ...] = _MANY
    root_cause: StatementAsked | None = None
    """Given once it is established."""

    def analysis(self) -> cause.Analysis:
        return cause.Analysis(
            tuple(one.statement() for one in self.facts),
            tuple(Happening(one.at, one.statement()) for one in self.sequence),
            tuple(Factor(one.group, one.statement()) for one in self.factors),
            self.root_cause.statement() if self.root_cause else None,
        )


def links_of(texts: Iterable[str]) -> tuple[Link, ...]:
    """Raises NotAllowed for what is no link."""
    return tuple(parse(text) for text in texts)


class StatementShown(Shown):
    text: str
    links: tuple[str, ...]
    assumption: bool


class HappeningShown(StatementShown):
    at: datetime


class FactorShown(StatementShown):
    group: FactorGroup


class AnalysisShown(Shown):
    number: int
    facts: tuple[StatementShown, ...]
    sequence: tuple[HappeningShown, ...]
    factors: tuple[FactorShown, ...]
    root_cause: StatementShown | None
    at: datetime
    by: str


class CauseShown(Shown):
    incident: str
    established: str
    """The root cause; empty while it is not established."""
    analysis: AnalysisShown | None
    """The newest version."""
    versions: tuple[AnalysisShown, ...]


def shown_cause(incident: str, state: cause.Cause) -> CauseShown:
    versions = tuple(_analysis(kept) for kept in state.versions)
    return CauseShown(
        incident=incident,
        established=state.established.text if state.established else "",
        analysis=versions[-1] if versions else None,
        versions=versions,
    )


def _analysis(kept: Kept[CauseAnalysed]) -> AnalysisShown:
    fact = kept.fact
    return AnalysisShown(
        number=fact.number,
        facts=tuple(StatementShown(**_said(one)) for one in fact.facts),
        sequence=tuple(HappeningShown(at=one.at, **_said(one.statement)) for one in fact.sequence),
        factors=tuple(FactorShown(group=one.group, **_said(one.statement)) for one in fact.factors),
        root_cause=StatementShown(**_said(fact.root_cause)) if fact.root_cause else None,
        at=kept.at,
        by=kept.by.name,
    )


def _said(statement: Statement) -> dict[str, object]:
    links = tuple(str(link) for link in statement.links)
    return {"text": statement.text, "links": links, "assumption": statement.assumption}
