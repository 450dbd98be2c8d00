"""Severity, tier, clocks, team and ladder follow what people decide, in both directions.

R-CLS-03 to R-CLS-05.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from holdfast.incident import roles
from holdfast.incident.events import (
    AlertFacts,
    ClassificationProposed,
    ClassificationStated,
    ClockMoved,
    Escalated,
    ImpactNoted,
    LadderMoved,
    Member,
    Resolved,
    TeamAssembled,
    TierLowered,
    TierRaised,
)
from holdfast.incident.incident import Incident, NoLongerOpen, Status
from holdfast.incident.loading import load
from holdfast.incident.responding import Desk, Ground, Report
from holdfast.interfaces.cli.incident import clock_cell
from holdfast.interfaces.web.clocks import standing
from holdfast.learn.measures import Kept, in_time
from holdfast.ledger import timers
from holdfast.ledger.facts import Fact, decode, encode
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.outbox import MessageQueued
from holdfast.people import Actor, IncidentRole
from holdfast.prepare.playbook import Criterion
from holdfast.prepare.roster import Person
from holdfast.prepare.terms import Category, Severity
from holdfast.problems import NoAuthority, NotAllowed
from holdfast.shapes.incidents import shown
from support.alerted import alert_facts
from support.company import AISHA, HELEN, INES, MAYA, PRIYA, TOMAS, WORKER, person
from support.opened import tell

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SYSTEM = "loan-approval"
DATA, PERFORMANCE = Category.DATA_QUALITY, Category.PERFORMANCE_DEGRADATION
CRITICAL, HIGH, MEDIUM, LOW = Severity


def drift(now: datetime, value: float, number: int = 1) -> AlertFacts:
    """Drift of 0.5 and more is high by the starter's rules, less is medium."""
    return alert_facts(
        now,
        alert=f"ALR-{number}",
        monitor=f"drift-{number}",
        value=value,
        reason=f"PSI {value}",
    )


def state(ledger: Ledger, incident: str = "INC-1") -> Incident:
    return load(ledger, incident).state


def of(ledger: Ledger, kind: type[Fact]) -> list[Fact]:
    return [recorded.fact for recorded in ledger.facts() if isinstance(recorded.fact, kind)]


def told(ledger: Ledger, subject: str, after: int = 0) -> list[str]:
    return [
        one.fact.to.partition("@")[0]
        for one in ledger.facts(after=after - 1)
        if isinstance(one.fact, MessageQueued) and subject in one.fact.subject
    ]


def note(desk: Desk, ledger: Ledger, at: datetime, **impact: object) -> None:
    noted = ImpactNoted(incident="INC-1", **impact)  # type: ignore[arg-type]
    ledger.append(*desk.noted(load(ledger, "INC-1"), noted, at), by=WORKER, at=at)


def reading_alerts(ground: Ground) -> Ground:
    """The same, where a grave drift alone calls the second tier."""
    playbook = ground.playbook
    drifted = Criterion(says="A grave drift", when='alert.dimension == "drift" && alert.value >= 0.5')
    second = playbook.escalation.tiers[2].model_copy(update={"criteria": (drifted,)})
    tiers = playbook.escalation.tiers.model_copy(update={"tier_2": second})
    escalation = playbook.escalation.model_copy(update={"tiers": tiers})
    return replace(ground, playbook=playbook.model_copy(update={"escalation": escalation}))


def fire(desk: Desk, ledger: Ledger, at: datetime) -> list[str]:
    """What the worker does about timers that are due."""
    fired = []
    for timer in timers.due(ledger, at):
        if timer.kind == "clock.breach":
            desk.breach_clock(timer, by=WORKER, at=at)
        elif timer.kind == "escalation.step":
            desk.escalate(timer, by=WORKER, at=at)
        else:
            continue
        fired.append(timer.timer.partition("/")[2])
    return fired


@pytest.fixture
def by_alert(desk: Desk, now: datetime) -> str:
    """Opened by an alert: high."""
    return desk.open(Report("Drift", system=SYSTEM, alert=drift(now, 1.9)), by=WORKER, at=now)


@pytest.fixture
def by_person(desk: Desk, now: datetime) -> str:
    """Declared without an opinion: medium."""
    return desk.open(Report("Wrong letters", system=SYSTEM), by=INES, at=now)


class TestTheFloor:
    """What people stated or confirmed only people lower; the gravest of all alerts counts."""

    @pytest.mark.parametrize("confirmed", [False, True])
    def test_a_later_milder_alert_lowers_nothing(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime, confirmed: bool
    ) -> None:
        """R-CLS-03/gravest, R-CLS-03/floor."""
        if confirmed:
            desk.classify(by_alert, PERFORMANCE, HIGH, "", by=PRIYA, at=now)
        desk.join(by_alert, drift(now, 0.3, 2), by=WORKER, at=now + MINUTE)
        assert state(ledger).severity is HIGH
        proposed = state(ledger).proposed
        assert proposed is not None
        assert proposed.severity is HIGH

    def test_a_later_graver_alert_raises_what_nobody_confirmed_and_people_are_told(
        self, desk: Desk, ledger: Ledger, now: datetime
    ) -> None:
        desk.open(Report("Drift", system=SYSTEM, alert=drift(now, 0.3)), by=WORKER, at=now)
        desk.join("INC-1", drift(now, 0.9, 2), by=WORKER, at=now + MINUTE)
        found = state(ledger)
        assert (found.severity, found.tier) == (HIGH, 2)
        assert found.clocks["acknowledge"].due == now + 2 * HOUR
        # Whoever joins the team by it hears of it.
        assert {"maya.okafor", "helen.marsh"} <= set(told(ledger, "is now SEV-2"))

    def test_a_count_of_few_lowers_nothing_and_proposes(
        self, desk: Desk, ledger: Ledger, by_person: str, now: datetime
    ) -> None:
        """R-CLS-03/floor."""
        note(desk, ledger, now + MINUTE, users=20_000)
        assert (state(ledger).severity, state(ledger).tier) == (CRITICAL, 3)
        note(desk, ledger, now + 2 * MINUTE, users=3)
        found = state(ledger)
        assert (found.severity, found.tier) == (CRITICAL, 3)
        assert found.proposed is not None
        assert found.proposed.severity is MEDIUM
        assert found.proposed.keeps is CRITICAL
        assert found.clocks["acknowledge"].due == now + 15 * MINUTE

    def test_whoever_may_lower_is_told_of_a_proposal_to_lower(
        self, desk: Desk, ledger: Ledger, by_person: str, now: datetime
    ) -> None:
        note(desk, ledger, now + MINUTE, users=20_000)
        note(desk, ledger, now + 2 * MINUTE, users=3)
        assert sorted(told(ledger, "the rules propose to lower it to SEV-3")) == [
            "helen.marsh",
            "maya.okafor",
        ]
        texts = [one.text for one in of(ledger, MessageQueued) if "propose to lower" in one.subject]  # type: ignore[attr-defined]
        assert all("stays in force until a person" in text for text in texts)
        # The same count again is no news.
        note(desk, ledger, now + 3 * MINUTE, users=3)
        assert len(told(ledger, "the rules propose to lower it to SEV-3")) == 2

    def test_what_a_person_confirmed_stays_when_more_becomes_known_and_it_is_proposed(
        self, desk: Desk, ledger: Ledger, by_person: str, now: datetime
    ) -> None:
        """R-CLS-03/floor."""
        desk.classify(by_person, Category.UNEXPECTED_BEHAVIOUR, MEDIUM, "", by=PRIYA, at=now)
        note(desk, ledger, now + MINUTE, users=20_000)
        found = state(ledger)
        assert (found.severity, found.tier) == (MEDIUM, 3)
        assert "maya.okafor" in told(ledger, "the rules propose to raise it to SEV-1")
        desk.classify(by_person, Category.UNEXPECTED_BEHAVIOUR, CRITICAL, "", by=PRIYA, at=now + 2 * MINUTE)
        assert state(ledger).severity is CRITICAL

    def test_an_alert_that_goes_on_worse_counts_as_it_goes_on(
        self, desk: Desk, ledger: Ledger, now: datetime
    ) -> None:
        desk.open(Report("Drift", system=SYSTEM, alert=drift(now, 0.3)), by=WORKER, at=now)
        desk.worsen("INC-1", drift(now, 0.9), by=WORKER, at=now + DAY)
        assert state(ledger).severity is HIGH
        before = ledger.size()
        desk.worsen("INC-1", drift(now, 0.3), by=WORKER, at=now + 2 * DAY)
        assert ledger.size() == before


class TestWhatAReporterStates:
    def test_a_graver_severity_counts_at_once_and_no_rule_lowers_it(
        self, desk: Desk, ledger: Ledger, now: datetime
    ) -> None:
        """R-CLS-03/floor."""
        desk.open(Report("Letters", system=SYSTEM, severity=HIGH), by=INES, at=now)
        assert state(ledger).severity is HIGH
        desk.join("INC-1", drift(now, 0.3), by=WORKER, at=now + MINUTE)
        note(desk, ledger, now + 2 * MINUTE, users=1)
        found = state(ledger)
        assert found.severity is HIGH
        assert found.clocks["acknowledge"].due == now + 2 * HOUR

    def test_a_milder_one_is_an_opinion_until_somebody_with_authority_gives_the_reason(
        self, desk: Desk, ledger: Ledger, now: datetime
    ) -> None:
        """What a reporter picks under the rules' proposal needs what an override needs. R-CLS-03/override."""
        report = Report("Drift", system=SYSTEM, alert=drift(now, 1.9), severity=LOW)
        desk.open(report, by=INES, at=now)
        found = state(ledger)
        assert found.severity is HIGH
        assert found.clocks["acknowledge"].due == now + 2 * HOUR
        (stated,) = of(ledger, ClassificationStated)
        assert isinstance(stated, ClassificationStated)
        assert (stated.severity, stated.keeps) == (LOW, HIGH)
        with pytest.raises(NoAuthority, match="Ines Carvalho may not override"):
            desk.classify("INC-1", PERFORMANCE, LOW, "harmless", by=INES, at=now)
        with pytest.raises(NotAllowed, match="write the reason"):
            desk.classify("INC-1", PERFORMANCE, LOW, "  ", by=MAYA, at=now)
        desk.classify("INC-1", PERFORMANCE, LOW, "a planned change", by=MAYA, at=now)
        assert state(ledger).severity is LOW

    def test_confirming_what_was_reported_needs_neither(
        self, desk: Desk, ledger: Ledger, now: datetime
    ) -> None:
        desk.open(Report("Letters", severity=HIGH, category=DATA), by=INES, at=now)
        desk.classify("INC-1", DATA, HIGH, "", by=PRIYA, at=now)
        assert state(ledger).status is Status.OPEN

    def test_a_stated_category_is_read_by_the_rules_of_severity(
        self, desk: Desk, ledger: Ledger, now: datetime
    ) -> None:
        desk.open(Report("Logs were read", category=Category.UNAUTHORISED_ACCESS), by=INES, at=now)
        assert state(ledger).severity is HIGH

    def test_lowering_what_a_person_confirmed_needs_authority_although_the_rules_propose_it(
        self, desk: Desk, ledger: Ledger, now: datetime
    ) -> None:
        desk.open(Report("Letters", system=SYSTEM, severity=CRITICAL), by=INES, at=now)
        desk.classify("INC-1", Category.UNEXPECTED_BEHAVIOUR, CRITICAL, "", by=PRIYA, at=now)
        with pytest.raises(NoAuthority):
            desk.classify("INC-1", Category.UNEXPECTED_BEHAVIOUR, MEDIUM, "fewer", by=PRIYA, at=now)
        with pytest.raises(NotAllowed, match="SEV-1 critical is in force; write the reason for lowering"):
            desk.classify("INC-1", Category.UNEXPECTED_BEHAVIOUR, MEDIUM, "", by=MAYA, at=now)


class TestTiers:
    """R-ESC-02: a tier follows every change of what its criteria read."""

    def test_a_persons_reclassification_raises_and_lowers_it(
        self, desk: Desk, ledger: Ledger, by_person: str, now: datetime
    ) -> None:
        """R-CLS-05/tier."""
        desk.classify(by_person, DATA, CRITICAL, "all brokers", by=MAYA, at=now)
        assert state(ledger).tier == 3
        assert "niamh.byrne" in told(ledger, "is escalated to you")
        before = ledger.size()
        desk.classify(by_person, DATA, LOW, "one test account", by=MAYA, at=now + MINUTE)
        found = state(ledger)
        assert found.tier == 1
        assert of(ledger, TierLowered)
        # Whoever was called for the higher tier hears that it is left, also where low has no such message.
        assert {"niamh.byrne", "david.osei"} <= set(told(ledger, "is now SEV-4", before))

    def test_a_category_alone_raises_it_where_a_criterion_reads_the_category(
        self, desk: Desk, ledger: Ledger, by_person: str, now: datetime
    ) -> None:
        note(desk, ledger, now, sensitive_data=True)
        desk.classify(by_person, Category.UNAUTHORISED_ACCESS, MEDIUM, "an account", by=MAYA, at=now)
        assert state(ledger).tier == 2

    def test_it_is_not_raised_twice_to_the_same_level(
        self, desk: Desk, ledger: Ledger, by_person: str, now: datetime
    ) -> None:
        for minute, users in enumerate((101, 150, 200)):
            note(desk, ledger, now + minute * MINUTE, users=users)
        desk.classify(by_person, Category.UNEXPECTED_BEHAVIOUR, HIGH, "", by=PRIYA, at=now + HOUR)
        assert [fact.tier for fact in of(ledger, TierRaised)] == [2]  # type: ignore[attr-defined]
        assert Incident(id="INC-1", tier=2).raise_tier(2, (), "again") == []

    def test_it_stays_where_another_criterion_holds(
        self, desk: Desk, ledger: Ledger, by_person: str, now: datetime
    ) -> None:
        note(desk, ledger, now, users=20_000)
        desk.classify(by_person, Category.UNEXPECTED_BEHAVIOUR, LOW, "they were told", by=MAYA, at=now)
        assert state(ledger).tier == 3

    @pytest.mark.parametrize(
        ("said", "tier"), [("breach", 3), ("external_notice", 3), ("regulatory", 2), ("sensitive_data", 2)]
    )
    def test_it_falls_when_a_person_corrects_what_only_people_can_say(
        self, desk: Desk, ledger: Ledger, by_person: str, now: datetime, said: str, tier: int
    ) -> None:
        """R-ESC-02. Nobody has to classify anew for it."""
        desk.classify(by_person, Category.UNAUTHORISED_ACCESS, MEDIUM, "looked", by=MAYA, at=now)
        note(desk, ledger, now, **{said: True})
        assert state(ledger).tier == tier
        before = ledger.size()
        note(desk, ledger, now + MINUTE, **{said: False})
        assert state(ledger).tier == 1
        # Whoever was called hears that it is left, once.
        left = told(ledger, "is lowered to tier 1", before)
        assert ("niamh.byrne" in left) is (tier == 3)
        assert left
        assert len(left) == len(set(left))
        note(desk, ledger, now + 2 * MINUTE, **{said: True})
        assert state(ledger).tier == tier

    def test_it_falls_when_an_alert_that_called_it_is_set_aside(
        self, desk: Desk, ledger: Ledger, by_person: str, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            Desk, "ground_of", lambda self, state, found=Desk.ground_of: reading_alerts(found(self, state))
        )
        desk.classify(by_person, DATA, MEDIUM, "looked", by=MAYA, at=now)
        for number in (1, 2):
            desk.join(by_person, drift(now, 0.9, number), by=WORKER, at=now)
        assert state(ledger).tier == 2
        for number, tier in ((1, 2), (2, 1)):
            aside = desk.set_alerts_aside(by_person, [f"ALR-{number}"], "a test", True, by=PRIYA, at=now)
            ledger.append(*aside, by=PRIYA, at=now)
            assert state(ledger).tier == tier

    def test_a_milder_count_of_a_machine_lowers_nothing_until_a_person_judges_it(
        self, desk: Desk, ledger: Ledger, by_person: str, now: datetime
    ) -> None:
        desk.classify(by_person, DATA, MEDIUM, "looked", by=MAYA, at=now)
        note(desk, ledger, now, users=20_000, regulatory=True)
        note(desk, ledger, now, users=3, regulatory=True)
        assert state(ledger).tier == 3
        # What people say beside it is followed, and takes the machine's greater count back for nobody.
        note(desk, ledger, now, users=3, regulatory=False)
        assert state(ledger).tier == 3
        note(desk, ledger, now, users=3, regulatory=False, by_person=True)
        assert state(ledger).tier == 1

    def test_a_severity_that_people_stated_holds_the_tier_it_calls(
        self, desk: Desk, ledger: Ledger, now: datetime
    ) -> None:
        desk.open(Report("Letters", system=SYSTEM, severity=CRITICAL), by=INES, at=now)
        note(desk, ledger, now, breach=True)
        note(desk, ledger, now, breach=False, by_person=True)
        assert (state(ledger).severity, state(ledger).tier) == (CRITICAL, 3)

    def test_what_the_ladder_called_stays_until_somebody_answers(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        for minutes in (120, 150, 180):
            fire(desk, ledger, now + minutes * MINUTE)
        assert state(ledger).tier == 3
        desk.classify(by_alert, PERFORMANCE, MEDIUM, "one branch", by=MAYA, at=now + 190 * MINUTE)
        assert state(ledger).tier == 3
        desk.acknowledge(by_alert, by=MAYA, at=now + 191 * MINUTE)
        desk.classify(by_alert, PERFORMANCE, LOW, "one test account", by=MAYA, at=now + 192 * MINUTE)
        assert state(ledger).tier == 1


class TestClocks:
    """R-CLS-05: clocks follow, counted from where the playbook says; a breach stays."""

    def test_a_moved_clock_counts_from_the_opening(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        """R-CLS-05/clocks."""
        at = now + HOUR
        desk.classify(by_alert, PERFORMANCE, MEDIUM, "one branch", by=MAYA, at=at)
        clocks = state(ledger).clocks
        assert clocks["acknowledge"].due == now + DAY
        assert clocks["contain"].due == now + 2 * DAY
        assert clocks["acknowledge"].counted_from == now

    def test_a_broken_promise_stays_broken_when_it_is_moved_and_met_in_the_new_time(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        """R-CLS-05/history."""
        due = now + 2 * HOUR
        fire(desk, ledger, due)
        desk.classify(by_alert, PERFORMANCE, LOW, "one test account", by=MAYA, at=due + MINUTE)
        desk.acknowledge(by_alert, by=AISHA, at=due + 2 * MINUTE)
        clock = state(ledger).clocks["acknowledge"]
        assert clock.due == now + 7 * DAY
        assert (clock.kept, clock.breached_at, clock.missed) == (False, due, due)
        assert clock.late_by == 2 * MINUTE
        assert in_time([state(ledger)], "acknowledge", now + 30 * DAY) == Kept(0, 1)

    def test_a_moved_clock_can_be_missed_again(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        """What was broken before must not hide that the new promise is broken as well."""
        fire(desk, ledger, now + 2 * HOUR)
        desk.classify(by_alert, PERFORMANCE, MEDIUM, "one branch", by=MAYA, at=now + 3 * HOUR)
        assert fire(desk, ledger, now + DAY - MINUTE) == []
        assert "clock/acknowledge" in fire(desk, ledger, now + DAY)
        assert [breach.due for breach in state(ledger).clocks["acknowledge"].breaches] == [
            now + 2 * HOUR,
            now + DAY,
        ]

    def test_what_broke_a_longer_promise_is_not_broken_anew_by_a_shorter_one(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        fire(desk, ledger, now + 2 * HOUR)
        at = now + 2 * HOUR + MINUTE
        desk.classify(by_alert, PERFORMANCE, CRITICAL, "all brokers", by=MAYA, at=at)
        assert not [name for name in fire(desk, ledger, at) if name == "clock/acknowledge"]
        assert len(state(ledger).clocks["acknowledge"].breaches) == 1

    def test_a_shorter_promise_that_has_passed_is_broken_at_once(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        at = now + HOUR
        desk.classify(by_alert, PERFORMANCE, CRITICAL, "all brokers", by=MAYA, at=at)
        assert {"clock/acknowledge", "clock/contain"} <= set(fire(desk, ledger, at))
        assert state(ledger).rung == 1

    def test_a_promise_moved_after_its_time_was_broken_all_the_same(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        """Nobody lengthens a limit before the worker has noticed that it is over."""
        desk.classify(by_alert, PERFORMANCE, LOW, "one account", by=MAYA, at=now + 2 * HOUR + MINUTE)
        clock = state(ledger).clocks["acknowledge"]
        assert clock.missed == now + 2 * HOUR
        assert told(ledger, "time is up")

    def test_lateness_counts_from_the_first_promise_also_where_the_new_one_has_passed_as_well(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        """Nobody fired the timer meanwhile: the first due time is on the record all the same."""
        first = state(ledger).clocks["acknowledge"].due
        at = now + 2 * DAY
        desk.classify(by_alert, PERFORMANCE, MEDIUM, "one branch", by=MAYA, at=at)
        fire(desk, ledger, at)
        desk.acknowledge(by_alert, by=MAYA, at=at)
        clock = state(ledger).clocks["acknowledge"]
        assert clock.missed == first
        assert clock.late_by == at - first
        assert [one.due for one in clock.breaches] == [first, now + DAY]

    def test_a_clock_that_is_stopped_and_started_keeps_its_breach(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        fire(desk, ledger, now + 4 * HOUR)
        desk.classify(by_alert, PERFORMANCE, LOW, "one account", by=MAYA, at=now + 5 * HOUR)
        stopped = state(ledger).clocks["contain"]
        assert stopped.stopped_because == "this severity sets no such limit"
        desk.classify(by_alert, PERFORMANCE, HIGH, "more came", by=MAYA, at=now + 6 * HOUR)
        again = state(ledger).clocks["contain"]
        assert again.running
        assert again.missed == now + 4 * HOUR
        assert "clock/contain" not in fire(desk, ledger, now + 7 * HOUR)

    def test_what_was_done_is_not_promised_again(self, desk: Desk, ledger: Ledger, now: datetime) -> None:
        desk.open(Report("Letters"), by=INES, at=now)
        desk.classify("INC-1", DATA, LOW, "one account", by=MAYA, at=now)
        tell(ledger, "INC-1", *state(ledger).decide_containment("not to contain", "no harm"), at=now)
        desk.classify("INC-1", DATA, CRITICAL, "more came", by=MAYA, at=now + HOUR)
        assert not state(ledger).clocks["contain"].running

    def test_the_terminal_and_the_page_call_it_urgent_at_the_same_moment(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        """With a quarter of the promised time left, also for a clock that was set late."""
        desk.classify(by_alert, PERFORMANCE, MEDIUM, "one branch", by=MAYA, at=now + HOUR)
        desk.classify(by_alert, PERFORMANCE, HIGH, "more came", by=MAYA, at=now + HOUR)
        clock = state(ledger).clocks["acknowledge"]
        for at, word, colour in (
            (now + 90 * MINUTE - timedelta(seconds=1), "running", "green"),
            (now + 90 * MINUTE, "soon", "yellow"),
            (now + 2 * HOUR + timedelta(seconds=1), "late", "red"),
        ):
            assert standing(clock, at) == word
            assert str(clock_cell(shown(state(ledger)).clocks[0], at).style) == colour


class TestAfterTheResolution:
    def resolved(self, desk: Desk, ledger: Ledger, now: datetime) -> None:
        desk.acknowledge("INC-1", by=MAYA, at=now)
        found = state(ledger)
        tell(ledger, "INC-1", *found.establish_cause("a default"), at=now)
        limits = desk.ground_of(found).limits(found.severity or HIGH)
        tell(ledger, "INC-1", *state(ledger).resolve("fixed", limits, now), at=now)

    @pytest.mark.parametrize(
        ("first", "then", "due"), [(MEDIUM, HIGH, 14), (HIGH, CRITICAL, 7), (HIGH, MEDIUM, None)]
    )
    def test_the_review_duty_follows_and_counts_from_the_resolution(
        self,
        desk: Desk,
        ledger: Ledger,
        by_person: str,
        now: datetime,
        first: Severity,
        then: Severity,
        due: int | None,
    ) -> None:
        desk.classify(by_person, DATA, first, "so far", by=MAYA, at=now)
        self.resolved(desk, ledger, now + DAY)
        desk.classify(by_person, DATA, then, "looked again", by=MAYA, at=now + 3 * DAY)
        clock = state(ledger).clocks.get("review")
        assert clock is not None
        assert clock.running is (due is not None)
        if due:
            assert clock.due == now + DAY + due * DAY
        else:
            assert clock.stopped_because

    def test_clocks_and_ladder_end_with_it_and_say_why(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        desk.classify(by_alert, PERFORMANCE, HIGH, "", by=PRIYA, at=now)
        self.resolved(desk, ledger, now + HOUR)
        found = state(ledger)
        assert found.clocks["contain"].stopped_because == "it was resolved before"
        assert [clock.clock for clock in found.clocks.values() if clock.running] == ["review"]
        assert [timer.timer for timer in timers.armed(ledger, "INC-1")] == ["INC-1/clock/review"]

    def test_no_alert_and_no_report_joins_it(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        desk.classify(by_alert, PERFORMANCE, HIGH, "", by=PRIYA, at=now)
        self.resolved(desk, ledger, now + HOUR)
        with pytest.raises(NoLongerOpen, match="incident of its own"):
            desk.join(by_alert, drift(now, 1.9, 2), by=WORKER, at=now + DAY)
        with pytest.raises(NoLongerOpen, match="incident of its own"):
            desk.join_report(by_alert, Report("again"), by=INES, at=now + DAY)

    def test_a_ladder_of_an_older_record_ends_and_says_why(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        """Before, an incident could be resolved unanswered, with its ladder still armed."""
        fire(desk, ledger, now + 2 * HOUR)
        resting = load(ledger, by_alert).state
        assert resting.climb_due is not None
        armed = LadderMoved(incident=by_alert, next_due=now + 3 * HOUR, reason="as it was")
        tell(ledger, by_alert, *(self._resolution(by_alert)), armed, at=now + 2 * HOUR)
        assert fire(desk, ledger, now + 3 * HOUR) == ["escalation"]
        assert timers.armed(ledger, "INC-1/escalation") == []
        assert of(ledger, LadderMoved)[-1].reason == "INC-1 is resolved and nobody further is to be called"  # type: ignore[attr-defined]

    def _resolution(self, incident: str) -> list[Fact]:
        return [Resolved(incident=incident, resolution="fixed")]


class TestTheLadder:
    def test_it_rests_while_the_acknowledgement_is_due_again_and_goes_on_from_its_rung(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        fire(desk, ledger, now + 2 * HOUR)
        desk.classify(by_alert, PERFORMANCE, MEDIUM, "one branch", by=MAYA, at=now + 2 * HOUR + MINUTE)
        assert timers.armed(ledger, "INC-1/escalation") == []
        assert fire(desk, ledger, now + DAY) == ["clock/acknowledge"]
        assert [fact.rung for fact in of(ledger, Escalated)] == [1, 2]  # type: ignore[attr-defined]

    def test_its_steps_come_as_often_as_the_severity_says(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        climbed = now + 2 * HOUR
        fire(desk, ledger, climbed)
        desk.classify(by_alert, PERFORMANCE, CRITICAL, "all brokers", by=MAYA, at=climbed + MINUTE)
        (timer,) = timers.armed(ledger, "INC-1/escalation")
        assert timer.due == climbed + 10 * MINUTE

    def test_it_goes_on_when_the_shorter_promise_comes_back(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        climbed = now + 2 * HOUR
        fire(desk, ledger, climbed)
        desk.classify(by_alert, PERFORMANCE, LOW, "one account", by=MAYA, at=climbed + MINUTE)
        desk.classify(by_alert, PERFORMANCE, HIGH, "more came", by=MAYA, at=climbed + 2 * MINUTE)
        (timer,) = timers.armed(ledger, "INC-1/escalation")
        assert timer.due == climbed + 30 * MINUTE

    def test_a_deputy_who_holds_the_role_already_is_not_called_as_their_own(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        commander = IncidentRole.INCIDENT_COMMANDER
        desk.hand_over(by_alert, commander, TOMAS.id, "on a flight", by=TOMAS, at=now)
        fire(desk, ledger, now + 2 * HOUR)
        (first,) = of(ledger, Escalated)
        assert isinstance(first, Escalated)
        called = {member.role: member.person for member in first.told}
        assert called[commander.value] == person("Eleanor Voss").id


class TestTheTeam:
    def test_who_shares_a_title_is_neither_dropped_nor_doubled(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        """R-CLS-04/nobody-twice."""
        ground = desk.ground_of(state(ledger))
        second = Person(
            id="otto.berg@harbourstreet.example", name="Otto Berg", titles=("Head of Lending Operations",)
        )
        roster = ground.roster.model_copy(update={"people": (*ground.roster.people, second)})
        team = roles.team(ground.playbook, roster, HIGH, None, Incident())
        for severity, before in ((CRITICAL, HIGH), (HIGH, CRITICAL), (HIGH, HIGH)):
            team = roles.team(ground.playbook, roster, severity, before, Incident(team=team))
            heads = [member.name for member in team if member.role == "Head of Lending Operations"]
            assert sorted(heads) == ["Otto Berg", "Rosa Lindqvist"]
            assert len({(member.role, member.person) for member in team}) == len(team)

    def test_it_grows_and_shrinks_with_the_severity(
        self, desk: Desk, ledger: Ledger, by_person: str, now: datetime
    ) -> None:
        """R-CLS-05/team."""
        small = {member.person for member in state(ledger).team}
        assert small == {TOMAS.id, PRIYA.id}
        desk.classify(by_person, DATA, CRITICAL, "all brokers", by=MAYA, at=now)
        assert {MAYA.id, HELEN.id, INES.id} <= {member.person for member in state(ledger).team}
        desk.classify(by_person, DATA, MEDIUM, "one broker", by=MAYA, at=now + MINUTE)
        assert {member.person for member in state(ledger).team} == small
        # Those who leave hear of it.
        assert {"ines.carvalho", "helen.marsh"} <= set(told(ledger, "is now SEV-3"))

    @pytest.mark.parametrize("severity", [CRITICAL, LOW])
    def test_a_role_that_was_taken_over_stays_with_whoever_took_it(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime, severity: Severity
    ) -> None:
        commander = IncidentRole.INCIDENT_COMMANDER
        desk.hand_over(by_alert, commander, TOMAS.id, "Maya is on a flight", by=TOMAS, at=now)
        desk.classify(by_alert, PERFORMANCE, severity, "looked again", by=TOMAS, at=now)
        assert state(ledger).holder_of(commander.value) == Member(commander.value, TOMAS.id, TOMAS.name)
        (_, last) = of(ledger, TeamAssembled)[0], of(ledger, TeamAssembled)[-1]
        assert isinstance(last, TeamAssembled)
        assert [one.person for one in last.members if one.role == commander.value] == [TOMAS.id]

    def test_nobody_is_told_twice_of_one_moment(
        self, desk: Desk, ledger: Ledger, by_person: str, now: datetime
    ) -> None:
        before = ledger.size()
        desk.classify(by_person, DATA, CRITICAL, "all brokers", by=MAYA, at=now)
        for subject in ("is now SEV-1", "is escalated to you"):
            people = told(ledger, subject, before)
            assert people
            assert len(people) == len(set(people))

    def test_a_category_that_changes_is_told_as_well(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        before = ledger.size()
        desk.classify(by_alert, DATA, HIGH, "the feed is wrong", by=PRIYA, at=now)
        assert "maya.okafor" in told(ledger, "is now SEV-2", before)


class TestAnsweringTogether:
    def test_whoever_comes_second_is_told_who_was_first(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        """One fact however many answer."""
        first = desk.acknowledge(by_alert, by=TOMAS, at=now)
        assert (first.first, first.sentence) == (True, "INC-1 is acknowledged")
        for late in (AISHA, PRIYA, MAYA):
            answer = desk.acknowledge(by_alert, by=late, at=now + MINUTE)
            assert not answer.first
            assert answer.sentence == "Tomas Lind acknowledged INC-1 first, 23 Nov 10:42:00 UTC"
        assert len([one for one in ledger.facts() if one.fact.type == "incident.acknowledged"]) == 1

    def test_accounts_are_compared_and_not_names(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        """Two people can bear one name, and one person can answer twice."""
        namesake = Actor("tomas.lind@harbourstreet.example.org", TOMAS.name)
        desk.acknowledge(by_alert, by=TOMAS, at=now)
        own = desk.acknowledge(by_alert, by=Actor(TOMAS.id, "Tomas Lind-Berg"), at=now + MINUTE)
        assert own.sentence == "You have acknowledged INC-1 already, 23 Nov 10:42:00 UTC"
        other = desk.acknowledge(by_alert, by=namesake, at=now + MINUTE)
        assert other.sentence == f"Tomas Lind ({TOMAS.id}) acknowledged INC-1 first, 23 Nov 10:42:00 UTC"
        assert not own.first
        assert not other.first

    def test_eight_at_once_are_one_fact_and_seven_are_told(
        self, desk: Desk, ledger: Ledger, by_alert: str, now: datetime
    ) -> None:
        people = [Actor(f"p{n}@example.com", f"Person {n}") for n in range(8)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda who: desk.acknowledge(by_alert, by=who, at=now), people))
        (first,) = (answer for answer in answers if answer.first)
        assert {answer.name for answer in answers} == {first.name}
        assert len([one for one in ledger.facts() if one.fact.type == "incident.acknowledged"]) == 1


def test_a_proposal_of_an_older_record_took_effect_also_a_milder_one(now: datetime) -> None:
    """Facts of version 1 say nothing of what stays in force: what they proposed counted."""
    fact = ClassificationProposed(incident="INC-1", category=DATA, severity=LOW, reason="r")
    document = json.loads(encode(fact, WORKER))
    document["v"], document["data"] = 1, {k: v for k, v in document["data"].items() if k != "keeps"}
    _, read = decode(ClassificationProposed.type, document)
    assert read == fact
    graver = Incident(id="INC-1", severity=HIGH, category=DATA)
    assert graver.after(fact, now).severity is LOW
    assert graver.after(replace(fact, keeps=HIGH), now).severity is HIGH
    moved = ClockMoved(incident="INC-1", clock="contain", due=now, limit_seconds=60)
    document = json.loads(encode(moved, WORKER))
    document["v"], document["data"] = 1, {k: v for k, v in document["data"].items() if k != "missed"}
    assert decode(ClockMoved.type, document)[1] == moved
