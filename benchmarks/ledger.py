"""Appending facts, against plain inserts of the same rows into the same kind of database.

One interleaved run: in every round the ledger appends a batch, then the very same rows (already encoded
and hashed) are inserted into a bare table of the same shape with the same durability. What differs is
the ledger: canonical JSON, salts, hashes, the stream's version, the head, projections. Ratios are medians
over rounds; absolute numbers belong to the machine they were printed on.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import rfc8785
from sqlalchemy import Column, Table, insert, select
from sqlalchemy.schema import MetaData

from holdfast.ledger import tables
from holdfast.ledger.check import check
from holdfast.ledger.database import Database
from holdfast.ledger.facts import Fact, encode, fact
from holdfast.ledger.keys import create
from holdfast.ledger.ledger import Draft, Ledger
from holdfast.ledger.sealing import Anchor, Sealer
from holdfast.ledger.timers import Timers
from holdfast.people import Actor
from holdfast_verify.note import Signer

BY = Actor("bench@example.com", "Bench")
AT = datetime(2026, 11, 23, tzinfo=UTC)
TEXT = "x" * 400


@fact("bench.happened")
class Happened(Fact):
    incident: str
    text: str
    n: int


def facts(count: int) -> list[Fact]:
    return [Happened(incident="INC-1", text=TEXT, n=n) for n in range(count)]


class Plain:
    """A bare table with the columns of `facts`, in a database of its own."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder / 'plain.db'}")
        copied = MetaData()
        self.table = Table(
            "plain", copied, *(Column(c.name, c.type, primary_key=c.primary_key) for c in tables.facts.c)
        )
        copied.create_all(self.database.engine)

    def insert(self, rows: list[dict[str, object]]) -> float:
        start = time.perf_counter()
        with self.database.writing() as conn:
            conn.execute(insert(self.table), rows)
        return time.perf_counter() - start


def compare(batch: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = Plain(folder)
        ledger = Ledger(Database(f"sqlite:///{folder / 'ledger.db'}"), [Timers()])
        ledger.create("bench")
        ours, theirs, size = [], [], 0
        for _ in range(rounds):
            made = facts(batch)
            start = time.perf_counter()
            ledger.append(Draft("bench", size, made), by=BY, at=AT)
            ours.append(time.perf_counter() - start)
            with ledger.reading() as conn:
                rows = conn.execute(select(tables.facts).where(tables.facts.c.seq >= size)).mappings().all()
            theirs.append(plain.insert([dict(row) for row in rows]))
            size += batch
        ratio = statistics.median(t / o for o, t in zip(ours, theirs, strict=True))
        rate = batch / statistics.median(ours)
        print(f"  {batch:>6} a transaction   {rate:>9,.0f} facts/s   {ratio:5.2f} of plain inserts")


def canonical_rate() -> float:
    made = facts(2000)
    start = time.perf_counter()
    for each in made:
        encode(each, BY)
    return len(made) / (time.perf_counter() - start)


def checking(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ledger = Ledger(Database(f"sqlite:///{folder / 'ledger.db'}"), [Timers()])
        ledger.create("bench")
        for first in range(0, count, 1000):
            ledger.append(Draft("bench", first, facts(1000)), by=BY, at=AT)
        anchor = Anchor(folder / "checkpoints.jsonl")
        key = create(folder / "log.pem")
        start = time.perf_counter()
        Sealer(ledger, key, anchor).seal(AT)
        sealed = time.perf_counter() - start
        start = time.perf_counter()
        report = check(ledger, Signer("bench", key).verifier_key, anchor)
        took = time.perf_counter() - start
        assert report.holds
        print(f"  seal {count:,} facts   {count / sealed:>9,.0f} facts/s")
        print(f"  check {count:,} facts  {count / took:>9,.0f} facts/s")


def main() -> None:
    print("Appending to SQLite (WAL, synchronous=FULL), 1 = as fast as inserting the finished rows")
    for batch, rounds in ((1, 200), (10, 100), (100, 40), (1000, 12)):
        compare(batch, rounds)
    rate = canonical_rate()
    document = {"by": {"id": "a", "kind": "person", "name": "a"}, "data": {"text": TEXT}, "v": 1}
    start = time.perf_counter()
    for _ in range(2000):
        rfc8785.dumps(document)
    bare = 2000 / (time.perf_counter() - start)
    print(f"  encoding a payload {rate:,.0f}/s, of which RFC 8785 alone {bare:,.0f}/s")
    print("Sealing and checking")
    checking(20_000)


if __name__ == "__main__":
    main()
