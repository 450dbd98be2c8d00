"""Attacks on the stored ledger that `check` must catch (R-EVD-04), each test named after one."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text, update

from holdfast.ledger import keys, tables, tiles
from holdfast.ledger.check import Report, check
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.ledger.sealing import Anchor, RefusedToSeal, Sealer
from holdfast.people import Actor
from holdfast_verify.leaf import payload_commitment
from holdfast_verify.note import Signer, sign
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
