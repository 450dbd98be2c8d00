"""The facts of an incident, in the past tense."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from holdfast import wording
from holdfast.ledger.facts import Arm, Disarm, Fact, Line, fact, upcast
from holdfast.prepare import promises
from holdfast.prepare.terms import CANNOT_MEASURE, Category, Severity
from holdfast.wording import sentence

_CLEARLY = 1.25
"""How many times as far beyond its limit is clearly graver."""


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """What the monitor measured when it raised the alert that opened the incident."""

    alert: str
    monitor: str
    monitor_name: str
    dimension: str
    """performance, quality, drift, fairness or operations."""
    metric: str
    value: float | None
    """None when the monitor could not measure, and when what raised the alarm is no finite number."""
    lower: float | None
    upper: float | None
    limit: float | None
    n: int
    drop: float | None
    """Relative change for the worse against the reference; 0.2 is a fifth worse. None without a reference."""
    group: dict[str, str]
    """Column and value of the group measured; empty for everybody."""
    window_start: datetime
    window_end: datetime
    reason: str

    @property
    def cannot_measure(self) -> bool:
        return self.metric == CANNOT_MEASURE

    @property
    def side(self) -> int:
        """Where the value is of its limit: 1 above, -1 below, 0 where that cannot be said."""
        if self.value is None or self.limit is None:
            return 0
        return (self.value > self.limit) - (self.value < self.limit)

    @property
    def called(self) -> str:
        """`ALR-7 (Accuracy)`: as people are told of it."""
        return f"{self.alert} ({self.monitor_name})"

    def graver_than(self, other: AlertFacts) -> bool:
        """Whether it says worse of the same series. Where nothing tells which of two is worse, what differs
        counts as graver: nobody has looked at it yet."""
        if self.side:
            return self._further_out(other, times=1)
        if self.drop is not None:
            return other.drop is None or self.drop > other.drop
        return self.value != other.value

    def clearly_graver_than(self, other: AlertFacts) -> bool:
        """Whether what somebody decided on `other` cannot be meant for this: it is beyond its limit by a
        quarter more, or on another side of it. Smaller steps are how a monitor wavers."""
        if self.side:
            return self._further_out(other, times=_CLEARLY)
        if self.drop is not None and other.drop is not None:
            return other.drop < self.drop >= _CLEARLY * other.drop
        return False

    def _further_out(self, other: AlertFacts, times: float) -> bool:
        """Both measured by the limit as it is now: one that was moved makes nothing worse."""
        if self.side != replace(other, limit=self.limit).side:
            return True
        assert self.value is not None
        assert self.limit is not None
        assert other.value is not None
        now, before = abs(self.value - self.limit), abs(other.value - self.limit)
        return before < now >= times * before


def group_as_told(text: str) -> dict[str, str]:
    """A group of a fact of release 0.1, which held it as text: `age_band=18-25, region=north`.

    A part without an equals sign belongs to the value before it: `region=Frankfurt, Main`.
    """
    group: dict[str, str] = {}
    for part in text.split(", ") if text else ():
        column, sign, value = part.partition("=")
        if sign or not group:
            group[column] = value
        else:
            group[next(reversed(group))] += f", {part}"
    return group


def alert_as_told(alert: dict[str, Any]) -> dict[str, Any]:
    """`AlertFacts` of release 0.1 in today's shape."""
    return {**alert, "group": group_as_told(alert["group"])}


def alert_as_known(alert: dict[str, Any]) -> dict[str, Any]:
    """`AlertFacts` that held 0 for what was not known: it has no interval, limit or change beside it."""
    beside = (alert["lower"], alert["upper"], alert["limit"], alert["drop"])
    known = alert["value"] is None or float(alert["value"]) != 0 or any(one is not None for one in beside)
    return alert if known else {**alert, "value": None}


@dataclass(frozen=True, slots=True)
class Member:
    """Who fills a role in this incident."""

    role: str
    person: str
    """Roster id: the e-mail address."""
    name: str


@fact("incident.opened", version=3)
class IncidentOpened(Fact):
    incident: str
    title: str
    description: str = ""
    source: str
    """alert or person, as the playbook's rules read it."""
    system: str = ""
    model_version: str = ""
    began_at: datetime | None = None
    """When the harm is thought to have begun: the first window out of bounds, or as a person says."""
    alert: AlertFacts | None = None
    playbook: str
    """Content hash of the playbook version this incident stays pinned to (R-PRE-02)."""
    playbook_version: str

    def line(self) -> Line:
        if self.alert is None:
            return Line(f"Declared: {self.title}", self.description, "alarm")
        return Line(f"Alert: {self.alert.monitor_name}", self.alert.reason, "alarm")


@fact("incident.joined", version=3)
class AlertJoined(Fact):
    """A later alert on the same cause ends in the same incident (R-DET-15)."""

    incident: str
    alert: AlertFacts

    def line(self) -> Line:
        return Line(f"Alert joined: {self.alert.monitor_name}", self.alert.reason, "alarm")


@upcast("incident.opened", 1)
@upcast("incident.joined", 1)
def _with_group_as_mapping(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "alert": alert_as_told(data["alert"])} if data.get("alert") else data


@fact("incident.alert_worsened", version=2)
class AlertWorsened(Fact):
    """An alert that was counted went on, with a later window that changes what the rules propose."""

    incident: str
    alert: AlertFacts

    def line(self) -> Line:
        return Line(f"Alert went on: {self.alert.monitor_name}", self.alert.reason, "alarm")


@fact("incident.harm_went_on")
class HarmWentOn(Fact):
    """After the resolution an alert of it went on, or its monitor raised another: it is not over."""

    incident: str
    alert: AlertFacts
    again: bool
    """A further alert of the same monitor; otherwise one that has not cleared."""

    @property
    def sentence(self) -> str:
        alert = self.alert
        name = alert.called
        how = f"{name} was raised, of the same monitor" if self.again else f"{name} goes on"
        return f"{how}: {sentence(alert.reason)}"

    def line(self) -> Line:
        return Line(f"After the resolution: {self.alert.monitor_name}", self.sentence, "alarm")


@upcast("incident.opened", 2)
@upcast("incident.joined", 2)
@upcast("incident.alert_worsened", 1)
def _with_value_as_known(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "alert": alert_as_known(data["alert"])} if data.get("alert") else data


@fact("incident.alert_set_aside")
class IncidentAlertSetAside(Fact):
    """A person found that an alert does not belong to the incident: the rules no longer count it."""

    incident: str
    alert: str
    false_alarm: bool
    reason: str

    def line(self) -> Line:
        how = ", a false alarm" if self.false_alarm else ""
        return Line(f"Alert {self.alert} set aside{how}", self.reason, "act")


@fact("incident.report_joined", version=2)
class ReportJoined(Fact):
    """Somebody reported what an incident is running for already (R-DET-15)."""

    incident: str
    title: str
    description: str = ""
    system: str = ""
    """As the reporter named it; empty: they did not."""
    model_version: str = ""
    began_at: datetime | None = None

    def line(self) -> Line:
        version = f"version {self.model_version}" if self.model_version else ""
        about = ", ".join(part for part in (self.system, version) if part)
        began = f"it began {_hour(self.began_at)}, as they say" if self.began_at else ""
        said = (self.description, f"about {about}" if about else "", began)
        return Line(f"Report joined: {self.title}", "; ".join(part for part in said if part), "alarm")


@upcast("incident.report_joined", 1)
def _system_was_dropped(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 2 what a joining reporter said of system and version was not kept."""
    return {**data, "system": "", "model_version": ""}


@fact("incident.related")
class Related(Fact):
    """Two incidents have to do with one another, as somebody holds; or may, as the monitoring sees when each
    of several reports may be what an alert is about. It stands on both records."""

    incident: str
    other: str
    reason: str

    def line(self) -> Line:
        return Line(f"Related to {self.other}", self.reason, "act")


@fact("incident.merged")
class Merged(Fact):
    """The same as another incident, in whose record the response goes on. Ends this one."""

    incident: str
    into: str
    reason: str

    def timers(self) -> Iterable[Arm | Disarm]:
        yield Disarm(ladder_timer(self.incident))
        yield Disarm(count_timer(self.incident))

    def line(self) -> Line:
        return Line(f"Merged into {self.into}", self.reason, "act")


@dataclass(frozen=True, slots=True)
class Promised:
    """A promise as it stood in an incident that was merged into another, where it goes on."""

    clock: str
    started: datetime
    due: datetime
    limit_seconds: int
    met_at: datetime | None
    """None: not met when the two became one."""
    missed: tuple[tuple[datetime, datetime], ...] = ()
    """Every due time that was missed, and when that was recorded."""
    counted: str = ""
    rounds: int = 0
    missed_rounds: tuple[datetime, ...] = ()


@fact("incident.absorbed", version=8)
class Absorbed(Fact):
    """Another incident was merged into this one, with its alerts and the severity it had. The graver of the
    two is in force, and what was opened, answered and promised first counts."""

    incident: str
    other: str
    title: str
    severity: Severity | None
    category: Category | None
    began_at: datetime | None
    alerts: tuple[AlertFacts, ...]
    reason: str
    alert_systems: dict[str, str] = field(default_factory=dict)
    """Of those that came from another system than the two are about: which. Empty text: not known which."""
    impact: ImpactNoted | None = None
    """The greatest that was known there. It raises the tier here; the counts are not added to those of this
    one, because the same people may be in both."""
    began_said: bool = False
    """Whether a person says there when it began."""
    said_severity: Severity | None = None
    """The severity that a person decided on there, or else reported; None: nobody did."""
    said_category: Category | None = None
    """The same for the category."""
    model_version: str = ""
    """Which was named there, where this incident names another."""
    opened_at: datetime | None = None
    """When it was opened; None: a merger of before this was carried."""
    classified_at: datetime | None = None
    """When a person confirmed the severity there; None: nobody did."""
    acknowledged_at: datetime | None = None
    answered: str = ""
    """Roster id of whoever answered first there; empty: nobody did."""
    answered_name: str = ""
    happened: dict[str, datetime] = field(default_factory=dict)
    """When each fact that promises speak of was last recorded there, by its name."""
    promised: tuple[Promised, ...] = ()

    def timers(self) -> Iterable[Arm | Disarm]:
        if self.acknowledged_at:
            yield Disarm(ladder_timer(self.incident))
        for one in self.promised:
            if one.met_at and not promises.named(one.clock).recurs:
                yield Disarm(_clock_timer(self.incident, one.clock))

    def line(self) -> Line:
        severity = f", {self.severity.label}" if self.severity else ""
        said = " ".join(
            sentence(part) for part in (self.title, self.reason, self._stated, self._known) if part
        )
        return Line(f"{self.other} merged into this{severity}", said, "act")

    @property
    def _stated(self) -> str:
        """What people said there of what an incident can have one of only."""
        found = []
        if self.opened_at:
            found.append(f"it was opened {_hour(self.opened_at)}")
        if self.acknowledged_at:
            found.append(f"{self.answered_name} acknowledged it {_hour(self.acknowledged_at)}")
        if self.began_said and self.began_at:
            found.append(f"it began {_hour(self.began_at)}, as a person says there")
        for said in (self.said_severity, self.said_category):
            if said:
                label = said.label if isinstance(said, Severity) else said.label.lower()
                found.append(f"there it is {label}, as a person says")
        if self.model_version:
            found.append(f"there it is about version {self.model_version}")
        return wording.capital("; ".join(found)) if found else ""

    @property
    def _known(self) -> str:
        """What was known of its impact, and that it is not counted here."""
        if self.impact is None:
            return ""
        known = ", ".join(self.impact.people()) or "no number of people"
        known += f" {self.impact.dated}" if self.impact.dated else ""
        harm = self.impact.harm()
        judged = f" Said there of the harm: {', '.join(harm)}." if harm else ""
        return (
            f"Impact as known there: {known}. It stands on {self.impact.incident} and is not added to the "
            f"impact here.{judged}"
        )


@upcast("incident.absorbed", 1)
def _with_values_as_known(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "alerts": [alert_as_known(alert) for alert in data["alerts"]]}


@upcast("incident.absorbed", 2)
def _of_one_system(data: dict[str, Any]) -> dict[str, Any]:
    """Version 2 did not say which alerts were another system's."""
    return {**data, "foreign_alerts": []}


@upcast("incident.absorbed", 3)
def _of_systems_not_named(data: dict[str, Any]) -> dict[str, Any]:
    """Version 3 said that alerts were another system's, and not of which."""
    kept = {name: value for name, value in data.items() if name != "foreign_alerts"}
    return {**kept, "alert_systems": dict.fromkeys(data["foreign_alerts"], ""), "impact": None}


@upcast("incident.absorbed", 4)
def _with_exposed_from_below(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "impact": impact_as_bounded(data["impact"])} if data["impact"] else data


@upcast("incident.absorbed", 5)
def _without_what_people_said(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 6 it did not say what of it people had stated."""
    return {**data, "began_said": False, "said_severity": None, "said_category": None, "model_version": ""}


@upcast("incident.absorbed", 6)
def _without_what_was_promised(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 7 it did not say when the other was opened, who answered it and what was promised."""
    nothing = {"opened_at": None, "classified_at": None, "acknowledged_at": None}
    return {**data, **nothing, "answered": "", "answered_name": "", "happened": {}, "promised": []}


@upcast("incident.absorbed", 7)
def _with_impact_without_date(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "impact": _without_date(data["impact"])} if data["impact"] else data


@fact("incident.classification_proposed", version=2)
class ClassificationProposed(Fact):
    """What the rules propose. It takes effect until a person has decided, and lowers nothing."""

    incident: str
    category: Category
    severity: Severity
    reason: str
    """The rule that matched, with the measured values it saw (R-CLS-03)."""
    keeps: Severity | None = None
    """The other severity that stays in force until a person decides; None: the proposal took effect."""

    def line(self) -> Line:
        stays = f" {self.keeps.label} stays in force until a person decides otherwise." if self.keeps else ""
        return Line(f"Proposed {self.severity.label}, {self.category.label.lower()}", f"{self.reason}{stays}")


@upcast("incident.classification_proposed", 1)
def _proposals_took_effect(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 2 every proposal took effect until somebody had classified, also a milder one."""
    return {**data, "keeps": None}


@fact("incident.classification_stated")
class ClassificationStated(Fact):
    """What a reporting person thinks of severity and category. A graver severity counts at once."""

    incident: str
    severity: Severity | None = None
    category: Category | None = None
    keeps: Severity | None = None
    """The other severity that stays in force; None: what was stated counts."""

    def line(self) -> Line:
        said = [self.severity.label] if self.severity else []
        said += [self.category.label.lower()] if self.category else []
        stays = f"{self.keeps.label} stays in force until a person decides otherwise" if self.keeps else ""
        return Line(f"Reported as {', '.join(said)}", stays, "act")


@fact("incident.classified")
class Classified(Fact):
    incident: str
    category: Category
    severity: Severity
    reason: str = ""
    """Required when it differs from the proposal."""
    overrides: bool = False

    def line(self) -> Line:
        verb = "Overridden to" if self.overrides else "Confirmed"
        return Line(f"{verb} {self.severity.label}, {self.category.label.lower()}", self.reason, "act")


@fact("incident.team_assembled")
class TeamAssembled(Fact):
    incident: str
    members: tuple[Member, ...]

    def line(self) -> Line:
        return Line("Team assembled", ", ".join(f"{m.name} ({_words(m.role)})" for m in self.members))


@fact("incident.role_handed_over", version=2)
class RoleHandedOver(Fact):
    incident: str
    role: str
    to: Member
    reason: str
    by_roster: bool = False
    """It follows a roster that came into force; nobody handed it over."""

    def line(self) -> Line:
        return Line(f"{_words(self.role).capitalize()} is now {self.to.name}", self.reason, "act")


@upcast("incident.role_handed_over", 1)
def _handed_over_by_people(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 2 roles did not follow the roster."""
    return {**data, "by_roster": False}


@fact("clock.started", version=3)
class ClockStarted(Fact):
    incident: str
    clock: str
    """The promise's id."""
    due: datetime
    limit_seconds: int
    missed: bool = False
    """The promise was broken before, by a later time than this: its breach stands, and is none anew."""
    near: datetime | None = None
    """When whoever keeps it is warned; None: nobody is."""
    counted: str = ""
    """How its time is counted where that is not by the hour: `5 business days`."""

    def timers(self) -> Iterable[Arm | Disarm]:
        yield from _wait(self.incident, self.clock, self.due, self.missed, self.near)


@fact("clock.moved", version=3)
class ClockMoved(Fact):
    """The severity changed, and with it what was promised; counted from where it was counted before."""

    incident: str
    clock: str
    due: datetime
    limit_seconds: int
    missed: bool = False
    """The promise was broken before, by a later time than this: its breach stands, and is none anew."""
    near: datetime | None = None
    """When whoever keeps it is warned; None: nobody is."""
    counted: str = ""
    """How its time is counted where that is not by the hour: `5 business days`."""

    def timers(self) -> Iterable[Arm | Disarm]:
        yield from _wait(self.incident, self.clock, self.due, self.missed, self.near)


@fact("clock.warned")
class ClockWarned(Fact):
    """The end of a promise is near: whoever keeps it is written to."""

    incident: str
    clock: str
    due: datetime

    def timers(self) -> Iterable[Arm | Disarm]:
        yield from _wait(self.incident, self.clock, self.due)

    def line(self) -> Line:
        return Line(
            f"Time is running out: {promises.named(self.clock).due.lower()}", f"due {_hour(self.due)}"
        )


@upcast("clock.started", 1)
@upcast("clock.moved", 1)
def _none_was_missed(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 2 a clock that was set always waited."""
    return {**data, "missed": False}


@upcast("clock.started", 2)
@upcast("clock.moved", 2)
def _nobody_was_warned(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 3 a clock said nothing before its end."""
    return {**data, "near": None, "counted": ""}


@fact("clock.met")
class ClockMet(Fact):
    incident: str
    clock: str

    def timers(self) -> Iterable[Arm | Disarm]:
        yield Disarm(_clock_timer(self.incident, self.clock))


@fact("clock.stopped")
class ClockStopped(Fact):
    """The promise no longer applies: the incident was dismissed, or the severity sets no limit."""

    incident: str
    clock: str
    reason: str

    def timers(self) -> Iterable[Arm | Disarm]:
        yield Disarm(_clock_timer(self.incident, self.clock))


@fact("clock.breached")
class ClockBreached(Fact):
    incident: str
    clock: str
    due: datetime

    def timers(self) -> Iterable[Arm | Disarm]:
        yield Disarm(_clock_timer(self.incident, self.clock))

    def line(self) -> Line:
        return Line(
            f"Clock breached: {promises.named(self.clock).due.lower()}", f"was due {_hour(self.due)}", "alarm"
        )


@fact("incident.acknowledged")
class Acknowledged(Fact):
    incident: str
    person: str
    name: str

    def timers(self) -> Iterable[Arm | Disarm]:
        yield Disarm(ladder_timer(self.incident))

    def line(self) -> Line:
        return Line(f"Acknowledged by {self.name}", "", "act")


@fact("incident.escalated")
class Escalated(Fact):
    """Nobody acknowledged in time: the next rung of the ladder is to be told (R-ESC-03)."""

    incident: str
    rung: int
    """Which step of the playbook's ladder, from 1."""
    tier: int
    told: tuple[Member, ...]
    """Whom a message is queued for in the same transaction; what became of it is its own fact."""
    reason: str
    next_due: datetime | None
    """When the next rung is told if there is still no answer; None on the last."""

    def timers(self) -> Iterable[Arm | Disarm]:
        timer = ladder_timer(self.incident)
        if self.next_due is None:
            yield Disarm(timer)
        else:
            yield Arm(timer, "escalation.step", self.next_due, {"incident": self.incident})

    def line(self) -> Line:
        whom = ", ".join(member.name for member in self.told) or "nobody: the roster names no one"
        where = "the deputy" if self.to_deputies else f"tier {self.tier}"
        return Line(f"Escalated to {where}", f"{sentence(self.reason)} To be told: {whom}", "alarm")

    @property
    def to_deputies(self) -> bool:
        """A playbook's ladder need not begin with them."""
        return self.tier == 1


@fact("escalation.moved")
class LadderMoved(Fact):
    """The ladder's next rung comes at another time, or none comes, and why."""

    incident: str
    next_due: datetime | None
    """None: nobody further is called unless the acknowledgement is missed once more."""
    reason: str

    def timers(self) -> Iterable[Arm | Disarm]:
        timer = ladder_timer(self.incident)
        if self.next_due is None:
            yield Disarm(timer)
        else:
            yield Arm(timer, "escalation.step", self.next_due, {"incident": self.incident})

    def line(self) -> Line:
        when = f"next step {_hour(self.next_due)}" if self.next_due else "no further step"
        return Line(f"Escalation: {when}", self.reason)


@fact("incident.tier_lowered", version=2)
class TierLowered(Fact):
    """A person said what leaves no criterion of the higher tier true (R-CLS-05, R-ESC-02)."""

    incident: str
    tier: int
    told: tuple[Member, ...] = ()
    """Whoever was called for a tier that is left: a message is queued for each in the same transaction."""
    reason: str

    def line(self) -> Line:
        whom = ", ".join(member.name for member in self.told)
        return Line(
            f"Lowered to tier {self.tier}",
            f"{sentence(self.reason)} To be told: {whom}" if whom else self.reason,
        )


@upcast("incident.tier_lowered", 1)
def _not_said_whom(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 2 those named for the tier in the roster of that moment were told."""
    return {**data, "told": []}


@fact("incident.tier_raised")
class TierRaised(Fact):
    """A criterion of a higher tier became true, or could not be evaluated (R-ESC-02)."""

    incident: str
    tier: int
    told: tuple[Member, ...]
    reason: str

    def line(self) -> Line:
        whom = ", ".join(member.name for member in self.told) or "nobody: the roster names no one"
        return Line(f"Raised to tier {self.tier}", f"{sentence(self.reason)} To be told: {whom}", "alarm")


@fact("incident.beginning_stated")
class BeginningStated(Fact):
    """A person says when the harm began: what the impact is counted from."""

    incident: str
    began_at: datetime
    before: datetime | None = None
    """What stood there before; None: nobody knew."""
    reason: str = ""

    def line(self) -> Line:
        before = f"before: {_hour(self.before)}" if self.before else ""
        detail = "; ".join(part for part in (self.reason, before) if part)
        return Line(f"The harm began {_hour(self.began_at)}", detail, "act")


@fact("incident.system_named")
class SystemNamed(Fact):
    """A person says which AI system it is about, or what joins: a report, an alert, another incident. A
    person may correct it. What was promised, and from when, stays."""

    incident: str
    system: str
    model_version: str = ""
    before: str = ""
    """The system it was about before; empty: none was named."""
    reason: str = ""

    def line(self) -> Line:
        before = f"before: {self.before}" if self.before else ""
        detail = "; ".join(part for part in (self.reason, before) if part)
        return Line(f"It is about {self.system}", detail, "act")


@fact("incident.impact_noted", version=7)
class ImpactNoted(Fact):
    """What is known of the impact at this moment, as the rules read it. None: not known."""

    incident: str
    users: int | None = None
    """People affected: touched by the fault."""
    users_at_least: bool = False
    """Whether more people may be affected than the rules of the count can tell."""
    inferences: int | None = None
    share: float | None = None
    """Share of the period's inferences that are affected, 0 to 1."""
    exposed_users: int | None = None
    """People served while something was wrong, whether or not it touched them."""
    exposed_at_least: bool = False
    """Whether more people were exposed than it says: they were counted in a part of it."""
    exposed_inferences: int | None = None
    exposed_share: float | None = None
    """Share of the period's inferences that are exposed, 0 to 1."""
    outage: bool | None = None
    sensitive_data: bool | None = None
    breach: bool | None = None
    regulatory: bool | None = None
    external_notice: bool | None = None
    by_person: bool = field(default=False, compare=False)
    """Whether a person says it; otherwise a machine counted. Not part of what is known."""
    decides: tuple[str, ...] = field(default=(), compare=False)
    """What of the harm the person answers here although an incident that was merged into this one says
    otherwise: also where they gave that answer before the two were one."""
    as_of: datetime | None = field(default=None, compare=False)
    """When the affected were last counted, or stated; None: nobody did, or facts before version 7."""
    exposed_as_of: datetime | None = field(default=None, compare=False)
    """The same for the exposed."""
    cleared: tuple[str, ...] = field(default=(), compare=False)
    """Alerts of the incident that had cleared by then: the others went on."""

    @property
    def said(self) -> tuple[bool | None, ...]:
        """What only people can say."""
        return self.outage, self.sensitive_data, self.breach, self.regulatory, self.external_notice

    @property
    def tells_a_number(self) -> bool:
        return any(getattr(self, name) is not None for name in COUNTS)

    def people(self) -> list[str]:
        """How many are affected, and how many were exposed, in words: what is known of the two.

        `at least 342 people affected`, `1,200 people exposed`
        """
        counted = (
            (self.users, self.users_at_least, "affected"),
            (self.exposed_users, self.exposed_at_least, "exposed"),
        )
        return [f"{wording.people(n, at_least=least)} {word}" for n, least, word in counted if n is not None]

    def people_dated(self) -> list[str]:
        """The same, each as of when it was counted or stated."""
        known = ((self.users, self.as_of), (self.exposed_users, self.exposed_as_of))
        dates = [dated(when, None) for n, when in known if n is not None]
        return [f"{said} {when}".strip() for said, when in zip(self.people(), dates, strict=True)]

    @property
    def dated(self) -> str:
        """How old these numbers are."""
        return dated(
            self.as_of if self.users is not None else None,
            self.exposed_as_of if self.exposed_users is not None else None,
        )

    def harm(self) -> list[str]:
        """What people said of the harm, in words, both yes and no."""
        answers = ((word, getattr(self, name)) for name, word in FLAGS.items())
        return [f"{word} {'yes' if answer else 'no'}" for word, answer in answers if answer is not None]

    def judged_since(self, before: ImpactNoted | None, known: ImpactNoted | None) -> dict[str, Any]:
        """What people say of the harm, after this: what was known of it, but for what this says otherwise
        than what was said here before. A count, whoever counts, judges nothing of it."""
        if known is None:
            return {name: getattr(self, name) for name in FLAGS}
        return {name: getattr(self if self._judges(name, before, known) else known, name) for name in FLAGS}

    def _judges(self, name: str, before: ImpactNoted | None, known: ImpactNoted) -> bool:
        """`before`: what was said here. Nobody takes a yes back, but for their own, by leaving it open."""
        own, was = getattr(self, name), getattr(before, name, None)
        leaves_a_yes = own is None and was is not True and getattr(known, name) is True
        return name in self.decides or (own != was and not leaves_a_yes)

    def or_graver(self, known: ImpactNoted | None) -> ImpactNoted:
        """This, with the greater of every number: a milder count takes nothing back.

        It stands on the incident that knows of more people.
        """
        if known is None:
            return self
        greater: dict[str, Any] = {
            name: max((n for n in (getattr(self, name), getattr(known, name)) if n is not None), default=None)
            for name in COUNTS
        }
        bounded: dict[str, Any] = {
            bound: any(getattr(one, bound) and getattr(one, name) == greater[name] for one in (self, known))
            for name, bound in BOUNDS.items()
        }
        dated: dict[str, Any] = {
            when: next(getattr(one, when) for one in (self, known) if getattr(one, name) == greater[name])
            for name, when in DATES.items()
        }
        told = max(
            (self, known), key=lambda one: [-1 if n is None else n for n in (one.users, one.exposed_users)]
        )
        return replace(self, **greater, **bounded, **dated, incident=told.incident)


COUNTS = ("users", "inferences", "share", "exposed_users", "exposed_inferences", "exposed_share")
"""The numbers of `ImpactNoted`."""
BOUNDS = {"users": "users_at_least", "exposed_users": "exposed_at_least"}
"""What says of a number of people that it is known from below only."""
DATES = {"users": "as_of", "exposed_users": "exposed_as_of"}
"""What says when a number of people was counted or stated."""
FLAGS = {
    "outage": "outage",
    "sensitive_data": "sensitive data",
    "breach": "data breach",
    "regulatory": "legal requirement violated",
    "external_notice": "outside notice required",
}
"""What people judge in `ImpactNoted`, and how it is called; None: not judged."""


def dated(affected: datetime | None, exposed: datetime | None) -> str:
    """How old the numbers of people are: when they were counted or stated; nothing where that is not known.

    `as of 23 Nov 2026, 14:05 UTC`
    """
    if affected and exposed and affected != exposed:
        return f"affected as of {wording.utc(affected)}, exposed as of {wording.utc(exposed)}"
    when = affected or exposed
    return f"as of {wording.utc(when)}" if when else ""


@upcast("incident.impact_noted", 6)
def _without_date(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 7 it did not say when its numbers were counted, nor which alerts had cleared."""
    return {**data, "as_of": None, "exposed_as_of": None, "cleared": []}


def impact_as_bounded(impact: dict[str, Any]) -> dict[str, Any]:
    """`ImpactNoted` that did not say whether its exposed were counted in a part: at least so many."""
    return {**impact, "exposed_at_least": impact.get("exposed_users") is not None}


@upcast("incident.impact_noted", 5)
def _decided_nothing_anew(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 6 an answer counted as one where it was another than before."""
    return {**data, "decides": []}


@upcast("incident.impact_noted", 4)
def _exposed_from_below(data: dict[str, Any]) -> dict[str, Any]:
    return impact_as_bounded(data)


@upcast("incident.impact_noted", 3)
def _counted_from_below(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 4 it did not say whether the rules could tell all: beside a count, at least so many."""
    return {**data, "users_at_least": data["users"] is not None and data["inferences"] is not None}


@upcast("incident.impact_noted", 2)
def _nobody_said_who(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 3 it did not say whether a person had judged it: taken as a machine's word."""
    return {**data, "by_person": False}


@upcast("incident.impact_noted", 1)
def _exposed_where_counted(data: dict[str, Any]) -> dict[str, Any]:
    """Release 0.1 counted who was served, and called them affected; a number without a count was stated."""
    if data["inferences"] is None:
        return data
    moved = {f"exposed_{name}": data[name] for name in ("users", "inferences", "share")}
    return {**data, "users": None, "inferences": None, "share": None, **moved}


@fact("incident.note_added")
class NoteAdded(Fact):
    incident: str
    text: str
    occurred_at: datetime | None = None
    """Set for a back-filled entry: when it happened, as told by the person who added it."""
    evidence: tuple[str, ...] = ()

    def line(self) -> Line:
        return Line(self.text, f"evidence {', '.join(self.evidence)}" if self.evidence else "", "note")


@fact("incident.update_posted")
class UpdatePosted(Fact):
    """What people are told of how it stands: messages are queued in the same transaction."""

    incident: str
    text: str

    def line(self) -> Line:
        return Line("Update posted", self.text, "act")


NOT_TO_CONTAIN = "not to contain"
"""What is decided by whoever decides against."""


@fact("incident.containment_decided")
class ContainmentDecided(Fact):
    """The decision the clock waits for: contain, or with a reason not to."""

    incident: str
    decision: str
    reason: str

    def line(self) -> Line:
        return Line(f"Containment decided: {self.decision}", self.reason, "act")


@fact("incident.switch_set")
class SwitchSet(Fact):
    """A containment of this incident changes what applications are told; its own facts say what and why."""

    incident: str
    containment: str


@fact("incident.switch_lifted")
class SwitchLifted(Fact):
    incident: str
    containment: str


@fact("incident.contained")
class Contained(Fact):
    """The prediction log shows that the harm stopped."""

    incident: str
    containment: str
    proof: str
    told: tuple[str, ...] = ()
    """Whom a message about it was queued for: they hear it too should it turn out otherwise."""

    def line(self) -> Line:
        return Line("Contained", self.proof, "act")


@fact("incident.containment_lost")
class ContainmentLost(Fact):
    incident: str
    containment: str
    reason: str
    deliberate: bool = False
    """Somebody with authority reverted it; otherwise it was found not to hold."""

    def line(self) -> Line:
        return Line("No longer contained", self.reason, "act" if self.deliberate else "alarm")


@fact("incident.cause_established")
class CauseEstablished(Fact):
    incident: str
    cause: str

    def line(self) -> Line:
        return Line("Root cause established", self.cause, "act")


@fact("incident.resolved")
class Resolved(Fact):
    incident: str
    resolution: str

    def timers(self) -> Iterable[Arm | Disarm]:
        yield Disarm(ladder_timer(self.incident))

    def line(self) -> Line:
        return Line("Resolved", self.resolution, "act")


@fact("incident.reviewed")
class Reviewed(Fact):
    incident: str
    review: str

    def line(self) -> Line:
        return Line("Post-incident review completed", "", "act")


@fact("incident.closed")
class Closed(Fact):
    """Closing archives: nothing can be appended to the incident afterwards (R-EVD-10)."""

    incident: str
    summary: str
    record_sha256: str
    """Digest over the leaf hashes of everything the incident's record holds at this moment."""

    def timers(self) -> Iterable[Arm | Disarm]:
        yield Disarm(ladder_timer(self.incident))
        yield Disarm(count_timer(self.incident))

    def line(self) -> Line:
        return Line("Closed and archived", self.summary, "act")


@fact("incident.dismissed", version=2)
class Dismissed(Fact):
    """It was not an incident; the reason is kept (R-PRE-07)."""

    incident: str
    reason: str
    false_alarm: bool = False
    """Nothing was wrong: its alerts count against their monitors (R-DET-09)."""

    def timers(self) -> Iterable[Arm | Disarm]:
        yield Disarm(ladder_timer(self.incident))
        yield Disarm(count_timer(self.incident))

    def line(self) -> Line:
        return Line("Dismissed as a false alarm" if self.false_alarm else "Dismissed", self.reason, "act")


@upcast("incident.dismissed", 1)
def _not_said_whether_false(data: dict[str, Any]) -> dict[str, Any]:
    """Before version 2 nobody was asked whether it was a false alarm."""
    return {**data, "false_alarm": False}


IncidentFact = (
    IncidentOpened
    | AlertJoined
    | AlertWorsened
    | HarmWentOn
    | IncidentAlertSetAside
    | ReportJoined
    | Related
    | Merged
    | Absorbed
    | ClassificationProposed
    | ClassificationStated
    | Classified
    | TeamAssembled
    | RoleHandedOver
    | ClockStarted
    | ClockMoved
    | ClockWarned
    | ClockMet
    | ClockStopped
    | ClockBreached
    | Acknowledged
    | Escalated
    | LadderMoved
    | TierRaised
    | TierLowered
    | BeginningStated
    | SystemNamed
    | ImpactNoted
    | NoteAdded
    | UpdatePosted
    | ContainmentDecided
    | SwitchSet
    | SwitchLifted
    | Contained
    | ContainmentLost
    | CauseEstablished
    | Resolved
    | Reviewed
    | Closed
    | Dismissed
)


def ladder_timer(incident: str) -> str:
    return f"{incident}/escalation"


def count_timer(incident: str) -> str:
    """When its impact is counted again."""
    return f"{incident}/impact"


def _clock_timer(incident: str, clock: str) -> str:
    return f"{incident}/clock/{clock}"


def _wait(
    incident: str, clock: str, due: datetime, missed: bool = False, near: datetime | None = None
) -> Iterable[Arm | Disarm]:
    """A clock that was missed before waits for nothing any more but to be met."""
    timer, data = _clock_timer(incident, clock), {"incident": incident, "clock": clock}
    if missed:
        yield Disarm(timer)
    elif near:
        yield Arm(timer, "clock.near", near, data)
    else:
        yield Arm(timer, "clock.breach", due, data)


def _words(role: str) -> str:
    return role.replace("_", " ")


def _hour(moment: datetime) -> str:
    return moment.strftime("%d %b %H:%M UTC")
