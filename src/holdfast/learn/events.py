"""Facts of learning: what is done about the cause, whether it worked, and what the review found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from holdfast import wording
from holdfast.investigate.events import Link
from holdfast.ledger.facts import Arm, Disarm, Fact, Line, fact
from holdfast.prepare.terms import RemediationKind, ReviewQuestion

OVERDUE_TIMER = "remediation.overdue"
REMINDER_TIMER = "remediation.reminder"

# Remediation -----------------------------------------------------------------------------------


class Method(StrEnum):
    """How it is shown that a remediation works (R-REM-03)."""

    MONITOR = "monitor"
    """The system itself sees the monitor back in bounds."""
    TEST = "test"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Verification:
    """What will prove the remediation, fixed when it is planned."""

    method: Method
    how: str
    """In words."""
    monitor: str = ""
    quantity: str = ""
    """The monitor's metric; the bounds below apply to it."""
    below: float | None = None
    """The limit at planning: a lower value is out of bounds."""
    above: float | None = None
    """The limit at planning: a higher value is out of bounds."""
    windows: int = 0
    """Windows in a row that must be in bounds."""
    lasting_seconds: int = 0
    """How long these windows must span together."""
    least_n: int = 0
    """Windows with fewer rows prove nothing."""
    least_group_n: int = 0
    """Groups with fewer rows are not judged."""


@dataclass(frozen=True, slots=True)
class ProvingWindow:
    """One window of the run that proves it."""

    window_start: datetime
    window_end: datetime
    value: float | None
    """None where the monitor judges groups only."""
    lower: float | None
    upper: float | None
    n: int


@fact("remediation.planned")
class RemediationPlanned(Fact):
    incident: str
    item: str
    """`INC-1-R1`, numbered within the incident."""
    cause: str
    """The root cause it addresses."""
    action: str
    kind: RemediationKind
    responsible: str
    """Roster id: the e-mail address."""
    responsible_name: str
    deadline: datetime
    remind_at: datetime | None
    """When the person is reminded; None where the deadline is nearer than the playbook's notice."""
    system: str
    verification: Verification
    from_review: bool = False
    """Decided in the post-incident review (R-PIR-03)."""

    def timers(self) -> Iterable[Arm | Disarm]:
        yield _deadline(self.incident, self.item, self.deadline)
        if self.remind_at:
            data = {"incident": self.incident, "item": self.item}
            yield Arm(f"{self.item}/reminder", REMINDER_TIMER, self.remind_at, data)

    def line(self) -> Line:
        due = f"{self.responsible_name}, until {wording.utc(self.deadline)}"
        return Line(
            f"Remediation planned: {self.action}", f"{due}. Verified by: {self.verification.how}", "act"
        )


@fact("remediation.started")
class RemediationStarted(Fact):
    incident: str
    item: str

    def line(self) -> Line:
        return Line(f"Remediation started: {self.item}")


@fact("remediation.done")
class RemediationDone(Fact):
    """The action is taken; whether it works is not known yet."""

    incident: str
    item: str
    what: str
    done_at: datetime
    """When it took effect; only what is measured afterwards can prove it."""

    def timers(self) -> Iterable[Arm | Disarm]:
        return _stop(self.item)

    def line(self) -> Line:
        return Line(f"Remediation done: {self.item}", f"{self.what} ({wording.utc(self.done_at)})", "act")


@fact("remediation.verified")
class RemediationVerified(Fact):
    incident: str
    item: str
    method: Method
    proof: str
    windows: tuple[ProvingWindow, ...] = ()
    links: tuple[Link, ...] = ()

    def line(self) -> Line:
        return Line(f"Remediation verified: {self.item}", self.proof, "act")


@fact("remediation.overtaken")
class VerificationOvertaken(Fact):
    """It was verified, and then an alert of the incident went on or was raised, or containment was lost."""

    incident: str
    item: str
    reason: str

    def line(self) -> Line:
        return Line(f"Verification overtaken: {self.item}", self.reason, "alarm")


@fact("remediation.proof_lost")
class ProofLost(Fact):
    """The monitor that was to prove it is not watched any more."""

    incident: str
    item: str
    reason: str

    def line(self) -> Line:
        return Line(f"Nothing proves {self.item} any more", self.reason, "alarm")


@fact("remediation.proof_returned")
class ProofReturned(Fact):
    """The monitor that is to prove it is watched again."""

    incident: str
    item: str

    def line(self) -> Line:
        return Line(f"The monitor that proves {self.item} is watched again")


@fact("remediation.verification_failed")
class VerificationFailed(Fact):
    """It did not work: the item is open again, and its deadline runs."""

    incident: str
    item: str
    method: Method
    reason: str
    deadline: datetime
    links: tuple[Link, ...] = ()

    def timers(self) -> Iterable[Arm | Disarm]:
        yield _deadline(self.incident, self.item, self.deadline)

    def line(self) -> Line:
        return Line(f"Remediation did not work: {self.item}", self.reason, "alarm")


@fact("remediation.reminded")
class RemediationReminded(Fact):
    incident: str
    item: str
    deadline: datetime

    def timers(self) -> Iterable[Arm | Disarm]:
        yield Disarm(f"{self.item}/reminder")

    def line(self) -> Line:
        return Line(f"Reminded: {self.item}", f"due {wording.utc(self.deadline)}")


@fact("remediation.overdue")
class RemediationOverdue(Fact):
    incident: str
    item: str
    deadline: datetime

    def timers(self) -> Iterable[Arm | Disarm]:
        return _stop(self.item)

    def line(self) -> Line:
        return Line(f"Remediation overdue: {self.item}", f"was due {wording.utc(self.deadline)}", "alarm")


@fact("remediation.withdrawn")
class RemediationWithdrawn(Fact):
    """It will not be done; the reason is kept."""

    incident: str
    item: str
    reason: str

    def timers(self) -> Iterable[Arm | Disarm]:
        return _stop(self.item)

    def line(self) -> Line:
        return Line(f"Remediation withdrawn: {self.item}", self.reason, "act")


RemediationFact = (
    RemediationPlanned
    | RemediationStarted
    | RemediationDone
    | RemediationVerified
    | VerificationOvertaken
    | ProofLost
    | ProofReturned
    | VerificationFailed
    | RemediationReminded
    | RemediationOverdue
    | RemediationWithdrawn
)


def _deadline(incident: str, item: str, deadline: datetime) -> Arm:
    return Arm(f"{item}/deadline", OVERDUE_TIMER, deadline, {"incident": incident, "item": item})


def _stop(item: str) -> tuple[Disarm, ...]:
    return Disarm(f"{item}/deadline"), Disarm(f"{item}/reminder")


# Review ----------------------------------------------------------------------------------------


@fact("review.drafted")
class ReviewDrafted(Fact):
    """One version of the answers while the review is written."""

    incident: str
    number: int
    """Which version, from 1 within the incident."""
    answers: dict[ReviewQuestion, str]
    from_record: tuple[ReviewQuestion, ...]
    """Questions whose answer is still the one the record gave; nobody has changed it."""
    attendees: tuple[str, ...] = ()

    def line(self) -> Line:
        answered = sum(bool(answer) for answer in self.answers.values())
        return Line(f"Review drafted, version {self.number}", f"{answered} of {len(ReviewQuestion)} answered")


@fact("review.completed")
class ReviewCompleted(Fact):
    incident: str
    answers: dict[ReviewQuestion, str]
    attendees: tuple[str, ...]
    items: tuple[str, ...]
    """Remediation items decided in the review (R-PIR-03)."""
    shared_with: tuple[str, ...]
    """Names of those it was sent to (R-PIR-02)."""

    def line(self) -> Line:
        actions = f"; actions {', '.join(self.items)}" if self.items else ""
        return Line("Review completed", f"with {', '.join(self.attendees)}{actions}", "act")


ReviewFact = ReviewDrafted | ReviewCompleted
