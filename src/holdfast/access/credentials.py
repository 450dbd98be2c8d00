"""What is kept of passwords: argon2id hashes, and how they are compared."""

from __future__ import annotations

import secrets
import threading
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, select

from holdfast import clock
from holdfast.access import passwords
from holdfast.access.events import AccountCreated, CredentialRenewed, PasswordChanged
from holdfast.access.register import DOOR, Register
from holdfast.access.standing import digest_of_kept
from holdfast.access.tables import credentials

if TYPE_CHECKING:
    from datetime import datetime

    from argon2 import PasswordHasher

    from holdfast.people import Actor

HASHED_AT_ONCE = 2
"""Passwords hashed at the same moment in one process: each takes 64 MiB, and anybody may ask for one."""


class Credentials:
    """One password a person."""

    def __init__(self, register: Register, hasher: PasswordHasher | None = None) -> None:
        self._register = register
        self._chosen = hasher
        self._hashing = threading.BoundedSemaphore(HASHED_AT_ONCE)

    @cached_property
    def _hasher(self) -> PasswordHasher:
        """Imported by whoever signs somebody in, and by nobody else."""
        from argon2 import PasswordHasher

        return self._chosen or PasswordHasher()

    @cached_property
    def _decoy(self) -> str:
        """Checked when there is no account, so that an answer takes as long as for a wrong password."""
        return self._hasher.hash(secrets.token_urlsafe(24))

    def known(self, person: str) -> bool:
        return self._of(person) is not None

    def set(
        self,
        person: str,
        password: str,
        told_by: type[AccountCreated | PasswordChanged],
        by: Actor,
        at: datetime,
    ) -> None:
        """Keep a password and tell of it. Raises NotAllowed for one that is easily guessed."""
        name, _ = self._register.listed(person)
        passwords.require_hard_to_guess(password, [person, name or "", self._register.organisation()])
        with self._hashing:
            hashed = self._hasher.hash(password)
        self._keep(person, hashed, told_by(person=person, kept=digest_of_kept(hashed)), by, at)

    def match(self, person: str, password: str) -> bool:
        """Whether it is this person's password; takes as long where there is no account."""
        from argon2.exceptions import InvalidHashError, VerificationError

        kept = self._of(person)
        try:
            with self._hashing:
                matched = self._hasher.verify(kept or self._decoy, password[: passwords.LONGEST + 1])
        except (VerificationError, InvalidHashError):
            return False
        return matched and kept is not None

    def renew(self, person: str, password: str, at: datetime) -> None:
        """Bring an old hash to today's parameters while the password is at hand."""
        kept = self._of(person)
        if kept is not None and self._hasher.check_needs_rehash(kept):
            with self._hashing:
                renewed = self._hasher.hash(password)
            fact = CredentialRenewed(person=person, kept=digest_of_kept(renewed))
            self._keep(person, renewed, fact, DOOR, at)

    def _keep(
        self,
        person: str,
        hashed: str,
        fact: AccountCreated | PasswordChanged | CredentialRenewed,
        by: Actor,
        at: datetime,
    ) -> None:
        def write(conn: Connection) -> None:
            conn.execute(delete(credentials).where(credentials.c.person == person))
            self._register.put_in(
                credentials, person=person, password_hash=hashed, changed_at=clock.stamp(at)
            )(conn)

        self._register.tell(person, fact, by, at, write)

    def _of(self, person: str) -> str | None:
        query = select(credentials).where(credentials.c.person == person)
        for row in self._register.believed(credentials, query):
            if self._register.standing(person).has_password(row.password_hash):
                return str(row.password_hash)
        return None
