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
    BeginningStated,
    ClassificationProposed,
    ClassificationStated,
    Classified,
    ImpactNoted,
    IncidentFact,
    IncidentOpened,
    SystemNamed,
)
from holdfast.incident.incident import Incident, fold
from holdfast.ledger.facts import decode
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
        ([], [decided(LOW)], LOW),
        ([decided(CRITICAL)], [decided(LOW)], CRITICAL),
        ([decided(LOW)], [decided(CRITICAL)], CRITICAL),
    ],
)
def test_a_severity_that_a_person_stated_is_lowered_by_no_machine(
    there: list[IncidentFact], here: list[IncidentFact], severity: Severity
) -> None:
    state, _ = merged(incident(1, *there), incident(2, *here))
    assert state.severity is severity


def test_what_was_reported_as_graver_is_reported_on_however_often_it_is_merged() -> None:
    between, _ = merged(incident(1, reported(CRITICAL, OTHER)), incident(2))
    state, facts = merged(between, incident(3, decided(LOW)))
    assert state.severity is LOW
    assert any(isinstance(fact, ClassificationStated) and fact.severity is CRITICAL for fact in facts)


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
    assert (read.began_said, read.said_severity, read.said_category, read.model_version) == (
        False,
        None,
        None,
        "",
    )
    state = incident(2, began=LATE).after(read, NOW)
    assert (state.began_at, state.began_said) == (datetime(2026, 11, 23, 1, tzinfo=UTC), False)
