"""Facts of the investigation: what was counted, how the impact was judged, how the cause was analysed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from holdfast import wording
from holdfast.incident.events import group_as_told
from holdfast.investigate.counting import Counted
from holdfast.ledger.facts import Fact, Line, fact, upcast
from holdfast.prepare.terms import FactorGroup

# Impact ----------------------------------------------------------------------------------------


class DataKind(StrEnum):
    """Which of a model's data is touched."""

    TRAINING = "training"
    INFERENCE = "inference"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class UserImpact:
    """How many people, which kind, and how it touches them."""

    kind: str = ""
    effect: str = ""
    outage: bool | None = None
    """Whether the system gives them no answers at all; None: not known yet."""
    stated: int | None = None
    """A number a person gives; only where no log can be counted."""


@dataclass(frozen=True, slots=True)
class DataImpact:
    sensitive: bool | None = None
    """None: not known yet."""
    sensitivity: str = ""
    kinds: tuple[DataKind, ...] = ()
    misuse: str = ""
    """What somebody could do with it."""
    breach: bool | None = None
    """Whether model or data left the organisation's control; None: not known yet."""


@dataclass(frozen=True, slots=True)
class ComplianceImpact:
    violated: bool | None = None
    """Whether a legal or regulatory requirement is violated; None: not known yet."""
    requirement: str = ""
    must_notify: bool | None = None
    """Whether customers or regulators must be told; None: not known yet."""
    duty: str = ""
    """Who must be told by when, and where that is written."""
    fine: str = ""
    """The possible fine, with its source."""


@dataclass(frozen=True, slots=True)
class ReputationImpact:
    effect: str = ""


@dataclass(frozen=True, slots=True)
class FinanceImpact:
    currency: str = ""
    """ISO 4217 code: EUR."""
    direct: int | None = None
    """Whole units of the currency."""
    indirect: int | None = None
    """Whole units of the currency."""
    basis: str = ""
    """How the amounts were arrived at."""


@fact("impact.counted", version=2)
class ImpactCounted(Fact):
    """What the system counted in the prediction log, and exactly what it was asked (R-IMP-02)."""

    incident: str
    number: int
    """Which count, from 1 within the incident."""
    system: str
    start: datetime
    end: datetime
    """The period is [start, end)."""
    where: dict[str, str]
    """The segment: column and value; empty for everyone."""
    counted: Counted

    def line(self) -> Line:
        counted = self.counted
        people = f"{counted.users:,} people" if counted.users is not None else "people not identified"
        share = (
            f" ({wording.percent(counted.share, 1)} of {counted.total:,})"
            if counted.share is not None
            else ""
        )
        where = f", {wording.group(self.where)}" if self.where else ""
        return Line(
            f"Impact counted: {people}, {counted.inferences:,} predictions",
            f"{wording.utc(self.start)} to {wording.utc(self.end)}{where}{share}",
        )


@upcast("impact.counted", 1)
def _with_groups_as_mappings(data: dict[str, Any]) -> dict[str, Any]:
    counted = data["counted"]
    groups = [{**one, "group": group_as_told(one["group"])} for one in counted["groups"]]
    return {**data, "counted": {**counted, "groups": groups}}


@fact("impact.assessed")
class ImpactAssessed(Fact):
    """One version of the impact in its five dimensions (R-IMP-01)."""

    incident: str
    number: int
    """Which version, from 1 within the incident."""
    count: int | None
    """Number of the count it rests on; None before anything was counted."""
    affected: int | None
    """People, as counted or else as stated; None: not known yet."""
    users: UserImpact
    data: DataImpact
    compliance: ComplianceImpact
    reputation: ReputationImpact
    finance: FinanceImpact

    def line(self) -> Line:
        return Line(f"Impact assessed, version {self.number}", "; ".join(self.said()), "act")

    def said(self) -> list[str]:
        """What it says, dimension by dimension, in short; what is unknown is said to be."""
        people = "number of people not known" if self.affected is None else f"{self.affected:,} people"
        return [
            f"{people}{_after(self.users.kind, ' (', ')')}{_after(self.users.effect, ': ')}"
            f"{', no answers at all' if self.users.outage else ''}",
            f"sensitive data {_known(self.data.sensitive, 'involved', 'not involved')}"
            f"{_after(self.data.sensitivity, ': ')}{', out of our control' if self.data.breach else ''}",
            f"legal requirement {_known(self.compliance.violated, 'violated', 'not violated')}"
            f"{_after(self.compliance.requirement, ': ')}",
            f"outside notice {_known(self.compliance.must_notify, 'required', 'not required')}"
            f"{_after(self.compliance.duty, ': ')}",
            f"reputation: {self.reputation.effect or 'not assessed'}",
            f"cost: {_money(self.finance)}",
        ]


def _money(finance: FinanceImpact) -> str:
    parts = [
        f"{amount:,} {finance.currency} {word}"
        for amount, word in ((finance.direct, "direct"), (finance.indirect, "indirect"))
        if amount is not None
    ]
    return ", ".join(parts) or "not assessed"


def _known(value: bool | None, yes: str, no: str) -> str:
    return "not known" if value is None else yes if value else no


def _after(text: str, before: str, behind: str = "") -> str:
    return f"{before}{text}{behind}" if text else ""


# Cause -----------------------------------------------------------------------------------------


class LinkKind(StrEnum):
    """What a statement can rest on."""

    EVIDENCE = "evidence"
    """An evidence item of the incident: `EV-3`."""
    ENTRY = "entry"
    """An entry of the ledger by its number: `#17`."""
    MONITOR = "monitor"
    """A monitor of the incident's system: `monitor:accuracy`."""


@dataclass(frozen=True, slots=True)
class Link:
    """What proves a statement."""

    kind: LinkKind
    ref: str

    def __str__(self) -> str:
        match self.kind:
            case LinkKind.EVIDENCE:
                return self.ref
            case LinkKind.ENTRY:
                return f"#{self.ref}"
            case LinkKind.MONITOR:
                return f"monitor:{self.ref}"


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence with what proves it, or marked as an assumption."""

    text: str
    links: tuple[Link, ...] = ()
    assumption: bool = False


@dataclass(frozen=True, slots=True)
class Happening:
    """One step in the sequence of events."""

    at: datetime
    statement: Statement


@dataclass(frozen=True, slots=True)
class Factor:
    """What contributed, in one of the five groups (R-RCA-02)."""

    group: FactorGroup
    statement: Statement


@fact("cause.analysed")
class CauseAnalysed(Fact):
    """One version of the root-cause analysis (R-RCA-01)."""

    incident: str
    number: int
    """Which version, from 1 within the incident."""
    facts: tuple[Statement, ...]
    sequence: tuple[Happening, ...]
    factors: tuple[Factor, ...]
    root_cause: Statement | None
    """None while it is not established."""

    def statements(self) -> tuple[Statement, ...]:
        """Every statement of this version, in the order it is read."""
        root = (self.root_cause,) if self.root_cause else ()
        told = (happening.statement for happening in self.sequence)
        return (*self.facts, *told, *(factor.statement for factor in self.factors), *root)

    def line(self) -> Line:
        assumed = sum(statement.assumption for statement in self.statements())
        counts = [
            wording.plural(len(self.facts), "fact"),
            wording.plural(len(self.sequence), "event"),
            wording.plural(len(self.factors), "contributing factor"),
        ]
        if assumed:
            counts.append(wording.plural(assumed, "assumption"))
        return Line(f"Cause analysed, version {self.number}", ", ".join(counts), "act")
