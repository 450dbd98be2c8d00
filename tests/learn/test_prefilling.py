"""What the record knows of the eight questions (R-PIR-01, R-PIR-02)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.detect.marks import Tally
from holdfast.detect.measurement import Measurement, WindowStatus
from holdfast.evidence.events import Gap, Kind
from holdfast.incident.incident import Breach, ClockState, Incident
from holdfast.incident.register import Entry
from holdfast.investigate.cause import Cause
from holdfast.investigate.counting import Counted
from holdfast.investigate.events import (
    CauseAnalysed,
    Factor,
    ImpactAssessed,
    ImpactCounted,
    Link,
    LinkKind,
    Statement,
    UserImpact,
)
from holdfast.investigate.impact import Assessment, Impact
from holdfast.learn.events import (
    Method,
    RemediationDone,
    RemediationOverdue,
    RemediationPlanned,
    RemediationVerified,
    Verification,
    VerificationFailed,
)
from holdfast.learn.prefilling import Material, could_be_sooner, prefill
from holdfast.learn.remediation import Remediations
from holdfast.ledger.facts import Line
from holdfast.ledger.folding import fold
from holdfast.prepare.terms import FactorGroup, RemediationKind, ReviewQuestion
from support.alerted import alert_facts
from support.company import AISHA
from support.measured import DAY, measured

BEGAN = datetime(2026, 11, 22, tzinfo=UTC)
OPENED = BEGAN + timedelta(days=1, hours=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
PROOF = (Link(LinkKind.EVIDENCE, "EV-2"),)

ALERT = alert_facts(
    BEGAN + DAY,
    alert="AL-1",
    monitor="accuracy",
    monitor_name="Accuracy",
    dimension="performance",
    metric="accuracy",
    value=0.71,
    lower=0.66,
    upper=0.76,
    limit=0.8,
    reason="accuracy 0.71",
)
KEPT = ClockState("acknowledge", OPENED, OPENED + 15 * MINUTE, 15 * MINUTE, met_at=OPENED + 4 * MINUTE)
LATE = ClockState("contain", OPENED, OPENED + HOUR, HOUR, met_at=OPENED + 72 * MINUTE)
STATE = Incident(
    id="INC-1",
    title="Accuracy fell",
    system="loan-approval",
    began_at=BEGAN,
    opened_at=OPENED,
    acknowledged_at=OPENED + 4 * MINUTE,
    held_from=OPENED + HOUR,
    resolved_at=OPENED + 5 * DAY,
    alerts=(ALERT,),
    clocks={"acknowledge": KEPT, "contain": LATE},
)


def entry(at: datetime, kind: str, line: Line, back_filled: bool = False) -> Entry:
    return Entry(1, at, at, back_filled, "Maya", "person", kind, line)


TIMELINE = [
    entry(OPENED, "incident.opened", Line("Alert: Accuracy", "accuracy 0.71", "alarm")),
    entry(OPENED, "message.queued", Line("Message to maya", "INC-1")),
    entry(OPENED + HOUR, "incident.contained", Line("Contained", "the probe was answered", "act")),
    entry(OPENED + 2 * HOUR, "incident.note_added", Line("A broker rang", "", "note"), back_filled=True),
    entry(OPENED + 9 * HOUR, "incident.contained", Line("Contained", "again", "act")),
]


def items(*facts: object) -> Remediations:
    planned = RemediationPlanned(
        incident="INC-1",
        item="INC-1-R1",
        cause="months for years",
        action="Retrain",
        kind=RemediationKind.RETRAINING,
        responsible=AISHA.id,
        responsible_name="Aisha Rahman",
        deadline=OPENED + 10 * DAY,
        remind_at=None,
        system="loan-approval",
        verification=Verification(Method.MONITOR, "Accuracy back in bounds", monitor="accuracy"),
    )
    return fold(Remediations("INC-1"), ((fact, OPENED, AISHA) for fact in (planned, *facts)))  # type: ignore[misc]


DONE = RemediationDone(incident="INC-1", item="INC-1-R1", what="retrained", done_at=OPENED)
VERIFIED = RemediationVerified(
    incident="INC-1", item="INC-1-R1", method=Method.MONITOR, proof="in bounds in 3 windows"
)
FAILED = VerificationFailed(
    incident="INC-1", item="INC-1-R1", method=Method.MONITOR, reason="alarmed", deadline=OPENED
)
OVERDUE = RemediationOverdue(incident="INC-1", item="INC-1-R1", deadline=OPENED)


def material(**changes: object) -> Material:
    plain = Material(STATE, TIMELINE, Impact(), Cause(), Remediations("INC-1"))
    return replace(plain, **changes)  # type: ignore[arg-type]


def answers(**changes: object) -> dict[ReviewQuestion, str]:
    return dict(prefill(material(**changes)))


def test_every_question_is_there_and_what_only_people_know_is_empty() -> None:
    """R-PIR-01/eight."""
    filled = answers()
    assert list(filled) == list(ReviewQuestion)
    assert filled[ReviewQuestion.WILL_CHANGE] == ""
    assert filled[ReviewQuestion.IMPACT] == filled[ReviewQuestion.ROOT_CAUSE] == ""


def test_what_happened_is_the_timeline_without_its_machinery() -> None:
    assert answers()[ReviewQuestion.WHAT_HAPPENED] == (
        "Accuracy fell\n"
        "23 Nov 2026, 01:00 UTC  Alert: Accuracy: accuracy 0.71\n"
        "23 Nov 2026, 02:00 UTC  Contained: the probe was answered\n"
        "23 Nov 2026, 03:00 UTC  A broker rang (added later)\n"
        "23 Nov 2026, 10:00 UTC  Contained: again"
    )


def test_when_it_was_is_told_with_durations_and_the_first_containment() -> None:
    told = answers()[ReviewQuestion.WHEN_DETECTED].split("\n")
    assert told[:5] == [
        "Began: 22 Nov 2026, 00:00 UTC.",
        "Opened: 23 Nov 2026, 01:00 UTC, 1 d 1 h after it began.",
        "Acknowledged: 23 Nov 2026, 01:04 UTC, 4 min after the opening.",
        "Contained: 23 Nov 2026, 02:00 UTC, 1 h after the opening.",
        "Resolved: 28 Nov 2026, 01:00 UTC, 5 d after the opening.",
    ]
    unknown = replace(STATE, began_at=None, acknowledged_at=None, held_from=None, resolved_at=None)
    told = answers(state=unknown, timeline=[])[ReviewQuestion.WHEN_DETECTED].split("\n")
    assert told[:5] == [
        "Began: not known.",
        "Opened: 23 Nov 2026, 01:00 UTC.",
        "Acknowledged: not so far.",
        "Contained: not so far.",
        "Resolved: not so far.",
    ]


@pytest.mark.parametrize(
    ("measurements", "sentence"),
    [
        ([], "No monitor's alert belongs to it, so there is no measurement to tell"),
        (
            [measured(BEGAN - DAY, 0.87)],
            "No measurement of the monitors that alarmed was out of bounds before",
        ),
        ([measured(BEGAN, 0.6, alarm=True, known_after=2 * HOUR)], "No measurement of the monitors"),
        (
            [measured(BEGAN, 0.71, alarm=True, known_after=HOUR)],
            "The first window out of bounds ended 23 Nov 2026, 00:00 UTC (accuracy) and was judged "
            "23 Nov 2026, 01:00 UTC, 1 h later; the incident was opened at once.",
        ),
        (
            [
                measured(BEGAN - 2 * DAY, None, status=WindowStatus.PENDING, known_after=HOUR),
                measured(BEGAN - 2 * DAY, 0.7, alarm=True, known_after=DAY),
                measured(BEGAN - DAY, 0.7, alarm=True, known_after=HOUR),
            ],
            "The first window out of bounds ended 21 Nov 2026, 00:00 UTC (accuracy) and was judged "
            "22 Nov 2026, 00:00 UTC, 1 d later; its labels were not complete before that; the incident was "
            "opened 1 d 1 h later.",
        ),
    ],
    ids=[
        "nothing measured",
        "nothing to see",
        "only seen afterwards",
        "seen at once",
        "labels came late and nobody looked",
    ],
)
def test_whether_it_could_be_sooner_is_read_from_the_measurements(
    measurements: list[Measurement], sentence: str
) -> None:
    """R-PIR-01: when it occurred and was detected, and whether that could be sooner."""
    assert could_be_sooner(material(measurements=measurements)).startswith(sentence)


def test_impact_and_cause_are_quoted_with_what_they_rest_on() -> None:
    said = Assessment(users=UserImpact("applicants", "declined"))
    counted = ImpactCounted(
        incident="INC-1",
        number=1,
        system="loan-approval",
        start=BEGAN,
        end=OPENED,
        where={},
        counted=Counted(Tally(1000, 800), Tally(400, 310), True, ("income is missing",), 4000, OPENED),
    )
    assessed = ImpactAssessed(
        incident="INC-1",
        number=1,
        count=1,
        affected=310,
        exposed=800,
        users=said.users,
        data=said.data,
        compliance=said.compliance,
        reputation=said.reputation,
        finance=said.finance,
    )
    impact = Impact("loan-approval").after(counted, OPENED, AISHA).after(assessed, OPENED, AISHA)
    filled = answers(impact=impact)[ReviewQuestion.IMPACT]
    assert filled.startswith("310 people affected, as count 1 says, 800 exposed (applicants): declined.\n")
    assert "The number of people affected: count 1 in the log." in filled
    assert filled.endswith(
        "Impact counted: 310 people affected (400 predictions, 10.0%); 800 people exposed (1,000 "
        "predictions, 25.0%); 22 Nov 2026, 00:00 UTC to 23 Nov 2026, 01:00 UTC; "
        "affected where income is missing."
    )
    analysed = CauseAnalysed(
        incident="INC-1",
        number=1,
        facts=(),
        sequence=(),
        factors=(Factor(FactorGroup.HUMAN, Statement("nobody was told", (), True)),),
        root_cause=Statement("months for years", PROOF),
    )
    cause = Cause().after(analysed, OPENED, AISHA)
    assert answers(cause=cause)[ReviewQuestion.ROOT_CAUSE] == (
        "months for years (EV-2)\nHuman: nobody was told (assumption)"
    )


def test_remediation_is_listed_with_its_proof() -> None:
    assert answers(remediations=items(DONE, VERIFIED))[ReviewQuestion.REMEDIATION] == (
        "INC-1-R1: Retrain (retraining; Aisha Rahman, until 3 Dec 2026): verified. in bounds in 3 windows"
    )


def test_kept_promises_go_to_what_went_well_and_broken_ones_to_what_could_be_better() -> None:
    filled = answers(remediations=items(DONE, VERIFIED))
    assert filled[ReviewQuestion.WENT_WELL] == (
        "Acknowledged in 4 min of 15 min.\nA monitor noticed it (Accuracy).\nINC-1-R1 worked the first time."
    )
    assert filled[ReviewQuestion.COULD_BE_BETTER] == "Containment decided 12 min late; 1 h were promised."


def test_everything_that_went_wrong_on_the_record_is_named() -> None:
    never = replace(KEPT, met_at=None, breaches=(Breach(KEPT.due, KEPT.due),))
    state = replace(STATE, alerts=(), rung=2, clocks={"acknowledge": never})
    gaps = [Gap(Kind.MODEL_ARTEFACTS, "Model artefact", "the file is not there")]
    filled = answers(state=state, gaps=gaps, remediations=items(OVERDUE, DONE, FAILED))
    assert filled[ReviewQuestion.COULD_BE_BETTER] == (
        "Acknowledge was due 23 Nov 2026, 01:15 UTC and was not done; 15 min were promised.\n"
        "Nobody answered in time: it was escalated 2 times.\n"
        "No monitor noticed it; a person did.\n"
        "Not preserved: Model artefact (the file is not there).\n"
        "INC-1-R1 did not work 1 time.\n"
        "INC-1-R1 was overdue."
    )
    assert filled[ReviewQuestion.WENT_WELL] == ""
