"""A counter of predictions over one DuckDB-readable file, for tests of what builds on the counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from holdfast.detect.cells import MISSING_GROUP
from holdfast.detect.counting import Asked
from holdfast.detect.marks import Tally
from holdfast.investigate.counting import CannotCount, Counted, GroupCount


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


@dataclass(frozen=True)
class FileCounter:
    """Counts in a Parquet or CSV file; knows no marks, so only a person says who is affected."""

    path: Path
    time: str
    subject: str | None
    groups: Sequence[str] = ()

    def count(self, system: str, asked: Asked) -> Counted:
        conn = duckdb.connect()
        conn.execute("SET TimeZone = 'UTC'")
        log = conn.from_query("SELECT * FROM " + self._source())
        strange = sorted(set(asked.where) - set(log.columns))
        if strange:
            raise CannotCount(f"the log has no column {strange[0]}")
        moment = f"CAST({_name(self.time)} AS TIMESTAMPTZ)"
        newest = conn.execute(f"SELECT epoch_us(max({moment})) FROM {self._source()}").fetchone()
        conn.execute(
            f"CREATE TABLE log AS SELECT * FROM {self._source()} WHERE {moment} >= ? AND {moment} < ?",
            [asked.start, asked.end],
        )
        matching = " AND ".join(f"CAST({_name(column)} AS VARCHAR) = ?" for column in asked.where) or "true"
        values = list(asked.where.values())
        users = f"count(DISTINCT {_name(self.subject)})" if self.subject else "NULL"
        total = conn.execute("SELECT count(*) FROM log").fetchone()
        found = conn.execute(f"SELECT count(*), {users} FROM log WHERE {matching}", values).fetchone()
        assert newest
        assert total
        assert found
        groups = [
            GroupCount({column: value}, inferences, people)
            for column in self.groups
            for value, inferences, people in conn.execute(
                f"SELECT coalesce({_name(column)}, ?), count(*), {users} FROM log WHERE {matching} "
                "GROUP BY 1 ORDER BY 1",
                [MISSING_GROUP, *values],
            ).fetchall()
        ]
        tally = Tally(found[0], found[1])
        return Counted(
            exposed=tally,
            affected=tally if asked.all_touched else None,
            complete=True,
            rules=(asked.all_touched,) if asked.all_touched else (),
            total=total[0],
            reaches=datetime.fromtimestamp(newest[0] / 1_000_000, UTC),
            groups=tuple(groups),
        )

    def _source(self) -> str:
        reader = "read_parquet" if self.path.suffix == ".parquet" else "read_csv"
        return f"{reader}('{str(self.path).replace(chr(39), chr(39) * 2)}')"
