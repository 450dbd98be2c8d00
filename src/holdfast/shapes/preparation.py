"""Playbook versions and people, as shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from holdfast.access.signed_in import SignedIn
from holdfast.access.tokens import ApiToken
from holdfast.ledger.facts import Recorded
from holdfast.people import AccessRole, Permission
from holdfast.prepare.changes import Change
from holdfast.prepare.events import PlaybookReviewed
from holdfast.prepare.terms import Function
from holdfast.prepare.versions import Passage, PlaybookVersion
from holdfast.shapes.base import Asked, Shown, Text


class SignatureShown(Shown):
    function: Function
    person: str
    name: str
    at: datetime


class VersionListed(Shown):
    """One version of the playbook, who signed it, and whether it is in force."""

    content: str
    """SHA-256 of the file's bytes: what an incident is pinned to."""
    version: str
    title: str
    state: Literal["proposed", "active", "superseded", "withdrawn"]
    sign_off: tuple[Function, ...]
    approvals: tuple[SignatureShown, ...]
    missing: tuple[Function, ...]
    applied_at: datetime
    applied_by: str
    activated_at: datetime | None
    review_due: datetime | None


class VersionShown(VersionListed):
    text: str
    """The file as it was applied."""


class Versions(Shown):
    versions: tuple[VersionListed, ...]


class ChangeShown(Shown):
    """A change of limits or of authority that comes into force when it is signed."""

    change: str
    """`CHG-1`"""
    subject: str
    """`system/loan-approval`, or `roster`."""
    kind: Literal["limits", "authority"]
    state: Literal["proposed", "in force", "withdrawn"]
    reason: str
    """Why it was withdrawn."""
    differences: tuple[str, ...]
    """What it changes, in words."""
    sign_off: tuple[Function, ...]
    approvals: tuple[SignatureShown, ...]
    missing: tuple[Function, ...]
    proposed_at: datetime
    proposed_by: str
    text: str
    """The file as it was applied; empty when it is gone."""


class ChangesShown(Shown):
    changes: tuple[ChangeShown, ...]


class PlaybookReviewShown(Shown):
    """A regular review that left the playbook as it was."""

    version: str
    content: str
    at: datetime
    person: str
    name: str
    note: str
    next_due: datetime


class ReviewsShown(Shown):
    reviews: tuple[PlaybookReviewShown, ...]


class DiffLineShown(Shown):
    sign: Literal[" ", "-", "+"]
    text: str
    old: int | None
    new: int | None


class Difference(Shown):
    older: str
    newer: str
    passages: tuple[tuple[DiffLineShown, ...], ...]
    """Changed lines with a few unchanged ones around them; empty when nothing differs."""


class Me(Shown):
    """Who is asking, and what they may do with this token."""

    person: str
    name: str
    kind: Literal["person", "system", "agent"]
    access: tuple[AccessRole, ...]
    may: tuple[Permission, ...]


class PersonShown(Shown):
    person: str
    name: str
    titles: tuple[str, ...]
    access: tuple[AccessRole, ...]
    functions: tuple[Function, ...]
    account: bool
    """Whether they can sign in with a password."""


class TokenShown(Shown):
    token: str
    """Public handle; the secret is shown once, when it is issued."""
    person: str
    name: str
    kind: Literal["person", "agent"]
    scope: tuple[Permission, ...]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


class TokenIssued(TokenShown):
    secret: str


class Reviewed(Asked):
    """That the playbook was reviewed and stays as it is."""

    note: Annotated[Text, Field(min_length=1)]
    """What was looked at, and why nothing changes."""


def listed_version(found: PlaybookVersion) -> VersionListed:
    return VersionListed.model_validate(found)


def shown_version(found: PlaybookVersion) -> VersionShown:
    return VersionShown.model_validate(found)


def change(found: Change) -> ChangeShown:
    proposed = found.proposed
    return ChangeShown(
        change=found.id,
        subject=found.subject,
        kind=proposed.kind,
        state=found.state,
        reason=found.reason,
        differences=proposed.differences,
        sign_off=proposed.sign_off,
        approvals=tuple(
            SignatureShown(function=function, person=one.person, name=one.name, at=one.at)
            for function, one in found.signed.items()
        ),
        missing=found.open if found.state == "proposed" else (),
        proposed_at=found.at,
        proposed_by=found.by.name,
        text=proposed.text,
    )


def changes_shown(found: Iterable[Change]) -> ChangesShown:
    return ChangesShown(changes=tuple(change(one) for one in found))


def reviews(found: Iterable[Recorded]) -> ReviewsShown:
    """`found` are the facts of reviews, the newest first."""
    return ReviewsShown(
        reviews=tuple(
            PlaybookReviewShown(
                version=one.fact.label,
                content=one.fact.content,
                at=one.at,
                person=one.fact.person,
                name=one.fact.name,
                note=one.fact.note,
                next_due=one.fact.next_due,
            )
            for one in found
            if isinstance(one.fact, PlaybookReviewed)
        )
    )


def difference(older: str, newer: str, passages: Sequence[Passage]) -> Difference:
    """`older` and `newer` name the two texts."""
    lines = tuple(tuple(DiffLineShown.model_validate(line) for line in passage.lines) for passage in passages)
    return Difference(older=older, newer=newer, passages=lines)


def me(who: SignedIn) -> Me:
    may = tuple(permission for permission in Permission if who.may(permission))
    return Me(person=who.actor.id, name=who.actor.name, kind=who.actor.kind, access=who.access, may=may)


def token(found: ApiToken) -> TokenShown:
    return TokenShown.model_validate(found)
