"""What facts add up to is the same whether they are added up one by one or all together."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert, select

from holdfast.app import projections
from holdfast.ledger.database import Database
from holdfast.ledger.facts import Recorded
from holdfast.ledger.ledger import Ledger
from holdfast.ledger.projections import Scratch
from holdfast.ledger.stored import Rows
from support.earlier import workspace_of_010
from support.kettles import kettles


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Recorded]:
    """Every fact of a company's first months: alerts, incidents that merge, containment, remediation."""
    folder: Path = tmp_path_factory.mktemp("earlier")
    workspace_of_010(folder, "sqlite")
    database = Database(f"sqlite:///{next(folder.rglob('*.db'))}")
    facts = list(Ledger(database, projections()).facts())
    database.close()
    return facts


def added_up(batches: list[list[Recorded]]) -> Scratch:
    scratch = Scratch(projections())
    for batch in batches:
        scratch.apply(batch)
    return scratch


def test_one_by_one_or_all_together_gives_the_same_rows(told: list[Recorded]) -> None:
    assert len(told) > 100
    one_by_one = added_up([[recorded] for recorded in told])
    cuts = sorted(random.Random(7).sample(range(len(told)), 9))
    pieces = [told[a:b] for a, b in zip([0, *cuts], [*cuts, len(told)], strict=True)]
    for together in (added_up([told]), added_up(pieces)):
        assert list(together.differences(one_by_one.conn)) == []
        together.close()
    one_by_one.close()


def test_a_row_is_written_only_where_it_says_something_else() -> None:
    engine = create_engine("sqlite://")
    kettles.create(engine)
    with engine.begin() as conn:
        conn.execute(insert(kettles), [{"kettle": name, "fillings": 1} for name in ("blue", "red", "old")])
        rows = Rows(conn, kettles, ["blue", "old", "new", "never"])
        rows.change("blue", fillings=2)
        rows.change("blue", fillings=3)
        rows.change("never", fillings=1)  # there is none, and none is made
        rows.put("new", fillings=1)
        rows.drop("old")
        rows.write()
        found = conn.execute(select(kettles).order_by(kettles.c.kettle)).all()
    assert [tuple(row) for row in found] == [("blue", 3), ("new", 1), ("red", 1)]


def test_a_row_that_comes_and_goes_in_one_breath_leaves_nothing() -> None:
    engine = create_engine("sqlite://")
    kettles.create(engine)
    with engine.begin() as conn:
        rows = Rows(conn, kettles, ["blue"])
        rows.put("blue", fillings=1)
        rows.drop("blue")
        rows.write()
        assert conn.execute(select(kettles)).all() == []


def test_any_number_of_rows_is_followed_together() -> None:
    """One fact can name thousands, and a thousand facts are added up together."""
    names = [f"kettle {number}" for number in range(40_000)]
    engine = create_engine("sqlite://")
    kettles.create(engine)
    with engine.begin() as conn:
        conn.execute(insert(kettles), [{"kettle": name, "fillings": 1} for name in names])
        rows = Rows(conn, kettles, names)
        rows.change(names[-1], fillings=2)
        rows.write()
        assert conn.execute(select(kettles.c.fillings).where(kettles.c.kettle == names[-1])).scalar() == 2
