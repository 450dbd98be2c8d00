"""How a value is read: the one place where a query of DuckDB touches a column of a file.

One idea: nothing is counted, compared or joined on a bare column. NaN is no value, and DuckDB 2.0 folds
`isnan` and comparisons away by a file's statistics, which leave NaN out; `isfinite` and `isinf` it asks of
every row. Numbers that are names (customers, branches) are compared by their exact digits, never as doubles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from holdfast.detect.cells import ORIGIN
from holdfast.detect.tables import Column, Kind

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
    if column.type in _FLOATS:
        return f"CASE WHEN isfinite({raw}) OR isinf({raw}) THEN {raw} END"
    return raw


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


def time(column: Column, clean: str) -> str:
    """Microseconds since ORIGIN; what cannot be read is NULL. Without an offset, a time is UTC."""
    if column.kind is Kind.TEXT:
        clean = f"TRY_CAST({clean} AS TIMESTAMPTZ)"
    elif not column.type.endswith("WITH TIME ZONE"):
        clean = f"CAST({clean} AS TIMESTAMP)"
    return f"(epoch_us({clean}) + {micros(UNIX)})"
