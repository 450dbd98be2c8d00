"""What may be counted and judged of an impact: tables of (history, decision, facts). R-IMP-01, R-IMP-02."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast.detect.counting import Asked
from holdfast.detect.marks import Hole, Tally
from holdfast.incident.events import ImpactNoted
from holdfast.incident.incident import Incident
from holdfast.investigate.counting import Counted, GroupCount
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
from holdfast.investigate.impact import Assessment, Impact, is_part, known_period, period_to_count
from holdfast.ledger.folding import fold
from holdfast.people import Actor
from holdfast.problems import NotAllowed
from holdfast.shapes.incidents import ImpactKnown
from holdfast.shapes.investigation import shown_impact
from support.opened import MAYA, WORKER, alert

NOW = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
PERIOD = (NOW - timedelta(days=1), NOW)
SAID = Assessment(
    users=UserImpact(kind="applicants", effect="declined although creditworthy"),
    data=DataImpact(sensitive=True, sensitivity="income", kinds=(DataKind.INFERENCE,)),
)


def tallied(
    affected: Tally | None = Tally(400, 310), exposed: Tally = Tally(1000, 800), total: int = 4000
) -> Counted:
    return Counted(exposed, affected, True, ("income is missing",) if affected else (), total, NOW)


def counted(
    number: int = 1, users: int | None = 310, inferences: int = 400, total: int = 4000, system: str = "loans"
) -> ImpactCounted:
    return ImpactCounted(
        incident="INC-1",
        number=number,
        system=system,
        start=PERIOD[0],
        end=PERIOD[1],
        where={},
        counted=tallied(Tally(inferences, users), total=total),
    )


EXPOSED_ONLY = replace(counted(), counted=tallied(None))


def assessed(
    said: Assessment = SAID,
    number: int = 1,
    count: int | None = None,
    affected: int | None = None,
    exposed: int | None = None,
) -> ImpactAssessed:
    return ImpactAssessed(
        incident="INC-1",
        number=number,
        count=count,
        affected=affected,
        exposed=exposed,
        users=said.users,
        data=said.data,
        compliance=said.compliance,
        reputation=said.reputation,
        finance=said.finance,
    )


Told = ImpactCounted | ImpactAssessed | tuple[ImpactCounted, Actor]


def after(*facts: Told) -> Impact:
    """Told by Maya, unless somebody else is named."""
    told = (fact if isinstance(fact, tuple) else (fact, MAYA) for fact in facts)
    return fold(Impact("loans"), ((fact, NOW, by) for fact, by in told))


STATED = replace(SAID, users=replace(SAID.users, stated=25))
COSTED = replace(SAID, finance=FinanceImpact(currency="EUR", direct=12_000, basis="manual re-decisions"))


@pytest.mark.parametrize(
    ("history", "said", "facts"),
    [
        ((), SAID, [assessed()]),
        ((), STATED, [assessed(STATED, affected=25)]),
        ((counted(),), SAID, [assessed(count=1, affected=310, exposed=800)]),
        ((EXPOSED_ONLY,), SAID, [assessed(count=1, exposed=800)]),
        ((counted(),), STATED, [assessed(STATED, count=1, affected=25, exposed=800)]),
        ((counted(users=None),), STATED, [assessed(STATED, count=1, affected=25, exposed=800)]),
        ((assessed(),), SAID, []),
        ((assessed(),), COSTED, [assessed(COSTED, number=2)]),
        ((assessed(), counted()), SAID, [assessed(number=2, count=1, affected=310, exposed=800)]),
    ],
    ids=[
        "the first version",
        "a number stated where nothing is counted",
        "the number is the counted one",
        "who was merely served is exposed, not affected",
        "a number stated beside a counted one rules",
        "a number stated where the log names no subject",
        "nothing new is no version",
        "what is new is version 2",
        "a count since makes a version",
    ],
)
def test_versions_are_kept_as_knowledge_grows(
    history: tuple[Told, ...], said: Assessment, facts: list[ImpactAssessed]
) -> None:
    """R-IMP-01."""
    assert after(*history).assess("INC-1", said) == facts


def test_an_earlier_count_can_be_chosen_and_stays_in_force() -> None:
    state = after(counted(), counted(2, users=20, inferences=30))
    (fact,) = state.assess("INC-1", SAID, count=1)
    assert isinstance(fact, ImpactAssessed)
    assert (fact.count, fact.affected) == (1, 310)
    chosen = state.after(fact, NOW, MAYA)
    assert chosen.noted("INC-1").users == 310
    assert chosen.after(counted(3, users=500), NOW, WORKER).noted("INC-1").users == 310


@pytest.mark.parametrize(
    ("history", "said", "sentence"),
    [
        ((), Assessment(), "is empty"),
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
    with pytest.raises(NotAllowed, match=sentence):
        after(*history).assess("INC-1", said)


def test_a_count_that_does_not_exist_cannot_be_chosen() -> None:
    with pytest.raises(NotAllowed, match="no count number 7; it has 1"):
        after(counted()).assess("INC-1", SAID, count=7)


EXPOSED = {"exposed_users": 800, "exposed_inferences": 1000, "exposed_share": 0.25}
AFFECTED = {"users": 310, "inferences": 400, "share": 0.1}


@pytest.mark.parametrize(
    ("history", "noted"),
    [
        ((), ImpactNoted(incident="INC-1")),
        ((counted(),), ImpactNoted(incident="INC-1", **AFFECTED, **EXPOSED)),
        ((EXPOSED_ONLY,), ImpactNoted(incident="INC-1", **EXPOSED)),
        ((assessed(STATED, affected=25),), ImpactNoted(incident="INC-1", users=25, sensitive_data=True)),
        (
            (assessed(STATED, affected=25), (counted(), WORKER)),
            ImpactNoted(incident="INC-1", **{**AFFECTED, "users": 25}, **EXPOSED, sensitive_data=True),
        ),
        (
            (assessed(STATED, affected=25), counted()),
            ImpactNoted(incident="INC-1", **AFFECTED, **EXPOSED, sensitive_data=True),
        ),
        (
            (assessed(STATED, affected=25), EXPOSED_ONLY),
            ImpactNoted(incident="INC-1", users=25, **EXPOSED, sensitive_data=True),
        ),
        (
            (counted(), (counted(2, users=9000), WORKER)),
            ImpactNoted(incident="INC-1", **AFFECTED, **EXPOSED),
        ),
        (
            (assessed(Assessment(UserImpact(outage=True), DataImpact(breach=False))),),
            ImpactNoted(incident="INC-1", outage=True, breach=False),
        ),
        ((counted(system="other"),), ImpactNoted(incident="INC-1")),
    ],
    ids=[
        "unknown",
        "counted",
        "who is exposed is not affected",
        "stated",
        "a machine's count leaves a stated number",
        "a person who counts overrules what was stated before",
        "a count of the exposed says nothing of the affected",
        "a machine's count leaves a person's count",
        "outage and breach",
        "counted in the log of another system",
    ],
)
def test_what_the_rules_read_is_what_is_known(history: tuple[Told, ...], noted: ImpactNoted) -> None:
    """R-IMP-01: the impact feeds classification and escalation; what is unknown stays unknown."""
    assert after(*history).noted("INC-1") == noted


def test_a_share_of_no_predictions_is_not_known() -> None:
    nothing = replace(counted(), counted=tallied(Tally(0, 0), Tally(0, 0), 0))
    noted = after(nothing).noted("INC-1")
    assert (noted.exposed_inferences, noted.share, noted.exposed_share) == (0, None, None)


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ((), []),
        (((counted(), WORKER),), ["count 1 in the log"]),
        ((assessed(STATED, affected=25),), ["stated by Maya Okafor, version 1"]),
        (
            ((counted(), WORKER), assessed(STATED, count=1, affected=25)),
            ["stated by Maya Okafor, version 1, which rules", "count 1 in the log says 310"],
        ),
        (
            (assessed(STATED, affected=25), counted()),
            ["count 1 in the log, which rules", "stated by Maya Okafor, version 1 says 25"],
        ),
        (
            (counted(), (counted(2, users=9000), WORKER)),
            [
                "count 1 in the log",
                "count 2, by Holdfast, came later and does not rule: 9,000 people affected "
                "(400 predictions, 10.0%)",
            ],
        ),
    ],
)
def test_both_numbers_stand_and_which_one_rules_is_said(history: tuple[Told, ...], said: list[str]) -> None:
    """R-IMP-01, R-IMP-02/both."""
    assert after(*history).said() == said


def test_a_form_does_not_state_again_what_a_count_has_overruled() -> None:
    assert after(assessed(STATED, affected=25)).assessment() == STATED
    assert after(assessed(STATED, affected=25), counted()).assessment() == SAID


class TestCountingTheSameAgain:
    asked = Asked(*PERIOD)

    def test_records_nothing(self) -> None:
        for by in (MAYA, WORKER):
            state = after((counted(), by))
            assert state.counted("INC-1", self.asked, tallied(), by) == []
            assert state.counted("INC-1", replace(self.asked, where={"region": "north"}), tallied(), by)

    def test_makes_the_count_of_a_machine_a_persons(self) -> None:
        state = after((counted(), WORKER))
        (again,) = state.counted("INC-1", self.asked, tallied(), MAYA)
        state = state.after(again, NOW, MAYA).after(counted(3, users=9000), NOW, WORKER)
        assert state.people == 310

    def test_is_not_repeated_by_a_machine_whose_count_does_not_rule(self) -> None:
        state = after(counted(users=5), (counted(2), WORKER))
        assert state.counted("INC-1", self.asked, tallied(), WORKER) == []

    def test_until_now_is_said_once_by_two_machines_that_react_to_one_fact(self) -> None:
        state = after((counted(), WORKER))
        later = replace(self.asked, end=self.asked.end + timedelta(seconds=1))
        assert state.counted("INC-1", later, tallied(), WORKER, until_now=True) == []
        assert state.counted("INC-1", later, tallied(), WORKER), "a period that somebody named is another one"
        assert state.counted("INC-1", later, tallied(), MAYA, until_now=True)
        assert state.counted("INC-1", later, tallied(total=4001), WORKER, until_now=True)


def test_the_line_says_what_is_known_and_what_is_not() -> None:
    said = replace(
        COSTED,
        compliance=ComplianceImpact(violated=False, must_notify=True, duty="the regulator within 72 hours"),
        reputation=ReputationImpact("two complaints on social media"),
    )
    line = assessed(said, count=1, affected=1234).line()
    assert line.title == "Impact assessed, version 1"
    assert line.detail == (
        "1,234 people affected, as count 1 says (applicants): declined although creditworthy; "
        "sensitive data involved: income; "
        "legal requirement not violated; outside notice required: the regulator within 72 hours; "
        "reputation: two complaints on social media; cost: 12,000 EUR direct"
    )
    assert counted().line().title == (
        "Impact counted: 310 people affected (400 predictions, 10.0%); 800 people exposed "
        "(1,000 predictions, 25.0%)"
    )
    assert "affected where income is missing" in counted().line().detail
    assert "how many are affected is not known; 800 people exposed" in EXPOSED_ONLY.line().title
    bounded = replace(counted(), counted=replace(tallied(), complete=False, reaches=PERIOD[0]))
    assert "at least 310 people affected" in bounded.line().title
    assert "the log reached 22 Nov 2026, 10:42 UTC when it was counted" in bounded.line().detail


def test_the_period_to_count_runs_from_the_first_bad_window_until_containment() -> None:
    end = NOW - timedelta(hours=3)
    state = Incident(id="INC-1", opened_at=NOW, alerts=(alert(end),))
    assert known_period(state, NOW) == (end - timedelta(days=1), NOW)
    contained = replace(state, contained_at=NOW - timedelta(hours=1))
    assert period_to_count(contained, NOW)[1] == NOW - timedelta(hours=1)
    earlier = replace(state, began_at=NOW - timedelta(days=9))
    assert period_to_count(earlier, NOW)[0] == NOW - timedelta(days=9)


def test_what_a_person_says_of_the_beginning_rules_over_the_windows_of_alerts() -> None:
    state = Incident(id="INC-1", opened_at=NOW, alerts=(alert(NOW),), began_said=True)
    for began in (NOW - timedelta(days=9), NOW - timedelta(hours=2)):
        assert period_to_count(replace(state, began_at=began), NOW) == (began, NOW)


def test_without_a_beginning_there_is_no_period_and_nothing_is_counted() -> None:
    """R-IMP-02: a period of no time would say that 0 people are affected. R-IMP-01/unknown."""
    state = Incident(id="INC-1", opened_at=NOW)
    assert known_period(state, NOW) is None
    with pytest.raises(NotAllowed, match="nobody has said when INC-1 began"):
        period_to_count(state, NOW)
    start = NOW - timedelta(hours=1)
    assert period_to_count(state, NOW, start) == (start, NOW)


BOUNDED = replace(counted(), counted=replace(tallied(), complete=False))


@pytest.mark.parametrize(
    ("history", "words"),
    [
        ((BOUNDED,), ["at least 310 people affected", "800 people exposed"]),
        ((counted(),), ["310 people affected", "800 people exposed"]),
        ((counted(users=1),), ["1 person affected", "800 people exposed"]),
        ((assessed(STATED, affected=25), (BOUNDED, WORKER)), ["25 people affected", "800 people exposed"]),
        ((EXPOSED_ONLY,), ["800 people exposed"]),
        ((assessed(STATED, affected=25), EXPOSED_ONLY), ["25 people affected", "800 people exposed"]),
        ((), []),
    ],
)
def test_the_incident_says_of_people_what_its_count_says(history: tuple[Told, ...], words: list[str]) -> None:
    """R-IMP-02: a number that is known from below only is at least so many in mail, list and terminal too."""
    impact = after(*history)
    noted = impact.noted("INC-1")
    assert noted.people() == words
    assert noted.users_at_least == impact.is_at_least == any("at least" in word for word in words)


def test_an_assessment_says_at_least_where_its_count_does() -> None:
    (version,) = after(BOUNDED).assess("INC-1", SAID)
    assert isinstance(version, ImpactAssessed)
    assert version.people() == "at least 310 people affected, as count 1 says, 800 exposed"
    (stated,) = after(BOUNDED).assess("INC-1", STATED)
    assert isinstance(stated, ImpactAssessed)
    assert stated.people() == "25 people affected, as stated, 800 exposed"


def test_what_stands_beside_a_stated_number_is_at_least_where_the_count_is() -> None:
    impact = after(assessed(STATED, affected=25), (BOUNDED, WORKER))
    assert impact.said() == [
        "stated by Maya Okafor, version 1, which rules",
        "count 1 in the log says at least 310",
    ]
    shown = shown_impact("INC-1", after(BOUNDED))
    assert (shown.people, shown.at_least) == (310, True)


def part(number: int, users: int | None, because: str = "") -> ImpactCounted:
    """A count over a segment, or over a part of the time."""
    return replace(counted(number, users=users), where={"region": "Köln"}, because=because, part=True)


class TestACountOfAPart:
    """R-IMP-02: what a part holds never replaces what the whole holds."""

    whole = (counted(users=320), WORKER)

    def test_leaves_the_count_of_the_whole_in_force_and_is_shown_beside_it(self) -> None:
        impact = after(self.whole, part(2, 163), part(3, 8))
        assert impact.noted("INC-1") == after(self.whole).noted("INC-1")
        assert (impact.people, impact.is_at_least, len(impact.counts)) == (320, False, 3)
        assert impact.said() == [
            "count 1 in the log",
            "count 3, by Maya Okafor, is of a part and does not rule: 8 people affected "
            "(400 predictions, 10.0%)",
        ]

    def test_leaves_a_persons_count_and_a_stated_number_in_force(self) -> None:
        assert after(counted(users=320), part(2, 8)).people == 320
        stated = after(assessed(STATED, affected=25), part(1, 8))
        assert (stated.people, stated.is_at_least) == (25, False)
        assert stated.said()[0] == "stated by Maya Okafor, version 1, which rules"

    def test_is_at_least_so_many_where_nothing_else_is_counted(self) -> None:
        impact = after(part(1, 163), part(2, 8))
        assert impact.noted("INC-1").people()[0] == "at least 163 people affected"
        assert impact.said()[0] == "count 1 of a part of the log"
        (version,) = impact.assess("INC-1", SAID)
        assert isinstance(version, ImpactAssessed)
        assert (version.affected, version.at_least) == (163, True)
        assert after(part(1, 8), part(2, 163)).people == 163

    def test_gives_way_to_a_count_of_the_whole_whoever_makes_it(self) -> None:
        for by in (MAYA, WORKER):
            impact = after(part(1, 163), (counted(2, users=320), by))
            assert (impact.people, impact.is_at_least) == (320, False)

    def test_rules_once_a_person_names_it_and_no_other_part_replaces_it(self) -> None:
        impact = after(self.whole, part(2, 163))
        (version,) = impact.assess("INC-1", SAID, count=2)
        assert isinstance(version, ImpactAssessed)
        assert (version.affected, version.at_least, version.picked) == (163, False, True)
        named = impact.after(version, NOW, MAYA).after(part(3, 200), NOW, MAYA)
        named = named.after(counted(4, users=330), NOW, WORKER)
        assert (named.people, named.is_at_least) == (163, False)
        assert named.said()[1].startswith("count 4, by Holdfast, came later and does not rule: 330")
        assert named.after(counted(5, users=340), NOW, MAYA).people == 340

    def test_is_shown_where_the_whole_does_not_tell_who_is_affected(self) -> None:
        impact = after((EXPOSED_ONLY, WORKER), part(2, 8))
        assert (impact.people, impact.noted("INC-1").exposed_users) == (None, 800)
        assert impact.said() == impact.beside() != []

    def test_says_that_it_is_one(self) -> None:
        line = part(2, 8).line()
        assert line.title.startswith("Part of the impact counted: 8 people affected")
        assert "it counts a part, not the whole incident" in line.detail

    def test_is_recorded_once_and_does_not_hide_what_a_machine_counted(self) -> None:
        asked = Asked(*PERIOD, {"region": "Köln"})
        impact = after((counted(), WORKER))
        (fact,) = impact.counted("INC-1", asked, tallied(Tally(400, 8)), MAYA, part=True)
        impact = impact.after(fact, NOW, MAYA)
        assert impact.counted("INC-1", asked, tallied(Tally(400, 8)), MAYA, part=True) == []
        assert impact.counted("INC-1", Asked(*PERIOD), tallied(), WORKER) == []


@pytest.mark.parametrize(
    ("asked", "is_one"),
    [
        (Asked(NOW - timedelta(days=1), NOW), False),
        (Asked(NOW - timedelta(days=2), NOW + timedelta(hours=1)), False),
        (Asked(NOW - timedelta(days=1), NOW, {"region": "Köln"}), True),
        (Asked(NOW - timedelta(hours=12), NOW), True),
        (Asked(NOW - timedelta(days=1), NOW - timedelta(hours=12)), True),
        (Asked(NOW - timedelta(hours=12), NOW, {"region": "Köln"}, (), "all of them"), False),
    ],
)
def test_a_count_is_of_a_part_where_it_asks_for_less_than_is_known(asked: Asked, is_one: bool) -> None:
    """R-IMP-02: unless a person says why every row of it is affected; people give times to the minute."""
    state = Incident(id="INC-1", opened_at=NOW, began_at=NOW - timedelta(days=1))
    contained = replace(state, contained_at=NOW + timedelta(seconds=30))
    assert is_part(state, asked, NOW) is is_one
    assert is_part(contained, asked, NOW + timedelta(hours=5)) is is_one
    unknown = Incident(id="INC-1", opened_at=NOW)
    assert is_part(unknown, asked, NOW) is not bool(asked.all_touched)


GROUPS = (GroupCount({"region": "Köln"}, 300, 210), GroupCount({"region": "Bonn"}, 100, None))


@pytest.mark.parametrize(
    ("count", "affected", "exposed"),
    [
        (counted(), False, False),
        (BOUNDED, True, False),
        (part(1, 163), True, True),
        (replace(part(1, 163), counted=replace(tallied(), complete=False)), True, True),
        (EXPOSED_ONLY, False, False),
        (replace(EXPOSED_ONLY, where={"region": "Köln"}, part=True), False, True),
    ],
)
def test_every_number_of_a_count_that_is_known_from_below_says_at_least(
    count: ImpactCounted, affected: bool, exposed: bool
) -> None:
    """R-IMP-02: headline, row, group, API, what mail and the rules read, and what is assessed on it alike."""
    impact = after(replace(count, counted=replace(count.counted, groups=GROUPS)))
    assert impact.count is not None
    assert impact.affected(impact.count).startswith("at least") is affected
    assert impact.exposed(impact.count).startswith("at least") is exposed
    assert impact.affected_people().startswith("at least") is affected
    shown = shown_impact("INC-1", impact).count
    assert shown is not None
    assert (shown.at_least, shown.exposed_at_least) == (affected, exposed)
    assert impact.is_bounded(impact.count) is (affected if count.counted.affected else exposed)
    assert impact.exposed_people().startswith("at least") is exposed
    noted = impact.noted("INC-1")
    assert noted.people()[-1].startswith("at least") is noted.exposed_at_least is exposed
    read = ImpactKnown.model_validate(noted, from_attributes=True)
    assert (read.exposed_users, read.exposed_at_least) == (800, exposed)
    (version,) = impact.assess("INC-1", SAID)
    assert isinstance(version, ImpactAssessed)
    assert version.people().endswith(f"{'at least 800' if exposed else ' 800'} exposed")
    told = shown_impact("INC-1", impact.after(version, NOW, MAYA)).assessment
    assert told is not None
    assert told.exposed_at_least is exposed


def test_of_a_part_that_tells_nobody_apart_no_number_of_people_is_bounded() -> None:
    unnamed = replace(part(1, None), counted=tallied(None, Tally(1000, None)))
    impact = after(unnamed)
    assert (impact.noted("INC-1").exposed_at_least, impact.exposed_people()) == (False, "not told apart")


def test_a_part_beside_the_whole_speaks_for_its_part() -> None:
    impact = after((counted(users=320), WORKER), part(2, 8))
    assert impact.affected(part(2, 8)).startswith("8 people affected")


def test_a_part_that_a_person_names_is_all() -> None:
    impact = after(part(1, 163), part(2, 8), replace(assessed(SAID, count=2, affected=8), picked=True))
    assert impact.count is not None
    assert impact.affected(impact.count).startswith("8 people affected")
    assert impact.exposed(impact.count).startswith("800 people exposed")


@pytest.mark.parametrize(
    "unknown",
    [
        {"missing": (Hole(PERIOD[0], PERIOD[0] + timedelta(hours=5)),)},
        {"affected": Tally(400, 310, 34), "exposed": Tally(1000, 800, 34)},
    ],
)
def test_what_the_log_does_not_know_bounds_every_number_of_people_from_below(unknown: dict[str, Any]) -> None:
    """R-IMP-02: a time without rows, or rows that name nobody, also where a person says who is affected."""
    fact = replace(counted(), counted=replace(tallied(Tally(400, 310)), **unknown))
    state = Impact("loans").after(fact, NOW, MAYA)
    noted = state.noted("INC-1")
    assert (noted.users_at_least, noted.exposed_at_least) == (True, True)
    assert (state.affected_people(), state.exposed_people()) == ("at least 310", "at least 800")
    assert fact.line().title == (
        "Impact counted: at least 310 people affected (400 predictions, 10.0%); "
        "at least 800 people exposed (1,000 predictions, 25.0%)"
    )
    assert fact.gaps()
    (assessed,) = state.assess("INC-1", SAID)
    assert isinstance(assessed, ImpactAssessed)
    assert (assessed.at_least, assessed.exposed_at_least) == (True, True)
    shown = shown_impact("INC-1", state).count
    assert shown is not None
    assert (shown.at_least, shown.exposed_at_least, list(shown.gaps)) == (True, True, fact.gaps())


def test_a_machine_that_finds_the_log_silent_as_before_does_not_count_again() -> None:
    silent = replace(tallied(), missing=(Hole(PERIOD[0], NOW),))
    state = Impact("loans").after(replace(counted(), counted=silent), NOW, WORKER)
    later = NOW + timedelta(hours=1)
    now = replace(tallied(), missing=(Hole(PERIOD[0], later),))
    assert state.counted("INC-1", Asked(PERIOD[0], later), now, WORKER, until_now=True) == []
