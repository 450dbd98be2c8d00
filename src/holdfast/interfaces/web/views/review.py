"""The post-incident review, prefilled from the record (R-PIR-01 to R-PIR-03), and what is still to learn
across incidents."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Response

from holdfast.incident import loading, roles
from holdfast.incident.events import Clock
from holdfast.interfaces.web import lists
from holdfast.interfaces.web.access import Visit, visit
from holdfast.interfaces.web.typed import NOTHING, Typed, Wrong, refuse, typed
from holdfast.interfaces.web.views.remediation import choices, plan_of
from holdfast.learn import reviewing, tracker
from holdfast.learn.closing import review_required
from holdfast.learn.remediation import Plan
from holdfast.people import Permission
from holdfast.prepare.terms import Authority, ReviewQuestion, Severity
from holdfast.problems import NotAllowed

router = APIRouter()

MOST_ACTIONS = 5
"""Actions that one completion can carry; more are planned as remediation."""


@router.get("/reviews")
def reviews(visit: visit) -> Response:
    """Reviews that are due, and remediation that is still to do, across incidents."""
    with visit.application.ledger.reading() as conn:
        resolved = lists.reviews_to_do(conn, list(Severity))
        due = tracker.due_items(conn)
        waiting = tracker.waiting_for_verification(conn)
        overdue = tracker.count_overdue(conn, visit.now)
    standing = []
    for incident in resolved:
        playbook = visit.application.desk.ground_of(incident).playbook
        found = reviewing.review_of(visit.application.ledger, incident.id)
        standing.append(
            (incident, review_required(incident, playbook), found, incident.clocks.get(Clock.REVIEW))
        )
    return visit.page(
        "pages/reviews.html",
        "reviews",
        standing=standing,
        due=due,
        waiting=waiting,
        overdue=overdue,
    )


@router.get("/incidents/{incident}/review")
def review(visit: visit, incident: str) -> Response:
    return _review(visit, incident, NOTHING)


def _review(visit: Visit, incident: str, form: Typed, status: int = 200) -> Response:
    application = visit.application
    state = loading.load(application.ledger, incident).state
    ground = application.desk.ground_of(state)
    found = reviewing.review_of(application.ledger, incident)
    may_not_complete = ""
    try:
        roles.require(state, ground.playbook, ground.roster, visit.actor, Authority.COMPLETE_REVIEW)
    except NotAllowed as refused:
        may_not_complete = str(refused)
    return visit.page(
        "pages/review.html",
        "incidents",
        status=status,
        state=state,
        review=found,
        decided=found.completed.fact.items if found.completed else (),
        questions=list(reviewing.questions(application.desk, incident).items()),
        from_record=set(found.newest.from_record) if found.newest else set(),
        required=review_required(state, ground.playbook),
        clock=state.clocks.get(Clock.REVIEW),
        shared_with=[person.name for person in ground.roster.reach(ground.playbook.review.shared_with)],
        team=[member.name for member in state.team],
        may_not_complete=may_not_complete,
        choices=choices(visit, incident),
        actions=_shown_actions(form),
        typed=form,
    )


def _shown_actions(form: Typed) -> int:
    """How many empty actions the form has room for."""
    asked = form.values.get("actions", "")
    shown = int(asked) if asked.isdigit() else 0
    return min(shown + (1 if form.text("more") else 0), MOST_ACTIONS)


# Steps -------------------------------------------------------------------------------------------


@router.post("/incidents/{incident}/review/drafts")
def draft(visit: visit, incident: str) -> Response:
    """Fill in what the record knows; what a person wrote stays."""
    visit.require(Permission.RESPOND)
    reviewing.draft(visit.application.desk, incident, by=visit.actor, at=visit.now)
    visit.notice("Filled in from the record.", "What a person wrote stays as it is.")
    return visit.back(f"/incidents/{quote(incident)}/review")


@router.post("/incidents/{incident}/review/answers")
def edit(visit: visit, incident: str, form: typed) -> Response:
    """Keep what was written."""
    visit.require(Permission.RESPOND)
    if form.text("more"):
        return _review(visit, incident, form)
    try:
        _keep(visit, incident, form)
    except NotAllowed as refused:
        return _review(visit, incident, refuse(visit, form, "review", refused), 422)
    visit.notice("The answers are saved.")
    return visit.back(f"/incidents/{quote(incident)}/review")


@router.post("/incidents/{incident}/review/completion")
def complete(visit: visit, incident: str, form: typed) -> Response:
    """Keep what was written, then complete the review and share it; actions become tracked items."""
    visit.require(Permission.RESPOND)
    try:
        actions = _actions(form)
        _keep(visit, incident, form)
        found = reviewing.complete(visit.application.desk, incident, actions, by=visit.actor, at=visit.now)
    except NotAllowed as refused:
        return _review(visit, incident, refuse(visit, form, "review", refused), 422)
    shared = ", ".join(found.completed.fact.shared_with) if found.completed else ""
    visit.notice("The review is completed.", f"It is sent to {shared}." if shared else "")
    return visit.back(f"/incidents/{quote(incident)}/review")


def _keep(visit: Visit, incident: str, form: Typed) -> None:
    answers = {question: form.text(question.value) for question in ReviewQuestion}
    attendees = form.text("attendees").splitlines()
    reviewing.edit(visit.application.desk, incident, answers, attendees, by=visit.actor, at=visit.now)


def _actions(form: Typed) -> list[Plan]:
    """The actions in which anything was written. Raises Wrong."""
    found: list[Plan] = []
    for number in range(_shown_actions(form)):
        prefix = f"action{number}-"
        if form.text(f"{prefix}action"):
            found.append(plan_of(form, prefix))
        elif form.text(f"{prefix}deadline"):
            raise Wrong(f"{prefix}action", "Say what will be done, or take the deadline out.")
    return found
