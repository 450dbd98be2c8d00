"""Read, decide, append; and where somebody was faster, all of it again."""

from __future__ import annotations

import ast
import threading
from datetime import datetime
from pathlib import Path

import pytest

import holdfast
from holdfast.ledger import timers
from holdfast.ledger.deciding import ATTEMPTS, again, settle, settle_stream
from holdfast.ledger.ledger import AlreadyFired, Conflict, Draft, Ledger, Timer
from holdfast.people import Actor
from support.kettles import KettleBoiled, KettleFilled

SOURCE = Path(holdfast.__file__).parent
ANA = Actor("ana@example.com", "Ana")
FILLED = KettleFilled(kettle="blue", litres=1.0)


def somebody_fills(ledger: Ledger, stream: str, now: datetime) -> None:
    ledger.tell(stream, FILLED, by=ANA, at=now)


def test_whoever_was_slower_reads_again_and_decides_on_what_is_so_now(ledger: Ledger, now: datetime) -> None:
    read: list[int] = []

    def drafts() -> list[Draft]:
        stream = ledger.stream("kettle/blue")
        read.append(stream.version)
        if len(read) == 1:
            somebody_fills(ledger, "kettle/blue", now)
        return [stream.draft([FILLED])]

    (recorded,) = settle(ledger, drafts, "the kettle", by=ANA, at=now)
    assert (read, recorded.stream_seq) == ([0, 1], 1)


def test_a_decision_holds_the_streams_it_rests_on_though_it_writes_nothing_to_them(
    ledger: Ledger, now: datetime
) -> None:
    asked = 0

    def drafts() -> list[Draft]:
        nonlocal asked
        asked += 1
        red, blue = ledger.stream("kettle/red"), ledger.stream("kettle/blue")
        if asked == 1:
            somebody_fills(ledger, "kettle/red", now)
        return [blue.draft([FILLED]), red.draft([])]

    settle(ledger, drafts, "the kettles", by=ANA, at=now)
    assert (asked, ledger.size()) == (2, 2)


def test_what_never_comes_to_rest_is_given_up_with_a_sentence(ledger: Ledger, now: datetime) -> None:
    def drafts() -> list[Draft]:
        stream = ledger.stream("kettle/blue")
        somebody_fills(ledger, "kettle/blue", now)
        return [stream.draft([FILLED])]

    with pytest.raises(Conflict, match="the blue kettle kept changing; try again"):
        settle(ledger, drafts, "the blue kettle", by=ANA, at=now)
    assert ledger.size() == ATTEMPTS


def test_nothing_decided_is_nothing_appended(ledger: Ledger, now: datetime) -> None:
    assert settle(ledger, lambda: [Draft("kettle/blue", 7, [])], "the kettle", by=ANA, at=now) == ()
    assert settle_stream(ledger, "kettle/blue", lambda stream: [], ANA, now) == ()


def test_what_is_kept_beside_a_decision_parts_from_no_fact(ledger: Ledger, now: datetime) -> None:
    kept: list[int] = []

    def drafts() -> list[Draft]:
        return [Draft("kettle/blue", 0, [FILLED])]

    settle(ledger, drafts, "the kettle", by=ANA, at=now, keeping=lambda conn: kept.append(1))
    with pytest.raises(Conflict):
        settle(ledger, drafts, "the kettle", by=ANA, at=now, keeping=lambda conn: kept.append(2))
    assert kept == [1]


def boiling(ledger: Ledger, now: datetime) -> Timer:
    ledger.tell("kettle/blue", KettleFilled(kettle="blue", litres=1.0, boils_at=now), by=ANA, at=now)
    (timer,) = timers.due(ledger, now)
    return timer


def test_a_timer_is_decided_on_once_and_the_loser_drops_what_it_decided(
    ledger: Ledger, now: datetime
) -> None:
    timer, asked = boiling(ledger, now), 0

    def drafts() -> list[Draft]:
        nonlocal asked
        asked += 1
        stream = ledger.stream("kettle/blue")
        if asked == 1:
            somebody_fills(ledger, "kettle/blue", now)
        return [stream.draft([KettleBoiled(kettle="blue")])]

    with pytest.raises(Conflict):
        settle(ledger, drafts, "the kettle", by=ANA, at=now, fires=timer)
    assert asked == 1
    settle(ledger, drafts, "the kettle", by=ANA, at=now, fires=timer)
    with pytest.raises(AlreadyFired):
        settle(ledger, drafts, "the kettle", by=ANA, at=now, fires=timer)


def test_a_timer_that_a_decision_would_leave_armed_is_a_failure(ledger: Ledger, now: datetime) -> None:
    timer = boiling(ledger, now)
    with pytest.raises(ValueError, match="would fire for ever"):
        settle(ledger, lambda: [], "the kettle", by=ANA, at=now, fires=timer)


def test_what_has_been_done_is_not_tried_again() -> None:
    asked = 0

    def attempt() -> None:
        nonlocal asked
        asked += 1
        raise AlreadyFired

    with pytest.raises(AlreadyFired):
        again(attempt, "the kettle")
    assert asked == 1


def test_what_only_tells_what_happened_is_never_refused_for_its_place(ledger: Ledger, now: datetime) -> None:
    def tell() -> None:
        for _ in range(25):
            somebody_fills(ledger, "kettle/blue", now)

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.stream_seq for one in ledger.stream("kettle/blue").facts] == list(range(100))


def test_no_other_part_of_the_product_tries_again_by_itself() -> None:
    """One loop: two of them would answer differently what the loser of a race does."""
    loops = []
    for path in SOURCE.rglob("*.py"):
        for loop in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(loop, ast.For | ast.While):
                continue
            caught = (one.type for one in ast.walk(loop) if isinstance(one, ast.ExceptHandler) and one.type)
            if any("Conflict" in ast.unparse(kind) for kind in caught):
                loops.append(path.relative_to(SOURCE).as_posix())
    assert loops == ["ledger/deciding.py"]
