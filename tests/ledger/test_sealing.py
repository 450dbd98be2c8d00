"""Sealing is not a signing oracle: attacks after which nothing may be signed (R-EVD-04)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, event, insert, select, text, update

from holdfast.ledger import keys, tables
from holdfast.ledger.anchor import AnchorProblem
from holdfast.ledger.anchoring import anchor_anew
from holdfast.ledger.check import Report, check
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.ledger.sealing import Anchor, Memory, RefusedToSeal, Sealer, newest
from holdfast.people import Actor
from holdfast_verify.leaf import payload_commitment
from holdfast_verify.note import Signer
from holdfast_verify.tree import leaf_hash
from support.kettles import KettleFilled

ANA = Actor("ana@example.com", "Ana Reyes")
facts, streams, head, checkpoints = tables.facts, tables.streams, tables.head, tables.checkpoints


def fill(ledger: Ledger, now: datetime, count: int = 1, kettle: str = "blue") -> None:
    stream = f"kettle/{kettle}"
    version = ledger.stream(stream).version
    filled = [KettleFilled(kettle=kettle, litres=1.0) for _ in range(count)]
    ledger.append(Draft(stream, version, filled), by=ANA, at=now)


@pytest.fixture
def half_sealed(ledger: Ledger, sealer: Sealer, now: datetime) -> Ledger:
    """Two checkpoints, of 3 and 5 facts, and two facts more that wait for the seal."""
    for count in (3, 2):
        fill(ledger, now, count)
        sealer.seal(now)
    fill(ledger, now, 1)
    fill(ledger, now, 1, "red")
    return ledger


def change(ledger: Ledger, *statements: Any) -> None:
    with ledger.database.writing() as conn:
        for statement in statements:
            conn.execute(statement)


def checked(ledger: Ledger, sealer: Sealer) -> Report:
    key = Signer("holdfast.example/test", sealer.key).verifier_key
    return check(ledger, key, sealer.anchor, memory=sealer.memory)


def refused(sealer: Sealer, now: datetime, why: str = ".") -> None:
    before = sealer.anchor.path.read_bytes() if sealer.anchor.path.exists() else None
    with pytest.raises(RefusedToSeal, match=why):
        sealer.seal(now + timedelta(minutes=1))
    after = sealer.anchor.path.read_bytes() if sealer.anchor.path.exists() else None
    assert before == after


def edited(ledger: Ledger, seq: int) -> None:
    """Another content, and every hash of that fact computed anew."""
    with ledger.database.writing() as conn:
        row = conn.execute(select(facts).where(facts.c.seq == seq)).one()
        payload = bytes(row.payload).replace(b'"1.0"', b'"9.0"')
        header = json.loads(bytes(row.leaf))
        header["payload_commitment"] = payload_commitment(bytes(row.salt), payload)
        leaf = json.dumps(header, separators=(",", ":"), sort_keys=True).encode()
        values = {"payload": payload, "leaf": leaf, "leaf_hash": leaf_hash(leaf)}
        conn.execute(update(facts).where(facts.c.seq == seq).values(**values))


NEW: dict[str, Callable[[Ledger], None]] = {
    "a payload": lambda one: change(one, update(facts).where(facts.c.seq == 5).values(payload=b"{}")),
    "a salt": lambda one: change(one, update(facts).where(facts.c.seq == 5).values(salt=b"\0" * 32)),
    "a column": lambda one: change(one, update(facts).where(facts.c.seq == 5).values(type="kettle.boiled")),
    "a time": lambda one: change(
        one, update(facts).where(facts.c.seq == 5).values(recorded_at="2020-01-01T00:00:00.000000Z")
    ),
    "a leaf hash": lambda one: change(
        one, update(facts).where(facts.c.seq == 5).values(leaf_hash=b"\0" * 32)
    ),
    "a leaf": lambda one: change(one, update(facts).where(facts.c.seq == 5).values(leaf=b"{}")),
    "a payload, and its hashes": lambda one: edited(one, 5),
    "one deleted": lambda one: change(one, delete(facts).where(facts.c.seq == 5)),
    "the tail cut": lambda one: change(one, delete(facts).where(facts.c.seq == 6)),
    "one added behind the head": lambda one: change(one, update(head).values(size=6)),
    "the stream table": lambda one: change(
        one, update(streams).where(streams.c.stream == "kettle/red").values(version=2)
    ),
    "the newest time": lambda one: change(one, update(head).values(last_at="2030-01-01T00:00:00.000000Z")),
    "a second head": lambda one: change(
        one, insert(head).values(id=1, origin="holdfast.example/test", size=7, last_at="")
    ),
    "no head": lambda one: change(one, delete(head)),
    "the ledger's name": lambda one: change(one, update(head).values(origin="holdfast.example/other")),
    "the last sealed fact of the stream": lambda one: edited(one, 4),
    "a tile": lambda one: change(one, update(tables.tiles).values(hashes=b"\1" * 160)),
    "no tiles": lambda one: change(one, delete(tables.tiles)),
}


@pytest.mark.parametrize("attack", NEW)
def test_nothing_is_signed_over_what_was_edited_before_the_seal(
    half_sealed: Ledger, sealer: Sealer, now: datetime, attack: str
) -> None:
    """R-EVD-04/signed."""
    NEW[attack](half_sealed)
    refused(sealer, now)
    assert checked(half_sealed, sealer).verdict == "does not hold"


@pytest.mark.parametrize(("column", "value"), [("size", "'many'"), ("last_at", "7"), ("origin", "x'00'")])
def test_text_in_a_number_is_a_finding_and_no_failure(
    half_sealed: Ledger, sealer: Sealer, now: datetime, column: str, value: str
) -> None:
    if not half_sealed.database.is_sqlite:
        pytest.skip("PostgreSQL keeps the type of a column")
    change(half_sealed, text(f"UPDATE ledger_head SET {column} = {value}"))
    refused(sealer, now)
    assert checked(half_sealed, sealer).verdict == "does not hold"


def without_anchor(ledger: Ledger, anchor: Anchor) -> None:
    anchor.path.unlink()


def cut_anchor(ledger: Ledger, anchor: Anchor) -> None:
    anchor.path.write_bytes(anchor.path.read_bytes().splitlines(keepends=True)[0])


def empty_anchor(ledger: Ledger, anchor: Anchor) -> None:
    anchor.path.write_bytes(b"")


def other_anchor(ledger: Ledger, anchor: Anchor) -> None:
    first, last = anchor.path.read_bytes().splitlines(keepends=True)
    anchor.path.write_bytes(first + last.replace(b'"size": 5', b'"size": 6'))


def garbage_anchor(ledger: Ledger, anchor: Anchor) -> None:
    with anchor.path.open("ab") as file:
        file.write(b"garbage\n")


def longer_anchor(ledger: Ledger, anchor: Anchor) -> None:
    anchor.path.write_bytes(anchor.path.read_bytes() * 2)


def linked_anchor(ledger: Ledger, anchor: Anchor) -> None:
    anchor.path.rename(anchor.path.with_suffix(".elsewhere"))
    anchor.path.symlink_to(anchor.path.with_suffix(".elsewhere"))


def piped_anchor(ledger: Ledger, anchor: Anchor) -> None:
    anchor.path.unlink()
    os.mkfifo(anchor.path)


@pytest.mark.parametrize(
    "attack",
    [without_anchor, cut_anchor, empty_anchor, other_anchor, garbage_anchor, longer_anchor, linked_anchor],
)
def test_nothing_is_signed_without_the_anchor_of_the_last_time(
    half_sealed: Ledger,
    sealer: Sealer,
    anchor: Anchor,
    now: datetime,
    attack: Callable[[Ledger, Anchor], None],
) -> None:
    attack(half_sealed, anchor)
    refused(sealer, now)
    verdict = "cannot say" if attack is without_anchor else "does not hold"
    assert checked(half_sealed, sealer).verdict == verdict


def test_a_pipe_in_the_place_of_the_anchor_holds_nobody_up(
    half_sealed: Ledger, sealer: Sealer, anchor: Anchor, now: datetime
) -> None:
    piped_anchor(half_sealed, anchor)
    with pytest.raises(RefusedToSeal, match="not a regular file"):
        sealer.seal(now)
    assert checked(half_sealed, sealer).verdict == "does not hold"


def test_deleting_the_anchor_gives_cannot_say_and_how_to_go_on(
    half_sealed: Ledger, sealer: Sealer, anchor: Anchor
) -> None:
    """R-EVD-04/cut."""
    anchor.path.unlink()
    report = checked(half_sealed, sealer)
    assert (report.verdict, report.holds, report.problems) == ("cannot say", False, [])
    assert "checkpoints.jsonl is missing" in report.unknown[0]
    assert "holdfast ledger anchor" in report.unknown[0]


def test_rewriting_all_history_with_database_and_anchor_alone_is_not_signed(
    half_sealed: Ledger, sealer: Sealer, anchor: Anchor, now: datetime
) -> None:
    """Without the key: the worker was to sign whatever is there."""
    change(
        half_sealed,
        *(delete(table) for table in (facts, streams, tables.tiles, checkpoints)),
        update(head).values(size=0, last_at=""),
    )
    anchor.path.unlink()
    fill(half_sealed, now, 7, "forged")
    refused(sealer, now, "2 were signed by this key")
    assert checked(half_sealed, sealer).verdict == "does not hold"


def test_restoring_database_and_anchor_together_is_noticed_by_the_key(
    ledger: Ledger, sealer: Sealer, anchor: Anchor, now: datetime
) -> None:
    fill(ledger, now, 3)
    sealer.seal(now)
    older = anchor.path.read_bytes()
    rows = {table: stored(ledger, table) for table in (facts, streams, tables.tiles, checkpoints, head)}
    fill(ledger, now, 2)
    sealer.seal(now)
    for table, kept in rows.items():
        change(ledger, delete(table), insert(table).values(kept))
    anchor.path.write_bytes(older)
    report = checked(ledger, sealer)
    assert "the checkpoint of size 5 that the key has last signed: only 3 facts" in report.problems[0]
    fill(ledger, now, 1, "other")
    refused(sealer, now, "holds 4 facts, but 5 were sealed before")


def stored(ledger: Ledger, table: Any) -> list[dict[str, Any]]:
    with ledger.reading() as conn:
        return [dict(row) for row in conn.execute(select(table)).mappings()]


def test_nothing_is_signed_by_a_key_that_was_replaced(
    half_sealed: Ledger, sealer: Sealer, anchor: Anchor, memory: Memory, now: datetime
) -> None:
    memory.path.with_name("other.pem").unlink(missing_ok=True)
    other = keys.create(memory.path.with_name("other.pem"))
    refused(Sealer(half_sealed, other, anchor, memory), now, "the signing key was replaced")
    refused(Sealer(half_sealed, other, anchor), now, "not signed by any known key")


def test_nothing_is_signed_when_what_the_key_has_signed_is_forgotten(
    half_sealed: Ledger, sealer: Sealer, memory: Memory, now: datetime
) -> None:
    memory.path.unlink()
    refused(sealer, now, "missing beside it")
    assert checked(half_sealed, sealer).verdict == "cannot say"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"checkpoints": -1, "key": "", "newest": null}', "\0"])
def test_a_memory_that_cannot_be_read_is_a_finding(
    half_sealed: Ledger, sealer: Sealer, memory: Memory, now: datetime, content: str
) -> None:
    memory.path.write_text(content)
    refused(sealer, now)
    assert checked(half_sealed, sealer).verdict == "does not hold"


def test_a_checkpoint_taken_out_of_the_database_is_missed(
    half_sealed: Ledger, sealer: Sealer, now: datetime
) -> None:
    change(half_sealed, delete(checkpoints))
    refused(sealer, now, "the database holds 0 checkpoints")
    assert checked(half_sealed, sealer).verdict == "does not hold"


def test_a_checkpoint_given_another_time_is_found(half_sealed: Ledger, sealer: Sealer, now: datetime) -> None:
    change(half_sealed, update(checkpoints).where(checkpoints.c.size == 3).values(sealed_at="2020-01-01"))
    assert checked(half_sealed, sealer).verdict == "does not hold"


# Killed while sealing --------------------------------------------------------------------------------


@contextmanager
def killed_in(thing: Any, name: str, *, after: bool = False) -> Iterator[None]:
    real = getattr(thing, name)

    def die(*given: Any) -> None:
        if after:
            real(*given)
        raise KeyboardInterrupt

    setattr(thing, name, die)
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        setattr(thing, name, real)


@pytest.mark.parametrize("moment", ["before the memory", "before the anchor", "before the commit"])
@pytest.mark.parametrize("more", [False, True])
def test_killed_while_sealing_it_goes_on(
    half_sealed: Ledger,
    sealer: Sealer,
    anchor: Anchor,
    memory: Memory,
    now: datetime,
    moment: str,
    more: bool,
) -> None:
    """R-XCT-05: whatever a kill leaves behind holds, and the next seal goes on from there."""
    where: Any = memory if moment == "before the memory" else anchor
    with killed_in(where, "keep", after=moment == "before the commit"):
        sealer.seal(now)
    assert checked(half_sealed, sealer).verdict == "holds"
    if more:
        fill(half_sealed, now, 2)
    sealer.seal(now)
    assert newest_of(half_sealed).size == (9 if more else 7)
    assert sealer.seal(now) is None
    report = checked(half_sealed, sealer)
    assert (report.problems, report.unknown) == ([], [])
    assert report.checkpoints == report.anchored


def newest_of(ledger: Ledger) -> Any:
    with ledger.reading() as conn:
        return newest(conn)


def test_sealing_reads_only_what_is_new(ledger: Ledger, sealer: Sealer, now: datetime) -> None:
    """What a seal costs does not grow with the ledger."""
    fill(ledger, now, 2000)
    sealer.seal(now)
    fill(ledger, now, 1)
    read: list[str] = []

    def count(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "FROM facts" in statement:
            read.append(statement)

    event.listen(ledger.database.engine, "before_cursor_execute", count)
    sealer.seal(now)
    assert len(read) <= 5
    assert all("WHERE" in statement for statement in read)


def test_a_checkpoint_is_never_signed_before_the_fact_it_covers(
    ledger: Ledger, sealer: Sealer, now: datetime
) -> None:
    fill(ledger, now)
    sealed = sealer.seal(now - timedelta(seconds=30))
    assert sealed is not None
    assert sealed.at == now


def test_the_anchor_says_where_it_is_unreadable(anchor: Anchor) -> None:
    anchor.path.write_text("[1]\n")
    assert list(anchor.lines()) == [
        "checkpoints.jsonl, line 1: not a checkpoint as the ledger writes it "
        "(list indices must be integers or slices, not str)"
    ]
    with pytest.raises(AnchorProblem):
        anchor.standing()


def test_an_anchor_written_anew_is_never_seen_in_part(
    half_sealed: Ledger,
    sealer: Sealer,
    anchor: Anchor,
    memory: Memory,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever checks meanwhile, or after a kill, finds it missing or whole: a part looks as if it was cut."""
    key = Signer("holdfast.example/test", sealer.key).verifier_key
    whole = anchor.path.read_bytes()
    anchor.path.unlink()
    verdicts, synced = [], os.fsync

    def fsync(handle: int) -> None:
        synced(handle)
        verdicts.append(checked(half_sealed, sealer).verdict)

    monkeypatch.setattr(os, "fsync", fsync)
    anchor_anew(half_sealed, key, anchor, memory, "the disk was lost", ANA, now)
    assert set(verdicts) == {"cannot say", "holds"}
    assert anchor.path.read_bytes() == whole
