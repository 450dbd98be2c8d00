"""Sessions: somebody signs in with a password, and out again."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import delete, select, update

from holdfast import clock
from holdfast.access.attempts import Attempts
from holdfast.access.events import SessionEnded, SessionRefused, SessionStarted
from holdfast.access.register import DOOR, Register, digest, gone
from holdfast.access.signed_in import SignedIn
from holdfast.access.standing import digest_of_kept
from holdfast.access.tables import sessions
from holdfast.people import AccessRole, Actor
from holdfast.problems import NotAllowed

if TYPE_CHECKING:
    from holdfast.access.credentials import Credentials
    from holdfast.access.limits import Limits

Reason = Literal["unknown account", "wrong password", "not in the roster", "too many attempts"]
Ending = Literal["signed out", "expired", "password changed"]


class Sessions:
    """Signs people in and out."""

    def __init__(self, register: Register, credentials: Credentials, limits: Limits) -> None:
        self._register = register
        self._credentials = credentials
        self._limits = limits
        self._attempts = Attempts(register, limits)

    def sign_in(self, person: str, password: str, origin: str, at: datetime) -> tuple[str, SignedIn]:
        """Start a session; returns the secret for the cookie, and who it is.

        Raises NotAllowed, in the same words whatever was wrong, and after too many attempts without
        looking at the password at all. `origin` is the address it comes from.
        """
        person = person.strip().lower()[:200]
        attempt = self._attempts.begin(
            person,
            origin,
            at,
            lambda: self._tell_of_refusal(self._known(person), origin, "too many attempts", at),
        )
        if not self._credentials.match(person, password):
            known = self._known(person)
            raise self._refused(known, origin, "wrong password" if known else "unknown account", at)
        name, access = self._register.listed(person)
        if name is None:
            raise self._refused(person, origin, "not in the roster", at)
        self._attempts.forget(attempt)
        self._credentials.renew(person, password, at)
        return self._start(Actor(person, name), access, origin, at)

    def find(self, secret: str, at: datetime, *, touch: bool = True) -> SignedIn | None:
        """Who a session cookie belongs to; None when it is unknown, has expired, or they left the roster.

        Without `touch` it does not count as use: a page that refreshes itself is nobody at work.
        """
        rows = self._of(sessions.c.token_hash == digest(secret))
        if not rows:
            return None
        row, at = rows[0], self._register.ledger.evenly(at)
        if self._expired(row, at):
            self._end(row, "expired", DOOR, at)
            return None
        name, access = self._register.listed(row.person)
        if name is None:
            return None
        # Once a minute is exact enough for an idle limit of hours, and spares a write for every request.
        if touch and at - clock.parse(row.seen_at) >= timedelta(minutes=1):
            used = {**row._mapping, "seen_at": clock.stamp(at)}
            seen = update(sessions).where(sessions.c.session == row.session)
            self._register.write(seen.values(**self._register.ledger.row_key.signed(sessions, used)))
        return SignedIn(Actor(row.person, name), access, "session", row.session, _csrf(secret))

    def sign_out(self, secret: str, at: datetime) -> None:
        """End a session; nothing when it has ended already."""
        for row in self._of(sessions.c.token_hash == digest(secret)):
            name, _ = self._register.listed(row.person)
            self._end(row, "signed out", Actor(row.person, name or row.person), at)

    def end_all(self, person: str, reason: Ending, by: Actor, at: datetime) -> None:
        """End every session of one person."""
        for row in self._of(sessions.c.person == person):
            self._end(row, reason, by, at)

    def end_expired(self, at: datetime) -> int:
        """End sessions whose time is over and forget old attempts; returns how many ended. For the worker."""
        self._attempts.forget_old(at)
        over = [row for row in self._of() if self._expired(row, at)]
        for row in over:
            self._end(row, "expired", DOOR, at)
        return len(over)

    def _start(
        self, actor: Actor, access: tuple[AccessRole, ...], origin: str, at: datetime
    ) -> tuple[str, SignedIn]:
        secret, handle = secrets.token_urlsafe(32), secrets.token_hex(8)
        kept = digest_of_kept(digest(secret))
        started = SessionStarted(person=actor.id, session=handle, origin=origin, kept=kept)
        row = self._register.put_in(
            sessions,
            token_hash=digest(secret),
            session=handle,
            person=actor.id,
            started_at=clock.stamp(at),
            seen_at=clock.stamp(at),
            origin=origin,
        )
        self._register.tell(actor.id, started, actor, at, row)
        return secret, SignedIn(actor, access, "session", handle, _csrf(secret))

    def _of(self, *conditions: Any) -> list[Any]:
        """Sessions that Holdfast wrote down, and that no fact has ended."""
        rows = self._register.believed(sessions, select(sessions).where(*conditions))
        return [
            row
            for row in rows
            if self._register.standing(row.person).has_session(row.session, row.token_hash)
        ]

    def _end(self, row: Any, reason: Ending, by: Actor, at: datetime) -> None:
        ended = SessionEnded(person=row.person, session=row.session, reason=reason)
        its_row = delete(sessions).where(sessions.c.session == row.session)
        self._register.tell(row.person, ended, by, at, gone(its_row))

    def _expired(self, row: Any, at: datetime) -> bool:
        idle = at - clock.parse(row.seen_at) >= self._limits.idle
        return idle or at - clock.parse(row.started_at) >= self._limits.absolute

    def _refused(self, person: str, origin: str, reason: Reason, at: datetime) -> NotAllowed:
        self._tell_of_refusal(person, origin, reason, at)
        return NotAllowed("e-mail address and password do not belong together; check both and try again")

    def _tell_of_refusal(self, person: str, origin: str, reason: Reason, at: datetime) -> None:
        self._register.tell(person, SessionRefused(person=person, origin=origin, reason=reason), DOOR, at)

    def _known(self, person: str) -> str:
        """Whoever has an account; nobody else is named on the record."""
        return person if self._credentials.known(person) else ""


def _csrf(secret: str) -> str:
    """A value only this session's pages know, without keeping another secret."""
    return hmac.new(secret.encode(), b"holdfast/csrf/v1", hashlib.sha256).hexdigest()
