"""What people stated of two incidents that become one is not lost, and no machine's word replaces it
(R-DET-15, R-CLS-03, R-IMP-01). Pure, in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast.incident.events import (
    FLAGS,
    Absorbed,
    Acknowledged,
    BeginningStated,
    ClassificationProposed,
    ClassificationStated,
    Classified,
    ClockBreached,
    ClockMet,
    ClockMoved,
    ClockStarted,
    ContainmentDecided,
    ImpactNoted,
    IncidentFact,
    IncidentOpened,
    SystemNamed,
)
from holdfast.incident.incident import Incident, Status, fold
from holdfast.learn.measures import measures
from holdfast.ledger.facts import decode
from holdfast.prepare.promises import Limits
from holdfast.prepare.terms import Category, Severity

NOW = datetime(2026, 11, 23, 10, 31, 7, 123456, tzinfo=UTC)
EARLY, LATE = NOW - timedelta(hours=9), NOW - timedelta(hours=2)
RULES, OTHER, THIRD = Category.PERFORMANCE_DEGRADATION, Category.DATA_QUALITY, Category.COMPLIANCE_VIOLATION
CRITICAL, HIGH, LOW = Severity.CRITICAL, Severity.HIGH, Severity.LOW


def incident(number: int, *facts: IncidentFact, began: datetime | None = None) -> Incident:
    """One that a monitor opened, as the rules propose it, with what followed."""
    me = f"INC-{number}"
    opened = IncidentOpened(
        incident=me,
        title=f"Letters {number}",
        source="alert",
        system="letters",
        began_at=began,
        playbook="ab",
        playbook_version="1.0",
    )
    proposed = ClassificationProposed(incident=me, category=RULES, severity=HIGH, reason="rule")
    return fold((replace(fact, incident=me), NOW) for fact in (opened, proposed, *facts))


def merged(one: Incident, two: Incident) -> tuple[Incident, Sequence[IncidentFact]]:
    """`one` was merged into `two`, and the rules were asked again."""
    facts = two.absorb(one, "the same letters")
    state = two
    for fact in facts:
        state = state.after(fact, NOW)
    again = state.propose(state.stated_category or RULES, LOW, "rule")
    return fold_on(state, again), facts


def fold_on(state: Incident, facts: Sequence[IncidentFact]) -> Incident:
    for fact in facts:
        state = state.after(fact, NOW)
    return state


def line(facts: Sequence[IncidentFact]) -> str:
    (told,) = (fact.line() for fact in facts if isinstance(fact, Absorbed))
    return f"{told.title}. {told.detail}"


def began(at: datetime) -> BeginningStated:
    return BeginningStated(incident="", began_at=at)


def reported(severity: Severity | None, category: Category | None = None, **rest: Severity) -> IncidentFact:
    return ClassificationStated(incident="", severity=severity, category=category, **rest)


def decided(severity: Severity, category: Category = RULES) -> IncidentFact:
    return Classified(incident="", category=category, severity=severity)


# When it began -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "here", "at", "said"),
    [
        (incident(1, began=EARLY), incident(2, began=LATE), EARLY, False),
        (incident(1, began=LATE), incident(2, began=EARLY), EARLY, False),
        (incident(1, began(LATE), began=EARLY), incident(2, began=EARLY), LATE, True),
        (incident(1, began=EARLY), incident(2, began(LATE), began=EARLY), LATE, True),
        (incident(1, began(EARLY)), incident(2, began(LATE)), EARLY, True),
        (incident(1, began(LATE)), incident(2, began(EARLY)), EARLY, True),
        (incident(1, began(LATE)), incident(2), LATE, True),
        (incident(1), incident(2, began(LATE)), LATE, True),
        (incident(1), incident(2), None, False),
    ],
    ids=[
        "machines: the earlier, there",
        "machines: the earlier, here",
        "a person there, a machine here",
        "a machine there, a person here",
        "people: the earlier, there",
        "people: the earlier, here",
        "a person there, nobody here",
        "nobody there, a person here",
        "nobody",
    ],
)
def test_when_it_began_is_as_a_person_says_and_of_two_people_the_earlier(
    there: Incident, here: Incident, at: datetime | None, said: bool
) -> None:
    state, _ = merged(there, here)
    assert (state.began_at, state.began_said) == (at, said)


def test_that_two_people_disagree_on_the_beginning_is_said() -> None:
    _, facts = merged(incident(1, began(LATE)), incident(2, began(EARLY)))
    assert f"began {LATE:%d %b %H:%M UTC}, as a person says there" in line(facts)


# What it is, and how grave -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "there_said", [reported(None, OTHER), decided(HIGH, OTHER), reported(LOW, OTHER, keeps=HIGH)]
)
def test_a_category_that_a_person_stated_there_stands_against_the_rules_here(
    there_said: IncidentFact,
) -> None:
    state, _ = merged(incident(1, there_said), incident(2))
    assert (state.category, state.stated_category) == (OTHER, OTHER)
    other_way, _ = merged(incident(2), incident(1, there_said))
    assert (other_way.category, other_way.stated_category) == (OTHER, OTHER)


@pytest.mark.parametrize("here_said", [reported(None, THIRD), decided(HIGH, THIRD)])
@pytest.mark.parametrize("there_said", [reported(None, OTHER), decided(HIGH, OTHER)])
def test_of_two_people_the_one_here_rules_and_what_the_other_said_is_said(
    here_said: IncidentFact, there_said: IncidentFact
) -> None:
    state, facts = merged(incident(1, there_said), incident(2, here_said))
    assert state.category is THIRD
    assert f"{OTHER.label.lower()}, as a person says" in line(facts)


@pytest.mark.parametrize(
    ("there", "here", "severity"),
    [
        ([reported(CRITICAL)], [], CRITICAL),
        ([], [reported(CRITICAL)], CRITICAL),
        ([decided(CRITICAL)], [], CRITICAL),
        ([decided(LOW)], [], HIGH),
        ([], [decided(LOW)], HIGH),
        ([decided(CRITICAL)], [decided(LOW)], CRITICAL),
        ([decided(LOW)], [decided(CRITICAL)], CRITICAL),
    ],
)
def test_a_severity_that_a_person_stated_is_lowered_by_no_machine(
    there: list[IncidentFact], here: list[IncidentFact], severity: Severity
) -> None:
    state, _ = merged(incident(1, *there), incident(2, *here))
    assert state.severity is severity


@pytest.mark.parametrize(
    ("there", "here", "severity", "confirmed"),
    [
        ([decided(LOW)], [], HIGH, False),
        ([], [decided(LOW)], HIGH, False),
        ([reported(CRITICAL)], [decided(HIGH)], CRITICAL, False),
        ([decided(HIGH)], [reported(CRITICAL)], CRITICAL, False),
        ([decided(HIGH)], [], HIGH, True),
        ([], [decided(HIGH)], HIGH, True),
        ([decided(CRITICAL)], [decided(LOW)], CRITICAL, True),
        ([decided(LOW)], [decided(CRITICAL)], CRITICAL, True),
    ],
)
def test_the_graver_is_in_force_and_confirmed_only_where_a_person_confirmed_that_one(
    there: list[IncidentFact], here: list[IncidentFact], severity: Severity, confirmed: bool
) -> None:
    """R-CLS-03: what a person decided on the milder one lowers nothing of the graver one."""
    state, _ = merged(incident(1, *there), incident(2, *here))
    assert (state.severity, state.classified_at is not None) == (severity, confirmed)
    assert state.status is (Status.OPEN if confirmed else Status.TRIAGE)
    lowered = fold_on(state, [decided(LOW)])
    assert (lowered.severity, lowered.status) == (LOW, Status.OPEN), "a person lowers it afterwards"


def test_what_was_reported_as_graver_counts_however_often_it_is_merged() -> None:
    between, _ = merged(incident(1, reported(CRITICAL, OTHER)), incident(2))
    state, _ = merged(between, incident(3, decided(LOW)))
    assert (state.severity, state.classified_at) == (CRITICAL, None)
    assert state.stated_severity is CRITICAL


def test_a_report_of_one_thing_leaves_what_was_reported_of_the_other() -> None:
    """R-CLS-03: also where nothing is merged, whoever reports second."""
    state = incident(1, reported(None, OTHER), reported(CRITICAL))
    again = fold_on(state, state.propose(RULES, LOW, "rule"))
    assert (again.category, again.severity) == (OTHER, CRITICAL)
    state = incident(1, reported(CRITICAL), reported(None, OTHER))
    assert state.stated is not None
    assert (state.stated.severity, state.stated.category) == (CRITICAL, OTHER)


def test_a_model_version_of_the_other_incident_is_said_where_this_one_names_another() -> None:
    named = SystemNamed(incident="", system="letters", model_version="2.1")
    other = replace(named, model_version="2.0")
    state, facts = merged(incident(1, named), incident(2, other))
    assert state.model_version == "2.0"
    assert "version 2.1" in line(facts)
    state, facts = merged(incident(1, named), incident(2))
    assert state.model_version == "2.1"


# What was answered and promised ------------------------------------------------------------------

DAYS = timedelta(days=1)
OLD, OPENED = NOW - 9 * DAYS, NOW - timedelta(minutes=5)
LIMITS = Limits({"acknowledge": timedelta(hours=1), "contain": 10 * DAYS, "resolve": 20 * DAYS})
ANSWERED = Acknowledged(incident="", person="maya", name="Maya")
DECIDED_NONE = ContainmentDecided(incident="", decision="none", reason="small")


def running(number: int, at: datetime, *later: tuple[IncidentFact, timedelta]) -> Incident:
    """One that was opened at a time, with its clocks and what followed after how long."""
    state = incident(number)
    opened = IncidentOpened(
        incident=state.id, title="Letters", source="person", playbook="ab", playbook_version="1.0"
    )
    state = fold([(opened, at)])
    proposed = ClassificationProposed(incident=state.id, category=RULES, severity=HIGH, reason="rule")
    state = state.after(proposed, at)
    for fact in state.follow_promises(LIMITS, at):
        state = state.after(fact, at)
    for told, wait in later:
        told = replace(told, incident=state.id)
        for fact in [told, *state.keep_promises([told], LIMITS, at + wait)]:
            state = state.after(fact, at + wait)
    return state


def gone_on(one: Incident, two: Incident) -> tuple[Incident, Sequence[IncidentFact]]:
    """`one` merged into `two`, and the clocks that follow from it."""
    facts = two.absorb(one, "the same letters")
    clocks = two.keep_promises(facts, LIMITS, NOW)
    return fold_on(fold_on(two, facts), clocks), clocks


HOUR = timedelta(hours=1)
OLDER_ANSWERED = running(1, OLD, (ANSWERED, HOUR / 2), (decided(HIGH), HOUR))
NEW = running(2, OPENED)


@pytest.mark.parametrize(("one", "two"), [(OLDER_ANSWERED, NEW), (NEW, OLDER_ANSWERED)], ids=["in", "from"])
def test_an_answer_a_confirmation_and_the_earlier_opening_count_whichever_is_merged(
    one: Incident, two: Incident
) -> None:
    """R-DET-15, R-ESC-03."""
    state, clocks = gone_on(one, two)
    assert state.opened_at == OLD
    assert (state.acknowledged_at, state.acknowledged_by) == (OLD + HOUR / 2, "Maya")
    assert state.classified_at == OLD + HOUR
    acknowledge, resolve = state.clocks["acknowledge"], state.clocks["resolve"]
    assert (acknowledge.met_at, acknowledge.due, acknowledge.kept) == (OLD + HOUR / 2, OLD + HOUR, True)
    assert (resolve.running, resolve.due) == (True, OLD + 20 * DAYS)
    assert not any(isinstance(fact, ClockStarted | ClockMet) for fact in clocks)
    again = [fact for fact in clocks if isinstance(fact, ClockMoved)]
    assert {fact.clock for fact in again} == ({"contain", "resolve"} if two is NEW else set())


def test_a_promise_broken_there_stays_broken_here_and_is_counted_once() -> None:
    broken = ClockBreached(incident="", clock="acknowledge", due=OLD + HOUR)
    late = running(1, OLD, (broken, HOUR))
    answered = running(2, OPENED, (ANSWERED, timedelta(minutes=1)))
    state, clocks = gone_on(late, answered)
    assert [breach.due for breach in state.clocks["acknowledge"].breaches] == [OLD + HOUR]
    assert not state.clocks["acknowledge"].kept
    assert not any(fact.clock == "acknowledge" for fact in clocks if isinstance(fact, ClockMoved))
    ended = fold_on(late, late.merge_into(answered, "the same", NOW))
    kept = measures([state, ended], 0, NOW).kept["acknowledge"]
    assert (kept.kept, kept.of) == (0, 1)
    waits, moved = gone_on(late, NEW)
    assert waits.clocks["acknowledge"].breached
    assert [
        fact.missed for fact in moved if isinstance(fact, ClockMoved) and fact.clock == "acknowledge"
    ] == [True]


def test_a_promise_that_runs_there_only_goes_on_here_from_when_it_counted() -> None:
    bare = replace(NEW, clocks={})
    state, clocks = gone_on(running(1, OLD), bare)
    assert {fact.clock: fact.due for fact in clocks if isinstance(fact, ClockStarted)} == {
        "acknowledge": OLD + HOUR,
        "contain": OLD + 10 * DAYS,
        "resolve": OLD + 20 * DAYS,
    }
    assert all(clock.running and not clock.rounds for clock in state.clocks.values())


def test_a_decision_on_containment_made_there_is_made() -> None:
    state, _ = gone_on(running(1, OLD, (DECIDED_NONE, HOUR)), NEW)
    assert state.containment_decided
    assert state.clocks["contain"].met_at == OLD + HOUR


def test_what_a_merger_answers_waits_for_nothing_more() -> None:
    (absorbed,) = NEW.absorb(OLDER_ANSWERED, "the same letters")
    answer = Acknowledged(incident=NEW.id, person="maya", name="Maya")
    met = ClockMet(incident=NEW.id, clock="acknowledge")
    assert [*absorbed.timers()] == [*answer.timers(), *met.timers()]


def test_detection_lasts_from_the_beginning_to_the_earlier_opening() -> None:
    """R-AUD-08."""
    there = running(1, OLD, (began(OLD - 3 * HOUR), HOUR), (ANSWERED, HOUR / 2))
    state, _ = gone_on(there, NEW)
    found = measures([state], 0, NOW)
    assert found.detect.longest == 3 * HOUR
    assert found.acknowledge.longest == HOUR / 2


# The harm ----------------------------------------------------------------------------------------


def answering(flag: str, answer: bool | None) -> dict[str, Any]:
    return {flag: answer}


def noted(number: int, *, by_person: bool = True, **known: Any) -> ImpactNoted:
    return ImpactNoted(incident=f"INC-{number}", users=3, by_person=by_person, **known)


GRAVER = {
    (None, None): None,
    (None, False): False,
    (False, None): False,
    (False, False): False,
    (None, True): True,
    (True, None): True,
    (False, True): True,
    (True, False): True,
    (True, True): True,
}


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize(("there", "here"), GRAVER)
def test_of_two_answers_on_the_harm_the_graver_rules(
    flag: str, there: bool | None, here: bool | None
) -> None:
    state, _ = merged(
        incident(1, noted(1, **answering(flag, there))), incident(2, noted(2, **answering(flag, here)))
    )
    assert state.gravest_impact is not None
    assert getattr(state.gravest_impact, flag) is GRAVER[there, here]
    confirmed = state.after(Classified(incident="INC-2", category=RULES, severity=HIGH), NOW)
    assert confirmed.gravest_impact is not None
    assert getattr(confirmed.gravest_impact, flag) is GRAVER[there, here]
    assert (flag in state.disputed) is ((there, here) in {(True, False), (True, None)})


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("before", [False, None])
def test_who_says_no_against_a_merged_yes_is_heard_also_where_they_said_no_before(
    flag: str, before: bool | None
) -> None:
    state, _ = merged(incident(1, noted(1, **{flag: True})), incident(2, noted(2, **answering(flag, before))))
    again = state.after(noted(2, decides=(flag,), **{flag: False}), NOW)
    assert again.gravest_impact is not None
    assert getattr(again.gravest_impact, flag) is False
    assert again.disputed == ()
    counted = again.after(noted(2, by_person=False, **{flag: False}), NOW)
    assert counted.gravest_impact is not None
    assert getattr(counted.gravest_impact, flag) is False


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("later", [noted(2), noted(2, by_person=False)])
def test_who_leaves_the_answer_open_takes_no_merged_yes_back(flag: str, later: ImpactNoted) -> None:
    state, _ = merged(incident(1, noted(1, **{flag: True})), incident(2, noted(2, **{flag: False})))
    again = state.after(later, NOW)
    assert again.gravest_impact is not None
    assert getattr(again.gravest_impact, flag) is True


def test_who_judges_only_the_harm_takes_no_number_back_that_was_known_there() -> None:
    """R-ESC-02: who states or counts a number here does."""
    there = replace(noted(1), users=4100, users_at_least=True)
    state, _ = merged(incident(1, there), incident(2))
    judged = state.after(replace(noted(2, outage=True), users=None), NOW)
    assert judged.gravest_impact is not None
    assert (judged.gravest_impact.people(), judged.gravest_impact.outage) == (
        ["at least 4,100 people affected"],
        True,
    )
    stated = judged.after(noted(2, outage=True), NOW)
    assert stated.gravest_impact is not None
    assert stated.gravest_impact.people() == ["3 people affected"]
    withdrawn = stated.after(replace(noted(2, outage=True), users=None), NOW)
    assert withdrawn.gravest_impact is not None
    assert withdrawn.gravest_impact.people() == []


@pytest.mark.parametrize("flag", FLAGS)
def test_what_people_said_there_of_the_harm_stands_in_the_line(flag: str) -> None:
    _, facts = merged(incident(1, noted(1, **{flag: True})), incident(2))
    assert "Said there of the harm: " in line(facts)


def test_a_merger_of_before_what_people_said_was_carried_reads_as_it_did() -> None:
    by = {"id": "a", "kind": "person", "name": "A"}
    old: dict[str, Any] = {
        "incident": "INC-2",
        "other": "INC-1",
        "title": "Rude",
        "severity": "high",
        "category": RULES.value,
    }
    old |= {"began_at": "2026-11-23T01:00:00.000000Z", "alerts": [], "reason": "One", "alert_systems": {}}
    known = {"incident": "INC-1", "users": 4, "exposed_users": 9}
    _, read = decode("incident.absorbed", {"by": by, "data": {**old, "impact": known}, "v": 4})
    assert isinstance(read, Absorbed)
    assert (read.opened_at, read.classified_at, read.promised, [*read.timers()]) == (None, None, (), [])
    assert (read.began_said, read.said_severity, read.said_category, read.model_version) == (
        False,
        None,
        None,
        "",
    )
    state = incident(2, began=LATE).after(read, NOW)
    assert (state.began_at, state.began_said) == (datetime(2026, 11, 23, 1, tzinfo=UTC), False)


@pytest.mark.parametrize(
    ("before", "reported_at", "at", "said"),
    [
        (incident(1), LATE, LATE, True),
        (incident(1, began=EARLY), LATE, LATE, True),
        (incident(1, began=LATE), EARLY, EARLY, True),
        (incident(1, began(EARLY)), LATE, EARLY, True),
        (incident(1, began(LATE)), EARLY, EARLY, True),
        (incident(1, began(LATE)), None, LATE, True),
        (incident(1, began=LATE), None, LATE, False),
    ],
)
def test_what_a_joining_report_says_of_the_beginning_is_a_persons_word(
    before: Incident, reported_at: datetime | None, at: datetime, said: bool
) -> None:
    """R-DET-15, R-IMP-01: no machine moves it; of two people the earlier rules."""
    (joined, *_) = before.join_report("Letters", "", "", "", reported_at, None, None)
    state = before.after(joined, NOW)
    assert (state.began_at, state.began_said) == (at, said)
    assert joined.line() is not None
    assert ("as they say" in joined.line().detail) is (reported_at is not None)  # type: ignore[union-attr]
    by_machine, _ = merged(incident(2, began=EARLY - timedelta(hours=9)), state)
    assert (by_machine.began_at == at) is said
