"""Where the counting happens. Each engine is a module of this folder with the same questions answered.

DuckDB is built in. An engine for logs that live elsewhere is a neighbour of `duckdb.py` that answers the
same questions with equal counts; `tests/detect/test_duckdb_engine.py` says what equal means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from holdfast.detect.cells import Cell, Window
from holdfast.detect.marks import Answer, Mark
from holdfast.detect.plan import Scan
from holdfast.detect.tables import (
    Answered,
    Column,
    Extent,
    LabelTable,
    Repeated,
    RepeatedLabels,
    Source,
    Table,
)
from holdfast.prepare.systems import DateOrder


class Engine(Protocol):
    """Counts predictions where they lie; only counts come back."""

    def take(self, source: Source) -> tuple[Source, list[Column]]:
        """The source as it is read from now on, and its columns. Raises LogError naming the file that cannot
        be read."""
        ...

    def names(self, source: Source) -> list[str]:
        """The names of its columns, without taking it in. Raises LogError."""
        ...

    def spelled(self, source: Source, column: Column) -> Column:
        """A column of text as numbers or truth values, when every value of it reads as one."""
        ...

    def perhaps_missing(self, table: Table, columns: Sequence[str]) -> Mapping[str, str]:
        """Columns of text that hold a word which often means that there is no value, with that word."""
        ...

    def locate(self, source: Source, column: str, value: str) -> str:
        """Where a value of a column stands, as far as the format tells: file and line."""
        ...

    def date_orders(self, source: Source, column: Column) -> tuple[list[DateOrder], str | None]:
        """The orders in which all dates of a column of text can be read, and a date that does not begin with
        its year."""
        ...

    def without_offset(self, source: Source, column: Column) -> int:
        """How many times of a column say nothing of a zone, so that somebody has to know where their clock
        stands."""
        ...

    def extent(self, table: Table, as_of: datetime | None = None) -> Extent:
        """Rows, first and last time, times that cannot be read or lie far off, range of the scores."""
        ...

    def pauses(self, table: Table, longest: timedelta) -> list[tuple[datetime, datetime]]:
        """From which row to which next one of the table, of whatever period, more time than this passed."""
        ...

    def repeated(self, source: Source, id_: Column) -> Repeated:
        """Ids that stand in several rows."""
        ...

    def repeated_labels(self, labels: LabelTable) -> RepeatedLabels:
        """Ids with several labels, and labels that nobody knows when they arrived."""
        ...

    def matched(self, table: Table, labels: LabelTable) -> tuple[int, str | None]:
        """How many labels belong to a prediction of the table, and an id of the table."""
        ...

    def classes(self, table: Table) -> tuple[list[Answered], list[Answered]]:
        """The values that predictions and that labels have, most frequent first, whether they are classes or
        not."""
        ...

    def distinct(self, table: Table, columns: Sequence[str]) -> int:
        """About how many combinations of values the columns have."""
        ...

    def quantiles(self, table: Table, columns: Sequence[str], parts: int) -> Mapping[str, list[float]]:
        """Values that cut each column into so many parts of equal mass: parts + 1 values from smallest to
        largest, each one that occurs; empty when the column has no finite value."""
        ...

    def values(self, table: Table, column: str, most: int) -> list[str]:
        """The values of a column as text, most frequent first, at most `most`."""
        ...

    def ends(self, table: Table, column: str) -> tuple[float, float] | None:
        """The smallest and the largest finite value of a column; None when there is none."""
        ...

    def centres(self, table: Table, columns: Sequence[str]) -> Mapping[str, float]:
        """The mean of each column's finite values; 0 when there are none."""
        ...

    def count(
        self,
        table: Table,
        scan: Scan,
        since: datetime | None = None,
        as_of: datetime | None = None,
        step: timedelta = timedelta(days=1),
    ) -> list[Cell]:
        """The cells of a scan.

        Predictions before `since` are left out, as are predictions made and labels known after `as_of`.
        Labels are kept apart by the period of length `step` in which they became known.
        """
        ...

    def copy(self, table: Table, target: Path) -> int:
        """Write the table's rows of its period to a Parquet file, in order of time; how many."""
        ...

    def copy_labels(self, table: Table, as_of: datetime, target: Path) -> int:
        """Write the labels of the period's predictions that were known at `as_of`; how many."""
        ...

    def affected(
        self, table: Table, where: Mapping[str, str], marks: Sequence[Mark], by: Sequence[str]
    ) -> list[Answer]:
        """Rows of the period that are of the segment `where`, those among them that a mark touches, and the
        people in either: for everybody first, then for each value of each column of `by`.

        Values compare exactly, never by way of a floating number: 12 and 12.0 are one number, two numbers of
        18 digits are two. Raises LogError for a value that the column cannot hold.
        """
        ...

    def ranks(self, table: Table, scan: Scan, windows: Mapping[Window, datetime | None]) -> list[Cell]:
        """The cells of `items.RANKS` for the windows, with the labels known at its moment (all: None)."""
        ...
