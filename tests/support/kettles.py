"""Facts and a projection about kettles: everything the ledger does, without the product's own facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Column, Connection, String, Table, insert, select, update

from holdfast.ledger.facts import Arm, Disarm, Fact, Line, Recorded, fact
from holdfast.ledger.tables import metadata


@fact("kettle.filled")
class KettleFilled(Fact):
    kettle: str
    litres: float
    boils_at: datetime | None = None

    def line(self) -> Line:
        return Line(f"{self.kettle} filled")

    def timers(self) -> Iterable[Arm | Disarm]:
        if self.boils_at:
            yield Arm(f"{self.kettle}/boil", "kettle.boil", self.boils_at, {"kettle": self.kettle})


@fact("kettle.boiled")
class KettleBoiled(Fact):
    kettle: str

    def timers(self) -> Iterable[Arm | Disarm]:
        yield Disarm(f"{self.kettle}/boil")


kettles = Table(
    "test_kettles",
    metadata,
    Column("kettle", String(50), primary_key=True),
    Column("fillings", BigInteger, nullable=False),
)


class Kettles:
    name = "kettles"
    tables = (kettles,)

    def apply(self, conn: Connection, facts: Sequence[Recorded]) -> None:
        for recorded in facts:
            if isinstance(recorded.fact, KettleFilled):
                self._fill(conn, recorded.fact.kettle)

    def _fill(self, conn: Connection, name: str) -> None:
        row = conn.execute(select(kettles).where(kettles.c.kettle == name)).first()
        if row is None:
            conn.execute(insert(kettles).values(kettle=name, fillings=1))
        else:
            conn.execute(update(kettles).where(kettles.c.kettle == name).values(fillings=row.fillings + 1))
