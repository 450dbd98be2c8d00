"""The playbook: sign versions and changes, and review it."""

from __future__ import annotations

from holdfast.people import Permission
from holdfast.prepare import versions
from holdfast.shapes import preparation as shapes
from holdfast.steps.addresses import Change, SignsFor, Version
from holdfast.steps.step import Call, step


def _version(call: Call, _: str, content: str) -> shapes.VersionShown:
    return shapes.shown_version(versions.find_playbook(call.ledger, content))


@step(
    "playbook",
    "PUT /playbook/versions/{version}/signatures/{function}",
    verb="approve",
    may=Permission.APPROVE_PLAYBOOK,
    shows=_version,
)
def sign(call: Call, version: Version, function: SignsFor) -> str:
    """Sign a version for a function you hold. The last signature it asks for puts it in force."""
    known = versions.playbook_versions_of(call.ledger)
    newest = known[0].content if known else ""
    content = versions.find_playbook(call.ledger, version or newest).content
    versions.approve_playbook(call.ledger, content, function, call.by, call.at)
    return content


def _change(call: Call, change: str, _: None) -> shapes.ChangeShown:
    return shapes.change(versions.require_change(call.ledger, change))


@step(
    "playbook",
    "PUT /playbook/changes/{change}/signatures/{function}",
    verb="approve-change",
    may=Permission.APPROVE_PLAYBOOK,
    shows=_change,
)
def sign_change(call: Call, change: Change, function: SignsFor) -> None:
    """Sign a change for a function you hold. The last signature it asks for puts it in force."""
    versions.approve_change(call.ledger, change, function, call.by, call.at)


def _reviewed(call: Call, _: str, __: None) -> shapes.ReviewsShown:
    return shapes.reviews(versions.reviews_of(call.ledger)[:1])


@step("playbook", "POST /playbook/reviews", may=Permission.APPROVE_PLAYBOOK, shows=_reviewed)
def review(call: Call, said: shapes.Reviewed) -> None:
    """Record that the regular review left the playbook as it is. The next one is due as it says."""
    versions.review_playbook(call.ledger, said.note, call.by, call.at)


STEPS = (sign, sign_change, review)
