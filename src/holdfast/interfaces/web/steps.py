"""What an incident asks for next: the order of the response, read off its state. Pure.

One button each; where the playbook gives the decision to a role that the reader does not fill, the role
and its holder are named instead. Whether a step is allowed is decided by the step itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from holdfast import wording
from holdfast.access.signed_in import SignedIn
from holdfast.contain.containment import WAITING, Containment, Stage
from holdfast.contain.offering import Offer
from holdfast.incident import roles
from holdfast.incident.events import AlertFacts
from holdfast.incident.incident import Incident, Status
from holdfast.incident.responding import Ground
from holdfast.interfaces.web.rendering import NextAction
from holdfast.investigate.impact import Impact
from holdfast.learn.remediation import Remediations
from holdfast.learn.review import Review
from holdfast.people import Permission
from holdfast.prepare.terms import Authority, Category, Severity
from holdfast.problems import NotAllowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything the next step depends on."""

    state: Incident
    ground: Ground
    containments: Sequence[Containment]
    offers: Sequence[Offer]
    impact: Impact
    remediations: Remediations
    review: Review
    doubts: Sequence[str]
    """What speaks against its being over."""
    open_alerts: Sequence[AlertFacts]
    """Its alerts that are open now."""
    proposed_since: bool
    """Whether the rules have proposed something after a person classified it."""
    now: datetime

    def whose(self, authority: Authority) -> str:
        """Who may decide: `incident commander (Maya Okafor)`."""
        said = []
        for role in self.ground.playbook.roles_with(authority):
            member = self.state.holder_of(role.value)
            name = member.name if member else self.ground.roster.holder(role.value).name
            said.append(f"{role.value.replace('_', ' ')} ({name})")
        if len(said) > 1:
            return f"{', '.join(said[:-1])} or {said[-1]}"
        return said[0] if said else "a role that the playbook does not name yet"

    def may(self, who: SignedIn, authority: Authority) -> bool:
        try:
            roles.require(self.state, self.ground.playbook, self.ground.roster, who.actor, authority)
        except NotAllowed:
            return False
        return True

    @property
    def review_required(self) -> bool:
        return self.state.severity in self.ground.playbook.review.required_for


def next_actions(situation: Situation, who: SignedIn) -> list[NextAction]:
    """What is to be done now, the most urgent first; nothing once the incident is over."""
    if situation.state.status.over:
        return []
    if not who.may(Permission.RESPOND):
        return [replace(action, needs="responder access") for action in _all(situation, who)]
    return list(_all(situation, who))


def _all(situation: Situation, who: SignedIn) -> Iterator[NextAction]:
    if situation.state.status is Status.RESOLVED:
        yield from _ending(situation, who)
        return
    yield from _answering(situation)
    yield from _containing(situation, who)
    yield from _understanding(situation)
    yield from _mending(situation)


def _address(situation: Situation, noun: str) -> str:
    return f"/incidents/{situation.state.id}/{noun}"


def _answering(situation: Situation) -> Iterator[NextAction]:
    state = situation.state
    if not state.acknowledged_at:
        yield NextAction(
            title="Acknowledge",
            verb="Acknowledge",
            detail="You answer: the escalation stops.",
            action=_address(situation, "acknowledgement"),
            key="a",
        )
    proposed = state.proposed
    if proposed is None or state.severity is None or state.category is None:
        return
    page = _address(situation, "classification")
    as_proposed = (proposed.severity, proposed.category) == (state.severity, state.category)
    if not state.classified_at:
        yield NextAction(
            title=f"Confirm {_what(state.severity, state.category)}",
            verb="Confirm",
            detail="Proposed by the playbook's rules." if as_proposed else _whence(state),
            action=page,
            values={"severity": state.severity.value, "category": state.category.value},
            other=("Why, or change it", page),
        )
    if situation.proposed_since and proposed.severity is not state.severity:
        yield NextAction(
            title="Look at the classification again",
            verb="Look",
            detail=f"The rules now propose {_what(proposed.severity, proposed.category)}.",
            href=page,
        )


def _what(severity: Severity, category: Category) -> str:
    return f"{severity.label}, {category.label.lower()}"


def _whence(state: Incident) -> str:
    """Where a classification comes from that is not the rules' last word, and that nobody confirmed."""
    stated = state.stated
    reported = stated is not None and (stated.severity is state.severity or stated.category is state.category)
    return "As reported." if reported else "As the rules proposed before."


def _containing(situation: Situation, who: SignedIn) -> Iterator[NextAction]:
    state, page = situation.state, _address(situation, "containment")
    for one in situation.containments:
        if one.stage not in WAITING or one.waits(state.overtaken_at):
            yield from _containment(situation, one, who, page)
    if state.containment_decided or state.contained_at:
        return
    if any(one.waits(state.overtaken_at) for one in situation.containments):
        return
    fastest = situation.offers[0] if situation.offers else None
    if fastest is None:
        none = "None is prepared for this system" if state.system else "No AI system is named"
        detail = f"{none}: decide without, and say why."
        yield NextAction(title="Decide on containment", verb="Decide", detail=detail, href=page)
        return
    detail = f"Fastest that fits: {fastest.name.lower()}, {wording.duration(fastest.takes)}."
    own = situation.may(who, Authority.CONTAIN)
    approval = "You may approve it." if own else f"Approval: {situation.whose(Authority.CONTAIN)}."
    yield NextAction(title="Choose containment", verb="Choose", detail=f"{detail} {approval}", href=page)


def _containment(situation: Situation, one: Containment, who: SignedIn, page: str) -> Iterator[NextAction]:
    action = NextAction(title="", verb="Open", detail=f"{one.name} ({one.id})", href=f"{page}#{one.id}")
    match one.stage:
        case Stage.PROPOSED:
            needs = "" if situation.may(who, Authority.CONTAIN) else situation.whose(Authority.CONTAIN)
            yield replace(action, title="Approve containment", verb="Approve", needs=needs)
        case Stage.APPROVED:
            yield replace(action, title="Apply containment", verb="Apply")
        case Stage.APPLIED:
            yield replace(action, title="Ask whether it is switched", verb="Ask")
        case Stage.FAILED:
            yield replace(action, title="The switch is not proven", detail=one.failure)
        case Stage.SWITCHED | Stage.OBEYED:
            told = one.effect.sentence if one.effect else "the prediction log has not been looked at yet"
            yield replace(action, title=f"Not contained yet: {one.standing}", detail=told, verb="Look")
        case Stage.REVERTED:
            yield replace(action, title="Ask whether it is switched back", verb="Prove")
        case Stage.CONTAINED | Stage.RELEASED | Stage.WITHDRAWN:
            return


def _understanding(situation: Situation) -> Iterator[NextAction]:
    state, impact = situation.state, situation.impact
    page = _address(situation, "impact")
    if not state.system:
        detail = "What can be preserved is frozen, and its log counted, once it is known."
        yield NextAction(title="Name the AI system", verb="Name", detail=detail, href=page)
    if not state.began_at:
        detail = "Nobody has said it, so nothing is counted."
        yield NextAction(title="Say when it began", verb="Say", detail=detail, href=page)
    if not impact.versions:
        count = impact.count
        known = "Not counted yet."
        if count is not None:
            known = f"Counted: {impact.affected(count)}; {impact.exposed(count)}, {impact.dated}."
        yield NextAction(title="Assess the impact", verb="Assess", detail=known, href=page)
    if state.classified_at and not state.cause:
        yield NextAction(
            title="Establish the cause",
            verb="Analyse",
            detail="Facts, sequence and factors, each linked to evidence.",
            href=_address(situation, "cause"),
        )


def _mending(situation: Situation) -> Iterator[NextAction]:
    state, items = situation.state, situation.remediations
    page = _address(situation, "remediation")
    if not state.cause:
        return
    open_items = items.open_items()
    if not items.items:
        yield NextAction(
            title="Plan the remediation",
            verb="Plan",
            detail="Who, until when, and what will prove it.",
            href=page,
        )
    elif open_items:
        late = sum(item.overdue(situation.now) for item in open_items)
        detail = f"{len(items.verified())} of {len(items.verified()) + len(open_items)} verified"
        detail += (
            f", {late} overdue."
            if late
            else f", next due {wording.day(min(i.deadline for i in open_items))}."
        )
        yield NextAction(title="Finish the remediation", verb="Open", detail=detail, href=page)
    if state.classified_at:
        proof = "The fix is verified."
        if situation.doubts:
            proof = f"{wording.capital(situation.doubts[0])}; this needs a reason."
        yield NextAction(
            title="Resolve", verb="Resolve", detail=proof, href=_address(situation, "resolution")
        )


def _ending(situation: Situation, who: SignedIn) -> Iterator[NextAction]:
    state = situation.state
    for alert in situation.open_alerts:
        if alert.alert in state.went_on:
            yield NextAction(
                title=f"{alert.alert} goes on",
                verb="Open an incident",
                detail="This one is resolved, and its clocks have ended.",
                action=f"/alerts/{alert.alert}/incident",
            )
    if not state.reviewed_at:
        wanted = (
            "Required before closing." if situation.review_required else "Not required for this severity."
        )
        whose = situation.whose(Authority.COMPLETE_REVIEW)
        yield NextAction(
            title="Write the review",
            verb="Review",
            detail=f"{wanted} Completed by the {whose}.",
            href=_address(situation, "review"),
        )
    for one in situation.containments:
        if one.in_force:
            needs = situation.whose(Authority.UNDO_CONTAINMENT)
            yield NextAction(
                title="Lift containment",
                verb="Open",
                detail=f"{one.name} ({one.id}) is still in force.",
                href=f"{_address(situation, 'containment')}#{one.id}",
                needs="" if situation.may(who, Authority.UNDO_CONTAINMENT) else needs,
            )
    yield from (action for action in _mending(situation) if action.title != "Resolve")
    needs = "" if situation.may(who, Authority.CLOSE) else situation.whose(Authority.CLOSE)
    yield NextAction(
        title="Close and archive",
        verb="Close",
        detail="Nothing can be added to the record afterwards.",
        href=_address(situation, "closure"),
        needs=needs,
    )
