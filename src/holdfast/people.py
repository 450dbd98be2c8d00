"""Who acts, and what they may do. Every permission of the product is decided in this file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something: a person of the roster, the system itself, or an agent acting for someone."""

    id: str
    """Stable handle: a person's e-mail address, or `holdfast/worker` for the system."""
    name: str
    kind: Literal["person", "system", "agent"] = "person"


SYSTEM = Actor("holdfast", "Holdfast", "system")
"""Who acts when nobody does: the worker, by the playbook's rules."""


class AccessRole(StrEnum):
    """What a person is allowed to reach; unrelated to the role they fill in one incident."""

    RESPONDER = "responder"
    COMMANDER = "commander"
    COMPLIANCE = "compliance"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Permission(StrEnum):
    """One thing a person may do, named as they would say it."""

    READ = "read"
    READ_EVIDENCE = "read evidence"
    DECLARE = "declare an incident"
    RESPOND = "respond to an incident"
    CONTAIN = "propose and apply containment"
    APPROVE_PLAYBOOK = "approve a playbook version"
    CHANGE_PLAYBOOK = "apply playbook, systems and roster files"
    BUILD_PACK = "build an audit pack"
    MANAGE_PEOPLE = "manage accounts"
    READ_LEDGER = "read the ledger"


_RESPONDER = {
    Permission.READ,
    Permission.READ_EVIDENCE,
    Permission.DECLARE,
    Permission.RESPOND,
    Permission.CONTAIN,
    Permission.APPROVE_PLAYBOOK,
    Permission.READ_LEDGER,
}

GRANTS: dict[AccessRole, frozenset[Permission]] = {
    AccessRole.RESPONDER: frozenset(_RESPONDER),
    AccessRole.COMMANDER: frozenset(_RESPONDER | {Permission.BUILD_PACK}),
    AccessRole.COMPLIANCE: frozenset(_RESPONDER | {Permission.BUILD_PACK, Permission.CHANGE_PLAYBOOK}),
    # The auditor reads and verifies but never writes (R-AUD-07).
    AccessRole.AUDITOR: frozenset(
        {Permission.READ, Permission.READ_EVIDENCE, Permission.READ_LEDGER, Permission.BUILD_PACK}
    ),
    AccessRole.ADMINISTRATOR: frozenset(
        {Permission.READ, Permission.MANAGE_PEOPLE, Permission.CHANGE_PLAYBOOK}
    ),
}


def allowed(roles: Iterable[str], permission: Permission | str) -> bool:
    """Whether any of these access roles grants the permission; what is unknown is a no."""
    try:
        wanted = Permission(permission)
        return any(wanted in GRANTS[AccessRole(role)] for role in roles)
    except ValueError:
        return False


def refusal(
    actor: Actor, roles: Iterable[str], permission: Permission, scope: frozenset[Permission] | None = None
) -> str:
    """Why somebody may not, in a sentence for them; empty when they may. `scope` is a token's own limit."""
    held = tuple(roles)
    if not allowed(held, permission):
        access = ", ".join(held) or "nothing"
        return (
            f"{actor.name} may not {permission.value}: their access ({access}) does not include it. "
            "Whoever maintains the roster can change that."
        )
    if scope is not None and permission not in scope:
        return f"this token's scope does not allow to {permission.value}; {actor.name} may"
    return ""


class IncidentRole(StrEnum):
    """The six roles of R-ESC-05 that a person fills in an incident."""

    INCIDENT_COMMANDER = "incident_commander"
    TECHNICAL_LEAD = "technical_lead"
    DATA_SCIENCE_LEAD = "data_science_lead"
    SECURITY_LEAD = "security_lead"
    COMPLIANCE_LEAD = "compliance_lead"
    COMMUNICATIONS_LEAD = "communications_lead"
