"""Facts are appended in one order, all or nothing, on what was decided (R-EVD-04, R-XCT-05)."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from holdfast.ledger import timers
from holdfast.ledger.database import Database
from holdfast.ledger.deciding import settle_stream
from holdfast.ledger.ledger import AlreadyFired, Conflict, Draft, Ledger, NotALedger
from holdfast.ledger.projections import rebuild
from holdfast.people import Actor
from support.kettles import KettleBoiled, KettleFilled, kettles

ANA = Actor("ana@example.com", "Ana Reyes")


def filled(name: str = "blue", litres: float = 1.7, boils_at: datetime | None = None) -> KettleFilled:
    return KettleFilled(kettle=name, litres=litres, boils_at=boils_at)


def fillings(ledger: Ledger) -> dict[str, int]:
    with ledger.reading() as conn:
        return {row.kettle: row.fillings for row in conn.execute(select(kettles))}


def test_what_was_appended_is_read_back_with_actor_time_and_exact_numbers(
    ledger: Ledger, now: datetime
) -> None:
    ledger.append(Draft("kettle/blue", 0, [filled(litres=0.1 + 0.2)]), by=ANA, at=now)
    (recorded,) = ledger.stream("kettle/blue").facts
    assert recorded.fact == filled(litres=0.1 + 0.2)
    assert (recorded.by, recorded.at, recorded.seq, recorded.stream_seq) == (ANA, now, 0, 0)


def test_a_decision_on_an_old_state_is_refused_and_leaves_nothing(ledger: Ledger, now: datetime) -> None:
    ledger.append(Draft("kettle/blue", 0, [filled()]), by=ANA, at=now)
    with pytest.raises(Conflict, match="has 1 facts, the decision was based on 0"):
        ledger.append(
            Draft("kettle/red", 0, [filled("red")]), Draft("kettle/blue", 0, [filled()]), by=ANA, at=now
        )
    assert ledger.size() == 1
    assert fillings(ledger) == {"blue": 1}
    assert ledger.stream("kettle/red").version == 0


def test_two_drafts_on_one_stream_continue_each_other(ledger: Ledger, now: datetime) -> None:
    ledger.append(Draft("kettle/blue", 0, [filled()]), Draft("kettle/blue", 1, [filled()]), by=ANA, at=now)
    assert [recorded.stream_seq for recorded in ledger.stream("kettle/blue").facts] == [0, 1]


def test_time_never_runs_backwards_in_the_ledger(ledger: Ledger, now: datetime) -> None:
    ledger.append(Draft("kettle/blue", 0, [filled()]), by=ANA, at=now)
    ledger.append(Draft("kettle/blue", 1, [filled()]), by=ANA, at=now - timedelta(hours=1))
    assert [recorded.at for recorded in ledger.facts()] == [now, now]


def test_a_number_that_is_not_finite_is_refused(ledger: Ledger, now: datetime) -> None:
    with pytest.raises(ValueError, match="cannot hold nan"):
        ledger.append(Draft("kettle/blue", 0, [filled(litres=float("nan"))]), by=ANA, at=now)
    assert ledger.size() == 0


def test_writers_at_the_same_time_get_gapless_numbers(ledger: Ledger, now: datetime) -> None:
    def fill(name: str) -> None:
        for _ in range(10):
            settle_stream(ledger, f"kettle/{name}", lambda stream: [filled(name)], ANA, now)

    threads = [threading.Thread(target=fill, args=(name,)) for name in ("blue", "blue", "red", "red")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [recorded.seq for recorded in ledger.facts()] == list(range(40))
    assert fillings(ledger) == {"blue": 20, "red": 20}


def test_a_database_without_a_ledger_says_what_to_do(database: object) -> None:
    bare = Ledger(database, [])  # type: ignore[arg-type]
    bare.database.create()
    with pytest.raises(NotALedger, match="holdfast init"):
        bare.size()


def test_projections_rebuild_to_the_same_rows(ledger: Ledger, now: datetime) -> None:
    due = now + timedelta(minutes=5)
    ledger.append(Draft("kettle/blue", 0, [filled(boils_at=due), filled()]), by=ANA, at=now)
    before, armed = fillings(ledger), timers.armed(ledger, "")
    assert rebuild(ledger) == 2
    assert (fillings(ledger), timers.armed(ledger, "")) == (before, armed)


class TestTimers:
    def test_a_timer_is_due_at_its_time_and_not_before(self, ledger: Ledger, now: datetime) -> None:
        due = now + timedelta(minutes=5)
        ledger.append(Draft("kettle/blue", 0, [filled(boils_at=due)]), by=ANA, at=now)
        assert timers.due(ledger, due - timedelta(microseconds=1)) == []
        (timer,) = timers.due(ledger, due)
        assert (timer.kind, timer.data, timers.next_due(ledger)) == ("kettle.boil", {"kettle": "blue"}, due)

    def test_a_timer_fires_once_whoever_tries(self, ledger: Ledger, now: datetime) -> None:
        ledger.append(Draft("kettle/blue", 0, [filled(boils_at=now)]), by=ANA, at=now)
        (timer,) = timers.due(ledger, now)
        won = []

        def fire() -> None:
            try:
                ledger.append(
                    Draft("kettle/blue", 1, [KettleBoiled(kettle="blue")]), by=ANA, at=now, fires=timer
                )
                won.append(True)
            except Conflict:
                pass

        threads = [threading.Thread(target=fire) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert timers.due(ledger, now) == []

    def test_a_timer_that_was_moved_meanwhile_does_not_fire(self, ledger: Ledger, now: datetime) -> None:
        ledger.append(Draft("kettle/blue", 0, [filled(boils_at=now)]), by=ANA, at=now)
        (timer,) = timers.due(ledger, now)
        later = now + timedelta(hours=1)
        ledger.append(Draft("kettle/blue", 1, [filled(boils_at=later)]), by=ANA, at=now)
        with pytest.raises(AlreadyFired):
            ledger.append(Draft("kettle/blue", 2, [KettleBoiled(kettle="blue")]), by=ANA, at=now, fires=timer)

    def test_firing_without_stopping_the_timer_is_refused(self, ledger: Ledger, now: datetime) -> None:
        ledger.append(Draft("kettle/blue", 0, [filled(boils_at=now)]), by=ANA, at=now)
        (timer,) = timers.due(ledger, now)
        with pytest.raises(ValueError, match="fire for ever"):
            ledger.append(Draft("kettle/blue", 1, [filled()]), by=ANA, at=now, fires=timer)
        assert ledger.size() == 1


def test_what_is_read_together_is_of_one_moment(ledger: Ledger, now: datetime) -> None:
    """`ledger check` beside a running worker must not see half of what the worker does."""
    ledger.append(Draft("kettle/blue", 0, [filled()]), by=ANA, at=now)
    with ledger.reading() as conn:
        before = conn.execute(select(kettles.c.fillings)).scalar_one()
        ledger.append(Draft("kettle/blue", 1, [filled()]), by=ANA, at=now)
        assert conn.execute(select(kettles.c.fillings)).scalar_one() == before
    assert fillings(ledger) == {"blue": 2}


def test_a_new_database_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    """It holds password hashes."""
    path = tmp_path / "holdfast.db"
    Ledger(Database(f"sqlite:///{path}"), []).create("holdfast.example/test")
    assert path.stat().st_mode & 0o777 == 0o600
