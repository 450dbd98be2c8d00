"""Attacks on the stored ledger that `check` must catch (R-EVD-04), each test named after one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, select, text, update

from holdfast import clock
from holdfast.ledger import keys, tables, tiles
from holdfast.ledger.anchor import Kept, Memory, Sealed
from holdfast.ledger.check import Report, check
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.ledger.sealing import Anchor, RefusedToSeal, Sealer
from holdfast.people import Actor
from holdfast_verify.leaf import payload_commitment
from holdfast_verify.note import Signer, VerifierKey, sign
from holdfast_verify.tree import leaf_hash
from support.kettles import KettleFilled, kettles

ANA = Actor("ana@example.com", "Ana Reyes")

Checked = Callable[[], Report]


@pytest.fixture
def checked(ledger: Ledger, sealer: Sealer, anchor: Anchor, now: datetime) -> Checked:
    """A sealed ledger of 300 facts (more than one tile) and 10 more, and the check of it."""
    for first, count in ((0, 300), (300, 10)):
        facts = [KettleFilled(kettle=f"k{i % 7}", litres=1.5) for i in range(count)]
        ledger.append(Draft("kettle/all", first, facts), by=ANA, at=now + timedelta(seconds=first))
        sealer.seal(now)
    key = Signer(ledger.origin, sealer.key).verifier_key
    return lambda: check(ledger, key, anchor)


def problem(report: Report) -> str:
    assert not report.holds
    return report.problems[0]


def change(ledger: Ledger, statement: object) -> None:
    with ledger.database.writing() as conn:
        conn.execute(statement)  # type: ignore[call-overload]


def test_an_honest_ledger_holds(checked: Checked) -> None:
    report = checked()
    assert report.problems == []
    assert (report.facts, report.checkpoints, report.anchored) == (310, 2, 2)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("stream", "kettle/other"),
        ("stream_seq", 9999),
        ("type", "kettle.boiled"),
        ("recorded_at", "2020-01-01T00:00:00.000000Z"),
        ("leaf", b"{}"),
        ("leaf_hash", b"\x00" * 32),
        ("salt", b"\x00" * 32),
        ("payload", b'{"by":{"id":"a","kind":"person","name":"a"},"data":{"kettle":"x","litres":"1"},"v":1}'),
    ],
)
def test_edit_any_column_of_a_fact(checked: Checked, ledger: Ledger, column: str, value: object) -> None:
    """R-EVD-04/changed."""
    change(ledger, update(tables.facts).where(tables.facts.c.seq == 17).values({column: value}))
    assert problem(checked()).startswith("fact 17 ")


@pytest.mark.parametrize("column", ["leaf", "leaf_hash", "salt", "payload"])
def test_edit_a_fact_so_that_its_type_changes(checked: Checked, ledger: Ledger, column: str) -> None:
    """What a hand with an SQL shell does: `replace(payload, …)` turns bytes into text on SQLite."""
    if not ledger.database.is_sqlite:
        pytest.skip("PostgreSQL keeps the type of a column, so a row cannot hold another")
    change(ledger, text(f"UPDATE facts SET {column} = 'edited' WHERE seq = 17"))
    assert problem(checked()).startswith("fact 17 ")


def test_edit_a_fact_and_recompute_its_hashes(checked: Checked, ledger: Ledger) -> None:
    """Without the key the rest of the chain and the tree still tell."""
    with ledger.database.writing() as conn:
        row = conn.execute(select(tables.facts).where(tables.facts.c.seq == 17)).one()
        payload = bytes(row.payload).replace(b'"k3"', b'"zz"')
        header = json.loads(bytes(row.leaf))
        header["payload_commitment"] = payload_commitment(bytes(row.salt), payload)
        leaf = json.dumps(header, separators=(",", ":"), sort_keys=True).encode()
        conn.execute(
            update(tables.facts)
            .where(tables.facts.c.seq == 17)
            .values(payload=payload, leaf=leaf, leaf_hash=leaf_hash(leaf))
        )
    assert "fact 18 " in problem(checked())


def test_delete_a_fact(checked: Checked, ledger: Ledger) -> None:
    """R-EVD-04/removed."""
    change(ledger, delete(tables.facts).where(tables.facts.c.seq == 17))
    assert "fact 17 is missing" in problem(checked())


def test_cut_the_tail(checked: Checked, ledger: Ledger) -> None:
    change(ledger, delete(tables.facts).where(tables.facts.c.seq >= 305))
    assert "the tail was cut" in problem(checked())


def test_cut_the_tail_and_hide_it_everywhere_in_the_database(checked: Checked, ledger: Ledger) -> None:
    """What was kept outside the database still tells. R-EVD-04/cut."""
    before = ledger.stream("kettle/all").facts[299]
    change(ledger, delete(tables.facts).where(tables.facts.c.seq >= 300))
    change(ledger, delete(tables.checkpoints).where(tables.checkpoints.c.size > 300))
    change(ledger, update(tables.head).values(size=300))
    change(ledger, update(tables.streams).values(version=300, last_hash=before.leaf_hash))
    assert any("kept outside the database of size 310" in each for each in checked().problems)


def test_reorder(checked: Checked, ledger: Ledger) -> None:
    """R-EVD-04/reordered."""
    for old, new in ((17, -1), (18, 17), (-1, 18)):
        change(ledger, update(tables.facts).where(tables.facts.c.seq == old).values(seq=new))
    assert problem(checked()).startswith("fact 17 ")


def test_edit_a_hash_tile(checked: Checked, ledger: Ledger) -> None:
    change(ledger, update(tables.tiles).where(tables.tiles.c.level == 1).values(hashes=b"\x01" * 32))
    assert "hash tile 1/0" in problem(checked())


def test_edit_only_a_projection(checked: Checked, ledger: Ledger) -> None:
    change(ledger, update(kettles).where(kettles.c.kettle == "k3").values(fillings=1))
    assert "projection kettles, table test_kettles, row k3: fillings is 1" in problem(checked())


def test_add_a_row_to_a_projection(checked: Checked, ledger: Ledger) -> None:
    change(ledger, kettles.insert().values(kettle="ghost", fillings=1))
    assert "row ghost: no fact tells of it" in problem(checked())


def test_edit_a_checkpoint(checked: Checked, ledger: Ledger) -> None:
    with ledger.database.writing() as conn:
        note = conn.execute(
            select(tables.checkpoints.c.note).where(tables.checkpoints.c.size == 300)
        ).scalar_one()
        conn.execute(
            update(tables.checkpoints)
            .where(tables.checkpoints.c.size == 300)
            .values(note=note.replace("\n300\n", "\n299\n"))
        )
    assert "checkpoint of size 300" in problem(checked())


def test_forge_a_checkpoint_with_another_key(checked: Checked, ledger: Ledger, tmp_path: Path) -> None:
    forger = Signer(ledger.origin, keys.create(tmp_path / "forged.pem"))
    with ledger.database.writing() as conn:
        newest = conn.execute(select(tables.checkpoints).order_by(tables.checkpoints.c.size.desc())).first()
        assert newest is not None
        forged = sign(newest.note.partition("\n\n")[0] + "\n", forger).decode()
        conn.execute(update(tables.checkpoints).where(tables.checkpoints.c.size == 310).values(note=forged))
    assert "checkpoint of size 310: the note is not signed by any known key" in problem(checked())


def test_sealing_refuses_a_restored_old_backup(
    checked: Checked, ledger: Ledger, sealer: Sealer, now: datetime
) -> None:
    """R-XCT-06/noticed: a restored older state is noticed, not trusted."""
    change(ledger, delete(tables.facts).where(tables.facts.c.seq >= 301))
    change(ledger, delete(tables.checkpoints).where(tables.checkpoints.c.size > 300))
    change(ledger, update(tables.head).values(size=301))
    with pytest.raises(RefusedToSeal, match="310 were sealed before"):
        sealer.seal(now)


def test_sealing_refuses_a_restored_backup_that_has_grown_since(
    checked: Checked, ledger: Ledger, sealer: Sealer, now: datetime
) -> None:
    """The older copy is past the anchored size again, with other facts."""
    before = ledger.stream("kettle/all").facts[299]
    change(ledger, delete(tables.facts).where(tables.facts.c.seq >= 300))
    change(ledger, delete(tables.checkpoints).where(tables.checkpoints.c.size > 300))
    change(ledger, delete(tables.tiles))
    change(ledger, update(tables.head).values(size=300))
    change(ledger, update(tables.streams).values(version=300, last_hash=before.leaf_hash))
    with ledger.database.writing() as conn:
        built = tiles.TileBuilder()
        built.extend(0, [recorded.leaf_hash for recorded in ledger.stream("kettle/all").facts])
        tiles.store(conn, built)
    others = [KettleFilled(kettle="other", litres=2.0) for _ in range(20)]
    ledger.append(Draft("kettle/all", 300, others), by=ANA, at=now + timedelta(days=1))
    with pytest.raises(RefusedToSeal, match="not those that were sealed before"):
        sealer.seal(now + timedelta(days=1))


def test_a_torn_line_in_the_file_of_checkpoints_is_cut_off(
    checked: Checked, ledger: Ledger, sealer: Sealer, anchor: Anchor, now: datetime
) -> None:
    """R-XCT-05: killed while a checkpoint was being written."""
    with anchor.path.open("a") as file:
        file.write('{"note": "holdfast.exa')
    ledger.append(Draft("kettle/all", 310, [KettleFilled(kettle="k1", litres=1.0)]), by=ANA, at=now)
    sealer.seal(now)
    assert [sealed.size for sealed in anchor.kept()] == [300, 310, 311]
    assert checked().holds


# Sealed while it is checked ----------------------------------------------------------------------------


@pytest.fixture
def seals(ledger: Ledger, sealer: Sealer, now: datetime) -> Callable[[], None]:
    """What a worker does beside the check: two facts, each of them sealed."""

    def both() -> None:
        for _ in range(2):
            version = ledger.stream("kettle/beside").version
            fact = KettleFilled(kettle="beside", litres=1.0)
            ledger.append(Draft("kettle/beside", version, [fact]), by=ANA, at=now + timedelta(hours=1))
            assert sealer.seal(now + timedelta(hours=1)) is not None

    return both


Beside = Callable[[str, Callable[[], None]], list[str]]

MOMENTS = (
    "after the memory was read",
    "after the anchor was read",
    "before the database is opened",
    "after the database was opened",
)


@pytest.fixture
def beside(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Beside:
    """Have something done, once each, at one moment of the next check or at all; what is returned is still
    to come."""

    def at(when: str, what: Callable[[], None]) -> list[str]:
        left = [moment for moment in MOMENTS if when in (moment, "all the time")]
        opened, memory_read, missing, lines = ledger.reading, Memory.read, Anchor.missing, Anchor.lines

        def reached(moment: str) -> None:
            if moment in left:
                left.remove(moment)
                with monkeypatch.context() as patched:
                    patched.setattr(ledger, "reading", opened)
                    patched.setattr(Memory, "read", memory_read)
                    patched.setattr(Anchor, "missing", missing)
                    patched.setattr(Anchor, "lines", lines)
                    what()

        @contextmanager
        def reading() -> Iterator[Connection]:
            reached("before the database is opened")
            with opened() as conn:
                conn.execute(select(tables.head)).all()  # its first statement settles what a reader sees
                reached("after the database was opened")
                yield conn

        def read(self: Memory, key: VerifierKey) -> Kept:
            found = memory_read(self, key)
            reached("after the memory was read")
            return found

        def is_missing(self: Anchor) -> bool:
            found = bool(missing.__get__(self))
            if found:
                reached("after the anchor was read")
            return found

        def each(self: Anchor) -> Iterator[Sealed | str]:
            yield from list(lines(self))
            reached("after the anchor was read")

        monkeypatch.setattr(ledger, "reading", reading)
        monkeypatch.setattr(Memory, "read", read)
        monkeypatch.setattr(Anchor, "missing", property(is_missing))
        monkeypatch.setattr(Anchor, "lines", each)
        return left

    return at


@pytest.fixture
def remembered(ledger: Ledger, sealer: Sealer, anchor: Anchor, memory: Memory) -> Checked:
    """The check that asks the key's memory too."""
    key = Signer(ledger.origin, sealer.key).verifier_key
    return lambda: check(ledger, key, anchor, memory=memory)


@pytest.mark.parametrize("moment", [*MOMENTS, "all the time"])
@pytest.mark.parametrize("first", [False, True], ids=["sealed before", "never sealed before"])
def test_what_is_sealed_while_it_is_checked_is_no_finding(
    request: pytest.FixtureRequest,
    remembered: Checked,
    seals: Callable[[], None],
    beside: Beside,
    moment: str,
    first: bool,
) -> None:
    """R-EVD-04: a worker seals every second, and the ledger that it seals holds."""
    if not first:
        request.getfixturevalue("checked")
    left = beside(moment, seals)
    report = remembered()
    assert (left, report.problems, report.unknown) == ([], [], [])
    again = remembered()
    assert (again.verdict, again.checkpoints, again.anchored) == ("holds", again.anchored, again.checkpoints)
    times = len(MOMENTS) if moment == "all the time" else 1
    assert again.checkpoints == 2 * times + (0 if first else 2)


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_is_sealed_while_it_is_checked_hides_no_cut_tail(
    checked: Checked, remembered: Checked, ledger: Ledger, sealer: Sealer, beside: Beside, moment: str
) -> None:
    """R-EVD-04/cut: what was cut before the database is opened shows at once, what is cut later next time."""

    def cut() -> None:
        before = ledger.stream("kettle/all").facts[299]
        change(ledger, delete(tables.facts).where(tables.facts.c.seq >= 300))
        change(ledger, delete(tables.checkpoints).where(tables.checkpoints.c.size > 300))
        change(ledger, update(tables.head).values(size=300, last_at=clock.stamp(before.at)))
        change(ledger, update(tables.streams).values(version=300, last_hash=before.leaf_hash))

    beside(moment, cut)
    first = remembered()
    if moment != "after the database was opened":
        assert any("only 300 facts are stored; the tail was cut" in each for each in first.problems)
    assert any("only 300 facts are stored; the tail was cut" in each for each in remembered().problems)


@pytest.mark.parametrize("place", ["the anchor", "the memory"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_what_is_sealed_while_it_is_checked_hides_no_older_copy_outside(
    checked: Checked,
    remembered: Checked,
    anchor: Anchor,
    memory: Memory,
    ledger: Ledger,
    sealer: Sealer,
    seals: Callable[[], None],
    beside: Beside,
    moment: str,
    place: str,
) -> None:
    """An older copy is put back while others seal: what the database holds shows it, then or at the next
    check."""
    path = anchor.path if place == "the anchor" else memory.path
    older = path.read_bytes()

    def sealed_and_put_back() -> None:
        seals()
        path.write_bytes(older)

    beside(moment, sealed_and_put_back)
    first = remembered()
    if moment != "after the database was opened":
        assert any("an older copy was put in its place" in each for each in first.problems)
    assert any("an older copy was put in its place" in each for each in remembered().problems)
