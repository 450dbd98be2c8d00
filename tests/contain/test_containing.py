"""Containment end to end: decided with authority, applied, proven on the live address, watched, undone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from holdfast.contain import reading
from holdfast.contain.containing import Containing
from holdfast.contain.containment import Containment, Stage
from holdfast.contain.effect import Watch
from holdfast.contain.events import (
    EFFECT_TIMER,
    ContainmentApplied,
    ContainmentApproved,
    ContainmentObeyed,
    Effect,
    EffectObserved,
    Traffic,
    Usual,
)
from holdfast.contain.hearing import Hearing, OnRecord, Requests
from holdfast.contain.probing import TARGET, Answer, Question
from holdfast.contain.switches import Switches, evaluate
from holdfast.contain.watching import LogWatch
from holdfast.detect.engines.duckdb import DuckDB
from holdfast.detect.monitoring import Monitoring
from holdfast.incident import loading, register
from holdfast.incident.events import (
    CauseEstablished,
    Classified,
    Contained,
    ContainmentDecided,
    ContainmentLost,
)
from holdfast.incident.incident import Incident, Status
from holdfast.incident.responding import Desk, Report
from holdfast.integrations.ofrep.prober import OfrepProber
from holdfast.ledger import timers
from holdfast.ledger.facts import Fact, Recorded
from holdfast.ledger.ledger import AlreadyFired, Draft, Ledger
from holdfast.ledger.outbox import MessageQueued
from holdfast.ledger.projections import Scratch, rebuild
from holdfast.people import IncidentRole
from holdfast.prepare.promises import Limits
from holdfast.prepare.terms import Authority, Category, Severity
from holdfast.problems import NotAllowed
from holdfast.wording import utc
from support.company import AISHA, HELEN, INES, MAYA, PRIYA, SAMUEL, TOMAS, WORKER

MINUTE = timedelta(minutes=1)
BROKERS, ONLINE, OFF = "broker-to-review", "online-to-review", "loan-approval-off"
ReadSwitches = Callable[[], Switches]
ENABLED, ROUTE = "loan-approval.enabled", "loan-approval.review"


def incident_state(ledger: Ledger, incident: str) -> Incident:
    return loading.load(ledger, incident).state


def containment(ledger: Ledger, number: str) -> Containment:
    with ledger.reading() as conn:
        return reading.get(conn, number)


def of_type(ledger: Ledger, kind: type[Fact]) -> list[Fact]:
    return [one.fact for one in ledger.facts() if isinstance(one.fact, kind)]


def switch(steps: Containing, incident: str, option: str, now: datetime) -> str:
    """Proposed, approved, applied and seen to be switched, a minute apart."""
    number = steps.propose(incident, option, "brokers sent a faulty batch", by=AISHA, at=now + MINUTE)
    steps.approve(number, by=TOMAS, at=now + 2 * MINUTE)
    assert steps.carry_out(number, by=TOMAS, at=now + 3 * MINUTE)
    return number


def contain(steps: Containing, incident: str, option: str, now: datetime) -> str:
    """Switched, and seen in the log to have stopped the harm."""
    number = switch(steps, incident, option, now)
    steps.watch.says = traffic(now, 0)  # type: ignore[attr-defined]
    steps.observe_effect(number, by=WORKER, at=now + timedelta(hours=3))
    return number


def traffic(now: datetime, answered: int, others: int = 300, expected: float = 40.0) -> Traffic:
    since = now + 4 * MINUTE
    return Traffic(
        since=since,
        until=since + timedelta(hours=2),
        answered=answered,
        settling=1,
        others=others,
        expected=expected,
        usual=Usual(round(expected), others, 0, 1.0),
    )


class Staged:
    """A prober that answers what it is told, or is away, or dies."""

    def __init__(self, answer: Callable[[Question], Answer]) -> None:
        self.answer = answer

    def ask(self, questions: Sequence[Question]) -> Sequence[Answer]:
        return [self.answer(question) for question in questions]


def with_prober(steps: Containing, answer: Callable[[Question], Answer]) -> Containing:
    return Containing(
        steps.ledger, steps.ground_of, steps.read_switches, Staged(answer), steps.watch, steps.link
    )


class Overtaken(Ledger):
    """A ledger on which somebody else is faster, once: just before the first append."""

    meanwhile: Callable[[], object] | None = None

    def append(self, *drafts: Draft, **how: Any) -> tuple[Recorded, ...]:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        return super().append(*drafts, **how)


def overtaken(steps: Containing, meanwhile: Callable[[], object]) -> Containing:
    slow = Overtaken(steps.ledger.database, steps.ledger.projections)
    slow.meanwhile = meanwhile
    return Containing(slow, steps.ground_of, steps.read_switches, steps.prober, steps.watch, steps.link)


class TestTheWholeWay:
    """R-CON-02, R-CON-03, R-CON-07."""

    def test_offers_come_in_order_of_speed(self, steps: Containing, incident: str) -> None:
        offered = steps.offers(incident)
        assert [one.takes for one in offered] == sorted(one.takes for one in offered)
        assert [one.option for one in offered] == [BROKERS, ONLINE, OFF]

    def test_what_holdfasts_own_address_answers_proves_that_it_is_switched_and_no_more(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        """R-CON-09/words."""
        number = switch(steps, incident, BROKERS, now)
        held = containment(ledger, number)
        assert (number, held.stage, held.took) == ("INC-1-C1", Stage.SWITCHED, None)
        assert held.last_probe is not None
        assert [(check.asked, check.answered) for check in held.last_probe.checks] == [
            (f"{ROUTE} for channel=broker", "human_review"),
            (f"{ROUTE} for a request without attributes", "human_review"),
            (f"{ROUTE} for channel=none-of-the-contained", "model"),
        ]
        state = incident_state(ledger, incident)
        assert (state.contained_at, state.switches) == (None, (number,))
        assert of_type(ledger, Contained) == []

    def test_what_was_proposed_for_another_system_is_neither_approved_nor_carried_out(
        self, steps: Containing, desk: Desk, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        """R-CON-08: an incident contains the system that it is about."""
        proposed = steps.propose(incident, BROKERS, "brokers sent a faulty batch", by=AISHA, at=now)
        approved = steps.propose(incident, OFF, "all of it is wrong", by=AISHA, at=now)
        steps.approve(approved, by=TOMAS, at=now)
        desk.name_system(incident, "customer-assistant", reason="it is the assistant", by=MAYA, at=now)
        before = ledger.size()
        for take in (
            lambda: steps.approve(proposed, by=TOMAS, at=now),
            lambda: steps.apply(approved, by=TOMAS, at=now),
        ):
            with pytest.raises(NotAllowed, match="is about customer-assistant now"):
                take()
        assert ledger.size() == before

    def test_what_the_log_shows_and_the_state_stand_in_one_transaction(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        contain(steps, incident, BROKERS, now)
        facts = [one.fact for one in ledger.facts()]
        seen = next(i for i, fact in enumerate(facts) if isinstance(fact, EffectObserved))
        contained = facts[seen + 1]
        assert isinstance(contained, Contained)
        assert contained.proof.startswith("the model answered 0 requests of the contained scope")
        assert incident_state(ledger, incident).status is Status.CONTAINED

    def test_the_model_goes_off_for_everybody(
        self,
        steps: Containing,
        ledger: Ledger,
        incident: str,
        now: datetime,
        read_switches: Callable[[], Switches],
    ) -> None:
        switch(steps, incident, OFF, now)
        assert evaluate(read_switches(), ENABLED, {}).value is False
        assert evaluate(read_switches(), ROUTE, {"channel": "branch"}).value == "human_review"

    def test_the_record_says_who_decided_what_and_how_long_it_took(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        """R-CON-07/recorded."""
        number = contain(steps, incident, BROKERS, now)
        lines = [entry.line.title for entry in register.timeline(register.record(ledger, incident))]
        name = "Broker applications to human review"
        wanted = [
            f"Containment proposed: {name}",
            f"Containment approved: {name}",
            f"Containment decided: {name} (INC-1-C1)",
            f"Switch set: {name}",
            "Probed: the flag address answers by the switch",
            "Effect of containment: the harm stopped",
            "Contained",
        ]
        assert [line for line in lines if line in wanted] == wanted
        done = containment(ledger, number)
        assert done.approved is not None
        assert done.approved.person == TOMAS.id

    def test_messages_say_switched_contained_and_not_contained_when_each_is_so(
        self, steps: Containing, desk: Desk, ledger: Ledger, now: datetime, watch: Watch
    ) -> None:
        """R-ESC-04."""
        report = Report("Approvals fell", system="loan-approval", severity=Severity.CRITICAL)
        critical = desk.open(report, by=INES, at=now)
        seen = len(of_type(ledger, MessageQueued))

        def mailed() -> dict[str, set[str]]:
            """Receivers by what they are told, since last asked."""
            nonlocal seen
            queued = of_type(ledger, MessageQueued)
            told: dict[str, set[str]] = {}
            for one in queued[seen:]:
                assert isinstance(one, MessageQueued)
                if one.about == "containment decided":  # to whoever was asked to approve: see test_asked.py
                    continue
                told.setdefault(one.subject.partition(":")[0], set()).add(one.to)
                assert "running system" not in one.text
            seen = len(queued)
            return told

        number = switch(steps, critical, BROKERS, now)
        assert list(mailed()) == [critical], "switched: the subject goes on with what is known"
        assert steps.probe(number, by=TOMAS, at=now + 4 * MINUTE)
        assert mailed() == {}, "asked again, and nothing new to tell"
        watch.says = traffic(now, 0)  # type: ignore[attr-defined]
        steps.observe_effect(number, by=WORKER, at=now + timedelta(hours=3))
        told = mailed()
        assert list(told) == [f"{critical} is contained"]
        watch.says = traffic(now, 12)  # type: ignore[attr-defined]
        steps.observe_effect(number, by=WORKER, at=now + timedelta(hours=4))
        corrected = mailed()
        assert list(corrected) == [f"{critical} is NOT contained"]
        assert told[f"{critical} is contained"] <= corrected[f"{critical} is NOT contained"]
        steps.observe_effect(number, by=MAYA, at=now + timedelta(hours=5))
        assert mailed() == {}, "it goes on, and was told"

    def test_whoever_was_told_contained_is_told_when_it_is_not_whatever_the_protocol_says(
        self, steps: Containing, desk: Desk, ledger: Ledger, incident: str, now: datetime, watch: Watch
    ) -> None:
        """A reclassified incident has another protocol, and other people in it. R-CON-09/continues."""
        desk.classify(incident, Category.DATA_QUALITY, Severity.CRITICAL, "grave", by=HELEN, at=now)
        number = contain(steps, incident, BROKERS, now)
        told = set(incident_state(ledger, incident).told_contained)
        assert told
        desk.classify(incident, Category.DATA_QUALITY, Severity.LOW, "less", by=HELEN, at=now)
        before = len(of_type(ledger, MessageQueued))
        steps.revert(number, "too many people wait", by=MAYA, at=now + timedelta(hours=5))
        queued = of_type(ledger, MessageQueued)[before:]
        assert told <= {one.to for one in queued if isinstance(one, MessageQueued)}
        assert all("contained" in one.subject for one in queued if isinstance(one, MessageQueued))

    def asked(self, ledger: Ledger) -> dict[str, str]:
        """Receivers of questions whether to contain, and what was written to them."""
        mails = (one for one in of_type(ledger, MessageQueued) if isinstance(one, MessageQueued))
        return {one.to: f"{one.subject}\n{one.text}" for one in mails if "your decision" in one.subject}

    def test_whoever_may_approve_a_proposed_containment_is_told_by_mail_once(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        for _ in range(2):
            steps.propose(incident, BROKERS, "brokers sent a faulty batch", by=AISHA, at=now)
        asked = self.asked(ledger)
        playbook = steps.ground_of(incident_state(ledger, incident)).playbook
        holders = {"incident_commander": MAYA, "technical_lead": TOMAS, "security_lead": SAMUEL}
        able = {holders[role.value].id for role in playbook.roles_with(Authority.CONTAIN)}
        assert set(asked) == able == {MAYA.id, TOMAS.id, SAMUEL.id}
        text = asked[TOMAS.id]
        for said in (
            "INC-1: a containment waits for your decision: Broker applications to human review",
            "Aisha Rahman proposes",
            "Why: brokers sent a faulty batch",
            "Nothing is switched before it is approved.",
            "Decide as technical lead:\nhttps://holdfast.example/INC-1/containment",
        ):
            assert said in text
        assert len([one for one in of_type(ledger, MessageQueued) if "your decision" in one.subject]) == 3  # type: ignore[attr-defined]

    def test_whoever_proposes_is_not_asked_and_a_role_that_was_handed_over_is_asked_where_it_went(
        self, steps: Containing, desk: Desk, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        desk.classify(incident, Category.DATA_QUALITY, Severity.CRITICAL, "grave", by=HELEN, at=now)
        desk.hand_over(incident, IncidentRole.TECHNICAL_LEAD, PRIYA.id, "on leave", by=TOMAS, at=now)
        steps.propose(incident, BROKERS, "brokers sent a faulty batch", by=MAYA, at=now)
        assert set(self.asked(ledger)) == {PRIYA.id, SAMUEL.id}

    def test_a_proposal_that_is_refused_asks_nobody(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        with pytest.raises(NotAllowed):
            steps.propose(incident, "pull-the-plug", "at once", by=AISHA, at=now)
        assert self.asked(ledger) == {}

    def test_rebuilding_gives_the_same_rows(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime, watch: Watch
    ) -> None:
        number = switch(steps, incident, BROKERS, now)
        watch.says = traffic(now, 0)  # type: ignore[attr-defined]
        steps.observe_effect(number, by=MAYA, at=now + timedelta(hours=2))
        scratch = Scratch(ledger.projections)
        for recorded in ledger.facts():
            scratch.apply([recorded])
        with ledger.reading() as conn:
            assert list(scratch.differences(conn)) == []
        scratch.close()
        before = containment(ledger, number)
        rebuild(ledger)
        assert containment(ledger, number) == before


class TestDeciding:
    def test_approval_meets_the_containment_clock(
        self, steps: Containing, desk: Desk, ledger: Ledger, now: datetime
    ) -> None:
        """R-CON-08/clock: a decision within 15 minutes for a critical incident."""
        report = Report("Approvals fell", system="loan-approval", severity=Severity.CRITICAL)
        critical = desk.open(report, by=INES, at=now)
        clock = incident_state(ledger, critical).clocks["contain"]
        assert clock.due == now + 15 * MINUTE
        number = steps.propose(critical, BROKERS, "", by=AISHA, at=now + MINUTE)
        assert incident_state(ledger, critical).clocks["contain"].running
        steps.approve(number, by=TOMAS, at=now + 2 * MINUTE)
        met = incident_state(ledger, critical).clocks["contain"]
        assert (met.met_at, met.kept) == (now + 2 * MINUTE, True)

    def test_deciding_not_to_contain_meets_it_too_and_needs_a_reason(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        with pytest.raises(NotAllowed, match="say why INC-1 is not contained"):
            steps.decide_against(incident, " ", by=MAYA, at=now + MINUTE)
        with pytest.raises(NotAllowed, match="Priya Raman may not"):
            steps.decide_against(incident, "no harm", by=PRIYA, at=now + MINUTE)
        steps.decide_against(incident, "only test traffic is concerned", by=MAYA, at=now + MINUTE)
        (decided,) = of_type(ledger, ContainmentDecided)
        assert decided == ContainmentDecided(
            incident=incident, decision="not to contain", reason="only test traffic is concerned"
        )
        assert not incident_state(ledger, incident).clocks["contain"].running

    def test_not_while_a_containment_is_in_force(
        self, steps: Containing, incident: str, now: datetime
    ) -> None:
        switch(steps, incident, BROKERS, now)
        with pytest.raises(NotAllowed, match=r"INC-1-C1 .* is in force; revert it before"):
            steps.decide_against(incident, "harmless", by=MAYA, at=now + 9 * MINUTE)

    @pytest.mark.parametrize("approved", [False, True], ids=["proposed", "approved"])
    def test_deciding_not_to_contain_makes_void_what_was_not_switched_yet(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime, approved: bool
    ) -> None:
        """R-CON-08: what was decided last holds, and whoever proposed, approved or was asked hears it."""
        first = steps.propose(incident, BROKERS, "a batch", by=AISHA, at=now)
        second = steps.propose(incident, OFF, "all of it", by=AISHA, at=now)
        if approved:
            steps.approve(first, by=TOMAS, at=now)
        size = ledger.size()
        steps.decide_against(incident, "people look at each by hand", by=MAYA, at=now)
        heard = [one.fact for one in ledger.facts(after=size - 1) if isinstance(one.fact, MessageQueued)]
        assert {one.to for one in heard} == {AISHA.id, TOMAS.id, SAMUEL.id}
        assert len(heard) == 3
        assert all(f"{first} (Broker applications to human review) is withdrawn" in one.text for one in heard)
        for number in (first, second):
            void = containment(ledger, number)
            assert (void.stage, void.in_force) == (Stage.WITHDRAWN, False)
            assert void.withdrawn_because == (
                f"{MAYA.name} decided not to contain INC-1: people look at each by hand"
            )
            for take in (steps.approve, steps.apply, steps.probe, steps.carry_out):
                with pytest.raises(NotAllowed, match=rf"{number} .* is void: .* propose it anew"):
                    take(number, by=TOMAS, at=now)
        assert of_type(ledger, ContainmentApplied) == []
        anew = steps.propose(incident, BROKERS, "after all", by=AISHA, at=now)
        assert anew == "INC-1-C3"
        with pytest.raises(NotAllowed, match="is not approved yet"):
            steps.apply(anew, by=TOMAS, at=now)
        steps.approve(anew, by=TOMAS, at=now)
        assert steps.carry_out(anew, by=TOMAS, at=now)

    def test_what_is_being_set_back_is_set_back_whatever_is_decided_meanwhile(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        number = switch(steps, incident, BROKERS, now)
        stuck = with_prober(steps, lambda question: Answer("human_review", 3))
        assert not stuck.revert(number, "fixed", by=MAYA, at=now + 9 * MINUTE)
        steps.decide_against(incident, "no harm", by=MAYA, at=now + 10 * MINUTE)
        assert containment(ledger, number).stage is Stage.REVERTED
        assert steps.probe(number, by=MAYA, at=now + 11 * MINUTE)

    def test_whoever_is_slower_than_a_decision_not_to_contain_switches_nothing(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        number = steps.propose(incident, BROKERS, "a batch", by=AISHA, at=now)
        steps.approve(number, by=TOMAS, at=now)
        slow = overtaken(steps, lambda: steps.decide_against(incident, "no harm", by=MAYA, at=now))
        with pytest.raises(NotAllowed, match="is void"):
            slow.apply(number, by=TOMAS, at=now)

    def test_a_proposal_made_while_somebody_decides_against_is_void_with_the_others(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        later = now + MINUTE
        slow = overtaken(steps, lambda: steps.propose(incident, BROKERS, "a batch", by=AISHA, at=now))
        slow.decide_against(incident, "no harm", by=MAYA, at=later)
        with pytest.raises(NotAllowed, match="is void: it was decided not to contain"):
            steps.approve("INC-1-C1", by=TOMAS, at=later + MINUTE)
        assert steps.propose(incident, BROKERS, "a batch", by=AISHA, at=later + MINUTE) == "INC-1-C2"

    def test_an_approval_that_an_older_version_left_standing_does_not_outlive_the_decision_against_it(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        number = steps.propose(incident, BROKERS, "a batch", by=AISHA, at=now)
        steps.approve(number, by=TOMAS, at=now)
        loaded = loading.load(ledger, incident)
        against = loaded.draft(loaded.state.decide_containment("not to contain", "no harm"))
        ledger.append(against, by=MAYA, at=now + MINUTE)
        with pytest.raises(NotAllowed, match="is void: it was decided not to contain"):
            steps.carry_out(number, by=TOMAS, at=now + 2 * MINUTE)

    def test_an_approval_does_not_outlive_that_the_incident_was_about_another_system_in_between(
        self, steps: Containing, desk: Desk, incident: str, now: datetime
    ) -> None:
        number = steps.propose(incident, BROKERS, "a batch", by=AISHA, at=now)
        steps.approve(number, by=TOMAS, at=now)
        for minute, system in enumerate(("customer-assistant", "loan-approval"), 1):
            desk.name_system(incident, system, reason="looked", by=MAYA, at=now + minute * MINUTE)
        with pytest.raises(NotAllowed, match="is void: it was found to be about loan-approval"):
            steps.carry_out(number, by=TOMAS, at=now + 9 * MINUTE)
        assert steps.propose(incident, BROKERS, "a batch", by=AISHA, at=now + 9 * MINUTE) == "INC-1-C2"

    def test_an_approval_does_not_outlive_that_the_incident_was_resolved(
        self, steps: Containing, desk: Desk, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        desk.classify(incident, Category.DATA_QUALITY, Severity.HIGH, "grave", by=HELEN, at=now)
        number = steps.propose(incident, BROKERS, "a batch", by=AISHA, at=now)
        steps.approve(number, by=TOMAS, at=now)
        desk.acknowledge(incident, by=MAYA, at=now)
        for decide in (
            lambda state: state.establish_cause("a default"),
            lambda state: state.resolve("fixed", Limits({}), now + MINUTE),
        ):
            loaded = loading.load(ledger, incident)
            ledger.append(loaded.draft(decide(loaded.state)), by=MAYA, at=now + MINUTE)
        with pytest.raises(NotAllowed, match="is void: the incident was resolved"):
            steps.carry_out(number, by=TOMAS, at=now + 2 * MINUTE)

    def test_somebody_without_the_authority_is_told_whom_to_ask(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        """R-ESC-05."""
        number = steps.propose(incident, BROKERS, "", by=PRIYA, at=now)
        size = ledger.size()
        with pytest.raises(NotAllowed, match="Priya Raman may not approve containment: that needs the"):
            steps.approve(number, by=PRIYA, at=now)
        with pytest.raises(NotAllowed, match="a person must decide that"):
            steps.approve(number, by=WORKER, at=now)
        assert ledger.size() == size

    def test_nothing_is_applied_before_it_is_approved(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        number = steps.propose(incident, OFF, "", by=MAYA, at=now)
        with pytest.raises(NotAllowed, match=r"INC-1-C1 \(Switch the model off\) is not approved yet"):
            steps.carry_out(number, by=MAYA, at=now)
        assert of_type(ledger, ContainmentApplied) == []

    def test_what_could_not_be_preserved_first_is_said_in_the_approval(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        """R-CON-01/preserved: nothing was frozen here, because the desk of this test has no sources."""
        number = steps.propose(incident, BROKERS, "", by=MAYA, at=now)
        steps.approve(number, by=MAYA, at=now)
        (approved,) = of_type(ledger, ContainmentApproved)
        assert isinstance(approved, ContainmentApproved)
        assert len(approved.not_preserved) == 2
        assert approved.roles == ("incident_commander",)

    def test_an_option_that_does_not_fit_is_refused_with_what_does(
        self, steps: Containing, incident: str, now: datetime
    ) -> None:
        with pytest.raises(NotAllowed, match=f"'rollback' is not offered for INC-1; offered are: {BROKERS}"):
            steps.propose(incident, "rollback", "", by=MAYA, at=now)

    def test_of_a_segment_by_a_key_that_the_log_lacks(
        self,
        ledger: Ledger,
        steps: Containing,
        incident: str,
        now: datetime,
    ) -> None:
        """R-CON-03: a slip of the pen would hold back everybody, and no log could show whether it helps."""

        def knowing(columns: Collection[str] | None) -> Containing:
            parts = (steps.ground_of, steps.read_switches, steps.prober, steps.watch, steps.link)
            return Containing(ledger, *parts, columns=lambda system: columns)

        with pytest.raises(NotAllowed, match='by "channel", which is no column') as refused:
            knowing(("id", "chanel")).propose(incident, BROKERS, "", by=INES, at=now)
        assert "did you mean chanel? its columns are id, chanel" in str(refused.value)
        assert knowing(("id", "Channel")).propose(incident, BROKERS, "", by=INES, at=now)
        assert knowing(None).propose(incident, BROKERS, "", by=INES, at=now), "what the log has is not known"

    def test_the_category_decides_what_is_offered(
        self, steps: Containing, desk: Desk, incident: str, now: datetime
    ) -> None:
        desk.classify(incident, Category.SECURITY_INCIDENT, Severity.HIGH, "tampering", by=HELEN, at=now)
        assert [one.option for one in steps.offers(incident)] == [OFF]

    def test_an_incident_without_a_system_has_nothing_to_contain(
        self, steps: Containing, desk: Desk, now: datetime
    ) -> None:
        number = desk.open(Report("Something odd"), by=INES, at=now)
        assert steps.offers(number) == ()
        with pytest.raises(NotAllowed, match="names no AI system"):
            steps.propose(number, OFF, "", by=MAYA, at=now)

    def test_a_closed_incident_takes_no_containment(
        self, steps: Containing, desk: Desk, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        number = steps.propose(incident, BROKERS, "", by=MAYA, at=now)
        desk.dismiss(incident, "a test", by=HELEN, at=now)
        size = ledger.size()
        for attempt in (
            lambda: steps.propose(incident, OFF, "", by=MAYA, at=now),
            lambda: steps.approve(number, by=MAYA, at=now),
            lambda: steps.apply(number, by=MAYA, at=now),
            lambda: steps.decide_against(incident, "x", by=MAYA, at=now),
        ):
            with pytest.raises(NotAllowed, match="INC-1 is dismissed: its record is archived"):
                attempt()
        assert ledger.size() == size


class TestRepeating:
    """Every step may be repeated, and two people may be equally fast."""

    def test_each_step_twice_is_once(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        number = steps.propose(incident, BROKERS, "", by=AISHA, at=now)
        assert steps.propose(incident, BROKERS, "again", by=MAYA, at=now) == number
        for _ in range(2):
            steps.approve(number, by=MAYA, at=now)
            steps.apply(number, by=MAYA, at=now)
        for kind in (ContainmentApproved, ContainmentApplied, ContainmentDecided):
            assert len(of_type(ledger, kind)) == 1

    def test_two_approvals_at_the_same_moment_are_one(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        number = steps.propose(incident, BROKERS, "", by=AISHA, at=now)
        errors = _at_once(
            [lambda who=who: steps.approve(number, by=who, at=now) for who in (MAYA, TOMAS)] * 3
        )
        assert errors == []
        assert len(of_type(ledger, ContainmentApproved)) == 1
        assert len(of_type(ledger, ContainmentDecided)) == 1

    def test_proposals_at_the_same_moment_get_numbers_of_their_own(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        made: list[str] = []
        errors = _at_once(
            [
                lambda option=option: made.append(steps.propose(incident, option, "", by=MAYA, at=now))
                for option in (BROKERS, ONLINE, OFF)
            ]
        )
        assert errors == []
        assert sorted(made) == ["INC-1-C1", "INC-1-C2", "INC-1-C3"]

    def test_of_two_reverts_the_later_one_opens_the_incident_again(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        """Each decided while the other's containment still held."""
        first, second = contain(steps, incident, BROKERS, now), contain(steps, incident, ONLINE, now)
        slow = overtaken(steps, lambda: steps.revert(second, "fixed", by=MAYA, at=now))
        assert slow.revert(first, "fixed", by=MAYA, at=now)
        assert incident_state(ledger, incident).status is not Status.CONTAINED
        assert len(of_type(ledger, ContainmentLost)) == 1

    @pytest.mark.parametrize("step", ["propose", "approve", "apply"])
    def test_nothing_is_decided_on_an_incident_that_is_dismissed_meanwhile(
        self, steps: Containing, desk: Desk, ledger: Ledger, incident: str, now: datetime, step: str
    ) -> None:
        number = steps.propose(incident, BROKERS, "", by=MAYA, at=now)
        if step == "apply":
            steps.approve(number, by=MAYA, at=now)
        slow = overtaken(steps, lambda: desk.dismiss(incident, "a test", by=HELEN, at=now))
        deeds: dict[str, Callable[[], object]] = {
            "propose": lambda: slow.propose(incident, OFF, "", by=MAYA, at=now),
            "approve": lambda: slow.approve(number, by=MAYA, at=now),
            "apply": lambda: slow.apply(number, by=MAYA, at=now),
        }
        with pytest.raises(NotAllowed, match="INC-1 is dismissed"):
            deeds[step]()


class TestProbing:
    def test_killed_between_apply_and_probe_a_later_probe_goes_on(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        def dies(question: Question) -> Answer:
            raise KeyboardInterrupt

        number = steps.propose(incident, BROKERS, "", by=MAYA, at=now)
        steps.approve(number, by=MAYA, at=now)
        with pytest.raises(KeyboardInterrupt):
            with_prober(steps, dies).carry_out(number, by=MAYA, at=now)
        assert containment(ledger, number).stage is Stage.APPLIED
        assert timers.armed(ledger, f"{number}/effect"), "somebody looks at the effect all the same"
        assert steps.probe(number, by=MAYA, at=now + MINUTE)
        assert containment(ledger, number).stage is Stage.SWITCHED

    def test_an_address_that_is_away_proves_nothing(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        nobody = OfrepProber("http://127.0.0.1:9", timeout_seconds=0.5)
        away = Containing(ledger, steps.ground_of, steps.read_switches, nobody, steps.watch, steps.link)
        number = steps.propose(incident, BROKERS, "", by=MAYA, at=now)
        steps.approve(number, by=MAYA, at=now)
        assert not away.carry_out(number, by=MAYA, at=now)
        failed = containment(ledger, number)
        assert failed.stage is Stage.FAILED
        assert "expected human_review, got no answer from http://127.0.0.1:9 (ConnectError)" in failed.failure
        assert incident_state(ledger, incident).contained_at is None
        assert failed.in_force, "the switch stays set: obeyed late is better than not"
        assert steps.probe(number, by=MAYA, at=now + MINUTE)
        assert containment(ledger, number).stage is Stage.SWITCHED

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            (Answer("model", 3), "got model"),
            (Answer(1, 3), "got 1"),
            (Answer(None, 3, "status 401: who are you"), "got status 401"),
        ],
    )
    def test_a_wrong_answer_proves_nothing(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime, answer: Answer, said: str
    ) -> None:
        number = steps.propose(incident, OFF, "", by=MAYA, at=now)
        steps.approve(number, by=MAYA, at=now)
        assert not with_prober(steps, lambda question: answer).carry_out(number, by=MAYA, at=now)
        assert said in containment(ledger, number).failure
        assert incident_state(ledger, incident).contained_at is None

    def test_containing_more_than_was_decided_proves_nothing_either(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        """One context must stay untouched."""
        number = steps.propose(incident, BROKERS, "", by=MAYA, at=now)
        steps.approve(number, by=MAYA, at=now)
        everyone = with_prober(steps, lambda question: Answer("human_review", 3))
        assert not everyone.carry_out(number, by=MAYA, at=now)
        assert "channel=none-of-the-contained: expected model" in containment(ledger, number).failure

    def test_a_switch_that_is_not_answered_by_any_longer_contains_nothing(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        number = contain(steps, incident, BROKERS, now)
        ignored = with_prober(steps, lambda question: Answer("model", 3))
        later = now + timedelta(hours=4)
        assert not ignored.probe(number, by=MAYA, at=later)
        assert incident_state(ledger, incident).status is not Status.CONTAINED
        (lost,) = of_type(ledger, ContainmentLost)
        assert isinstance(lost, ContainmentLost)
        assert "the flag address does not answer by the switch" in lost.reason
        assert containment(ledger, number).effective_from == later, "what was seen before proves nothing now"

    def test_what_changed_while_it_was_probed_proves_nothing(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        number = switch(steps, incident, OFF, now)

        def reverts(question: Question) -> Answer:
            steps.revert(number, "in a hurry", by=MAYA, at=now + 5 * MINUTE)
            return Answer(False, 3)

        with pytest.raises(NotAllowed, match=r"nothing is left to probe"):
            with_prober(steps, reverts).probe(number, by=MAYA, at=now + 5 * MINUTE)
        assert containment(ledger, number).stage is Stage.RELEASED


class TestEffect:
    """R-CON-09."""

    def test_it_is_unknown_while_there_are_no_data(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        number = switch(steps, incident, BROKERS, now)
        seen = steps.observe_effect(number, by=MAYA, at=now + 10 * MINUTE)
        assert seen.effect is Effect.UNKNOWN
        since = utc(containment(ledger, number).effective_from)
        assert seen.sentence == (
            f"nothing is logged here; no monitor has measured a window that began after {since}; "
            "no request of the application to the switch is known"
        )
        assert incident_state(ledger, incident).contained_at is None

    def test_a_harm_that_continues_is_said_and_takes_the_incident_out_of_containment(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime, watch: Watch
    ) -> None:
        number = contain(steps, incident, BROKERS, now)
        watch.says = traffic(now, 12)  # type: ignore[attr-defined]
        seen = steps.observe_effect(number, by=WORKER, at=now + timedelta(hours=3))
        assert seen.effect is Effect.CONTINUING
        assert seen.sentence.startswith("the model still answered 12 requests of the contained scope between")
        assert incident_state(ledger, incident).status is not Status.CONTAINED
        assert steps.probe(number, by=MAYA, at=now + timedelta(hours=4))
        assert incident_state(ledger, incident).contained_at is None, (
            "a switch that is answered by does not undo the harm"
        )

    def test_that_the_harm_goes_on_is_told_once_until_it_stopped_however_often_nothing_is_known_between(
        self, steps: Containing, desk: Desk, ledger: Ledger, now: datetime, watch: Watch
    ) -> None:
        """R-CON-09: a look that shows nothing new unsays nothing."""
        report = Report("Approvals fell", system="loan-approval", severity=Severity.CRITICAL)
        critical = desk.open(report, by=INES, at=now)
        number = switch(steps, critical, BROKERS, now)
        hours = 2

        def told(answered: int, expected: float = 40.0) -> int:
            nonlocal hours
            hours += 1
            before = len(of_type(ledger, MessageQueued))
            watch.says = traffic(now, answered, expected=expected)  # type: ignore[attr-defined]
            steps.observe_effect(number, by=WORKER, at=now + timedelta(hours=hours))
            queued = of_type(ledger, MessageQueued)[before:]
            return sum("NOT contained" in one.subject for one in queued if isinstance(one, MessageQueued))

        assert told(12) > 0
        for _ in range(2):
            assert told(0, expected=1.0) == 0
            effect = containment(ledger, number).effect
            assert effect is not None
            assert effect.effect is Effect.UNKNOWN
            assert told(12) == 0, "it was told, and has not stopped since"
        assert told(0) == 0
        assert incident_state(ledger, critical).status is Status.CONTAINED
        assert told(0, expected=1.0) == 0
        assert told(12) > 0, "it had stopped in between"

    def test_a_harm_last_seen_to_go_on_in_another_scope_still_stands_in_the_way_when_nothing_new_is_known(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime, watch: Watch
    ) -> None:
        brokers, online = (switch(steps, incident, option, now) for option in (BROKERS, ONLINE))
        for number, answered, expected in ((online, 12, 40.0), (online, 0, 1.0), (brokers, 0, 40.0)):
            watch.says = traffic(now, answered, expected=expected)  # type: ignore[attr-defined]
            steps.observe_effect(number, by=WORKER, at=now + timedelta(hours=3))
        assert incident_state(ledger, incident).contained_at is None

    def test_a_harm_that_stopped_after_all_contains_again(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime, watch: Watch
    ) -> None:
        number = switch(steps, incident, BROKERS, now)
        for answered in (12, 0):
            watch.says = traffic(now, answered)  # type: ignore[attr-defined]
            steps.observe_effect(number, by=WORKER, at=now + timedelta(hours=3))
        assert containment(ledger, number).effect.effect is Effect.STOPPED  # type: ignore[union-attr]
        assert incident_state(ledger, incident).status is Status.CONTAINED

    def test_the_system_records_it_only_when_it_changed(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        number = switch(steps, incident, BROKERS, now)
        sizes = []
        for _ in range(2):
            steps.observe_effect(number, by=WORKER, at=now + timedelta(hours=3))
            sizes.append(ledger.size())
        assert sizes[0] == sizes[1]

    def test_it_is_looked_at_as_long_as_the_switch_is_set(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime, watch: Watch
    ) -> None:
        number = switch(steps, incident, BROKERS, now)
        looks = []
        at = now
        for _ in range(4):
            (timer,) = timers.armed(ledger, f"{number}/effect")
            assert timer.kind == EFFECT_TIMER
            looks.append(timer.due - at)
            at = timer.due
            steps.look_again(timer, WORKER, at)
        assert looks[-1] > looks[1] >= timedelta(minutes=5)
        with pytest.raises(AlreadyFired):
            steps.look_again(timer, WORKER, at)
        watch.says = traffic(now, 0)  # type: ignore[attr-defined]
        (timer,) = timers.armed(ledger, f"{number}/effect")
        at = timer.due
        steps.look_again(timer, WORKER, at)
        (timer,) = timers.armed(ledger, f"{number}/effect")
        assert timer.due == at + timedelta(days=1), "an application may forget the switch"
        watch.says = traffic(now, 3)  # type: ignore[attr-defined]
        steps.look_again(timer, WORKER, timer.due)
        assert incident_state(ledger, incident).contained_at is None

    def test_nothing_is_observed_before_it_is_applied(
        self, steps: Containing, incident: str, now: datetime
    ) -> None:
        number = steps.propose(incident, BROKERS, "", by=MAYA, at=now)
        with pytest.raises(NotAllowed, match="is proposed; there is no effect to observe"):
            steps.observe_effect(number, by=MAYA, at=now)


def every_twenty_minutes(now: datetime, hours: int) -> list[datetime]:
    """From a day before until so many hours after."""
    return [now + 20 * MINUTE * number for number in range(-72, 3 * hours)]


class TestEffectInARealLog:
    """R-CON-09: the same steps, with the prediction log itself as the witness."""

    def write(self, folder: Path, rows: Sequence[tuple[datetime, str]], by_people: bool = False) -> None:
        """`by_people`: whether the last row has no prediction."""
        (folder / "logs").mkdir(exist_ok=True)
        lines = [
            "id,timestamp,approved,score,model_version,applicant_id,channel,income,employment_years"
            ",debt_to_income,loan_amount,previous_loans"
        ]
        for number, (at, channel) in enumerate(rows):
            said = "," if by_people and number == len(rows) - 1 else "1,0.8"
            lines.append(f"{number},{at.isoformat()},{said},3.2.0,A{number},{channel},3000,4,0.2,9000,1")
        log = folder / "logs" / "loan-approval"
        log.mkdir(exist_ok=True)
        (log / "log.csv").write_text("\n".join(lines))

    def test_brokers_fall_silent_while_others_are_answered(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime, tmp_path: Path
    ) -> None:
        monitoring = Monitoring(ledger, tmp_path, DuckDB)
        watch = LogWatch(tmp_path, DuckDB, monitoring.measured_since)
        watched = Containing(ledger, steps.ground_of, steps.read_switches, steps.prober, watch, steps.link)
        times = every_twenty_minutes(now, 12)
        before = [(time, "broker") for time in times if time < now]
        branch = [(time, "branch") for time in times]
        self.write(tmp_path, [*before, *branch])
        number = switch(watched, incident, BROKERS, now)
        early = watched.observe_effect(number, by=MAYA, at=now + 10 * MINUTE)
        assert (early.effect, early.traffic is not None) == (Effect.UNKNOWN, True)
        later = now + timedelta(hours=9)
        stopped = watched.observe_effect(number, by=MAYA, at=later)
        assert stopped.effect is Effect.STOPPED, stopped.sentence
        assert "where about 26 were to be expected; of other requests it answered 26" in stopped.sentence
        self.write(tmp_path, [*before, *branch, (now + timedelta(hours=8), "broker")])
        again = watched.observe_effect(number, by=WORKER, at=later)
        assert again.effect is Effect.CONTINUING
        assert incident_state(ledger, incident).status is not Status.CONTAINED

    @pytest.mark.parametrize("option", [BROKERS, OFF])
    def test_a_log_that_stopped_contains_nothing_whatever_single_row_comes_late(
        self,
        steps: Containing,
        ledger: Ledger,
        incident: str,
        now: datetime,
        tmp_path: Path,
        option: str,
    ) -> None:
        """R-CON-09: it is silent of everybody."""
        watch = LogWatch(tmp_path, DuckDB, Monitoring(ledger, tmp_path, DuckDB).measured_since)
        watched = Containing(ledger, steps.ground_of, steps.read_switches, steps.prober, watch, steps.link)
        before = every_twenty_minutes(now, 0)
        late = (now + timedelta(hours=33), "branch")
        rows = [(time, channel) for time in before for channel in ("broker", "branch")]
        number = switch(watched, incident, option, now)
        self.write(tmp_path, [*rows, late], by_people=option == OFF)
        seen = watched.observe_effect(number, by=WORKER, at=now + timedelta(hours=43))
        assert seen.effect is Effect.UNKNOWN
        assert "is not seen to go on as usual" in seen.sentence
        assert incident_state(ledger, incident).contained_at is None
        assert of_type(ledger, Contained) == []

    def test_an_application_that_obeys_late_is_seen_to_obey(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime, tmp_path: Path
    ) -> None:
        """Without revert and propose anew: what counts is what came after the harm was last seen.

        R-CON-09/late.
        """
        watch = LogWatch(tmp_path, DuckDB, Monitoring(ledger, tmp_path, DuckDB).measured_since)
        watched = Containing(ledger, steps.ground_of, steps.read_switches, steps.prober, watch, steps.link)
        times = every_twenty_minutes(now, 24)
        obeys_at = now + timedelta(hours=6)
        brokers = [(time, "broker") for time in times if time < obeys_at]
        self.write(tmp_path, [*brokers, *((time, "branch") for time in times)])
        number = switch(watched, incident, BROKERS, now)
        seen = watched.observe_effect(number, by=MAYA, at=obeys_at)
        assert seen.effect is Effect.CONTINUING
        assert watched.observe_effect(number, by=MAYA, at=obeys_at + MINUTE).effect is Effect.UNKNOWN
        assert incident_state(ledger, incident).contained_at is None
        late = watched.observe_effect(number, by=MAYA, at=now + timedelta(hours=12))
        assert late.effect is Effect.STOPPED, late.sentence
        assert incident_state(ledger, incident).contained_at == now + timedelta(hours=12)


class TestHearingTheApplication:
    """Holdfast asking itself shows nothing of the application; requests that it did not send do."""

    def test_requests_that_are_not_holdfasts_own_are_counted_and_said(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime, address: str
    ) -> None:
        number = switch(steps, incident, BROKERS, now)
        assert containment(ledger, number).obeyed is None, "the probe is not the application"
        ask(address, {"targetingKey": "a-1", "channel": "branch"})
        assert containment(ledger, number).obeyed is None, "the request is outside the contained scope"
        assert ask(address, {"targetingKey": "a-2", "channel": "broker"}) == "human_review"
        wait_until(lambda: containment(ledger, number).obeyed is not None)
        obeyed = containment(ledger, number)
        assert (obeyed.stage, obeyed.standing) == (Stage.OBEYED, "obeyed, effect not shown yet")
        assert incident_state(ledger, incident).contained_at is None
        ask(address, {"targetingKey": "a-3", "channel": "broker"})
        assert len(of_type(ledger, ContainmentObeyed)) == 1

    def test_asking_for_all_flags_at_once_is_asking_too(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime, address: str
    ) -> None:
        number = switch(steps, incident, OFF, now)
        httpx.post(f"{address}/ofrep/v1/evaluate/flags", json={"context": {"targetingKey": "a-1"}})
        wait_until(lambda: containment(ledger, number).obeyed is not None)

    def test_nothing_is_heard_before_the_switch_is_set_or_after_it_is_back(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime, address: str
    ) -> None:
        number = steps.propose(incident, BROKERS, "", by=MAYA, at=now)
        steps.approve(number, by=MAYA, at=now)
        ask(address, {"targetingKey": "a-1", "channel": "broker"})
        steps.carry_out(number, by=MAYA, at=now)
        steps.revert(number, "fixed", by=MAYA, at=now)
        ask(address, {"targetingKey": "a-2", "channel": "broker"})
        steps.heard(number, Requests(1, now, now), by=WORKER, at=now)
        assert of_type(ledger, ContainmentObeyed) == []

    def test_two_processes_add_up_and_the_probe_is_left_out(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        number = switch(steps, incident, BROKERS, now)
        answer = evaluate(steps.read_switches(), ROUTE, {"channel": "broker"})

        def tell(containment: str, more: Requests) -> OnRecord:
            return steps.heard(containment, more, by=WORKER, at=now)

        for one in [Hearing(lambda: now, tell) for _ in range(2)]:
            one.heard([answer], {"targetingKey": TARGET, "channel": "broker"})
            for _ in range(50):
                one.heard([answer], {"targetingKey": "a", "channel": "broker"})
        wait_until(lambda: containment(ledger, number).requests >= 10)
        told = [fact.requests for fact in of_type(ledger, ContainmentObeyed)]
        assert told == sorted(told)
        assert told[-1] <= 100
        assert len(told) <= 3

    def test_a_count_that_could_not_be_told_of_is_told_of_later(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        number = switch(steps, incident, BROKERS, now)
        answer = evaluate(steps.read_switches(), ROUTE, {"channel": "broker"})
        tried: list[str] = []

        def tell(containment: str, more: Requests) -> OnRecord:
            tried.append(containment)
            if len(tried) == 1:
                raise RuntimeError("the database is away")
            return steps.heard(containment, more, by=WORKER, at=now)

        Hearing(lambda: now, tell).heard([answer], {"channel": "broker"})
        wait_until(lambda: containment(ledger, number).stage is Stage.OBEYED)
        assert (len(tried), containment(ledger, number).requests) == (2, 1)

    def test_each_power_of_ten_is_a_fact_and_the_first_request_stays_the_first(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        number = switch(steps, incident, BROKERS, now)
        for minute, more in enumerate((1, 8, 9, 89, 90)):
            at = now + minute * MINUTE
            steps.heard(number, Requests(more, at, at), by=WORKER, at=at)
        told = [(fact.requests, fact.first_at) for fact in of_type(ledger, ContainmentObeyed)]
        assert told == [(1, now), (10, now), (100, now)]


def ask(address: str, context: Mapping[str, str]) -> str:
    answer = httpx.post(f"{address}/ofrep/v1/evaluate/flags/{ROUTE}", json={"context": dict(context)})
    return str(answer.json()["value"])


def wait_until(holds: Callable[[], bool]) -> None:
    """What is recorded after the answer went out takes a moment."""
    for _ in range(200):
        if holds():
            return
        time.sleep(0.02)
    assert holds()


class TestReverting:
    """R-CON-07: it can be undone."""

    def test_it_is_back_only_when_it_was_seen_to_be(
        self,
        steps: Containing,
        ledger: Ledger,
        incident: str,
        now: datetime,
        read_switches: Callable[[], Switches],
    ) -> None:
        """R-CON-07/undone."""
        number = switch(steps, incident, BROKERS, now)
        assert steps.revert(number, "the batch was corrected", by=MAYA, at=now + 9 * MINUTE)
        done = containment(ledger, number)
        assert (done.stage, done.revert_reason) == (Stage.RELEASED, "the batch was corrected")
        assert evaluate(read_switches(), ROUTE, {"channel": "broker"}).value == "model"
        assert timers.armed(ledger, f"{number}/effect") == []
        assert incident_state(ledger, incident).status is not Status.CONTAINED

    def test_killed_after_the_switch_went_back_a_later_probe_goes_on(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        def dies(question: Question) -> Answer:
            raise KeyboardInterrupt

        number = switch(steps, incident, BROKERS, now)
        with pytest.raises(KeyboardInterrupt):
            with_prober(steps, dies).revert(number, "fixed", by=MAYA, at=now + 9 * MINUTE)
        assert containment(ledger, number).stage is Stage.REVERTED
        assert steps.probe(number, by=MAYA, at=now + 10 * MINUTE)
        assert containment(ledger, number).stage is Stage.RELEASED

    def test_a_switch_that_is_not_seen_to_be_back_says_so(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        number = switch(steps, incident, BROKERS, now)
        stuck = with_prober(steps, lambda question: Answer("human_review", 3))
        assert not stuck.revert(number, "fixed", by=MAYA, at=now + 9 * MINUTE)
        assert containment(ledger, number).stage is Stage.REVERTED

    def test_it_needs_authority_and_a_reason(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        """R-ESC-05."""
        number = switch(steps, incident, BROKERS, now)
        size = ledger.size()
        with pytest.raises(NotAllowed, match="Priya Raman may not undo containment"):
            steps.revert(number, "I say so", by=PRIYA, at=now + 9 * MINUTE)
        with pytest.raises(NotAllowed, match="say why INC-1-C1"):
            steps.revert(number, "  ", by=MAYA, at=now + 9 * MINUTE)
        assert ledger.size() == size

    def test_another_containment_keeps_the_incident_contained(
        self,
        steps: Containing,
        ledger: Ledger,
        incident: str,
        now: datetime,
        read_switches: Callable[[], Switches],
    ) -> None:
        brokers, online = contain(steps, incident, BROKERS, now), contain(steps, incident, ONLINE, now)
        assert steps.revert(brokers, "fixed", by=MAYA, at=now + 9 * MINUTE)
        assert evaluate(read_switches(), ROUTE, {"channel": "online"}).value == "human_review"
        assert incident_state(ledger, incident).status is Status.CONTAINED
        assert steps.revert(online, "fixed", by=MAYA, at=now + 10 * MINUTE)
        assert incident_state(ledger, incident).status is not Status.CONTAINED

    def test_an_incident_is_not_contained_while_its_harm_goes_on_in_another_scope(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime, watch: Watch
    ) -> None:
        brokers, online = switch(steps, incident, BROKERS, now), switch(steps, incident, ONLINE, now)
        for number, answered in ((online, 5), (brokers, 0), (brokers, 0)):
            watch.says = traffic(now, answered)  # type: ignore[attr-defined]
            steps.observe_effect(number, by=MAYA, at=now + timedelta(hours=3))
        assert containment(ledger, brokers).stage is Stage.CONTAINED
        assert incident_state(ledger, incident).contained_at is None
        watch.says = traffic(now, 0)  # type: ignore[attr-defined]
        steps.observe_effect(online, by=MAYA, at=now + timedelta(hours=4))
        assert incident_state(ledger, incident).status is Status.CONTAINED

    def test_an_incident_whose_switch_is_set_is_not_dismissed(
        self, steps: Containing, desk: Desk, incident: str, now: datetime
    ) -> None:
        """Contained or not: a model that is off belongs to a running incident."""
        number = switch(steps, incident, OFF, now)
        with pytest.raises(NotAllowed, match="has an active containment; revert it before dismissing"):
            desk.dismiss(incident, "a false alarm", by=HELEN, at=now + 9 * MINUTE)
        steps.revert(number, "a false alarm", by=MAYA, at=now + 9 * MINUTE)
        desk.dismiss(incident, "a false alarm", by=HELEN, at=now + 10 * MINUTE)

    def test_after_closing_it_can_still_be_undone_and_leaves_the_incident_as_it_was(
        self, steps: Containing, desk: Desk, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        desk.classify(incident, Category.DATA_QUALITY, Severity.HIGH, "grave", by=HELEN, at=now)
        number = switch(steps, incident, BROKERS, now)
        loaded = loading.load(ledger, incident)
        answered = loaded.state.acknowledge(MAYA)
        said = Classified(incident=incident, category=Category.DATA_QUALITY, severity=Severity.HIGH)
        cause = CauseEstablished(incident=incident, cause="a default")
        state = loaded.state
        for fact in (*answered, said, cause):
            state = state.after(fact, now)
        closing = [*answered, said, cause, *state.resolve("fixed", Limits({}), now)]
        ledger.append(loaded.draft(closing), by=MAYA, at=now)
        loaded = loading.load(ledger, incident)
        ledger.append(loaded.draft(loaded.state.close("done", False, "0" * 64, now)), by=MAYA, at=now)
        before = loading.load(ledger, incident).version
        (timer,) = timers.armed(ledger, f"{number}/effect")
        steps.look_again(timer, WORKER, timer.due)
        assert timers.armed(ledger, f"{number}/effect") == []
        with pytest.raises(NotAllowed, match="archived"):
            steps.probe(number, by=MAYA, at=now + timedelta(days=1))
        assert steps.revert(number, "released with version 3.3", by=MAYA, at=now + timedelta(days=1))
        assert loading.load(ledger, incident).version == before

    def test_whoever_heard_of_a_switch_hears_that_it_was_set_back(
        self, steps: Containing, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        number = switch(steps, incident, BROKERS, now)
        steps.revert(number, "the feed is fixed", by=MAYA, at=now + 9 * MINUTE)
        messages = [one.fact for one in ledger.facts() if isinstance(one.fact, MessageQueued)]
        switched = {one.to for one in messages if one.about == "switched"}
        back = [one for one in messages if one.about == "reverted"]
        assert switched
        assert {one.to for one in back} >= switched
        assert all("the feed is fixed" in one.text for one in back)

    def test_what_was_never_applied_cannot_be_reverted(
        self, steps: Containing, incident: str, now: datetime
    ) -> None:
        number = steps.propose(incident, BROKERS, "", by=MAYA, at=now)
        with pytest.raises(NotAllowed, match="was never applied"):
            steps.revert(number, "x", by=MAYA, at=now)


class TestReading:
    def test_pages_read_what_is_in_force_and_what_was(
        self, steps: Containing, desk: Desk, ledger: Ledger, incident: str, now: datetime
    ) -> None:
        other = desk.open(Report("Another", system="loan-approval"), by=INES, at=now)
        first, second = switch(steps, incident, BROKERS, now), switch(steps, other, OFF, now)
        steps.revert(first, "fixed", by=MAYA, at=now + 9 * MINUTE)
        with ledger.reading() as conn:
            assert [one.id for one in reading.active(conn, "loan-approval")] == [second]
            assert [one.id for one in reading.active(conn)] == [second]
            assert [one.stage for one in reading.containments_of(conn, incident)] == [Stage.RELEASED]
            assert reading.get(conn, "INC-9-C9") == Containment()

    def test_an_unknown_number_is_said_to_be_unknown(self, steps: Containing, now: datetime) -> None:
        with pytest.raises(reading.NoSuchContainment, match="there is no containment INC-7-C1"):
            steps.probe("INC-7-C1", by=MAYA, at=now)


def _at_once(deeds: Sequence[Callable[[], object]]) -> list[BaseException]:
    """Do all of this at the same moment; what went wrong."""
    barrier = threading.Barrier(len(deeds))
    errors: list[BaseException] = []

    def run(deed: Callable[[], object]) -> None:
        barrier.wait()
        try:
            deed()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors
