"""What the facts say of one person's account: a row that lets somebody in is held against them when read.

A row that was put back after it had been deleted still has its digest; the fact that it has ended stands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from holdfast.access.events import (
    AccountCreated,
    CredentialRenewed,
    PasswordChanged,
    SessionEnded,
    SessionStarted,
    TokenIssued,
    TokenRevoked,
)
from holdfast.ledger.facts import Recorded
from holdfast.ledger.folding import Kind


@dataclass(frozen=True, slots=True)
class Standing:
    """Password, sessions and tokens of one person, each with the digest of what is kept of its secret; an
    empty one is of a fact that is older than these digests."""

    password: str | None = None
    sessions: Mapping[str, str] = field(default_factory=dict)
    tokens: Mapping[str, str] = field(default_factory=dict)

    def after(self, recorded: Recorded) -> Standing:
        match recorded.fact:
            case AccountCreated() | PasswordChanged() | CredentialRenewed() as fact:
                return replace(self, password=fact.kept)
            case SessionStarted() as started:
                return replace(self, sessions={**self.sessions, started.session: started.kept})
            case SessionEnded() as ended:
                return replace(self, sessions=_without(self.sessions, ended.session))
            case TokenIssued() as issued:
                return replace(self, tokens={**self.tokens, issued.token: issued.kept})
            case TokenRevoked() as revoked:
                return replace(self, tokens=_without(self.tokens, revoked.token))
        return self

    def has_password(self, kept: str) -> bool:
        return self.password is not None and is_kept(self.password, kept)

    def has_session(self, session: str, kept: str) -> bool:
        return session in self.sessions and is_kept(self.sessions[session], kept)

    def has_token(self, token: str, kept: str) -> bool:
        return token in self.tokens and is_kept(self.tokens[token], kept)


def _without(known: Mapping[str, str], name: str) -> dict[str, str]:
    return {one: kept for one, kept in known.items() if one != name}


def digest_of_kept(secret: str) -> str:
    """What a fact says of a stored hash: it tells nothing about the secret, and changes with it."""
    return hashlib.sha256(b"holdfast/kept/v1\x00" + secret.encode()).hexdigest()


def is_kept(told: str, secret: str) -> bool:
    """Whether a stored hash is the one that a fact tells of; a fact that is older tells of none."""
    return told in ("", digest_of_kept(secret))


def pseudonym(person: str) -> str:
    """What a stream is called instead of the address: names of streams are shown in every audit pack."""
    return hashlib.sha256(b"holdfast/account/v1\x00" + person.encode()).hexdigest()[:16]


ACCOUNTS = Kind("account", lambda _: Standing(), Standing.after)
