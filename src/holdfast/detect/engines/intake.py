"""Taking CSV in: once for each opening, as text, and then with the types that *all* of its values have.

One idea: a type guessed from the first rows is wrong at the first row that differs. Every value is looked at,
every value keeps its text beside its type, and what does not fit is kept to be named, not dropped.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from holdfast.detect.engines.columns import literal, portions, quoted, without_words
from holdfast.detect.tables import FALSE, PERHAPS_MISSING, TRUE, Column, Kind, Odd, Source
from holdfast.prepare.systems import Missing

Ask = Callable[[str], list[tuple[Any, ...]]]
NEARLY_ALL = 0.9
"""From this share of its values on, a kind is what a column means to be, and the others are odd."""
DATE = "^[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([T ].*)?$"
DELIMITERS, LONGEST_LINE = ",;\t|", 4 * 1024 * 1024
NAMED = "^0[0-9]+$|^[0-9]+_[0-9_]*$|^0[xX]"
"""Numbers that are names: 007, 1_000, 0x1F."""
ROWS_TOGETHER, VALUES_TOGETHER = 122_880, 5_000_000
"""Rows of one group of a file, and values in it at most: they are held until it is written."""


def words_for(missing: Missing | None, column: str) -> tuple[str, ...]:
    """The words that mean in a column that there is no value."""
    if isinstance(missing, dict):
        return missing.get(column, ())
    return missing or ()


def is_said(missing: Missing | None, column: str) -> bool:
    """Whether anybody has said which words mean in a column that there is no value."""
    return column in missing if isinstance(missing, dict) else missing is not None


def take_in(ask: Ask, reading: str, source: Source, folder: Path) -> tuple[Source, list[Column]]:
    """Copy what `reading` reads, a CSV as text, into typed files of the engine's own in `folder`."""
    name = f"taken-{len(list(folder.glob('taken-*')))}"
    written, typed = folder / f"{name}-written.parquet", folder / f"{name}.parquet"
    names = [name for name, *_ in ask(f"DESCRIBE SELECT * FROM {reading}")]
    group = max(2048, min(ROWS_TOGETHER, VALUES_TOGETHER // len(names)))
    how = f"(FORMAT parquet, ROW_GROUP_SIZE {group})"
    ask(f"COPY (SELECT * FROM {reading}) TO {literal(str(written))} {how}")
    rows = f"read_parquet({literal(str(written))})"
    looked = _looks(ask, rows, [_Text(name, source.missing) for name in names])
    columns = [_column(look) for look in looked]
    typed_values = ", ".join(
        f"{_typed(look.text, column)} AS {quoted(column.name)}"
        for look, column in zip(looked, columns, strict=True)
    )
    ask(f"COPY (SELECT {typed_values} FROM {rows}) TO {literal(str(typed))} {how}")
    taken = Source((typed,), "parquet", source.missing, source, written)
    return taken, columns


def locate(source: Source, column: str, value: str) -> tuple[Path, int] | None:
    """File and line of the first row that has exactly this value; None when it is there no more."""
    for file in source.files:
        with _text(file) as lines:
            reader = csv.DictReader(lines, delimiter=delimiter(Source((file,), "csv")) or ",")
            for row in reader:
                if (row.get(column) or "").strip() == value:
                    return file, reader.line_num
    return None


def delimiter(source: Source) -> str | None:
    """The sign between the names of the first line, where all files have the same. Taken from all lines it
    would be another as soon as one line has a field too many."""
    found = set()
    for file in source.files:
        try:
            with _text(file) as lines:
                names = lines.readline(LONGEST_LINE)
        except (OSError, EOFError):
            return None
        found.add(max(DELIMITERS, key=names.count))
    return found.pop() if len(found) == 1 else None


def _text(file: Path) -> Any:
    opens: Any = gzip.open if file.name.lower().endswith(".gz") else open
    return opens(file, "rt", encoding="utf-8-sig", errors="replace", newline="")


@dataclass(frozen=True, slots=True)
class _Text:
    """A column as text, and as SQL: NULL for nothing, for blanks, and for the words that mean that."""

    name: str
    missing: Missing | None

    @property
    def sql(self) -> str:
        text = f"nullif(trim({quoted(self.name)}), '')"
        return without_words(text, words_for(self.missing, self.name))


@dataclass(frozen=True, slots=True)
class _Look:
    """What all values of a column are."""

    text: _Text
    values: int
    numbers: int
    truths: int
    words: int
    """Values that may mean that there is none."""
    whole: int = 0
    longest: int = 0
    named: int = 0
    """Numbers that are names."""
    dates: int = 0
    odd: Odd | None = None
    perhaps: str = ""

    @property
    def kind(self) -> Kind:
        """What nearly all values are, or all but those that may mean that there is none."""
        if not self.values:
            return Kind.EMPTY
        if self.named and self.numbers == self.values:
            return Kind.TEXT
        of = {Kind.NUMBER: self.numbers, Kind.TRUTH: self.truths, Kind.TIME: self.dates}
        kind = max(of, key=lambda kind: of[kind])
        most = of[kind]
        fits = most + self.words >= self.values or most >= NEARLY_ALL * self.values
        return kind if most and fits and not self.named else Kind.TEXT

    @property
    def of_kind(self) -> int:
        found = {Kind.NUMBER: self.numbers, Kind.TRUTH: self.truths, Kind.TIME: self.dates}
        return found.get(self.kind, self.values)


def _looks(ask: Ask, rows: str, texts: Sequence[_Text]) -> list[_Look]:
    first = [look for part in portions(texts, 25) for look in _first_look(ask, rows, part)]
    second = [look for part in portions(first, 25) for look in _second_look(ask, rows, part)]
    return [_with_examples(ask, rows, look) for look in second]


def spelled(ask: Ask, rows: str, column: Column, missing: Missing | None) -> Column:
    """A column of text as numbers or truth values, when every value of it reads as one."""
    (look,) = _looks(ask, rows, [_Text(column.name, missing)])
    read = _column(look)
    if read.kind in (Kind.NUMBER, Kind.TRUTH) and read.odd is None:
        return replace(column, type=read.type, kind=read.kind, spelled=True)
    return column


def _first_look(ask: Ask, rows: str, texts: Sequence[_Text]) -> list[_Look]:
    truths, perhaps = _listed((*TRUE, *FALSE)), _listed(PERHAPS_MISSING)
    asked, named = [], []
    for place, text in enumerate(texts):
        x = f"x{place}"
        named.append(f"{text.sql} AS {x}")
        number = f"TRY_CAST({x} AS DOUBLE)"
        asked += [
            f"count({x})",
            f"count({number})",
            f"count_if(lower({x}) IN {truths})",
            f"count_if({number} IS NULL AND lower({x}) IN {perhaps})",
        ]
    ((*found,),) = ask(f"SELECT {', '.join(asked)} FROM (SELECT {', '.join(named)} FROM {rows})")
    return [_Look(text, *found[4 * place : 4 * place + 4]) for place, text in enumerate(texts)]


def _second_look(ask: Ask, rows: str, looks: Sequence[_Look]) -> list[_Look]:
    """What depends on the first: whole numbers among numbers, dates among words."""
    asked, named = [], []
    for place, look in enumerate(looks):
        x = f"x{place}"
        named.append(f"{look.text.sql} AS {x}")
        numbers = [
            f"count_if(regexp_full_match({x}, '[+-]?[0-9]+'))",
            f"coalesce(max(length({x})) FILTER (TRY_CAST({x} AS DOUBLE) IS NOT NULL), 0)",
            f"count_if(regexp_matches({x}, '{NAMED}'))",
        ]
        asked += numbers if look.numbers else ["count(NULL)"] * 3
        asked.append(
            f"count_if(regexp_matches({x}, '{DATE}'))" if look.numbers < look.values else "count(NULL)"
        )
    ((*found,),) = ask(f"SELECT {', '.join(asked)} FROM (SELECT {', '.join(named)} FROM {rows})")
    seen = [found[4 * at : 4 * at + 4] for at in range(len(looks))]
    return [
        replace(look, whole=whole, longest=longest, named=named_, dates=dates)
        for look, (whole, longest, named_, dates) in zip(looks, seen, strict=True)
    ]


def _with_examples(ask: Ask, rows: str, look: _Look) -> _Look:
    """One of the values that are unlike the others, and one that may mean that there is none."""
    x = look.text.sql
    unlike = {
        Kind.NUMBER: f"TRY_CAST({x} AS DOUBLE) IS NULL",
        Kind.TRUTH: f"lower({x}) NOT IN {_listed((*TRUE, *FALSE))}",
        Kind.TIME: f"NOT regexp_matches({x}, '{DATE}')",
    }
    if look.of_kind < look.values:
        ((value,),) = ask(f"SELECT min({x}) FROM {rows} WHERE {unlike[look.kind]}")
        return replace(look, odd=Odd(value, look.values - look.of_kind, look.values))
    if look.kind is Kind.TEXT and look.words and not is_said(look.text.missing, look.text.name):
        ((word,),) = ask(f"SELECT min({x}) FROM {rows} WHERE lower({x}) IN {_listed(PERHAPS_MISSING)}")
        return replace(look, perhaps=word or "")
    return look


def _column(look: _Look) -> Column:
    name, kind = look.text.name, look.kind
    if look.odd is not None:
        return Column(name, "VARCHAR", kind, odd=look.odd)
    if kind is Kind.NUMBER:
        if look.whole < look.values:
            return Column(name, "DOUBLE", kind)
        if look.longest > 38:
            return Column(name, "VARCHAR", Kind.TEXT)
        return Column(name, "BIGINT" if look.longest <= 18 else "DECIMAL(38,0)", kind)
    return Column(name, "BOOLEAN" if kind is Kind.TRUTH else "VARCHAR", kind, perhaps=look.perhaps)


def _typed(text: _Text, column: Column) -> str:
    if column.type == "BOOLEAN":
        return f"lower({text.sql}) IN {_listed(TRUE)}"
    return text.sql if column.type == "VARCHAR" else f"TRY_CAST({text.sql} AS {column.type})"


def _listed(words: Sequence[str]) -> str:
    return f"({', '.join(literal(word) for word in words)})"
