"""Who is called and who may decide: the playbook's words turned into people of the roster."""

from __future__ import annotations

from holdfast.incident.events import Member
from holdfast.incident.incident import Incident
from holdfast.people import Actor, IncidentRole
from holdfast.prepare.playbook import Playbook
from holdfast.prepare.promises import ON_CALL, Promise
from holdfast.prepare.roster import Person, Roster, Who
from holdfast.prepare.terms import Authority, Severity
from holdfast.problems import NoAuthority

_ROLES = frozenset(role.value for role in IncidentRole)
"""Roles that one person fills at a time; titles and on call may be several people's."""


def members(roster: Roster, who: Who) -> tuple[Member, ...]:
    """Everyone `who` speaks of, with the role they are called for, each role once."""
    found: dict[tuple[str, str], Member] = {}

    def add(role: str, person: Person) -> None:
        found.setdefault((role, person.id), Member(role, person.id, person.name))

    for role in who.roles:
        add(role.value, roster.holder(role))
    for title in who.titles:
        for person in roster.titled(title):
            add(title, person)
    if who.on_call:
        first = roster.person(roster.on_call[0])
        if first:
            add(ON_CALL, first)
    return tuple(found.values())


def team(
    playbook: Playbook, roster: Roster, severity: Severity, before: Severity | None, now: Incident
) -> tuple[Member, ...]:
    """The team of this severity, each person once for each role (R-CLS-04, R-CLS-05).

    A role that somebody was given in the incident stays theirs. When the severity rises, whoever is at work
    stays; when it falls from `before`, those go that the playbook does not call for it.
    """
    given = {member.role: member for member in now.taken_over}
    called = [
        given.get(member.role, member) for member in members(roster, playbook.severities[severity].team)
    ]
    falls = before is not None and severity.rank > before.rank
    stay = now.taken_over if falls else now.team
    filled = {member.role for member in called if member.role in _ROLES}
    others = [member for member in stay if member.role not in filled]
    once: dict[tuple[str, str], Member] = {}
    for member in (*called, *others):
        once.setdefault((member.role, member.person), member)
    return tuple(once.values())


def moved(roster: Roster, state: Incident) -> list[tuple[Member, Member]]:
    """Roles of the team that another person holds by the roster in force: who held it, and who does.

    What was handed over stays with whoever is still there and may respond; so does being on call.
    """
    found = []
    handed = {member.role for member in state.taken_over} - state.by_roster
    for member in state.team:
        there = roster.takes_part(member.person)
        if member.role in _ROLES and not (there and member.role in handed):
            line = roster.roles[member.role].in_order()
        elif member.role == ON_CALL and not there:
            line = roster.on_call
        else:
            continue
        first = next((one for one in map(roster.person, line) if one and roster.takes_part(one.id)), None)
        if first and first.id != member.person:
            found.append((member, Member(member.role, first.id, first.name)))
    return found


def deputies(roster: Roster, state: Incident) -> tuple[Member, ...]:
    """Who steps in first for those that did not answer: for each role of the team the first deputy of its
    holder."""
    holders = [member for member in state.team if member.role in _ROLES]
    commander = IncidentRole.INCIDENT_COMMANDER.value
    stand_ins = []
    for holder in holders or [Member(commander, roster.holder(commander).id, "")]:
        deputy = next((one for one in roster.deputies(holder.role) if one.id != holder.person), None)
        if deputy:
            stand_ins.append(Member(holder.role, deputy.id, deputy.name))
    if any(member.role == ON_CALL for member in state.team) and len(roster.on_call) > 1:
        second = roster.person(roster.on_call[1])
        if second:
            stand_ins.append(Member(ON_CALL, second.id, second.name))
    return _each_person_once(stand_ins)


def deciders(state: Incident, playbook: Playbook, roster: Roster, authority: Authority) -> tuple[Member, ...]:
    """Who may take a decision: whoever fills such a role in the incident, else its holder in the roster."""
    return _each_person_once([holder(state, roster, role) for role in playbook.roles_with(authority)])


def keepers(promise: Promise, state: Incident, playbook: Playbook, roster: Roster) -> tuple[Member, ...]:
    """Who is expected to keep a promise."""
    if isinstance(promise.kept_by, Authority):
        return deciders(state, playbook, roster, promise.kept_by)
    if isinstance(promise.kept_by, IncidentRole):
        return (holder(state, roster, promise.kept_by),)
    called = state.holder_of(ON_CALL) or state.holder_of(IncidentRole.INCIDENT_COMMANDER.value)
    return (called,) if called else members(roster, Who(on_call=True))


def holder(state: Incident, roster: Roster, role: IncidentRole) -> Member:
    """Whoever fills a role in the incident, else its holder in the roster."""
    holder = roster.holder(role)
    return state.holder_of(role.value) or Member(role.value, holder.id, holder.name)


def require(state: Incident, playbook: Playbook, roster: Roster, who: Actor, authority: Authority) -> None:
    """Raises NoAuthority unless `who` holds a role with this authority (R-ESC-05).

    A role that nobody fills in the incident is filled by its holder or deputies of the roster. The system
    itself has no authority: what a person must decide stays with a person.
    """
    if who.kind != "person":
        raise NoAuthority(f"{who.name} may not {authority.says}: a person must decide that")
    if why := roster.barred(who.id):
        why = "who audits takes no part" if why == "audits" else f"{who.name} {why}"
        raise NoAuthority(f"{who.name} may not {authority.says}: {why}")
    needed = playbook.roles_with(authority)
    unfilled = [role for role in needed if state.holder_of(role.value) is None]
    if any(who.id in roster.roles[role].in_order() for role in unfilled):
        return
    filled = [role.value for role in needed]
    holders = [member for member in state.team if member.role in filled]
    if any(member.person == who.id for member in holders):
        return
    words = " or ".join(role.value.replace("_", " ") for role in needed)
    if not needed:
        raise NoAuthority(f"the playbook gives no role the authority to {authority.says}; it must name one")
    names = [member.name for member in holders] or [roster.holder(role).name for role in unfilled]
    raise NoAuthority(
        f"{who.name} may not {authority.says}: that needs the {words}. "
        f"Ask {' or '.join(dict.fromkeys(names))}, or have the role handed over"
    )


def _each_person_once(found: list[Member]) -> tuple[Member, ...]:
    return tuple({member.person: member for member in found}.values())
