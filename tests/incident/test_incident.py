"""Decisions on one incident, as tables of history, decision and facts (pure, no database)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.incident.events import (
    FLAGS,
    Absorbed,
    Acknowledged,
    CauseEstablished,
    ClassificationProposed,
    Classified,
    ClockBreached,
    ClockMet,
    ClockMoved,
    ClockStarted,
    ClockStopped,
    Closed,
    Contained,
    ContainmentDecided,
    ContainmentLost,
    Dismissed,
    Escalated,
    ImpactNoted,
    IncidentFact,
    IncidentOpened,
    Member,
    NoteAdded,
    Resolved,
    Reviewed,
    RoleHandedOver,
    TeamAssembled,
)
from holdfast.incident.incident import Incident, NotAllowed, Phase, Status, fold
from holdfast.people import Actor
from holdfast.prepare.promises import Limits
from holdfast.prepare.terms import Category, Severity
from support.merged import absorbed

T0 = datetime(2026, 11, 23, 10, 31, tzinfo=UTC)
ANA = Actor("ana@example.com", "Ana Reyes")
MINUTES_15 = timedelta(minutes=15)
QUALITY, PERFORMANCE = Category.DATA_QUALITY, Category.PERFORMANCE_DEGRADATION
LIMITS = Limits({"acknowledge": timedelta(minutes=15), "contain": timedelta(minutes=15)})
NONE = Limits({})
SLOWER = Limits({"acknowledge": timedelta(hours=2)})

OPENED = IncidentOpened(
    incident="INC-1", title="Approvals fell", source="person", playbook="ab", playbook_version="1.0"
)
PROPOSED = ClassificationProposed(
    incident="INC-1", category=QUALITY, severity=Severity.CRITICAL, reason="rule"
)
STARTED = [
    ClockStarted(incident="INC-1", clock=clock, due=T0 + limit, limit_seconds=900)
    for clock, limit in LIMITS.lengths.items()
]
CONFIRMED = Classified(incident="INC-1", category=QUALITY, severity=Severity.CRITICAL)
CONTAINED = Contained(incident="INC-1", containment="INC-1-C1", proof="the probe was answered as contained")
CAUSE = CauseEstablished(incident="INC-1", cause="a default of 0")
ANSWERED = Acknowledged(incident="INC-1", person=ANA.id, name=ANA.name)
RESOLVED = Resolved(incident="INC-1", resolution="fixed")


def after(*facts: IncidentFact) -> Incident:
    return fold((fact, T0) for fact in (OPENED, PROPOSED, *STARTED, *facts))


def refusal(decision: object) -> str:
    with pytest.raises(NotAllowed) as refused:
        decision()  # type: ignore[operator]
    return str(refused.value)


class TestClassifying:
    """R-CLS-03, R-CLS-05."""

    def test_the_proposal_counts_until_a_person_decides(self) -> None:
        state = after()
        assert (state.status, state.severity, state.phase) == (
            Status.TRIAGE,
            Severity.CRITICAL,
            Phase.DETECTION,
        )

    def test_confirming_opens_it_and_needs_no_reason(self) -> None:
        assert after().classify(QUALITY, Severity.CRITICAL, "", LIMITS, T0) == [CONFIRMED]
        assert after(CONFIRMED).status is Status.OPEN

    def test_an_override_needs_a_reason(self) -> None:
        said = refusal(lambda: after().classify(QUALITY, Severity.HIGH, " ", LIMITS, T0))
        assert (
            said == "the rules propose SEV-1 critical, data quality; write the reason for deciding otherwise"
        )

    def test_an_override_moves_and_stops_the_clocks(self) -> None:
        facts = after().classify(PERFORMANCE, Severity.HIGH, "one branch only", SLOWER, T0)
        assert facts == [
            Classified(
                incident="INC-1",
                category=PERFORMANCE,
                severity=Severity.HIGH,
                reason="one branch only",
                overrides=True,
            ),
            ClockMoved(
                incident="INC-1", clock="acknowledge", due=T0 + timedelta(hours=2), limit_seconds=7200
            ),
            ClockStopped(incident="INC-1", clock="contain", reason="this severity sets no such limit"),
        ]

    def test_deciding_the_same_again_is_nothing_new(self) -> None:
        assert after(CONFIRMED).classify(QUALITY, Severity.CRITICAL, "", LIMITS, T0) == []


class TestClocks:
    """R-CLS-02, R-CON-08."""

    def test_acknowledging_meets_the_clock(self) -> None:
        assert after().acknowledge(ANA) == [
            Acknowledged(incident="INC-1", person=ANA.id, name=ANA.name),
            ClockMet(incident="INC-1", clock="acknowledge"),
        ]

    def test_a_second_acknowledgement_is_nothing_new(self) -> None:
        assert after(*after().acknowledge(ANA)).acknowledge(ANA) == []

    @pytest.mark.parametrize(
        ("history", "minutes", "breached"),
        [
            ([], 14, False),
            ([], 15, True),
            ([ClockMet(incident="INC-1", clock="acknowledge")], 20, False),
            ([ClockStopped(incident="INC-1", clock="acknowledge", reason="dismissed")], 20, False),
            ([ClockBreached(incident="INC-1", clock="acknowledge", due=T0 + MINUTES_15)], 20, False),
        ],
    )
    def test_a_clock_is_breached_once_when_it_runs_out_unmet(
        self, history: list[IncidentFact], minutes: int, breached: bool
    ) -> None:
        facts = after(*history).breach("acknowledge", T0 + timedelta(minutes=minutes))
        assert bool(facts) is breached

    def test_met_late_is_met_and_not_kept(self) -> None:
        facts = [(fact, T0) for fact in (OPENED, PROPOSED, *STARTED)]
        met = (ClockMet(incident="INC-1", clock="contain"), T0 + timedelta(minutes=16))
        clock = fold([*facts, met]).clocks["contain"]
        assert (clock.running, clock.kept) == (False, False)

    def test_the_containment_decision_meets_its_clock(self) -> None:
        assert after(CONFIRMED).decide_containment("segment to review", "harm goes on") == [
            ContainmentDecided(incident="INC-1", decision="segment to review", reason="harm goes on"),
            ClockMet(incident="INC-1", clock="contain"),
        ]


class TestTheWayToTheEnd:
    def test_phases_follow_what_was_done(self) -> None:
        """R-PRE-04/shown."""
        history: list[IncidentFact] = []
        phases = []
        for fact in (CONFIRMED, CONTAINED, CAUSE, RESOLVED):
            history.append(fact)
            phases.append(after(*history).phase)
        assert phases == [Phase.CONTAINMENT, Phase.INVESTIGATION, Phase.REMEDIATION, Phase.REVIEW]

    def test_losing_containment_opens_it_again(self) -> None:
        state = after(CONFIRMED, CONTAINED)
        assert state.status is Status.CONTAINED
        (lost,) = state.lose_containment("INC-1-C1", "rows went on")
        assert isinstance(lost, ContainmentLost)
        assert after(CONFIRMED, CONTAINED, lost).status is Status.OPEN

    def test_resolving_starts_the_clock_of_the_review(self) -> None:
        """R-PIR-02/due."""
        facts = after(CONFIRMED, ANSWERED, CAUSE).resolve("fixed", Limits({"review": timedelta(days=7)}), T0)
        assert facts[-1] == ClockStarted(
            incident="INC-1", clock="review", due=T0 + timedelta(days=7), limit_seconds=604_800
        )

    @pytest.mark.parametrize(
        ("history", "sentence"),
        [
            ([], "nobody has acknowledged INC-1"),
            ([ANSWERED], "confirm category and severity"),
            # Contained before anybody said what it is: not open any more, and not classified either.
            ([ANSWERED, CONTAINED, CAUSE], "confirm category and severity"),
            ([CONFIRMED, CAUSE], "nobody has acknowledged INC-1"),
            ([CONFIRMED, ANSWERED], "establish the root cause"),
        ],
    )
    def test_resolving_too_early_is_refused(self, history: list[IncidentFact], sentence: str) -> None:
        assert sentence in refusal(lambda: after(*history).resolve("fixed", NONE, T0))

    def test_closing_needs_the_review_where_the_playbook_requires_it(self) -> None:
        """R-PIR-02/required."""
        state = after(CONFIRMED, ANSWERED, CAUSE, RESOLVED)
        assert "requires a completed review" in refusal(lambda: state.close("done", True, "00", T0))
        reviewed = state.after(Reviewed(incident="INC-1", review="review/INC-1"), T0)
        assert reviewed.close("done", True, "00", T0)[0] == Closed(
            incident="INC-1", summary="done", record_sha256="00"
        )

    def test_dismissing_needs_a_reason_and_stops_everything(self) -> None:
        """R-PRE-07/dismissed."""
        assert "say why" in refusal(lambda: after().dismiss("", False, T0))
        facts = after().dismiss("a planned test", False, T0)
        assert [type(fact) for fact in facts] == [ClockStopped, ClockStopped, Dismissed]

    def test_an_incident_that_is_contained_is_not_dismissed(self) -> None:
        assert "revert it before dismissing" in refusal(
            lambda: after(CONTAINED).dismiss("no harm", False, T0)
        )

    @pytest.mark.parametrize(
        "decision",
        [
            lambda state: state.acknowledge(ANA),
            lambda state: state.classify(QUALITY, Severity.LOW, "x", LIMITS, T0),
            lambda state: state.note("x", T0, None, ()),
            lambda state: state.hand_over("technical_lead", Member("technical_lead", "a@b", "A"), ""),
            lambda state: state.decide_containment("x", ""),
            lambda state: state.contained("C1", "x"),
            lambda state: state.establish_cause("x"),
            lambda state: state.resolve("x", NONE, T0),
            lambda state: state.reviewed("x"),
            lambda state: state.close("x", False, "00", T0),
            lambda state: state.dismiss("x", False, T0),
        ],
    )
    @pytest.mark.parametrize(
        "end",
        [
            Closed(incident="INC-1", summary="", record_sha256="00"),
            Dismissed(incident="INC-1", reason="no"),
        ],
    )
    def test_nothing_can_be_added_after_the_end(self, decision: object, end: IncidentFact) -> None:
        """R-EVD-10/record: closing archives."""
        said = refusal(lambda: decision(after(end)))  # type: ignore[operator]
        assert "its record is archived" in said


class TestPeople:
    def test_a_role_that_is_handed_over_has_one_holder(self) -> None:
        first, second = Member("technical_lead", "a@x", "A"), Member("technical_lead", "b@x", "B")
        state = after(
            TeamAssembled(incident="INC-1", members=(first,)),
            RoleHandedOver(incident="INC-1", role="technical_lead", to=second, reason="asleep"),
        )
        assert state.holder_of("technical_lead") == second
        assert state.roles_of("a@x") == ()

    def test_the_ladder_only_raises_the_tier(self) -> None:
        told = Escalated(incident="INC-1", rung=1, tier=1, told=(), reason="", next_due=None)
        assert after(told).tier == 1
        assert (
            after(Escalated(incident="INC-1", rung=3, tier=3, told=(), reason="", next_due=None), told).tier
            == 3
        )

    def test_a_note_about_the_future_is_refused(self) -> None:
        said = refusal(lambda: after().note("x", T0, T0 + timedelta(minutes=1), ()))
        assert "in the future" in said
        assert after().note(" x ", T0, T0, ("EV-1",)) == [
            NoteAdded(incident="INC-1", text="x", occurred_at=T0, evidence=("EV-1",))
        ]


def impact(users: int | None = None, *, by_person: bool = False, **flags: bool | None) -> ImpactNoted:
    return ImpactNoted(incident="INC-1", users=users, by_person=by_person, **flags)


def merged(**flags: bool | None) -> Absorbed:
    """Another incident, of whose harm people judged this, became one with it."""
    return absorbed("INC-1", ImpactNoted(incident="INC-2", users=40, by_person=True, **flags))


class TestHarm:
    """R-ESC-02, R-IMP-01: what a person judged of the harm stands until a person judges otherwise."""

    @pytest.mark.parametrize("flag", FLAGS)
    @pytest.mark.parametrize(
        "later",
        [
            [impact(3)],
            [impact(3, by_person=True)],
            [impact(3), impact(5), impact(2)],
            [impact(3), CONFIRMED, impact(5)],
            [CONFIRMED, impact(5)],
        ],
    )
    def test_no_count_and_no_classification_takes_it_back(self, flag: str, later: list[IncidentFact]) -> None:
        state = after(OPENED, PROPOSED, merged(**{flag: True}), *later)
        assert state.gravest_impact is not None
        assert getattr(state.gravest_impact, flag) is True

    @pytest.mark.parametrize("flag", FLAGS)
    def test_a_person_who_judges_otherwise_changes_it(self, flag: str) -> None:
        state = after(OPENED, merged(**{flag: True}), impact(3), impact(3, by_person=True, **{flag: False}))
        assert state.gravest_impact is not None
        assert getattr(state.gravest_impact, flag) is False
        counted = after(OPENED, merged(**{flag: True}), impact(3, by_person=True, **{flag: False}), impact(9))
        assert counted.gravest_impact is not None
        assert getattr(counted.gravest_impact, flag) is None or not getattr(counted.gravest_impact, flag)

    def test_a_judgement_of_one_thing_leaves_the_others(self) -> None:
        state = after(
            OPENED, merged(breach=True, outage=True), impact(3, by_person=True, sensitive_data=True)
        )
        assert state.gravest_impact is not None
        assert (state.gravest_impact.breach, state.gravest_impact.outage) == (True, True)
        assert state.gravest_impact.sensitive_data
