"""Steps of the review: draft it from the record, edit it, complete it and share it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from holdfast.detect.events import MonitorMeasured, measured_stream
from holdfast.detect.measurement import Measurement
from holdfast.evidence import custody
from holdfast.incident import register, roles
from holdfast.incident.incident import Incident
from holdfast.incident.loading import Loaded, beside, load
from holdfast.incident.responding import Desk, Ground
from holdfast.investigate.analysing import cause_of
from holdfast.investigate.assessing import impact_of
from holdfast.learn import remedying
from holdfast.learn.events import ReviewFact
from holdfast.learn.prefilling import Material, prefill
from holdfast.learn.remediation import Item, Plan, Remediations
from holdfast.learn.review import Review
from holdfast.ledger import outbox
from holdfast.ledger.folding import Folded, Kind
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.people import Actor
from holdfast.prepare.terms import Authority, ReviewQuestion
from holdfast.problems import NotAllowed

REVIEWS = Kind("review", lambda incident: Review())
stream_of = REVIEWS.stream_of


def review_of(ledger: Ledger, incident: str) -> Review:
    """The review of an incident; empty before the first draft."""
    return REVIEWS.state(ledger, incident)


def draft(desk: Desk, incident: str, *, by: Actor, at: datetime) -> Review:
    """Write down what the record knows; drafting again refreshes what no person has changed.

    Raises NotAllowed, NoSuchIncident.
    """

    def decide(state: Incident, review: Review) -> list[ReviewFact]:
        return review.draft(incident, prefill(material(desk.ledger, state)))

    return _step(desk, incident, decide, by, at)


def edit(
    desk: Desk,
    incident: str,
    answers: Mapping[ReviewQuestion, str],
    attendees: Sequence[str] | None = None,
    *,
    by: Actor,
    at: datetime,
) -> Review:
    """A person changes some answers, or who took part. Raises NotAllowed, NoSuchIncident."""
    return _step(desk, incident, lambda state, review: review.edit(incident, answers, attendees), by, at)


def complete(desk: Desk, incident: str, actions: Sequence[Plan] = (), *, by: Actor, at: datetime) -> Review:
    """Complete the review, with what was decided in it as remediation items; needs the authority.

    Review, items, the incident's own fact and the messages to those it is shared with stand in one
    transaction. Raises NotAllowed, NoSuchIncident.
    """
    ledger = desk.ledger

    def decide(loaded: Loaded, read: Folded[Review]) -> list[Draft]:
        ground, tracked = desk.ground_of(loaded.state), remedying.REMEDIATIONS.load(ledger, incident)
        review, items = read.state, tracked.state
        if review.completed and actions:
            raise NotAllowed(
                f"the review of {incident} is completed; plan what is still to do as remediation"
            )
        planned, decided = _planned(items, actions, loaded.state, ground, by, at)
        reached = ground.roster.reach(ground.playbook.review.shared_with)
        facts = review.complete(
            loaded.state, [item.item for item in decided], [person.name for person in reached]
        )
        if not facts:
            return []
        roles.require(loaded.state, ground.playbook, ground.roster, by, Authority.COMPLETE_REVIEW)
        return [
            read.draft(facts),
            tracked.draft(planned),
            loaded.draft(loaded.state.reviewed(stream_of(incident))),
            *remedying.told_of_plans(desk, decided),
            *(_share(desk, person.id, loaded.state, review) for person in reached),
        ]

    beside(ledger, REVIEWS, incident, decide, by=by, at=at)
    return review_of(ledger, incident)


def questions(desk: Desk, incident: str) -> dict[ReviewQuestion, str]:
    """The eight questions in the words of the incident's playbook, in order."""
    ground = desk.ground_of(load(desk.ledger, incident).state)
    return dict(ground.playbook.review.questions.items())


def material(ledger: Ledger, state: Incident) -> Material:
    """Everything the record holds that answers the eight questions."""
    monitors = dict.fromkeys(alert.monitor for alert in state.own_alerts)
    return Material(
        state=state,
        timeline=register.timeline(register.record(ledger, state.id)),
        impact=impact_of(ledger, state.id),
        cause=cause_of(ledger, state.id),
        remediations=remedying.remediations_of(ledger, state.id),
        measurements=[one for monitor in monitors for one in _measured(ledger, state.system, monitor)],
        gaps=custody.gaps(ledger.stream(custody.stream_of(state.id)).events),
    )


def _measured(ledger: Ledger, system: str, monitor: str) -> Iterable[Measurement]:
    """Everything the monitor ever said, also what later labels have changed since."""
    for fact in ledger.stream(measured_stream(system, monitor)).events:
        if isinstance(fact, MonitorMeasured):
            yield from fact.measurements


def _planned(
    items: Remediations, actions: Sequence[Plan], state: Incident, ground: Ground, by: Actor, at: datetime
) -> tuple[list[Any], list[Item]]:
    """Facts that plan the actions, and the items they make; they name the review, and it names them."""
    facts: list[Any] = []
    for action in actions:
        planned = items.plan(
            action, state, ground.playbook, ground.roster, ground.system, at, from_review=True
        )
        for fact in planned:
            items = items.after(fact, at, by)
        facts += planned
    return facts, [items.items[fact.item] for fact in facts]


def _share(desk: Desk, person: str, state: Incident, review: Review) -> Draft:
    answers = "\n\n".join(
        f"{question.value.replace('_', ' ').capitalize()}\n{review.answers[question]}"
        for question in ReviewQuestion
    )
    subject = f"{state.id}: post-incident review, {state.title}"
    text = f"{subject}\n\n{answers}\n\nTook part: {', '.join(review.attendees)}\n\n{desk.link(state.id)}"
    return outbox.queue("email", person, subject, text, state.id, zone=desk.zone_of(person))


def _step(
    desk: Desk,
    incident: str,
    decide: Callable[[Incident, Review], list[ReviewFact]],
    by: Actor,
    at: datetime,
) -> Review:
    def drafts(loaded: Loaded, review: Folded[Review]) -> list[Draft]:
        return [review.draft(decide(loaded.state, review.state))]

    beside(desk.ledger, REVIEWS, incident, drafts, by=by, at=at)
    return review_of(desk.ledger, incident)
