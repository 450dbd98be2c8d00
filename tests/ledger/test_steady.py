"""What is read of projections stays so until a fact is appended, and not a moment longer."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import Connection

from holdfast.ledger.database import Database
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.people import Actor
from support.kettles import KettleFilled

ANA = Actor("ana@example.com", "Ana Reyes")


class Reading:
    """Counts how often it was read."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, _conn: Connection) -> int:
        self.times += 1
        return self.times


def fill(ledger: Ledger, version: int, now: datetime) -> None:
    fact = KettleFilled(kettle="blue", litres=1.7, boils_at=None)
    ledger.append(Draft("kettle/blue", version, [fact]), by=ANA, at=now)


def test_it_is_read_once_while_nothing_happens(ledger: Ledger) -> None:
    read = Reading()
    assert [ledger.steady("kettles", read) for _ in range(3)] == [1, 1, 1]


def test_it_is_read_again_after_a_fact(ledger: Ledger, now: datetime) -> None:
    read = Reading()
    ledger.steady("kettles", read)
    fill(ledger, 0, now)
    assert ledger.steady("kettles", read) == 2


def test_it_is_read_again_after_a_fact_of_another_process(
    ledger: Ledger, database: Database, now: datetime
) -> None:
    read = Reading()
    ledger.steady("kettles", read)
    fill(Ledger(database, []), 0, now)
    assert ledger.steady("kettles", read) == 2


def test_two_questions_have_two_answers(ledger: Ledger) -> None:
    assert ledger.steady(("kettles", "blue"), lambda _: "blue") == "blue"
    assert ledger.steady(("kettles", "red"), lambda _: "red") == "red"


def test_a_reading_that_failed_is_not_the_answer(ledger: Ledger) -> None:
    def fails(_conn: Connection) -> str:
        raise ValueError("unreadable")

    with pytest.raises(ValueError, match="unreadable"):
        ledger.steady("kettles", fails)
    assert ledger.steady("kettles", lambda _: "blue") == "blue"
