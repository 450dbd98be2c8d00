"""Local accounts: passwords, sessions and API tokens.

Secrets live in run-time tables that are no projections and never enter the ledger: password hashes
(argon2id), and SHA-256 of session and API tokens, which are random enough that a plain hash is as good as
a slow one. What happened is in the ledger: accounts made, sessions started, refused and ended.

Whatever gives access, or takes it away, is written in the transaction of its fact: a crash leaves both or
neither, so that a row too many and a row too few are findings of `ledger check`.

What a person may reach comes from the roster in force at the moment of asking, never from the session.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Delete,
    Index,
    Insert,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)

from holdfast import clock
from holdfast.ledger.facts import Fact
from holdfast.ledger.ledger import Conflict, Draft, Ledger
from holdfast.ledger.tables import metadata, streams
from holdfast.people import AccessRole, Actor, Permission, allowed, refusal
from holdfast.prepare import passwords
from holdfast.prepare.durations import spoken
from holdfast.prepare.events import (
    AccountCreated,
    CredentialRenewed,
    PasswordChanged,
    SessionEnded,
    SessionRefused,
    SessionStarted,
    TokenIssued,
    TokenRevoked,
)
from holdfast.prepare.inspecting import digest_of_kept
from holdfast.prepare.records import people
from holdfast.prepare.versions import playbook_versions_of
from holdfast.problems import NotAllowed

if TYPE_CHECKING:
    from argon2 import PasswordHasher

HASHED_AT_ONCE = 2
"""Passwords hashed at the same moment in one process: each takes 64 MiB, and anybody may ask for one."""

_CREDENTIALS = Table(
    "account_credentials",
    metadata,
    Column("person", String(200), primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("changed_at", String(27), nullable=False),
)

_SESSIONS = Table(
    "account_sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    # Public handle, the one that facts carry.
    Column("session", String(32), nullable=False, unique=True),
    Column("person", String(200), nullable=False),
    Column("started_at", String(27), nullable=False),
    Column("seen_at", String(27), nullable=False),
    Column("origin", Text, nullable=False),
    Index("account_sessions_by_person", "person"),
)

_TOKENS = Table(
    "account_tokens",
    metadata,
    Column("token", String(32), primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("person", String(200), nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("scope", Text, nullable=False),
    Column("created_at", String(27), nullable=False),
    Column("expires_at", String(27), nullable=False),
    Column("used_at", String(27)),
)

# Sign-in attempts that failed, or are being checked this moment.
_ATTEMPTS = Table(
    "account_attempts",
    metadata,
    Column("attempt", String(32), primary_key=True),
    Column("person", String(200), nullable=False),
    Column("origin", String(200), nullable=False),
    Column("at", String(27), nullable=False),
    # Whether the ledger was already told that this person or origin is being held off.
    Column("told", BigInteger, nullable=False),
    Index("account_attempts_by_time", "at"),
)

TOKEN_PREFIX = "hf_"  # noqa: S105 - a public mark, not a secret
"""API tokens begin with it, so that secret scanners find one that was committed by mistake."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long sessions last and how many wrong passwords are looked at."""

    idle: timedelta = timedelta(hours=2)
    """A session unused for so long ends."""
    absolute: timedelta = timedelta(hours=12)
    """Every session ends after so long."""
    window: timedelta = timedelta(minutes=15)
    """Attempts are counted over this time."""
    for_one_account_from_one_origin: int = 8
    from_one_origin: int = 50
    for_one_account: int = 100
    """High, because anybody could hold off a responder by guessing at their account from many places."""
    longest_token: timedelta = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is asking, and what they may reach right now."""

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


@dataclass(frozen=True, slots=True)
class ApiToken:
    token: str
    person: str
    name: str
    kind: Literal["person", "agent"]
    scope: tuple[Permission, ...]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


class Accounts:
    """Signs people in and out. Every method takes the moment it happens; none keeps anything in memory."""

    def __init__(
        self, ledger: Ledger, limits: Limits | None = None, hasher: PasswordHasher | None = None
    ) -> None:
        self._ledger = ledger
        self._limits = limits or Limits()
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

    # Passwords ---------------------------------------------------------------------------------

    def create(self, person: str, password: str, by: Actor, at: datetime) -> None:
        """Give somebody of the roster an account. Raises NotAllowed when they have one or are not listed."""
        person = person.strip().lower()
        self._require_listed(person)
        if self._credential(person) is not None:
            raise NotAllowed(f"{person} has an account already; set a new password instead")
        hashed = self._hash(person, password)
        created = AccountCreated(person=person, kept=digest_of_kept(hashed))
        self._tell(person, created, by, at, _stored(person, hashed, at))

    def set_password(self, person: str, password: str, by: Actor, at: datetime) -> None:
        """Replace a password and end every session of that person. Raises NotAllowed without an account."""
        person = person.strip().lower()
        if self._credential(person) is None:
            raise NotAllowed(f"{person} has no account yet; create one first")
        hashed = self._hash(person, password)
        changed = PasswordChanged(person=person, kept=digest_of_kept(hashed))
        self._tell(person, changed, by, at, _stored(person, hashed, at))
        for row in self._rows(select(_SESSIONS).where(_SESSIONS.c.person == person)):
            self._end(row, "password changed", by, at)

    def has_account(self, person: str) -> bool:
        return self._credential(person.strip().lower()) is not None

    # Sessions ----------------------------------------------------------------------------------

    def sign_in(self, person: str, password: str, origin: str, at: datetime) -> tuple[str, SignedIn]:
        """Start a session; returns the secret for the cookie, and who it is.

        Raises NotAllowed, in the same words whatever was wrong, and after too many attempts without
        looking at the password at all. `origin` is the address it comes from.
        """
        person = person.strip().lower()[:200]
        attempt = self._count_attempt(person, origin, at)
        known = self._credential(person)
        if not self._matches(known or self._decoy, password) or known is None:
            self._refuse(
                person if known else "", origin, "wrong password" if known else "unknown account", at
            )
        name, access = self._listed(person)
        if name is None:
            self._refuse(person, origin, "not in the roster", at)
            raise AssertionError  # _refuse never returns
        self._forget_attempt(attempt)
        self._rehash(person, known, password, at)
        return self._start(Actor(person, name), access, origin, at)

    def session(self, secret: str, at: datetime, *, touch: bool = True) -> SignedIn | None:
        """Who a session cookie belongs to; None when it is unknown, has expired, or they left the roster.

        Without `touch` it does not count as use: a page that refreshes itself is nobody at work.
        """
        rows = self._rows(select(_SESSIONS).where(_SESSIONS.c.token_hash == _digest(secret)))
        if not rows:
            return None
        row, at = rows[0], self._ledger.evenly(at)
        if self._expired(row, at):
            self._end(row, "expired", _ACCOUNTS, at)
            return None
        name, access = self._listed(row.person)
        if name is None:
            return None
        # Once a minute is exact enough for an idle limit of hours, and spares a write for every request.
        if touch and at - clock.parse(row.seen_at) >= timedelta(minutes=1):
            self._write(
                update(_SESSIONS).where(_SESSIONS.c.session == row.session).values(seen_at=clock.stamp(at))
            )
        return SignedIn(Actor(row.person, name), access, "session", row.session, _csrf(secret))

    def sign_out(self, secret: str, at: datetime) -> None:
        """End a session; nothing when it has ended already."""
        for row in self._rows(select(_SESSIONS).where(_SESSIONS.c.token_hash == _digest(secret))):
            name, _ = self._listed(row.person)
            self._end(row, "signed out", Actor(row.person, name or row.person), at)

    def end_expired(self, at: datetime) -> int:
        """End sessions whose time is over and forget old attempts; returns how many ended. For the worker."""
        self._write(delete(_ATTEMPTS).where(_ATTEMPTS.c.at < clock.stamp(at - self._limits.window)))
        over = [row for row in self._rows(select(_SESSIONS)) if self._expired(row, at)]
        for row in over:
            self._end(row, "expired", _ACCOUNTS, at)
        return len(over)

    # API tokens --------------------------------------------------------------------------------

    def issue_token(
        self,
        person: str,
        name: str,
        scope: Collection[Permission],
        expires_at: datetime,
        by: Actor,
        at: datetime,
        kind: Literal["person", "agent"] = "person",
    ) -> tuple[str, ApiToken]:
        """Make an API token; returns the secret, which is shown this once, and its description.

        People issue tokens for themselves; with `kind="agent"` what is done with it is recorded as done
        by an agent. Raises NotAllowed for an empty scope, a scope beyond the person's own, or an expiry
        that is past or too far.
        """
        person = person.strip().lower()
        access = self._require_listed(person)
        if by.kind == "agent" or (by.kind == "person" and by.id.lower() != person):
            raise NotAllowed(
                f"{by.name} cannot issue a token for {person}; people issue tokens for themselves"
            )
        beyond = sorted(one for one in scope if not allowed(access, one))
        if not scope or beyond:
            what = f"may not {beyond[0]}" if beyond else "asked for a token that allows nothing"
            raise NotAllowed(f"{person} {what}; choose permissions that person has")
        if not at < expires_at <= at + self._limits.longest_token:
            raise NotAllowed(
                f"a token must expire later than now and within {spoken(self._limits.longest_token)}"
            )
        if not name.strip():
            raise NotAllowed("name the token after what will use it, for example nightly-export")
        return self._make_token(person, name.strip()[:100], kind, tuple(sorted(scope)), expires_at, by, at)

    def by_token(self, secret: str, at: datetime) -> SignedIn | None:
        """Who an API token speaks for; None when unknown, expired or revoked, or they left the roster."""
        if not secret.startswith(TOKEN_PREFIX):
            return None
        at = self._ledger.evenly(at)
        rows = self._rows(select(_TOKENS).where(_TOKENS.c.token_hash == _digest(secret)))
        if not rows or clock.parse(rows[0].expires_at) <= at:
            return None
        row = rows[0]
        name, access = self._listed(row.person)
        if name is None:
            return None
        if row.used_at is None or at - clock.parse(row.used_at) >= timedelta(minutes=1):
            self._write(update(_TOKENS).where(_TOKENS.c.token == row.token).values(used_at=clock.stamp(at)))
        scope = frozenset(Permission(one) for one in json.loads(row.scope))
        shown = name if row.kind == "person" else f"{row.name} for {name}"
        return SignedIn(Actor(row.person, shown, row.kind), access, "token", row.token, scope=scope)

    def tokens(self, person: str) -> list[ApiToken]:
        """A person's tokens, the newest first; never their secrets."""
        query = select(_TOKENS).where(_TOKENS.c.person == person.strip().lower())
        return [
            _token(row) for row in self._rows(query.order_by(_TOKENS.c.created_at.desc(), _TOKENS.c.token))
        ]

    def revoke_token(self, token: str, by: Actor, at: datetime) -> bool:
        """End a token at once; its owner or an administrator may. False when there is none, or no longer."""
        found = self._rows(select(_TOKENS).where(_TOKENS.c.token == token))
        for row in found:
            _, access = self._listed(by.id)
            if (
                by.kind != "system"
                and by.id.lower() != row.person
                and not allowed(access, Permission.MANAGE_PEOPLE)
            ):
                raise NotAllowed(
                    f"{by.name} cannot revoke a token of {row.person}; ask them or an administrator"
                )
            revoked = TokenRevoked(token=token, person=row.person, name=row.name)
            self._tell(row.person, revoked, by, at, _gone(delete(_TOKENS).where(_TOKENS.c.token == token)))
        return bool(found)

    # Inside ------------------------------------------------------------------------------------

    def _make_token(
        self,
        person: str,
        name: str,
        kind: Literal["person", "agent"],
        scope: tuple[Permission, ...],
        expires_at: datetime,
        by: Actor,
        at: datetime,
    ) -> tuple[str, ApiToken]:
        secret, handle = TOKEN_PREFIX + secrets.token_urlsafe(32), secrets.token_hex(8)
        allows = tuple(one.value for one in scope)
        issued = TokenIssued(
            token=handle,
            person=person,
            name=name,
            kind=kind,
            scope=allows,
            expires_at=expires_at,
            kept=digest_of_kept(_digest(secret)),
        )
        row = {
            "token": handle,
            "token_hash": _digest(secret),
            "person": person,
            "name": name,
            "kind": kind,
            "scope": json.dumps(allows),
            "created_at": clock.stamp(at),
            "expires_at": clock.stamp(expires_at),
        }
        self._tell(person, issued, by, at, _put_in(insert(_TOKENS).values(**row)))
        return secret, ApiToken(handle, person, name, kind, scope, at, expires_at, None)

    def _start(
        self, actor: Actor, access: tuple[AccessRole, ...], origin: str, at: datetime
    ) -> tuple[str, SignedIn]:
        secret, handle = secrets.token_urlsafe(32), secrets.token_hex(8)
        kept = digest_of_kept(_digest(secret))
        started = SessionStarted(person=actor.id, session=handle, origin=origin, kept=kept)
        row = {
            "token_hash": _digest(secret),
            "session": handle,
            "person": actor.id,
            "started_at": clock.stamp(at),
            "seen_at": clock.stamp(at),
            "origin": origin,
        }
        self._tell(actor.id, started, actor, at, _put_in(insert(_SESSIONS).values(**row)))
        return secret, SignedIn(actor, access, "session", handle, _csrf(secret))

    def _end(
        self, row: Any, reason: Literal["signed out", "expired", "password changed"], by: Actor, at: datetime
    ) -> None:
        ended = SessionEnded(person=row.person, session=row.session, reason=reason)
        where = _SESSIONS.c.session == row.session
        self._tell(row.person, ended, by, at, _gone(delete(_SESSIONS).where(where)))

    def _expired(self, row: Any, at: datetime) -> bool:
        idle = at - clock.parse(row.seen_at) >= self._limits.idle
        return idle or at - clock.parse(row.started_at) >= self._limits.absolute

    def _count_attempt(self, person: str, origin: str, at: datetime) -> str:
        """Count this attempt as failed before looking at it, so that parallel guesses count as well.

        Raises NotAllowed over the limit. The ledger is told once in a window, or guessing would fill it.
        """
        attempt, since = secrets.token_hex(16), clock.stamp(at - self._limits.window)
        with self._ledger.database.writing() as conn:
            recent = _ATTEMPTS.c.at > since
            if not self._over_limit(conn, person, origin, recent):
                row = {
                    "attempt": attempt,
                    "person": person,
                    "origin": origin[:200],
                    "at": clock.stamp(at),
                    "told": 0,
                }
                conn.execute(insert(_ATTEMPTS).values(**row))
                return attempt
            same = (recent, _ATTEMPTS.c.person == person, _ATTEMPTS.c.origin == origin[:200])
            told = conn.execute(select(func.max(_ATTEMPTS.c.told)).where(*same)).scalar()
            conn.execute(update(_ATTEMPTS).where(*same).values(told=1))
        if told == 0:
            known = person if self._credential(person) else ""
            self._tell(
                known, SessionRefused(person=known, origin=origin, reason="too many attempts"), _ACCOUNTS, at
            )
        raise NotAllowed(f"too many attempts; wait {spoken(self._limits.window)} and try again")

    def _over_limit(self, conn: Connection, person: str, origin: str, recent: Any) -> bool:
        by_person, by_origin = _ATTEMPTS.c.person == person, _ATTEMPTS.c.origin == origin[:200]
        counted = (
            ((by_person, by_origin), self._limits.for_one_account_from_one_origin),
            ((by_origin,), self._limits.from_one_origin),
            ((by_person,), self._limits.for_one_account),
        )
        for conditions, most in counted:
            query = select(func.count()).select_from(_ATTEMPTS).where(recent, *conditions)
            if (conn.execute(query).scalar() or 0) >= most:
                return True
        return False

    def _forget_attempt(self, attempt: str) -> None:
        self._write(delete(_ATTEMPTS).where(_ATTEMPTS.c.attempt == attempt))

    def _refuse(
        self,
        person: str,
        origin: str,
        reason: Literal["unknown account", "wrong password", "not in the roster"],
        at: datetime,
    ) -> None:
        self._tell(person, SessionRefused(person=person, origin=origin, reason=reason), _ACCOUNTS, at)
        raise NotAllowed("e-mail address and password do not belong together; check both and try again")

    def _matches(self, hashed: str, password: str) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            with self._hashing:
                return self._hasher.verify(hashed, password[: passwords.LONGEST + 1])
        except (VerificationError, InvalidHashError):
            return False

    def _hash(self, person: str, password: str) -> str:
        name, _ = self._listed(person)
        passwords.require_hard_to_guess(password, [person, name or "", self._organisation()])
        with self._hashing:
            return self._hasher.hash(password)

    def _organisation(self) -> str:
        newest = playbook_versions_of(self._ledger)[:1]
        return newest[0].playbook.organisation if newest else ""

    def _rehash(self, person: str, hashed: str | None, password: str, at: datetime) -> None:
        """Bring an old hash to today's parameters while the password is at hand."""
        if hashed is not None and self._hasher.check_needs_rehash(hashed):
            with self._hashing:
                renewed = self._hasher.hash(password)
            kept = digest_of_kept(renewed)
            fact = CredentialRenewed(person=person, kept=kept)
            self._tell(person, fact, _ACCOUNTS, at, _stored(person, renewed, at))

    def _credential(self, person: str) -> str | None:
        rows = self._rows(select(_CREDENTIALS.c.password_hash).where(_CREDENTIALS.c.person == person))
        return rows[0].password_hash if rows else None

    def _listed(self, person: str) -> tuple[str | None, tuple[AccessRole, ...]]:
        """Name and access roles in the roster in force; no name for who is not in it."""
        query = select(people).where(people.c.person == person.lower(), people.c.listed.is_(True))
        rows = self._rows(query)
        if not rows:
            return None, ()
        return rows[0].name, tuple(AccessRole(role) for role in json.loads(rows[0].access))

    def _require_listed(self, person: str) -> tuple[AccessRole, ...]:
        name, access = self._listed(person)
        if name is None:
            raise NotAllowed(
                f"{person} is not in the roster; add them to roster.yaml and run `holdfast apply`"
            )
        return access

    def _tell(self, person: str, fact: Fact, by: Actor, at: datetime, keeping: Keeping | None = None) -> None:
        """Record a fact, and in the same transaction the row it tells of: a crash never parts the two."""
        stream = f"account/{_pseudonym(person) if person else 'unknown'}"
        while True:
            try:
                # Only the version is read: a stream of refused sign-ins may be long, and decides nothing.
                draft = Draft(stream, self._length(stream), [fact])
                self._ledger.append(draft, by=by, at=at, keeping=keeping)
                return
            except _GoneAlready:  # of two requests that end one thing, one tells the ledger
                return
            except Conflict:  # somebody signed in to the same account at the same moment
                continue

    def _length(self, stream: str) -> int:
        rows = self._rows(select(streams.c.version).where(streams.c.stream == stream))
        return rows[0].version if rows else 0

    def _rows(self, query: Any) -> list[Any]:
        with self._ledger.reading() as conn:
            return list(conn.execute(query).all())

    def _write(self, statement: Any) -> None:
        with self._ledger.database.writing() as conn:
            conn.execute(statement)


Keeping = Callable[[Connection], None]
"""Writes the rows that a fact tells of."""


class _GoneAlready(Exception):
    """Somebody else has ended it meanwhile."""


def _stored(person: str, hashed: str, at: datetime) -> Keeping:
    def write(conn: Connection) -> None:
        conn.execute(delete(_CREDENTIALS).where(_CREDENTIALS.c.person == person))
        row = {"person": person, "password_hash": hashed, "changed_at": clock.stamp(at)}
        conn.execute(insert(_CREDENTIALS).values(**row))

    return write


def _put_in(row: Insert) -> Keeping:
    def write(conn: Connection) -> None:
        conn.execute(row)

    return write


def _gone(row: Delete) -> Keeping:
    def write(conn: Connection) -> None:
        if not conn.execute(row).rowcount:
            raise _GoneAlready

    return write


_ACCOUNTS = Actor("holdfast/accounts", "Holdfast", "system")


def _pseudonym(person: str) -> str:
    """What a stream is called instead of the address: names of streams are shown in every audit pack."""
    return hashlib.sha256(b"holdfast/account/v1\x00" + person.encode()).hexdigest()[:16]


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _csrf(secret: str) -> str:
    """A value only this session's pages know, without keeping another secret."""
    return hmac.new(secret.encode(), b"holdfast/csrf/v1", hashlib.sha256).hexdigest()


def _token(row: Any) -> ApiToken:
    return ApiToken(
        row.token,
        row.person,
        row.name,
        row.kind,
        tuple(Permission(one) for one in json.loads(row.scope)),
        clock.parse(row.created_at),
        clock.parse(row.expires_at),
        clock.parse(row.used_at) if row.used_at else None,
    )
