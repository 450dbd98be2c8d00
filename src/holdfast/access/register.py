"""What access writes: a fact, and in the same transaction the row it tells of; and who is in the roster.

A crash leaves both or neither, so that a row too many and a row too few are findings of `ledger check`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Delete, Insert, Table, insert, select

from holdfast.access.standing import ACCOUNTS, Standing, pseudonym
from holdfast.ledger.facts import Fact
from holdfast.ledger.ledger import Ledger
from holdfast.people import AccessRole, Actor
from holdfast.prepare.records import people
from holdfast.prepare.versions import playbook_versions_of
from holdfast.problems import NotAllowed

if TYPE_CHECKING:
    from datetime import datetime

DOOR = Actor("holdfast/accounts", "Holdfast", "system")
"""Who tells of what happens before anybody is known."""

Keeping = Callable[[Connection], None]
"""Writes the rows that a fact tells of."""


class Register:
    """Records who got in and who did not. Keeps nothing in memory."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def tell(self, person: str, fact: Fact, by: Actor, at: datetime, keeping: Keeping | None = None) -> None:
        """Append a fact about a person (nobody known: empty) together with what `keeping` writes."""
        stream = ACCOUNTS.stream_of(pseudonym(person) if person else "unknown")
        with suppress(_GoneAlready):  # of two requests that end one thing, one tells the ledger
            self.ledger.tell(stream, fact, by=by, at=at, keeping=keeping)

    def listed(self, person: str) -> tuple[str | None, tuple[AccessRole, ...]]:
        """Name and access roles in the roster in force; no name for who is not in it."""
        query = select(people).where(people.c.person == person.lower(), people.c.listed.is_(True))
        rows = self.rows(query)
        if not rows:
            return None, ()
        return rows[0].name, tuple(AccessRole(role) for role in json.loads(rows[0].access))

    def require_listed(self, person: str) -> tuple[AccessRole, ...]:
        """The same. Raises NotAllowed for somebody who is not in the roster."""
        name, access = self.listed(person)
        if name is None:
            raise NotAllowed(
                f"{person} is not in the roster; add them to roster.yaml and run `holdfast apply`"
            )
        return access

    def organisation(self) -> str:
        """Its name in the newest playbook; empty before there is one."""
        newest = playbook_versions_of(self.ledger)[:1]
        return newest[0].playbook.organisation if newest else ""

    def rows(self, query: Any) -> list[Any]:
        with self.ledger.reading() as conn:
            return list(conn.execute(query).all())

    def believed(self, table: Table, query: Any) -> list[Any]:
        """Rows of a table that Holdfast wrote; the others let nobody in, and `ledger check` names them."""
        return [row for row in self.rows(query) if self.ledger.row_key.wrote(table, row)]

    def standing(self, person: str) -> Standing:
        """What the facts say of a person's account."""
        return ACCOUNTS.state(self.ledger, pseudonym(person))

    def put_in(self, table: Table, **row: object) -> Keeping:
        """Writes a row that will be believed."""
        return put_in(insert(table).values(**self.ledger.row_key.signed(table, row)))

    def write(self, statement: Any) -> None:
        """Write what no fact tells of: when something was last used, an attempt that is forgotten."""
        with self.ledger.database.writing() as conn:
            conn.execute(statement)


class _GoneAlready(Exception):
    """Somebody else has ended it meanwhile."""


def put_in(row: Insert) -> Keeping:
    def write(conn: Connection) -> None:
        conn.execute(row)

    return write


def gone(row: Delete) -> Keeping:
    def write(conn: Connection) -> None:
        if not conn.execute(row).rowcount:
            raise _GoneAlready

    return write


def digest(secret: str) -> str:
    """What is stored of a secret that is random enough for a plain hash: a session's, or a token's."""
    return hashlib.sha256(secret.encode()).hexdigest()
