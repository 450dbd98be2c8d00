"""Who is called and who may decide: the playbook's words turned into people of the roster."""

from __future__ import annotations

from holdfast.incident.events import Member
from holdfast.incident.incident import Incident
from holdfast.people import Actor, IncidentRole
from holdfast.prepare.playbook import Playbook
from holdfast.prepare.roster import Person, Roster, Who
from holdfast.prepare.terms import Authority, Severity
from holdfast.problems import NoAuthority

ON_CALL = "on_call"


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


def team(playbook: Playbook, roster: Roster, severity: Severity, now: Incident) -> tuple[Member, ...]:
    """The team of this severity; whoever was handed a role in the incident keeps it (R-CLS-04)."""
    called = members(roster, playbook.severities[severity].team)
    kept = {member.role: member for member in now.team}
    merged = [kept.pop(member.role, member) for member in called]
    return (*merged, *kept.values())


def deputies(roster: Roster, state: Incident) -> tuple[Member, ...]:
    """Who steps in first for those that did not answer: the first deputy of each role in the team."""
    roles = [member.role for member in state.team if member.role in IncidentRole.__members__.values()]
    stand_ins = []
    for role in roles or [IncidentRole.INCIDENT_COMMANDER.value]:
        deputy = next(iter(roster.deputies(role)), None)
        if deputy:
            stand_ins.append(Member(role, deputy.id, deputy.name))
    if any(member.role == ON_CALL for member in state.team) and len(roster.on_call) > 1:
        second = roster.person(roster.on_call[1])
        if second:
            stand_ins.append(Member(ON_CALL, second.id, second.name))
    return _each_person_once(stand_ins)


def require(state: Incident, playbook: Playbook, roster: Roster, who: Actor, authority: Authority) -> None:
    """Raises NoAuthority unless `who` holds a role with this authority (R-ESC-05).

    A role that nobody fills in the incident is filled by its holder or deputies of the roster. The system
    itself has no authority: what a person must decide stays with a person.
    """
    if who.kind != "person":
        raise NoAuthority(f"{who.name} may not {authority.says}: a person must decide that")
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
