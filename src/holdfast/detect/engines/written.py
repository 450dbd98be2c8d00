"""Whether a column holds what a person wrote: 12 and 12.0 are one number, 18 digits are 18 digits.

One idea: what is written is read in the column's own type, so that no digit is lost on the way; what that
type cannot hold exactly is held by no row.
"""

from __future__ import annotations

import re
import struct
from decimal import Decimal, InvalidOperation

from holdfast.detect.engines.columns import literal
from holdfast.detect.tables import Column, Kind, LogError, spelled_truth
from holdfast.problems import shown


def equals(column: Column, clean: str, value: str) -> str:
    """The condition that a column holds a value as it is written. Raises LogError where it never can.

    The value is read in the column's own type, so that no digit is lost on the way.
    """
    match column.kind:
        case Kind.NUMBER:
            said = _as_number(column, value)
            return "false" if said is None else f"{clean} = CAST({literal(said)} AS {column.type})"
        case Kind.TRUTH:
            truth = {"1": True, "0": False}.get(value.strip(), spelled_truth(value.strip()))
            if truth is None:
                raise LogError(
                    f"{shown(column.name)} is true or false, and never {shown(value)}", "write true"
                )
            return f"{clean} = {truth}"
        case Kind.TIME:
            return f"{clean} = TRY_CAST({literal(value)} AS {column.type})"
        case Kind.EMPTY:
            return "false"
    return f"CAST({clean} AS VARCHAR) = {literal(value)}"


def _as_number(column: Column, value: str) -> str | None:
    """The number as the column's type spells it; None when the type cannot hold it exactly."""
    try:
        said = Decimal(value.strip())
    except InvalidOperation:
        said = Decimal("nan")
    if said.is_nan() or (said.is_infinite() and column.type not in _FLOATING):
        raise LogError(
            f"{shown(column.name)} is a number, and never {shown(value)}", "write the number as digits"
        )
    if column.type in _FLOATING:
        return str(said) if _floats(column, said) else None
    scale = re.search(r",\s*([0-9]+)\)", column.type)
    places, digits = int(scale[1]) if scale else 0, said.normalize()
    exponent = digits.as_tuple().exponent
    fits = isinstance(exponent, int) and -exponent <= places and digits.adjusted() < _MOST_DIGITS
    return f"{digits:f}" if fits and _in_range(column.type, said) else None


_FLOATING = ("DOUBLE", "FLOAT")
_MOST_DIGITS = 38
_BITS = {"TINY": 8, "SMALL": 16, "": 32, "BIG": 64, "HUGE": 128}


def _floats(column: Column, value: Decimal) -> bool:
    """Whether a floating type holds the number: a whole one to its last digit, of a fraction the nearest.

    With an exponent it is written as DuckDB writes what such a column holds.
    """
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent > 0 or value != value.to_integral_value():
        return True
    try:
        (held,) = struct.unpack("f", struct.pack("f", value)) if column.type == "FLOAT" else (float(value),)
    except OverflowError:
        return False
    return Decimal(held) == value


def _in_range(type_: str, value: Decimal) -> bool:
    """Whether a whole-number or decimal type reaches so far."""
    if sized := re.fullmatch(r"DECIMAL\(([0-9]+),\s*([0-9]+)\)", type_):
        return abs(value) < Decimal(10) ** (int(sized[1]) - int(sized[2]))
    named = re.fullmatch(r"(U?)(TINY|SMALL|BIG|HUGE|)INT(?:EGER)?", type_)
    if named is None:
        return True
    bits = _BITS[named[2]]
    low, high = (0, 2**bits - 1) if named[1] else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return bool(low <= value <= high)
