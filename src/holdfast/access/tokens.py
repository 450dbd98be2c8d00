"""API tokens: what a person, or an agent in their name, shows instead of a password."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import delete, select, update

from holdfast import clock
from holdfast.access.events import TokenIssued, TokenRevoked
from holdfast.access.register import Register, digest, gone
from holdfast.access.signed_in import SignedIn
from holdfast.access.standing import digest_of_kept
from holdfast.access.tables import tokens
from holdfast.people import Actor, Permission, allowed
from holdfast.prepare.durations import spoken
from holdfast.problems import NotAllowed

if TYPE_CHECKING:
    from holdfast.access.limits import Limits

TOKEN_PREFIX = "hf_"  # noqa: S105 - a public mark, not a secret
"""API tokens begin with it, so that secret scanners find one that was committed by mistake."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """One token as it may be shown: never with its secret."""

    token: str
    person: str
    name: str
    kind: Literal["person", "agent"]
    scope: tuple[Permission, ...]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


class Tokens:
    """Issues and revokes tokens, and knows whom each speaks for."""

    def __init__(self, register: Register, limits: Limits) -> None:
        self._register = register
        self._limits = limits

    def issue(
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
        access = self._register.require_listed(person)
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
        made = ApiToken(
            secrets.token_hex(8),
            person,
            name.strip()[:100],
            kind,
            tuple(sorted(scope)),
            at,
            expires_at,
            None,
        )
        return self._put_in(made, by), made

    def find(self, secret: str, at: datetime) -> SignedIn | None:
        """Who an API token speaks for; None when unknown, expired or revoked, or they left the roster."""
        if not secret.startswith(TOKEN_PREFIX):
            return None
        at = self._register.ledger.evenly(at)
        rows = self._believed(select(tokens).where(tokens.c.token_hash == digest(secret)))
        if not rows or clock.parse(rows[0].expires_at) <= at:
            return None
        row = rows[0]
        name, access = self._register.listed(row.person)
        if name is None:
            return None
        if row.used_at is None or at - clock.parse(row.used_at) >= timedelta(minutes=1):
            used = {**row._mapping, "used_at": clock.stamp(at)}
            this = update(tokens).where(tokens.c.token == row.token)
            self._register.write(this.values(**self._register.ledger.row_key.signed(tokens, used)))
        scope = frozenset(Permission(one) for one in json.loads(row.scope))
        shown = name if row.kind == "person" else f"{row.name} for {name}"
        return SignedIn(Actor(row.person, shown, row.kind), access, "token", row.token, scope=scope)

    def of(self, person: str) -> list[ApiToken]:
        """A person's tokens, the newest first; never their secrets."""
        query = select(tokens).where(tokens.c.person == person.strip().lower())
        newest_first = query.order_by(tokens.c.created_at.desc(), tokens.c.token)
        return [_token(row) for row in self._believed(newest_first)]

    def revoke(self, token: str, by: Actor, at: datetime) -> bool:
        """End a token at once; its owner or an administrator may. False when there is none, or no longer."""
        found = self._believed(select(tokens).where(tokens.c.token == token))
        for row in found:
            _, access = self._register.listed(by.id)
            theirs = by.kind == "system" or by.id.lower() == row.person
            if not theirs and not allowed(access, Permission.MANAGE_PEOPLE):
                raise NotAllowed(
                    f"{by.name} cannot revoke a token of {row.person}; ask them or an administrator"
                )
            revoked = TokenRevoked(token=token, person=row.person, name=row.name)
            its_row = delete(tokens).where(tokens.c.token == token)
            self._register.tell(row.person, revoked, by, at, gone(its_row))
        return bool(found)

    def _believed(self, query: Any) -> list[Any]:
        """Tokens that Holdfast wrote down, and that no fact has revoked."""
        rows = self._register.believed(tokens, query)
        return [
            row for row in rows if self._register.standing(row.person).has_token(row.token, row.token_hash)
        ]

    def _put_in(self, made: ApiToken, by: Actor) -> str:
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        allows = tuple(one.value for one in made.scope)
        issued = TokenIssued(
            token=made.token,
            person=made.person,
            name=made.name,
            kind=made.kind,
            scope=allows,
            expires_at=made.expires_at,
            kept=digest_of_kept(digest(secret)),
        )
        inserted = self._register.put_in(
            tokens,
            token=made.token,
            token_hash=digest(secret),
            person=made.person,
            name=made.name,
            kind=made.kind,
            scope=json.dumps(allows),
            created_at=clock.stamp(made.created_at),
            expires_at=clock.stamp(made.expires_at),
        )
        self._register.tell(made.person, issued, by, made.created_at, inserted)
        return secret


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
