"""How a value is read: the one place where a query of DuckDB touches a column of a file.

One idea: nothing is counted, compared or joined on a bare column. NaN is no value, and DuckDB 2.0 folds
`isnan` and comparisons away by a file's statistics, which leave NaN out; `isfinite` and `isinf` it asks of
every row. Numbers that are names (customers, branches) are compared by their exact digits, never as doubles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from holdfast.detect.cells import ORIGIN
from holdfast.detect.tables import TRUE, Column, Kind
from holdfast.prepare.systems import DateOrder

UNIX = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_FLOATS = ("DOUBLE", "FLOAT")
_NUMBERS = ("INT", "DOUBLE", "FLOAT", "DECIMAL")


T = TypeVar("T")


def portions(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The things in order, at most so many at a time."""
    return (things[start : start + size] for start in range(0, len(things), size))


def quoted(name: str) -> str:
    """An identifier, whatever characters a file gave it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string."""
    return "'" + text.replace("'", "''") + "'"


def number(value: float) -> str:
    """A double, exactly; without an exponent DuckDB would read a decimal."""
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"


def micros(moment: datetime) -> int:
    """Microseconds since `ORIGIN`."""
    return (moment - ORIGIN) // MICROSECOND


def kind_of(type_: str) -> Kind:
    """What can be done with a column of DuckDB's type."""
    if type_.startswith(("TIMESTAMP", "DATE")):
        return Kind.TIME
    if type_ == "BOOLEAN":
        return Kind.TRUTH
    if type_ == '"NULL"':
        return Kind.EMPTY
    if type_ == "VARCHAR" or type_ == "UUID" or type_.startswith("ENUM"):
        return Kind.TEXT
    plain = "[" not in type_ and not type_.startswith(("STRUCT", "MAP", "UNION", "INTERVAL"))
    return Kind.NUMBER if plain and any(name in type_ for name in _NUMBERS) else Kind.OTHER


def value(column: Column, raw: str) -> str:
    """The column's value; NULL where there is none."""
    if column.type in _FLOATS and not column.spelled:
        raw = f"CASE WHEN isfinite({raw}) OR isinf({raw}) THEN {raw} END"
    if column.missing and (column.kind is Kind.TEXT or column.spelled):
        raw = without_words(raw, column.missing)
    elif column.missing and column.kind is Kind.NUMBER:
        raw = _without(f"{exact(column, raw)} IN ({_digits(column.missing)})", raw)
    if column.spelled and column.type == "BOOLEAN":
        words = ", ".join(literal(word) for word in TRUE)
        return f"(lower(trim({raw})) IN ({words}))"
    if not column.spelled:
        return raw
    cast = f"TRY_CAST(trim({raw}) AS {column.type})"
    return f"CASE WHEN isfinite({cast}) OR isinf({cast}) THEN {cast} END" if column.type in _FLOATS else cast


def class_of(column: Column, raw: str) -> str:
    """A prediction or a label; NULL where there is none. Infinity is no class, nor is a word beside
    the classes that were named: counted as one, it would be a negative answer that nobody gave."""
    clean = value(column, raw)
    if column.type in _FLOATS:
        clean = f"CASE WHEN isfinite({clean}) THEN {clean} END"
    if not column.classes:
        return clean
    classes = ", ".join(one_class(each) for each in column.classes)
    return f"CASE WHEN {comparable(column, clean)} IN ({classes}) THEN {clean} END"


def comparable(column: Column, clean: str) -> str:
    """A prediction or label so that equal ones are equal: numbers and truth values as numbers."""
    return double(column, clean) if column.kind in (Kind.NUMBER, Kind.TRUTH) else exact(column, clean)


def one_class(value: float | str) -> str:
    """A class, as `Column.as_class` has it, as `comparable` writes those of a column."""
    return literal(value) if isinstance(value, str) else number(value)


def without_words(text: str, words: Sequence[str]) -> str:
    """A text; NULL where it is one of the words, in any case, or the same number."""
    if not words:
        return text
    same = [f"lower(trim({text})) IN ({', '.join(literal(word.lower()) for word in words)})"]
    if digits := _digits(words):
        plain = f"CAST(TRY_CAST({text} AS DECIMAL(38, 9)) AS VARCHAR)"
        same.append(f"rtrim(rtrim({plain}, '0'), '.') IN ({digits})")
    return _without(" OR ".join(same), text)


def _without(condition: str, clean: str) -> str:
    return f"CASE WHEN ({condition}) IS NOT TRUE THEN {clean} END"


def _digits(words: Sequence[str]) -> str:
    """The words that are numbers, as `exact` writes them: to every digit, never as doubles."""
    numbers = [Decimal(word) for word in words if re.fullmatch(r"[+-]?[0-9]+([.][0-9]*)?", word)]
    return ", ".join(literal(_plain(one)) for one in numbers)


def _plain(one: Decimal) -> str:
    text = f"{one:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def double(column: Column, clean: str) -> str:
    """A value as a number; true is 1."""
    return f"CAST({f'CAST({clean} AS INTEGER)' if column.kind is Kind.TRUTH else clean} AS DOUBLE)"


def exact(column: Column, clean: str) -> str:
    """A value as text that is equal exactly when the values are: `12` for 12 and 12.0, and every digit of
    a number of any length."""
    text = f"CAST({clean} AS VARCHAR)"
    if column.type == "DOUBLE":
        whole = f"CAST(CAST({clean} AS HUGEINT) AS VARCHAR)"
        return f"CASE WHEN {clean} = trunc({clean}) AND abs({clean}) < 1e38 THEN {whole} ELSE {text} END"
    if column.type == "FLOAT":
        return f"regexp_replace({text}, '[.]0$', '')"
    if column.type.startswith("DECIMAL") and not column.type.endswith(",0)"):
        return f"rtrim(rtrim({text}, '0'), '.')"
    return text


def same(one: Column, first: str, other: Column, second: str) -> str:
    """Whether two ids are the same, however each side writes them: 17, 17.0 and "0017" beside a number; a
    UUID in any case. Two texts are the same letter by letter."""
    if one.type == other.type or (is_whole(one) and is_whole(other)):
        return f"{first} = {second}"
    return f"{_id(one, first, other)} = {_id(other, second, one)}"


def _id(column: Column, clean: str, other: Column) -> str:
    text = exact(column, clean)
    if column.kind is Kind.TEXT and other.kind is Kind.NUMBER:
        return f"regexp_replace(trim({text}), '^[+]?(-?)0*([0-9]+)(?:[.]0*)?$', '\\1\\2')"
    return f"lower(trim({text}))" if "UUID" in (column.type, other.type) else text


def is_whole(column: Column) -> bool:
    """Whether the column's type holds whole numbers only."""
    return column.type.endswith("INT") or column.type in ("INTEGER", "UINTEGER")


def finite(expression: str) -> str:
    """The number where it is one that can be added up."""
    return f"CASE WHEN isfinite({expression}) THEN {expression} END"


# Times

_DIGITS, _PART = "([0-9]{1,2})", "[-/.]"
_YEAR_FIRST = f"^\\s*([0-9]{{4}}){_PART}{_DIGITS}{_PART}{_DIGITS}"
_SHORT_YEAR_FIRST = f"^\\s*([0-9]{{2}}){_PART}{_DIGITS}{_PART}{_DIGITS}($|[T ])"
_YEAR_LAST = f"^\\s*{_DIGITS}{_PART}{_DIGITS}{_PART}([0-9]{{4}}),?"
_SHORT_YEAR_LAST = f"^\\s*{_DIGITS}{_PART}{_DIGITS}{_PART}([0-9]{{2}}),?($|[T ])"
_OFFSET = "[0-9]:[0-9]{2}.*(Z|z|UTC|GMT|[+-][0-9]{2}(:?[0-9]{2})?)\\s*$"
_TWELVE_HOURS = "['%Y-%m-%d %I:%M:%S %p', '%Y-%m-%d %I:%M %p']"


def is_year_first(clean: str) -> str:
    """Whether a date in text begins with a year of four digits, so that there is one way to read it."""
    return f"regexp_matches({clean}, '{_YEAR_FIRST}')"


def _iso(text: str, order: DateOrder) -> str:
    """A date in text as year, month and day; NULL when it is none. Two digits are a year of this century."""
    ways = [(_YEAR_FIRST, "\\1-\\2-\\3")]
    match order:
        case DateOrder.YEAR_FIRST:
            ways.append((_SHORT_YEAR_FIRST, "20\\1-\\2-\\3\\4"))
        case DateOrder.MONTH_FIRST:
            ways += [(_YEAR_LAST, "\\3-\\1-\\2"), (_SHORT_YEAR_LAST, "20\\3-\\1-\\2\\4")]
        case DateOrder.DAY_FIRST:
            ways += [(_YEAR_LAST, "\\3-\\2-\\1"), (_SHORT_YEAR_LAST, "20\\3-\\2-\\1\\4")]
    cases = [
        f"WHEN regexp_matches({text}, '{way}') THEN regexp_replace({text}, '{way}', '{iso}')"
        for way, iso in ways
    ]
    return f"CASE {' '.join(cases)} END"


def without_offset(column: Column, clean: str) -> str:
    """Whether a time says nothing of a zone."""
    if column.type.endswith("WITH TIME ZONE"):
        return "false"
    return f"NOT regexp_matches({clean}, '{_OFFSET}')" if column.type == "VARCHAR" else "true"


def _instant(column: Column, clean: str) -> str:
    """A time as the engine's; what cannot be read is NULL."""
    if column.type.endswith("WITH TIME ZONE"):
        return clean
    if column.type == "VARCHAR":
        text = _iso(clean, column.dates)
        local = f"coalesce(TRY_CAST({text} AS TIMESTAMP), try_strptime({text}, {_TWELVE_HOURS}))"
        if column.zone == "UTC":
            return f"coalesce(TRY_CAST({text} AS TIMESTAMPTZ), CAST({local} AS TIMESTAMPTZ))"
        said = f"regexp_matches({clean}, '{_OFFSET}')"
        return f"CASE WHEN {said} THEN TRY_CAST({text} AS TIMESTAMPTZ) ELSE {_placed(column, local)} END"
    return _placed(column, f"CAST({clean} AS TIMESTAMP)")


def _placed(column: Column, local: str) -> str:
    return local if column.zone == "UTC" else f"timezone({literal(column.zone)}, {local})"


def time(column: Column, clean: str) -> str:
    """Microseconds since ORIGIN; what cannot be read is NULL. Without an offset, a time is the zone's."""
    return _micros(_instant(column, clean))


def wall(column: Column, clean: str) -> str:
    """The same on the wall clock of the column's zone, by which days and hours begin."""
    if column.zone == "UTC":
        return time(column, clean)
    return _micros(f"timezone({literal(column.zone)}, {_instant(column, clean)})")


def _micros(moment: str) -> str:
    return f"(epoch_us({moment}) + {micros(UNIX)})"
