"""The address book: where each person is reached, as the roster in force says."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from sqlalchemy import select

from holdfast.ledger import tables
from holdfast.ledger.ledger import Ledger, recorded_from
from holdfast.ledger.outbox import Addresses, NotAsQueued, is_sound, only_mail
from holdfast.prepare.events import RosterApplied
from holdfast.prepare.versions import ROSTER_STREAM, roster_of


def address_book(ledger: Ledger) -> Addresses:
    """Looked up anew for each message: who corrects an address need not queue anything again."""
    return partial(_addresses, ledger)


def _addresses(ledger: Ledger, person: str) -> Mapping[str, str]:
    """From the roster's own fact: a table that somebody edited sends nothing elsewhere. Who left the roster
    has none: what waits for them goes to the next person. Raises NotAsQueued
    where the fact's bytes do not hold together."""
    facts = tables.facts.c
    newest = (
        select(tables.facts)
        .where(facts.stream == ROSTER_STREAM, facts.type == RosterApplied.type)
        .order_by(facts.stream_seq.desc())
        .limit(1)
    )
    with ledger.reading() as conn:
        row = conn.execute(newest).first()
        if row is not None and not is_sound(conn, row):
            raise NotAsQueued(
                "the roster was changed in the database after it was applied: nothing is sent by it; "
                "check the ledger"
            )
    if row is None:
        return only_mail(person)
    applied = recorded_from(row).fact
    assert isinstance(applied, RosterApplied)
    found = roster_of(applied.text).person(person)
    return found.reached_at if found else {}
