"""Remediation items and the post-incident review."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from holdfast.learn.events import Method
from holdfast.learn.remediation import Item, Plan, Standing, Wanted
from holdfast.learn.review import Review
from holdfast.prepare.terms import RemediationKind, ReviewQuestion
from holdfast.shapes.base import Asked, Flag, Length, Shown, Text, Time, Word, Yes
from holdfast.shapes.investigation import Links

# Remediation -----------------------------------------------------------------------------------


class ByMonitor(Asked):
    """A monitor back in bounds: the system sees it by itself, and nobody can tick it off."""

    method: Literal["monitor"]
    monitor: Annotated[Word, Field(min_length=1), Flag("--monitor")]
    """The monitor that has to prove it; the system watches it."""
    windows: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Windows in a row that must be back in bounds; as many as the playbook says when left out."""
    lasting: Length | None = None
    """How long these must span together: `3d`; as the playbook says when left out."""

    def wanted(self) -> Wanted:
        return Wanted(Method.MONITOR, "", self.monitor, self.windows, self.lasting)


class ByTest(Asked):
    """A test, where no monitor can show it."""

    method: Literal["test"]
    how: Annotated[Text, Field(min_length=1), Flag("--test", "SENTENCE")]
    """Which test will show that it works."""

    def wanted(self) -> Wanted:
        return Wanted(Method.TEST, self.how)


class ByReview(Asked):
    """A review, where neither monitor nor test can show it."""

    method: Literal["review"]
    how: Annotated[Text, Field(min_length=1), Flag("--review", "SENTENCE")]
    """Which review will show that it works."""

    def wanted(self) -> Wanted:
        return Wanted(Method.REVIEW, self.how)


class PlanAsked(Asked):
    """What is to be done about the root cause."""

    action: Annotated[Text, Field(min_length=1)]
    """What will be done."""
    kind: Annotated[RemediationKind, Flag("--kind")]
    """What kind of remedy."""
    responsible: Annotated[Word, Field(min_length=1), Flag("--responsible", "EMAIL")]
    """Who does it: e-mail address of a person of the roster."""
    deadline: Annotated[Time, Flag("--deadline")]
    """Until when."""
    verification: Annotated[ByMonitor | ByTest | ByReview, Field(discriminator="method")]
    """What will prove that it works."""

    def plan(self) -> Plan:
        wanted = self.verification.wanted()
        return Plan(self.action, self.kind, self.responsible, self.deadline, wanted)


class Done(Asked):
    """What was done, and when it took effect."""

    what: Annotated[Text, Field(min_length=1)]
    """What was done, so that somebody else could find it."""
    done_at: Annotated[Time | None, Flag("--at")] = None
    """When it took effect; now when left out."""


class Accepted(Asked):
    """What a test or a review showed; a monitor's verdict is not typed in."""

    works: Annotated[Yes, Flag("--works/--failed")]
    """Whether it showed that it works."""
    proof: Annotated[Text, Field(min_length=1)]
    """What the test or review showed."""
    links: Annotated[Links, Flag("--link", "LINK")] = ()
    """What proves it: EV-1, #17, monitor:accuracy."""


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
    overtaken: str = Field(validation_alias="overtaken_said")
    """What happened after it was verified, and speaks against that; empty while nothing did."""
    unprovable: str = Field(validation_alias="unprovable_said")
    """Why the monitor that was to prove it cannot, and what can be done; empty while it can."""
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

    FILE = "--from"
    answers: Annotated[dict[ReviewQuestion, Text], Flag("--answer", "TEXT", keyed="--question")] = Field(
        default_factory=dict
    )
    """Answers by their question."""
    attendees: Annotated[tuple[Word, ...] | None, Flag("--attendee", "NAME")] = Field(None, max_length=200)
    """Who took part, all of them."""


class CompletionAsked(Asked):
    """What was decided in the review, each as a remediation item."""

    FILE = "--actions"
    actions: tuple[PlanAsked, ...] = Field((), max_length=50)
    """What was decided."""


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
