"""Accounts, sessions and tokens as `ledger check` sees them: each row against the facts that tell of it.

Secrets are not in the ledger; a digest of what the row holds of them is, so that a row that was put in, or
whose hash was replaced, is found.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from holdfast import clock
from holdfast.access.events import (
    AccountCreated,
    CredentialRenewed,
    PasswordChanged,
    SessionEnded,
    SessionStarted,
    TokenIssued,
    TokenRevoked,
)
from holdfast.access.standing import is_kept
from holdfast.ledger.facts import Recorded
from holdfast.ledger.tables import metadata

SKEW = timedelta(minutes=2)
"""How far the clocks of two machines may stand apart."""


class Access:
    """Compares everything that lets somebody in with the facts."""

    name = "accounts, sessions and tokens"

    def __init__(self, now: datetime) -> None:
        self._latest = clock.stamp(now + SKEW)
        self._accounts: dict[str, str] = {}
        """Digest of what is kept of each person's password; empty in facts that are older."""
        self._sessions: dict[str, SessionStarted] = {}
        self._tokens: dict[str, TokenIssued] = {}

    def see(self, recorded: Recorded) -> None:
        match recorded.fact:
            case AccountCreated() | PasswordChanged() | CredentialRenewed() as fact:
                self._accounts[fact.person] = fact.kept
            case SessionStarted() as started:
                self._sessions[started.session] = started
            case SessionEnded() as ended:
                self._sessions.pop(ended.session, None)
            case TokenIssued() as issued:
                self._tokens[issued.token] = issued
            case TokenRevoked() as revoked:
                self._tokens.pop(revoked.token, None)
            case _:
                pass

    def problems(self, conn: Connection) -> Iterator[str]:
        yield from self._credentials(_rows(conn, "account_credentials"))
        yield from self._sessions_of(_rows(conn, "account_sessions"))
        yield from self._tokens_of(_rows(conn, "account_tokens"))
        for row in _rows(conn, "account_attempts"):
            if not isinstance(row.at, str) or row.at > self._latest:
                yield f"a sign-in of {row.person} is said to have failed at {row.at}, which is not yet"

    def _credentials(self, rows: list[Any]) -> Iterator[str]:
        for row in rows:
            if row.person not in self._accounts:
                yield f"{row.person} has a password, and no fact tells of the account"
            elif not is_kept(self._accounts[row.person], row.password_hash):
                yield f"the password hash of {row.person} is not the one that was set: it was replaced"
        yield from _missing("the password of", self._accounts, [row.person for row in rows])
        yield from _twice("the password of", [row.person for row in rows])

    def _sessions_of(self, rows: list[Any]) -> Iterator[str]:
        for row in rows:
            started = self._sessions.get(row.session)
            if started is None:
                yield f"session {row.session} of {row.person} was never started, or has ended"
                continue
            if (row.person, row.origin) != (started.person, started.origin):
                yield f"session {row.session} is of {row.person}, {started.person} started it"
            if not is_kept(started.kept, row.token_hash):
                yield f"session {row.session} of {row.person} opens to another secret: it was replaced"
            if not row.started_at <= row.seen_at <= self._latest:
                yield f"session {row.session} of {row.person} was used at {row.seen_at}, which is not yet"
        yield from _missing("session", self._sessions, [row.session for row in rows])
        yield from _twice("session", [row.session for row in rows])

    def _tokens_of(self, rows: list[Any]) -> Iterator[str]:
        for row in rows:
            issued = self._tokens.get(row.token)
            if issued is None:
                yield f"token {row.token} of {row.person} was never issued, or was revoked"
                continue
            told = (
                issued.person,
                issued.name,
                issued.kind,
                list(issued.scope),
                clock.stamp(issued.expires_at),
            )
            if (row.person, row.name, row.kind, json.loads(row.scope), row.expires_at) != told:
                yield f"token {row.token} of {row.person} is not as it was issued to {issued.person}"
            if not is_kept(issued.kept, row.token_hash):
                yield f"token {row.token} of {row.person} opens to another secret: it was replaced"
        yield from _missing("token", self._tokens, [row.token for row in rows])
        yield from _twice("token", [row.token for row in rows])


def _rows(conn: Connection, table: str) -> list[Any]:
    return list(conn.execute(select(metadata.tables[table])))


def _missing(what: str, told: Iterable[str], names: Iterable[str]) -> Iterator[str]:
    """Rows that facts tell of, and that nobody has ended."""
    for name in sorted(set(told) - set(names)):
        yield f"{what} {name} is missing, and no fact says that it was ended: its row was deleted"


def _twice(what: str, names: list[str]) -> Iterator[str]:
    yield from (f"{what} {name} stands {n} times" for name, n in Counter(names).items() if n > 1)
