"""The post-incident review: let the record draft it, edit it, complete it."""

from __future__ import annotations

from holdfast.learn import reviewing
from holdfast.learn.review import Review
from holdfast.people import Permission
from holdfast.shapes import learning as shapes
from holdfast.steps.addresses import IncidentId
from holdfast.steps.step import Call, step


def _shown(call: Call, incident: str, found: Review) -> shapes.ReviewShown:
    return shapes.shown_review(incident, reviewing.questions(call.desk, incident), found)


@step("review", "POST /incidents/{incident}/review/drafts", may=Permission.RESPOND, shows=_shown)
def draft(call: Call, incident: IncidentId) -> Review:
    """Write down what the record knows. What a person wrote stays."""
    return reviewing.draft(call.desk, incident, by=call.by, at=call.at)


@step("review", "PATCH /incidents/{incident}/review", may=Permission.RESPOND, shows=_shown)
def edit(call: Call, incident: IncidentId, said: shapes.ReviewAsked) -> Review:
    """Change answers, or who took part. What is not named stays."""
    return reviewing.edit(call.desk, incident, said.answers, said.attendees, by=call.by, at=call.at)


@step("review", "PUT /incidents/{incident}/review/completion", may=Permission.RESPOND, shows=_shown)
def complete(call: Call, incident: IncidentId, said: shapes.CompletionAsked) -> Review:
    """Complete the review and share it with those the playbook names. What was decided in it becomes
    remediation items."""
    actions = [action.plan() for action in said.actions]
    return reviewing.complete(call.desk, incident, actions, by=call.by, at=call.at)


STEPS = (draft, edit, complete)
