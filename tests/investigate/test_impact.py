"""What may be counted and judged of an impact: tables of (history, decision, facts). R-IMP-01, R-IMP-02."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.incident.events import ImpactNoted
from holdfast.incident.incident import Incident
from holdfast.investigate.counting import Counted
from holdfast.investigate.events import (
    ComplianceImpact,
    DataImpact,
    DataKind,
    FinanceImpact,
    ImpactAssessed,
    ImpactCounted,
    ReputationImpact,
    UserImpact,
)
from holdfast.investigate.impact import Assessment, Impact, affected_period, fold
from holdfast.problems import NotAllowed
from support.opened import MAYA, alert

NOW = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
PERIOD = (NOW - timedelta(days=1), NOW)
SAID = Assessment(
    users=UserImpact(kind="applicants", effect="declined although creditworthy"),
    data=DataImpact(sensitive=True, sensitivity="income", kinds=(DataKind.INFERENCE,)),
)


def counted(
    number: int = 1, users: int | None = 310, inferences: int = 400, total: int = 4000
) -> ImpactCounted:
    return ImpactCounted(
        incident="INC-1",
        number=number,
        system="loans",
        start=PERIOD[0],
        end=PERIOD[1],
        where={},
        counted=Counted(inferences, users, total),
    )


def assessed(
    said: Assessment = SAID, number: int = 1, count: int | None = None, affected: int | None = None
) -> ImpactAssessed:
    return ImpactAssessed(
        incident="INC-1",
        number=number,
        count=count,
        affected=affected,
        users=said.users,
        data=said.data,
        compliance=said.compliance,
        reputation=said.reputation,
        finance=said.finance,
    )


def after(*facts: ImpactCounted | ImpactAssessed) -> Impact:
    return fold((fact, NOW, MAYA) for fact in facts)


STATED = replace(SAID, users=replace(SAID.users, stated=25))
COSTED = replace(SAID, finance=FinanceImpact(currency="EUR", direct=12_000, basis="manual re-decisions"))


@pytest.mark.parametrize(
    ("history", "said", "facts"),
    [
        ((), SAID, [assessed()]),
        ((), STATED, [assessed(STATED, affected=25)]),
        ((counted(),), SAID, [assessed(count=1, affected=310)]),
        ((counted(users=None),), STATED, [assessed(STATED, count=1, affected=25)]),
        ((assessed(),), SAID, []),
        ((assessed(),), COSTED, [assessed(COSTED, number=2)]),
        ((assessed(), counted()), SAID, [assessed(number=2, count=1, affected=310)]),
    ],
    ids=[
        "the first version",
        "a number stated where nothing is counted",
        "the number is the counted one",
        "a number stated where the log names no subject",
        "nothing new is no version",
        "what is new is version 2",
        "a count since makes a version",
    ],
)
def test_versions_are_kept_as_knowledge_grows(
    history: tuple[ImpactCounted | ImpactAssessed, ...], said: Assessment, facts: list[ImpactAssessed]
) -> None:
    """R-IMP-01."""
    assert after(*history).assess("INC-1", said) == facts


def test_an_earlier_count_can_be_chosen_and_stays_in_force() -> None:
    state = after(counted(), counted(2, users=20, inferences=30))
    (fact,) = state.assess("INC-1", SAID, count=1)
    assert isinstance(fact, ImpactAssessed)
    assert (fact.count, fact.affected) == (1, 310)
    assert state.after(fact, NOW, MAYA).noted("INC-1").users == 310


@pytest.mark.parametrize(
    ("history", "said", "sentence"),
    [
        ((), Assessment(), "is empty"),
        ((counted(),), STATED, r"counted from the log \(310\).*instead of typing one"),
        ((), Assessment(data=DataImpact(sensitive=True)), "say which"),
        ((), Assessment(compliance=ComplianceImpact(violated=True)), "name the requirement"),
        ((), Assessment(compliance=ComplianceImpact(must_notify=True, duty=" ")), "who must be told"),
        ((), Assessment(users=UserImpact(stated=-1)), "less than nothing"),
        ((), Assessment(finance=FinanceImpact(direct=5)), "needs its currency"),
    ],
)
def test_what_cannot_be_so_is_refused_with_a_sentence(
    history: tuple[ImpactCounted, ...], said: Assessment, sentence: str
) -> None:
    """R-IMP-02: nobody types a number that the log can tell."""
    with pytest.raises(NotAllowed, match=sentence):
        after(*history).assess("INC-1", said)


def test_a_count_that_does_not_exist_cannot_be_chosen() -> None:
    with pytest.raises(NotAllowed, match="no count number 7; it has 1"):
        after(counted()).assess("INC-1", SAID, count=7)


@pytest.mark.parametrize(
    ("history", "noted"),
    [
        ((), ImpactNoted(incident="INC-1")),
        ((counted(),), ImpactNoted(incident="INC-1", users=310, inferences=400, share=0.1)),
        ((assessed(STATED, affected=25),), ImpactNoted(incident="INC-1", users=25, sensitive_data=True)),
        (
            (assessed(STATED, affected=25), counted()),
            ImpactNoted(incident="INC-1", users=310, inferences=400, share=0.1, sensitive_data=True),
        ),
        (
            (assessed(Assessment(UserImpact(outage=True), DataImpact(breach=False))),),
            ImpactNoted(incident="INC-1", outage=True, breach=False),
        ),
        ((counted(inferences=0, users=0, total=0),), ImpactNoted(incident="INC-1", users=0, inferences=0)),
    ],
    ids=[
        "unknown",
        "counted",
        "stated",
        "counted beats stated",
        "outage and breach",
        "a share of nothing is unknown",
    ],
)
def test_what_the_rules_read_is_what_is_known(
    history: tuple[ImpactCounted | ImpactAssessed, ...], noted: ImpactNoted
) -> None:
    """R-IMP-01: the impact feeds classification and escalation; what is unknown stays unknown."""
    assert after(*history).noted("INC-1") == noted


def test_counting_the_same_again_records_nothing() -> None:
    state = after(counted())
    assert state.counted("INC-1", "loans", PERIOD, {}, Counted(400, 310, 4000)) == []
    assert state.counted("INC-1", "loans", PERIOD, {"region": "north"}, Counted(400, 310, 4000)) != []


def test_the_line_says_what_is_known_and_what_is_not() -> None:
    said = replace(
        COSTED,
        compliance=ComplianceImpact(violated=False, must_notify=True, duty="the regulator within 72 hours"),
        reputation=ReputationImpact("two complaints on social media"),
    )
    line = assessed(said, affected=1234).line()
    assert line.title == "Impact assessed, version 1"
    assert line.detail == (
        "1,234 people (applicants): declined although creditworthy; sensitive data involved: income; "
        "legal requirement not violated; outside notice required: the regulator within 72 hours; "
        "reputation: two complaints on social media; cost: 12,000 EUR direct"
    )
    assert counted().line().title == "Impact counted: 310 people, 400 predictions"
    assert "(10.0% of 4,000)" in counted().line().detail


def test_the_period_to_count_runs_from_the_first_bad_window_until_containment() -> None:
    end = NOW - timedelta(hours=3)
    state = Incident(id="INC-1", opened_at=NOW, alerts=(alert(end),))
    assert affected_period(state, NOW) == (end - timedelta(days=1), NOW)
    contained = replace(state, contained_at=NOW - timedelta(hours=1))
    assert affected_period(contained, NOW)[1] == NOW - timedelta(hours=1)
    earlier = replace(state, began_at=NOW - timedelta(days=9))
    assert affected_period(earlier, NOW)[0] == NOW - timedelta(days=9)
