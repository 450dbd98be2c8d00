"""The post-incident review: its drafts and its completion. Pure (R-PIR-01 to R-PIR-03)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from holdfast.incident.incident import Incident
from holdfast.investigate.kept import Kept
from holdfast.learn.events import ReviewCompleted, ReviewDrafted, ReviewFact
from holdfast.people import Actor
from holdfast.prepare.terms import ReviewQuestion
from holdfast.problems import NotAllowed

_WORDS: Mapping[ReviewQuestion, str] = {
    ReviewQuestion.WHAT_HAPPENED: "what happened",
    ReviewQuestion.WHEN_DETECTED: "when it occurred and was detected",
    ReviewQuestion.IMPACT: "the impact",
    ReviewQuestion.ROOT_CAUSE: "the root cause",
    ReviewQuestion.REMEDIATION: "the remediation",
    ReviewQuestion.WENT_WELL: "what went well",
    ReviewQuestion.COULD_BE_BETTER: "what could be better",
    ReviewQuestion.WILL_CHANGE: "what will change",
}


@dataclass(frozen=True, slots=True)
class Review:
    """State folded from the facts of `review/INC-1`."""

    versions: tuple[Kept[ReviewDrafted], ...] = ()
    completed: Kept[ReviewCompleted] | None = None

    def after(self, fact: ReviewFact, at: datetime, by: Actor) -> Review:
        match fact:
            case ReviewDrafted():
                return replace(self, versions=(*self.versions, Kept(fact, at, by)))
            case ReviewCompleted():
                return replace(self, completed=Kept(fact, at, by))
            case _:
                assert_never(fact)

    @property
    def newest(self) -> ReviewDrafted | None:
        return self.versions[-1].fact if self.versions else None

    @property
    def answers(self) -> Mapping[ReviewQuestion, str]:
        """The eight answers as they stand; empty before the first draft."""
        if self.completed:
            return self.completed.fact.answers
        return self.newest.answers if self.newest else dict.fromkeys(ReviewQuestion, "")

    @property
    def attendees(self) -> tuple[str, ...]:
        if self.completed:
            return self.completed.fact.attendees
        return self.newest.attendees if self.newest else ()

    @property
    def unanswered(self) -> tuple[ReviewQuestion, ...]:
        return tuple(question for question in ReviewQuestion if not self.answers.get(question, "").strip())

    # Deciding ----------------------------------------------------------------------------------

    def draft(self, incident: str, known: Mapping[ReviewQuestion, str]) -> list[ReviewFact]:
        """Fill in what the record knows; what a person wrote stays as it is.

        Nothing when the record has nothing new to say.
        """
        self._require_open(incident)
        newest = self.newest
        kept = {} if newest is None else newest.answers
        fresh = tuple(ReviewQuestion) if newest is None else newest.from_record
        answers = {one: known.get(one, "") if one in fresh else kept[one] for one in ReviewQuestion}
        return self._next(incident, answers, fresh, self.attendees)

    def edit(
        self, incident: str, answers: Mapping[ReviewQuestion, str], attendees: Sequence[str] | None
    ) -> list[ReviewFact]:
        """A person changes answers or who attended; what is not named stays. Nothing when nothing changed."""
        self._require_open(incident)
        newest = self.newest
        if newest is None:
            raise NotAllowed(
                f"the review of {incident} is not begun; draft it first", first=("review.draft", incident)
            )
        written = {question: text.strip() for question, text in answers.items()}
        merged = {**newest.answers, **written}
        still = tuple(one for one in newest.from_record if merged[one] == newest.answers[one])
        present = newest.attendees if attendees is None else _names(attendees)
        return self._next(incident, merged, still, present)

    def complete(self, state: Incident, items: Sequence[str], shared_with: Sequence[str]) -> list[ReviewFact]:
        """All eight questions are answered and people were there. Nothing when completed already."""
        if self.completed:
            return []
        if not state.resolved_at:
            said = f"{state.id} is {state.status.value}; resolve it before its review is completed"
            raise NotAllowed(said, first=state.next_to_resolve)
        if self.newest is None:
            raise NotAllowed(
                f"the review of {state.id} is not begun; draft it first", first=("review.draft", state.id)
            )
        if self.unanswered:
            missing = ", ".join(_WORDS[question] for question in self.unanswered)
            raise NotAllowed(f"the review has no answer yet on {missing}")
        if not self.attendees:
            raise NotAllowed("name who took part in the review")
        return [
            ReviewCompleted(
                incident=state.id,
                answers=dict(self.newest.answers),
                attendees=self.attendees,
                items=tuple(items),
                shared_with=tuple(shared_with),
            )
        ]

    def _next(
        self,
        incident: str,
        answers: Mapping[ReviewQuestion, str],
        from_record: tuple[ReviewQuestion, ...],
        attendees: tuple[str, ...],
    ) -> list[ReviewFact]:
        newest = self.newest
        if newest and (dict(answers), attendees) == (dict(newest.answers), newest.attendees):
            return []
        return [
            ReviewDrafted(
                incident=incident,
                number=len(self.versions) + 1,
                answers=dict(answers),
                from_record=from_record,
                attendees=attendees,
            )
        ]

    def _require_open(self, incident: str) -> None:
        if self.completed:
            raise NotAllowed(f"the review of {incident} is completed; what it says stays as it was said")


def _names(attendees: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in attendees if name.strip()))
