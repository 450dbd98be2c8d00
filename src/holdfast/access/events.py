"""What is recorded of accounts, sessions and API tokens; never a secret."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

from holdfast.ledger.facts import Fact, Line, fact, upcast


@fact("account.created", version=2)
class AccountCreated(Fact):
    person: str
    kept: str = ""
    """Digest of what the run-time table holds, so that a row that was replaced is found; it tells nothing
    about the secret. Empty in facts of older releases."""

    def line(self) -> Line:
        return Line(f"Account created for {self.person}", tone="act")


@fact("account.password_changed", version=2)
class PasswordChanged(Fact):
    """The password itself, or anything that would help to guess it, never enters the ledger."""

    person: str
    kept: str = ""

    def line(self) -> Line:
        return Line(f"Password of {self.person} changed", tone="act")


@fact("account.credential_renewed")
class CredentialRenewed(Fact):
    """The same password, hashed anew with today's parameters at a sign-in."""

    person: str
    kept: str = ""


@fact("session.started", version=2)
class SessionStarted(Fact):
    person: str
    session: str
    """Public handle of the session; useless for signing in."""
    origin: str
    """The address it came from."""
    kept: str = ""

    def line(self) -> Line:
        return Line(f"{self.person} signed in", f"from {self.origin}" if self.origin else "")


@fact("session.refused")
class SessionRefused(Fact):
    """A sign-in that failed. `person` is empty when no such account exists: what a stranger typed into the
    field may be a password."""

    person: str
    origin: str
    reason: Literal["unknown account", "wrong password", "not in the roster", "too many attempts"]

    def line(self) -> Line:
        return Line(
            f"Sign-in refused: {self.reason}", f"{self.person or 'unknown'}, from {self.origin}", "note"
        )


@fact("session.ended")
class SessionEnded(Fact):
    takes_access_away: ClassVar[bool] = True
    person: str
    session: str
    reason: Literal["signed out", "expired", "password changed"]

    def line(self) -> Line:
        return Line(f"Session of {self.person} ended", self.reason)


@fact("token.issued", version=2)
class TokenIssued(Fact):
    """An API token was made; the secret is shown once and kept nowhere."""

    token: str
    person: str
    name: str
    kind: Literal["person", "agent"]
    scope: tuple[str, ...]
    expires_at: datetime
    kept: str = ""

    def line(self) -> Line:
        return Line(
            f"API token {self.name} issued to {self.person}", f"until {self.expires_at:%d %B %Y}", "act"
        )


@fact("token.revoked")
class TokenRevoked(Fact):
    takes_access_away: ClassVar[bool] = True
    token: str
    person: str
    name: str

    def line(self) -> Line:
        return Line(f"API token {self.name} of {self.person} revoked", tone="act")


@upcast("account.created", 1)
@upcast("account.password_changed", 1)
@upcast("session.started", 1)
@upcast("token.issued", 1)
def _nothing_kept(data: dict[str, Any]) -> dict[str, Any]:
    """Version 1 said nothing of what the run-time table holds."""
    return data | {"kept": ""}
