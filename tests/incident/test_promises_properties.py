"""Whatever comes in which order: a simple oracle agrees on severity, tiers and clocks.

Random sequences of alerts, counts, classifications, answers, passing time and resolutions are folded through
the decisions, beside an oracle of a few lines that knows none of them. R-CLS-02, R-CLS-05, R-ESC-02.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from holdfast.incident.events import (
    AlertFacts,
    CauseEstablished,
    ClockBreached,
    Escalated,
    ImpactNoted,
    IncidentFact,
    TierLowered,
    TierRaised,
)
from holdfast.incident.incident import Incident
from holdfast.incident.responding import Desk, Ground, Report
from holdfast.learn.measures import in_time
from holdfast.ledger.facts import Arm
from holdfast.people import Actor
from holdfast.prepare.starting import write_workspace
from holdfast.prepare.terms import Category, Severity
from holdfast.prepare.workspace import Workspace, load_workspace
from support.alerted import alert_facts

OPENED = datetime(2026, 11, 23, 10, 42, 0, 123_457, tzinfo=UTC)
ANA = Actor("ana@example.com", "Ana Reyes")
CRITICAL, HIGH, MEDIUM, LOW = Severity
MINUTE = timedelta(minutes=1)


@cache
def ground() -> Ground:
    """The starter's playbook and people."""
    with TemporaryDirectory() as folder:
        write_workspace(Path(folder))
        found: Workspace = load_workspace(Path(folder))
    assert found.playbook is not None
    assert found.roster is not None
    return Ground(found.playbook.model, "f" * 64, found.roster.model, None)


def drift(number: int, value: float) -> AlertFacts:
    return alert_facts(
        OPENED,
        alert=f"ALR-{number}",
        monitor="m",
        monitor_name="Drift",
        value=value,
        n=400,
        reason="",
        window_start=OPENED,
    )


RESPONSE = ("acknowledge", "contain", "update", "resolve")
"""What is promised until the resolution."""


@dataclass
class Oracle:
    """What must be so, said as simply as the starter's playbook says it."""

    severity: Severity = MEDIUM
    alerts: list[float] = field(default_factory=list)
    users: int | None = None
    most_users: int | None = None
    """The greatest count since a person last judged it."""
    said: dict[str, Any] = field(default_factory=dict)
    """What only people say."""
    decided: bool = False
    answered: bool = False
    resolved: bool = False
    broken: set[str] = field(default_factory=set)
    updated: datetime = OPENED
    """When somebody last said how it stands."""

    ACKNOWLEDGE: ClassVar = {
        CRITICAL: 15 * MINUTE,
        HIGH: 120 * MINUTE,
        MEDIUM: 1440 * MINUTE,
        LOW: 10080 * MINUTE,
    }
    UPDATE: ClassVar = {CRITICAL: 60 * MINUTE, HIGH: 1440 * MINUTE, MEDIUM: 2880 * MINUTE, LOW: None}
    RESOLVE: ClassVar = {
        CRITICAL: 7200 * MINUTE,
        HIGH: 14_400 * MINUTE,
        MEDIUM: 20_160 * MINUTE,
        LOW: None,
    }
    CONTAIN: ClassVar = {CRITICAL: 15 * MINUTE, HIGH: 240 * MINUTE, MEDIUM: 2880 * MINUTE, LOW: None}

    def proposed(self) -> Severity:
        if (self.users or 0) > 10_000 or any(self.said.values()):
            return CRITICAL
        graver = any(value >= 0.5 for value in self.alerts)
        return HIGH if graver or (self.users is not None and self.users > 100) else MEDIUM

    def learn(self) -> None:
        """New knowledge raises what nobody has decided, and lowers nothing."""
        if not self.decided and self.proposed().rank < self.severity.rank:
            self.severity = self.proposed()

    def tier(self) -> int:
        most = self.most_users or 0
        if self.severity is CRITICAL or most > 10_000 or self.said.get("breach"):
            return 3
        return 2 if self.severity is HIGH or most > 100 or self.said.get("regulatory") else 1

    def due(self, clock: str) -> datetime | None:
        limits = {
            "acknowledge": self.ACKNOWLEDGE,
            "contain": self.CONTAIN,
            "update": self.UPDATE,
            "resolve": self.RESOLVE,
        }
        limit = limits[clock][self.severity]
        origin = self.updated if clock == "update" else OPENED
        return origin + limit if limit else None


class Promises(RuleBasedStateMachine):
    """One incident, its armed timers, and the oracle."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(None, None, [], str)  # type: ignore[arg-type]
        self.state, self.now, self.number = Incident(), OPENED, 0
        self.armed: dict[str, datetime] = {}
        self.kinds: dict[str, str] = {}
        self.facts: list[IncidentFact] = []
        self.oracle = Oracle()
        self.tier = 1

    def record(self, facts: list[IncidentFact]) -> None:
        for fact in facts:
            self.state = self.state.after(fact, self.now)
            self.facts.append(fact)
            for effect in fact.timers():
                self.armed.pop(effect.timer, None)
                if isinstance(effect, Arm):
                    self.armed[effect.timer] = effect.due
                    self.kinds[effect.timer] = effect.kind

    def learned(self, facts: list[IncidentFact]) -> None:
        self.record(self.desk.learn(self.state, facts, ground(), self.now))
        self.oracle.learn()
        self.tier = max(self.tier, self.oracle.tier())

    @initialize(stated=st.sampled_from([None, *Severity]))
    def open(self, stated: Severity | None) -> None:
        report = Report("Letters are wrong", severity=stated)
        self.record(self.desk._opening("INC-1", report, ground(), OPENED))
        if stated and stated.rank < MEDIUM.rank:
            self.oracle.severity = stated
        self.tier = self.oracle.tier()

    @precondition(lambda self: not self.oracle.resolved)
    @rule(value=st.sampled_from([0.3, 0.9]))
    def alert(self, value: float) -> None:
        self.number += 1
        self.oracle.alerts.append(value)
        self.learned(self.state.join_alert(drift(self.number, value)))

    @precondition(lambda self: not self.oracle.resolved)
    @rule(users=st.sampled_from([0, 50, 500, 50_000]))
    def count(self, users: int) -> None:
        """A machine counts; a milder count than before lowers nothing."""
        self.oracle.users, self.oracle.most_users = users, max(users, self.oracle.most_users or 0)
        self.learned([replace(ImpactNoted(incident="INC-1", users=users), **self.oracle.said)])

    @precondition(lambda self: not self.oracle.resolved)
    @rule(
        said=st.fixed_dictionaries({}, optional={"breach": st.booleans(), "regulatory": st.booleans()}),
        users=st.sampled_from([None, 0, 500, 50_000]),
    )
    def assess(self, said: dict[str, Any], users: int | None) -> None:
        """A person says what it is, and the tier follows up and down."""
        self.oracle.said, self.oracle.users, self.oracle.most_users = said, users, users
        noted = replace(ImpactNoted(incident="INC-1", users=users, by_person=True), **said)
        self.judged([noted])

    @precondition(lambda self: not self.oracle.resolved and len(self.oracle.alerts) > 1)
    @rule()
    def set_aside(self) -> None:
        """The newest alert turns out to be none of it."""
        self.oracle.alerts.pop()
        self.judged(self.state.set_alerts_aside([self.state.alerts[-1].alert], "a test", True))

    def judged(self, facts: list[IncidentFact]) -> None:
        """Learned from a person: what the ladder called stays until somebody answers."""
        self.learned(facts)
        self.tier = max(self.oracle.tier(), 1 if self.oracle.answered else self.state.called_tier)

    @precondition(lambda self: not self.oracle.resolved)
    @rule(severity=st.sampled_from(list(Severity)))
    def classify(self, severity: Severity) -> None:
        self.settle_overdue(severity)
        limits = ground().limits(severity)
        facts = self.state.classify(Category.UNEXPECTED_BEHAVIOUR, severity, "looked", limits, self.now)
        self.record(self.desk.learn(self.state, facts, ground(), self.now))
        if facts:
            self.oracle.severity, self.oracle.decided = severity, True
            self.oracle.most_users = self.oracle.users
            called = 1 if self.oracle.answered else self.state.called_tier
            self.tier = max(self.oracle.tier(), called)

    def settle_overdue(self, severity: Severity) -> None:
        """A promise that has run out is broken when a later one takes its place, or none."""
        after = Oracle(severity, updated=self.oracle.updated)
        for clock in RESPONSE:
            due, later = self.oracle.due(clock), after.due(clock)
            running = clock in self.state.clocks and self.state.clocks[clock].running
            if running and due and due <= self.now and (later is None or later > due):
                self.oracle.broken.add(clock)

    @precondition(lambda self: not self.oracle.resolved)
    @rule()
    def answer(self) -> None:
        due = self.oracle.due("acknowledge")
        if not self.oracle.answered and due and due < self.now:
            self.oracle.broken.add("acknowledge")
        self.oracle.answered = True
        self.record(self.state.acknowledge(ANA))

    @precondition(lambda self: not self.oracle.resolved)
    @rule()
    def post_update(self) -> None:
        due = self.oracle.due("update")
        if due and due < self.now:
            self.oracle.broken.add("update")
        self.oracle.updated = self.now
        self.record(self.state.post_update("as before", ground().limits(self.oracle.severity), self.now))

    @rule(minutes=st.sampled_from([1, 9, 14, 60, 150, 1500, 3000, 11_000]))
    def pass_by(self, minutes: int) -> None:
        """Time passes, and the worker fires what is due in it, each at its time."""
        until = self.now + minutes * MINUTE
        while due := sorted((at, timer) for timer, at in self.armed.items() if at <= until):
            at, timer = due[0]
            self.now = max(self.now, at)
            self.fire(timer)
        self.now = until

    @rule(minutes=st.sampled_from([20, 300, 11_000]))
    def pass_by_while_the_worker_sleeps(self, minutes: int) -> None:
        self.now += minutes * MINUTE

    def fire(self, timer: str) -> None:
        if timer == "INC-1/escalation":
            climbed = self.desk._climb(self.state, ground(), self.now, "silence")
            assert climbed, "a ladder that is armed has a rung left and nobody has answered"
            self.record(climbed)
        else:
            clock = timer.rpartition("/")[2]
            if self.kinds[timer] == "clock.near" and (near := self.state.warn(clock, self.now)):
                self.record(near)
                return
            broken = self.state.breach(clock, self.now)
            assert broken, "a clock that is armed can be missed"
            if clock == "acknowledge":
                climbed = self.desk._climb(
                    self.state.after(broken[0], self.now), ground(), self.now, "silence"
                )
                broken = [*broken, *climbed]
            self.record(broken)
            self.oracle.broken.add(clock)
        if not self.oracle.answered:
            self.tier = max(self.tier, self.state.called_tier)

    @precondition(lambda self: self.oracle.answered and self.oracle.decided and not self.oracle.resolved)
    @rule()
    def resolve(self) -> None:
        for promise in RESPONSE:
            clock = self.state.clocks.get(promise)
            late = clock and clock.running and clock.due <= self.now
            if late and clock and (promise != "resolve" or clock.due < self.now):
                self.oracle.broken.add(promise)
        self.record([CauseEstablished(incident="INC-1", cause="a default")])
        limits = ground().limits(self.oracle.severity)
        self.record(self.state.resolve("Rolled back.", limits, self.now))
        self.oracle.resolved = True

    @precondition(lambda self: self.oracle.resolved)
    @rule(severity=st.sampled_from(list(Severity)))
    def look_again(self, severity: Severity) -> None:
        """A resolved incident is reclassified: the duty to review follows."""
        review = self.state.clocks.get("review")
        within = ground().playbook.review_within(severity)
        if review and review.running and review.due <= self.now:
            assert self.state.resolved_at is not None
            if within is None or self.state.resolved_at + within > review.due:
                self.oracle.broken.add("review")
        limits = ground().limits(severity)
        facts = self.state.classify(Category.UNEXPECTED_BEHAVIOUR, severity, "again", limits, self.now)
        self.record(self.desk.learn(self.state, facts, ground(), self.now))
        if facts:
            self.oracle.severity, self.oracle.most_users = severity, self.oracle.users
            self.tier = self.oracle.tier()

    # What must be so after every step -----------------------------------------------------------

    @invariant()
    def severity_and_tier_are_the_oracles(self) -> None:
        if self.state.id:
            assert self.state.severity is self.oracle.severity
            assert self.state.tier == self.tier

    @invariant()
    def clocks_promise_what_the_playbook_says(self) -> None:
        for clock in RESPONSE:
            state = self.state.clocks.get(clock)
            if state and state.running:
                assert state.due == self.oracle.due(clock)
                assert not self.oracle.resolved
        review = self.state.clocks.get("review")
        if review and self.state.resolved_at:
            within = ground().playbook.review_within(self.oracle.severity)
            assert review.running is (within is not None)
            if within:
                assert review.due == self.state.resolved_at + within

    @invariant()
    def what_was_broken_stays_broken_also_in_the_measures(self) -> None:
        broken = {clock for clock, state in self.state.clocks.items() if state.missed or state.missed_rounds}
        late = {
            clock
            for clock, state in self.state.clocks.items()
            if state.running and state.due <= self.now and not state.missed
        }
        assert broken | late >= self.oracle.broken
        assert broken <= self.oracle.broken | late
        for clock in broken - {"update"}:
            assert in_time([self.state], clock, self.now).kept == 0
            assert in_time([self.state], clock, self.now).of == 1

    @invariant()
    def nothing_is_told_twice(self) -> None:
        due = [(one.clock, one.due) for one in self.facts if isinstance(one, ClockBreached)]
        assert len(due) == len(set(due))
        rungs = [one.rung for one in self.facts if isinstance(one, Escalated)]
        assert rungs == list(range(1, len(rungs) + 1))
        level = 1
        for fact in self.facts:
            if isinstance(fact, TierRaised):
                assert fact.tier > level
            if isinstance(fact, TierLowered):
                assert fact.tier < level
            if isinstance(fact, (TierRaised, TierLowered)):
                level = fact.tier
            elif isinstance(fact, Escalated):
                level = max(level, fact.tier)

    @invariant()
    def the_ladder_climbs_only_while_an_answer_is_overdue(self) -> None:
        ladder = self.armed.get("INC-1/escalation")
        assert ladder == self.state.climb_due
        clock = self.state.clocks.get("acknowledge")
        if ladder:
            assert not self.oracle.answered
            assert not self.oracle.resolved
            assert clock is not None
            assert clock.due <= self.now
        elif clock and clock.running and clock.breached:
            assert self.state.rung == len(ground().playbook.escalation.unacknowledged)

    @invariant()
    def nobody_stands_twice_in_the_team(self) -> None:
        seen = [(member.role, member.person) for member in self.state.team]
        assert len(seen) == len(set(seen))


Promises.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestPromises = Promises.TestCase
