"""What may happen to a review: tables of (history, decision, facts). R-PIR-01."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from holdfast.incident.incident import Incident, Status
from holdfast.learn.events import ReviewCompleted, ReviewDrafted, ReviewFact
from holdfast.learn.review import Review
from holdfast.ledger.folding import fold
from holdfast.prepare.terms import ReviewQuestion
from holdfast.problems import NotAllowed
from support.company import MAYA

NOW = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
ALL = tuple(ReviewQuestion)
HAPPENED, CHANGE = ReviewQuestion.WHAT_HAPPENED, ReviewQuestion.WILL_CHANGE
OPEN = Incident(id="INC-1", status=Status.CONTAINED)
RESOLVED = replace(OPEN, status=Status.RESOLVED, resolved_at=NOW)


def known(text: str = "known") -> dict[ReviewQuestion, str]:
    """What the record says to every question but the last."""
    return {one: "" if one is CHANGE else text for one in ReviewQuestion}


def drafted(
    answers: dict[ReviewQuestion, str],
    number: int = 1,
    from_record: tuple[ReviewQuestion, ...] = ALL,
    attendees: tuple[str, ...] = (),
) -> ReviewDrafted:
    return ReviewDrafted(
        incident="INC-1", number=number, answers=answers, from_record=from_record, attendees=attendees
    )


FULL = dict.fromkeys(ReviewQuestion, "said")
READY = drafted(FULL, attendees=("Maya", "Helen"))
COMPLETED = ReviewCompleted(
    incident="INC-1", answers=FULL, attendees=("Maya", "Helen"), items=("INC-1-R2",), shared_with=("Eleanor",)
)
WITHOUT = tuple(one for one in ALL if one is not HAPPENED)


def after(*facts: ReviewFact) -> Review:
    return fold(Review(), ((fact, NOW, MAYA) for fact in facts))


@pytest.mark.parametrize(
    ("history", "decide", "facts"),
    [
        ([], lambda r: r.draft("INC-1", known()), [drafted(known())]),
        ([drafted(known())], lambda r: r.draft("INC-1", known()), []),
        ([drafted(known())], lambda r: r.draft("INC-1", known("more")), [drafted(known("more"), 2)]),
        (
            [drafted({**known(), HAPPENED: "ours"}, from_record=WITHOUT)],
            lambda r: r.draft("INC-1", known("more")),
            [drafted({**known("more"), HAPPENED: "ours"}, 2, WITHOUT)],
        ),
        (
            [drafted(known())],
            lambda r: r.edit("INC-1", {HAPPENED: " ours\n"}, None),
            [drafted({**known(), HAPPENED: "ours"}, 2, WITHOUT)],
        ),
        ([drafted(known())], lambda r: r.edit("INC-1", {HAPPENED: "known"}, None), []),
        (
            [drafted(known())],
            lambda r: r.edit("INC-1", {}, ["Maya ", "", "Helen", "Maya"]),
            [drafted(known(), 2, attendees=("Maya", "Helen"))],
        ),
        ([READY], lambda r: r.complete(RESOLVED, ["INC-1-R2"], ["Eleanor"]), [COMPLETED]),
        ([READY, COMPLETED], lambda r: r.complete(RESOLVED, [], []), []),
    ],
    ids=[
        "prefilled",
        "nothing new",
        "the record knows more",
        "what a person wrote stays",
        "a person writes",
        "a person changes nothing",
        "who took part",
        "completed",
        "completed already",
    ],
)
def test_history_and_decision_give_these_facts(
    history: list[ReviewFact], decide: Callable[[Review], list[ReviewFact]], facts: list[ReviewFact]
) -> None:
    assert decide(after(*history)) == facts


@pytest.mark.parametrize(
    ("history", "decide", "sentence"),
    [
        ([], lambda r: r.edit("INC-1", {}, None), "is not begun"),
        ([], lambda r: r.complete(RESOLVED, [], []), "is not begun"),
        ([READY], lambda r: r.complete(OPEN, [], []), "is contained; resolve it before"),
        (
            [drafted({**FULL, CHANGE: " ", HAPPENED: ""}, attendees=("Maya",))],
            lambda r: r.complete(RESOLVED, [], []),
            "no answer yet on what happened, what will change",
        ),
        ([drafted(FULL)], lambda r: r.complete(RESOLVED, [], []), "name who took part"),
        ([READY, COMPLETED], lambda r: r.edit("INC-1", {HAPPENED: "other"}, None), "stays as it was said"),
        ([READY, COMPLETED], lambda r: r.draft("INC-1", known()), "stays as it was said"),
    ],
)
def test_what_may_not_happen_is_refused_with_a_sentence(
    history: list[ReviewFact], decide: Callable[[Review], list[ReviewFact]], sentence: str
) -> None:
    """R-PIR-01: all eight questions are answered before a review is completed."""
    with pytest.raises(NotAllowed, match=sentence):
        decide(after(*history))


def test_before_the_first_draft_there_are_eight_empty_answers() -> None:
    assert len(Review().unanswered) == 8
    assert after(READY).unanswered == ()
