"""The post-incident review, prefilled from the record (R-PIR-01 to R-PIR-03), and what is still to learn
across incidents."""

from __future__ import annotations

from fastapi import APIRouter, Response

from holdfast.incident import loading, roles
from holdfast.interfaces.web import lists
from holdfast.interfaces.web.access import Visit, takes, visit
from holdfast.interfaces.web.errors import status_of
from holdfast.interfaces.web.fields import IncidentNumber
from holdfast.interfaces.web.typed import NOTHING, Typed, refuse, typed
from holdfast.interfaces.web.views.remediation import choices
from holdfast.learn import reviewing, tracker
from holdfast.learn.closing import review_required
from holdfast.prepare.promises import REVIEW
from holdfast.prepare.terms import Authority, Severity
from holdfast.problems import NotAllowed
from holdfast.shapes.learning import CompletionAsked, ReviewAsked
from holdfast.steps import review as steps

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
            (incident, review_required(incident, playbook), found, incident.clocks.get(REVIEW.id))
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
        clock=state.clocks.get(REVIEW.id),
        shared_with=[person.name for person in ground.roster.reach(ground.playbook.review.shared_with)],
        team=[member.name for member in state.team],
        may_not_complete=may_not_complete,
        choices=choices(visit, incident),
        actions=_rows(form),
        typed=form,
    )


def _rows(form: Typed) -> int:
    """How many actions the form has room for."""
    return min(len(form.rows("actions")) + (1 if form.text("more") else 0), MOST_ACTIONS)


# Steps -------------------------------------------------------------------------------------------


@router.post("/incidents/{incident}/review/drafts", **takes(steps.draft))
def draft(visit: visit, incident: IncidentNumber) -> Response:
    """Fill in what the record knows; what a person wrote stays."""
    steps.draft(visit.call, incident)
    visit.notice("Filled in from the record.", "What a person wrote stays as it is.")
    return visit.back(f"/incidents/{incident}/review")


@router.post("/incidents/{incident}/review/answers", **takes(steps.edit))
def edit(visit: visit, incident: IncidentNumber, form: typed) -> Response:
    """Keep what was written."""
    if form.text("more"):
        return _review(visit, incident, form)
    try:
        steps.edit(visit.call, incident, _written(form))
    except NotAllowed as refused:
        return _review(visit, incident, refuse(visit, form, "review", refused), status_of(refused))
    visit.notice("The answers are saved.")
    return visit.back(f"/incidents/{incident}/review")


@router.post("/incidents/{incident}/review/completion", **takes(steps.complete))
def complete(visit: visit, incident: IncidentNumber, form: typed) -> Response:
    """Keep what was written, then complete the review and share it; actions become tracked items."""
    form = form.closed_up("actions", "action", "deadline")
    told = "Nothing was recorded."
    try:
        said, written = form.read(CompletionAsked), _written(form)
        steps.edit(visit.call, incident, written)
        told = "The answers are saved; the review is not completed."
        found = steps.complete(visit.call, incident, said)
    except NotAllowed as refused:
        return _review(visit, incident, refuse(visit, form, "review", refused, told), status_of(refused))
    shared = ", ".join(found.completed.fact.shared_with) if found.completed else ""
    visit.notice("The review is completed.", f"It is sent to {shared}." if shared else "")
    return visit.back(f"/incidents/{incident}/review")


def _written(form: Typed) -> ReviewAsked:
    return form.parted(r"\n+", "attendees").read(ReviewAsked)
