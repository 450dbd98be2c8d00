"""Local accounts: who has one, their sessions and their API tokens.

Secrets live in run-time tables that are no projections and never enter the ledger (`tables.py`). What
happened is in the ledger: accounts made, sessions started, refused and ended (`events.py`).

What a person may reach comes from the roster in force at the moment of asking, never from the session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.access.credentials import Credentials
from holdfast.access.events import AccountCreated, PasswordChanged
from holdfast.access.limits import Limits
from holdfast.access.register import Register
from holdfast.access.sessions import Sessions
from holdfast.access.tokens import Tokens
from holdfast.problems import NotAllowed

if TYPE_CHECKING:
    from datetime import datetime

    from argon2 import PasswordHasher

    from holdfast.ledger.ledger import Ledger
    from holdfast.people import Actor


class Accounts:
    """Everything that lets somebody in. Every method takes the moment it happens."""

    def __init__(
        self, ledger: Ledger, limits: Limits | None = None, hasher: PasswordHasher | None = None
    ) -> None:
        limits = limits or Limits()
        self._register = Register(ledger)
        self._credentials = Credentials(self._register, hasher)
        self.sessions = Sessions(self._register, self._credentials, limits)
        self.tokens = Tokens(self._register, limits)

    def create(self, person: str, password: str, by: Actor, at: datetime) -> None:
        """Give somebody of the roster an account. Raises NotAllowed when they have one or are not listed."""
        person = person.strip().lower()
        self._register.require_listed(person)
        if self._credentials.known(person):
            raise NotAllowed(f"{person} has an account already; set a new password instead")
        self._credentials.set(person, password, AccountCreated, by, at)

    def set_password(self, person: str, password: str, by: Actor, at: datetime) -> None:
        """Replace a password and end every session of that person. Raises NotAllowed without an account."""
        person = person.strip().lower()
        if not self._credentials.known(person):
            raise NotAllowed(f"{person} has no account yet; create one first")
        self._credentials.set(person, password, PasswordChanged, by, at)
        self.sessions.end_all(person, "password changed", by, at)

    def has_account(self, person: str) -> bool:
        return self._credentials.known(person.strip().lower())
