"""Remediation items and the post-incident review."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import Field

from holdfast.learn.events import Method
from holdfast.learn.remediation import Item, Plan, Standing, Wanted
from holdfast.learn.review import Review
from holdfast.prepare.terms import RemediationKind, ReviewQuestion
from holdfast.shapes.base import Asked, Length, Shown, Text, Time, Word
from holdfast.shapes.investigation import Links

# Remediation -----------------------------------------------------------------------------------


class VerificationAsked(Asked):
    """How it will be shown that the remediation works."""

    method: Method
    how: Text = ""
    """In words; written by the system where a monitor verifies."""
    monitor: Word = ""
    windows: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Windows in a row that must be back in bounds; as many as the playbook says when left out."""
    lasting: Length | None = None
    """How long these must span together: `3d`."""


class PlanAsked(Asked):
    """What is to be done about the root cause."""

    action: Text
    kind: RemediationKind
    responsible: Word
    """E-mail address of a person of the roster."""
    deadline: Time
    verification: VerificationAsked

    def plan(self) -> Plan:
        wanted = self.verification
        return Plan(
            self.action,
            self.kind,
            self.responsible,
            self.deadline,
            Wanted(wanted.method, wanted.how, wanted.monitor, wanted.windows, wanted.lasting),
        )


class Done(Asked):
    """What was done, and when it took effect; now when left out."""

    what: Text
    done_at: Time | None = None


class Accepted(Asked):
    """What a test or a review showed; a monitor's verdict is not typed in."""

    works: bool
    proof: Text
    links: Links = ()


class VerificationShown(Shown):
    method: Method
    how: str
    monitor: str
    quantity: str
    below: float | None
    above: float | None
    windows: int
    lasting_seconds: int


class ItemShown(Shown):
    item: str
    incident: str
    cause: str
    action: str
    kind: RemediationKind
    responsible: str
    responsible_name: str
    deadline: datetime
    overdue_at: datetime | None
    standing: Standing
    verification: VerificationShown
    done: str
    done_at: datetime | None
    result: str
    """The proof when it is verified, the reason when it failed or was withdrawn."""
    failed: int
    """How often verification failed."""
    from_review: bool
    planned_at: datetime


class Items(Shown):
    items: tuple[ItemShown, ...]


def item(found: Item) -> ItemShown:
    return ItemShown.model_validate(found)


# Review ----------------------------------------------------------------------------------------


class ReviewAsked(Asked):
    """Changed answers, and who took part; what is left out stays as it is."""

    answers: dict[ReviewQuestion, Text] = Field(default_factory=dict)
    attendees: tuple[Word, ...] | None = Field(None, max_length=200)


class CompletionAsked(Asked):
    """What was decided in the review, each as a remediation item."""

    actions: tuple[PlanAsked, ...] = Field((), max_length=50)


class ReviewShown(Shown):
    incident: str
    version: int
    """0 before the first draft."""
    questions: dict[ReviewQuestion, str]
    """In the words of the incident's playbook."""
    answers: dict[ReviewQuestion, str]
    from_record: tuple[ReviewQuestion, ...]
    """Questions whose answer is still the one the record gave."""
    unanswered: tuple[ReviewQuestion, ...]
    attendees: tuple[str, ...]
    completed_at: datetime | None
    completed_by: str
    items: tuple[str, ...]
    """Remediation items decided in it."""
    shared_with: tuple[str, ...]


def shown_review(incident: str, questions: Mapping[ReviewQuestion, str], state: Review) -> ReviewShown:
    newest, completed = state.newest, state.completed
    return ReviewShown(
        incident=incident,
        version=newest.number if newest else 0,
        questions=dict(questions),
        answers={question: state.answers[question] for question in ReviewQuestion},
        from_record=tuple(one for one in newest.from_record if state.answers[one].strip()) if newest else (),
        unanswered=state.unanswered,
        attendees=state.attendees,
        completed_at=completed.at if completed else None,
        completed_by=completed.by.name if completed else "",
        items=completed.fact.items if completed else (),
        shared_with=completed.fact.shared_with if completed else (),
    )
