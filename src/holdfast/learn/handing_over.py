"""A role is given to somebody else, who hears what is open for it: whoever held it was asked, they were not.

What is open is read off the record when the role changes hands, so that nothing is told that is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from holdfast import wording
from holdfast.contain.containment import Stage
from holdfast.contain.reading import containments_of
from holdfast.incident import asking, communication, register, roles
from holdfast.incident.asking import Asked
from holdfast.incident.events import IncidentFact, Member, RoleHandedOver
from holdfast.incident.incident import Incident
from holdfast.incident.loading import load
from holdfast.incident.responding import Desk, Ground
from holdfast.learn import remedying
from holdfast.learn.events import Method
from holdfast.learn.remediation import Standing
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.people import Actor, IncidentRole
from holdfast.prepare.terms import Authority

HANDED_ON = "handed on"
"""What the message says it is about that tells a new holder what is open."""


def hand_over(
    desk: Desk, incident: str, role: IncidentRole, to: str, reason: str, *, by: Actor, at: datetime
) -> None:
    """Give a role to somebody else, and tell them once what is open for it. Raises as `Desk.hand_over`."""

    def told(incident: str) -> Sequence[Draft]:
        before = load(desk.ledger, incident).state
        ground = desk.ground_of(before)
        person = ground.roster.person(to)
        assert person is not None
        holder = Member(role.value, person.id, person.name)
        return _told(desk, before, before.hand_over(role.value, holder, reason), ground, at)

    desk.hand_over(incident, role, to, reason, by=by, at=at, together=told)


def follow_roster(desk: Desk, *, by: Actor, at: datetime) -> None:
    """The reaction to a roster that comes into force: roles of running incidents follow it, and each new
    holder is told once what is open for them."""

    def told(incident: str) -> Sequence[Draft]:
        before = load(desk.ledger, incident).state
        ground = desk.ground_of(before)
        facts = before.follow_roster(roles.moved(ground.roster, before), "")
        return _told(desk, before, facts, ground, at)

    for one in register.running(desk.ledger):
        desk.follow_roster(one.id, by=by, at=at, together=told)


def _told(
    desk: Desk, before: Incident, facts: Sequence[IncidentFact], ground: Ground, at: datetime
) -> list[Draft]:
    """What is open for each role that changes hands, to whoever holds it now."""
    after, drafts = before, list[Draft]()
    for fact in facts:
        after = after.after(fact, at)
    for fact in facts:
        if not isinstance(fact, RoleHandedOver) or fact.role not in list(IncidentRole):
            continue
        role = IncidentRole(fact.role)
        waiting = list(_open(desk, role, before.holder_of(role.value), after, ground))
        if not waiting:
            continue
        lines = "\n".join(f"- {one}" for one in waiting)
        news = communication.News(
            f"has {wording.plural(len(waiting), 'thing')} open for its {role.value.replace('_', ' ')}",
            f"That is you now.\n\n{lines}",
            HANDED_ON,
        )
        named = ground.system.name if ground.system else ""
        drafts += communication.news(
            news, after, [fact.to], ground.roster, desk.link, named, zone=ground.zone
        )
    return drafts


def _open(
    desk: Desk, role: IncidentRole, was: Member | None, state: Incident, ground: Ground
) -> Iterator[str]:
    """What is open for a role, a sentence each, the most urgent first."""
    if not state.acknowledged_at and not state.resolved_at:
        yield f"Nobody has acknowledged {state.id}."
    yield from _decisions(desk.ledger, role, state, ground)
    yield from _promises(role, state, ground)
    yield from _items(desk.ledger, role, was, state, ground)
    if role is IncidentRole.INCIDENT_COMMANDER:
        yield from state.after_resolution


def _decisions(ledger: Ledger, role: IncidentRole, state: Incident, ground: Ground) -> Iterator[str]:
    if role in ground.playbook.roles_with(Authority.OVERRIDE_SEVERITY) and asking.asked(
        ledger, state, Asked.SEVERITY, since=state.classified_at
    ):
        in_force = state.severity.label if state.severity else "not classified"
        proposed = state.proposed.severity.label if state.proposed else "not known"
        yield f"A decision on the severity: {in_force} is in force, the rules propose {proposed}."
    with ledger.reading() as conn:
        known = containments_of(conn, state.id)
    for one in known:
        if one.stage is not Stage.PROPOSED or not one.waits(state.overtaken_at):
            continue
        action = ground.playbook.action(one.action)
        if action and role in ground.playbook.roles_with(action.authority):
            yield f"{one.id} ({one.name}) is proposed and waits for approval."


def _promises(role: IncidentRole, state: Incident, ground: Ground) -> Iterator[str]:
    """Clocks that whoever fills the role is expected to keep."""
    running = sorted((one for one in state.clocks.values() if one.running), key=lambda one: one.due)
    for clock in running:
        keepers = roles.keepers(clock.promise, state, ground.playbook, ground.roster)
        if any(one.role == role.value for one in keepers):
            yield f"{clock.says}, due {wording.utc(clock.due)}."


def _items(
    ledger: Ledger, role: IncidentRole, was: Member | None, state: Incident, ground: Ground
) -> Iterator[str]:
    """Remediation that the former holder is responsible for, and what waits for an authority of the role."""
    accepts = role in ground.playbook.roles_with(Authority.APPROVE_REMEDIATION)
    for item in remedying.remediations_of(ledger, state.id).open_items():
        by_hand = item.verification.method is not Method.MONITOR
        if item.standing is Standing.DONE and by_hand and accepts:
            yield f"{item.item} is done and waits for its verification: {item.verification.how}."
        elif was and item.responsible == was.person:
            until = wording.utc(item.deadline)
            yield (
                f"{item.item} stays with {was.name}, {item.standing.value}, until {until}: "
                f"{wording.sentence(item.action)}"
            )
