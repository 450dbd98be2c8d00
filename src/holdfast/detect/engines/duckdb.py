"""The built-in engine: DuckDB reads Parquet in place, a CSV from its own copy, and counts in one wide pass.

What was measured and shapes this file: `count_if` columns in one GROUP BY are far cheaper than FILTER or
a GROUP BY per feature; above some forty edges the `histogram` aggregate, a binary search per row, wins.
Identifiers come from files: they enter SQL through `quoted`, texts and paths through `literal`, numbers
through `number`; nothing else is ever put into a query.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from holdfast import scratch
from holdfast.detect.cells import MISSING_GROUP, ORIGIN, WHOLE, Cell, Window, on_the_wall, window_at
from holdfast.detect.engines import columns as how
from holdfast.detect.engines import intake, written
from holdfast.detect.engines.columns import MICROSECOND, finite, literal, micros, number, quoted
from holdfast.detect.marks import Answer, Mark, Tally, Test
from holdfast.detect.plan import Scan
from holdfast.detect.tables import (
    FAR,
    PERHAPS_MISSING,
    Answered,
    Column,
    Extent,
    Kind,
    LabelTable,
    LogError,
    Repeated,
    RepeatedLabels,
    Source,
    Stretch,
    Table,
)
from holdfast.metrics import items
from holdfast.metrics.items import Counts, Item
from holdfast.prepare.systems import DateOrder, Rows

FOREVER = datetime.max.replace(tzinfo=UTC)
WIDE = 40
"""Up to so many edges a histogram is counted by `count_if` columns."""
DAY = timedelta(days=1) // MICROSECOND
AHEAD = DAY
"""In microseconds, how far the clock that writes a log may be ahead."""
SAMPLE = 250_000
"""Rows from which edges are taken, about; of anything larger the same sample by id each time."""
MOST_COLUMNS, MOST_ASKED = 50, 1000
"""Columns and aggregates of one query at most: more run out of memory, many more kill the process."""
MOST_CLASSES = 1000
"""Values of predictions and of labels that are looked at, the most frequent."""
AT_ONCE = 1_000_000
"""Values held at once when quantiles are taken, 8 bytes each."""


def moment(micro: int) -> datetime:
    return ORIGIN + timedelta(microseconds=micro)


class _TooMuch(LogError):
    """A query needs more memory than the engine may use; a smaller one may not."""


class DuckDB:
    """One private in-memory database; close it, or use it as a context manager."""

    def __init__(self, memory: str = "256MB", threads: int | None = None) -> None:
        """`memory` bounds what DuckDB holds before it spills to a private temporary folder."""
        self._spill = scratch.Scratch(scratch.LOG)
        self._sources: dict[Source, None] = {}
        """What was opened: among it is the file that fails later."""
        self._config: dict[str, Any] = {
            "memory_limit": memory,
            "threads": threads or min(4, os.cpu_count() or 1),
            "temp_directory": str(self._spill.path),
            "preserve_insertion_order": False,
            # Nothing is ever fetched from a network.
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        self._connection = self._connect()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config=self._config)
        connection.execute("SET TimeZone = 'UTC'")
        return connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()
        self._spill.close()

    # What lies there

    def take(self, source: Source) -> tuple[Source, list[Column]]:
        self._sources.pop(source, None)
        self._sources[source] = None
        if source.format == "csv":
            taken, columns = intake.take_in(self._ask, _read(source), source, self._spill.path)
            return taken, self._with_gone(source, columns)
        found = self._ask(f"DESCRIBE SELECT * FROM {_read(source)}")
        columns = [
            Column(name, type_, how.kind_of(type_), intake.words_for(source.missing, name))
            for name, type_, *_ in found
        ]
        return source, self._with_gone(source, columns)

    def names(self, source: Source) -> list[str]:
        return [name for name, *_ in self._ask(f"DESCRIBE SELECT * FROM {_read(source)}")]

    def _with_gone(self, source: Source, columns: list[Column]) -> list[Column]:
        """Columns that the newest file, by its name, no longer has."""
        if len(source.files) == 1:
            return columns
        newest = Source(source.files[-1:], source.format)
        there = {name.lower() for name, *_ in self._ask(f"DESCRIBE SELECT * FROM {_read(newest)}")}
        return [
            column if column.name.lower() in there else replace(column, gone=str(newest))
            for column in columns
        ]

    def spelled(self, source: Source, column: Column) -> Column:
        return intake.spelled(self._ask, _read(source), column, source.missing)

    def perhaps_missing(self, table: Table, columns: Sequence[str]) -> Mapping[str, str]:
        (count,) = self._one(f"SELECT count(*) FROM {_read(table.source)}")
        where, _ = _sample(table, count)
        words = ", ".join(literal(word) for word in PERHAPS_MISSING)
        found: dict[str, str] = {}
        for part in how.portions(columns, MOST_COLUMNS):
            asked = ", ".join(
                f"min(CASE WHEN lower({quoted(name)}) IN ({words}) THEN {quoted(name)} END)" for name in part
            )
            answers = self._one(
                f"SELECT {asked} FROM {_read(table.source)}{f' WHERE {where}' if where else ''}"
            )
            found |= {name: word for name, word in zip(part, answers, strict=True) if word is not None}
        return found

    def locate(self, source: Source, column: str, value: str) -> str:
        found = intake.locate(source.origin, column, value) if source.origin else None
        return f"{found[0]}, line {found[1]:,}" if found else str(source)

    def date_orders(self, source: Source, column: Column) -> tuple[list[DateOrder], str | None]:
        raw = how.value(column, quoted(column.name))
        (doubtful,) = self._one(
            f"SELECT min({raw}) FROM {_read(source)} WHERE NOT {how.is_year_first(raw)} AND {raw} IS NOT NULL"
        )
        if doubtful is None:
            return [DateOrder.YEAR_FIRST], None
        orders = list(DateOrder)
        reads = [how.time(replace(column, dates=order, zone="UTC"), raw) for order in orders]
        named = ", ".join(f"{read} AS o{place}" for place, read in enumerate(reads))
        ways = [f"o{place}" for place in range(len(orders))]
        some = f"coalesce({', '.join(ways)}) IS NOT NULL AND NOT {how.is_year_first('x')}"
        asked = ", ".join(f"count_if({some} AND {way} IS NULL)" for way in ways)
        example = f"min(CASE WHEN {some} THEN x END)"
        *counts, shown_ = self._one(
            f"SELECT {asked}, {example} FROM (SELECT {raw} AS x, {named} FROM {_read(source)})"
        )
        if shown_ is None:  # what is no date is no date in any order
            return [DateOrder.YEAR_FIRST], None
        return [order for order, unread in zip(orders, counts, strict=True) if not unread], shown_

    def without_offset(self, source: Source, column: Column) -> int:
        raw = how.value(column, quoted(column.name))
        asked = f"count_if({raw} IS NOT NULL AND {how.without_offset(column, raw)})"
        return int(self._one(f"SELECT {asked} FROM {_read(source)}")[0] or 0)

    def extent(self, table: Table, as_of: datetime | None = None) -> Extent:
        time, read = _moment_of(table), _read(table.source)
        raw = quoted(table.roles.time)
        score = "CAST(NULL AS DOUBLE)"
        if table.roles.score:
            score = how.value(table.column(table.roles.score), quoted(table.roles.score))
        now = micros(as_of or FOREVER)
        inside = f"(t IS NULL OR t >= {micros(table.since)})" if table.since else "true"
        rows, first, last, without, example, low, high, left_out, ahead = self._one(
            f"SELECT count_if({inside}), min(t) FILTER ({inside}), max(t) FILTER ({inside} AND t <= {now}), "
            f"count_if(t IS NULL), min(CASE WHEN t IS NULL THEN CAST(v AS VARCHAR) END), min(s), max(s), "
            f"count_if(NOT {inside}), count_if(t > {min(now + AHEAD, micros(FOREVER))}) "
            f"FROM (SELECT {time} AS t, {raw} AS v, {score} AS s FROM {read})"
        )
        first_ = None if first is None else moment(first)
        return Extent(
            rows or 0,
            first_,
            first_ if last is None else moment(last),
            without or 0,
            example,
            None if low is None else (float(low), float(high)),
            left_out or 0,
            ahead or 0,
            self._stretches(time, read, table.since),
        )

    def _stretches(self, time: str, read: str, since: datetime | None) -> tuple[Stretch, ...]:
        """The days with rows, cut where the log is silent for too long."""
        begin = f" WHERE t >= {micros(since)}" if since else ""
        found = self._ask(
            f"WITH days AS (SELECT t // {DAY} AS d, count(*) AS n FROM (SELECT {time} AS t FROM {read})"
            f"{begin} GROUP BY 1 HAVING d IS NOT NULL), "
            f"cut AS (SELECT d, n, (d - lag(d, 1, d) OVER (ORDER BY d) > {FAR.days})::INT AS far FROM days), "
            f"part AS (SELECT d, n, sum(far) OVER (ORDER BY d) AS p FROM cut) "
            f"SELECT min(d), max(d), sum(n) FROM part GROUP BY p ORDER BY 1"
        )
        return tuple(
            Stretch(moment(first * DAY).date(), moment(last * DAY).date(), int(rows))
            for first, last, rows in found
        )

    def pauses(self, table: Table, longest: timedelta) -> list[tuple[datetime, datetime]]:
        begin = f" AND t >= {micros(table.since)}" if table.since else ""
        found = self._ask(
            f"SELECT before, t FROM (SELECT t, lag(t) OVER (ORDER BY t) AS before FROM "
            f"(SELECT DISTINCT {_moment_of(table)} AS t FROM {_read(table.source)}) "
            f"WHERE t IS NOT NULL{begin}) WHERE t - before > {longest // timedelta(microseconds=1)}"
            " ORDER BY t"
        )
        return [(moment(before), moment(after)) for before, after in found]

    def repeated(self, source: Source, id_: Column) -> Repeated:
        own = how.value(id_, quoted(id_.name))
        ids, rows, example = self._one(
            f"SELECT count(*), coalesce(sum(n), 0), min(CAST(i AS VARCHAR)) FROM (SELECT {own} AS i, "
            f"count(*) AS n FROM {_read(source)} GROUP BY 1 HAVING count(*) > 1 AND i IS NOT NULL)"
        )
        (without,) = self._one(f"SELECT count_if({own} IS NULL) FROM {_read(source)}")
        return Repeated(ids, int(rows), example, without)

    def repeated_labels(self, labels: LabelTable) -> RepeatedLabels:
        id_ = how.value(labels.id, quoted(labels.id.name))
        label = how.exact(labels.label, how.class_of(labels.label, quoted(labels.label.name)))
        arrived, raw = "CAST(0 AS BIGINT)", "CAST(NULL AS VARCHAR)"
        if labels.arrived is not None:
            raw = how.value(labels.arrived, quoted(labels.arrived.name))
            arrived = how.time(labels.arrived, raw)
        known = (
            f"(SELECT {id_} AS i, {label} AS y, {arrived} AS a, CAST({raw} AS VARCHAR) AS r "
            f"FROM {_read(labels.source)} WHERE {label} IS NOT NULL AND {id_} IS NOT NULL)"
        )
        many, an_id, undated, unreadable, unread = self._one(
            f"SELECT count(*), min(CAST(i AS VARCHAR)), count_if(a IS NULL AND r IS NULL), "
            f"count_if(a IS NULL AND r IS NOT NULL), min(CASE WHEN a IS NULL THEN r END) FROM {known}"
        )
        ids, conflicts, example = self._one(
            f"SELECT count(*), count_if(differ), min(CASE WHEN differ THEN CAST(i AS VARCHAR) END) FROM ("
            f"SELECT i, count(DISTINCT (a, y)) > count(DISTINCT a) AND count(DISTINCT y) > 1 AS differ "
            f"FROM {known} WHERE a IS NOT NULL GROUP BY i HAVING count(*) > 1)"
        )
        return RepeatedLabels(many, an_id, ids, conflicts, example, undated, unreadable, unread)

    def matched(self, table: Table, labels: LabelTable) -> tuple[int, str | None]:
        own = table.column(table.roles.id)
        theirs = how.value(labels.id, f"l.{quoted(labels.id.name)}")
        label = how.class_of(labels.label, f"l.{quoted(labels.label.name)}")
        (count,) = self._one(
            f"SELECT count(*) FROM {_read(labels.source)} AS l SEMI JOIN {_read(table.source)} AS p "
            f"ON {_Rows(table).match(labels)} WHERE {label} IS NOT NULL AND {theirs} IS NOT NULL"
        )
        (example,) = self._one(
            f"SELECT min(CAST({how.value(own, quoted(own.name))} AS VARCHAR)) FROM {_read(table.source)}"
        )
        return count, example

    def classes(self, table: Table) -> tuple[list[Answered], list[Answered]]:
        within = _within(table, _moment_of(table)) if table.since or table.until else "true"
        prediction = table.columns.get(table.roles.prediction or "")
        source, own = (table.labels.source, "true") if table.labels else (table.source, within)
        return (
            self._classes(table.source, prediction, within),
            self._classes(source, table.label_column, own),
        )

    def _classes(self, source: Source, column: Column | None, where: str) -> list[Answered]:
        if column is None or column.kind is Kind.EMPTY:
            return []
        column = replace(column, classes=())
        value = how.class_of(column, quoted(column.name))
        found = self._ask(
            f"SELECT {how.comparable(column, value)}, min({how.exact(column, value)}), count(*) "
            f"FROM {_read(source)} WHERE {value} IS NOT NULL AND {where} "
            f"GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT {MOST_CLASSES}"
        )
        return [Answered(*row) for row in found]

    def distinct(self, table: Table, columns: Sequence[str]) -> int:
        names = ", ".join(quoted(table.column(name).name) for name in columns)
        (found,) = self._one(f"SELECT approx_count_distinct(({names})) FROM {_read(table.source)}")
        return int(found)

    def quantiles(self, table: Table, columns: Sequence[str], parts: int) -> Mapping[str, list[float]]:
        shares = ", ".join(number(part / parts) for part in range(parts + 1))
        (count,) = self._one(f"SELECT count(*) FROM {_read(table.source)}")
        where, kept = _sample(table, count)
        found: dict[str, list[float]] = {}
        for batch in how.portions(columns, min(max(AT_ONCE // max(kept, 1), 1), MOST_COLUMNS)):
            rows = _Rows(table)
            asked = ", ".join(f"quantile_disc({finite(rows.number(name))}, [{shares}])" for name in batch)
            answers = self._one(f"SELECT {asked} FROM {rows.sql(where=where)}")
            found |= {name: answer or [] for name, answer in zip(batch, answers, strict=True)}
        return found

    def values(self, table: Table, column: str, most: int) -> list[str]:
        rows = _Rows(table)
        name = rows.text(column)
        found = self._ask(
            f"SELECT {name}, count(*) AS n FROM {rows.sql()} WHERE {name} IS NOT NULL "
            f"GROUP BY 1 ORDER BY n DESC, 1 LIMIT {int(most)}"
        )
        return [value for value, _ in found]

    def ends(self, table: Table, column: str) -> tuple[float, float] | None:
        rows = _Rows(table)
        x = finite(rows.number(column))
        low, high = self._one(f"SELECT min({x}), max({x}) FROM {rows.sql()}")
        return None if low is None else (float(low), float(high))

    def centres(self, table: Table, columns: Sequence[str]) -> Mapping[str, float]:
        found: dict[str, float] = {}
        for part in how.portions(columns, MOST_COLUMNS):
            rows = _Rows(table)
            asked = ", ".join(f"avg({finite(rows.number(name))})" for name in part)
            answers = self._one(f"SELECT {asked} FROM {rows.sql()}")
            found |= {name: float(answer or 0.0) for name, answer in zip(part, answers, strict=True)}
        return found

    # Counting

    def count(
        self,
        table: Table,
        scan: Scan,
        since: datetime | None = None,
        as_of: datetime | None = None,
        step: timedelta = timedelta(days=1),
    ) -> list[Cell]:
        cells: list[Cell] = []
        parts = _parts(scan.items)
        while parts:
            part = parts.pop()
            try:
                cells += self._count(table, scan, part, since, as_of, step)
            except _TooMuch:
                if len(part) == 1:
                    raise
                parts += [part[: len(part) // 2], part[len(part) // 2 :]]
        return cells

    def _count(
        self,
        table: Table,
        scan: Scan,
        items: Sequence[Item],
        since: datetime | None,
        as_of: datetime | None,
        step: timedelta,
    ) -> list[Cell]:
        rows = _Rows(table, since, as_of)
        counts = [_count(item, rows) for item in items]
        keys = ["w", *(rows.group(name) for name in scan.group_by)]
        keys.append(rows.known_by(step) if scan.labelled else "CAST(NULL AS BIGINT)")
        # Windows of rows are known by their first and last time, others by their number.
        span = [
            f"{end}({rows.time()})" if isinstance(scan.window, Rows) else "NULL" for end in ("min", "max")
        ]
        places = ", ".join(str(place + 1) for place in range(len(keys)))
        asks = [ask for count in counts for ask in count.asks]
        found = self._ask(
            f"SELECT {', '.join([*keys, *span, *asks])} FROM {rows.sql(scan.window)} GROUP BY {places}"
        )
        return _cells(scan, counts, found, step, as_of or FOREVER, table.zone)

    def ranks(self, table: Table, scan: Scan, windows: Mapping[Window, datetime | None]) -> list[Cell]:
        if not windows:
            return []
        by_index = {window.index: window for window in windows}
        cuts = ", ".join(f"({window.index}, {micros(at or FOREVER)})" for window, at in windows.items())
        rows = _Rows(table)
        score, positive, arrived = rows.score(), rows.label_positive(), rows.arrived()
        groups = [rows.group(name) for name in scan.group_by]
        names = ["w", *(f"g{place}" for place in range(len(groups)))]
        keys = ["r.w AS w", *(f"{group} AS {name}" for group, name in zip(groups, names[1:], strict=True))]
        parts = ", ".join(names)
        found = self._ask(
            f"WITH cuts(w, cut) AS (VALUES {cuts}), "
            f"scored AS (SELECT {', '.join(keys)}, {score} AS s, CAST(count_if({positive}) AS DOUBLE) AS p, "
            f"CAST(count_if(NOT {positive}) AS DOUBLE) AS n "
            f"FROM {rows.sql(scan.window)} JOIN cuts ON r.w = cuts.w "
            f"WHERE {positive} IS NOT NULL AND {score} IS NOT NULL AND {arrived} <= cuts.cut GROUP BY ALL), "
            f"ranked AS (SELECT {parts}, p, n, sum(n) OVER up - n / 2 AS below, "
            f"sum(p) OVER (PARTITION BY {parts}) - sum(p) OVER up + p / 2 AS above FROM scored "
            f"WINDOW up AS (PARTITION BY {parts} ORDER BY s)) "
            f"SELECT {parts}, sum(p), sum(n), sum(p * below), sum(p * below * below), sum(n * above * above) "
            f"FROM ranked GROUP BY {parts}"
        )
        return [
            Cell(scan.id, items.RANKS.id, by_index[row[0]], tuple(row[1:-5]), None, tuple(row[-5:]))
            for row in found
        ]

    # What is kept as evidence, and who was affected

    def copy(self, table: Table, target: Path) -> int:
        rows, place = f"SELECT * FROM {_written(table)}", quoted(table.roles.time)
        time = _moment_of(table)
        query = f"{rows} WHERE {_within(table, time)} ORDER BY {place}, {quoted(table.roles.id)}"
        return self._copied(query, target)

    def copy_labels(self, table: Table, as_of: datetime, target: Path) -> int:
        labels = table.labels
        assert labels is not None
        time = _moment_of(table, "p.")
        known = "true"
        if labels.arrived is not None:
            known = f"{how.time(labels.arrived, f'l.{quoted(labels.arrived.name)}')} <= {micros(as_of)}"
        query = (
            f"SELECT l.* FROM {_read(labels.source)} AS l JOIN {_read(table.source)} AS p "
            f"ON {_Rows(table).match(labels)} WHERE {_within(table, time)} AND {known} "
            f"ORDER BY l.{quoted(labels.id.name)}"
        )
        return self._copied(query, target)

    def _copied(self, query: str, target: Path) -> int:
        (count,) = self._one(f"COPY ({query}) TO {literal(str(target))} (FORMAT parquet)")
        return int(count)

    def affected(
        self, table: Table, where: Mapping[str, str], marks: Sequence[Mark], by: Sequence[str]
    ) -> list[Answer]:
        rows = _Rows(table)
        exposed = rows.of_group(where)
        affected = f"{exposed} AND ({' OR '.join(rows.marked(mark) for mark in marks) or 'false'})"
        subject = rows.subject() if table.roles.subject else None
        asks = ["count(*)", *_tally(exposed, subject), *_tally(affected, subject)]
        groups = [rows.group(name) for name in by]
        sets = ", ".join(["()", *(f"({group})" for group in groups)])
        found = self._ask(
            f"SELECT {', '.join([*groups, *asks])} FROM {rows.sql()} GROUP BY GROUPING SETS ({sets})"
        )
        answers = [_answer(by, row, bool(marks)) for row in found]
        return sorted(answers, key=lambda answer: bool(answer.group))

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        """Raises LogError, whatever goes wrong and however late: a file may be damaged behind its first
        page, or be gone by now."""
        try:
            return self._connection.execute(query).fetchall()
        except duckdb.Error as error:
            raise self._blamed(error) from error

    def _blamed(self, error: duckdb.Error) -> LogError:
        """The error as the first file that cannot be read on its own."""
        if isinstance(error, duckdb.OutOfMemoryException):
            bound = self._config["memory_limit"]
            return _TooMuch(f"counting takes more than the {bound} it may use", "use fewer groups or bins")
        with self._connect() as fresh:  # the error may have been the end of the connection
            for source in reversed(self._sources):
                for file in source.files:
                    wrong = _wrong(fresh, Source((file,), source.format))
                    if wrong:
                        return LogError(f"{file} cannot be read ({wrong})", "replace or remove it")
                if misfit := _wrong(fresh, source, to_the_end=False):
                    cause = f"the files of {source} do not fit together ({misfit})"
                    return LogError(cause, "give their columns the same types")
        return LogError(f"the log cannot be counted ({_first_line(error)})", "look for what changed in it")

    def _one(self, query: str) -> tuple[Any, ...]:
        (row,) = self._ask(query)
        return row


def _tally(rows: str, subject: str | None) -> list[str]:
    """Questions for a `Tally` of the rows that meet a condition."""
    if subject is None:
        return [f"count_if({rows})", "NULL", "0"]
    who = f"CASE WHEN {rows} THEN {subject} END"
    return [f"count_if({rows})", f"count(DISTINCT {who})", f"count_if({rows}) - count({who})"]


def _answer(by: Sequence[str], row: Sequence[Any], marked: bool) -> Answer:
    total, *counts = row[len(by) :]
    group = {name: value for name, value in zip(by, row, strict=False) if value is not None}
    exposed, affected = _read_tally(counts[:3]), _read_tally(counts[3:])
    return Answer(group, int(total), exposed, affected if marked else None)


def _read_tally(counts: Sequence[Any]) -> Tally:
    inferences, users, unnamed = int(counts[0] or 0), counts[1], int(counts[2] or 0)
    nobody = users is None or (inferences > 0 and unnamed == inferences)
    return Tally(inferences, None if nobody else int(users), 0 if nobody else unnamed)


# Reading


def _written(table: Table) -> str:
    """The rows exactly as they were written. A CSV's times are text there as here."""
    written = table.source.written
    return f"read_parquet({literal(str(written))})" if written else _read(table.source)


def _sample(table: Table, rows: int) -> tuple[str, int]:
    """A condition that keeps about `SAMPLE` rows, the same ones each time, and how many it keeps; none for
    smaller tables."""
    every = -(-rows // SAMPLE)
    if table.roles.id not in table.columns or every <= 1:
        return "", rows
    return f"hash({quoted(table.roles.id)}) % {every} = 0", rows // every


def _moment_of(table: Table, side: str = "") -> str:
    column = table.column(table.roles.time)
    return how.time(column, how.value(column, side + quoted(column.name)))


def _within(table: Table, time: str) -> str:
    """The condition that a row lies in the table's period."""
    bounds = [f"{time} >= {micros(table.since)}"] if table.since else []
    bounds += [f"{time} < {micros(table.until)}"] if table.until else []
    return " AND ".join(bounds) or "true"


def _wrong(connection: duckdb.DuckDBPyConnection, source: Source, to_the_end: bool = True) -> str:
    """Why a source cannot be read, to its last page or as far as its columns; empty when it can."""
    if not source.files[0].exists():
        return "it is gone"
    try:
        found = connection.execute(f"DESCRIBE SELECT * FROM {_read(source)}").fetchall()
        for part in how.portions(found if to_the_end else [], MOST_COLUMNS):
            asked = ", ".join(f"bit_xor(hash({quoted(name)}))" for name, *_ in part)
            connection.execute(f"SELECT {asked} FROM {_read(source)}").fetchall()
    except duckdb.Error as error:
        return _first_line(error)
    return ""


def _place(file: Path) -> str:
    """A path that means this one file, also when its name has the signs of a pattern."""
    return literal(re.sub(r"[*?\[]", lambda sign: f"[{sign.group()}]", str(file)))


def _read(source: Source) -> str:
    files = ", ".join(_place(file) for file in source.files)
    if source.format == "parquet":
        return f"read_parquet([{files}], union_by_name = true, hive_partitioning = false)"
    # Every value as text: the types are found by looking at all of them.
    options = "all_varchar = true, header = true, skip = 0, union_by_name = true, hive_partitioning = false"
    if (sign := intake.delimiter(source)) is not None:
        options += f", delim = {literal(sign)}"
    return f"read_csv([{files}], {options})"


def _first_line(error: Exception) -> str:
    """What is wrong, without the advice of the engine; of a CSV the line, and what was expected there."""
    first, *more = str(error).splitlines()
    said = [line.strip() for line in more if line.startswith(("Expected", "Value with", "Invalid"))]
    return "; ".join([first, *said[:1]])


class _Rows:
    """The innermost query: only what is asked for, under plain names; labels joined when asked for.

    A label counts only once it is known: with a moment `as_of`, when it had arrived by then.
    """

    def __init__(self, table: Table, begin: datetime | None = None, as_of: datetime | None = None) -> None:
        """`begin` is the start of a window: rows are left out by the clock that windows are cut by."""
        self._table = table
        self._begin = begin
        self._since = table.since
        self._until = min(filter(None, (as_of, table.until)), default=None)
        self._as_of = as_of or FOREVER
        self._names: dict[str, str] = {}
        """Expression over the files → its plain name."""
        self._joined = False

    def _named(self, expression: str) -> str:
        return self._names.setdefault(expression, f"x{len(self._names)}")

    def _value(self, name: str) -> tuple[Column, str]:
        column = self._table.column(name)
        return column, how.value(column, f"p.{quoted(column.name)}")

    def number(self, name: str) -> str:
        return self._named(how.double(*self._value(name)))

    def text(self, name: str) -> str:
        """A category as text: 1 and 1.0 are one."""
        return self._named(how.exact(*self._value(name)))

    def is_missing(self, name: str) -> str:
        return self._named(f"({self._value(name)[1]} IS NULL)")

    def subject(self) -> str:
        """Whom a row is about, to the last digit; NULL where it names nobody."""
        assert self._table.roles.subject is not None
        return self._named(self._value(self._table.roles.subject)[1])

    def of_group(self, group: Mapping[str, str]) -> str:
        """The condition that a row has these values; true for everybody."""
        return " AND ".join(self._named(self._has(name, value)) for name, value in group.items()) or "true"

    def _has(self, name: str, value: str) -> str:
        column, clean = self._value(name)
        if value == MISSING_GROUP:
            spelled = f" OR {clean} = {literal(value)}" if column.kind is Kind.TEXT else ""
            return f"({clean} IS NULL{spelled})"
        return f"coalesce({written.equals(column, clean, value)}, false)"

    def marked(self, mark: Mark) -> str:
        """The condition that a mark touches a row."""
        test = self._named(self._test(mark)) if mark.test else "true"
        return f"({self.of_group(mark.group)} AND {test})"

    def _test(self, mark: Mark) -> str:
        column, clean = self._value(mark.column)
        if mark.test is Test.MISSING:
            return f"({clean} IS NULL)"
        if mark.test is Test.UNSEEN:
            known = ", ".join(literal(value) for value in mark.values)
            return f"coalesce({how.exact(column, clean)} NOT IN ({known}), false)"
        x = how.double(column, clean)
        beyond = f"({x} < {number(mark.low)} OR {x} > {number(mark.high)})"
        asked = {Test.OUTSIDE: beyond, Test.TRUE: f"{x} <> 0", Test.FALSE: f"{x} = 0"}
        return f"coalesce({asked[mark.test or Test.OUTSIDE]}, false)"

    def group(self, name: str) -> str:
        return self._named(f"coalesce({how.exact(*self._value(name))}, {literal(MISSING_GROUP)})")

    def _moment(self) -> str:
        return how.time(*self._value(self._table.roles.time))

    def _wall(self) -> str:
        return how.wall(*self._value(self._table.roles.time))

    def time(self) -> str:
        return self._named(self._moment())

    def score(self) -> str:
        assert self._table.roles.score is not None
        return self.number(self._table.roles.score)

    def _prediction(self) -> tuple[Column, str]:
        assert self._table.roles.prediction is not None
        column = self._table.column(self._table.roles.prediction)
        return column, how.class_of(column, f"p.{quoted(column.name)}")

    @property
    def predicts(self) -> bool:
        return self._table.roles.prediction is not None

    def _label(self) -> tuple[Column, str]:
        """The label where it is known, else NULL."""
        column = self._table.label_column
        assert column is not None
        self._joined = self._joined or self._table.labels is not None
        clean = how.class_of(column, f"{self._side()}.{quoted(column.name)}")
        if self._table.arrival_column is None:
            return column, clean
        return column, f"CASE WHEN {self._arrived()} <= {micros(self._as_of)} THEN {clean} END"

    def _side(self) -> str:
        return "l" if self._table.labels else "p"

    def _arrived(self) -> str:
        column = self._table.arrival_column
        if column is None:
            return "CAST(0 AS BIGINT)"
        self._joined = self._joined or self._table.labels is not None
        return how.time(column, how.value(column, f"{self._side()}.{quoted(column.name)}"))

    def arrived(self) -> str:
        """When the label became known, in microseconds; NULL when it has not, 0 when it always was."""
        return self._named(self._arrived())

    def known_by(self, step: timedelta) -> str:
        """Number of the period at whose end the label is known; NULL when it always was or is not."""
        if self._table.arrival_column is None:
            return "CAST(NULL AS BIGINT)"
        width = step // MICROSECOND
        _, label = self._label()
        return self._named(
            f"CASE WHEN {label} IS NOT NULL THEN ({self._arrived()} + {width - 1}) // {width} END"
        )

    def _positive(self, column: Column, clean: str) -> str:
        if column.kind is Kind.EMPTY:
            return self._named("CAST(NULL AS BOOLEAN)")
        positive = how.one_class(column.as_class(self._table.roles.positive))
        return self._named(f"{how.comparable(column, clean)} = {positive}")

    def prediction_positive(self) -> str:
        return self._positive(*self._prediction())

    def has_prediction(self) -> str:
        return self._named(f"{self._prediction()[1]} IS NOT NULL")

    def label_positive(self) -> str:
        return self._positive(*self._label())

    def agrees(self) -> str:
        """Whether the prediction equals the label; NULL when either is not known."""
        prediction, label = self._prediction(), self._label()
        if Kind.EMPTY in (prediction[0].kind, label[0].kind):
            return self._named("CAST(NULL AS BOOLEAN)")
        if how.is_whole(prediction[0]) and how.is_whole(label[0]):
            return self._named(f"{prediction[1]} = {label[1]}")
        return self._named(f"{how.comparable(*prediction)} = {how.comparable(*label)}")

    def sql(self, window: timedelta | Rows | None = None, where: str = "") -> str:
        """The subquery, called r, with the number of the window as w."""
        number_of_window = self._window(window)
        conditions = [f"({where})"] if where else []
        if self._begin is not None:
            conditions.append(f"{self._wall()} >= {micros(on_the_wall(self._begin, self._table.zone))}")
        if self._since is not None:
            conditions.append(f"{self._moment()} >= {micros(self._since)}")
        if self._until is not None:
            conditions.append(f"{self._moment()} < {micros(self._until)}")
        condition = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        join = ""
        if self._joined and self._table.labels:
            labels = self._table.labels
            join = f" LEFT JOIN {self._labels(labels)} AS l ON {self.match(labels)}"
        named = ", ".join(f"{expression} AS {name}" for expression, name in self._names.items()) or "1 AS x0"
        inner = f"SELECT {named} FROM {self._predictions()} AS p{join}{condition}"
        return f"(SELECT *, {number_of_window} AS w FROM ({inner})) AS r"

    def _predictions(self) -> str:
        """The log's rows; of those of one id the one that stands, among those made by now."""
        read, which = _read(self._table.source), self._table.repeated
        if which is None:
            return read
        id_ = how.value(self._table.column(self._table.roles.id), f"q.{quoted(self._table.roles.id)}")
        time = _moment_of(self._table, "q.")
        order = f"{time} {'ASC' if which == 'first' else 'DESC'}, hash(q)"
        return (
            f"(SELECT * FROM {read} AS q WHERE {time} < {micros(self._until or FOREVER)} "
            f"QUALIFY {id_} IS NULL OR row_number() OVER (PARTITION BY {id_} ORDER BY {order}) = 1)"
        )

    def _labels(self, labels: LabelTable) -> str:
        """One label for each id: the newest that had arrived, or in a replay the one that came first."""
        if not labels.repeated:
            return _read(labels.source)
        id_, label = (how.value(c, quoted(c.name)) for c in (labels.id, labels.label))
        arrived = "0"
        if labels.arrived is not None:
            arrived = how.time(labels.arrived, how.value(labels.arrived, quoted(labels.arrived.name)))
        order = "ASC" if self._as_of == FOREVER else "DESC"
        return (
            f"(SELECT * FROM {_read(labels.source)} "
            f"WHERE {label} IS NOT NULL AND {arrived} <= {micros(self._as_of)} "
            f"QUALIFY row_number() OVER (PARTITION BY {id_} ORDER BY {arrived} {order}) = 1)"
        )

    def match(self, labels: LabelTable) -> str:
        own = self._value(self._table.roles.id)
        return how.same(*own, labels.id, how.value(labels.id, f"l.{quoted(labels.id.name)}"))

    def _window(self, window: timedelta | Rows | None) -> str:
        if window is None:
            return "0"
        if isinstance(window, Rows):
            id_ = self._named(self._value(self._table.roles.id)[1])
            return f"(row_number() OVER (ORDER BY {self.time()}, {id_}) - 1) // {window.rows}"
        return f"{self._named(self._wall())} // {window // MICROSECOND}"


# Items as SQL


def _parts(items: Sequence[Item]) -> list[list[Item]]:
    """The items in portions that one query can bear."""
    parts: list[list[Item]] = [[]]
    asked = 0
    for item in items:
        asked += (own := 1 if item.size > WIDE else item.size)
        if parts[-1] and (len(parts[-1]) >= MOST_COLUMNS or asked > MOST_ASKED):
            parts.append([])
            asked = own
        parts[-1].append(item)
    return parts


@dataclass(frozen=True, slots=True)
class _Count:
    """An item's aggregate expressions, and how their answers become its counts."""

    item: Item
    asks: Sequence[str]
    counts: Callable[[Sequence[Any]], Counts]


def _plain(item: Item, *asks: str) -> _Count:
    return _Count(item, asks, tuple)


def _rest(item: Item, of: str, *asks: str) -> _Count:
    """Counts, and last what they leave over of all."""
    return _Count(item, (*asks, of), lambda found: (*found[:-1], found[-1] - sum(found[:-1])))


def _count(item: Item, rows: _Rows) -> _Count:
    match item:
        case items.Volume():
            return _plain(item, "count(*)")
        case items.Missing(column):
            return _plain(item, f"count_if({rows.is_missing(column)})")
        case items.Moments(column, centre):
            x = f"({finite(rows.number(column))}) - {number(centre)}"
            return _plain(item, f"count({x})", f"sum({x})", f"sum(({x}) * ({x}))")
        case items.Truth(column):
            x, missing = rows.number(column), rows.is_missing(column)
            return _plain(item, f"count_if({x} <> 0 AND NOT {missing})", f"count_if(NOT {missing})")
        case items.Histogram(column, edges):
            return _histogram(item, rows, column, edges)
        case items.Tails(column, low, high):
            x = rows.number(column)
            under = f"CASE WHEN {x} < {number(low)} AND isfinite({x}) THEN {number(low)} - {x} END"
            over = f"CASE WHEN {x} > {number(high)} AND isfinite({x}) THEN {x} - {number(high)} END"
            return _plain(item, f"sum({under})", f"sum({over})")
        case items.Categories(column, values):
            x = rows.text(column)
            return _categories(item, x, values)
        case items.Selected():
            return _plain(
                item, f"count_if({rows.prediction_positive()})", f"count_if({rows.has_prediction()})"
            )
        case items.ScoreBins(edges, by):
            return _score_bins(item, rows, edges, by)
        case _:
            return _labelled(item, rows)


def _labelled(item: Item, rows: _Rows) -> _Count:
    """Items that need the label; what is not known is NULL and therefore in no count but the last."""
    positive = rows.label_positive()
    match item:
        case items.LabelCounts():
            return _rest(item, "count(*)", f"count_if({positive})", f"count_if(NOT {positive})")
        case items.Correct():
            agrees = rows.agrees()
            return _rest(
                item, f"count_if({rows.has_prediction()})", f"count_if({agrees})", f"count_if(NOT {agrees})"
            )
        case items.Confusion():
            chosen = rows.prediction_positive()
            return _rest(
                item,
                f"count_if({rows.has_prediction()})",
                f"count_if({chosen} AND {positive})",
                f"count_if({chosen} AND NOT {positive})",
                f"count_if(NOT {chosen} AND {positive})",
                f"count_if(NOT {chosen} AND NOT {positive})",
            )
    raise TypeError(f"{type(item).__name__} is not counted by a scan")


def _bins(x: str, edges: Sequence[float]) -> tuple[list[str], Callable[[Sequence[Any]], list[int]]]:
    """Questions whose answers are [x ≤ first edge, then x in each bin (edge, next edge]]."""
    if len(edges) <= WIDE:
        asks = [f"count_if({x} <= {number(edge)})" for edge in edges]
        return asks, lambda found: [after - before for before, after in pairwise([0, *found])]
    bounds = ", ".join(number(edge) for edge in edges)
    ask = f"histogram({x}, [{bounds}])"
    return [ask], lambda found: [(found[0] or {}).get(edge, 0) for edge in edges]


def _histogram(item: Item, rows: _Rows, column: str, edges: Sequence[float]) -> _Count:
    asks, bins = _bins(rows.number(column), edges)

    def counts(found: Sequence[Any]) -> Counts:
        *answers, missing, all_ = found
        inside = bins(answers)
        return (*inside, all_ - missing - sum(inside), missing)

    return _Count(item, [*asks, f"count_if({rows.is_missing(column)})", "count(*)"], counts)


def _score_bins(item: Item, rows: _Rows, edges: Sequence[float], by: str) -> _Count:
    x = rows.score()
    if by == "label":
        positive, other = rows.label_positive(), f"NOT {rows.label_positive()}"
    elif rows.predicts:
        positive, other = rows.prediction_positive(), f"({rows.prediction_positive()}) IS NOT TRUE"
    else:
        positive, other = "FALSE", "TRUE"
    asks: list[str] = []
    for who in (other, positive):
        kept = f"CASE WHEN {who} THEN {x} END"
        own, bins = _bins(kept, edges)
        asks += [*own, f"count({kept})"]
    half = len(asks) // 2

    def counts(found: Sequence[Any]) -> Counts:
        result: list[int] = []
        for part in (found[:half], found[half:]):
            inside = bins(part[:-1])
            result += [*inside, part[-1] - sum(inside)]
        return tuple(result)

    return _Count(item, asks, counts)


def _categories(item: Item, x: str, values: Sequence[str]) -> _Count:
    asks = [f"count_if({x} = {literal(value)})" for value in values]

    def counts(found: Sequence[Any]) -> Counts:
        *each, present, rows = found
        return (*each, present - sum(each), rows - present)

    return _Count(item, [*asks, f"count({x})", "count(*)"], counts)


def _cells(
    scan: Scan,
    counts: Sequence[_Count],
    found: Iterable[tuple[Any, ...]],
    step: timedelta,
    as_of: datetime,
    zone: str,
) -> list[Cell]:
    groups = len(scan.group_by)
    cells = []
    for index, *row in found:
        group, known, span, answers = (
            tuple(row[:groups]),
            row[groups],
            row[groups + 1 : groups + 3],
            row[groups + 3 :],
        )
        # The period that is still running ends now: what arrived in it is known.
        known_by = None if known is None else min(ORIGIN + known * step, as_of)
        window = _window(scan.window, index, span, zone)
        for count in counts:
            # An aggregate over nothing but NULL is NULL, also where it counts: that is a 0.
            own = [answer or 0 for answer in answers[: len(count.asks)]]
            answers = answers[len(count.asks) :]
            cells.append(Cell(scan.id, count.item.id, window, group, known_by, count.counts(own)))
    return _one_span(cells) if isinstance(scan.window, Rows) else cells


def _window(window: timedelta | Rows | None, index: int, span: Sequence[int], zone: str) -> Window:
    if window is None:
        return WHOLE
    if isinstance(window, Rows):
        return Window(moment(span[0]), moment(span[1]), index)
    return window_at(index, window, zone)


def _one_span(cells: list[Cell]) -> list[Cell]:
    """Each group saw its own first and last time: give all cells of a window the whole window's."""
    spans: dict[int, Window] = {}
    for cell in cells:
        window = spans.setdefault(cell.window.index, cell.window)
        start, end = min(window.start, cell.window.start), max(window.end, cell.window.end)
        spans[cell.window.index] = Window(start, end, window.index)
    return [replace(cell, window=spans[cell.window.index]) for cell in cells]
