"""Who is asking, and what they may reach right now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from holdfast.people import AccessRole, Actor, Permission, allowed, refusal


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who came in by a session or a token."""

    actor: Actor
    access: tuple[AccessRole, ...]
    via: Literal["session", "token"]
    handle: str
    """Public handle of session or token."""
    csrf: str = field(default="", repr=False)
    """What a form of this session must carry; empty for tokens."""
    scope: frozenset[Permission] | None = None
    """A token's own limits, on top of the person's; None for sessions."""

    def may(self, permission: Permission | str) -> bool:
        """Whether person and token both allow it; what is unknown is a no."""
        within = self.scope is None or permission in self.scope
        return within and allowed(self.access, permission)

    def refusal(self, permission: Permission) -> str:
        """Why they may not, in a sentence for them; empty when they may."""
        return refusal(self.actor, self.access, permission, self.scope)
