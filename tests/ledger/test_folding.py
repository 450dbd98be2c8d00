"""What a stream adds up to: from facts alone, each added once, and never from what is no longer its past."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, update

from holdfast.ledger import tables
from holdfast.ledger.facts import Recorded
from holdfast.ledger.folding import Kind
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.people import Actor
from support.kettles import KettleFilled, kettles

ANA = Actor("ana@example.com", "Ana Reyes")


def filled() -> KettleFilled:
    return KettleFilled(kettle="blue", litres=1.7, boils_at=None)


def counting() -> tuple[Kind[int], list[int]]:
    """Counts fillings, and tells which facts it was shown."""
    shown: list[int] = []

    def after(state: int, recorded: Recorded) -> int:
        shown.append(recorded.stream_seq)
        return state + 1

    return Kind("kettle", lambda name: 0, after), shown


def fill(ledger: Ledger, version: int, now: datetime, times: int = 1) -> None:
    ledger.append(Draft("kettle/blue", version, [filled()] * times), by=ANA, at=now)


def test_a_fact_is_added_up_once_however_often_its_stream_is_read(ledger: Ledger, now: datetime) -> None:
    kind, shown = counting()
    fill(ledger, 0, now, times=3)
    assert kind.load(ledger, "blue").state == 3
    fill(ledger, 3, now)
    read = kind.load(ledger, "blue")
    assert (read.state, read.version, shown) == (4, 4, [0, 1, 2, 3])


def test_a_stream_of_nothing_is_at_its_beginning(ledger: Ledger) -> None:
    read = counting()[0].load(ledger, "blue")
    assert (read.stream, read.version, read.state) == ("kettle/blue", 0, 0)


def test_a_draft_goes_on_from_what_was_read(ledger: Ledger, now: datetime) -> None:
    kind, _ = counting()
    fill(ledger, 0, now)
    ledger.append(kind.load(ledger, "blue").draft([filled()]), by=ANA, at=now)
    assert kind.load(ledger, "blue").version == 2


def test_two_ledgers_do_not_share_what_was_added_up(ledger: Ledger, now: datetime) -> None:
    kind, _ = counting()
    fill(ledger, 0, now)
    assert kind.load(ledger, "blue").state == 1
    again = Ledger(ledger.database, ledger.projections)
    assert again.folded.get("kettle/blue") is None
    assert kind.load(again, "blue").state == 1


def test_forge_the_state_that_a_table_shows(ledger: Ledger, now: datetime) -> None:
    kind, _ = counting()
    fill(ledger, 0, now)
    with ledger.database.writing() as conn:
        conn.execute(update(kettles).values(fillings=99))
    assert kind.load(ledger, "blue").state == 1


def test_put_an_older_copy_back_under_a_running_process(ledger: Ledger, now: datetime) -> None:
    kind, shown = counting()
    fill(ledger, 0, now, times=3)
    kind.load(ledger, "blue")
    with ledger.database.writing() as conn:
        conn.execute(delete(tables.facts).where(tables.facts.c.stream_seq == 2))
    read = kind.load(ledger, "blue")
    assert (read.state, read.version, shown) == (2, 2, [0, 1, 2, 0, 1])


def test_replace_the_last_fact_that_was_added_up(ledger: Ledger, now: datetime) -> None:
    kind, shown = counting()
    fill(ledger, 0, now, times=2)
    kind.load(ledger, "blue")
    with ledger.database.writing() as conn:
        conn.execute(update(tables.facts).where(tables.facts.c.seq == 1).values(leaf_hash=b"x" * 32))
    kind.load(ledger, "blue")
    assert shown == [0, 1, 0, 1]
