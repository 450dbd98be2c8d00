"""Facts of the investigation: what was counted, how the impact was judged, how the cause was analysed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from holdfast import wording
from holdfast.detect.marks import Hole, Tally
from holdfast.incident.events import count_timer, group_as_told
from holdfast.investigate.counting import Counted
from holdfast.ledger.facts import Arm, Disarm, Fact, Line, fact, upcast
from holdfast.prepare.terms import FactorGroup

COUNT_TIMER = "impact.count"
"""Kind of the timer that counts again while the harm goes on."""

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
    """How many are affected, as a person says. It stands beside what is counted, and rules."""


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


@fact("impact.counted", version=4)
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
    because: str = ""
    """Why every one of these rows is affected, as a person says; empty: the alerts' conditions tell which."""
    counted: Counted
    part: bool = False
    """Whether it counts a segment or a time that is less than the whole, and nobody says that all who are
    affected are in it."""

    def line(self) -> Line:
        where = f", {wording.group(self.where)}" if self.where else ""
        period = f"{wording.utc(self.start)} to {wording.utc(self.end)}{where}"
        parts = [period, *self.rules(), *self.gaps()]
        what = "Part of the impact counted" if self.part else "Impact counted"
        return Line(f"{what}: {affected(self.counted)}; {exposed(self.counted)}", "; ".join(parts))

    def ending(self, end: datetime) -> ImpactCounted:
        """The same until another moment, and so the time before it of which nothing is known."""
        missing = tuple(
            replace(hole, end=end) if hole.end == self.end else hole for hole in self.counted.missing
        )
        return replace(self, end=end, counted=replace(self.counted, missing=missing))

    def rules(self) -> list[str]:
        """What makes a row count as affected; nothing where no rule does."""
        if self.because:
            return [f"affected is every row of these, as a person says: {self.because}"]
        return [f"affected where {rule}" for rule in self.counted.rules]

    def gaps(self) -> list[str]:
        """What these numbers do not hold."""
        found = ["it counts a part, not the whole incident"] if self.part else []
        found += [f"{_said(hole)}: nothing is known of it" for hole in self.counted.missing]
        reaches = self.counted.reaches
        if reaches is not None and reaches < self.end:
            found.append(f"the log reached {wording.utc(reaches)} when it was counted")
        if self.counted.exposed.unnamed:
            rows = wording.plural(self.counted.exposed.unnamed, "prediction")
            found.append(f"{rows} of them {'names' if self.counted.exposed.unnamed == 1 else 'name'} nobody")
        return found


@fact("impact.watched")
class ImpactWatched(Fact):
    """The system counted by itself, as it does until the harm is over: what came of it (R-IMP-02)."""

    incident: str
    number: int | None = None
    """The count that says what the log answered, new or known before; None where it did not answer."""
    as_of: datetime
    """When the log was asked."""
    failed: str = ""
    """Why it could not be counted."""
    repeated: bool = False
    """Whether that is why it failed the time before."""
    cleared: tuple[str, ...] = ()
    """Alerts of the incident that had cleared by then."""
    due: datetime | None = None
    """When it counts again; None: what is counted is the last of it, as far as known."""

    def timers(self) -> Iterable[Arm | Disarm]:
        timer = count_timer(self.incident)
        yield Arm(timer, COUNT_TIMER, self.due, {"incident": self.incident}) if self.due else Disarm(timer)

    def line(self) -> Line | None:
        if not self.failed or self.repeated:
            return None
        again = f"; it is tried again {wording.utc(self.due)}" if self.due else ""
        return Line("The impact could not be counted", f"{self.failed}{again}", "alarm")


def affected(counted: Counted, *, part: bool = False) -> str:
    """`at least 310 people affected (400 predictions, 10.0%)`; that nothing tells it, where nothing does.

    Of a count of a part, more may be affected than it says.
    """
    if counted.affected is None:
        return "how many are affected is not known"
    return _tally(counted.affected, "affected", counted.share, part or counted.affected_from_below)


def exposed(counted: Counted, *, part: bool = False) -> str:
    """`1,200 people exposed (4,000 predictions, 100.0%)`"""
    return _tally(counted.exposed, "exposed", counted.exposed_share, part or counted.exposed_from_below)


def _tally(tally: Tally, word: str, share: float | None, at_least: bool) -> str:
    rows = wording.plural(tally.inferences, "prediction")
    of = f", {wording.percent(share, 1)}" if share is not None else ""
    if tally.users is None:
        least = "at least " if at_least else ""
        return f"people {word} are not told apart ({least}{rows}{of})"
    return f"{wording.people(tally.users, at_least=at_least)} {word} ({rows}{of})"


def _said(hole: Hole) -> str:
    return f"no row of the log from {wording.utc(hole.start)} to {wording.utc(hole.end)}"


@upcast("impact.counted", 3)
def _without_holes(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 4 nobody looked for times that the log does not know."""
    return {**data, "counted": {**data["counted"], "missing": []}}


@upcast("impact.counted", 2)
def _ruling_whatever_was_asked(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 3 a count ruled whatever part it was of, and the incident says what it said."""
    return {**data, "part": False}


@upcast("impact.counted", 1)
def _exposed_with_groups_as_mappings(data: dict[str, Any]) -> dict[str, Any]:
    """Release 0.1 counted who was served, and held the group as text."""
    counted = data["counted"]
    groups = [{**one, "group": group_as_told(one["group"])} for one in counted["groups"]]
    now = {
        "exposed": {"inferences": counted["inferences"], "users": counted["users"]},
        "affected": None,
        "complete": False,
        "rules": [],
        "total": counted["total"],
        "reaches": None,
        "groups": groups,
    }
    return {**data, "counted": now}


@fact("impact.assessed", version=4)
class ImpactAssessed(Fact):
    """One version of the impact in its five dimensions (R-IMP-01)."""

    incident: str
    number: int
    """Which version, from 1 within the incident."""
    count: int | None
    """Number of the count it rests on; None before anything was counted."""
    picked: bool = False
    """Whether the person named that count; otherwise it is the one that ruled."""
    affected: int | None
    """People affected, as stated or else as counted; None: not known yet."""
    at_least: bool = False
    """Whether more may be affected than the rules of that count can tell."""
    exposed: int | None
    """People exposed, as counted; None: not known yet."""
    exposed_at_least: bool = False
    """Whether that count is of a part, so that more were exposed."""
    users: UserImpact
    data: DataImpact
    compliance: ComplianceImpact
    reputation: ReputationImpact
    finance: FinanceImpact

    def line(self) -> Line:
        return Line(
            f"Impact assessed, version {self.number}",
            "; ".join(one.rstrip(".") for one in self.said()),
            "act",
        )

    def said(self) -> list[str]:
        """What it says, dimension by dimension, in short; what is unknown is said to be."""
        return [
            f"{self.people()}{_after(self.users.kind, ' (', ')')}{_after(self.users.effect, ': ')}"
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

    def people(self) -> str:
        """`310 people affected, as stated`, and how many were exposed."""
        known = "number of people affected not known"
        if self.affected is not None:
            source = "stated" if self.users.stated is not None else f"count {self.count} says"
            known = f"{wording.people(self.affected, at_least=self.at_least)} affected, as {source}"
        if self.exposed is None:
            return known
        return f"{known}, {wording.bounded(self.exposed, self.exposed_at_least)} exposed"


@upcast("impact.assessed", 3)
def _exposed_from_below(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 4 it did not say whether its count was of a part: at least so many were exposed."""
    return {**data, "exposed_at_least": data["exposed"] is not None}


@upcast("impact.assessed", 2)
def _counted_from_below(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 3 it did not say whether the count could tell all: it is at least so many."""
    return {**data, "at_least": data["affected"] is not None and data["users"]["stated"] is None}


@upcast("impact.assessed", 1)
def _exposed_where_counted(data: dict[str, Any]) -> dict[str, Any]:
    """Release 0.1 held one number: stated by a person, or counted of those who were served."""
    stated = data["users"]["stated"] is not None or data["count"] is None
    number = data["affected"]
    return {**data, "affected": number if stated else None, "exposed": None if stated else number}


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
