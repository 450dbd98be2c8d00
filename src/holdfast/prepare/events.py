"""The facts of preparation: what was written, who signed it, what is in force; and who came in.

A version is known by the SHA-256 of its file's exact bytes (`content`). The text itself is in the fact:
whoever holds the ledger can read every version anything was ever run under.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from holdfast.ledger.facts import LONGEST_DOCUMENT, Arm, Disarm, Fact, Line, fact, upcast
from holdfast.prepare.terms import Function

REVIEW_TIMER = "playbook.review"
"""Name and kind of the timer of the regular review."""

# Files ---------------------------------------------------------------------------------------------


@fact("playbook.applied", version=2)
class PlaybookApplied(Fact):
    """A version is proposed; it becomes active when all of `required` have signed."""

    longest: ClassVar[int] = LONGEST_DOCUMENT
    content: str
    label: str
    """The organisation's own name for the version."""
    title: str
    sign_off: tuple[Function, ...]
    """Functions it names itself."""
    required: tuple[Function, ...]
    """Functions that have to sign: those it names, and those that the version then in force named."""
    review_every_seconds: int
    text: str

    def line(self) -> Line:
        return Line(f"Playbook {self.label} applied", f"content {self.content[:12]}", "act")


@upcast("playbook.applied", 1)
def _signed_by_those_it_names(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "required": data["sign_off"]}


@fact("playbook.approved")
class PlaybookApproved(Fact):
    """One function has signed a version."""

    content: str
    label: str
    function: Function
    person: str
    name: str

    def line(self) -> Line:
        return Line(f"Playbook {self.label} signed for {self.function.label.lower()}", self.name, "act")


@fact("playbook.activated")
class PlaybookActivated(Fact):
    """The last required signature is given: new incidents run under this version."""

    content: str
    label: str
    review_due: datetime

    def timers(self) -> Iterable[Arm | Disarm]:
        # A newer version in force moves the date: the timer has one name.
        yield Arm(REVIEW_TIMER, REVIEW_TIMER, self.review_due, {"content": self.content})

    def line(self) -> Line:
        return Line(f"Playbook {self.label} is active", f"review due {self.review_due:%d %B %Y}", "act")


@fact("playbook.reviewed")
class PlaybookReviewed(Fact):
    """Somebody looked through the version in force, as it asks for, and left it as it is."""

    content: str
    label: str
    person: str
    name: str
    note: str
    """What was looked at, and why nothing changes."""
    next_due: datetime

    def timers(self) -> Iterable[Arm | Disarm]:
        yield Arm(REVIEW_TIMER, REVIEW_TIMER, self.next_due, {"content": self.content})

    def line(self) -> Line:
        title = f"Playbook {self.label} reviewed and left as it is"
        return Line(title, f"{self.name}: {self.note}. Next review {self.next_due:%d %B %Y}", "act")


@fact("playbook.review_fell_due")
class PlaybookReviewFellDue(Fact):
    """The regular review of the version in force is due; its owner was told (R-PRE-05)."""

    content: str
    label: str
    owner: str

    def timers(self) -> Iterable[Arm | Disarm]:
        yield Disarm(REVIEW_TIMER)

    def line(self) -> Line:
        return Line(f"Review of playbook {self.label} is due", f"told {self.owner}", "alarm")


@fact("system.applied")
class SystemApplied(Fact):
    """The inventory entry of an AI system, with its monitors, is in force as written."""

    longest: ClassVar[int] = LONGEST_DOCUMENT
    system: str
    content: str
    file: str
    title: str
    priority: int
    text: str

    def line(self) -> Line:
        return Line(f"AI system {self.title} applied", f"{self.file}, content {self.content[:12]}", "act")


@fact("system.withdrawn")
class SystemWithdrawn(Fact):
    """The system's file is gone from the workspace: it is watched no longer."""

    system: str
    title: str

    def line(self) -> Line:
        return Line(f"AI system {self.title} withdrawn", tone="act")


@dataclass(frozen=True, slots=True)
class Listed:
    """One person as the roster lists them."""

    id: str
    name: str
    titles: tuple[str, ...]
    access: tuple[str, ...]
    functions: tuple[str, ...]


@fact("roster.applied")
class RosterApplied(Fact):
    """Who responds, and what each person may reach, is in force as written."""

    longest: ClassVar[int] = LONGEST_DOCUMENT
    content: str
    people: tuple[Listed, ...]
    text: str

    def line(self) -> Line:
        return Line("Roster applied", f"{len(self.people)} people, content {self.content[:12]}", "act")


# Signing -------------------------------------------------------------------------------------------

ChangeKind = Literal["limits", "authority"]


@fact("change.proposed")
class ChangeProposed(Fact):
    """What was applied moves a limit or an authority, and waits for signatures; what was in force stays."""

    change: str
    """`CHG-1`"""
    subject: str
    """`system/loan-approval`, or `roster`."""
    kind: ChangeKind
    differences: tuple[str, ...]
    """What it changes, in words."""
    sign_off: tuple[Function, ...]
    """Who has to sign, as the playbook in force said."""
    against: str
    """Content of the version it changes."""
    content: str
    """SHA-256 of the file's bytes; empty when the file is gone."""
    file: str
    title: str
    text: str

    def line(self) -> Line:
        functions = ", ".join(one.label.lower() for one in self.sign_off)
        detail = f"{'; '.join(self.differences)}. To be signed for {functions}"
        return Line(f"{self.change} proposed: {self.kind} of {self.subject}", detail, "act")


@fact("change.approved")
class ChangeApproved(Fact):
    """One function has signed a change; with the last one it comes into force."""

    change: str
    subject: str
    function: Function
    person: str
    name: str

    def line(self) -> Line:
        return Line(f"{self.change} signed for {self.function.label.lower()}", self.name, "act")


@fact("change.withdrawn")
class ChangeWithdrawn(Fact):
    """The files were applied again without this change, or with another in its place."""

    change: str
    subject: str
    reason: str

    def line(self) -> Line:
        return Line(f"{self.change} withdrawn", self.reason)
