"""A review on a ledger: prefilled, edited, completed, shared, its actions tracked (R-PIR-01 to R-PIR-03)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from holdfast.detect.events import MonitorMeasured
from holdfast.incident.loading import load
from holdfast.incident.responding import Desk
from holdfast.learn import closing, remedying, reviewing
from holdfast.learn.events import Method, RemediationPlanned, ReviewCompleted
from holdfast.learn.remediation import Plan, Wanted
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.ledger.outbox import MessageQueued
from holdfast.prepare.terms import RemediationKind, ReviewQuestion
from holdfast.problems import NotAllowed
from support.company import AISHA, HELEN, MAYA, TOMAS, WORKER
from support.measured import DAY, measured

ANSWERS = {
    ReviewQuestion.IMPACT: "310 applicants were declined wrongly",
    ReviewQuestion.REMEDIATION: "the model was retrained",
    ReviewQuestion.COULD_BE_BETTER: "we heard of the change too late",
    ReviewQuestion.WILL_CHANGE: "units are part of the feed's contract",
}


def alarm(ledger: Ledger, at: datetime) -> None:
    """The accuracy monitor was out of bounds, and that was known when the incident opened."""
    window = measured(datetime.fromisoformat("2026-11-22T00:00:00Z"), 0.71, alarm=True)
    fact = MonitorMeasured(
        system="loan-approval", monitor="accuracy", config="0" * 64, measurements=(window,)
    )
    ledger.append(Draft("monitor/loan-approval/accuracy", 0, [fact]), by=WORKER, at=at)


def action(now: datetime) -> Plan:
    return Plan(
        "Write units into the contract of every feed",
        RemediationKind.PROCESS_IMPROVEMENT,
        AISHA.id,
        now + 30 * DAY,
        Wanted(Method.REVIEW, "the contract is signed"),
    )


@pytest.fixture
def later(now: datetime) -> datetime:
    return now + timedelta(hours=5)


@pytest.fixture
def resolved(desk: Desk, incident: str, later: datetime) -> str:
    closing.resolve(desk, incident, "Retrained.", "the labels come in a month", by=MAYA, at=later)
    return incident


@pytest.fixture
def written(desk: Desk, resolved: str, later: datetime) -> str:
    reviewing.draft(desk, resolved, by=MAYA, at=later)
    reviewing.edit(desk, resolved, ANSWERS, ["Maya Okafor", "Helen Marsh"], by=MAYA, at=later)
    return resolved


def test_a_draft_is_filled_from_the_record(
    desk: Desk, ledger: Ledger, incident: str, later: datetime
) -> None:
    """R-PIR-02/prefilled."""
    alarm(ledger, later)
    review = reviewing.draft(desk, incident, by=MAYA, at=later)
    answers = review.answers
    assert "23 Nov 2026, 10:42 UTC  Alert: Accuracy: accuracy 0.71" in answers[ReviewQuestion.WHAT_HAPPENED]
    assert (
        "Acknowledged: 23 Nov 2026, 10:51 UTC, 9 min after the opening."
        in answers[ReviewQuestion.WHEN_DETECTED]
    )
    assert (
        "judged 23 Nov 2026, 01:00 UTC, 1 h later; the incident was opened 9 h 42 min later"
        in (answers[ReviewQuestion.WHEN_DETECTED])
    )
    assert answers[ReviewQuestion.ROOT_CAUSE].startswith("the employment feed changed from years to months (")
    assert "Acknowledged in 9 min of 2 h." in answers[ReviewQuestion.WENT_WELL]
    assert reviewing.review_of(ledger, incident) == review


def test_drafting_again_refreshes_what_no_person_has_changed(
    desk: Desk, incident: str, later: datetime
) -> None:
    reviewing.draft(desk, incident, by=MAYA, at=later)
    reviewing.edit(desk, incident, {ReviewQuestion.WENT_WELL: "we kept calm"}, by=MAYA, at=later)
    wanted = Wanted(Method.MONITOR, monitor="accuracy")
    remedying.plan(
        desk,
        incident,
        Plan("Retrain", RemediationKind.RETRAINING, AISHA.id, later + DAY, wanted),
        by=TOMAS,
        at=later,
    )
    review = reviewing.draft(desk, incident, by=MAYA, at=later)
    assert review.answers[ReviewQuestion.REMEDIATION].startswith("INC-1-R1: Retrain")
    assert review.answers[ReviewQuestion.WENT_WELL] == "we kept calm"
    assert [kept.fact.number for kept in review.versions] == [1, 2, 3]


def test_completing_stands_with_the_incident_its_actions_and_its_messages_in_one_transaction(
    desk: Desk, ledger: Ledger, written: str, later: datetime
) -> None:
    """R-PIR-02/shared, R-PIR-03: linked both ways, shared with the teams the playbook names."""
    before = ledger.size()
    done = later + timedelta(days=2)
    review = reviewing.complete(desk, written, [action(later)], by=MAYA, at=done)
    appended = [recorded.fact for recorded in ledger.facts(after=before - 1)]
    completed = next(fact for fact in appended if isinstance(fact, ReviewCompleted))
    planned = next(fact for fact in appended if isinstance(fact, RemediationPlanned))
    assert (completed.items, planned.item, planned.from_review) == (("INC-1-R1",), "INC-1-R1", True)
    assert review.completed is not None
    assert review.completed.fact == completed
    assert {"Maya Okafor", "Eleanor Voss", "Niamh Byrne"} <= set(completed.shared_with)
    letters = [fact for fact in appended if isinstance(fact, MessageQueued) and "review" in fact.subject]
    assert len(letters) == len(completed.shared_with)
    assert "units are part of the feed's contract" in letters[0].text
    state = load(ledger, written).state
    assert state.reviewed_at == done
    assert state.clocks["review"].kept


class TestRefusals:
    def test_before_the_incident_is_resolved(self, desk: Desk, incident: str, later: datetime) -> None:
        reviewing.draft(desk, incident, by=MAYA, at=later)
        reviewing.edit(desk, incident, ANSWERS, ["Maya"], by=MAYA, at=later)
        with pytest.raises(NotAllowed, match="resolve it before its review is completed"):
            reviewing.complete(desk, incident, by=MAYA, at=later)

    def test_without_the_authority(self, desk: Desk, ledger: Ledger, written: str, later: datetime) -> None:
        """R-ESC-05."""
        before = ledger.size()
        with pytest.raises(NotAllowed, match="Aisha Rahman may not complete a post-incident review"):
            reviewing.complete(desk, written, by=AISHA, at=later)
        with pytest.raises(NotAllowed, match="a person must decide"):
            reviewing.complete(desk, written, by=WORKER, at=later)
        assert ledger.size() == before
        reviewing.complete(desk, written, by=HELEN, at=later)

    def test_of_an_action_nobody_answers_for(
        self, desk: Desk, ledger: Ledger, written: str, later: datetime
    ) -> None:
        """All or nothing: the review is not completed without its actions."""
        wrong = Plan(
            "Something",
            RemediationKind.CODE_FIX,
            "nobody@harbourstreet.example",
            later + DAY,
            Wanted(Method.TEST, "a test"),
        )
        before = ledger.size()
        with pytest.raises(NotAllowed, match="not in the roster"):
            reviewing.complete(desk, written, [action(later), wrong], by=MAYA, at=later)
        assert ledger.size() == before

    def test_of_a_second_completion_which_records_nothing(
        self, desk: Desk, ledger: Ledger, written: str, later: datetime
    ) -> None:
        reviewing.complete(desk, written, by=MAYA, at=later)
        before = ledger.size()
        reviewing.complete(desk, written, by=MAYA, at=later)
        with pytest.raises(NotAllowed, match="plan what is still to do as remediation"):
            reviewing.complete(desk, written, [action(later)], by=MAYA, at=later)
        assert ledger.size() == before
