"""Impact in its five dimensions, and the root-cause analysis: shown, and as people write them.

The written form of an analysis is the same in a file and in a request; a link is written `EV-3`, `#17`
(in YAML: in quotes) or `monitor:accuracy`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from holdfast.incident.incident import Incident
from holdfast.investigate import cause, impact
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
from holdfast.investigate.links import SPELLING, parse
from holdfast.prepare.terms import FactorGroup
from holdfast.problems import Fault, NotAllowed, form
from holdfast.shapes.base import Asked, Flag, Number, Shown, Text, Time, Word, Yes, storable

# Impact, as asked ------------------------------------------------------------------------------


def _as_text(value: object) -> object:
    """What stands in a log, as it is written: 12, 12.0, true."""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, (int, float)) else value


Value = Annotated[
    str,
    StringConstraints(strip_whitespace=False, max_length=200),
    AfterValidator(storable),
    BeforeValidator(_as_text),
]
"""Spaces around it count, as they do in the log."""


class CountAsked(Asked):
    """Which period and segment to count in the prediction log. Without a period: since the harm began,
    until it was contained or until now."""

    start: Annotated[Time | None, Flag("--from")] = None
    """When the harm began, unless known."""
    end: Annotated[Time | None, Flag("--to")] = None
    """Until when; containment or now when left out."""
    where: Annotated[dict[Word, Value], Flag("--where", "COLUMN=VALUE")] = Field(
        default_factory=dict, max_length=10
    )
    """Column and value; everybody when empty. A number may be written as text or as a number."""
    because: Text = ""
    """Why every one of these rows is affected. Without it the conditions of the alerts tell which are, and a
    count of a segment or of a part of the time rules only where nothing else is counted."""


class UsersAsked(Asked):
    kind: Text = ""
    """Which people: applicants, patients, staff."""
    effect: Text = ""
    """How it touches them."""
    outage: Yes | None = None
    """Whether the system gives them no answers at all."""
    stated: Number | None = None
    """How many people are affected. It stands beside what is counted, and rules."""


class DataAsked(Asked):
    sensitive: Yes | None = None
    """Whether sensitive data is involved."""
    sensitivity: Text = ""
    """Which."""
    kinds: tuple[DataKind, ...] = Field((), max_length=3)
    """Of what: training data, inference data, …"""
    misuse: Text = ""
    """What somebody could do with it."""
    breach: Yes | None = None
    """Whether model or data left the organisation's control."""


class ComplianceAsked(Asked):
    violated: Yes | None = None
    """Whether a legal or regulatory requirement is."""
    requirement: Text = ""
    """Which."""
    must_notify: Yes | None = None
    """Whether customers or regulators must be told."""
    duty: Text = ""
    """Who must be told by when, and where that is written."""
    fine: Text = ""
    """A possible one, with its source."""


class ReputationAsked(Asked):
    effect: Text = ""
    """Who hears of it, and what follows."""


_CURRENCY = form(r"^([A-Z]{3})?$", "write its three capital letters, such as EUR")


class FinanceAsked(Asked):
    currency: Annotated[str, Field(pattern=_CURRENCY)] = ""
    """ISO 4217: EUR."""
    direct: Number | None = None
    """Whole units of the currency."""
    indirect: Number | None = None
    """Whole units of the currency."""
    basis: Text = ""
    """How the amounts were arrived at."""


class AssessmentAsked(Asked):
    """What people judge of the impact; what is left out is not known."""

    FILE = "FILE"
    users: UsersAsked = UsersAsked()
    """Who is affected, and how."""
    data: DataAsked = DataAsked()
    """What data is involved."""
    compliance: ComplianceAsked = ComplianceAsked()
    """What is violated, and who must be told."""
    reputation: ReputationAsked = ReputationAsked()
    """What people say."""
    finance: FinanceAsked = FinanceAsked()
    """What it costs."""
    count: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Number of the count it rests on, which rules then; the one that rules unless named."""

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


class TallyShown(Shown):
    inferences: int
    users: int | None
    """Different subjects; null where the log names none."""
    unnamed: int
    """Rows that name nobody, where others do."""


class CountedShown(Shown):
    """Exact counts over one period and segment."""

    number: int
    start: datetime
    end: datetime
    where: dict[str, str]
    exposed: TallyShown
    """Served in the period, within the segment."""
    affected: TallyShown | None
    """Those of them that the fault touched; null where nothing tells which they are."""
    at_least: bool
    """More may be affected than it says, in the groups as well: by its rules, or because it is of a part."""
    exposed_at_least: bool
    """More may be exposed than it says: it is of a part, the log lacks a time, or rows name nobody."""
    rules: tuple[str, ...]
    """What makes a row count as affected."""
    because: str
    """Why every one of these rows is, as a person says."""
    part: bool
    """It is of a segment or a part of the time: it rules where it is named, or nothing else is counted."""
    total: int
    """Rows of the period, whatever their segment."""
    share: float | None
    """Share of them that is affected."""
    exposed_share: float | None
    reaches: datetime | None
    """Time of the newest row of the log when it was counted."""
    gaps: tuple[str, ...]
    """What these numbers do not hold, in sentences."""
    groups: tuple[GroupCounted, ...]
    """The affected rows, or where nothing tells them the exposed ones."""
    at: datetime
    as_of: datetime
    """When the log last answered what it says."""
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
    """People, as stated or else as counted."""
    at_least: bool
    """More may be affected than the rules of that count can tell."""
    exposed: int | None
    """People, as counted."""
    exposed_at_least: bool
    """More were exposed than it says: that count is of a part."""
    users: UsersShown
    data: DataShown
    compliance: ComplianceShown
    reputation: ReputationShown
    finance: FinanceShown
    sentences: tuple[str, ...]
    at: datetime
    by: str


_NO_INCIDENT = Incident()


class ImpactShown(Shown):
    incident: str
    people: int | None
    """People affected, by the word that rules; null is not known."""
    at_least: bool
    """More may be affected than the rules of the count can tell."""
    source: tuple[str, ...]
    """Whose word rules, and what stands beside it."""
    as_of: datetime | None
    """When that number was last counted, or stated."""
    exposed_as_of: datetime | None
    """When the count that rules was made, or the log last answered the same."""
    harm: str
    """Whether the harm goes on since, as far as it is known; empty where the record is closed."""
    failed: str
    """Why it could not be counted when the system last tried; mostly empty."""
    next_count: datetime | None
    """When the system counts again; null where it does not."""
    known_of_merged: tuple[str, ...]
    """What is known of incidents that were merged into this one, and counts here."""
    disputed: str
    """What of the harm a merged incident says yes to, and nobody has answered here since; mostly empty."""
    count: CountedShown | None
    """The count that rules."""
    assessment: AssessedShown | None
    """The newest version."""
    counts: tuple[CountedShown, ...]
    versions: tuple[AssessedShown, ...]


def shown_impact(incident: str, state: impact.Impact, of: Incident = _NO_INCIDENT) -> ImpactShown:
    """`of`: the incident it is the impact of, which says whether the harm goes on."""
    counts = tuple(_counted(state, kept) for kept in state.counts)
    versions = tuple(_assessed(kept) for kept in state.versions)
    return ImpactShown(
        incident=incident,
        people=state.people,
        at_least=state.is_at_least,
        source=tuple(state.said()),
        as_of=state.as_of if state.people is not None else None,
        exposed_as_of=state.exposed_as_of,
        harm=of.harm,
        failed=state.failed,
        next_count=state.watch.due if state.watch else None,
        known_of_merged=of.known_of_merged,
        disputed=of.disputed_said,
        count=next((one for one in counts if one.number == state.chosen), None),
        assessment=versions[-1] if versions else None,
        counts=counts,
        versions=versions,
    )


def _counted(state: impact.Impact, kept: Kept[ImpactCounted]) -> CountedShown:
    fact, counted = kept.fact, kept.fact.counted
    return CountedShown(
        number=fact.number,
        start=fact.start,
        end=fact.end,
        where=fact.where,
        exposed=TallyShown.model_validate(counted.exposed),
        affected=TallyShown.model_validate(counted.affected) if counted.affected else None,
        at_least=counted.affected is not None and state.from_below(fact),
        exposed_at_least=state.exposed_from_below(fact),
        rules=counted.rules,
        because=fact.because,
        part=fact.part,
        total=counted.total,
        share=counted.share,
        exposed_share=counted.exposed_share,
        reaches=counted.reaches,
        gaps=tuple(fact.gaps()),
        groups=tuple(GroupCounted.model_validate(group) for group in counted.groups),
        at=kept.at,
        as_of=state.counted_as_of(kept),
        by=kept.by.name,
    )


def _assessed(kept: Kept[ImpactAssessed]) -> AssessedShown:
    fact = kept.fact
    counts = ("number", "count", "affected", "at_least", "exposed", "exposed_at_least")
    names = (*counts, "users", "data", "compliance", "reputation", "finance")
    said = {"sentences": tuple(fact.said()), "at": kept.at, "by": kept.by.name}
    return AssessedShown.model_validate({**{name: getattr(fact, name) for name in names}, **said})


# Cause -----------------------------------------------------------------------------------------


def _link(text: str) -> str:
    try:
        return str(parse(text))
    except NotAllowed as refused:
        raise Fault(str(refused)) from None


LinkText = Annotated[
    Word,
    AfterValidator(_link),
    WithJsonSchema({"type": "string", "maxLength": 200, "pattern": SPELLING}),
]
"""`EV-3`, `#17` or `monitor:accuracy`."""
Links = Annotated[tuple[LinkText, ...], Field(max_length=50)]
_MANY = Field((), max_length=200)


class StatementAsked(Asked):
    """One sentence with what proves it, or marked as an assumption."""

    text: Text
    """The sentence."""
    links: Links = ()
    """What proves it: `EV-3`, `#17` or `monitor:accuracy`."""
    assumption: Yes = False
    """Whether nothing proves it yet."""

    def statement(self) -> Statement:
        return Statement(self.text, links_of(self.links), self.assumption)


class HappeningAsked(StatementAsked):
    """One step in the sequence of events."""

    at: Time
    """When it happened."""


class FactorAsked(StatementAsked):
    """What contributed, in one of the five groups."""

    group: FactorGroup
    """Which of the five."""


class AnalysisAsked(Asked):
    """The root-cause analysis as a whole; every version replaces the one before in what is in force."""

    FILE = "FILE"
    facts: tuple[StatementAsked, ...] = _MANY
    """What is known."""
    sequence: tuple[HappeningAsked, ...] = _MANY
    """What happened when."""
    factors: tuple[FactorAsked, ...] = _MANY
    """What contributed."""
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
